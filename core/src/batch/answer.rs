//! Brings the answer to one request to whoever asked, in the way that they wait for it.
//!
//! ```text
//!   Answer --by--> a callback
//!          ------> Waiter     a thread that blocks
//! ```

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::StoreError;

/// Where an answer goes. Dropped without one, whoever asked is told that the call was lost, so
/// that a panic in a backend leaves nobody waiting.
pub(super) struct Answer<A>(Option<Box<Done<A>>>);

type Done<A> = dyn FnOnce(Result<A, StoreError>) + Send;

impl<A> Answer<A> {
    pub(super) fn by(done: impl FnOnce(Result<A, StoreError>) + Send + 'static) -> Self {
        Self(Some(Box::new(done)))
    }

    pub(super) fn give(mut self, outcome: Result<A, StoreError>) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }
}

impl<A> Drop for Answer<A> {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(StoreError::Disconnected));
        }
    }
}

/// A caller that blocks.
pub(super) struct Waiter<A>(Arc<Place<A>>);

struct Place<A> {
    outcome: Mutex<Option<Result<A, StoreError>>>,
    answered: Condvar,
}

impl<A: Send + 'static> Waiter<A> {
    pub(super) fn answer(&self) -> Answer<A> {
        let place = Arc::clone(&self.0);
        Answer::by(move |outcome| {
            *lock(&place.outcome) = Some(outcome);
            place.answered.notify_one();
        })
    }

    /// Waits for the answer, until `until` at most.
    pub(super) fn wait(self, until: Instant) -> Result<A, StoreError> {
        let mut outcome = lock(&self.0.outcome);
        loop {
            if let Some(outcome) = outcome.take() {
                return outcome;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::TimedOut);
            }
            outcome = self
                .0
                .answered
                .wait_timeout(outcome, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl<A> Default for Waiter<A> {
    fn default() -> Self {
        Self(Arc::new(Place { outcome: Mutex::new(None), answered: Condvar::new() }))
    }
}

/// A panic while one of these locks is held cannot leave half an answer, so it is taken anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
