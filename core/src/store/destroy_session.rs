//! Ends a session through any id that leads to it.
//!
//! ```text
//!   inspect id -> none: destroy it all the same, a replica may not know yet that it is gone
//!              -> a session: remove it
//!              -> a forwarding record: the same where that leads, and only then remove it
//! ```
//!
//! A record is removed only if it is what was seen: between the look and the removal a session
//! may be regenerated, and then it is somewhere else. So what is found instead is dealt with in
//! the same way.

use super::procedure::{HOPS, Next, Procedure, ROUNDS, own};
use super::{Found, Reply, Request};
use crate::error::StoreError;
use crate::events;
use crate::session_id::SessionId;

#[derive(Debug)]
pub(super) struct DestroySession {
    /// Whose record is looked at, or being removed.
    id: SessionId,
    /// The forwarding records that led there, and go after it.
    trail: Vec<(SessionId, String)>,
    round: usize,
    /// The record that is to be removed, as it was seen.
    expected: String,
}

impl DestroySession {
    pub(super) fn start(id: &SessionId) -> Next<Self, ()> {
        let procedure =
            Self { id: id.clone(), trail: Vec::new(), round: 0, expected: String::new() };
        Next::Ask(Request::Inspect { id: id.clone() }, procedure)
    }

    fn meet(mut self, current: String) -> Next<Self, ()> {
        let Some(record) = own(&current, &self.id) else { return self.next_of_trail() };
        let Some(next) = record.moved_to() else { return self.remove(current) };
        if self.trail.len() == HOPS {
            // Whatever that is, it may lead to the session, and so this must not succeed.
            return Next::Done(Err(StoreError::Conflict));
        }
        self.trail.push((std::mem::replace(&mut self.id, next.clone()), current));
        Next::Ask(Request::Inspect { id: next }, self)
    }

    fn next_of_trail(mut self) -> Next<Self, ()> {
        let Some((id, current)) = self.trail.pop() else { return Next::Done(Ok(())) };
        self.id = id;
        self.remove(current)
    }

    fn remove(mut self, expected: String) -> Next<Self, ()> {
        self.expected.clone_from(&expected);
        Next::Ask(Request::Remove { id: self.id.clone(), expected }, self)
    }

    fn destroy(self) -> Next<Self, ()> {
        Next::Ask(Request::Destroy { id: self.id.clone() }, self)
    }
}

impl Procedure<()> for DestroySession {
    fn next(mut self, outcome: Result<Reply, StoreError>) -> Next<Self, ()> {
        match outcome {
            Ok(Reply::Inspect(Some(record))) => self.meet(record.payload.into_json()),
            Ok(Reply::Inspect(None) | Reply::Remove(Found::Gone)) => self.destroy(),
            // What is the same and still not equal has bytes that no text has. It leads nowhere.
            Ok(Reply::Remove(Found::Changed(current))) if current == self.expected => {
                self.destroy()
            }
            Ok(Reply::Remove(Found::Changed(current))) => {
                self.round += 1;
                if self.round == ROUNDS {
                    events::conflict();
                    return Next::Done(Err(StoreError::Conflict));
                }
                self.meet(current)
            }
            Ok(Reply::Destroy | Reply::Remove(Found::Expected)) => self.next_of_trail(),
            Ok(_) => Next::Done(Err(StoreError::Protocol)),
            Err(error) => Next::Done(Err(error)),
        }
    }
}
