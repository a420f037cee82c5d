//! Reads and writes session cookies in the format that an engine is set to.
//!
//! ```text
//!   v1    the format of @rudderjs/session; ids are UUIDs
//!   v2    the hardened format; ids have 256 bits, and stores see their hashes
//! ```
//!
//! Knows no session. What a cookie that has to be made anew leads to is `state`'s.

use rudder_session_core::{
    CookieCodec, DecodeError, HardenedCodec, HardenedConfig, HardenedKey, KeyRing, LegacyCookies,
    Origin, Payload, SessionId, StoreError, UnixMillis,
};
use zeroize::Zeroizing;

use crate::config::{Driver, Settings, refused};
use crate::error::Failure;

/// How an engine's cookies are made.
pub(crate) enum Format {
    V1 { codec: CookieCodec, legacy: LegacyCookies },
    V2(Box<HardenedCodec>),
}

/// Which ids the sessions of a format get.
#[derive(Clone, Copy)]
pub(crate) enum IdKind {
    Bits256,
    Uuid,
}

/// A secret as it was set.
pub(crate) struct Secret {
    pub(crate) text: Zeroizing<String>,
    pub(crate) until: Option<UnixMillis>,
}

/// The settings that concern the format alone.
#[derive(Default)]
pub(crate) struct FormatSettings {
    pub(crate) is_v2: bool,
    pub(crate) accept_v1_until: Option<UnixMillis>,
    pub(crate) encrypt: bool,
    pub(crate) pad_to: Option<usize>,
}

impl Format {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        let FormatSettings { is_v2, accept_v1_until, encrypt, pad_to } = settings.format;
        if !is_v2 {
            return Self::v1(settings);
        }
        if encrypt && !matches!(settings.driver, Driver::Cookie) {
            return Err(refused("encrypt", "needs the driver cookie: no other sends data"));
        }
        if pad_to.is_some() && !encrypt {
            return Err(refused("padTo", "needs encrypt: what is signed shows its length"));
        }
        let keys = settings.secrets.iter().map(|Secret { text, until }| {
            let key = HardenedKey::new(text.as_bytes())?;
            Ok(match until {
                Some(until) => key.until(*until),
                None => key,
            })
        });
        let keys = keys.collect::<Result<Vec<_>, Failure>>()?;
        let config = HardenedConfig::new(keys, settings.cookie.name.as_str());
        let codec = HardenedCodec::new(HardenedConfig {
            seal_padded_to: encrypt.then(|| pad_to.unwrap_or(1)),
            accept_v1_until,
            legacy: settings.legacy,
            ..config
        })?;
        Ok(Self::V2(Box::new(codec)))
    }

    fn v1(settings: &Settings) -> Result<Self, Failure> {
        let FormatSettings { accept_v1_until, encrypt, pad_to, .. } = settings.format;
        let only_v2 = [
            ("acceptV1Until", accept_v1_until.is_some()),
            ("encrypt", encrypt),
            ("padTo", pad_to.is_some()),
            ("secretUntil", settings.secrets.iter().any(|it| it.until.is_some())),
        ];
        if let Some((key, _)) = only_v2.into_iter().find(|(_, is_set)| *is_set) {
            return Err(refused(key, "needs the format v2"));
        }
        let ring = KeyRing::from_secrets(settings.secrets.iter().map(|it| it.text.as_bytes()))?;
        Ok(Self::V1 { codec: CookieCodec::new(ring), legacy: settings.legacy })
    }

    pub(crate) fn is_v2(&self) -> bool {
        matches!(self, Self::V2(_))
    }

    pub(crate) fn id_kind(&self) -> IdKind {
        if self.is_v2() { IdKind::Bits256 } else { IdKind::Uuid }
    }

    pub(crate) fn decode(
        &self,
        value: &str,
        now: UnixMillis,
    ) -> Result<(Payload, Origin), DecodeError> {
        match self {
            Self::V1 { codec, legacy } => {
                codec.decode(value, now, *legacy).map(|payload| (payload, Origin::Primary))
            }
            Self::V2(codec) => codec.decode(value, now),
        }
    }

    pub(crate) fn decode_id(
        &self,
        value: &str,
        now: UnixMillis,
    ) -> Result<(SessionId, Origin), DecodeError> {
        match self {
            Self::V1 { codec, .. } => codec.decode_id(value).map(|id| (id, Origin::Primary)),
            Self::V2(codec) => codec.decode_id(value, now),
        }
    }

    pub(crate) fn encode(
        &self,
        payload: &Payload,
        expires_at: UnixMillis,
    ) -> Result<String, Failure> {
        match self {
            Self::V1 { codec, .. } => Ok(codec.encode(payload, expires_at)),
            Self::V2(codec) => Ok(codec.encode(payload, expires_at)?),
        }
    }

    /// `None` for an id that is not of the format: such a one came with a cookie that leads to a
    /// session which has, or had, another id.
    pub(crate) fn encode_id(&self, id: &SessionId, expires_at: UnixMillis) -> Option<String> {
        match self {
            Self::V1 { codec, .. } => Some(codec.encode_id(id)),
            Self::V2(codec) => codec.encode_id(id, expires_at).ok(),
        }
    }
}

impl IdKind {
    pub(crate) fn make(self) -> Result<SessionId, StoreError> {
        match self {
            Self::Bits256 => SessionId::random_256(),
            Self::Uuid => SessionId::random(),
        }
    }
}
