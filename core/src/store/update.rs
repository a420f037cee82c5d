//! Saves onto what was loaded: nobody's write is lost, and no logout is undone.
//!
//! ```text
//!   update       replace base -> ours?   expected: saved
//!                                        gone: nothing is written, destroy has won
//!                                        changed: merge ours into that, and again
//!
//!   regenerate   create new -> remove old?   expected: done
//!                                            gone: the new one goes too, destroy has won
//!                                            changed: merge that into the new one, and again
//! ```
//!
//! The same for every store, from the steps that each store makes in one piece. A [`Procedure`]
//! says which step comes next and performs none, so that callers who block and callers who do
//! not go the same way. How two payloads merge is `merge`'s.

use std::sync::Arc;

use super::{Found, Reply, Request, Store};
use crate::error::StoreError;
use crate::merge::merge;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};

/// How [`Store::update`] ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Updated {
    /// The session does not exist any more; nothing was written.
    Gone,
    /// Another request had changed the session; this is what is stored now.
    Merged(Payload),
    /// The payload is stored as it was given.
    Saved,
}

/// How [`Store::regenerate`] ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Regenerated {
    /// The session lives under its new id; this is what is stored.
    Done(Payload),
    /// The session does not exist any more, under neither id.
    Gone,
    /// The session lives under its new id, but the old record may still be there: removing it
    /// failed. Whoever has the old id may get in until that expires.
    OldRemains(Payload, StoreError),
}

/// Each round that fails means that another request got through, so this many in a row are many.
const ROUNDS: usize = 10;

/// What to do next.
pub(super) enum Next<P, T> {
    Ask(Request, P),
    Done(Result<T, StoreError>),
}

/// A sequence of steps that ends in a `T`.
pub(super) trait Procedure<T>: Sized {
    /// The step after the one that gave `outcome`.
    fn next(self, outcome: Result<Reply, StoreError>) -> Next<Self, T>;
}

/// Goes through a procedure, waiting for each step.
pub(super) fn run<T, P: Procedure<T>>(
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
pub(super) fn submit<S, T, P>(
    store: Arc<S>,
    next: Next<P, T>,
    now: UnixMillis,
    done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
) where
    S: Store + ?Sized + 'static,
    T: Send + 'static,
    P: Procedure<T> + Send + 'static,
{
    match next {
        Next::Done(outcome) => done(outcome),
        Next::Ask(request, procedure) => {
            let same_store = Arc::clone(&store);
            let go_on = move |outcome| submit(same_store, procedure.next(outcome), now, done);
            store.submit(request, now, Box::new(go_on));
        }
    }
}

pub(super) struct Update {
    base: Payload,
    ours: Payload,
    attempt: Payload,
    ttl: Ttl,
    round: usize,
}

impl Update {
    pub(super) fn start(base: &Payload, payload: &Payload, ttl: Ttl) -> Next<Self, Updated> {
        if base.id_json() != payload.id_json() {
            return Next::Done(Err(StoreError::InvalidId));
        }
        let expected = base.as_json().to_owned();
        let attempt = payload.clone();
        Self { base: base.clone(), ours: payload.clone(), attempt, ttl, round: 0 }.ask(expected)
    }

    fn ask(self, expected: String) -> Next<Self, Updated> {
        let (payload, ttl) = (self.attempt.clone(), self.ttl);
        Next::Ask(Request::Replace { expected, payload, ttl }, self)
    }
}

impl Procedure<Updated> for Update {
    fn next(mut self, outcome: Result<Reply, StoreError>) -> Next<Self, Updated> {
        let current = match outcome {
            Ok(Reply::Replace(Found::Expected)) if self.round == 0 => {
                return Next::Done(Ok(Updated::Saved));
            }
            Ok(Reply::Replace(Found::Expected)) => {
                return Next::Done(Ok(Updated::Merged(self.attempt)));
            }
            Ok(Reply::Replace(Found::Gone)) => return Next::Done(Ok(Updated::Gone)),
            Ok(Reply::Replace(Found::Changed(text))) => text,
            Ok(_) => return Next::Done(Err(StoreError::Protocol)),
            Err(error) => return Next::Done(Err(error)),
        };
        // A record that is not this session's is none, as it is when it is loaded.
        let Some(theirs) = own(&current, &self.base) else {
            return Next::Done(Ok(Updated::Gone));
        };
        self.round += 1;
        if self.round == ROUNDS {
            return Next::Done(Err(StoreError::Conflict));
        }
        self.attempt = merge(&self.base, &self.ours, &theirs);
        self.ask(current)
    }
}

pub(super) struct Regenerate {
    base: Payload,
    ours: Payload,
    old_id: SessionId,
    new_id: SessionId,
    ttl: Ttl,
    stored: Payload,
    /// The text of the old record that `stored` takes into account.
    expected: String,
    round: usize,
    step: Step,
}

enum Step {
    CreatingNew,
    RemovingOld,
    SavingMerged,
    /// The new record goes again, and this is how it ends.
    Undoing(Result<Regenerated, StoreError>),
}

impl Regenerate {
    pub(super) fn start(base: &Payload, payload: &Payload, ttl: Ttl) -> Next<Self, Regenerated> {
        let (Some(old_id), Some(new_id)) = (base.session_id(), payload.session_id()) else {
            return Next::Done(Err(StoreError::InvalidId));
        };
        if old_id == new_id {
            // Removing the old record would remove the new one.
            return Next::Done(Err(StoreError::InvalidId));
        }
        let procedure = Self {
            base: base.clone(),
            ours: payload.clone(),
            old_id,
            new_id,
            ttl,
            stored: payload.clone(),
            expected: base.as_json().to_owned(),
            round: 0,
            step: Step::CreatingNew,
        };
        Next::Ask(Request::Create { payload: payload.clone(), ttl }, procedure)
    }

    fn remove_old(self) -> Next<Self, Regenerated> {
        let request = Request::Remove { id: self.old_id.clone(), expected: self.expected.clone() };
        Next::Ask(request, self)
    }

    fn undo(mut self, outcome: Result<Regenerated, StoreError>) -> Next<Self, Regenerated> {
        self.step = Step::Undoing(outcome);
        Next::Ask(Request::Destroy { id: self.new_id.clone() }, self)
    }
}

impl Procedure<Regenerated> for Regenerate {
    fn next(mut self, outcome: Result<Reply, StoreError>) -> Next<Self, Regenerated> {
        let step = std::mem::replace(&mut self.step, Step::RemovingOld);
        match (step, outcome) {
            (Step::CreatingNew, Ok(Reply::Create(true))) => self.remove_old(),
            // The id that was to be new is taken, which a random one never is.
            (Step::CreatingNew, Ok(Reply::Create(false))) => Next::Done(Err(StoreError::InvalidId)),
            (Step::RemovingOld, Ok(Reply::Remove(Found::Expected))) => {
                Next::Done(Ok(Regenerated::Done(self.stored)))
            }
            (Step::RemovingOld, Ok(Reply::Remove(Found::Gone))) => self.undo(Ok(Regenerated::Gone)),
            (Step::RemovingOld, Ok(Reply::Remove(Found::Changed(current)))) => {
                let Some(theirs) = own(&current, &self.base) else {
                    return self.undo(Ok(Regenerated::Gone));
                };
                self.round += 1;
                if self.round == ROUNDS {
                    return self.undo(Err(StoreError::Conflict));
                }
                self.stored = merge(&self.base, &self.ours, &theirs).with_id(&self.new_id);
                self.expected = current;
                self.step = Step::SavingMerged;
                // Nobody else knows the new id yet, so there is nothing to overwrite.
                Next::Ask(Request::Save { payload: self.stored.clone(), ttl: self.ttl }, self)
            }
            (Step::RemovingOld, Err(error)) => {
                Next::Done(Ok(Regenerated::OldRemains(self.stored, error)))
            }
            (Step::SavingMerged, Ok(Reply::Save)) => self.remove_old(),
            (Step::Undoing(outcome), Ok(Reply::Destroy)) => Next::Done(outcome),
            (_, Ok(_)) => Next::Done(Err(StoreError::Protocol)),
            (_, Err(error)) => Next::Done(Err(error)),
        }
    }
}

fn own(text: &str, base: &Payload) -> Option<Payload> {
    Payload::parse(text).ok().filter(|payload| payload.id_json() == base.id_json())
}
