//! Turns payloads and session ids into cookie values, and cookie values back.
//!
//! ```text
//!   payload --envelope.encode--> text --sign--> cookie value     the payload lives in the cookie
//!   id      ---------------------------sign--> cookie value      the payload lives in a store
//! ```
//!
//! Pure: no clock, no I/O, no randomness. One codec serves any number of threads.

use crate::envelope::{self, Unwritten};
use crate::error::{DecodeError, PayloadError};
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
        // What goes is a dot and ASCII, so the cut is between characters.
        self.verify_bytes(signed.as_bytes()).map(|value| &signed[..value.len()])
    }

    /// Encodes a payload that lives in the cookie itself.
    ///
    /// The value is accepted up to and including `expires_at`. It is as long as it is: what
    /// browsers do with more than 4,096 bytes is the caller's to heed.
    pub fn encode(&self, payload: &Payload, expires_at: UnixMillis) -> String {
        let json = payload.as_json().as_bytes();
        let envelope = Unwritten::new(&json[..json.len() - 1], expires_at);
        let mut text = String::with_capacity(envelope.encoded_len() + SIGNED_EXTRA_LEN);
        envelope.append_to(&mut text);
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
        let envelope = envelope::decode(self.verify_bytes(value.as_bytes())?)?;
        accept(envelope.exp, now, legacy)?;
        Ok(envelope.payload)
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
    /// - [`DecodeError::Malformed`] if a key signed it, but it could not name the record of a
    ///   session: no store is asked for such an id.
    pub fn decode_id(&self, value: &str) -> Result<SessionId, DecodeError> {
        let id = SessionId::parse(self.verify(value)?).filter(|id| !id.is_user_index());
        id.ok_or(DecodeError::Malformed)
    }

    /// [`sign`](Self::sign) into a buffer, which loses what it held.
    ///
    /// This and the three methods that follow are for those who carry text in and out, many times
    /// a second: a buffer that is used again is as large as it must be, so nothing is allocated.
    pub fn sign_into(&self, value: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.reserve(value.len() + SIGNED_EXTRA_LEN);
        out.extend_from_slice(value);
        signature::sign(&self.ring, out);
    }

    /// [`verify`](Self::verify) for bytes that need not be UTF-8.
    ///
    /// # Errors
    ///
    /// Those of `verify`.
    pub fn verify_bytes<'a>(&self, signed: &'a [u8]) -> Result<&'a [u8], DecodeError> {
        signature::verify(&self.ring, signed)
    }

    /// [`encode`](Self::encode) into a buffer, which loses what it held, from the text of a
    /// payload in UTF-8.
    ///
    /// Text that reads `{"id":"..","data":{` at its start and `}` at its end is signed as it
    /// stands: what is between is the caller's word, and should come from a JSON serialiser. All
    /// other text is parsed first, see [`Payload::parse`].
    ///
    /// # Errors
    ///
    /// [`PayloadError::NotAPayload`] if text that was parsed is no payload.
    pub fn encode_text_into(
        &self,
        payload_json: &[u8],
        expires_at: UnixMillis,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        out.clear();
        let Some(body) = envelope::canonical_body(payload_json) else {
            let text = str::from_utf8(payload_json).map_err(|_| PayloadError::NotAPayload)?;
            out.extend_from_slice(self.encode(&Payload::parse(text)?, expires_at).as_bytes());
            return Ok(());
        };
        let envelope = Unwritten::new(body, expires_at);
        out.reserve(envelope.encoded_len() + SIGNED_EXTRA_LEN);
        envelope.append_to(out);
        signature::sign(&self.ring, out);
        Ok(())
    }

    /// [`decode`](Self::decode) into a buffer, which loses what it held: the text of the payload.
    ///
    /// Text in the usual spelling, as [`encode`](Self::encode) and `JSON.stringify` write it, is
    /// **not walked over**, which would cost more than all the rest: its `exp` is cut off at the
    /// end, and that whoever has a key signed JSON is believed. So what comes out begins with
    /// `{"id":"..","data":{` and ends with `}`, but what is between may turn out not to be JSON or
    /// UTF-8, or to have more fields, when somebody reads it. JavaScript reads bytes that are not
    /// UTF-8 as U+FFFD; with text that is not JSON the cookie is a refused one.
    ///
    /// # Errors
    ///
    /// Those of `decode`. Of `out` nothing is to be used then.
    ///
    /// ```
    /// use rudder_session::{CookieCodec, DecodeError, KeyRing, LegacyCookies, UnixMillis};
    ///
    /// let codec = CookieCodec::new(KeyRing::from_secrets(["0123456789abcdef0123456789abcdef"])?);
    /// let payload = r#"{"id":"a","data":{"cart":3},"flash_next":{}}"#;
    /// let (mut value, mut text) = (Vec::new(), Vec::new());
    /// codec.encode_text_into(payload.as_bytes(), UnixMillis::new(1_000), &mut value)?;
    ///
    /// let mut decode =
    ///     |now| codec.decode_text_into(&value, UnixMillis::new(now), LegacyCookies::Accept, &mut text);
    /// assert_eq!(decode(1_001), Err(DecodeError::Expired));
    /// assert_eq!(decode(1_000), Ok(()));
    /// assert_eq!(text, payload.as_bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decode_text_into(
        &self,
        value: &[u8],
        now: UnixMillis,
        legacy: LegacyCookies,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let exp = envelope::decode_text(self.verify_bytes(value)?, out)?;
        accept(exp, now, legacy)
    }
}

/// Whether an envelope with this `exp` is still good.
pub(crate) fn accept(
    exp: Option<f64>,
    now: UnixMillis,
    legacy: LegacyCookies,
) -> Result<(), DecodeError> {
    match exp {
        Some(exp) if now.as_f64() > exp => Err(DecodeError::Expired),
        None if legacy == LegacyCookies::Reject => Err(DecodeError::Legacy),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec() -> CookieCodec {
        let ring = KeyRing::from_secrets(["test-secret-32-chars-exactly!!xx"]);
        CookieCodec::new(ring.expect("legal"))
    }

    fn payload() -> Payload {
        Payload::parse(r#"{"id":"a","data":{"cart":3},"flash_next":{}}"#).expect("a payload")
    }

    #[test]
    fn into_a_buffer_goes_what_comes_as_text() {
        let (codec, payload, until) = (codec(), payload(), UnixMillis::new(1000));
        let mut out = b"from before".to_vec();

        codec.sign_into(b"id.0", &mut out);
        assert_eq!(out, codec.sign("id.0").as_bytes());
        assert_eq!(codec.verify("id.0"), Err(DecodeError::BadSignature));
        assert_eq!(codec.verify(&codec.sign("id.0")), Ok("id.0"));

        for json in [payload.as_json(), &format!(" {}", payload.as_json())] {
            assert_eq!(codec.encode_text_into(json.as_bytes(), until, &mut out), Ok(()));
            assert_eq!(out, codec.encode(&payload, until).as_bytes());
        }
    }

    #[test]
    fn no_more_room_is_taken_than_is_needed() {
        let (codec, payload, until) = (codec(), payload(), UnixMillis::new(1000));
        let (mut signed, mut encoded) = (Vec::new(), Vec::new());

        codec.sign_into(b"id", &mut signed);
        codec.encode_text_into(payload.as_json().as_bytes(), until, &mut encoded).expect("legal");

        // A buffer that grows without having been told takes twice what it had.
        assert_eq!(signed.len(), 2 + SIGNED_EXTRA_LEN);
        assert_eq!((signed.capacity(), encoded.capacity()), (signed.len(), encoded.len()));
    }

    #[test]
    fn a_cookie_is_good_up_to_its_expiry_and_not_after() {
        let (codec, payload) = (codec(), payload());
        let value = codec.encode(&payload, UnixMillis::new(1000));
        let mut text = b"from before".to_vec();

        for (now, expected) in [(999, Ok(())), (1000, Ok(())), (1001, Err(DecodeError::Expired))] {
            let (now, legacy) = (UnixMillis::new(now), LegacyCookies::Reject);
            let decoded = codec.decode(&value, now, legacy);
            let in_text = codec.decode_text_into(value.as_bytes(), now, legacy, &mut text);

            assert_eq!((decoded.map(drop), in_text), (expected, expected));
        }
        assert_eq!(text, payload.as_json().as_bytes());
    }

    #[test]
    fn the_id_of_an_index_names_no_session() {
        let codec = codec();
        let index = SessionId::user_index("alice").expect("legal");
        let session = SessionId::parse("a").expect("legal");

        assert_eq!(codec.decode_id(&codec.encode_id(&session)), Ok(session));
        assert_eq!(codec.decode_id(&codec.encode_id(&index)), Err(DecodeError::Malformed));
    }
}
