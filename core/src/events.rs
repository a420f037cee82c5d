//! Says what happens, as `tracing` events with the target `rudder_session`.
//!
//! ```text
//!   error   foreign record, damaged file
//!   warn    breaker opened, unreadable record, conflict, old record remains, queue full,
//!           file cannot be read or written, secret easy to guess
//!   info    breaker closed, new master, file repaired
//!   debug   connection lost, write to a session that is gone, file opened, records collected
//! ```
//!
//! Every event of this crate is here, so that one file shows what a log can hold: counts and
//! [`StoreError`]s, whose texts are safe to log. Never an id, a name of a record, a cookie value,
//! a payload, a URL. What works makes no event, so an application pays for none; and what may go
//! wrong again and again is told [`Seldom`], or at `debug` only.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};

use crate::error::StoreError;

const TARGET: &str = "rudder_session";

pub(crate) fn breaker_closed(told: &Seldom) {
    if let Some(count) = told.again() {
        info!(target: TARGET, count, "store is back");
    }
}

pub(crate) fn breaker_opened(told: &Seldom, error: &StoreError) {
    if let Some(count) = told.again() {
        warn!(target: TARGET, count, %error, "store is down: calls fail at once until it is back");
    }
}

pub(crate) fn conflict() {
    static TOLD: Seldom = Seldom::new();
    if let Some(count) = TOLD.again() {
        warn!(target: TARGET, count, "session was changed by others too often in a row");
    }
}

pub(crate) fn connection_lost() {
    debug!(target: TARGET, "connection to the store is out of use");
}

pub(crate) fn file_damaged() {
    error!(target: TARGET, "session file is damaged");
}

pub(crate) fn file_failed(told: &Seldom) {
    if let Some(count) = told.again() {
        warn!(target: TARGET, count, "session file cannot be read or written");
    }
}

/// `was_left_open`: by whoever had it last.
pub(crate) fn file_opened(was_left_open: bool) {
    if was_left_open {
        info!(target: TARGET, "session file was not closed in order, and is repaired");
    }
    debug!(target: TARGET, "session file is open");
}

pub(crate) fn foreign_record(told: &Seldom) {
    if let Some(count) = told.again() {
        error!(target: TARGET, count, "record carries the id of another session: not served");
    }
}

pub(crate) fn new_master() {
    info!(target: TARGET, "sentinels name a new master");
}

pub(crate) fn old_record_remains(error: &StoreError) {
    static TOLD: Seldom = Seldom::new();
    if let Some(count) = TOLD.again() {
        warn!(target: TARGET, count, %error, "id was changed, but the old one may be good still");
    }
}

pub(crate) fn queue_full(told: &Seldom) {
    if let Some(count) = told.again() {
        warn!(target: TARGET, count, "too many calls are waiting for the store: refused");
    }
}

pub(crate) fn records_collected(count: usize) {
    debug!(target: TARGET, count, "expired records are collected");
}

pub(crate) fn unreadable_record(told: &Seldom) {
    if let Some(count) = told.again() {
        warn!(target: TARGET, count, "record is no payload of a session: not served");
    }
}

pub(crate) fn weak_secret() {
    warn!(target: TARGET, "session secret is easy to guess: make one of 32 random bytes");
}

pub(crate) fn write_to_gone() {
    debug!(target: TARGET, "session is gone: not written");
}

/// Counts something that may happen with each request, and says when to tell of it: once a minute
/// at most, with the count of all.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    count: AtomicU64,
    /// Seconds of [`STARTED_AT`] from when on it may be told of again.
    next_s: AtomicU64,
}

impl Seldom {
    pub(crate) const fn new() -> Self {
        Self { count: AtomicU64::new(0), next_s: AtomicU64::new(0) }
    }

    /// How often it has happened.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// It has happened again: how often by now, if that is to be told.
    fn again(&self) -> Option<u64> {
        self.again_at(STARTED_AT.elapsed())
    }

    fn again_at(&self, now: Duration) -> Option<u64> {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let next_s = self.next_s.load(Ordering::Relaxed);
        // Of all threads that find it due, one tells.
        let is_due = now.as_secs() >= next_s
            && self
                .next_s
                .compare_exchange(
                    next_s,
                    now.as_secs() + EVERY_S,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok();
        is_due.then_some(count)
    }
}

const EVERY_S: u64 = 60;

static STARTED_AT: LazyLock<Instant> = LazyLock::new(Instant::now);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_all_the_time_is_told_once_a_minute() {
        let seldom = Seldom::new();
        let at = |s| seldom.again_at(Duration::from_secs(s));

        assert_eq!(at(7), Some(1));
        assert_eq!((at(7), at(66)), (None, None));
        assert_eq!(at(67), Some(4));
        assert_eq!(at(68), None);
        assert_eq!(seldom.count(), 5);
    }
}
