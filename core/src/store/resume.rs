//! Finds the session that a request belongs to, if it is not over, and keeps it alive.
//!
//! ```text
//!   inspect id -> none
//!              -> a forwarding record: the same where that leads, without a touch
//!              -> past the absolute timeout: destroy it
//!              -> much of its TTL left: that is all
//!              -> little left: touch it
//! ```
//!
//! The index of somebody's sessions is no session: nobody resumes that.
//!
//! When a session is over, and how little is little, is `timeouts`'s to say.

use super::procedure::{HOPS, Next, Procedure, own};
use super::{Found, Inspected, Reply, Request};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};
use crate::timeouts::Timeouts;

/// How [`Store::resume`](super::Store::resume) ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resumed {
    /// The session was past its absolute timeout, and has been destroyed.
    ///
    /// Rare: a TTL from [`Timeouts::ttl`] ends with the session, which is none from then on.
    Expired,
    /// The session has been regenerated with grace: it has another id by now, and this request
    /// was sent before its client knew. The payload is under the id that the request came with;
    /// [`Store::update`](super::Store::update) takes it as a base.
    ///
    /// Send the client no cookie: see [`Updated::Moved`](super::Updated::Moved).
    Moved(Payload),
    /// There is no such session, or no longer.
    None,
    /// The session lives.
    Session {
        /// What is stored.
        payload: Payload,
        /// Whether its TTL was started anew; then the client's cookie should be as well. An error
        /// if that was due and failed: the session is as good as it was, and has the time that it
        /// had left. The next request tries again.
        touched: Result<bool, StoreError>,
    },
}

#[derive(Debug)]
pub(super) struct Resume {
    timeouts: Timeouts,
    now: UnixMillis,
    /// The id that the request came with.
    id: SessionId,
    /// Where the session is by now.
    at: SessionId,
    hops: usize,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Destroying,
    Inspecting,
    Touching(Touching),
}

#[derive(Debug)]
struct Touching {
    /// What is stored.
    found: Payload,
    /// The same with what the policy wants noted in it.
    stamped: Payload,
    ttl: Ttl,
    /// The first try met another spelling of what was found.
    again: bool,
}

impl Resume {
    pub(super) fn start(
        id: &SessionId,
        timeouts: &Timeouts,
        now: UnixMillis,
    ) -> Next<Self, Resumed> {
        if id.is_user_index() {
            return Next::Done(Ok(Resumed::None));
        }
        let step = Step::Inspecting;
        let (id, at) = (id.clone(), id.clone());
        let procedure = Self { timeouts: *timeouts, now, id: id.clone(), at, hops: 0, step };
        Next::Ask(Request::Inspect { id }, procedure)
    }

    fn found(mut self, record: Inspected) -> Next<Self, Resumed> {
        let Inspected { payload, left } = record;
        if payload.is_forwarding() {
            self.hops += 1;
            return match payload.leads_to(self.now) {
                Some(id) if self.hops <= HOPS && !id.is_user_index() => {
                    self.at = id.clone();
                    Next::Ask(Request::Inspect { id }, self)
                }
                _ => Next::Done(Ok(Resumed::None)),
            };
        }
        let Some(ttl) = self.timeouts.ttl(&payload, self.now) else {
            self.step = Step::Destroying;
            return Next::Ask(Request::Destroy { id: self.at.clone() }, self);
        };
        if self.hops > 0 {
            // The request that regenerated has started the TTL anew, and an old id is not to keep
            // a session alive.
            return Next::Done(Ok(Resumed::Moved(payload.with_id(&self.id))));
        }
        if !self.timeouts.is_touch_due(&payload, left, self.now) {
            return Next::Done(Ok(Resumed::Session { payload, touched: Ok(false) }));
        }
        let mut stamped = payload.clone();
        self.timeouts.stamp(&mut stamped, self.now);
        let request = if stamped == payload {
            Request::Touch { id: self.at.clone(), ttl }
        } else {
            // Extended without a stamp, it would never reach its absolute timeout.
            let expected = payload.as_json().to_owned();
            Request::Replace { expected, payload: stamped.clone(), ttl }
        };
        self.step = Step::Touching(Touching { found: payload, stamped, ttl, again: false });
        Next::Ask(request, self)
    }

    /// Goes on from another text than the one that was to be stamped.
    fn met(mut self, current: String, touching: Touching) -> Next<Self, Resumed> {
        let Touching { found, stamped, ttl, again } = touching;
        if !again && own(&current, &self.at).as_ref() == Some(&found) {
            // Nobody has written: it is spelled in another way than we spell it.
            let request = Request::Replace { expected: current, payload: stamped.clone(), ttl };
            self.step = Step::Touching(Touching { found, stamped, ttl, again: true });
            return Next::Ask(request, self);
        }
        // Another request has written, and so started the TTL anew.
        Next::Done(Ok(Resumed::Session { payload: stamped, touched: Ok(false) }))
    }
}

impl Procedure<Resumed> for Resume {
    fn next(mut self, outcome: Result<Reply, StoreError>) -> Next<Self, Resumed> {
        let step = std::mem::replace(&mut self.step, Step::Inspecting);
        let resumed = match (step, outcome) {
            (Step::Inspecting, Ok(Reply::Inspect(Some(record)))) => return self.found(record),
            (Step::Inspecting, Ok(Reply::Inspect(None))) => Ok(Resumed::None),
            (Step::Destroying, Ok(Reply::Destroy)) => Ok(Resumed::Expired),
            (Step::Touching(_), Ok(Reply::Touch(false) | Reply::Replace(Found::Gone))) => {
                Ok(Resumed::None)
            }
            (Step::Touching(it), Ok(Reply::Touch(true) | Reply::Replace(Found::Expected))) => {
                Ok(Resumed::Session { payload: it.stamped, touched: Ok(true) })
            }
            (Step::Touching(it), Ok(Reply::Replace(Found::Changed(current)))) => {
                return self.met(current, it);
            }
            (Step::Touching(it), Err(error)) => {
                Ok(Resumed::Session { payload: it.stamped, touched: Err(error) })
            }
            (_, Ok(_)) => Err(StoreError::Protocol),
            (_, Err(error)) => Err(error),
        };
        Next::Done(resumed)
    }
}
