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

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

use crate::error::DecodeError;
use crate::key_ring::KeyRing;
use crate::mac::MAC_LEN;

/// Characters that signing adds to a value: the dot and the signature.
pub(crate) const SIGNED_EXTRA_LEN: usize = 1 + SIGNATURE_LEN;

/// Appends the dot and the primary key's signature to the value that `text` holds.
pub(crate) fn sign(ring: &KeyRing, text: &mut String) {
    let mac = ring.primary().state().sign(text.as_bytes());
    let mut signature = [0; SIGNATURE_LEN];
    let signature = URL_SAFE_NO_PAD.encode_as_str(&mac, signature.as_mut_slice().as_out());
    text.push('.');
    text.push_str(signature);
}

/// Returns the part of `signed` that a key of `ring` vouches for.
pub(crate) fn verify<'a>(ring: &KeyRing, signed: &'a str) -> Result<&'a str, DecodeError> {
    let bytes = signed.as_bytes();
    let Some(dot) = bytes.len().checked_sub(SIGNED_EXTRA_LEN).filter(|at| bytes[*at] == b'.')
    else {
        let unsigned = !bytes.contains(&b'.');
        return Err(if unsigned { DecodeError::Unsigned } else { DecodeError::BadSignature });
    };
    // A dot is one byte of ASCII, so both cuts are between characters.
    let (value, signature) = (&signed[..dot], &bytes[dot + 1..]);

    // Decoding refuses another dot, so the one at `dot` is the last.
    let mut mac = [0; MAC_LEN];
    let decoded = URL_SAFE_NO_PAD.decode(signature, mac.as_mut_slice().as_out());
    decoded.map_err(|_| DecodeError::BadSignature)?;

    let made_by = |key: &crate::Key| key.state().verify(value.as_bytes(), &mac);
    ring.all().any(made_by).then_some(value).ok_or(DecodeError::BadSignature)
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

        assert_eq!(verify(&ring(), &signed), Ok("id-0"));
        let last = signature.chars().last().expect("43 characters");
        for other in
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n".chars()
        {
            if other != last {
                let forged = format!("{value}{}{other}", &signature[..42]);
                assert_eq!(verify(&ring(), &forged), Err(DecodeError::BadSignature), "{other:?}");
            }
        }
    }

    #[test]
    fn text_without_a_dot_is_unsigned_whatever_its_length() {
        for len in [0, 1, 42, 43, 44, 45, 1000] {
            assert_eq!(verify(&ring(), &"a".repeat(len)), Err(DecodeError::Unsigned));
        }
        assert_eq!(verify(&ring(), "."), Err(DecodeError::BadSignature));
    }

    #[test]
    fn a_dot_inside_a_character_is_not_looked_for() {
        let signed = format!("\u{1f36a}{}", "\u{e9}".repeat(30));

        assert_eq!(verify(&ring(), &signed), Err(DecodeError::Unsigned));
    }
}
