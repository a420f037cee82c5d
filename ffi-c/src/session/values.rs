//! Reads and changes the values of a session: its data, and what is flashed.
//!
//! ```text
//!   data    get, data, put, forget, clear
//!   flash   flash --the next request--> get_flash, all_flash, keep
//! ```
//!
//! Values are JSON text by key, carried verbatim. Nothing here waits for a store.

use std::ffi::c_char;

use super::object::rsess_session;
use crate::boundary::{borrowed, boundary, text};
use crate::buffer::rsess_buf;
use crate::out::Out;
use crate::state::State;
use crate::status::rsess_status::{self, *};

/// Reads the value of one key.
///
/// On RSESS_OK, `*value_out` is a new buffer with the value as JSON text, verbatim; the caller
/// hands it to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such key
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `key` is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_get(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_out: *mut rsess_buf,
) -> rsess_status {
    // SAFETY: the same promises.
    unsafe { value(session, key, key_len, value_out, |state, key| state.payload().get_json(key)) }
}

/// Reads all keys and values.
///
/// On RSESS_OK, `*data_out` is a new buffer with a JSON object, which the caller hands to
/// rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `data_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_data(
    session: *const rsess_session,
    data_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `data_out` is NULL or writable, as the caller promises.
        let data_out = unsafe { Out::new(data_out) }?;
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;

        let data = session.with(|state| Ok(state.payload().data_json().to_owned()))?;

        data_out.write(data.into());
        Ok(())
    })
}

/// Sets one key to a value, until it is forgotten.
///
/// `value_json` is one JSON value, such as "alice" with its quotes, 3, or [1,2]; it is kept
/// verbatim. Stored by the next commit, like every change.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_JSON if `value_json` is not one JSON value
/// - RSESS_ERR_TOO_LARGE if it has more than 10,000 levels of arrays and objects
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_json` is NULL, or valid for reads of `value_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_put(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_json: *const c_char,
    value_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;
        // SAFETY: `value_json` is NULL or readable for `value_len`, as the caller promises.
        let value = unsafe { text(value_json, value_len) }?;

        session.with(|state| Ok(state.change(|payload| payload.put_json(key, value))?))
    })
}

/// Removes one key. To remove what is not there succeeds.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `key` is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_forget(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;

        session.with(|state| {
            Ok(state.change(|payload| {
                payload.forget(key);
                Ok(())
            })?)
        })
    })
}

/// Removes all keys. The id and what was flashed stay.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if `session` is NULL
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// `session` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_clear(session: *const rsess_session) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;

        session.with(|state| {
            Ok(state.change(|payload| {
                payload.clear();
                Ok(())
            })?)
        })
    })
}

/// Leaves a value for the next request only, which reads it with rsess_session_get_flash.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_JSON if `value_json` is not one JSON value
/// - RSESS_ERR_TOO_LARGE if it has more than 10,000 levels of arrays and objects
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_json` is NULL, or valid for reads of `value_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_flash(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_json: *const c_char,
    value_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;
        // SAFETY: `value_json` is NULL or readable for `value_len`, as the caller promises.
        let value = unsafe { text(value_json, value_len) }?;

        session.with(|state| Ok(state.change(|payload| payload.flash_json(key, value))?))
    })
}

/// Reads a value that the request before left for this one. Read or not, it is gone with the
/// next commit, unless rsess_session_keep carries it over.
///
/// On RSESS_OK, `*value_out` is a new buffer with the value as JSON text, verbatim; the caller
/// hands it to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such key
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `key` is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_get_flash(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_out: *mut rsess_buf,
) -> rsess_status {
    // SAFETY: the same promises.
    unsafe { value(session, key, key_len, value_out, |state, key| state.flash().get_json(key)) }
}

/// Reads all that the request before left for this one.
///
/// On RSESS_OK, `*flash_out` is a new buffer with a JSON object, which the caller hands to
/// rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `flash_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_all_flash(
    session: *const rsess_session,
    flash_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `flash_out` is NULL or writable, as the caller promises.
        let flash_out = unsafe { Out::new(flash_out) }?;
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;

        let flash = session.with(|state| Ok(state.flash().data_json().to_owned()))?;

        flash_out.write(flash.into());
        Ok(())
    })
}

/// Carries a value that the request before left for this one over to the next one.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such key; nothing is changed
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `key` is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_keep(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;

        session.with(|state| state.keep(key))
    })
}

/// Writes what `read` finds to `value_out`, or answers RSESS_NOT_FOUND.
///
/// # Safety
///
/// As for rsess_session_get.
unsafe fn value(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_out: *mut rsess_buf,
    read: for<'a> fn(&'a State, &str) -> Option<&'a str>,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `value_out` is NULL or writable, as the caller promises.
        let value_out = unsafe { Out::new(value_out) }?;
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;

        let value =
            session.with(|state| read(state, key).map(str::to_owned).ok_or(RSESS_NOT_FOUND))?;

        value_out.write(value.into());
        Ok(())
    })
}
