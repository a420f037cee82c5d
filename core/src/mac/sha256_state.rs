//! SHA-256 from where whole blocks have led to, as often as one likes.
//!
//! ```text
//!   [block] [block] --> Sha256State -- message --> [block] [rest 80 00.. length] --> hash
//! ```
//!
//! The block function is `sha2`'s. What is here is what stands around it in the standard
//! (FIPS 180-4, 5.1.1): cutting the bytes into blocks, and the padding after the last one. Lengths
//! are known where it counts, so that nothing is copied or wiped by a call of its own: the generic
//! types of `hmac` and `digest` take a quarter to a third longer for a short message.

use sha2::block_api::compress256;
use zeroize::Zeroize;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

/// Bytes of a hash.
pub(super) const LEN: usize = 32;

/// What whole blocks came to.
#[derive(Clone)]
pub(super) struct Sha256State {
    words: [u32; 8],
    /// Bytes so far.
    len: u64,
}

impl Sha256State {
    pub(super) fn after(blocks: &[[u8; BLOCK]]) -> Self {
        let mut state = Self { words: INITIAL, len: 0 };
        state.update(blocks);
        state
    }

    pub(super) fn update(&mut self, blocks: &[[u8; BLOCK]]) {
        compress256(&mut self.words, blocks);
        self.len += size_of_val(blocks) as u64;
    }

    #[cfg(test)]
    pub(super) fn words(&self) -> [u32; 8] {
        self.words
    }

    /// The hash of the blocks so far, and of the parts after them.
    #[inline(always)]
    pub(super) fn hash<const N: usize>(&self, parts: [&[u8]; N]) -> [u8; LEN] {
        let Self { mut words, mut len } = *self;
        // What is left of the parts so far, which is less than a block; zeros after it, and room
        // for the padding.
        let mut tail = [[0; BLOCK]; 2];
        let mut left = 0;
        for mut part in parts {
            len += part.len() as u64;
            if left > 0 {
                let taken = part.len().min(BLOCK - left);
                tail[0][left..left + taken].copy_from_slice(&part[..taken]);
                left += taken;
                if left < BLOCK {
                    continue;
                }
                compress256(&mut words, &tail[..1]);
                tail[0] = [0; BLOCK];
                part = &part[taken..];
            }
            let (blocks, rest) = part.as_chunks();
            if !blocks.is_empty() {
                compress256(&mut words, blocks);
            }
            tail[0][..rest.len()].copy_from_slice(rest);
            left = rest.len();
        }

        // A one, zeros up to eight bytes before the end of a block, and how many bits there were.
        tail[0][left] = 0x80;
        let blocks = if left < BLOCK - LEN_BYTES { 1 } else { 2 };
        tail[blocks - 1][BLOCK - LEN_BYTES..].copy_from_slice(&(len * 8).to_be_bytes());
        compress256(&mut words, &tail[..blocks]);

        let mut hash = [0; LEN];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_be_bytes();
        }
        hash
    }
}

impl Zeroize for Sha256State {
    fn zeroize(&mut self) {
        self.words.zeroize();
        self.len.zeroize();
    }
}

/// Bytes of the count of bits.
const LEN_BYTES: usize = 8;

/// The first 32 bits of the fractions of the square roots of the first eight primes.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
