//! Saves onto what was loaded: nobody's write is lost, and no logout is undone.
//!
//! ```text
//!   replace base -> ours?   expected: saved
//!                           gone: nothing is written, destroy has won
//!                           changed: merge ours into that, and again
//!                           a forwarding record: the same, where the session is by now
//! ```
//!
//! The same for every store, from steps that each store makes in one piece. How two payloads
//! merge is `merge`'s.

use super::procedure::{HOPS, Next, Procedure, ROUNDS, own};
use super::{Found, Reply, Request};
use crate::error::StoreError;
use crate::events;
use crate::merge::merge;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};

/// How [`Store::update`](super::Store::update) ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Updated {
    /// The session does not exist any more; nothing was written.
    Gone,
    /// Another request had changed the session; this is what is stored now.
    Merged(Payload),
    /// Another request has regenerated the session with grace meanwhile. What this one changed is
    /// stored where the session is by now, and this is what is there, under the id that *this*
    /// request knows: the base of its next update.
    ///
    /// Send the client no cookie: the request that regenerated has sent it the new one. The new
    /// id is kept back on purpose. This request may come from somebody who planted the old one.
    Moved(Payload),
    /// The payload is stored as it was given.
    Saved,
}

pub(crate) struct Update {
    /// What was loaded, as text: only a merge looks into it.
    base: String,
    ours: Payload,
    attempt: Payload,
    ttl: Ttl,
    now: UnixMillis,
    /// Where the session is by now.
    id: SessionId,
    hops: usize,
    round: usize,
}

impl Update {
    /// Onto a payload that is known to be one.
    pub(crate) fn onto(
        base: &Payload,
        payload: &Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Next<Self, Updated> {
        if base.session_id().is_some_and(|id| payload.belongs_to(&id)) {
            Self::start(base.as_json().to_owned(), payload.clone(), ttl, now)
        } else {
            Next::Done(Err(StoreError::InvalidId))
        }
    }

    /// Onto a text that [`Payload::as_json`] gave, for all we know: if it is not what is stored,
    /// it is looked at more closely.
    pub(super) fn start(
        base: String,
        ours: Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Next<Self, Updated> {
        let Some(id) = ours.session_id() else {
            return Next::Done(Err(StoreError::InvalidId));
        };
        let mut attempt = ours.clone();
        if !ours.is_plainly_of(&base) {
            let Some(base) = own(&base, &id) else {
                return Next::Done(Err(StoreError::InvalidId));
            };
            attempt = attempt.inheriting(&base);
        }
        let expected = base.clone();
        Self { base, ours, attempt, ttl, now, id, hops: 0, round: 0 }.replace(expected)
    }

    fn replace(self, expected: String) -> Next<Self, Updated> {
        let (payload, ttl) = (self.attempt.clone(), self.ttl);
        Next::Ask(Request::Replace { expected, payload, ttl }, self)
    }

    /// Goes on from what lies in the session's place.
    fn meet(mut self, current: String) -> Next<Self, Updated> {
        let Some(theirs) = own(&current, &self.id) else {
            return Next::Done(Ok(Updated::Gone));
        };
        if theirs.is_forwarding() {
            self.hops += 1;
            return match theirs.leads_to(self.now) {
                Some(id) if self.hops <= HOPS => {
                    self.id = id.clone();
                    Next::Ask(Request::Inspect { id }, self)
                }
                _ => Next::Done(Ok(Updated::Gone)),
            };
        }
        self.round += 1;
        if self.round == ROUNDS {
            events::conflict();
            return Next::Done(Err(StoreError::Conflict));
        }
        let Some(base) = Payload::parse(self.base.as_str()).ok().filter(|it| it.is_of(&self.ours))
        else {
            return Next::Done(Err(StoreError::InvalidId));
        };
        self.attempt = merge(&base, &self.ours, &theirs);
        self.replace(current)
    }

    fn end(self) -> Updated {
        if self.hops > 0 {
            Updated::Moved(self.attempt.with_id_of(&self.ours))
        } else if self.attempt == self.ours {
            Updated::Saved
        } else {
            Updated::Merged(self.attempt)
        }
    }
}

impl Procedure<Updated> for Update {
    fn next(self, outcome: Result<Reply, StoreError>) -> Next<Self, Updated> {
        match outcome {
            Ok(Reply::Replace(Found::Expected)) => Next::Done(Ok(self.end())),
            Ok(Reply::Replace(Found::Changed(current))) => self.meet(current),
            Ok(Reply::Inspect(Some(record))) => self.meet(record.payload.into_json()),
            Ok(Reply::Replace(Found::Gone) | Reply::Inspect(None)) => {
                events::write_to_gone();
                Next::Done(Ok(Updated::Gone))
            }
            Ok(_) => Next::Done(Err(StoreError::Protocol)),
            Err(error) => Next::Done(Err(error)),
        }
    }
}
