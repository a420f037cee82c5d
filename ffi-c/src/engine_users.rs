//! Lists and ends the sessions of any user: for administrators, without a request.
//!
//! ```text
//!   user --> rsess_engine_user_devices, rsess_engine_user_revoke, rsess_engine_user_revoke_all
//! ```
//!
//! What a page of the user's own asks for is `devices`'s: there the user is taken from the session.

use std::ffi::c_char;

use rudder_session_core::{SessionHandle, UnixMillis};

use crate::boundary::{borrowed, text};
use crate::buffer::rsess_buf;
use crate::clock::instant;
use crate::engine::{Parts, rsess_engine};
use crate::error::{Failure, explained, rsess_error};
use crate::out::Out;
use crate::status::rsess_status::{self, *};
use crate::users::to_json;

/// Lists the sessions of a user, as rsess_session_devices does; "current" is false for all of them.
///
/// For administrators: `user` is any user, as rsess_session_sign_in was told. On RSESS_OK,
/// `*devices_out` is a new buffer, which the caller hands to rsess_buf_free. Blocks as
/// rsess_session_load. `error_out` may be NULL.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_NO_USERS if the engine has no users
/// - RSESS_ERR_STORE_... if the store cannot say
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `user` is not UTF-8 or not 1
///   to 256 bytes, or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `engine` is NULL, or came from this library and the caller has not yet freed its share.
/// - `user` is NULL, or valid for reads of `user_len` bytes.
/// - `devices_out` is NULL, or valid for writes of one rsess_buf.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_engine_user_devices(
    engine: *const rsess_engine,
    user: *const c_char,
    user_len: usize,
    now_unix_ms: u64,
    devices_out: *mut rsess_buf,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `devices_out` is NULL or writable, as the caller promises.
        let devices_out = unsafe { Out::new(devices_out) }?;

        let call = |parts: &Parts, user: &str, now| parts.users()?.list(&parts.place, user, now);
        // SAFETY: engine and user are NULL, or live and readable, as the caller promises.
        let devices = unsafe { of_user(engine, (user, user_len), now_unix_ms, call) }?;

        devices_out.write(to_json(&devices).into());
        Ok(())
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Ends one session of a user. It is over when it is next loaded.
///
/// For administrators. `handle` is one that rsess_engine_user_devices or rsess_session_devices
/// gave. Blocks as rsess_session_load. `error_out` may be NULL.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if the user has no such session, or not any more
/// - RSESS_ERR_CONFIG_NO_USERS if the engine has no users
/// - RSESS_ERR_STORE_... if the session may still be alive
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, a text is not UTF-8, `user`
///   is not 1 to 256 bytes, or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `engine` is NULL, or came from this library and the caller has not yet freed its share.
/// - `user` is NULL, or valid for reads of `user_len` bytes.
/// - `handle` is NULL, or valid for reads of `handle_len` bytes.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_engine_user_revoke(
    engine: *const rsess_engine,
    user: *const c_char,
    user_len: usize,
    handle: *const c_char,
    handle_len: usize,
    now_unix_ms: u64,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `handle` is NULL or readable for `handle_len`, as the caller promises.
        let handle = unsafe { text(handle, handle_len) }?;

        let call = |parts: &Parts, user: &str, now| {
            let users = parts.users()?;
            match SessionHandle::parse(handle) {
                Some(handle) => users.revoke(&parts.place, user, &handle, now),
                None => Ok(false),
            }
        };
        // SAFETY: engine and user are NULL, or live and readable, as the caller promises.
        let was_live = unsafe { of_user(engine, (user, user_len), now_unix_ms, call) }?;

        if was_live { Ok(()) } else { Err(RSESS_NOT_FOUND.into()) }
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Ends all sessions of a user. They are over when they are next loaded.
///
/// For administrators, and after a change of the password. On RSESS_OK, `*count_out` is how many
/// were in use, unless it is NULL. Blocks as rsess_session_load. `error_out` may be NULL.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_NO_USERS if the engine has no users
/// - RSESS_ERR_STORE_... if they may still be alive
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `user` is not UTF-8 or not 1
///   to 256 bytes, or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `engine` is NULL, or came from this library and the caller has not yet freed its share.
/// - `user` is NULL, or valid for reads of `user_len` bytes.
/// - `count_out` is NULL, or valid for writes of one size_t.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_engine_user_revoke_all(
    engine: *const rsess_engine,
    user: *const c_char,
    user_len: usize,
    now_unix_ms: u64,
    count_out: *mut usize,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `count_out` is NULL or writable, as the caller promises.
        let count_out = unsafe { Out::optional(count_out) }?;

        let call =
            |parts: &Parts, user: &str, now| parts.users()?.revoke_all(&parts.place, user, now);
        // SAFETY: engine and user are NULL, or live and readable, as the caller promises.
        let count = unsafe { of_user(engine, (user, user_len), now_unix_ms, call) }?;

        if let Some(count_out) = count_out {
            count_out.write(count);
        }
        Ok(())
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Gives engine and user to `call`.
///
/// # Safety
///
/// - `engine` is NULL, or came from this library and the caller has not yet freed its share.
/// - `user` is NULL, or valid for reads of as many bytes as is said beside it.
unsafe fn of_user<R>(
    engine: *const rsess_engine,
    (user, user_len): (*const c_char, usize),
    now_unix_ms: u64,
    call: impl FnOnce(&Parts, &str, UnixMillis) -> Result<R, Failure>,
) -> Result<R, Failure> {
    // SAFETY: this function's own condition.
    let engine = unsafe { borrowed(engine) }?;
    // SAFETY: this function's own condition.
    let user = unsafe { text(user, user_len) }?;
    let now = instant(now_unix_ms)?;
    engine.call(|parts| call(parts, user, now))
}
