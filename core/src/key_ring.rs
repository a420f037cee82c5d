//! Holds the keys that cookies are signed with.
//!
//! ```text
//!   [ primary | retired | retired | .. ]
//!      signs
//!      verifies  verifies  verifies
//! ```
//!
//! To rotate: put the new key in front and keep the old one behind it until the last cookie it
//! signed has expired, then remove it. A ring never changes once built; build another.
//!
//! The bytes of a key are not kept: only its [`MacState`] is, which is wiped on drop and prints
//! as `***`.

use std::fmt;

use crate::error::ConfigError;
use crate::mac::MacState;
use crate::secret::PLACEHOLDER;

/// One HMAC key.
pub struct Key(MacState);

impl Key {
    /// Sets up a key from its bytes, of any length. 32 random bytes or more are a good key.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::EmptyKey`] if there are no bytes.
    /// - [`ConfigError::PlaceholderSecret`] for `change-me-in-production`, which is public.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let bytes = bytes.as_ref();
        if bytes == PLACEHOLDER.as_bytes() {
            return Err(ConfigError::PlaceholderSecret);
        }
        if bytes.is_empty() {
            return Err(ConfigError::EmptyKey);
        }
        Ok(Self(MacState::new(bytes)))
    }

    pub(crate) fn state(&self) -> &MacState {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

/// Keys in order: the first is the primary and signs, all verify.
#[derive(Debug)]
pub struct KeyRing {
    primary: Key,
    retired: Vec<Key>,
}

impl KeyRing {
    /// Puts `keys` on a ring; the first is the primary.
    ///
    /// # Errors
    ///
    /// [`ConfigError::EmptyKeyRing`] if there is none.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, ConfigError> {
        let mut keys = keys.into_iter();
        let primary = keys.next().ok_or(ConfigError::EmptyKeyRing)?;
        Ok(Self { primary, retired: keys.collect() })
    }

    /// Makes a ring straight from the secrets of a configuration; the first is the primary.
    ///
    /// # Errors
    ///
    /// Those of [`Key::new`] and [`KeyRing::new`].
    ///
    /// ```
    /// use rudder_session::{ConfigError, KeyRing};
    ///
    /// let ring = KeyRing::from_secrets(["new-secret-of-32-random-bytes!!!", "the-old-one"])?;
    /// assert_eq!(format!("{ring:?}"), "KeyRing { primary: Key(***), retired: [Key(***)] }");
    /// assert_eq!(KeyRing::from_secrets([""]).unwrap_err(), ConfigError::EmptyKey);
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn from_secrets<S: AsRef<[u8]>>(
        secrets: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        let keys = secrets.into_iter().map(Key::new).collect::<Result<Vec<_>, _>>()?;
        Self::new(keys)
    }

    pub(crate) fn primary(&self) -> &Key {
        &self.primary
    }

    /// All keys, the primary first: it made nearly every cookie.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.primary).chain(&self.retired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_ring_is_refused() {
        assert_eq!(KeyRing::new([]).unwrap_err(), ConfigError::EmptyKeyRing);
    }

    #[test]
    fn a_weak_key_anywhere_on_the_ring_is_refused() {
        let ring = |secrets: &[&str]| KeyRing::from_secrets(secrets).map(|_| ()).unwrap_err();

        assert_eq!(ring(&["good", ""]), ConfigError::EmptyKey);
        assert_eq!(ring(&["good", "change-me-in-production"]), ConfigError::PlaceholderSecret);
    }
}
