//! A hash under way: SHA-256 of the bytes so far, to go on from as often as one likes.
//!
//! ```text
//!   state      what the whole blocks of 64 bytes made of it
//!   pending    the bytes since, less than a block
//! ```
//!
//! The block function is `sha2`'s. What is here is what stands around it in the standard
//! (FIPS 180-4, 5.1.1): cutting the bytes into blocks, and the padding after the last one. The
//! generic types of `hmac` and `digest` do the same at a third more of the time of a short
//! message (`mac/cached` in the bench is theirs).

use sha2::block_api::compress256;
use zeroize::Zeroize;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// Bytes of a hash.
pub(super) const LEN: usize = 32;

#[derive(Clone)]
pub(super) struct Sha256State {
    state: [u32; 8],
    /// Bytes so far, the pending ones included.
    len: u64,
    pending: [u8; BLOCK],
}

impl Sha256State {
    pub(super) fn new() -> Self {
        Self { state: INITIAL, len: 0, pending: [0; BLOCK] }
    }

    /// Goes on from there.
    pub(super) fn after(WholeBlocks { state, len }: &WholeBlocks) -> Self {
        Self { state: *state, len: *len, pending: [0; BLOCK] }
    }

    /// What the whole blocks so far came to; leaves out what is pending.
    pub(super) fn whole_blocks(&self) -> WholeBlocks {
        WholeBlocks { state: self.state, len: self.len - self.pending_len() as u64 }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        let pending = self.pending_len();
        self.len += bytes.len() as u64;
        if pending > 0 {
            let taken = bytes.len().min(BLOCK - pending);
            self.pending[pending..pending + taken].copy_from_slice(&bytes[..taken]);
            if pending + taken < BLOCK {
                return;
            }
            compress256(&mut self.state, &[self.pending]);
            bytes = &bytes[taken..];
        }
        let (blocks, rest) = bytes.as_chunks();
        if !blocks.is_empty() {
            compress256(&mut self.state, blocks);
        }
        self.pending[..rest.len()].copy_from_slice(rest);
    }

    /// Ends the message: a one, zeros up to eight bytes before the end of a block, and how many
    /// bits there were.
    pub(super) fn finish(mut self) -> [u8; LEN] {
        let pending = self.pending_len();
        self.pending[pending] = 0x80;
        self.pending[pending + 1..].fill(0);
        if pending >= BLOCK - LEN_BYTES {
            compress256(&mut self.state, &[self.pending]);
            self.pending.fill(0);
        }
        self.pending[BLOCK - LEN_BYTES..].copy_from_slice(&(self.len * 8).to_be_bytes());
        compress256(&mut self.state, &[self.pending]);

        let mut hash = [0; LEN];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        hash
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> ([u32; 8], [u8; BLOCK]) {
        (self.state, self.pending)
    }

    fn pending_len(&self) -> usize {
        (self.len % BLOCK as u64) as usize
    }
}

/// A hash of whole blocks only, which takes a third of the room.
#[derive(Clone)]
pub(super) struct WholeBlocks {
    state: [u32; 8],
    len: u64,
}

impl Zeroize for WholeBlocks {
    fn zeroize(&mut self) {
        self.state.zeroize();
    }
}

impl Zeroize for Sha256State {
    fn zeroize(&mut self) {
        self.state.zeroize();
        self.pending.zeroize();
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
