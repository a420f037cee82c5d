//! Lets a store be awaited, on whatever runtime.
//!
//! A waker is all that a runtime gives and gets, so this names none.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{Reply, Request, Store};
use crate::error::StoreError;
use crate::time::UnixMillis;

/// The answer to one [`Request`], once it is there.
///
/// Dropping it does not take the request back.
#[derive(Debug)]
pub struct Pending(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    outcome: Option<Result<Reply, StoreError>>,
    waker: Option<Waker>,
}

pub(super) fn start<S: Store + ?Sized>(store: &S, request: Request, now: UnixMillis) -> Pending {
    let state = Arc::new(Mutex::new(State::default()));
    let pending = Pending(Arc::clone(&state));
    let done = move |outcome| {
        let mut state = lock(&state);
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    };
    store.submit(request, now, Box::new(done));
    pending
}

impl Future for Pending {
    type Output = Result<Reply, StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.0);
        match state.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A panic while the lock is held cannot leave half an answer, so it is taken anyway.
fn lock(mutex: &Mutex<State>) -> MutexGuard<'_, State> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
