//! Makes and reads cookie values of the hardened format, opt-in: version, key, purpose, cookie
//! name and expiry are all part of what is signed, and payloads may be encrypted.
//!
//! ```text
//!   payload --sign or seal--> v2p. or v2s. value     the payload lives in the cookie
//!   id      --sign----------> v2i. value             the payload lives in a store
//!   a value of v1 is read too, until an instant that the configuration names
//! ```
//!
//! `layout` says where the bytes are, `proof` signs and seals, and `DESIGN.md` says why. No clock, and no randomness but for
//! seals. The tag decides who reads a value, and what that one refuses no other is asked about.

mod key;
mod layout;
mod proof;
#[cfg(test)]
mod tests;

use std::fmt;

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

pub use key::HardenedKey;

use crate::codec::{LegacyCookies, accept};
use crate::envelope;
use crate::error::{ConfigError, DecodeError, EncodeError};
use crate::payload::Payload;
use crate::session_id::{HARDENED_BYTES, SessionId, hardened_bytes};
use crate::signature::{self, Text};
use crate::time::UnixMillis;
use key::RingKey;
use layout::{Kind, TRAILER_LEN};
use proof::{Seal, append_signed, expire, verify};

/// The settings of a [`HardenedCodec`].
#[derive(Debug)]
pub struct HardenedConfig {
    /// The first one signs, all of them verify.
    pub keys: Vec<HardenedKey>,
    /// The name of the cookie that the values are for. Under another name they are refused.
    pub cookie_name: String,
    /// Whether to encrypt payloads, and to which multiple of bytes to pad them: 1 shows their
    /// length. Ids are not encrypted, since they say nothing.
    pub seal_padded_to: Option<usize>,
    /// The last instant at which values of v1 are accepted; `None` accepts none.
    pub accept_v1_until: Option<UnixMillis>,
    /// What to do with values of v1 that carry no expiry, as long as such are accepted at all.
    pub legacy: LegacyCookies,
}

impl HardenedConfig {
    /// Signed values of these keys for the cookie of this name, and no others.
    pub fn new(keys: Vec<HardenedKey>, cookie_name: impl Into<String>) -> Self {
        Self {
            keys,
            cookie_name: cookie_name.into(),
            seal_padded_to: None,
            accept_v1_until: None,
            legacy: LegacyCookies::default(),
        }
    }
}

/// Who made a value that was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The primary key, as it makes values today.
    Primary,
    /// A retired key: make the value anew, before that one is removed.
    Retired,
    /// Any key, in the format of v1: make the value anew. One with an id should have a new id.
    V1,
}

/// Encodes and decodes cookie values of the hardened format.
///
/// ```
/// use rudder_session::{DecodeError, HardenedCodec, HardenedConfig, HardenedKey, Origin};
/// use rudder_session::{Payload, SessionId, UnixMillis};
///
/// let keys = vec![HardenedKey::new("0123456789abcdef0123456789abcdef")?];
/// let codec = HardenedCodec::new(HardenedConfig::new(keys, "sid"))?;
/// let mut payload = Payload::new(&SessionId::random_256()?);
/// payload.put("cart", &3)?;
///
/// let value = codec.encode(&payload, UnixMillis::new(1_000))?;
///
/// assert_eq!(codec.decode(&value, UnixMillis::new(1_000)), Ok((payload, Origin::Primary)));
/// assert_eq!(codec.decode(&value, UnixMillis::new(1_001)), Err(DecodeError::Expired));
/// assert_eq!(codec.decode_id(&value, UnixMillis::new(1_000)), Err(DecodeError::OtherFormat));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HardenedCodec {
    primary: RingKey,
    retired: Vec<RingKey>,
    seal: Option<Seal>,
    accept_v1_until: Option<UnixMillis>,
    legacy: LegacyCookies,
}

impl HardenedCodec {
    /// Derives all keys, once: none is derived again with each value.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::EmptyKeyRing`] if there is no key.
    /// - [`ConfigError::InvalidCookieName`] if the name is empty, or longer than 65,535 bytes.
    /// - [`ConfigError::Padding`] if that is not 1 to 4,096.
    pub fn new(config: HardenedConfig) -> Result<Self, ConfigError> {
        let HardenedConfig { keys, cookie_name, seal_padded_to, accept_v1_until, legacy } = config;
        if cookie_name.is_empty() {
            return Err(ConfigError::InvalidCookieName);
        }
        let mut keys = keys.into_iter().map(|key| RingKey::new(key, &cookie_name));
        let primary = keys.next().ok_or(ConfigError::EmptyKeyRing)??;
        let seal = match seal_padded_to {
            None => None,
            Some(pad_to @ 1..=4096) => {
                let context = layout::context(Kind::Sealed, &cookie_name);
                Some(Seal { context: context.ok_or(ConfigError::InvalidCookieName)?, pad_to })
            }
            Some(_) => return Err(ConfigError::Padding),
        };
        let retired = keys.collect::<Result<_, _>>()?;
        Ok(Self { primary, retired, seal, accept_v1_until, legacy })
    }

    /// Encodes a payload that lives in the cookie itself.
    ///
    /// The value is accepted up to and including `expires_at`, rounded up to whole milliseconds.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Randomness`], of a codec that encrypts.
    pub fn encode(&self, payload: &Payload, expires_at: UnixMillis) -> Result<String, EncodeError> {
        let mut value = String::new();
        self.append_payload(payload.as_json().as_bytes(), expires_at, &mut value)?;
        Ok(value)
    }

    /// [`encode`](Self::encode) into a buffer, which loses what it held, from the text of a
    /// payload in UTF-8; see
    /// [`CookieCodec::encode_text_into`](crate::CookieCodec::encode_text_into).
    ///
    /// # Errors
    ///
    /// Those of `encode`, and [`EncodeError::Payload`] if text that was parsed is no payload.
    pub fn encode_text_into(
        &self,
        payload_json: &[u8],
        expires_at: UnixMillis,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.clear();
        if envelope::canonical_body(payload_json).is_some() {
            return self.append_payload(payload_json, expires_at, out);
        }
        let text = str::from_utf8(payload_json).map_err(|_| crate::PayloadError::NotAPayload)?;
        self.append_payload(Payload::parse(text)?.as_json().as_bytes(), expires_at, out)
    }

    /// Decodes a cookie value whose payload lives in the cookie itself.
    ///
    /// # Errors
    ///
    /// - [`DecodeError::OtherFormat`] if it does not begin as such a value does, and is not to be
    ///   read as one of v1.
    /// - [`DecodeError::BadSignature`] if it is not spelled as one, or by none of the keys.
    /// - [`DecodeError::Expired`] if `now` is past the expiry.
    /// - [`DecodeError::Malformed`] if a key made it, but of no payload.
    /// - Those of [`CookieCodec::decode`](crate::CookieCodec::decode), of a value of v1.
    pub fn decode(&self, value: &str, now: UnixMillis) -> Result<(Payload, Origin), DecodeError> {
        let mut text = Vec::new();
        let origin = self.decode_text_into(value.as_bytes(), now, &mut text)?;
        let text = String::from_utf8(text)
            .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned());
        let payload = Payload::parse(text).map_err(|_| DecodeError::Malformed)?;
        Ok((payload, origin))
    }

    /// [`decode`](Self::decode) into a buffer, which loses what it held: the text of the payload,
    /// with the reservations of
    /// [`CookieCodec::decode_text_into`](crate::CookieCodec::decode_text_into).
    ///
    /// # Errors
    ///
    /// Those of `decode`. Of `out` nothing is to be used then.
    pub fn decode_text_into(
        &self,
        value: &[u8],
        now: UnixMillis,
        out: &mut Vec<u8>,
    ) -> Result<Origin, DecodeError> {
        let kind = if self.seal.is_some() { Kind::Sealed } else { Kind::Payload };
        let Some(text) = value.strip_prefix(kind.tag().as_bytes()) else {
            let signed = self.verify_v1(value, now)?;
            accept(envelope::decode_text(signed, out)?, now, self.legacy)?;
            return Ok(Origin::V1);
        };
        let key_id = layout::key_id(kind, text)?;
        let mut named = self.named(key_id, now).peekable();
        named.peek().ok_or(DecodeError::BadSignature)?;
        out.clear();
        URL_SAFE_NO_PAD.decode_append(text, out).map_err(|_| DecodeError::BadSignature)?;

        let (body_len, origin) = match &self.seal {
            None => verify(named.map(|(key, origin)| (&key.payload, origin)), kind, out)?,
            Some(seal) => seal.unseal(named, out)?,
        };
        expire(kind, out, now)?;
        out.truncate(body_len);
        if envelope::canonical_body(out).is_none() {
            // Another spelling. What is not UTF-8 becomes U+FFFD, as in v1.
            let text = String::from_utf8_lossy(out).into_owned();
            let payload = Payload::parse(text).map_err(|_| DecodeError::Malformed)?;
            out.clear();
            out.extend_from_slice(payload.as_json().as_bytes());
        }
        Ok(origin)
    }

    /// Encodes the id of a session whose payload lives in a store. A value ends as a payload's
    /// does, at `expires_at`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::InvalidId`] for an id that is not of this format.
    pub fn encode_id(&self, id: &SessionId, expires_at: UnixMillis) -> Result<String, EncodeError> {
        let mut value = Vec::new();
        self.encode_id_into(id.as_str().as_bytes(), expires_at, &mut value)?;
        // Base64url behind a tag.
        Ok(String::from_utf8(value).unwrap_or_default())
    }

    /// [`encode_id`](Self::encode_id) into a buffer, which loses what it held, from the text of an
    /// id.
    ///
    /// # Errors
    ///
    /// Those of `encode_id`.
    pub fn encode_id_into(
        &self,
        id: &[u8],
        expires_at: UnixMillis,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let id = hardened_bytes(id).ok_or(EncodeError::InvalidId)?;
        let trailer = layout::trailer(expires_at, self.primary.id);
        out.clear();
        append_signed(&self.primary.session_id, Kind::Id, &id, trailer, out);
        Ok(())
    }

    /// Decodes a cookie value that carries the id of a session.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Self::decode); [`DecodeError::Malformed`] if a value of v1 signs what
    /// could name no record.
    pub fn decode_id(
        &self,
        value: &str,
        now: UnixMillis,
    ) -> Result<(SessionId, Origin), DecodeError> {
        let mut text = Vec::new();
        let origin = self.decode_id_into(value.as_bytes(), now, &mut text)?;
        let id = str::from_utf8(&text).ok().and_then(SessionId::parse);
        Ok((id.ok_or(DecodeError::Malformed)?, origin))
    }

    /// [`decode_id`](Self::decode_id) into a buffer, which loses what it held: the text of the id.
    ///
    /// # Errors
    ///
    /// Those of `decode_id`. Of `out` nothing is to be used then.
    pub fn decode_id_into(
        &self,
        value: &[u8],
        now: UnixMillis,
        out: &mut Vec<u8>,
    ) -> Result<Origin, DecodeError> {
        out.clear();
        let Some(text) = value.strip_prefix(Kind::Id.tag().as_bytes()) else {
            let signed = self.verify_v1(value, now)?;
            let id = str::from_utf8(signed).ok().and_then(SessionId::parse);
            let id = id.filter(|id| !id.is_user_index());
            out.extend_from_slice(id.ok_or(DecodeError::Malformed)?.as_str().as_bytes());
            return Ok(Origin::V1);
        };
        let mut bytes = [0; HARDENED_BYTES + TRAILER_LEN + Kind::Id.proof_len()];
        if text.len() != URL_SAFE_NO_PAD.encoded_length(bytes.len()) {
            return Err(DecodeError::BadSignature);
        }
        let decoded = URL_SAFE_NO_PAD.decode(text, bytes.as_mut_slice().as_out());
        decoded.map_err(|_| DecodeError::BadSignature)?;

        let (id, trailer) = bytes[..HARDENED_BYTES + TRAILER_LEN].split_at(HARDENED_BYTES);
        let key_id = trailer.last_chunk().ok_or(DecodeError::BadSignature)?;
        let named = self.named(*key_id, now).map(|(key, origin)| (&key.session_id, origin));
        let (_, origin) = verify(named, Kind::Id, &bytes)?;
        URL_SAFE_NO_PAD.encode_append(id, out);
        expire(Kind::Id, &mut bytes, now)?;
        Ok(origin)
    }

    /// The keys with this id that are still good: one, as good as always.
    fn named(
        &self,
        id: layout::KeyId,
        now: UnixMillis,
    ) -> impl Iterator<Item = (&RingKey, Origin)> {
        let retired = self.retired.iter().map(|key| (key, Origin::Retired));
        let all = std::iter::once((&self.primary, Origin::Primary)).chain(retired);
        all.filter(move |(key, _)| key.id == id && key.is_good(now))
    }

    /// The part of a value of v1 that a key vouches for, if such are accepted.
    fn verify_v1<'a>(&self, value: &'a [u8], now: UnixMillis) -> Result<&'a [u8], DecodeError> {
        // One that names another kind is that kind's, whatever else somebody has signed.
        if self.accept_v1_until.is_none_or(|until| now > until) || Kind::is_tagged(value) {
            return Err(DecodeError::OtherFormat);
        }
        let all = std::iter::once(&self.primary).chain(&self.retired);
        signature::verify_by(all.filter(|key| key.is_good(now)).map(|key| &key.v1), value)
    }

    fn append_payload(
        &self,
        json: &[u8],
        expires_at: UnixMillis,
        out: &mut impl Text,
    ) -> Result<(), EncodeError> {
        let trailer = layout::trailer(expires_at, self.primary.id);
        match &self.seal {
            None => {
                append_signed(&self.primary.payload, Kind::Payload, json, trailer, out);
                Ok(())
            }
            Some(seal) => seal.append_sealed(&self.primary, json, trailer, out),
        }
    }
}

/// Prints nothing of the keys.
impl fmt::Debug for HardenedCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HardenedCodec")
            .field("seals", &self.seal.is_some())
            .field("retired_keys", &self.retired.len())
            .finish_non_exhaustive()
    }
}
