//! Computes and verifies HMAC-SHA256, derives keys from a secret, and hashes.
//!
//! ```text
//!   inner: SHA-256 of (key ^ 0x36..) ----- then the message --+
//!                                                             v
//!   outer: SHA-256 of (key ^ 0x5c..) ----- then that hash ----> the signature
//! ```
//!
//! The only file that names a hash function, with [`sha256_state`]. A [`MacState`] is a key
//! after its set-up, the two states on the left, which is two of the four blocks that a short
//! message costs: it is computed once for each key and cloned for each message (`mac/cached`
//! against `mac/fresh` in the bench shows what it saves).

mod sha256_state;

use std::fmt;

use hkdf::Hkdf;
use hmac::Hmac;
use hmac::digest::CtOutput;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use sha256_state::Sha256State;

pub(crate) use sha256_state::BLOCK;

/// Bytes of a signature before it is written as text.
pub(crate) const MAC_LEN: usize = sha256_state::LEN;

/// A key, hashed and ready to sign; wiped when dropped.
#[derive(Clone)]
pub(crate) struct MacState {
    inner: Sha256State,
    outer: Sha256State,
}

impl MacState {
    /// Sets a key up; keys over 64 bytes are hashed, as HMAC says.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        if key.len() > BLOCK {
            block[..MAC_LEN].copy_from_slice(&*Zeroizing::new(sha256(key)));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let under = |pad: u8| Sha256State::after(&*Zeroizing::new([block.map(|it| it ^ pad)]));
        Self { inner: under(0x36), outer: under(0x5c) }
    }

    /// The key with the start of every message that it is to sign: hashed here, once, and no more
    /// with each message.
    pub(crate) fn after(mut self, context: &[[u8; BLOCK]]) -> Self {
        self.inner.update(context);
        self
    }

    /// Signs the bytes of one part after the other.
    pub(crate) fn sign_parts<const N: usize>(&self, parts: [&[u8]; N]) -> [u8; MAC_LEN] {
        self.outer.hash([&self.inner.hash(parts)])
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; MAC_LEN] {
        self.sign_parts([message])
    }

    /// Whether `signature` is this key's over `message`; the time it takes tells nothing else.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; MAC_LEN]) -> bool {
        // Not `==` of bytes: the time that takes tells how many leading ones are right.
        let constant_time = |mac: [u8; MAC_LEN]| CtOutput::<Hmac<Sha256>>::new(mac.into());
        constant_time(self.sign(message)) == constant_time(*signature)
    }
}

impl Drop for MacState {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl ZeroizeOnDrop for MacState {}

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

    use hmac::{KeyInit, Mac};

    use super::*;

    thread_local! {
        /// How many keys this thread has derived.
        pub(crate) static DERIVED: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn the_second_test_case_of_rfc_4231_comes_out() {
        let state = MacState::new(b"Jefe");

        let signature = state.sign(b"what do ya want for nothing?");

        assert_eq!(signature[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert!(state.verify(b"what do ya want for nothing?", &signature));
        assert!(!state.verify(b"what do ya want for nothing!", &signature));
    }

    #[test]
    fn a_context_and_parts_are_signed_as_one_text() {
        let whole = MacState::new(b"Jefe");
        let begun = MacState::new(b"Jefe").after(&[[b'a'; BLOCK], [b'b'; BLOCK]]);

        let context = ["a".repeat(BLOCK), "b".repeat(BLOCK)].concat();
        let signature = whole.sign(format!("{context}want for?").as_bytes());
        assert_eq!(begun.sign_parts([b"want ", b"for?"]), signature);
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

    /// Every way that a length can fall on the blocks, in one part and in two.
    #[test]
    fn each_length_of_key_and_message_agrees_with_the_hmac_crate() {
        let bytes: Vec<u8> = (0..=255).cycle().take(400).collect();
        for key_len in [0, 1, 32, 63, 64, 65, 200] {
            let key = &bytes[..key_len];
            let state = MacState::new(key);
            for len in 0..300 {
                let message = &bytes[100..100 + len];
                let mut theirs = Hmac::<Sha256>::new_from_slice(key).expect("any length");
                theirs.update(message);
                let expected: [u8; MAC_LEN] = theirs.finalize().into_bytes().into();

                assert_eq!(state.sign(message), expected, "{key_len}, {len}");
                let (start, end) = message.split_at(len / 3);
                assert_eq!(state.sign_parts([start, end]), expected, "{key_len}, {len}");
                let (blocks, rest) = message.as_chunks();
                let begun = state.clone().after(blocks);
                assert_eq!(begun.sign(rest), expected, "{key_len}, {len}");
            }
        }
    }

    #[test]
    fn one_wrong_bit_anywhere_in_a_signature_is_refused() {
        let state = MacState::new(b"Jefe");
        let signature = state.sign(b"id");

        assert!(state.verify(b"id", &signature));
        for bit in 0..8 * MAC_LEN {
            let mut forged = signature;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!state.verify(b"id", &forged), "{bit}");
        }
    }

    #[test]
    fn a_wiped_state_holds_nothing_of_its_key() {
        let mut state = MacState::new(b"Jefe").after(&[[1; BLOCK]]);

        state.inner.zeroize();

        assert_eq!(state.inner.words(), [0; 8]);
    }
}
