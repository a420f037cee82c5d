//! Fails fast while the server is down, and finds out when it is back.
//!
//! ```text
//!   closed --20 faults in a row--> open --every 200 ms one call goes through--> it succeeds: closed
//! ```
//!
//! Without it every request of a busy application waits for its whole deadline while the server
//! is away, and all of them wait at once. Only faults of the way to the server count: an error
//! that it answers is an answer.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::events::{self, Seldom};

/// Faults in a row after which the server counts as down.
const FAULTS: u32 = 20;

/// How often one call is let through to see whether it is back.
const PROBE_EVERY: Duration = Duration::from_millis(200);

/// Whether calls go through.
#[derive(Debug)]
pub(super) struct Breaker {
    started_at: Instant,
    faults: AtomicU32,
    /// When the next probe may go, in milliseconds after `started_at`.
    next_probe: AtomicU64,
    /// Calls that were refused without asking the server.
    refusals: AtomicU64,
    /// A server may come and go all day.
    told_down: Seldom,
    told_back: Seldom,
}

impl Breaker {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started_at: now,
            faults: AtomicU32::new(0),
            next_probe: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            told_down: Seldom::new(),
            told_back: Seldom::new(),
        }
    }

    /// Lets a call through, or refuses it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] while the server is down.
    pub(super) fn admit(&self, now: Instant) -> Result<(), StoreError> {
        if self.faults.load(Ordering::Relaxed) < FAULTS {
            return Ok(());
        }
        let now = self.millis(now);
        let due = self.next_probe.load(Ordering::Relaxed);
        // Of all that come when a probe is due, one gets through.
        let next = now + PROBE_EVERY.as_millis() as u64;
        let probes = now >= due
            && self
                .next_probe
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if probes {
            return Ok(());
        }
        self.refusals.fetch_add(1, Ordering::Relaxed);
        Err(StoreError::Unreachable)
    }

    /// Learns from how a call ended that was let through.
    ///
    /// The clock is `now`'s to read, and only where something has gone wrong.
    pub(super) fn learn<T>(&self, outcome: &Result<T, StoreError>, now: impl FnOnce() -> Instant) {
        match outcome {
            Err(
                error @ (StoreError::Disconnected | StoreError::TimedOut | StoreError::Unreachable),
            ) => {
                if self.faults.fetch_add(1, Ordering::Relaxed) + 1 == FAULTS {
                    let next = self.millis(now()) + PROBE_EVERY.as_millis() as u64;
                    self.next_probe.store(next, Ordering::Relaxed);
                    events::breaker_opened(&self.told_down, error);
                }
            }
            // Says nothing about the server.
            Err(StoreError::Busy | StoreError::Overloaded | StoreError::InvalidId) => {}
            // Not written where it is zero already: every call of every thread comes by here.
            _ if self.faults.load(Ordering::Relaxed) == 0 => {}
            _ => {
                if self.faults.swap(0, Ordering::Relaxed) >= FAULTS {
                    events::breaker_closed(&self.told_back);
                }
            }
        }
    }

    pub(super) fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started_at).as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Result<(), StoreError> = Err(StoreError::TimedOut);

    fn open(now: Instant) -> Breaker {
        let breaker = Breaker::new(now);
        (0..FAULTS).for_each(|_| breaker.learn(&DOWN, || now));
        breaker
    }

    #[test]
    fn it_opens_after_faults_in_a_row_only() {
        let now = Instant::now();
        let breaker = Breaker::new(now);
        for _ in 0..10 {
            (1..FAULTS).for_each(|_| breaker.learn(&DOWN, || now));
            breaker.learn(&Ok(()), || now);
        }
        assert_eq!(breaker.admit(now), Ok(()));

        assert_eq!(open(now).admit(now), Err(StoreError::Unreachable));
    }

    #[test]
    fn while_it_is_open_one_call_at_a_time_probes() {
        let now = Instant::now();
        let breaker = open(now);

        let later = now + PROBE_EVERY;
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.admit(later), Err(StoreError::Unreachable));
        breaker.learn(&DOWN, || later);
        assert_eq!(breaker.admit(later + PROBE_EVERY / 2), Err(StoreError::Unreachable));
        assert_eq!(breaker.admit(later + PROBE_EVERY), Ok(()));
        assert_eq!(breaker.refusals(), 2);
    }

    #[test]
    fn one_success_closes_it() {
        let now = Instant::now();
        let breaker = open(now);

        breaker.learn(&Ok(()), || now);

        assert_eq!(breaker.admit(now), Ok(()));
    }

    #[test]
    fn an_error_that_the_server_answers_closes_it_too() {
        let now = Instant::now();
        let breaker = open(now);

        let answered: Result<(), _> = Err(StoreError::Rejected { code: "OOM".to_owned() });
        breaker.learn(&answered, || now);

        assert_eq!(breaker.admit(now), Ok(()));
    }
}
