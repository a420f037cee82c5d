//! Says what a commit has to do for a session, and what the answer comes to.
//!
//! ```text
//!   State --errand--> ask or tell the index of the user --checked--> over, or go on
//!   State --plan--> nothing | a Set-Cookie header | Work --outcome--> settle --> Set-Cookie header
//! ```
//!
//! Waits for nothing: who asks the store, and how, is `commit`'s and `queue`'s. This is the one
//! place that decides whether a session has to be saved.

use rudder_session_core::users::Standing;
use rudder_session_core::{Payload, StoreError, UnixMillis};

use super::{NOTHING, State};
use crate::engine::{Parts, Place};
use crate::error::Failure;
use crate::status::rsess_status::{self, *};
use crate::users::Users;
use crate::work::{Outcome, Work};

/// What the index of the user has to do with a commit, before it.
pub(crate) enum Errand {
    /// It is asked whether the session is live.
    Check,
    /// It is told that the session is over.
    SignOut,
}

/// What a commit has to do.
pub(crate) enum Plan {
    /// This, without a store.
    Answer(Committed),
    /// Ask the store, and settle what it says.
    Ask(Work),
}

/// How a commit ended: RSESS_OK, RSESS_GONE or RSESS_OLD_REMAINS, and the header to send.
pub(crate) struct Committed {
    pub(crate) status: rsess_status,
    pub(crate) set_cookie: Option<String>,
}

impl State {
    /// What the index of the user has to do with a commit.
    pub(crate) fn errand(&self, users: &Users, now: UnixMillis) -> Option<Errand> {
        self.payload.user_mark()?;
        if self.ended {
            return Some(Errand::SignOut);
        }
        let is_asked = self.dirty && users.is_check_due(self.checked, now);
        is_asked.then_some(Errand::Check)
    }

    /// What the answer to a check comes to; none if the commit goes on.
    pub(crate) fn checked(&mut self, standing: Standing, now: UnixMillis) -> Option<Committed> {
        if standing == Standing::Over {
            return Some(self.gone());
        }
        self.note_live(now);
        None
    }

    /// What a commit has to do.
    pub(crate) fn plan(&mut self, parts: &Parts, now: UnixMillis) -> Result<Plan, Failure> {
        if self.ended {
            return self.plan_end(parts);
        }
        let is_empty = self.payload.data_json() == NOTHING
            && self.payload.flash_next_json() == NOTHING
            && self.is_fresh()
            && self.payload.user_mark().is_none();
        if is_empty && self.left {
            return Ok(Plan::Answer(self.take_cookie_back(parts)));
        }
        if !self.dirty || is_empty {
            return Ok(self.plan_unchanged(parts, now));
        }
        parts.limits.check(&self.payload, self.base.as_ref())?;
        parts.timeouts.stamp(&mut self.payload, now);
        match &parts.place {
            Place::Cookie => self.plan_cookie(parts, now),
            Place::Store(_) => {
                let Some(ttl) = parts.timeouts.ttl(&self.payload, now) else {
                    return Ok(Plan::Answer(self.gone()));
                };
                self.cookie_until = parts.timeouts.expires_at(&self.payload, now);
                let payload = self.payload.clone();
                Ok(Plan::Ask(match self.base.clone() {
                    None => Work::Create { payload, ttl },
                    Some(base) if base.id_json() == payload.id_json() => {
                        Work::Update { base, payload, ttl }
                    }
                    Some(base) => Work::Regenerate { base, payload, ttl },
                }))
            }
        }
    }

    fn plan_end(&mut self, parts: &Parts) -> Result<Plan, Failure> {
        let stored = self.base.as_ref().and_then(Payload::session_id);
        match (&parts.place, stored) {
            (Place::Store(_), Some(id)) => Ok(Plan::Ask(Work::Destroy { id })),
            _ => Ok(Plan::Answer(self.finish_end(parts)?)),
        }
    }

    fn plan_unchanged(&mut self, parts: &Parts, now: UnixMillis) -> Plan {
        if let Some(id) = self.leftovers.last() {
            return Plan::Ask(Work::Destroy { id: id.clone() });
        }
        let touched = std::mem::take(&mut self.touched);
        let set_cookie = self
            .base
            .as_ref()
            .filter(|_| touched)
            .and_then(|it| header(parts, it, parts.timeouts.expires_at(it, now)?));
        Plan::Answer(Committed { status: RSESS_OK, set_cookie })
    }

    fn plan_cookie(&mut self, parts: &Parts, now: UnixMillis) -> Result<Plan, Failure> {
        let Some(expires_at) = parts.timeouts.expires_at(&self.payload, now) else {
            return Ok(Plan::Answer(self.gone()));
        };
        let value = parts.format.encode(&self.payload, expires_at)?;
        let set_cookie = parts.set_cookie.header(&value);
        if set_cookie.len() > MAX_SET_COOKIE {
            return Err(RSESS_ERR_TOO_LARGE.into());
        }
        self.stored(self.payload.clone());
        Ok(Plan::Answer(Committed { status: RSESS_OK, set_cookie: Some(set_cookie) }))
    }

    fn gone(&mut self) -> Committed {
        self.dirty = false;
        Committed { status: RSESS_GONE, set_cookie: None }
    }

    /// Nothing is left of a session that somebody was signed in to.
    fn take_cookie_back(&mut self, parts: &Parts) -> Committed {
        self.dirty = false;
        self.left = false;
        let set_cookie = Some(parts.set_cookie.removal());
        Committed { status: self.leftover_status(), set_cookie }
    }

    /// What the store's answer to a plan comes to. After an error the session is as it was, and
    /// may be committed again.
    pub(crate) fn settle(
        &mut self,
        parts: &Parts,
        outcome: Result<Outcome, StoreError>,
    ) -> Result<Committed, Failure> {
        let old_id = self.base.as_ref().and_then(Payload::session_id);
        let (payload, status) = match outcome? {
            Outcome::Destroyed if self.ended => return self.finish_end(parts),
            Outcome::Destroyed => {
                self.leftovers.pop();
                let status = self.leftover_status();
                return Ok(Committed { status, set_cookie: None });
            }
            Outcome::Gone => return Ok(self.gone()),
            Outcome::Stored(payload) => (payload, self.leftover_status()),
            Outcome::StoredAndOldRemains(payload) => {
                self.leftovers.extend(old_id);
                (payload, RSESS_OLD_REMAINS)
            }
            Outcome::StoredElsewhere(payload) => {
                self.moved = true;
                (payload, RSESS_OK)
            }
            Outcome::Resumed(_) => return Err(StoreError::Protocol.into()),
        };
        let until = self.cookie_until.filter(|_| !self.moved);
        let set_cookie = until.and_then(|until| header(parts, &payload, until));
        self.stored(payload);
        Ok(Committed { status, set_cookie })
    }

    fn stored(&mut self, payload: Payload) {
        self.base = Some(payload.clone());
        self.payload = payload;
        self.dirty = false;
        self.touched = false;
        self.left = false;
    }

    fn leftover_status(&self) -> rsess_status {
        if self.leftovers.is_empty() { RSESS_OK } else { RSESS_OLD_REMAINS }
    }

    /// Forgets everything, and makes the browser do so.
    fn finish_end(&mut self, parts: &Parts) -> Result<Committed, Failure> {
        let leftovers = std::mem::take(&mut self.leftovers);
        *self = Self { leftovers, ..Self::fresh(RSESS_OK, self.id_kind)? };
        let set_cookie = Some(parts.set_cookie.removal());
        Ok(Committed { status: self.leftover_status(), set_cookie })
    }
}

/// The header that names a record; none for one whose id cannot name any.
fn header(parts: &Parts, payload: &Payload, until: UnixMillis) -> Option<String> {
    let value = parts.format.encode_id(&payload.session_id()?, until)?;
    Some(parts.set_cookie.header(&value))
}

/// What browsers keep of a cookie, name and attributes included.
const MAX_SET_COOKIE: usize = 4096;
