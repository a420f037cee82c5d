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

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Done, Found, Incidents, Reply, Request, Store, Submission};
use crate::error::StoreError;
use crate::time::UnixMillis;

/// Buckets of a histogram: bucket `n` counts calls under `2^n` microseconds; the last counts all
/// that took longer.
pub const LATENCY_BUCKETS: usize = 26;

/// A [`Store`] that counts and times what another one does.
///
/// Requests that are submitted are timed from then until they are answered.
#[derive(Debug)]
pub struct Metered<S> {
    store: S,
    meters: Arc<Meters>,
}

impl<S: Store> Metered<S> {
    /// Wraps `store`.
    pub fn new(store: S) -> Self {
        Self { store, meters: Arc::default() }
    }

    /// The figures so far. Calls that are under way may be in one counter and not yet in the
    /// next.
    pub fn figures(&self) -> StoreFigures {
        let meters = &self.meters;
        StoreFigures {
            create: meters.create.figures(),
            destroy: meters.destroy.figures(),
            inspect: meters.inspect.figures(),
            load: meters.load.figures(),
            remove: meters.remove.figures(),
            replace: meters.replace.figures(),
            save: meters.save.figures(),
            touch: meters.touch.figures(),
            merges: meters.merges.load(Ordering::Relaxed),
            writes_to_gone: meters.writes_to_gone.load(Ordering::Relaxed),
            incidents: self.store.incidents(),
        }
    }

    fn counted(&self, request: &Request, started_at: Instant, done: Done) -> Done {
        let meters = Arc::clone(&self.meters);
        let meter = Meters::pick(request);
        Box::new(move |outcome| {
            meter(&meters).count(started_at, outcome.is_err());
            meters.count_found(&outcome);
            done(outcome);
        })
    }
}

impl<S: Store> Store for Metered<S> {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        let meter = Meters::pick(&request)(&self.meters);
        let started_at = Instant::now();
        let outcome = self.store.call(request, now);
        meter.count(started_at, outcome.is_err());
        self.meters.count_found(&outcome);
        outcome
    }

    fn submit(&self, request: Request, now: UnixMillis, done: Done) {
        let done = self.counted(&request, Instant::now(), done);
        self.store.submit(request, now, done);
    }

    fn submit_all(&self, mut submissions: Vec<Submission>) {
        let started_at = Instant::now();
        for Submission { request, done, .. } in &mut submissions {
            let plain = std::mem::replace(done, Box::new(|_| {}));
            *done = self.counted(request, started_at, plain);
        }
        self.store.submit_all(submissions);
    }

    fn incidents(&self) -> Incidents {
        self.store.incidents()
    }
}

/// What a store did so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StoreFigures {
    /// Calls of [`Store::create`].
    pub create: OperationFigures,
    /// Calls of [`Store::destroy`].
    pub destroy: OperationFigures,
    /// Calls of [`Store::inspect`].
    pub inspect: OperationFigures,
    /// Calls of [`Store::load`].
    pub load: OperationFigures,
    /// Calls of [`Store::remove`].
    pub remove: OperationFigures,
    /// Calls of [`Store::replace`].
    pub replace: OperationFigures,
    /// Calls of [`Store::save`].
    pub save: OperationFigures,
    /// Calls of [`Store::touch`].
    pub touch: OperationFigures,
    /// Replacements that met another text than the one they were to replace; most of them were
    /// merged with it.
    pub merges: u64,
    /// Replacements that met no record, since it was destroyed or had expired, and were not done.
    pub writes_to_gone: u64,
    /// See [`Incidents`].
    pub incidents: Incidents,
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
struct Meters {
    create: Meter,
    destroy: Meter,
    inspect: Meter,
    load: Meter,
    remove: Meter,
    replace: Meter,
    save: Meter,
    touch: Meter,
    merges: AtomicU64,
    writes_to_gone: AtomicU64,
}

impl Meters {
    fn count_found(&self, outcome: &Result<Reply, StoreError>) {
        let counter = match outcome {
            Ok(Reply::Replace(Found::Changed(_))) => &self.merges,
            Ok(Reply::Replace(Found::Gone)) => &self.writes_to_gone,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn pick(request: &Request) -> fn(&Self) -> &Meter {
        match request {
            Request::Create { .. } => |meters| &meters.create,
            Request::Destroy { .. } => |meters| &meters.destroy,
            Request::Inspect { .. } => |meters| &meters.inspect,
            Request::Load { .. } => |meters| &meters.load,
            Request::Remove { .. } => |meters| &meters.remove,
            Request::Replace { .. } => |meters| &meters.replace,
            Request::Save { .. } => |meters| &meters.save,
            Request::Touch { .. } => |meters| &meters.touch,
        }
    }
}

#[derive(Debug, Default)]
struct Meter {
    calls: AtomicU64,
    errors: AtomicU64,
    buckets: [AtomicU64; LATENCY_BUCKETS],
}

impl Meter {
    fn count(&self, started_at: Instant, failed: bool) {
        let micros = u64::try_from(started_at.elapsed().as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        self.buckets[bucket.min(LATENCY_BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
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
        meter.count(Instant::now(), false);
        meter.count(Instant::now(), true);

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
