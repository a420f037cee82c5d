//! Changes an index record in one piece, however many others do at the same time.
//!
//! ```text
//!   load -> plan: what the index is to be, and how that ends
//!             nothing to write: done
//!             replace what was loaded: expected: done
//!                                      changed: plan again, from what is there by now
//!                                      gone: plan again, from no index
//!             create it, if there was none: taken: load, and plan again
//! ```
//!
//! Each change is made of what is there at the moment of its write. So of two, one is the later,
//! and knows all of the other.

use super::index::{Index, Times};
use crate::error::StoreError;
use crate::events;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::store::procedure::{Next, Procedure, own};
use crate::store::{Found, Reply, Request};

/// What a change comes to, given the index. What is written is pruned.
pub(super) enum Plan<T> {
    /// Nothing is to be written.
    Leave(T),
    /// The index is to be this.
    Write(Index, T),
    /// The same, but the outcome is the same if it cannot be written.
    TryToWrite(Index, T),
}

/// A change on its way.
pub(crate) struct Change<T> {
    id: SessionId,
    times: Times,
    plan: Planner<T>,
    round: usize,
    attempt: Option<Attempt<T>>,
}

/// Is asked once for each index that turns out to be there; `None` if there is none.
type Planner<T> = Box<dyn FnMut(Option<Index>) -> Plan<T> + Send>;

/// What is being written, and how it ends if it is.
struct Attempt<T> {
    record: Payload,
    outcome: T,
    may_fail: bool,
}

impl<T> Change<T> {
    pub(super) fn start(
        id: &SessionId,
        times: Times,
        plan: impl FnMut(Option<Index>) -> Plan<T> + Send + 'static,
    ) -> Next<Self, T> {
        let plan = Box::new(plan);
        let change = Self { id: id.clone(), times, plan, round: 0, attempt: None };
        Next::Ask(Request::Load { id: id.clone() }, change)
    }

    fn meet(mut self, current: Option<String>) -> Next<Self, T> {
        let found = current.as_deref().and_then(|text| own(text, &self.id));
        let (mut index, outcome, may_fail) = match (self.plan)(found.as_ref().map(Index::of)) {
            Plan::Leave(outcome) => return Next::Done(Ok(outcome)),
            Plan::Write(index, outcome) => (index, outcome, false),
            Plan::TryToWrite(index, outcome) => (index, outcome, true),
        };
        index.prune(self.times);
        let (record, ttl) = (index.to_record(&self.id), self.times.ttl());
        let request = match current {
            Some(expected) => Request::Replace { expected, payload: record.clone(), ttl },
            None => Request::Create { payload: record.clone(), ttl },
        };
        self.attempt = Some(Attempt { record, outcome, may_fail });
        Next::Ask(request, self)
    }

    /// Another writer was first.
    fn again(mut self, current: Option<String>) -> Next<Self, T> {
        let Some(attempt) = self.attempt.take() else {
            return Next::Done(Err(StoreError::Protocol));
        };
        if current.as_deref() == Some(attempt.record.as_json()) {
            // It was this one: the store has made the replacement twice.
            return Next::Done(Ok(attempt.outcome));
        }
        self.round += 1;
        if self.round == ROUNDS {
            events::conflict();
            self.attempt = Some(attempt);
            return self.failed(StoreError::Conflict);
        }
        self.meet(current)
    }

    fn failed(self, error: StoreError) -> Next<Self, T> {
        Next::Done(match self.attempt {
            Some(attempt) if attempt.may_fail => Ok(attempt.outcome),
            _ => Err(error),
        })
    }
}

impl<T> Procedure<T> for Change<T> {
    fn next(mut self, outcome: Result<Reply, StoreError>) -> Next<Self, T> {
        match outcome {
            Ok(Reply::Load(record)) => self.meet(record.map(Payload::into_json)),
            Ok(Reply::Replace(Found::Expected) | Reply::Create(true)) => match self.attempt {
                Some(attempt) => Next::Done(Ok(attempt.outcome)),
                None => Next::Done(Err(StoreError::Protocol)),
            },
            Ok(Reply::Replace(Found::Changed(current))) => self.again(Some(current)),
            Ok(Reply::Replace(Found::Gone)) => self.again(None),
            Ok(Reply::Create(false)) => {
                self.round += 1;
                if self.round >= ROUNDS {
                    events::conflict();
                    return self.failed(StoreError::Conflict);
                }
                let id = self.id.clone();
                Next::Ask(Request::Load { id }, self)
            }
            Ok(_) => Next::Done(Err(StoreError::Protocol)),
            Err(error) => self.failed(error),
        }
    }
}

/// Each round that fails means that another writer got through, and a user who signs in on a
/// hundred devices at once is one too many.
const ROUNDS: usize = 100;
