//! Draws numbers that are the same in each run with the same seed (splitmix64).

use std::time::Duration;

use rudder_session::SessionId;

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence of its own for each `number`: threads that share one would draw in an order
    /// that differs from run to run.
    pub fn fork(&self, number: usize) -> Self {
        let mut seed = Self(self.0 ^ (number as u64 + 1).wrapping_mul(0xd605_bbb5_8c8a_bc03));
        Self(seed.next())
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it has no end, so it is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Up to so many milliseconds.
    pub fn millis(&mut self, limit: usize) -> Duration {
        Duration::from_millis(self.below(limit) as u64)
    }
}

/// The id that belongs to a number: a UUID, in no order, as random ones are.
pub fn scattered_id(number: u64) -> SessionId {
    let (a, b) = (Random::new(number).next(), Random::new(!number).next());
    let (a1, a2, a3) = (a >> 32, a >> 16 & 0xffff, a & 0xfff);
    let (b1, b2) = (b >> 52, b & 0xffff_ffff_ffff);
    SessionId::parse(&format!("{a1:08x}-{a2:04x}-4{a3:03x}-8{b1:03x}-{b2:012x}")).expect("a UUID")
}
