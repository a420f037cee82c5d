//! Signs and verifies, encodes and decodes, on JavaScript's own thread.
//!
//! Synchronous on purpose: no I/O, and each call is cheaper than a trip to another thread. What
//! a client sent never throws: it is refused with `null`.

// Doc comments below are JSDoc: napi copies them into `native.d.ts` as they are.

use napi::Env;
use napi::bindgen_prelude::Result;
use napi_derive::napi;
use rudder_session::{CookieCodec, KeyRing, LegacyCookies, Payload, UnixMillis};

use crate::fault::Fault;

/// Turns payloads into cookie values and back, and signs. Immutable: one serves a whole process.
#[napi]
pub struct NativeCodec {
    codec: CookieCodec,
}

#[napi]
impl NativeCodec {
    /// @param secrets The first one signs, all of them verify. At least one; none empty.
    /// @throws An error with the code `ERR_SESSION_CONFIG`.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, secrets: Vec<String>) -> Result<Self> {
        let ring = KeyRing::from_secrets(secrets).map_err(|it| Fault::from(it).into_error(env))?;
        Ok(Self { codec: CookieCodec::new(ring) })
    }

    /// Signs any text.
    ///
    /// @returns The text, a dot, and 43 characters of signature.
    #[napi(catch_unwind)]
    pub fn sign(&self, value: String) -> Result<String> {
        Ok(self.codec.sign(&value))
    }

    /// Verifies a signed text.
    ///
    /// @returns The text that was signed, or `null` if no key of ours signed it.
    #[napi(catch_unwind)]
    pub fn verify(&self, signed: String) -> Result<Option<String>> {
        Ok(self.codec.verify(&signed).ok().map(str::to_owned))
    }

    /// Encodes a payload that lives in the cookie itself.
    ///
    /// @param payloadJson An object with `id`, `data` and `flash_next`, as JSON text. Values are
    ///   carried verbatim.
    /// @param expiresAtMs The last instant at which the value is accepted, in milliseconds since
    ///   the Unix epoch.
    /// @throws An error with the code `ERR_SESSION_PAYLOAD` if it is no payload.
    #[napi(catch_unwind)]
    pub fn encode(&self, env: Env, payload_json: String, expires_at_ms: f64) -> Result<String> {
        let payload = Payload::parse(payload_json).map_err(|it| Fault::from(it).into_error(env))?;
        Ok(self.codec.encode(&payload, instant(env, expires_at_ms)?))
    }

    /// Decodes a cookie value whose payload lives in the cookie itself.
    ///
    /// @param cookieValue The value as the client sent it.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    /// @param rejectLegacy Whether to refuse values that carry no expiry.
    /// @returns The payload `{"id":..,"data":{..},"flash_next":{..}}` as JSON text, or `null` if
    ///   the value is refused.
    #[napi(catch_unwind)]
    pub fn decode(
        &self,
        env: Env,
        cookie_value: String,
        now_ms: f64,
        reject_legacy: bool,
    ) -> Result<Option<String>> {
        let legacy = if reject_legacy { LegacyCookies::Reject } else { LegacyCookies::Accept };
        let payload = self.codec.decode(&cookie_value, instant(env, now_ms)?, legacy).ok();
        Ok(payload.map(|payload| payload.as_json().to_owned()))
    }
}

/// The instant that `Date.now()` names.
pub(crate) fn instant(env: Env, unix_ms: f64) -> Result<UnixMillis> {
    UnixMillis::from_f64(unix_ms)
        .ok_or_else(|| Fault::argument("time: must be a finite number").into_error(env))
}
