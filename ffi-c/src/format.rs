//! Reads and writes session cookies in the format that an engine is set to.
//!
//! ```text
//!   v1    the format of @rudderjs/session; ids are UUIDs
//!   v2    the hardened format; ids have 256 bits, and stores see their hashes
//! ```
//!
//! Knows no session. What a cookie that has to be made anew leads to is `state`'s.

use rudder_session_core::secret::Secret;
use rudder_session_core::{
    ConfigError, CookieCodec, DecodeError, HardenedCodec, HardenedConfig, HardenedKey, KeyRing,
    LegacyCookies, Origin, Payload, Rotating, SessionId, StoreError, UnixMillis,
};

use crate::config::{Driver, Settings, refused};
use crate::error::Failure;

/// How an engine's cookies are made.
pub(crate) struct Format {
    is_v2: bool,
    codecs: Rotating<Codec>,
}

/// Which ids the sessions of a format get.
#[derive(Clone, Copy)]
pub(crate) enum IdKind {
    Bits256,
    Uuid,
}

/// The settings that concern the format alone.
#[derive(Default)]
pub(crate) struct FormatSettings {
    pub(crate) is_v2: bool,
    pub(crate) accept_v1_until: Option<UnixMillis>,
    pub(crate) encrypt: bool,
    pub(crate) pad_to: Option<usize>,
}

/// Of the keys that are good for some time.
enum Codec {
    V1 { codec: CookieCodec, legacy: LegacyCookies },
    V2(Box<HardenedCodec>),
}

impl Format {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        let FormatSettings { is_v2, accept_v1_until, encrypt, pad_to } = settings.format;
        let (legacy, sources) = (settings.legacy, settings.secrets.clone());
        if !is_v2 {
            let only_v2 = [
                ("acceptV1Until", accept_v1_until.is_some()),
                ("encrypt", encrypt),
                ("padTo", pad_to.is_some()),
            ];
            if let Some((key, _)) = only_v2.into_iter().find(|(_, is_set)| *is_set) {
                return Err(refused(key, "needs the format v2"));
            }
            let codecs = Rotating::open(sources, move |secrets| {
                let ring = KeyRing::from_secrets(secrets.iter().map(Secret::expose))?;
                Ok(Codec::V1 { codec: CookieCodec::new(ring), legacy })
            })?;
            return Ok(Self { is_v2, codecs });
        }
        if encrypt && !matches!(settings.driver, Driver::Cookie) {
            return Err(refused("encrypt", "needs the driver cookie: no other sends data"));
        }
        if pad_to.is_some() && !encrypt {
            return Err(refused("padTo", "needs encrypt: what is signed shows its length"));
        }
        let cookie_name = settings.cookie.name.clone();
        let codecs = Rotating::open(sources, move |secrets| {
            let keys = secrets.iter().map(|it| HardenedKey::new(it.expose()));
            let keys = keys.collect::<Result<_, ConfigError>>()?;
            let codec = HardenedCodec::new(HardenedConfig {
                seal_padded_to: encrypt.then(|| pad_to.unwrap_or(1)),
                accept_v1_until,
                legacy,
                ..HardenedConfig::new(keys, cookie_name.as_str())
            })?;
            Ok(Codec::V2(Box::new(codec)))
        })?;
        Ok(Self { is_v2, codecs })
    }

    /// Reads the secrets anew from their files and variables.
    pub(crate) fn reload(&self) -> Result<(), ConfigError> {
        self.codecs.reload()
    }

    pub(crate) fn has_weak_secret(&self) -> bool {
        self.codecs.has_weak_secret()
    }

    pub(crate) fn id_kind(&self) -> IdKind {
        if self.is_v2 { IdKind::Bits256 } else { IdKind::Uuid }
    }

    pub(crate) fn decode(
        &self,
        value: &str,
        now: UnixMillis,
    ) -> Result<(Payload, Origin), DecodeError> {
        match &*self.codecs.at(now) {
            Codec::V1 { codec, legacy } => {
                codec.decode(value, now, *legacy).map(|payload| (payload, Origin::Primary))
            }
            Codec::V2(codec) => codec.decode(value, now),
        }
    }

    pub(crate) fn decode_id(
        &self,
        value: &str,
        now: UnixMillis,
    ) -> Result<(SessionId, Origin), DecodeError> {
        match &*self.codecs.at(now) {
            Codec::V1 { codec, .. } => codec.decode_id(value).map(|id| (id, Origin::Primary)),
            Codec::V2(codec) => codec.decode_id(value, now),
        }
    }

    pub(crate) fn encode(
        &self,
        payload: &Payload,
        expires_at: UnixMillis,
    ) -> Result<String, Failure> {
        match &*self.codecs.to_sign() {
            Codec::V1 { codec, .. } => Ok(codec.encode(payload, expires_at)),
            Codec::V2(codec) => Ok(codec.encode(payload, expires_at)?),
        }
    }

    /// `None` for an id that is not of the format: such a one came with a cookie that leads to a
    /// session which has, or had, another id.
    pub(crate) fn encode_id(&self, id: &SessionId, expires_at: UnixMillis) -> Option<String> {
        match &*self.codecs.to_sign() {
            Codec::V1 { codec, .. } => Some(codec.encode_id(id)),
            Codec::V2(codec) => codec.encode_id(id, expires_at).ok(),
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
