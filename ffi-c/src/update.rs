//! Saves onto what was loaded: no write is lost, and no logout is undone.
//!
//! ```text
//!   id --load--> base --the request's changes--> payload
//!   base, payload --update------> OK         stored as given
//!                                 MERGED     with what another request has written meanwhile
//!                                 GONE       destroyed or expired meanwhile: nothing is stored
//!   base, payload --regenerate--> the same under a new id
//! ```

use std::ffi::c_char;

use rudder_session_core::store::{Regenerated, Updated};
use rudder_session_core::{Payload, Store, Ttl};

use crate::boundary::{borrowed, boundary, text};
use crate::buffer::rsess_buf;
use crate::clock::instant;
use crate::out::Out;
use crate::status::rsess_status;
use crate::store::rsess_store;

/// Saves what a request made of the session that it loaded, and starts its TTL anew.
///
/// `base_json` is the payload as rsess_store_load gave it (or as it is known to be stored),
/// `payload_json` what it has become; both have the same id. If the record is still what was
/// loaded, it becomes the payload. If another request has changed it, this request's own
/// changes are applied to what is there by now: of the top-level keys of "data" and
/// "flash_next", those that differ between base and payload become the payload's, the others
/// stay. Values are stored verbatim. If the session was destroyed or has expired, nothing is
/// written: a logout always wins.
///
/// The record lives for `ttl_seconds` from now on. `now_unix_ms` is milliseconds since the
/// Unix epoch.
///
/// On RSESS_MERGED, `*merged_out` is a new buffer with the payload that is stored, which the
/// caller hands to rsess_buf_free. On any other status, RSESS_OK too, `*merged_out` is left
/// as it was: make it {NULL, 0, 0} before, and it may be freed whatever comes. `merged_out`
/// may be NULL, for a caller who does not read the session any more.
///
/// After RSESS_OK `payload_json`, after RSESS_MERGED the merged payload is the base of the
/// next update.
///
/// Returns:
/// - RSESS_OK: stored as given
/// - RSESS_MERGED: stored, together with the changes of another request. Also if a program
///   that shares the store has given the session another id meanwhile, with grace: so send
///   no cookie for an update
/// - RSESS_GONE: nothing is stored; the user is logged out, or was away for too long
/// - RSESS_ERR_STORE_CONFLICT if other requests were faster again and again; nothing of this
///   request's is stored
/// - RSESS_ERR_STORE_... if the write may not have been done. It may have been all the
///   same: the answer can get lost. To repeat the call does no harm.
/// - RSESS_ERR_NOT_A_PAYLOAD if a payload is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ID if the ids differ, or are not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_TOO_LARGE if the payload is larger than the bound of a memory store
/// - RSESS_ERR_CONFIG_TTL if `ttl_seconds` is 0 or more than 3,456,000,000
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, a payload is not
///   UTF-8, or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from a rsess_store_new_... function and is not yet freed.
/// - `base_json` is NULL, or valid for reads of `base_len` bytes.
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
/// - `merged_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_update(
    store: *const rsess_store,
    base_json: *const c_char,
    base_len: usize,
    payload_json: *const c_char,
    payload_len: usize,
    ttl_seconds: u64,
    now_unix_ms: u64,
    merged_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `merged_out` is NULL or writable, as the caller promises.
        let merged_out = unsafe { Out::optional(merged_out) }?;
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `base_json` is NULL or readable for `base_len`, as the caller promises.
        let base_json = unsafe { text(base_json, base_len) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        let ttl = Ttl::from_seconds(ttl_seconds)?;
        let now = instant(now_unix_ms)?;

        let updated = store.call(|store| {
            let base = Payload::parse(base_json)?;
            let payload = Payload::parse(payload_json)?;
            Ok(store.update(&base, &payload, ttl, now)?)
        })?;

        match updated {
            Updated::Gone => Err(rsess_status::RSESS_GONE),
            Updated::Merged(payload) | Updated::Moved(payload) => {
                write_payload(merged_out, payload);
                Err(rsess_status::RSESS_MERGED)
            }
            Updated::Saved => Ok(()),
        }
    })
}

/// Saves what a request made of the session that it loaded under a new id, and removes the
/// record under the old one.
///
/// Do it whenever privileges change (login, logout, another role), or an id that was planted
/// before stays good afterwards.
///
/// `base_json` is the payload as rsess_store_load gave it, `payload_json` what it has become,
/// with another id: see rsess_session_id_random and rsess_payload_with_id. The new record is
/// there before the old one goes, so a failure at any step loses nothing. What other requests
/// write into the old record meanwhile moves along, as in rsess_store_update. If the session
/// was destroyed or has expired, nothing remains of the new record either.
///
/// The record lives for `ttl_seconds` from now on. `now_unix_ms` is milliseconds since the
/// Unix epoch.
///
/// On RSESS_OK and on RSESS_OLD_REMAINS, `*stored_out` is a new buffer with the payload that
/// is stored under the new id, which the caller hands to rsess_buf_free. On any other status
/// `*stored_out` is left as it was. `stored_out` may be NULL, for a caller who does not read
/// the session any more.
///
/// Returns:
/// - RSESS_OK: the session lives under its new id, and no longer under the old one
/// - RSESS_OLD_REMAINS: it lives under its new id, but the record under the old one may still
///   be there. Send the new cookie, and call rsess_store_destroy with the old id: until that
///   succeeds or the record expires, whoever has the old id gets in.
/// - RSESS_GONE: nothing is stored; the user is logged out, or was away for too long
/// - RSESS_ERR_STORE_CONFLICT if other requests were faster again and again; the session is
///   where it was, under its old id
/// - RSESS_ERR_STORE_... if the session is still under its old id, without the changes
/// - RSESS_ERR_NOT_A_PAYLOAD if a payload is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ID if the new id is in use, as that of `base_json` is, or one of the
///   ids is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_TOO_LARGE if the payload is larger than the bound of a memory store
/// - RSESS_ERR_CONFIG_TTL if `ttl_seconds` is 0 or more than 3,456,000,000
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, a payload is not
///   UTF-8, or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from a rsess_store_new_... function and is not yet freed.
/// - `base_json` is NULL, or valid for reads of `base_len` bytes.
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
/// - `stored_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_regenerate(
    store: *const rsess_store,
    base_json: *const c_char,
    base_len: usize,
    payload_json: *const c_char,
    payload_len: usize,
    ttl_seconds: u64,
    now_unix_ms: u64,
    stored_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `stored_out` is NULL or writable, as the caller promises.
        let stored_out = unsafe { Out::optional(stored_out) }?;
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `base_json` is NULL or readable for `base_len`, as the caller promises.
        let base_json = unsafe { text(base_json, base_len) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        let ttl = Ttl::from_seconds(ttl_seconds)?;
        let now = instant(now_unix_ms)?;

        let regenerated = store.call(|store| {
            let base = Payload::parse(base_json)?;
            let payload = Payload::parse(payload_json)?;
            Ok(store.regenerate(&base, &payload, ttl, now)?)
        })?;

        match regenerated {
            Regenerated::Done(payload) => {
                write_payload(stored_out, payload);
                Ok(())
            }
            Regenerated::Gone => Err(rsess_status::RSESS_GONE),
            Regenerated::OldRemains(payload, _) => {
                write_payload(stored_out, payload);
                Err(rsess_status::RSESS_OLD_REMAINS)
            }
        }
    })
}

fn write_payload(out: Option<Out<rsess_buf>>, payload: Payload) {
    if let Some(out) = out {
        out.write(payload.into_json().into());
    }
}
