//! Counts and times the calls of a store.
//!
//! ```text
//!   caller -> Metered -> any Store
//!                |
//!                +-> for each operation: calls, errors, a histogram of latencies
//! ```
//!
//! Lock-free: each call adds to a few counters. A histogram has one bucket for each power of two
//! of microseconds, so a percentile read from it is at most twice the true one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Store;
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};

/// Buckets of a histogram: bucket `n` counts calls under `2^n` microseconds; the last counts all
/// that took longer.
pub const LATENCY_BUCKETS: usize = 26;

/// A [`Store`] that counts and times what another one does.
#[derive(Debug)]
pub struct Metered<S> {
    store: S,
    load: Meter,
    save: Meter,
    touch: Meter,
    destroy: Meter,
}

impl<S: Store> Metered<S> {
    /// Wraps `store`.
    pub fn new(store: S) -> Self {
        Self {
            store,
            load: Meter::default(),
            save: Meter::default(),
            touch: Meter::default(),
            destroy: Meter::default(),
        }
    }

    /// The figures so far. Calls that are under way may be in one counter and not yet in the
    /// next.
    pub fn figures(&self) -> StoreFigures {
        StoreFigures {
            load: self.load.figures(),
            save: self.save.figures(),
            touch: self.touch.figures(),
            destroy: self.destroy.figures(),
            foreign_records: self.store.foreign_records(),
        }
    }
}

impl<S: Store> Store for Metered<S> {
    fn load(&self, id: &SessionId, now: UnixMillis) -> Result<Option<Payload>, StoreError> {
        self.load.time(|| self.store.load(id, now))
    }

    fn save(&self, payload: &Payload, ttl: Ttl, now: UnixMillis) -> Result<(), StoreError> {
        self.save.time(|| self.store.save(payload, ttl, now))
    }

    fn touch(&self, id: &SessionId, ttl: Ttl, now: UnixMillis) -> Result<bool, StoreError> {
        self.touch.time(|| self.store.touch(id, ttl, now))
    }

    fn destroy(&self, id: &SessionId) -> Result<(), StoreError> {
        self.destroy.time(|| self.store.destroy(id))
    }

    fn foreign_records(&self) -> u64 {
        self.store.foreign_records()
    }
}

impl Store for Box<dyn Store> {
    fn load(&self, id: &SessionId, now: UnixMillis) -> Result<Option<Payload>, StoreError> {
        (**self).load(id, now)
    }

    fn save(&self, payload: &Payload, ttl: Ttl, now: UnixMillis) -> Result<(), StoreError> {
        (**self).save(payload, ttl, now)
    }

    fn touch(&self, id: &SessionId, ttl: Ttl, now: UnixMillis) -> Result<bool, StoreError> {
        (**self).touch(id, ttl, now)
    }

    fn destroy(&self, id: &SessionId) -> Result<(), StoreError> {
        (**self).destroy(id)
    }

    fn foreign_records(&self) -> u64 {
        (**self).foreign_records()
    }
}

/// What a store did so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StoreFigures {
    /// Calls of [`Store::load`].
    pub load: OperationFigures,
    /// Calls of [`Store::save`].
    pub save: OperationFigures,
    /// Calls of [`Store::touch`].
    pub touch: OperationFigures,
    /// Calls of [`Store::destroy`].
    pub destroy: OperationFigures,
    /// See [`Store::foreign_records`].
    pub foreign_records: u64,
}

/// What one operation of a store did so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OperationFigures {
    /// Calls that ended, in whatever way.
    pub calls: u64,
    /// Calls that ended in an error.
    pub errors: u64,
    /// Bucket `n`: calls that took less than `2^n` microseconds, and not less than the bucket
    /// before; the last bucket has no upper limit.
    pub latency_buckets: [u64; LATENCY_BUCKETS],
}

impl OperationFigures {
    /// A latency that `share` (0 to 1) of the calls did not exceed, as an upper bound: the
    /// limit of the bucket that the call in question is in. Zero without calls.
    pub fn latency_quantile(&self, share: f64) -> Duration {
        let total: u64 = self.latency_buckets.iter().sum();
        let rank = (total as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.latency_buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        bucket.map_or(Duration::ZERO, |bucket| Duration::from_micros(1 << bucket))
    }
}

#[derive(Debug, Default)]
struct Meter {
    calls: AtomicU64,
    errors: AtomicU64,
    buckets: [AtomicU64; LATENCY_BUCKETS],
}

impl Meter {
    fn time<T>(&self, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let started_at = Instant::now();
        let outcome = call();
        let micros = u64::try_from(started_at.elapsed().as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        self.buckets[bucket.min(LATENCY_BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(outcome.is_err()), Ordering::Relaxed);
        outcome
    }

    fn figures(&self) -> OperationFigures {
        OperationFigures {
            calls: self.calls.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            latency_buckets: self.buckets.each_ref().map(|it| it.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_counted_once_and_errors_twice_over() {
        let meter = Meter::default();
        let _ = meter.time(|| Ok(()));
        let _ = meter.time(|| Err::<(), _>(StoreError::Busy));

        let figures = meter.figures();

        assert_eq!((figures.calls, figures.errors), (2, 1));
        assert_eq!(figures.latency_buckets.iter().sum::<u64>(), 2);
    }

    #[test]
    fn a_quantile_is_the_limit_of_its_bucket() {
        let mut figures = OperationFigures::default();
        assert_eq!(figures.latency_quantile(0.5), Duration::ZERO);

        figures.latency_buckets[3] = 98;
        figures.latency_buckets[10] = 2;

        assert_eq!(figures.latency_quantile(0.0), Duration::from_micros(8));
        assert_eq!(figures.latency_quantile(0.98), Duration::from_micros(8));
        assert_eq!(figures.latency_quantile(0.99), Duration::from_micros(1024));
        assert_eq!(figures.latency_quantile(1.0), Duration::from_micros(1024));
    }
}
