//! Derives from one secret a key for each purpose, and finds the key that a value names.
//!
//! ```text
//!   secret --HKDF--> kid, "signed payload", "signed id", "sealed payload"
//!                    the secret itself is the key of v1, which is verified with and never signs
//! ```

use std::fmt;

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};

use super::layout::{KeyId, Kind, context};
use crate::error::ConfigError;
use crate::key_ring::Key;
use crate::mac::{Derivation, MacState};
use crate::time::UnixMillis;

/// One secret of a [`HardenedCodec`](super::HardenedCodec), and how long it is good for.
pub struct HardenedKey {
    derivation: Derivation,
    v1: Key,
    until: Option<UnixMillis>,
}

impl HardenedKey {
    /// Sets up a secret, of any length. It should have 32 random bytes: what is derived from a
    /// word is as easy to guess as the word.
    ///
    /// # Errors
    ///
    /// Those of [`Key::new`].
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        let v1 = Key::new(secret)?;
        Ok(Self { derivation: Derivation::new(SALT, secret), v1, until: None })
    }

    /// The same secret, of which nothing is accepted after `until`, whatever it has signed.
    ///
    /// For a retired one: no need to think of removing it.
    pub fn until(self, until: UnixMillis) -> Self {
        Self { until: Some(until), ..self }
    }
}

impl fmt::Debug for HardenedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HardenedKey(***)")
    }
}

/// What is derived from one secret for cookies of one name.
pub(super) struct RingKey {
    pub(super) id: KeyId,
    pub(super) payload: MacState,
    pub(super) session_id: MacState,
    pub(super) seal: XChaCha20Poly1305,
    pub(super) v1: Key,
    until: Option<UnixMillis>,
}

impl RingKey {
    pub(super) fn new(key: HardenedKey, cookie_name: &str) -> Result<Self, ConfigError> {
        let HardenedKey { derivation, v1, until } = key;
        let state = |kind: Kind| {
            let context = context(kind, cookie_name).ok_or(ConfigError::InvalidCookieName)?;
            Ok(MacState::new(&*derivation.key::<32>(kind.purpose())).after(&context))
        };
        let seal = derivation.key::<32>(Kind::Sealed.purpose());
        Ok(Self {
            id: *derivation.key("key id"),
            payload: state(Kind::Payload)?,
            session_id: state(Kind::Id)?,
            seal: XChaCha20Poly1305::new((&*seal).into()),
            v1,
            until,
        })
    }

    /// Whether what this key made is still accepted.
    pub(super) fn is_good(&self, now: UnixMillis) -> bool {
        self.until.is_none_or(|until| now <= until)
    }
}

const SALT: &[u8] = b"rudder-session v2";

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only while the cipher promises to wipe its key; that of an HMAC is `mac`'s.
    #[test]
    fn the_key_of_a_seal_is_wiped_on_drop() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<XChaCha20Poly1305>();
    }

    #[test]
    fn debug_prints_nothing_of_a_secret() {
        let key = HardenedKey::new("0123456789abcdef0123456789abcdef").expect("legal");

        assert_eq!(format!("{key:?}"), "HardenedKey(***)");
    }
}
