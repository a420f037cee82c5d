//! Says where the bytes of a hardened value are.
//!
//! ```text
//!   v2p.  base64url( payload                exp  kid  signature )
//!   v2i.  base64url( id                     exp  kid  signature )
//!   v2s.  base64url( sealed payload  nonce  exp  kid  seal      )
//!                                    24     8    4    32 / 16 bytes
//! ```
//!
//! Knows no key.

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

use crate::error::DecodeError;
use crate::mac::{BLOCK, MAC_LEN};
use crate::time::UnixMillis;

/// What a value is for. Each has a tag and a key of its own, so none passes for another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Id,
    Payload,
    Sealed,
}

impl Kind {
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::Id => "v2i.",
            Self::Payload => "v2p.",
            Self::Sealed => "v2s.",
        }
    }

    /// Whether a value has the tag of one of them.
    pub(super) fn is_tagged(value: &[u8]) -> bool {
        let kinds = [Self::Id, Self::Payload, Self::Sealed];
        kinds.into_iter().any(|kind| value.starts_with(kind.tag().as_bytes()))
    }

    /// What its key is derived for.
    pub(super) const fn purpose(self) -> &'static str {
        match self {
            Self::Id => "signed id",
            Self::Payload => "signed payload",
            Self::Sealed => "sealed payload",
        }
    }

    /// Bytes of the signature or the seal.
    pub(super) const fn proof_len(self) -> usize {
        match self {
            Self::Id | Self::Payload => MAC_LEN,
            Self::Sealed => SEAL_LEN,
        }
    }

    /// Bytes after the body.
    const fn end_len(self) -> usize {
        let nonce_len = match self {
            Self::Id | Self::Payload => 0,
            Self::Sealed => NONCE_LEN,
        };
        nonce_len + TRAILER_LEN + self.proof_len()
    }
}

pub(super) const TAG_LEN: usize = 4;
pub(super) const NONCE_LEN: usize = 24;
pub(super) const SEAL_LEN: usize = 16;

/// Bytes of `exp` and `kid`.
pub(super) const TRAILER_LEN: usize = 8 + KEY_ID_LEN;
pub(super) const KEY_ID_LEN: usize = 4;

pub(super) type KeyId = [u8; KEY_ID_LEN];

/// What is authenticated before the bytes of each value. `None` if the name is too long.
///
/// It fills whole blocks of SHA-256, so that hashing it is done with when a key is set up.
pub(super) fn context(kind: Kind, cookie_name: &str) -> Option<Vec<[u8; BLOCK]>> {
    let name_len = u16::try_from(cookie_name.len()).ok()?.to_be_bytes();
    let text = [kind.tag().as_bytes(), &name_len, cookie_name.as_bytes()].concat();
    let mut context = vec![[0; BLOCK]; text.len().div_ceil(BLOCK)];
    context.as_flattened_mut()[..text.len()].copy_from_slice(&text);
    Some(context)
}

pub(super) fn trailer(expires_at: UnixMillis, key_id: KeyId) -> [u8; TRAILER_LEN] {
    let mut trailer = [0; TRAILER_LEN];
    // A cast from a float saturates: an instant before the epoch has long been over, too.
    trailer[..8].copy_from_slice(&(expires_at.as_f64().ceil() as u64).to_be_bytes());
    trailer[8..].copy_from_slice(&key_id);
    trailer
}

/// The `exp` of a trailer, which may be any number.
pub(super) fn expiry(trailer: &[u8; TRAILER_LEN]) -> f64 {
    let [e0, e1, e2, e3, e4, e5, e6, e7, ..] = *trailer;
    u64::from_be_bytes([e0, e1, e2, e3, e4, e5, e6, e7]) as f64
}

/// The key that a value names, of the text after its tag. Nothing of the rest is decoded.
pub(super) fn key_id(kind: Kind, text: &[u8]) -> Result<KeyId, DecodeError> {
    let len = text.len() / 4 * 3 + (text.len() % 4).saturating_sub(1);
    if len < kind.end_len() {
        return Err(DecodeError::BadSignature);
    }
    let at = len - kind.proof_len() - KEY_ID_LEN;
    // Groups of four characters are three bytes each; four bytes are in two groups or three, and
    // those of the proof follow.
    let group = at / 3 * 4;
    let mut bytes = [0; 9];
    let groups = text.get(group..group + 12).ok_or(DecodeError::BadSignature)?;
    let decoded = URL_SAFE_NO_PAD.decode(groups, bytes.as_mut_slice().as_out());
    decoded.map_err(|_| DecodeError::BadSignature)?;
    let start = at % 3;
    Ok([bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]])
}

/// The body, trailer and proof in the bytes of a value that [`key_id`] has let pass. Of a sealed
/// one the nonce is at the end of the body.
pub(super) fn split(kind: Kind, bytes: &mut [u8]) -> Option<Parts<'_>> {
    let body_len = bytes.len().checked_sub(TRAILER_LEN + kind.proof_len())?;
    let (body, rest) = bytes.split_at_mut(body_len);
    let (trailer, proof) = rest.split_first_chunk()?;
    Some(Parts { body, trailer, proof })
}

/// Parts of the bytes of a value, in their order.
pub(super) struct Parts<'a> {
    pub(super) body: &'a mut [u8],
    pub(super) trailer: &'a [u8; TRAILER_LEN],
    pub(super) proof: &'a [u8],
}
