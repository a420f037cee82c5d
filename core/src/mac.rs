//! Computes and verifies HMAC-SHA256, derives keys from a secret, and hashes.
//!
//! The only file that names a hash function. A [`MacState`] is a key after its set-up, which
//! is two of the four blocks that a short message costs: it is computed once for each key and
//! cloned for each message (`mac/cached` against `mac/fresh` in the bench shows what it saves).

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of a signature before it is written as text.
pub(crate) const MAC_LEN: usize = 32;

/// A key, hashed and ready to sign; wiped when dropped.
#[derive(Clone)]
pub(crate) struct MacState(Hmac<Sha256>);

impl MacState {
    /// Sets a key up; keys over 64 bytes are hashed, as HMAC says.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        // HMAC takes keys of any length, so `None` is for a library that changed its mind.
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// The key with the start of every message that it is to sign. Whole blocks of 64 bytes are
    /// hashed here, once, and no more with each message.
    pub(crate) fn after(mut self, context: &[u8]) -> Self {
        self.0.update(context);
        self
    }

    /// Signs the bytes of one part after the other.
    pub(crate) fn sign_parts(&self, parts: [&[u8]; 2]) -> [u8; MAC_LEN] {
        let mut mac = self.0.clone();
        parts.into_iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; MAC_LEN] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// Whether `signature` is this key's over `message`; the time it takes tells nothing else.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; MAC_LEN]) -> bool {
        let mut mac = self.0.clone();
        mac.update(message);
        // Not `==`: the time that takes tells how many leading bytes are right.
        mac.verify_slice(signature).is_ok()
    }
}

/// A secret, ready for keys to be derived from it (HKDF-SHA256); wiped when dropped.
pub(crate) struct Derivation(Hkdf<Sha256>);

impl Derivation {
    pub(crate) fn new(salt: &[u8], secret: &[u8]) -> Self {
        Self(Hkdf::new(Some(salt), secret))
    }

    /// The key for one purpose. Who knows it knows no other one.
    pub(crate) fn key<const LEN: usize>(&self, purpose: &str) -> Zeroizing<[u8; LEN]> {
        const { assert!(LEN <= 255 * MAC_LEN, "HKDF derives no more") }
        #[cfg(test)]
        tests::DERIVED.set(tests::DERIVED.get() + 1);
        let mut key = Zeroizing::new([0; LEN]);
        self.0.expand(purpose.as_bytes(), &mut *key).expect("the length is one that HKDF derives");
        key
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; MAC_LEN] {
    Sha256::digest(bytes).into()
}

impl fmt::Debug for MacState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacState(***)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// How many keys this thread has derived.
        pub(crate) static DERIVED: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn the_second_test_case_of_rfc_4231_comes_out() {
        let state = MacState::new(b"Jefe").expect("any length");

        let signature = state.sign(b"what do ya want for nothing?");

        assert_eq!(signature[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert!(state.verify(b"what do ya want for nothing?", &signature));
        assert!(!state.verify(b"what do ya want for nothing!", &signature));
    }

    #[test]
    fn a_context_and_parts_are_signed_as_one_text() {
        let whole = MacState::new(b"Jefe").expect("any length");
        let begun = MacState::new(b"Jefe").expect("any length").after(b"what do ya ");

        assert_eq!(begun.sign_parts([b"want ", b"for?"]), whole.sign(b"what do ya want for?"));
    }

    #[test]
    fn the_first_test_case_of_rfc_5869_comes_out() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let derivation = Derivation::new(&salt, &[0x0b; 22]);
        // Its `info` is no text, so this takes the way round `key`.
        let mut okm = [0; 4];
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        derivation.0.expand(&info, &mut okm).expect("short");

        assert_eq!(okm, [0x3c, 0xb2, 0x5f, 0x25]);
        assert_ne!(*derivation.key::<32>("a"), *derivation.key::<32>("b"));
    }

    /// Compiles only while sha2 promises to wipe its state: an HMAC's is two of those.
    #[test]
    fn the_state_of_a_key_is_wiped_on_drop() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<Sha256>();
    }
}
