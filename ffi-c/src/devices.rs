//! Makes a session that of a user, and lists and ends the sessions that the user has: "your
//! devices".
//!
//! ```text
//!   rsess_session --sign_in--> in the list of the user, under a new id
//!                 --devices--> [{"handle", "label", "created", "seen", "current"}, ..]
//!                 --revoke, revoke_others, revoke_all--> over when they are next loaded
//!                 --sign_out--> nobody's, under a new id
//! ```
//!
//! The user is taken from the session, never from the request. What an index of a user says is the
//! engine's to decide; how it is reached is `users`'s.

use std::ffi::c_char;

use rudder_session_core::{SessionHandle, UnixMillis};

use crate::boundary::{share, text};
use crate::buffer::rsess_buf;
use crate::clock::instant;
use crate::engine::{Parts, Place};
use crate::error::{Failure, explained, rsess_error};
use crate::out::Out;
use crate::session::rsess_session;
use crate::state::State;
use crate::status::rsess_status::{self, *};
use crate::users::to_json;
use crate::work::Work;

/// Makes a session that of a user, who has just proved to be that one: it is in the user's list
/// from now on, and gets a new id with its next commit. What was put in it stays.
///
/// Wants the setting users. `user` is 1 to 256 bytes that name the user in the application: its
/// number or its name. `label` is what the list says of the device, such as "Firefox on Linux", of
/// which the first 64 characters are kept; it may be empty.
///
/// From now on each load asks the list, and each commit of a session that was loaded some
/// users.seenEverySeconds ago. If somebody was signed in to the session already, that ends. Until
/// it is committed, the new place in the list is that of no cookie: if the commit fails and is not
/// done again, it stays there until the lifetime is over. rsess_session_clear does not sign out.
///
/// The list has no session ids, and is no part of the session's data. Node's package knows the user
/// by the data, too, unless users.key is false there: put "auth_user_id" beside, and forget it
/// after rsess_session_sign_out, if both serve the same sessions.
///
/// Blocks as rsess_session_load, for some three steps of the store. So do all that follow; an event
/// loop calls them on another thread. `now_unix_ms` is milliseconds since the Unix epoch.
/// `error_out` may be NULL.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_TOO_MANY_SESSIONS if the user has users.maxSessions already, and users.whenFull is
///   refuse; nothing has changed
/// - RSESS_ERR_CONFIG_NO_USERS if the engine has no users
/// - RSESS_ERR_STORE_... if the store cannot say: the session is as it was, but may have been ended
///   if somebody was signed in to it
/// - RSESS_ERR_RANDOMNESS if the operating system gives no random bytes
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, a text is not UTF-8, `user`
///   is not 1 to 256 bytes, or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_IN_USE, RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `user` is NULL, or valid for reads of `user_len` bytes.
/// - `label` is NULL, or valid for reads of `label_len` bytes.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_sign_in(
    session: *const rsess_session,
    user: *const c_char,
    user_len: usize,
    label: *const c_char,
    label_len: usize,
    now_unix_ms: u64,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `user` is NULL or readable for `user_len`, as the caller promises.
        let user = unsafe { text(user, user_len) }?;
        // SAFETY: `label` is NULL or readable for `label_len`, as the caller promises.
        let label = unsafe { text(label, label_len) }?;

        let call = |parts: &Parts, state: &mut State, now| {
            let users = parts.users()?;
            // First: nothing may come between the list and the mark.
            let id = parts.format.id_kind().make()?;
            let mark = users.sign_in(&parts.place, state.payload(), (user, label), now)?;
            state.sign_in(&mark, &id, now);
            Ok(())
        };
        // SAFETY: `session` is NULL or live, as the caller promises.
        unsafe { waiting(session, now_unix_ms, call) }
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Makes a session nobody's: takes it out of the user's list, removes its record, and leaves its
/// data in another session, which the next commit stores under a new id. What of the data is the
/// user's is the caller's to forget. If there is none left, the commit gives the header that makes
/// the browser forget the cookie.
///
/// For a logout that leaves nothing rsess_session_destroy and a commit do. Nothing happens if
/// nobody is signed in. A copy of the old cookie is refused, with the driver cookie, too.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_OLD_REMAINS: done, but the record under the old id may still be there. It lets nobody in
///   where users are on; the next commits remove it
/// - RSESS_ERR_CONFIG_NO_USERS if the engine has no users
/// - RSESS_ERR_STORE_... if the session may still be alive: it is as it was
/// - RSESS_ERR_RANDOMNESS if the operating system gives no random bytes
/// - RSESS_ERR_INVALID_ARGUMENT if `session` is NULL, or `now_unix_ms` is more than
///   8,640,000,000,000,000
/// - RSESS_ERR_IN_USE, RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_sign_out(
    session: *const rsess_session,
    now_unix_ms: u64,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `session` is NULL or live, as the caller promises.
        unsafe { waiting(session, now_unix_ms, sign_out) }
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

fn sign_out(parts: &Parts, state: &mut State, now: UnixMillis) -> Result<(), Failure> {
    let users = parts.users()?;
    if state.payload().user_mark().is_none() {
        return Ok(());
    }
    let store = match &parts.place {
        Place::Store(store) => Some(store.enter()?),
        Place::Cookie => None,
    };
    let id = parts.format.id_kind().make()?;
    // First: so the old cookie is worth nothing while its record is still there.
    users.sign_out(&parts.place, state.payload(), now)?;
    let (Some(old), Some(store)) = (state.leave(&id), store) else { return Ok(()) };
    let work = Work::Destroy { id: old.clone() };
    if work.perform(store, now).is_err() {
        state.leave_behind(old);
        return Err(RSESS_OLD_REMAINS.into());
    }
    Ok(())
}

/// Lists the sessions of the user who is signed in to a session: that which was seen last comes
/// first. An empty list if nobody is signed in.
///
/// On RSESS_OK, `*devices_out` is a new buffer with a JSON array of objects such as
/// {"handle":"AQEB..","label":"Firefox on Linux","created":1700000000000,"seen":1700000000000,
/// "current":true}; the caller hands it to rsess_buf_free. A handle names a session for
/// rsess_session_revoke, and opens nothing: a page may show it. "created" is when the user signed
/// in, "seen" when the session was last seen, in milliseconds since the Unix epoch; "current" is
/// true for this one. A label is what the client said of itself, as a rule: escape it in a page.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_NO_USERS if the engine has no users
/// - RSESS_ERR_STORE_... if the store cannot say
/// - RSESS_ERR_INVALID_ARGUMENT if `session` or `devices_out` is NULL, or `now_unix_ms` is more
///   than 8,640,000,000,000,000
/// - RSESS_ERR_IN_USE, RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `devices_out` is NULL, or valid for writes of one rsess_buf.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_devices(
    session: *const rsess_session,
    now_unix_ms: u64,
    devices_out: *mut rsess_buf,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `devices_out` is NULL or writable, as the caller promises.
        let devices_out = unsafe { Out::new(devices_out) }?;

        let call = |parts: &Parts, state: &mut State, now| {
            parts.users()?.list_of(&parts.place, state.payload(), now)
        };
        // SAFETY: `session` is NULL or live, as the caller promises.
        let devices = unsafe { waiting(session, now_unix_ms, call) }?;

        devices_out.write(to_json(&devices).into());
        Ok(())
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Ends one session of the user who is signed in to a session. It is over when it is next loaded.
///
/// `handle` is one that rsess_session_devices gave; that of another user is none. If it is that of
/// this session, the next commit ends it as after rsess_session_destroy.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if the user has no such session, or not any more; or nobody is signed in; or
///   this session has been ended itself in the meantime
/// - RSESS_ERR_CONFIG_NO_USERS if the engine has no users
/// - RSESS_ERR_STORE_... if the other session may still be alive
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `handle` is not UTF-8, or
///   `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_IN_USE, RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `handle` is NULL, or valid for reads of `handle_len` bytes.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_revoke(
    session: *const rsess_session,
    handle: *const c_char,
    handle_len: usize,
    now_unix_ms: u64,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `handle` is NULL or readable for `handle_len`, as the caller promises.
        let handle = unsafe { text(handle, handle_len) }?;

        let call = |parts: &Parts, state: &mut State, now| {
            let users = parts.users()?;
            let Some(handle) = SessionHandle::parse(handle) else { return Ok(false) };
            let session = state.payload();
            let is_own = session.user_mark().is_some_and(|mark| *mark.handle() == handle);
            let was_live =
                users.end_of(&parts.place, session, |it| it.revoke_of(session, &handle, now))?;
            if is_own {
                state.end();
            }
            Ok(was_live)
        };
        // SAFETY: `session` is NULL or live, as the caller promises.
        let was_live = unsafe { waiting(session, now_unix_ms, call) }?;

        if was_live { Ok(()) } else { Err(RSESS_NOT_FOUND.into()) }
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Ends all sessions of the user who is signed in to a session, but this one: "log out everywhere
/// else". They are over when they are next loaded.
///
/// On RSESS_OK, `*count_out` is how many were in use, unless it is NULL: 0 if nobody is signed in,
/// or this session has been ended itself in the meantime.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_NO_USERS if the engine has no users
/// - RSESS_ERR_STORE_... if the others may still be alive
/// - RSESS_ERR_INVALID_ARGUMENT if `session` is NULL, or `now_unix_ms` is more than
///   8,640,000,000,000,000
/// - RSESS_ERR_IN_USE, RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `count_out` is NULL, or valid for writes of one size_t.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_revoke_others(
    session: *const rsess_session,
    now_unix_ms: u64,
    count_out: *mut usize,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let call = |parts: &Parts, state: &mut State, now| {
        let session = state.payload();
        parts.users()?.end_of(&parts.place, session, |it| it.revoke_others(session, now))
    };
    // SAFETY: the same promises.
    unsafe { counted(session, now_unix_ms, count_out, error_out, call) }
}

/// Ends all sessions of the user who is signed in to a session, this one included: the next commit
/// ends it as after rsess_session_destroy. The others are over when they are next loaded.
///
/// On RSESS_OK, `*count_out` is how many were in use, unless it is NULL: 0 if nobody is signed in,
/// or this session has been ended itself in the meantime.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_NO_USERS if the engine has no users
/// - RSESS_ERR_STORE_... if they may still be alive
/// - RSESS_ERR_INVALID_ARGUMENT if `session` is NULL, or `now_unix_ms` is more than
///   8,640,000,000,000,000
/// - RSESS_ERR_IN_USE, RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `count_out` is NULL, or valid for writes of one size_t.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_revoke_all(
    session: *const rsess_session,
    now_unix_ms: u64,
    count_out: *mut usize,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let call = |parts: &Parts, state: &mut State, now| {
        let users = parts.users()?;
        let session = state.payload();
        if session.user_mark().is_none() {
            return Ok(0);
        }
        let ended = users.end_of(&parts.place, session, |it| it.revoke_all_of(session, now))?;
        state.end();
        Ok(ended)
    };
    // SAFETY: the same promises.
    unsafe { counted(session, now_unix_ms, count_out, error_out, call) }
}

/// Writes how many sessions `call` has ended to `count_out`.
///
/// # Safety
///
/// As for rsess_session_revoke_all.
unsafe fn counted(
    session: *const rsess_session,
    now_unix_ms: u64,
    count_out: *mut usize,
    error_out: *mut *mut rsess_error,
    call: impl FnOnce(&Parts, &mut State, UnixMillis) -> Result<usize, Failure>,
) -> rsess_status {
    let body = || {
        // SAFETY: `count_out` is NULL or writable, as the caller promises.
        let count_out = unsafe { Out::optional(count_out) }?;

        // SAFETY: `session` is NULL or live, as the caller promises.
        let count = unsafe { waiting(session, now_unix_ms, call) }?;

        if let Some(count_out) = count_out {
            count_out.write(count);
        }
        Ok(())
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Gives engine and session to `call`, which may wait for a store; nobody else has the session
/// meanwhile, and nobody waits for it.
///
/// # Safety
///
/// `session` is NULL, or came from this library and is not yet freed.
unsafe fn waiting<R>(
    session: *const rsess_session,
    now_unix_ms: u64,
    call: impl FnOnce(&Parts, &mut State, UnixMillis) -> Result<R, Failure>,
) -> Result<R, Failure> {
    // SAFETY: this function's own condition.
    let session = unsafe { share(session) }?;
    let now = instant(now_unix_ms)?;
    let mut taken = session.take()?;
    let engine = taken.engine();
    let state = taken.state()?;
    engine.call(|parts| call(parts, state, now))
}
