//! Strings the steps of a store together, for callers that wait and for those that do not.
//!
//! ```text
//!   Procedure --Ask(request)--> store --reply--> Procedure --Ask(request)--> .. --Done(outcome)
//! ```
//!
//! A [`Procedure`] says which step comes next and performs none. So everybody goes the same way,
//! and a test can let the steps of several requests come in every order there is. What the steps
//! are is `update`'s, `regenerate`'s, `resume`'s and `destroy_session`'s.

use std::sync::Arc;

use super::{Reply, Request, Store, Submission};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::UnixMillis;

/// Each round that fails means that another request got through, so this many in a row are many.
pub(crate) const ROUNDS: usize = 10;

/// How many forwarding records are followed: one for each time that a session is regenerated
/// within the grace of the first.
pub(crate) const HOPS: usize = 4;

/// What to do next.
#[derive(Debug)]
pub(crate) enum Next<P, T> {
    Ask(Request, P),
    Done(Result<T, StoreError>),
}

/// A sequence of steps that ends in a `T`.
pub(crate) trait Procedure<T>: Sized {
    /// The step after the one that gave `outcome`.
    fn next(self, outcome: Result<Reply, StoreError>) -> Next<Self, T>;
}

/// Goes through a procedure, waiting for each step.
pub(crate) fn run<T, P: Procedure<T>>(
    store: &(impl Store + ?Sized),
    mut next: Next<P, T>,
    now: UnixMillis,
) -> Result<T, StoreError> {
    loop {
        match next {
            Next::Ask(request, procedure) => next = procedure.next(store.call(request, now)),
            Next::Done(outcome) => return outcome,
        }
    }
}

/// Goes through a procedure without waiting: each answer sets off the step after it.
pub(crate) fn submit<S, T, P>(
    store: Arc<S>,
    next: Next<P, T>,
    now: UnixMillis,
    done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
) where
    S: Store + ?Sized + 'static,
    T: Send + 'static,
    P: Procedure<T> + Send + 'static,
{
    if let Some(Submission { request, now, done }) = submission(&store, next, now, done) {
        store.submit(request, now, done);
    }
}

/// The next step of a procedure, which sets off those after it; `None` if it has come to its end.
pub(crate) fn submission<S, T, P>(
    store: &Arc<S>,
    next: Next<P, T>,
    now: UnixMillis,
    done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
) -> Option<Submission>
where
    S: Store + ?Sized + 'static,
    T: Send + 'static,
    P: Procedure<T> + Send + 'static,
{
    match next {
        Next::Done(outcome) => {
            done(outcome);
            None
        }
        Next::Ask(request, procedure) => {
            let store = Arc::clone(store);
            let done = Box::new(move |outcome| submit(store, procedure.next(outcome), now, done));
            Some(Submission { request, now, done })
        }
    }
}

/// What lies in the place of the session `id`; a record that is not its own is none, as it is
/// when it is loaded.
pub(crate) fn own(text: &str, id: &SessionId) -> Option<Payload> {
    Payload::parse(text).ok().filter(|payload| payload.belongs_to(id))
}
