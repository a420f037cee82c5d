//! Makes, reads and edits the record of a session, as JSON text.
//!
//! ```text
//!   {"id":"3f2b..","data":{"user":"alice"},"flash_next":{}}
//! ```
//!
//! Stateless: each function takes a text, and those that change it give a new one.

use std::ffi::c_char;

use rudder_session_core::{Payload, SessionId};

use crate::boundary::{boundary, text};
use crate::buffer::rsess_buf;
use crate::out::Out;
use crate::status::rsess_status;

/// Makes a session id that nobody can guess: a version 4 UUID, 36 characters.
///
/// On RSESS_OK, `*id_out` is a new buffer, which the caller hands to rsess_buf_free. The id
/// is a bearer secret: keep it out of logs.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_RANDOMNESS if the operating system gives no random bytes
/// - RSESS_ERR_INVALID_ARGUMENT if `id_out` is NULL
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// `id_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_id_random(id_out: *mut rsess_buf) -> rsess_status {
    boundary(|| {
        // SAFETY: `id_out` is NULL or writable, as the caller promises.
        let id_out = unsafe { Out::new(id_out) }?;

        let id = SessionId::random()?;

        id_out.write(id.as_str().into());
        Ok(())
    })
}

/// Makes the payload of a new session: {"id":..,"data":{},"flash_next":{}}.
///
/// On RSESS_OK, `*payload_out` is a new buffer with JSON text, which the caller hands to
/// rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ID if `id` is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `id` is not UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `id` is NULL, or valid for reads of `id_len` bytes.
/// - `payload_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_payload_new(
    id: *const c_char,
    id_len: usize,
    payload_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `payload_out` is NULL or writable, as the caller promises.
        let payload_out = unsafe { Out::new(payload_out) }?;
        // SAFETY: `id` is NULL or readable for `id_len`, as the caller promises.
        let id = unsafe { text(id, id_len) }?;
        let id = SessionId::parse(id).ok_or(rsess_status::RSESS_ERR_INVALID_ID)?;

        payload_out.write(Payload::new(&id).into_json().into());
        Ok(())
    })
}

/// Reads the value of one key in the "data" of a payload.
///
/// On RSESS_OK, `*value_out` is a new buffer with the value as JSON text, verbatim; the
/// caller hands it to rsess_buf_free. Of keys that are there twice the last one counts.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such key
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not
///   UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_payload_get(
    payload_json: *const c_char,
    payload_len: usize,
    key: *const c_char,
    key_len: usize,
    value_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `value_out` is NULL or writable, as the caller promises.
        let value_out = unsafe { Out::new(value_out) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;

        let payload = Payload::parse(payload_json)?;
        let value = payload.get_json(key).ok_or(rsess_status::RSESS_NOT_FOUND)?;

        value_out.write(value.into());
        Ok(())
    })
}

/// Sets one key in the "data" of a payload to a value.
///
/// `value_json` is one JSON value, such as "alice" with its quotes, 3, or [1,2]; it is
/// stored verbatim. A key that is there keeps its place, a new one goes last.
///
/// On RSESS_OK, `*payload_out` is a new buffer with the changed payload, which the caller
/// hands to rsess_buf_free; `payload_json` is left as it is. Do not name the buffer that
/// holds it: its memory would be lost.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_NOT_JSON if `value_json` is not one JSON value
/// - RSESS_ERR_TOO_LARGE if it has more than 10,000 levels of arrays and objects
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not
///   UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_json` is NULL, or valid for reads of `value_len` bytes.
/// - `payload_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_payload_put(
    payload_json: *const c_char,
    payload_len: usize,
    key: *const c_char,
    key_len: usize,
    value_json: *const c_char,
    value_len: usize,
    payload_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `payload_out` is NULL or writable, as the caller promises.
        let payload_out = unsafe { Out::new(payload_out) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;
        // SAFETY: `value_json` is NULL or readable for `value_len`, as the caller promises.
        let value_json = unsafe { text(value_json, value_len) }?;

        let mut payload = Payload::parse(payload_json)?;
        payload.put_json(key, value_json)?;

        payload_out.write(payload.into_json().into());
        Ok(())
    })
}

/// Removes one key from the "data" of a payload. To remove what is not there succeeds.
///
/// On RSESS_OK, `*payload_out` is a new buffer with the changed payload, which the caller
/// hands to rsess_buf_free; `payload_json` is left as it is. Do not name the buffer that
/// holds it: its memory would be lost.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not
///   UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `payload_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_payload_forget(
    payload_json: *const c_char,
    payload_len: usize,
    key: *const c_char,
    key_len: usize,
    payload_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `payload_out` is NULL or writable, as the caller promises.
        let payload_out = unsafe { Out::new(payload_out) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;

        let mut payload = Payload::parse(payload_json)?;
        payload.forget(key);

        payload_out.write(payload.into_json().into());
        Ok(())
    })
}

/// Sets one key in the "flash_next" of a payload: a value for the next request only.
///
/// `value_json` is one JSON value, and is stored verbatim. On RSESS_OK, `*payload_out` is a
/// new buffer with the changed payload, which the caller hands to rsess_buf_free;
/// `payload_json` is left as it is. Do not name the buffer that holds it: its memory would be
/// lost.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_NOT_JSON if `value_json` is not one JSON value
/// - RSESS_ERR_TOO_LARGE if it has more than 10,000 levels of arrays and objects
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not
///   UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_json` is NULL, or valid for reads of `value_len` bytes.
/// - `payload_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_payload_flash(
    payload_json: *const c_char,
    payload_len: usize,
    key: *const c_char,
    key_len: usize,
    value_json: *const c_char,
    value_len: usize,
    payload_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `payload_out` is NULL or writable, as the caller promises.
        let payload_out = unsafe { Out::new(payload_out) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;
        // SAFETY: `value_json` is NULL or readable for `value_len`, as the caller promises.
        let value_json = unsafe { text(value_json, value_len) }?;

        let mut payload = Payload::parse(payload_json)?;
        payload.flash_json(key, value_json)?;

        payload_out.write(payload.into_json().into());
        Ok(())
    })
}

/// Takes out of a payload what the request before left for this one.
///
/// Call it once when a request starts, right after the payload was loaded. If there was
/// anything, the payload has changed and must be saved, or the same values come again.
///
/// On RSESS_OK, `*flash_out` is a new buffer with what was in "flash_next", a JSON object, and
/// `*payload_out` is a new buffer with the payload without it; if there was nothing, these are
/// {} and the payload as it was. The caller hands both to rsess_buf_free; `payload_json` is
/// left as it is. The two are not the same place, and neither is the buffer that holds
/// `payload_json`.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `payload_json` is
///   not UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
/// - `flash_out` and `payload_out` are NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_payload_take_flash(
    payload_json: *const c_char,
    payload_len: usize,
    flash_out: *mut rsess_buf,
    payload_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `flash_out` is NULL or writable, as the caller promises.
        let flash_out = unsafe { Out::new(flash_out) }?;
        // SAFETY: `payload_out` is NULL or writable, as the caller promises.
        let payload_out = unsafe { Out::new(payload_out) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;

        let mut payload = Payload::parse(payload_json)?;
        let flash = payload.take_flash();

        flash_out.write(flash.into());
        payload_out.write(payload.into_json().into());
        Ok(())
    })
}

/// Gives a payload another id: what regenerating a session needs.
///
/// On RSESS_OK, `*payload_out` is a new buffer with the changed payload, which the caller
/// hands to rsess_buf_free; `payload_json` is left as it is. Do not name the buffer that
/// holds it: its memory would be lost.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ID if `id` is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not
///   UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
/// - `id` is NULL, or valid for reads of `id_len` bytes.
/// - `payload_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_payload_with_id(
    payload_json: *const c_char,
    payload_len: usize,
    id: *const c_char,
    id_len: usize,
    payload_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `payload_out` is NULL or writable, as the caller promises.
        let payload_out = unsafe { Out::new(payload_out) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        // SAFETY: `id` is NULL or readable for `id_len`, as the caller promises.
        let id = unsafe { text(id, id_len) }?;
        let id = SessionId::parse(id).ok_or(rsess_status::RSESS_ERR_INVALID_ID)?;

        let payload = Payload::parse(payload_json)?.with_id(&id);

        payload_out.write(payload.into_json().into());
        Ok(())
    })
}
