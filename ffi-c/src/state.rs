//! Is the session of a request: what was stored, and what it has become.
//!
//! ```text
//!   Cookie header --locate--> a State, or the id to resume --> a State
//!   State --change, keep, regenerate, sign_in, leave, end--> a State that a commit has to do with
//! ```
//!
//! Waits for nothing: who asks the store is `session::load`'s and `operation`'s to know. What a
//! commit makes of it is `plan`'s.

mod plan;

use rudder_session_core::store::Resumed;
use rudder_session_core::{
    Origin, Payload, PayloadError, SessionId, StoreError, UnixMillis, UserMark, cookie,
};

use crate::engine::{Parts, Place};
use crate::error::Failure;
use crate::format::IdKind;
use crate::status::rsess_status::{self, *};
use crate::work::Outcome;

pub(crate) use plan::{Committed, Errand, Plan};

/// The session of one request.
pub(crate) struct State {
    /// What is stored, or was sent; none for a session that is fresh.
    base: Option<Payload>,
    payload: Payload,
    /// What the request before left for this one, as the data of a payload.
    flash: Payload,
    dirty: bool,
    /// Whether the client's cookie has to live longer, though nothing has changed.
    touched: bool,
    /// Whether the request came with an id that the session no longer has: no cookie then.
    moved: bool,
    ended: bool,
    /// Whether nobody is signed in any more, so that the browser may forget the cookie.
    left: bool,
    /// When the index of the user said that the session is live.
    checked: Option<UnixMillis>,
    id_kind: IdKind,
    /// The last instant at which the cookie of the commit under way is good.
    cookie_until: Option<UnixMillis>,
    /// Ids whose records are to go and may still be there.
    leftovers: Vec<SessionId>,
    refusal: rsess_status,
}

/// What a `Cookie` header leads to.
pub(crate) enum Located {
    Here(Box<State>),
    /// In a store, by a cookie that was made so.
    InStore(SessionId, Origin),
}

impl State {
    /// Finds the session cookie in a `Cookie` header, and verifies it before anything else.
    pub(crate) fn locate(
        parts: &Parts,
        header: &[u8],
        now: UnixMillis,
    ) -> Result<Located, Failure> {
        let id_kind = parts.format.id_kind();
        let value = cookie::find(header, parts.cookie_name.as_bytes()).unwrap_or_default();
        if value.is_empty() {
            return Ok(Located::Here(Box::new(Self::fresh(RSESS_OK, id_kind)?)));
        }
        let located = match (str::from_utf8(value), &parts.place) {
            (Err(_), _) => Err(RSESS_ERR_BAD_SIGNATURE),
            (Ok(value), Place::Cookie) => {
                let decoded = parts.format.decode(value, now);
                // A legacy cookie has no expiry, but may say when the session began.
                let alive = decoded.map_err(rsess_status::from).and_then(|decoded| {
                    let is_over = parts.timeouts.is_over(&decoded.0, now);
                    if is_over { Err(RSESS_ERR_EXPIRED) } else { Ok(decoded) }
                });
                alive.map(|(payload, origin)| {
                    let dirty = origin != Origin::Primary;
                    let state = Self::loaded(payload, id_kind);
                    Located::Here(Box::new(Self { dirty: state.dirty || dirty, ..state }))
                })
            }
            (Ok(value), Place::Store(_)) => {
                let decoded = parts.format.decode_id(value, now);
                decoded.map(|(id, origin)| Located::InStore(id, origin)).map_err(Into::into)
            }
        };
        match located {
            Ok(located) => Ok(located),
            Err(refusal) => Ok(Located::Here(Box::new(Self::fresh(refusal, id_kind)?))),
        }
    }

    /// The session that a store has found, or a fresh one. What came with a cookie that is not as
    /// cookies are made today leaves with another: of v1 with another id, too.
    pub(crate) fn resumed(
        outcome: Result<Outcome, StoreError>,
        origin: Origin,
        id_kind: IdKind,
    ) -> Result<Self, Failure> {
        let Outcome::Resumed(resumed) = outcome? else { return Err(StoreError::Protocol.into()) };
        match resumed {
            // The id is not taken over: it may have been planted.
            Resumed::Expired | Resumed::None => Self::fresh(RSESS_NOT_FOUND, id_kind),
            Resumed::Moved(payload) => Ok(Self { moved: true, ..Self::loaded(payload, id_kind) }),
            Resumed::Session { payload, touched } => {
                let mut state = Self::loaded(payload, id_kind);
                state.touched = touched.unwrap_or(false) || origin == Origin::Retired;
                if origin == Origin::V1 {
                    state.regenerate()?;
                }
                Ok(state)
            }
        }
    }

    fn loaded(payload: Payload, id_kind: IdKind) -> Self {
        let base = payload.clone();
        let mut payload = payload;
        let has_flash = payload.flash_next_json() != NOTHING;
        let flash = data_of(&if has_flash { payload.take_flash() } else { NOTHING.to_owned() });
        Self { base: Some(base), flash, dirty: has_flash, ..Self::of(payload, RSESS_OK, id_kind) }
    }

    fn fresh(refusal: rsess_status, id_kind: IdKind) -> Result<Self, Failure> {
        Ok(Self::of(Payload::new(&id_kind.make()?), refusal, id_kind))
    }

    fn of(payload: Payload, refusal: rsess_status, id_kind: IdKind) -> Self {
        Self {
            base: None,
            payload,
            flash: data_of(NOTHING),
            dirty: false,
            touched: false,
            moved: false,
            ended: false,
            left: false,
            checked: None,
            id_kind,
            cookie_until: None,
            leftovers: Vec::new(),
            refusal,
        }
    }

    /// What takes the place of a session that its user, or somebody else, has ended.
    pub(crate) fn after_the_end(id_kind: IdKind) -> Result<Self, Failure> {
        Self::fresh(RSESS_NOT_FOUND, id_kind)
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.base.is_none()
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    pub(crate) fn refusal(&self) -> rsess_status {
        self.refusal
    }

    pub(crate) fn payload(&self) -> &Payload {
        &self.payload
    }

    pub(crate) fn flash(&self) -> &Payload {
        &self.flash
    }

    /// Gives the payload to `change`; if that succeeds the session has to be saved.
    pub(crate) fn change(
        &mut self,
        change: impl FnOnce(&mut Payload) -> Result<(), PayloadError>,
    ) -> Result<(), PayloadError> {
        change(&mut self.payload)?;
        self.dirty = true;
        Ok(())
    }

    /// Leaves a value of this request's flash for the next one, too.
    pub(crate) fn keep(&mut self, key: &str) -> Result<(), rsess_status> {
        let value = self.flash.get_json(key).ok_or(RSESS_NOT_FOUND)?;
        self.payload.flash_json(key, value)?;
        self.dirty = true;
        Ok(())
    }

    /// Gives the session another id, from its next commit on.
    pub(crate) fn regenerate(&mut self) -> Result<(), Failure> {
        self.payload = self.payload.with_id(&self.id_kind.make()?);
        self.dirty = true;
        Ok(())
    }

    /// Has the next commit end the session.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Nothing was ended when the session was loaded.
    pub(crate) fn note_live(&mut self, now: UnixMillis) {
        self.checked = Some(now);
    }

    /// Makes it the session of a user, under another id from its next commit on.
    pub(crate) fn sign_in(&mut self, mark: &UserMark, id: &SessionId, now: UnixMillis) {
        self.payload = self.payload.with_id(id);
        self.payload.set_user_mark(mark);
        self.dirty = true;
        self.note_live(now);
    }

    /// Makes it nobody's, and another session: nothing but its data ties it to what it was, whose
    /// record this returns the id of.
    pub(crate) fn leave(&mut self, id: &SessionId) -> Option<SessionId> {
        let (data, flash) = (self.payload.data_json(), self.payload.flash_next_json());
        let mut payload = of_parts(id.as_str(), data, flash);
        if let Some(created_at) = self.payload.created_at() {
            payload.set_created_at(created_at);
        }
        self.payload = payload;
        self.dirty = true;
        self.moved = false;
        self.left = true;
        self.base.take().and_then(|it| it.session_id())
    }

    /// Has later commits remove a record.
    pub(crate) fn leave_behind(&mut self, id: SessionId) {
        self.leftovers.push(id);
    }
}

/// A payload that exists for its data only.
fn data_of(object: &str) -> Payload {
    of_parts("", object, NOTHING)
}

/// `id` needs no escapes.
fn of_parts(id: &str, data: &str, flash_next: &str) -> Payload {
    let text =
        [r#"{"id":""#, id, r#"","data":"#, data, r#","flash_next":"#, flash_next, "}"].concat();
    // What is no object would be spread into one, so nothing is refused here.
    Payload::parse(text).expect("an object with an id")
}

const NOTHING: &str = "{}";
