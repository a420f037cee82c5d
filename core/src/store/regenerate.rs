//! Gives a session another id: the new record is there before the old one goes.
//!
//! ```text
//!   create new -> remove old, or put a forwarding record in its place?
//!                    expected: done
//!                    gone: the new one goes too, destroy has won
//!                    changed: merge that into the new one, and again
//!                    a forwarding record: another request was first, and the new one goes too
//! ```
//!
//! A forwarding record leads to the new one for as long as the grace lasts. That instant is in
//! the record itself: its TTL is no more than the end of the matter, since a touch that was under
//! way for the old session may still start it anew.
//!
//! Who follows forwarding records is `update`, `resume` and `destroy_session`. This does not:
//! whoever has an old id must not come by a new one, and what a login writes must not end up in
//! a session whose id somebody else knows.

use super::procedure::{Next, Procedure, ROUNDS, own};
use super::{Found, Reply, Request};
use crate::error::StoreError;
use crate::events;
use crate::merge::merge;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};

/// How [`Store::regenerate`](super::Store::regenerate) ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Regenerated {
    /// The session lives under its new id; this is what is stored.
    Done(Payload),
    /// The session does not exist any more under the old id, nor under the new one: it was
    /// destroyed, has expired, or another request has regenerated it. Nothing was written.
    Gone,
    /// The session lives under its new id, but the old record may still be there: removing or
    /// replacing it failed. Whoever has the old id may get in until that expires.
    OldRemains(Payload, StoreError),
}

#[derive(Debug)]
pub(super) struct Regenerate {
    base: Payload,
    ours: Payload,
    old_id: SessionId,
    new_id: SessionId,
    ttl: Ttl,
    /// What takes the place of the old record, and for how long.
    forwarding: Option<(Payload, Ttl)>,
    stored: Payload,
    /// The text of the old record that `stored` takes into account.
    expected: String,
    round: usize,
    step: Step,
}

#[derive(Debug)]
enum Step {
    CreatingNew,
    RetiringOld,
    SavingMerged,
    /// The new record goes again, and this is how it ends.
    Undoing(Result<Regenerated, StoreError>),
}

impl Regenerate {
    pub(super) fn start(
        base: &Payload,
        payload: &Payload,
        ttl: Ttl,
        grace: Option<Ttl>,
        now: UnixMillis,
    ) -> Next<Self, Regenerated> {
        let (Some(old_id), Some(new_id)) = (base.session_id(), payload.session_id()) else {
            return Next::Done(Err(StoreError::InvalidId));
        };
        if old_id == new_id {
            // Retiring the old record would retire the new one.
            return Next::Done(Err(StoreError::InvalidId));
        }
        let forwarding = grace.map(|it| (Payload::forwarding(&old_id, &new_id, now.plus(it)), it));
        let stored = payload.clone().inheriting(base);
        let procedure = Self {
            base: base.clone(),
            ours: payload.clone(),
            old_id,
            new_id,
            ttl,
            forwarding,
            stored: stored.clone(),
            expected: base.as_json().to_owned(),
            round: 0,
            step: Step::CreatingNew,
        };
        Next::Ask(Request::Create { payload: stored, ttl }, procedure)
    }

    fn retire_old(self) -> Next<Self, Regenerated> {
        let expected = self.expected.clone();
        let request = match self.forwarding.clone() {
            None => Request::Remove { id: self.old_id.clone(), expected },
            Some((payload, ttl)) => Request::Replace { expected, payload, ttl },
        };
        Next::Ask(request, self)
    }

    /// Goes on from what was found in the place of the old record.
    fn old_was(mut self, found: Found) -> Next<Self, Regenerated> {
        let current = match found {
            Found::Expected => return Next::Done(Ok(Regenerated::Done(self.stored))),
            Found::Gone => {
                events::write_to_gone();
                return self.undo(Ok(Regenerated::Gone));
            }
            Found::Changed(current) => current,
        };
        let Some(theirs) = own(&current, &self.old_id) else {
            return self.undo(Ok(Regenerated::Gone));
        };
        match theirs.moved_to() {
            None => {}
            // Ours: the store has made the replacement twice.
            Some(id) if id == self.new_id => return Next::Done(Ok(Regenerated::Done(self.stored))),
            Some(_) => return self.undo(Ok(Regenerated::Gone)),
        }
        self.round += 1;
        if self.round == ROUNDS {
            events::conflict();
            return self.undo(Err(StoreError::Conflict));
        }
        self.stored = merge(&self.base, &self.ours, &theirs).with_id(&self.new_id);
        self.expected = current;
        self.step = Step::SavingMerged;
        // Nobody else knows the new id yet, so there is nothing to overwrite.
        Next::Ask(Request::Save { payload: self.stored.clone(), ttl: self.ttl }, self)
    }

    fn undo(mut self, outcome: Result<Regenerated, StoreError>) -> Next<Self, Regenerated> {
        self.step = Step::Undoing(outcome);
        Next::Ask(Request::Destroy { id: self.new_id.clone() }, self)
    }
}

impl Procedure<Regenerated> for Regenerate {
    fn next(mut self, outcome: Result<Reply, StoreError>) -> Next<Self, Regenerated> {
        let step = std::mem::replace(&mut self.step, Step::RetiringOld);
        match (step, outcome) {
            (Step::CreatingNew, Ok(Reply::Create(true))) => self.retire_old(),
            // The id that was to be new is taken, which a random one never is.
            (Step::CreatingNew, Ok(Reply::Create(false))) => Next::Done(Err(StoreError::InvalidId)),
            (Step::RetiringOld, Ok(Reply::Remove(found) | Reply::Replace(found))) => {
                self.old_was(found)
            }
            (Step::RetiringOld, Err(error)) => {
                events::old_record_remains(&error);
                Next::Done(Ok(Regenerated::OldRemains(self.stored, error)))
            }
            (Step::SavingMerged, Ok(Reply::Save)) => self.retire_old(),
            (Step::Undoing(outcome), Ok(Reply::Destroy)) => Next::Done(outcome),
            (_, Ok(_)) => Next::Done(Err(StoreError::Protocol)),
            (_, Err(error)) => Next::Done(Err(error)),
        }
    }
}
