//! Reads, writes and removes the record of a session, each in one step.
//!
//! ```text
//!   payload --create--> record    id --touch--> TTL anew
//!   id      --load----> payload   id --destroy-->
//!   payload --save----> record, whatever was there
//! ```
//!
//! Saving onto what was loaded is the module `update`'s.

use std::ffi::c_char;

use rudder_session_core::{Payload, SessionId, Store, Ttl};

use crate::boundary::{borrowed, boundary, text};
use crate::buffer::rsess_buf;
use crate::clock::instant;
use crate::out::Out;
use crate::status::rsess_status;
use crate::store::rsess_store;

/// Reads the payload of a session.
///
/// A record that carries another id than its own is never handed out: it counts as none,
/// see rsess_figures. `now_unix_ms` is milliseconds since the Unix epoch; a store in memory or
/// in a file judges expiry by it, Redis has a clock of its own.
///
/// On RSESS_OK, `*payload_out` is a new buffer with the JSON text
/// {"id":..,"data":{..},"flash_next":{..}}, which the caller hands to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such record, or no longer
/// - RSESS_ERR_STORE_... if the store cannot say; the session may be alive
/// - RSESS_ERR_INVALID_ID if `id` is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `id` is not UTF-8,
///   or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from a rsess_store_new_... function and is not yet freed.
/// - `id` is NULL, or valid for reads of `id_len` bytes.
/// - `payload_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_load(
    store: *const rsess_store,
    id: *const c_char,
    id_len: usize,
    now_unix_ms: u64,
    payload_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `payload_out` is NULL or writable, as the caller promises.
        let payload_out = unsafe { Out::new(payload_out) }?;
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `id` is NULL or readable for `id_len`, as the caller promises.
        let id = session_id(unsafe { text(id, id_len) }?)?;
        let now = instant(now_unix_ms)?;

        let payload = store.call(|store| Ok(store.load(&id, now)?))?;

        let payload = payload.ok_or(rsess_status::RSESS_NOT_FOUND)?;
        payload_out.write(payload.into_json().into());
        Ok(())
    })
}

/// Writes a payload under its own id if there is no such record yet.
///
/// `payload_json` is an object with "id", "data" and "flash_next"; what they hold is stored
/// verbatim. The record lives for `ttl_seconds` from now on. `now_unix_ms` is milliseconds
/// since the Unix epoch.
///
/// Returns:
/// - RSESS_OK: written
/// - RSESS_EXISTS: there is such a record, and nothing was written. A random id is never taken,
///   but it may be this very call's: if an earlier one seemed to fail, and had not.
/// - RSESS_ERR_STORE_... if the write may not have been done. It may have been all the
///   same: the answer can get lost.
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ID if that id is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_TOO_LARGE if the payload is larger than the bound of a memory store
/// - RSESS_ERR_CONFIG_TTL if `ttl_seconds` is 0 or more than 3,456,000,000
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `payload_json` is
///   not UTF-8, or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from a rsess_store_new_... function and is not yet freed.
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_create(
    store: *const rsess_store,
    payload_json: *const c_char,
    payload_len: usize,
    ttl_seconds: u64,
    now_unix_ms: u64,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        let ttl = Ttl::from_seconds(ttl_seconds)?;
        let now = instant(now_unix_ms)?;

        store.call(|store| {
            let payload = Payload::parse(payload_json)?;
            match store.create(&payload, ttl, now)? {
                true => Ok(()),
                false => Err(rsess_status::RSESS_EXISTS),
            }
        })
    })
}

/// Writes a payload under its own id, whatever is there or not, and starts its TTL anew.
///
/// The last write wins. This protects from neither of two things: what another request wrote
/// since this one loaded the session is lost, and a session that was destroyed since then is
/// back, with whoever was logged in. rsess_store_update does neither, rsess_store_create
/// overwrites nothing; this is for programs that have nothing to lose.
///
/// `payload_json` is an object with "id", "data" and "flash_next"; what they hold is stored
/// verbatim. The record lives for `ttl_seconds` from now on. `now_unix_ms` is milliseconds
/// since the Unix epoch.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_STORE_... if the write may not have been done. It may have been all the
///   same: the answer can get lost.
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ID if that id is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_TOO_LARGE if the payload is larger than the bound of a memory store
/// - RSESS_ERR_CONFIG_TTL if `ttl_seconds` is 0 or more than 3,456,000,000
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `payload_json` is
///   not UTF-8, or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from a rsess_store_new_... function and is not yet freed.
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_save(
    store: *const rsess_store,
    payload_json: *const c_char,
    payload_len: usize,
    ttl_seconds: u64,
    now_unix_ms: u64,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        let ttl = Ttl::from_seconds(ttl_seconds)?;
        let now = instant(now_unix_ms)?;

        store.call(|store| {
            let payload = Payload::parse(payload_json)?;
            Ok(store.save(&payload, ttl, now)?)
        })
    })
}

/// Starts the TTL of a record anew, and leaves its payload as it is.
///
/// The record lives for `ttl_seconds` from now on. `now_unix_ms` is milliseconds since the
/// Unix epoch.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such record, or no longer
/// - RSESS_ERR_STORE_... if the store cannot say
/// - RSESS_ERR_INVALID_ID if `id` is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_CONFIG_TTL if `ttl_seconds` is 0 or more than 3,456,000,000
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `id` is not UTF-8,
///   or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from a rsess_store_new_... function and is not yet freed.
/// - `id` is NULL, or valid for reads of `id_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_touch(
    store: *const rsess_store,
    id: *const c_char,
    id_len: usize,
    ttl_seconds: u64,
    now_unix_ms: u64,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `id` is NULL or readable for `id_len`, as the caller promises.
        let id = session_id(unsafe { text(id, id_len) }?)?;
        let ttl = Ttl::from_seconds(ttl_seconds)?;
        let now = instant(now_unix_ms)?;

        let found = store.call(|store| Ok(store.touch(&id, ttl, now)?))?;

        found.then_some(()).ok_or(rsess_status::RSESS_NOT_FOUND)
    })
}

/// Removes the record of a session. To remove what is not there succeeds.
///
/// Where another program that shares the store regenerates with grace, the record under an old
/// id only leads to the session, which stays.
///
/// Returns:
/// - RSESS_OK: there is no such record any more
/// - RSESS_ERR_STORE_... if it may still be there. Do not swallow this: somebody logged out.
/// - RSESS_ERR_INVALID_ID if `id` is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `id` is not UTF-8
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from a rsess_store_new_... function and is not yet freed.
/// - `id` is NULL, or valid for reads of `id_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_destroy(
    store: *const rsess_store,
    id: *const c_char,
    id_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `id` is NULL or readable for `id_len`, as the caller promises.
        let id = session_id(unsafe { text(id, id_len) }?)?;

        store.call(|store| Ok(store.destroy(&id)?))
    })
}

fn session_id(text: &str) -> Result<SessionId, rsess_status> {
    SessionId::parse(text).ok_or(rsess_status::RSESS_ERR_INVALID_ID)
}
