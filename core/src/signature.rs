//! Signs the text of a cookie value, and verifies it on the way back.
//!
//! ```text
//!   value --sign--> value "." signature --verify--> value
//! ```
//!
//! `signature` is the HMAC-SHA256 of the bytes of `value`, in base64url without padding: 43
//! characters for 32 bytes. One spelling only is accepted, the one that we write: a decoder
//! that is kind to padding, white space or stray bits gives every cookie millions of names.
//!
//! This module knows no JSON, no clock and no store; the layout of `value` belongs to
//! [`codec`](crate::codec).
//!
//! # Security
//!
//! A signature says who wrote a value. It does not hide the value, and it does not say when it
//! was written: expiry is the codec's to check.

use base64_simd::{AppendBase64Encode, AsOut, URL_SAFE_NO_PAD};

use crate::error::DecodeError;
use crate::key_ring::{Key, KeyRing};
use crate::mac::MAC_LEN;

/// Characters that signing adds to a value: the dot and the signature.
pub(crate) const SIGNED_EXTRA_LEN: usize = 1 + SIGNATURE_LEN;

/// Text that is being written: a `String`, or its bytes.
pub(crate) trait Text: AppendBase64Encode {
    fn bytes(&self) -> &[u8];
    fn push_text(&mut self, text: &str);
    fn reserve(&mut self, bytes: usize);
}

impl Text for String {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    fn push_text(&mut self, text: &str) {
        self.push_str(text);
    }

    fn reserve(&mut self, bytes: usize) {
        self.reserve(bytes);
    }
}

impl Text for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn push_text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    fn reserve(&mut self, bytes: usize) {
        self.reserve(bytes);
    }
}

/// Appends the dot and the primary key's signature to the value that `text` holds.
pub(crate) fn sign(ring: &KeyRing, text: &mut impl Text) {
    let mac = ring.primary().state().sign(text.bytes());
    text.push_text(".");
    URL_SAFE_NO_PAD.encode_append(mac, text);
}

/// Returns the part of `signed` that a key of `ring` vouches for.
pub(crate) fn verify<'a>(ring: &KeyRing, signed: &'a [u8]) -> Result<&'a [u8], DecodeError> {
    verify_by(ring.all(), signed)
}

/// Returns the part of `signed` that one of `keys` vouches for.
pub(crate) fn verify_by<'a, 'k>(
    mut keys: impl Iterator<Item = &'k Key>,
    signed: &'a [u8],
) -> Result<&'a [u8], DecodeError> {
    let Some(dot) = signed.len().checked_sub(SIGNED_EXTRA_LEN).filter(|at| signed[*at] == b'.')
    else {
        let unsigned = !signed.contains(&b'.');
        return Err(if unsigned { DecodeError::Unsigned } else { DecodeError::BadSignature });
    };
    let (value, signature) = (&signed[..dot], &signed[dot + 1..]);

    // Decoding refuses another dot, so the one at `dot` is the last.
    let mut mac = [0; MAC_LEN];
    let decoded = URL_SAFE_NO_PAD.decode(signature, mac.as_mut_slice().as_out());
    decoded.map_err(|_| DecodeError::BadSignature)?;

    let made_it = keys.any(|key| key.state().verify(value, &mac));
    made_it.then_some(value).ok_or(DecodeError::BadSignature)
}

const SIGNATURE_LEN: usize = URL_SAFE_NO_PAD.encoded_length(MAC_LEN);

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> KeyRing {
        KeyRing::from_secrets(["test-secret-32-chars-exactly!!xx"]).expect("legal")
    }

    #[test]
    fn only_one_spelling_of_a_signature_is_accepted() {
        let mut signed = String::from("id-0");
        sign(&ring(), &mut signed);
        let (value, signature) = signed.split_at(5);

        assert_eq!(verify(&ring(), signed.as_bytes()), Ok(&b"id-0"[..]));
        let last = signature.chars().last().expect("43 characters");
        for other in
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n".chars()
        {
            if other != last {
                let forged = format!("{value}{}{other}", &signature[..42]);
                let verified = verify(&ring(), forged.as_bytes());
                assert_eq!(verified, Err(DecodeError::BadSignature), "{other:?}");
            }
        }
    }

    #[test]
    fn text_without_a_dot_is_unsigned_whatever_its_length() {
        for len in [0, 1, 42, 43, 44, 45, 1000] {
            assert_eq!(verify(&ring(), &vec![b'a'; len]), Err(DecodeError::Unsigned));
        }
        assert_eq!(verify(&ring(), b"."), Err(DecodeError::BadSignature));
    }

    #[test]
    fn text_that_is_cut_inside_a_character_is_unsigned() {
        let signed = format!("\u{1f36a}{}", "\u{e9}".repeat(30));

        assert_eq!(verify(&ring(), signed.as_bytes()), Err(DecodeError::Unsigned));
    }
}
