//! Measures two ways to do the same on this thread, in turns.
//!
//! ```text
//!   ours | theirs | ours | theirs | ..     slices of some 200 us
//! ```
//!
//! Two slices that are neighbours meet the same machine, so each two make a ratio; the median of
//! those counts, and how much they vary.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::report::Report;

/// What is measured, and what for.
pub(crate) struct Pairs<'a> {
    pub(crate) report: &'a mut Report,
    pub(crate) rounds: usize,
    /// Whether a row of that name is wanted.
    pub(crate) wants: &'a dyn Fn(&str) -> bool,
}

impl Pairs<'_> {
    /// Compares nanoseconds of one call of each.
    ///
    /// That both do the same is asserted by whoever made them.
    pub(crate) fn compare<A, B>(
        &mut self,
        name: &str,
        peer: &str,
        mut ours: impl FnMut() -> A,
        mut theirs: impl FnMut() -> B,
    ) {
        if !(self.wants)(&format!("{name}/{peer}")) {
            return;
        }
        let (our_calls, their_calls) = (calls_in_a_slice(&mut ours), calls_in_a_slice(&mut theirs));
        let (mut our_ns, mut their_ns) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            our_ns.push(nanoseconds(our_calls, &mut ours));
            their_ns.push(nanoseconds(their_calls, &mut theirs));
        }
        self.report.add_times(name, peer, &our_ns, &their_ns);
    }
}

const SLICE: Duration = Duration::from_micros(200);

fn calls_in_a_slice<T>(work: &mut impl FnMut() -> T) -> u32 {
    nanoseconds(5000, work);
    let once = nanoseconds(500, work);
    ((SLICE.as_nanos() as f64 / once) as u32).max(5)
}

fn nanoseconds<T>(calls: u32, work: &mut impl FnMut() -> T) -> f64 {
    let started_at = Instant::now();
    for _ in 0..calls {
        black_box(work());
    }
    started_at.elapsed().as_nanos() as f64 / f64::from(calls)
}
