//! Signs and verifies, encodes and decodes cookie values.
//!
//! ```text
//!   value   --sign-->       value.signature  --verify-->     value
//!   payload --encode-->     cookie value     --decode-->     payload
//!   id      --encode_id-->  cookie value     --decode_id-->  id
//! ```
//!
//! A text that the client sent and that is not UTF-8 is refused like one with a bad signature:
//! none of ours would look so. A text of the caller's own is an invalid argument instead.

use std::ffi::c_char;

use rudder_session_core::{CookieCodec, KeyRing, LegacyCookies, Payload, SessionId};

use crate::boundary::{Guarded, array, borrowed, boundary, bytes, lend, take_back, text};
use crate::buffer::{rsess_buf, rsess_slice};
use crate::clock::instant;
use crate::out::Out;
use crate::status::rsess_status;

/// Turns payloads and session ids into cookie values and back, with the keys it was made of.
///
/// Immutable: one codec may serve any number of threads at once. It does no I/O and
/// reads no clock. The bytes of the keys are wiped from memory when it is freed.
pub struct rsess_codec(Guarded<CookieCodec>);

/// Makes a codec from secrets: the first signs, all of them verify.
///
/// To change the secret, put the new one in front and keep the old one behind it until
/// the last cookie that it signed has expired.
///
/// `secrets` is an array of `count` slices, and is copied from. On RSESS_OK,
/// `*codec_out` is a new codec, which the caller owns and hands to rsess_codec_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_SECRET if `count` is 0, or one of the secrets is empty
/// - RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER if one is "change-me-in-production"
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be
///
/// # Safety
///
/// - `secrets` is NULL, or valid for reads of `count` slices, each of which is NULL or
///   valid for reads of its `len` bytes.
/// - `codec_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_codec_new(
    secrets: *const rsess_slice,
    count: usize,
    codec_out: *mut *mut rsess_codec,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `codec_out` is NULL or writable, as the caller promises.
        let codec_out = unsafe { Out::new(codec_out) }?;
        // SAFETY: `secrets` is NULL or readable for `count` slices, as the caller promises.
        let secrets = unsafe { array(secrets, count) }?;
        let secrets = secrets
            .iter()
            // SAFETY: each slice is NULL or readable for its length, as the caller promises.
            .map(|secret| unsafe { bytes(secret.ptr, secret.len) })
            .collect::<Result<Vec<_>, _>>()?;

        let codec = CookieCodec::new(KeyRing::from_secrets(secrets)?);

        codec_out.write(lend(rsess_codec(Guarded::new(codec))));
        Ok(())
    })
}

/// Frees a codec. NULL is a no-op.
///
/// # Safety
///
/// - `codec` is NULL, or came from rsess_codec_new and is not yet freed.
/// - No call that uses it is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_codec_free(codec: *mut rsess_codec) {
    let _ = boundary(|| {
        // SAFETY: NULL, or made by `lend`, alive and unused, as the caller promises.
        drop(unsafe { take_back(codec) });
        Ok(())
    });
}

/// Signs any text with the first secret.
///
/// On RSESS_OK, `*signed_out` is a new buffer with the text, a dot, and 43 characters of
/// signature; the caller hands it to rsess_buf_free. `value` may hold dots.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `value` is not
///   UTF-8
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `codec` is NULL, or came from rsess_codec_new and is not yet freed.
/// - `value` is NULL, or valid for reads of `value_len` bytes.
/// - `signed_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_codec_sign(
    codec: *const rsess_codec,
    value: *const c_char,
    value_len: usize,
    signed_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `signed_out` is NULL or writable, as the caller promises.
        let signed_out = unsafe { Out::new(signed_out) }?;
        // SAFETY: `codec` is NULL or live, as the caller promises.
        let codec = unsafe { borrowed(codec) }?;
        // SAFETY: `value` is NULL or readable for `value_len`, as the caller promises.
        let value = unsafe { text(value, value_len) }?;

        let signed = codec.0.call(|codec| Ok(codec.sign(value)))?;

        signed_out.write(signed.into());
        Ok(())
    })
}

/// Verifies a text that was signed, and finds the part that the signature vouches for.
///
/// On RSESS_OK, `*value_out` is a slice of `signed_text`: nothing is allocated, nothing is
/// to be freed, and it is good for as long as `signed_text` is.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_UNSIGNED if there is no dot
/// - RSESS_ERR_BAD_SIGNATURE if what follows the last dot is no signature by one of the
///   secrets, or `signed_text` is not UTF-8
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `codec` is NULL, or came from rsess_codec_new and is not yet freed.
/// - `signed_text` is NULL, or valid for reads of `signed_len` bytes.
/// - `value_out` is NULL, or valid for writes of one rsess_slice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_codec_verify(
    codec: *const rsess_codec,
    signed_text: *const c_char,
    signed_len: usize,
    value_out: *mut rsess_slice,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `value_out` is NULL or writable, as the caller promises.
        let value_out = unsafe { Out::new(value_out) }?;
        // SAFETY: `codec` is NULL or live, as the caller promises.
        let codec = unsafe { borrowed(codec) }?;
        // SAFETY: `signed_text` is NULL or readable for `signed_len`, as the caller promises.
        let signed = client_text(unsafe { bytes(signed_text, signed_len) }?)?;

        let value = codec.0.call(|codec| Ok(codec.verify(signed)?))?;

        value_out.write(value.as_bytes().into());
        Ok(())
    })
}

/// Encodes a payload that lives in the cookie itself.
///
/// `payload_json` is an object with "id", "data" and "flash_next"; what they hold is
/// carried verbatim. The value is accepted up to and including `expires_at_unix_ms`,
/// milliseconds since the Unix epoch. Browsers drop cookies of more than 4,096 bytes, name
/// and attributes included; this function does not.
///
/// On RSESS_OK, `*value_out` is a new buffer, which the caller hands to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `payload_json` is
///   not UTF-8, or `expires_at_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `codec` is NULL, or came from rsess_codec_new and is not yet freed.
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
/// - `value_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_codec_encode(
    codec: *const rsess_codec,
    payload_json: *const c_char,
    payload_len: usize,
    expires_at_unix_ms: u64,
    value_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `value_out` is NULL or writable, as the caller promises.
        let value_out = unsafe { Out::new(value_out) }?;
        // SAFETY: `codec` is NULL or live, as the caller promises.
        let codec = unsafe { borrowed(codec) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        let expires_at = instant(expires_at_unix_ms)?;

        let value = codec.0.call(|codec| {
            let payload = Payload::parse(payload_json)?;
            Ok(codec.encode(&payload, expires_at))
        })?;

        value_out.write(value.into());
        Ok(())
    })
}

/// Decodes a cookie value whose payload lives in the cookie itself.
///
/// The signature is verified before anything else is looked at. `value` is what the client
/// sent, of any content. `now_unix_ms` is milliseconds since the Unix epoch.
/// `reject_legacy` says whether to refuse a value that carries no expiry.
///
/// On RSESS_OK, `*payload_out` is a new buffer with the JSON text
/// {"id":..,"data":{..},"flash_next":{..}}, which the caller hands to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_UNSIGNED if there is no dot
/// - RSESS_ERR_BAD_SIGNATURE if none of the secrets made the signature, or `value` is not
///   UTF-8
/// - RSESS_ERR_MALFORMED if one did, but what was signed is no payload
/// - RSESS_ERR_EXPIRED if `now_unix_ms` is past the expiry that was signed
/// - RSESS_ERR_LEGACY if there is no expiry and `reject_legacy` is true
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `now_unix_ms` is
///   more than 8,640,000,000,000,000
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `codec` is NULL, or came from rsess_codec_new and is not yet freed.
/// - `value` is NULL, or valid for reads of `value_len` bytes.
/// - `payload_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_codec_decode(
    codec: *const rsess_codec,
    value: *const c_char,
    value_len: usize,
    now_unix_ms: u64,
    reject_legacy: bool,
    payload_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `payload_out` is NULL or writable, as the caller promises.
        let payload_out = unsafe { Out::new(payload_out) }?;
        // SAFETY: `codec` is NULL or live, as the caller promises.
        let codec = unsafe { borrowed(codec) }?;
        // SAFETY: `value` is NULL or readable for `value_len`, as the caller promises.
        let value = unsafe { bytes(value, value_len) }?;
        let now = instant(now_unix_ms)?;
        let legacy = if reject_legacy { LegacyCookies::Reject } else { LegacyCookies::Accept };
        let value = client_text(value)?;

        let payload = codec.0.call(|codec| Ok(codec.decode(value, now, legacy)?))?;

        payload_out.write(payload.as_json().into());
        Ok(())
    })
}

/// Encodes the id of a session whose payload lives in a store.
///
/// On RSESS_OK, `*value_out` is a new buffer, which the caller hands to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ID if `id` is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `id` is not UTF-8
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `codec` is NULL, or came from rsess_codec_new and is not yet freed.
/// - `id` is NULL, or valid for reads of `id_len` bytes.
/// - `value_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_codec_encode_id(
    codec: *const rsess_codec,
    id: *const c_char,
    id_len: usize,
    value_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `value_out` is NULL or writable, as the caller promises.
        let value_out = unsafe { Out::new(value_out) }?;
        // SAFETY: `codec` is NULL or live, as the caller promises.
        let codec = unsafe { borrowed(codec) }?;
        // SAFETY: `id` is NULL or readable for `id_len`, as the caller promises.
        let id = unsafe { text(id, id_len) }?;
        let id = SessionId::parse(id).ok_or(rsess_status::RSESS_ERR_INVALID_ID)?;

        let value = codec.0.call(|codec| Ok(codec.encode_id(&id)))?;

        value_out.write(value.into());
        Ok(())
    })
}

/// Decodes a cookie value that carries the id of a session.
///
/// On RSESS_OK, `*id_out` is a new buffer with an id that every store takes; the caller
/// hands it to rsess_buf_free. The id is a bearer secret: keep it out of logs.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_UNSIGNED if there is no dot
/// - RSESS_ERR_BAD_SIGNATURE if none of the secrets made the signature, or `value` is not
///   UTF-8
/// - RSESS_ERR_MALFORMED if one did, but what was signed cannot name a record
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `codec` is NULL, or came from rsess_codec_new and is not yet freed.
/// - `value` is NULL, or valid for reads of `value_len` bytes.
/// - `id_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_codec_decode_id(
    codec: *const rsess_codec,
    value: *const c_char,
    value_len: usize,
    id_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `id_out` is NULL or writable, as the caller promises.
        let id_out = unsafe { Out::new(id_out) }?;
        // SAFETY: `codec` is NULL or live, as the caller promises.
        let codec = unsafe { borrowed(codec) }?;
        // SAFETY: `value` is NULL or readable for `value_len`, as the caller promises.
        let value = client_text(unsafe { bytes(value, value_len) }?)?;

        let id = codec.0.call(|codec| Ok(codec.decode_id(value)?))?;

        id_out.write(id.as_str().into());
        Ok(())
    })
}

fn client_text(bytes: &[u8]) -> Result<&str, rsess_status> {
    str::from_utf8(bytes).map_err(|_| rsess_status::RSESS_ERR_BAD_SIGNATURE)
}

/// The header promises that a codec may be shared between threads.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<rsess_codec>();
};
