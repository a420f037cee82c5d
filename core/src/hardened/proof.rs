//! Signs and seals the bytes of hardened values, and says whose a value is.
//!
//! ```text
//!   body, trailer --append_signed, append_sealed--> value
//!   bytes         --verify, unseal--> where the body ends, and which key it was
//! ```
//!
//! Which keys are asked is the caller's to say.

use base64_simd::URL_SAFE_NO_PAD;
use chacha20poly1305::AeadInOut;

use super::Origin;
use super::key::RingKey;
use super::layout::{self, Kind, NONCE_LEN, Parts, TAG_LEN, TRAILER_LEN};
use crate::error::{DecodeError, EncodeError, PayloadError};
use crate::mac::{BLOCK, MacState};
use crate::signature::Text;
use crate::time::UnixMillis;

/// Writes a signed value. The body is encoded from where it is, but for its last bytes.
pub(super) fn append_signed(
    key: &MacState,
    kind: Kind,
    body: &[u8],
    trailer: [u8; TRAILER_LEN],
    out: &mut impl Text,
) {
    let signature = key.sign_parts([body, &trailer]);
    let (head, rest) = body.split_at(body.len() / 3 * 3);
    let mut tail = [0; 2 + TRAILER_LEN + Kind::Payload.proof_len()];
    let parts = [rest, &trailer, &signature];
    let tail_len = parts.iter().fold(0, |at, part| {
        tail[at..at + part.len()].copy_from_slice(part);
        at + part.len()
    });
    out.reserve(TAG_LEN + URL_SAFE_NO_PAD.encoded_length(head.len() + tail_len));
    out.push_text(kind.tag());
    URL_SAFE_NO_PAD.encode_append(head, out);
    URL_SAFE_NO_PAD.encode_append(&tail[..tail_len], out);
}

/// The length of the body, and whose signature holds over it.
pub(super) fn verify<'a>(
    mut keys: impl Iterator<Item = (&'a MacState, Origin)>,
    kind: Kind,
    bytes: &[u8],
) -> Result<(usize, Origin), DecodeError> {
    let (signed, signature) = bytes.split_last_chunk().ok_or(DecodeError::BadSignature)?;
    let made_it = keys.find(|(key, _)| key.verify(signed, signature));
    let (_, origin) = made_it.ok_or(DecodeError::BadSignature)?;
    Ok((bytes.len() - TRAILER_LEN - kind.proof_len(), origin))
}

/// Refuses what is over.
pub(super) fn expire(kind: Kind, bytes: &mut [u8], now: UnixMillis) -> Result<(), DecodeError> {
    let parts = layout::split(kind, bytes).ok_or(DecodeError::BadSignature)?;
    let is_over = now.as_f64() > layout::expiry(parts.trailer);
    if is_over { Err(DecodeError::Expired) } else { Ok(()) }
}

/// How payloads are encrypted.
pub(super) struct Seal {
    pub(super) context: Vec<[u8; BLOCK]>,
    pub(super) pad_to: usize,
}

impl Seal {
    /// Writes a sealed value.
    pub(super) fn append_sealed(
        &self,
        key: &RingKey,
        json: &[u8],
        trailer: [u8; TRAILER_LEN],
        out: &mut impl Text,
    ) -> Result<(), EncodeError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| EncodeError::Randomness)?;
        let padded_len = (json.len() + 1).next_multiple_of(self.pad_to);
        let mut bytes =
            Vec::with_capacity(padded_len + NONCE_LEN + TRAILER_LEN + Kind::Sealed.proof_len());
        bytes.extend_from_slice(json);
        bytes.push(PAD_START);
        bytes.resize(padded_len, 0);

        let associated = [self.context.as_flattened(), &trailer].concat();
        let sealed = key.seal.encrypt_inout_detached(
            (&nonce).into(),
            &associated,
            bytes.as_mut_slice().into(),
        );
        // Only for more bytes than the cipher has a key stream for, 256 GiB.
        let proof = sealed.map_err(|_| EncodeError::Payload(PayloadError::NotAPayload))?;
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&trailer);
        bytes.extend_from_slice(&proof);
        out.reserve(TAG_LEN + URL_SAFE_NO_PAD.encoded_length(bytes.len()));
        out.push_text(Kind::Sealed.tag());
        URL_SAFE_NO_PAD.encode_append(&bytes, out);
        Ok(())
    }

    /// Decrypts the body in its place; the length of it without padding, and whose seal it was.
    pub(super) fn unseal<'a>(
        &self,
        mut keys: impl Iterator<Item = (&'a RingKey, Origin)>,
        bytes: &mut [u8],
    ) -> Result<(usize, Origin), DecodeError> {
        let Parts { body, trailer, proof } =
            layout::split(Kind::Sealed, bytes).ok_or(DecodeError::BadSignature)?;
        let associated = [self.context.as_flattened(), trailer].concat();
        let proof = proof.first_chunk::<{ layout::SEAL_LEN }>().ok_or(DecodeError::BadSignature)?;
        let (body, nonce) =
            body.split_last_chunk_mut::<NONCE_LEN>().ok_or(DecodeError::BadSignature)?;
        let nonce = &*nonce;
        // What is no key's is left as it was, for the next one to try.
        let made_it = keys.find(|(key, _)| {
            let body = (&mut *body).into();
            key.seal.decrypt_inout_detached(nonce.into(), &associated, body, proof.into()).is_ok()
        });
        let (_, origin) = made_it.ok_or(DecodeError::BadSignature)?;
        let end = body.iter().rposition(|byte| *byte != 0).ok_or(DecodeError::Malformed)?;
        if body[end] != PAD_START {
            return Err(DecodeError::Malformed);
        }
        Ok((end, origin))
    }
}

/// What the padding begins with; zeros follow.
const PAD_START: u8 = 0x80;
