//! Computes and verifies HMAC-SHA256.
//!
//! The only file that names a hash function. A [`MacState`] is a key after its set-up, which
//! is two of the four blocks that a short message costs: it is computed once for each key and
//! cloned for each message (`mac/cached` against `mac/fresh` in the bench shows what it saves).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

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

impl fmt::Debug for MacState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacState(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_test_case_of_rfc_4231_comes_out() {
        let state = MacState::new(b"Jefe").expect("any length");

        let signature = state.sign(b"what do ya want for nothing?");

        assert_eq!(signature[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert!(state.verify(b"what do ya want for nothing?", &signature));
        assert!(!state.verify(b"what do ya want for nothing!", &signature));
    }

    /// Compiles only while sha2 promises to wipe its state: an HMAC's is two of those.
    #[test]
    fn the_state_of_a_key_is_wiped_on_drop() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<Sha256>();
    }
}
