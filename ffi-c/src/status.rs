//! Says what a call came to, as a number that never changes its meaning.
//!
//! ```text
//!   0        done
//!   1..9     the caller's arguments
//!   10..19   the client's bytes: a cookie value was refused
//!   20..29   the system: store, pool, randomness
//!   30..39   this library
//!   40..59   the caller's configuration
//!   60..69   the system: opening the file of a store
//!   70..79   the system: store, what 20..29 has no room for
//!   100..    done, in another way than RSESS_OK
//! ```
//!
//! The numbers are ABI: new ones go into the gaps, none is used again for something else. The
//! first of a group stands for what has no number of its own yet. Which number an error of the
//! engine has is `causes`'s.

use std::ffi::{CStr, c_char, c_int};

use self::rsess_status::*;

/// What a call came to.
///
/// The groups say who is at fault: 1 to 9 the caller's arguments, 10 to 19 the client's bytes,
/// 20 to 29 and 60 to 79 the system, 30 to 39 this library, 40 to 59 the caller's
/// configuration. 0 and from 100 on there is no fault: what it says was done is done.
///
/// Numbers never change their meaning. New ones may join a group, so a program that tells
/// them apart needs a default branch.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum rsess_status {
    /// Done: what was asked for is in the results.
    RSESS_OK = 0,

    /// A pointer is NULL or misaligned, a length is impossible, a text is not UTF-8, or an
    /// instant is further from 1970 than 8,640,000,000,000,000 ms.
    RSESS_ERR_INVALID_ARGUMENT = 1,
    /// The session id cannot name a record, since it is not 1 to 128 of A-Z a-z 0-9 - and _;
    /// or it is not the one that it must be: that of the same session in an update, one that is
    /// not in use in a regenerate.
    RSESS_ERR_INVALID_ID = 2,
    /// The payload is not a JSON object whose "id" is a string.
    RSESS_ERR_NOT_A_PAYLOAD = 3,
    /// The value is not JSON.
    RSESS_ERR_NOT_JSON = 4,
    /// The session has more bytes, keys or levels than its limits allow; or it is larger than the
    /// whole store may grow, or the Set-Cookie header that holds it than the 4,096 bytes that
    /// browsers keep. rsess_error_message says which.
    RSESS_ERR_TOO_LARGE = 5,
    /// The store, engine or queue belongs to another process: that from which this one was
    /// forked.
    RSESS_ERR_FORKED = 6,
    /// The object is in use: a commit of the session is under way, or the tag is that of an
    /// operation that is not completed yet.
    RSESS_ERR_IN_USE = 7,
    /// The caller has cancelled the operation. What it wanted may or may not be done.
    RSESS_ERR_CANCELLED = 8,
    /// The user has as many sessions as users.maxSessions allows, and users.whenFull is refuse:
    /// not signed in. Not the program's fault: have the user end one of them first.
    RSESS_ERR_TOO_MANY_SESSIONS = 9,

    /// The cookie value was refused for a reason that has no number of its own.
    ///
    /// 10 to 19 are refusals: ordinary traffic. Answer all of them alike, with a fresh
    /// session; the difference is for logs, and must not reach the client.
    RSESS_ERR_REFUSED = 10,
    /// No key of the codec made the signature, or it is not spelled as the codec spells it.
    RSESS_ERR_BAD_SIGNATURE = 11,
    /// The signature holds, but the expiry that was signed has passed.
    RSESS_ERR_EXPIRED = 12,
    /// The signature holds, but there is no expiry, and the caller asked to refuse that.
    RSESS_ERR_LEGACY = 13,
    /// The signature holds, but what was signed is neither a payload nor a session id.
    RSESS_ERR_MALFORMED = 14,
    /// The cookie value carries no signature.
    RSESS_ERR_UNSIGNED = 15,
    /// The cookie value is of another format or kind than the engine reads: of v1, say, with format
    /// v2 and acceptV1Until past.
    RSESS_ERR_OTHER_FORMAT = 16,

    /// The store failed in a way that has no number of its own.
    ///
    /// 20 to 29 and 60 to 79 are faults of the system. Never treat one as "no session": the
    /// session may be alive in a store that is out of reach for a second.
    RSESS_ERR_STORE = 20,
    /// No connection of the pool came free within the deadline.
    RSESS_ERR_STORE_BUSY = 21,
    /// The connection was lost during the call. A write may or may not have been done.
    RSESS_ERR_STORE_DISCONNECTED = 22,
    /// The store sent a reply that makes no sense here.
    RSESS_ERR_STORE_PROTOCOL = 23,
    /// The store refused the command, and will again.
    RSESS_ERR_STORE_REJECTED = 24,
    /// The store did not answer within the deadline. A write may or may not have been done.
    RSESS_ERR_STORE_TIMED_OUT = 25,
    /// The store refused the command for now: it is starting, read-only, busy or full.
    RSESS_ERR_STORE_UNAVAILABLE = 26,
    /// No connection to the store could be made.
    RSESS_ERR_STORE_UNREACHABLE = 27,
    /// The operating system gave no random bytes.
    RSESS_ERR_RANDOMNESS = 28,

    /// The library has a bug and stopped in the middle of the call. Please report it.
    RSESS_ERR_PANIC = 30,
    /// An earlier call on this object ended in RSESS_ERR_PANIC: free it, make another.
    RSESS_ERR_POISONED = 31,

    /// A setting was refused for a reason that has no number of its own.
    RSESS_ERR_CONFIG = 40,
    /// The cookie name is empty, or holds a character that names of cookies cannot have.
    RSESS_ERR_CONFIG_COOKIE_NAME = 41,
    /// The cookie path does not start with a slash, or holds ; or a control character.
    RSESS_ERR_CONFIG_COOKIE_PATH = 42,
    /// The cookie name starts with __Host- or __Secure-, and other settings break the rules
    /// for that: __Secure- needs secure, __Host- needs secure and the path "/".
    RSESS_ERR_CONFIG_COOKIE_PREFIX = 43,
    /// same_site is not one of rsess_same_site.
    RSESS_ERR_CONFIG_COOKIE_SAME_SITE = 44,
    /// The deadline is more than an hour.
    RSESS_ERR_CONFIG_DEADLINE = 45,
    /// The lifetime is not a finite number of minutes above 0, or more than about a century.
    RSESS_ERR_CONFIG_LIFETIME = 46,
    /// The pool has more than 1,024 connections.
    RSESS_ERR_CONFIG_POOL_SIZE = 47,
    /// The URL is neither redis://[user:password@]host[:port][/db] nor redis+unix:///path.
    RSESS_ERR_CONFIG_REDIS_URL = 48,
    /// There is no secret, one of them is empty, or the first has an end.
    RSESS_ERR_CONFIG_SECRET = 49,
    /// A secret is the placeholder of the documentation, with which anybody can sign.
    RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER = 50,
    /// The TTL is 0 seconds, or more than about a century.
    RSESS_ERR_CONFIG_TTL = 51,
    /// durability is not one of rsess_durability.
    RSESS_ERR_CONFIG_DURABILITY = 52,
    /// There is no certificate authority to trust: the PEM text holds none, or the system has
    /// none.
    RSESS_ERR_CONFIG_CA = 53,
    /// There is no setting of that name. Names are spelled exactly.
    RSESS_ERR_CONFIG_UNKNOWN_KEY = 54,
    /// The value is not what that setting takes: a number, true or false, one of some words.
    RSESS_ERR_CONFIG_VALUE = 55,
    /// The engine lists no sessions of users: the setting users is not true.
    RSESS_ERR_CONFIG_NO_USERS = 56,
    /// A secret cannot be read from its file or environment variable: there is none, it is empty,
    /// or not text.
    RSESS_ERR_CONFIG_SECRET_UNREADABLE = 57,

    /// The file of a store cannot be opened for a reason that has no number of its own.
    RSESS_ERR_FILE = 60,
    /// The file of a store is one of ours, but cannot be repaired. It is left as it is.
    RSESS_ERR_FILE_DAMAGED = 61,
    /// The file is not one of a store, or of another version. It is left as it is.
    RSESS_ERR_FILE_FOREIGN = 62,
    /// The file of a store is open already: in another process, or in this one.
    RSESS_ERR_FILE_IN_USE = 63,
    /// The system does not let us open the file: no such folder, no permission, no space.
    RSESS_ERR_FILE_IO = 64,

    /// Other requests changed the session again and again while this call tried to. Nothing
    /// of this call's is stored.
    RSESS_ERR_STORE_CONFLICT = 70,
    /// More calls wait for the store than may. This one was not tried.
    RSESS_ERR_STORE_OVERLOADED = 71,
    /// The file of the store could not be read or written: a full or failing disk, or a file
    /// that something else has written into.
    RSESS_ERR_STORE_STORAGE = 72,
    /// The server could not prove who it is: its certificate is of no authority that is
    /// trusted, for another name, or out of date; or it does not speak TLS.
    RSESS_ERR_STORE_UNTRUSTED = 73,
    /// The write is done, but fewer replicas have it than were asked for. If its server is lost
    /// before they have, so is the write.
    RSESS_ERR_STORE_NOT_REPLICATED = 74,

    /// Done, and there is none: no such record, key or cookie. Not an error.
    RSESS_NOT_FOUND = 100,
    /// Not done, since there is one already. Not an error.
    RSESS_EXISTS = 101,
    /// Done, and brought together with what another request had written. Not an error.
    RSESS_MERGED = 102,
    /// Not done, since the session was destroyed or has expired: nothing is written, and
    /// nothing must be. Not an error.
    RSESS_GONE = 103,
    /// Done, but the record under the old id may still be there: to remove it failed. The new
    /// one is in place. Destroy the old one, or whoever has its id gets in until it expires.
    RSESS_OLD_REMAINS = 104,
}

/// Who is at fault for a status.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum rsess_category {
    /// Nobody: done, in one way or another (0, and from 100 on).
    RSESS_CATEGORY_NONE = 0,
    /// The program that calls: fix it (1 to 9).
    RSESS_CATEGORY_CALLER = 1,
    /// The client, whose cookie value was refused: start a fresh session (10 to 19).
    RSESS_CATEGORY_CLIENT = 2,
    /// The system: fail the request, or try again. The session may be alive (20 to 29, 60 to 79).
    RSESS_CATEGORY_SYSTEM = 3,
    /// This library: report it; free the object and make another (30 to 39).
    RSESS_CATEGORY_LIBRARY = 4,
    /// The configuration: the status and the message name the setting (40 to 59).
    RSESS_CATEGORY_CONFIG = 5,
}

/// Returns who is at fault: one of rsess_category.
///
/// For a number that is no status yet it goes by the group, and is RSESS_CATEGORY_NONE outside
/// of all groups.
#[unsafe(no_mangle)]
pub extern "C" fn rsess_status_category(status: c_int) -> rsess_category {
    match status {
        1..=9 => rsess_category::RSESS_CATEGORY_CALLER,
        10..=19 => rsess_category::RSESS_CATEGORY_CLIENT,
        20..=29 | 60..=79 => rsess_category::RSESS_CATEGORY_SYSTEM,
        30..=39 => rsess_category::RSESS_CATEGORY_LIBRARY,
        40..=59 => rsess_category::RSESS_CATEGORY_CONFIG,
        _ => rsess_category::RSESS_CATEGORY_NONE,
    }
}

/// Returns the name of a status, such as "RSESS_OK".
///
/// The text is static, NUL-terminated, and never NULL; for a number that is no status
/// it is "unknown status".
#[unsafe(no_mangle)]
pub extern "C" fn rsess_status_name(status: c_int) -> *const c_char {
    let named = NAMES.iter().find(|(named, _)| *named as c_int == status);
    named.map_or(c"unknown status", |(_, name)| *name).as_ptr()
}

/// Returns whether the same call may succeed later, with nothing changed by the caller.
///
/// True for some of the faults of the system (20 to 29, 60 to 79), false for all other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn rsess_status_is_retryable(status: c_int) -> bool {
    matches!(
        rsess_status::from_number(status),
        Some(
            RSESS_ERR_FILE_IN_USE
                | RSESS_ERR_STORE_BUSY
                | RSESS_ERR_STORE_CONFLICT
                | RSESS_ERR_STORE_DISCONNECTED
                | RSESS_ERR_STORE_NOT_REPLICATED
                | RSESS_ERR_STORE_OVERLOADED
                | RSESS_ERR_STORE_TIMED_OUT
                | RSESS_ERR_STORE_UNAVAILABLE
                | RSESS_ERR_STORE_UNREACHABLE
        )
    )
}

/// Returns whether a cookie value was refused (10 to 19): start a fresh session.
///
/// False for all other numbers, RSESS_NOT_FOUND included.
#[unsafe(no_mangle)]
pub extern "C" fn rsess_status_is_refusal(status: c_int) -> bool {
    (10..20).contains(&status)
}

impl rsess_status {
    /// Whether somebody is at fault; else it says in which way a call was done.
    pub(crate) fn is_error(self) -> bool {
        rsess_status_category(self as c_int) != rsess_category::RSESS_CATEGORY_NONE
    }

    fn from_number(number: c_int) -> Option<Self> {
        NAMES.iter().map(|(status, _)| *status).find(|status| *status as c_int == number)
    }
}

/// All of them, by number.
pub(crate) const NAMES: [(rsess_status, &CStr); 61] = [
    (RSESS_OK, c"RSESS_OK"),
    (RSESS_ERR_INVALID_ARGUMENT, c"RSESS_ERR_INVALID_ARGUMENT"),
    (RSESS_ERR_INVALID_ID, c"RSESS_ERR_INVALID_ID"),
    (RSESS_ERR_NOT_A_PAYLOAD, c"RSESS_ERR_NOT_A_PAYLOAD"),
    (RSESS_ERR_NOT_JSON, c"RSESS_ERR_NOT_JSON"),
    (RSESS_ERR_TOO_LARGE, c"RSESS_ERR_TOO_LARGE"),
    (RSESS_ERR_FORKED, c"RSESS_ERR_FORKED"),
    (RSESS_ERR_IN_USE, c"RSESS_ERR_IN_USE"),
    (RSESS_ERR_CANCELLED, c"RSESS_ERR_CANCELLED"),
    (RSESS_ERR_TOO_MANY_SESSIONS, c"RSESS_ERR_TOO_MANY_SESSIONS"),
    (RSESS_ERR_REFUSED, c"RSESS_ERR_REFUSED"),
    (RSESS_ERR_BAD_SIGNATURE, c"RSESS_ERR_BAD_SIGNATURE"),
    (RSESS_ERR_EXPIRED, c"RSESS_ERR_EXPIRED"),
    (RSESS_ERR_LEGACY, c"RSESS_ERR_LEGACY"),
    (RSESS_ERR_MALFORMED, c"RSESS_ERR_MALFORMED"),
    (RSESS_ERR_UNSIGNED, c"RSESS_ERR_UNSIGNED"),
    (RSESS_ERR_OTHER_FORMAT, c"RSESS_ERR_OTHER_FORMAT"),
    (RSESS_ERR_STORE, c"RSESS_ERR_STORE"),
    (RSESS_ERR_STORE_BUSY, c"RSESS_ERR_STORE_BUSY"),
    (RSESS_ERR_STORE_DISCONNECTED, c"RSESS_ERR_STORE_DISCONNECTED"),
    (RSESS_ERR_STORE_PROTOCOL, c"RSESS_ERR_STORE_PROTOCOL"),
    (RSESS_ERR_STORE_REJECTED, c"RSESS_ERR_STORE_REJECTED"),
    (RSESS_ERR_STORE_TIMED_OUT, c"RSESS_ERR_STORE_TIMED_OUT"),
    (RSESS_ERR_STORE_UNAVAILABLE, c"RSESS_ERR_STORE_UNAVAILABLE"),
    (RSESS_ERR_STORE_UNREACHABLE, c"RSESS_ERR_STORE_UNREACHABLE"),
    (RSESS_ERR_RANDOMNESS, c"RSESS_ERR_RANDOMNESS"),
    (RSESS_ERR_PANIC, c"RSESS_ERR_PANIC"),
    (RSESS_ERR_POISONED, c"RSESS_ERR_POISONED"),
    (RSESS_ERR_CONFIG, c"RSESS_ERR_CONFIG"),
    (RSESS_ERR_CONFIG_COOKIE_NAME, c"RSESS_ERR_CONFIG_COOKIE_NAME"),
    (RSESS_ERR_CONFIG_COOKIE_PATH, c"RSESS_ERR_CONFIG_COOKIE_PATH"),
    (RSESS_ERR_CONFIG_COOKIE_PREFIX, c"RSESS_ERR_CONFIG_COOKIE_PREFIX"),
    (RSESS_ERR_CONFIG_COOKIE_SAME_SITE, c"RSESS_ERR_CONFIG_COOKIE_SAME_SITE"),
    (RSESS_ERR_CONFIG_DEADLINE, c"RSESS_ERR_CONFIG_DEADLINE"),
    (RSESS_ERR_CONFIG_LIFETIME, c"RSESS_ERR_CONFIG_LIFETIME"),
    (RSESS_ERR_CONFIG_POOL_SIZE, c"RSESS_ERR_CONFIG_POOL_SIZE"),
    (RSESS_ERR_CONFIG_REDIS_URL, c"RSESS_ERR_CONFIG_REDIS_URL"),
    (RSESS_ERR_CONFIG_SECRET, c"RSESS_ERR_CONFIG_SECRET"),
    (RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER, c"RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER"),
    (RSESS_ERR_CONFIG_TTL, c"RSESS_ERR_CONFIG_TTL"),
    (RSESS_ERR_CONFIG_DURABILITY, c"RSESS_ERR_CONFIG_DURABILITY"),
    (RSESS_ERR_CONFIG_CA, c"RSESS_ERR_CONFIG_CA"),
    (RSESS_ERR_CONFIG_UNKNOWN_KEY, c"RSESS_ERR_CONFIG_UNKNOWN_KEY"),
    (RSESS_ERR_CONFIG_VALUE, c"RSESS_ERR_CONFIG_VALUE"),
    (RSESS_ERR_CONFIG_NO_USERS, c"RSESS_ERR_CONFIG_NO_USERS"),
    (RSESS_ERR_CONFIG_SECRET_UNREADABLE, c"RSESS_ERR_CONFIG_SECRET_UNREADABLE"),
    (RSESS_ERR_FILE, c"RSESS_ERR_FILE"),
    (RSESS_ERR_FILE_DAMAGED, c"RSESS_ERR_FILE_DAMAGED"),
    (RSESS_ERR_FILE_FOREIGN, c"RSESS_ERR_FILE_FOREIGN"),
    (RSESS_ERR_FILE_IN_USE, c"RSESS_ERR_FILE_IN_USE"),
    (RSESS_ERR_FILE_IO, c"RSESS_ERR_FILE_IO"),
    (RSESS_ERR_STORE_CONFLICT, c"RSESS_ERR_STORE_CONFLICT"),
    (RSESS_ERR_STORE_OVERLOADED, c"RSESS_ERR_STORE_OVERLOADED"),
    (RSESS_ERR_STORE_STORAGE, c"RSESS_ERR_STORE_STORAGE"),
    (RSESS_ERR_STORE_UNTRUSTED, c"RSESS_ERR_STORE_UNTRUSTED"),
    (RSESS_ERR_STORE_NOT_REPLICATED, c"RSESS_ERR_STORE_NOT_REPLICATED"),
    (RSESS_NOT_FOUND, c"RSESS_NOT_FOUND"),
    (RSESS_EXISTS, c"RSESS_EXISTS"),
    (RSESS_MERGED, c"RSESS_MERGED"),
    (RSESS_GONE, c"RSESS_GONE"),
    (RSESS_OLD_REMAINS, c"RSESS_OLD_REMAINS"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: c_int) -> &'static str {
        // SAFETY: the function promises a static text that ends in NUL.
        let name = unsafe { CStr::from_ptr(rsess_status_name(number)) };
        name.to_str().expect("ASCII")
    }

    #[test]
    fn every_status_of_the_header_has_its_own_name_for_its_number() {
        let header = include_str!("../../include/rudder_session.h");
        let constants = header.lines().filter_map(|line| {
            let (name, number) = line.trim().strip_suffix(',')?.split_once(" = ")?;
            let number: c_int = number.parse().ok()?;
            let settings =
                ["RSESS_CATEGORY_", "RSESS_DURABILITY_", "RSESS_OPERATION_", "RSESS_SAME_SITE_"];
            let is_setting = settings.iter().any(|setting| name.starts_with(setting));
            (!is_setting).then_some((name, number))
        });

        let mut count = 0;
        for (constant, number) in constants {
            assert_eq!(name(number), constant);
            count += 1;
        }
        assert_eq!(count, NAMES.len());
    }

    #[test]
    fn every_error_has_a_category_and_what_is_done_has_none() {
        for (status, name) in NAMES {
            let is_error = name.to_str().expect("ASCII").starts_with("RSESS_ERR_");
            assert_eq!(status.is_error(), is_error, "{name:?}");
        }
        for number in [-1, 99, 105, c_int::MIN, c_int::MAX] {
            assert_eq!(rsess_status_category(number), rsess_category::RSESS_CATEGORY_NONE);
        }
    }

    #[test]
    fn numbers_that_are_no_status_have_a_name_and_promise_nothing() {
        for number in [-1, 19, 29, 59, 69, 79, 99, 105, c_int::MIN, c_int::MAX] {
            assert_eq!(name(number), "unknown status");
            assert!(!rsess_status_is_retryable(number));
        }
    }

    #[test]
    fn the_numbers_stay_what_they_are() {
        let numbers = NAMES.map(|(status, _)| status as c_int);

        let expected = (0..=9).chain(10..=16).chain(20..=28).chain(30..=31).chain(40..=57);
        let expected = expected.chain(60..=64).chain(70..=74).chain(100..=104);
        assert!(numbers.into_iter().eq(expected));
    }
}
