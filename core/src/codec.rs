//! Turns payloads and session ids into cookie values, and cookie values back.
//!
//! ```text
//!   payload --envelope.encode--> text --sign--> cookie value     the payload lives in the cookie
//!   id      ---------------------------sign--> cookie value      the payload lives in a store
//! ```
//!
//! Pure: no clock, no I/O, no randomness. One codec serves any number of threads.

use crate::envelope;
use crate::error::DecodeError;
use crate::key_ring::KeyRing;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::signature::{self, SIGNED_EXTRA_LEN};
use crate::time::UnixMillis;

/// What to do with a **legacy cookie**: signed and whole, but without an expiry.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LegacyCookies {
    /// Accept it, as the package that we replace does by default.
    #[default]
    Accept,
    /// Refuse it. Safer, once the last one should be gone.
    Reject,
}

/// Encodes and decodes cookie values with the keys of one ring.
///
/// ```
/// use rudder_session::{CookieCodec, DecodeError, KeyRing, LegacyCookies, Payload, SessionId};
/// use rudder_session::UnixMillis;
///
/// let codec = CookieCodec::new(KeyRing::from_secrets(["0123456789abcdef0123456789abcdef"])?);
/// let mut payload = Payload::new(&SessionId::random()?);
/// payload.put("cart", &3)?;
///
/// let value = codec.encode(&payload, UnixMillis::new(1_000));
///
/// let decode = |now| codec.decode(&value, UnixMillis::new(now), LegacyCookies::Accept);
/// assert_eq!(decode(1_000), Ok(payload));
/// assert_eq!(decode(1_001), Err(DecodeError::Expired));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CookieCodec {
    ring: KeyRing,
}

impl CookieCodec {
    /// A codec for the keys of `ring`.
    pub fn new(ring: KeyRing) -> Self {
        Self { ring }
    }

    /// Signs any text with the primary key.
    ///
    /// `value` may hold dots: the signature is behind the last one.
    pub fn sign(&self, value: &str) -> String {
        let mut text = String::with_capacity(value.len() + SIGNED_EXTRA_LEN);
        text.push_str(value);
        signature::sign(&self.ring, &mut text);
        text
    }

    /// Returns the part of `signed` that a key of the ring vouches for.
    ///
    /// # Errors
    ///
    /// - [`DecodeError::Unsigned`] if there is no dot.
    /// - [`DecodeError::BadSignature`] if what follows it is not a signature of ours.
    pub fn verify<'a>(&self, signed: &'a str) -> Result<&'a str, DecodeError> {
        signature::verify(&self.ring, signed)
    }

    /// Encodes a payload that lives in the cookie itself.
    ///
    /// The value is accepted up to and including `expires_at`. It is as long as it is: what
    /// browsers do with more than 4,096 bytes is the caller's to heed.
    pub fn encode(&self, payload: &Payload, expires_at: UnixMillis) -> String {
        let mut text = envelope::encode(payload, expires_at, SIGNED_EXTRA_LEN);
        signature::sign(&self.ring, &mut text);
        text
    }

    /// Decodes a cookie value whose payload lives in the cookie itself.
    ///
    /// The signature is verified before any other byte is looked at, so what a stranger sends
    /// costs one hash of its own length, and no allocation.
    ///
    /// `now` is compared with the expiry that was signed, in milliseconds; whole-second cookie
    /// attributes such as `Max-Age` play no part.
    ///
    /// # Errors
    ///
    /// - Those of [`verify`](Self::verify).
    /// - [`DecodeError::Malformed`] if a key signed it, but it is no payload.
    /// - [`DecodeError::Expired`] if `now` is past the expiry.
    /// - [`DecodeError::Legacy`] if it has no expiry, and `legacy` says to reject that.
    pub fn decode(
        &self,
        value: &str,
        now: UnixMillis,
        legacy: LegacyCookies,
    ) -> Result<Payload, DecodeError> {
        let envelope = envelope::decode(self.verify(value)?)?;
        match envelope.exp {
            Some(exp) if now.as_f64() > exp => Err(DecodeError::Expired),
            None if legacy == LegacyCookies::Reject => Err(DecodeError::Legacy),
            _ => Ok(envelope.payload),
        }
    }

    /// Encodes the id of a session whose payload lives in a store.
    pub fn encode_id(&self, id: &SessionId) -> String {
        self.sign(id.as_str())
    }

    /// Decodes a cookie value that carries the id of a session.
    ///
    /// # Errors
    ///
    /// - Those of [`verify`](Self::verify).
    /// - [`DecodeError::Malformed`] if a key signed it, but it could not name a record: no
    ///   store is asked for such an id.
    pub fn decode_id(&self, value: &str) -> Result<SessionId, DecodeError> {
        SessionId::parse(self.verify(value)?).ok_or(DecodeError::Malformed)
    }
}
