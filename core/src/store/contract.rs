//! Says what every store promises, whatever it is made of.
//!
//! ```text
//!   call, submit, submit_all    each store's own
//!   load, create, save ..       one request
//!   update, regenerate ..       several in a row, see procedure
//! ```
//!
//! This file knows what is asked for, and nothing of where records are.

use super::destroy_session::DestroySession;
use super::procedure;
use super::regenerate::{Regenerate, Regenerated};
use super::request::{Found, Inspected, Reply, Request};
use super::resume::{Resume, Resumed};
use super::submit::Submission;
use super::update::{Update, Updated};
use super::{Incidents, Pending, future};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};
use crate::timeouts::Timeouts;

/// What is called with the answer to a submitted request.
pub type Done = Box<dyn FnOnce(Result<Reply, StoreError>) + Send>;

/// A home for payloads on the server.
///
/// # The contract
///
/// - **none is not an error, and an error is not none.** A record that is absent, expired or
///   unreadable is none. A store that is out of reach is an error: the session may be alive.
/// - **a record belongs to its id.** A record that carries another id than the one it was asked
///   for is never returned: it is none, and counted in the [`Incidents`].
/// - **a forwarding record is no session.** A [`Load`](Request::Load) that meets one answers none;
///   only an [`Inspect`](Request::Inspect) shows it.
/// - **a value is verbatim.** What was saved is loaded byte for byte.
/// - **each request is one step**: nothing gets in between its comparison and its write.
/// - **destroying what is absent succeeds**; a destroy that fails is an error.
/// - **every call ends**: a store that talks to another machine has a deadline for the whole
///   call, the wait for a connection included.
/// - **a store is shared**: any number of threads call it at once.
///
/// A store implements [`call`](Self::call), and [`submit`](Self::submit) if it can do other than
/// block. Everything else follows from these.
///
/// `now` is the outermost caller's clock: a store that keeps its own time, as Redis does, pays
/// no attention to it.
pub trait Store: Send + Sync {
    /// Does what `request` asks for, and waits for the end of it.
    ///
    /// # Errors
    ///
    /// Those of the method that has the request's name.
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError>;

    /// Does what `request` asks for, and calls `done` with the answer, exactly once, on whatever
    /// thread; that may be this one, before this returns.
    fn submit(&self, request: Request, now: UnixMillis, done: Done) {
        done(self.call(request, now));
    }

    /// Submits several requests at once, each as [`submit`](Self::submit) does: a store that
    /// hands them to another thread wakes it once.
    fn submit_all(&self, submissions: Vec<Submission>) {
        for Submission { request, now, done } in submissions {
            self.submit(request, now, done);
        }
    }

    /// What has gone wrong so far without being anybody's error.
    fn incidents(&self) -> Incidents {
        Incidents::default()
    }

    /// Does what `request` asks for; the answer can be awaited on any runtime.
    ///
    /// A store that can only block does so before this returns.
    fn start(&self, request: Request, now: UnixMillis) -> Pending {
        future::start(self, request, now)
    }

    /// Reads the payload of the session `id`; `None` if there is none, or no longer.
    ///
    /// Knows neither timeouts nor grace: [`resume`](Self::resume) does.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the store cannot say.
    fn load(&self, id: &SessionId, now: UnixMillis) -> Result<Option<Payload>, StoreError> {
        match self.call(Request::Load { id: id.clone() }, now)? {
            Reply::Load(payload) => Ok(payload),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Writes `payload` under its own id if there is no such record yet; `false` if there is.
    ///
    /// # Errors
    ///
    /// Those of [`save`](Self::save).
    fn create(&self, payload: &Payload, ttl: Ttl, now: UnixMillis) -> Result<bool, StoreError> {
        match self.call(Request::Create { payload: payload.clone(), ttl }, now)? {
            Reply::Create(created) => Ok(created),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Saves what a request made of `base`, the payload that it loaded.
    ///
    /// - If the record is as it was loaded, it is replaced.
    /// - If another request has changed it, this request's own changes are applied to what is
    ///   there by now, whole top-level keys at a time: **no write is lost**.
    /// - If it is gone, destroyed by a logout or expired, nothing is written: **destroy always
    ///   wins**.
    /// - If another request has regenerated the session
    ///   [with grace](Self::regenerate_with_grace), and that is not over, the changes go to where
    ///   the session is by now.
    ///
    /// A `created_at` that `base` has and `payload` lacks is kept, and of two the earlier one: no
    /// request makes a session younger.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Conflict`] if other requests were faster ten times in a row.
    /// - [`StoreError::InvalidId`] if `payload` and `base` are not the same session.
    /// - Those of [`save`](Self::save).
    fn update(
        &self,
        base: &Payload,
        payload: &Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<Updated, StoreError> {
        procedure::run(self, Update::onto(base, payload, ttl, now), now)
    }

    /// Saves what a request made of `base` under another id: that of `payload`.
    ///
    /// Do it whenever privileges change (login, logout, another role), or an id that was planted
    /// before stays good afterwards.
    ///
    /// The new record is there before the old one goes, so a failure at any step loses nothing.
    /// What other requests write into the old record meanwhile moves along. If the session is
    /// gone, nothing remains of the new one either.
    ///
    /// # Errors
    ///
    /// - [`StoreError::InvalidId`] if the two have the same id, or if the new one is taken.
    /// - Those of [`update`](Self::update).
    ///
    /// The session is then where it was, under its old id.
    fn regenerate(
        &self,
        base: &Payload,
        payload: &Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<Regenerated, StoreError> {
        procedure::run(self, Regenerate::start(base, payload, ttl, None, now), now)
    }

    /// Does what [`regenerate`](Self::regenerate) does, and lets the old id lead to the session
    /// for as long as `grace`.
    ///
    /// For the requests that the client had sent before it knew the new id: their
    /// [`resume`](Self::resume) and [`update`](Self::update) find the session. Without grace they
    /// find none, and the user of a page that loads ten things at once is logged out in nine.
    ///
    /// The price: **whoever holds the old id gets in for that long**, somebody who planted it
    /// before the login too. So it should be seconds, and what such a request is told is
    /// [`Moved`](Resumed::Moved), never the new id. Regenerating through an old id is refused as
    /// [`Gone`](Regenerated::Gone): do not save by [`update`](Self::update) instead what a login
    /// wanted saved that way.
    ///
    /// After a [`destroy`](Self::destroy) of the new id the old one leads to none at once. To end
    /// a session through the old id takes [`destroy_session`](Self::destroy_session).
    ///
    /// # Errors
    ///
    /// Those of [`regenerate`](Self::regenerate).
    ///
    /// ```
    /// use rudder_session::store::{Resumed, Updated};
    /// use rudder_session::{Lifetime, MemoryConfig, MemoryStore, Payload, SessionId, Store};
    /// use rudder_session::{Timeouts, Ttl, UnixMillis};
    ///
    /// let store = MemoryStore::new(MemoryConfig::default())?;
    /// let timeouts = Timeouts::idle(Lifetime::from_minutes(30.0)?);
    /// let (ttl, grace) = (Ttl::from_seconds(1800)?, Ttl::from_seconds(10)?);
    /// let (old, new) = (SessionId::random()?, SessionId::random()?);
    /// let (now, later) = (UnixMillis::new(0), UnixMillis::new(10_000));
    /// let session = Payload::new(&old);
    /// store.create(&session, ttl, now)?;
    ///
    /// store.regenerate_with_grace(&session, &session.with_id(&new), ttl, grace, now)?;
    ///
    /// // A request that was under way has the old id, and keeps it.
    /// let mut changed = session.clone();
    /// changed.put("seen", &true)?;
    /// let moved = Updated::Moved(changed.clone());
    /// assert_eq!(store.update(&session, &changed, ttl, now)?, moved);
    /// assert_eq!(store.resume(&old, &timeouts, now)?, Resumed::Moved(changed.clone()));
    /// assert_eq!(store.load(&new, now)?, Some(changed.with_id(&new)));
    ///
    /// assert_eq!(store.resume(&old, &timeouts, later)?, Resumed::None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn regenerate_with_grace(
        &self,
        base: &Payload,
        payload: &Payload,
        ttl: Ttl,
        grace: Ttl,
        now: UnixMillis,
    ) -> Result<Regenerated, StoreError> {
        procedure::run(self, Regenerate::start(base, payload, ttl, Some(grace), now), now)
    }

    /// Finds the session that a request with the session id `id` belongs to, and keeps it alive:
    /// what a request does first, where there are timeouts or grace.
    ///
    /// - A session past its absolute timeout is destroyed, and never served.
    /// - A session with little of its TTL left is touched; see
    ///   [`Timeouts::with_touch_below`]. If it lacks the `created_at` that an absolute timeout
    ///   needs, that is noted in the same step.
    /// - An id that the session had before it was regenerated
    ///   [with grace](Self::regenerate_with_grace) leads to it, until that is over.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the store cannot say, or if a session that is over could not be
    /// destroyed. That a touch failed is told in [`Resumed::Session`].
    ///
    /// ```
    /// use rudder_session::store::Resumed;
    /// use rudder_session::{Lifetime, MemoryConfig, MemoryStore, Payload, SessionId, Store};
    /// use rudder_session::{Timeouts, UnixMillis};
    ///
    /// let store = MemoryStore::new(MemoryConfig::default())?;
    /// let timeouts = Timeouts::idle(Lifetime::from_minutes(30.0)?)
    ///     .with_absolute(Lifetime::from_minutes(60.0)?);
    /// let minute = |minutes: u64| UnixMillis::new(minutes * 60_000);
    ///
    /// let id = SessionId::random()?;
    /// let mut payload = Payload::new(&id);
    /// timeouts.stamp(&mut payload, minute(0));
    /// let ttl = timeouts.ttl(&payload, minute(0)).expect("it has just begun");
    /// store.create(&payload, ttl, minute(0))?;
    ///
    /// let session = |touched| Resumed::Session { payload: payload.clone(), touched: Ok(touched) };
    /// assert_eq!(store.resume(&id, &timeouts, minute(15))?, session(false));
    /// assert_eq!(store.resume(&id, &timeouts, minute(29))?, session(true));
    /// assert_eq!(store.resume(&id, &timeouts, minute(58))?, session(true));
    /// assert_eq!(store.resume(&id, &timeouts, minute(60))?, Resumed::None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn resume(
        &self,
        id: &SessionId,
        timeouts: &Timeouts,
        now: UnixMillis,
    ) -> Result<Resumed, StoreError> {
        procedure::run(self, Resume::start(id, timeouts, now), now)
    }

    /// Writes `payload` under its own id, **whatever is there or not**, and starts its TTL anew.
    ///
    /// **The last write wins**, as in `@rudderjs/session`: what another request wrote in the
    /// meantime is lost, and a session that it destroyed or regenerated is back under the old id.
    /// [`update`](Self::update) does neither.
    ///
    /// # Errors
    ///
    /// - [`StoreError::InvalidId`] if the payload's id cannot name a record.
    /// - Another [`StoreError`] if the write may not have been done. It may have been all the
    ///   same: the reply can get lost.
    fn save(&self, payload: &Payload, ttl: Ttl, now: UnixMillis) -> Result<(), StoreError> {
        match self.call(Request::Save { payload: payload.clone(), ttl }, now)? {
            Reply::Save => Ok(()),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Starts the TTL of the session `id` anew; `false` if there is no such record.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the store cannot say.
    fn touch(&self, id: &SessionId, ttl: Ttl, now: UnixMillis) -> Result<bool, StoreError> {
        match self.call(Request::Touch { id: id.clone(), ttl }, now)? {
            Reply::Touch(found) => Ok(found),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Removes the record of the session `id`.
    ///
    /// One step, and right wherever no session is ever regenerated
    /// [with grace](Self::regenerate_with_grace). Where some are, `id` may be an old one by now,
    /// whose record only leads to the session: [`destroy_session`](Self::destroy_session) is what
    /// a logout needs there.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the record may still be there. Do not swallow it: somebody logged
    /// out.
    fn destroy(&self, id: &SessionId) -> Result<(), StoreError> {
        match self.call(Request::Destroy { id: id.clone() }, UnixMillis::new(0))? {
            Reply::Destroy => Ok(()),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Ends the session that `id` leads to, be it the session's own id or, after it was
    /// regenerated [with grace](Self::regenerate_with_grace), one that it had before.
    ///
    /// The session goes first and the forwarding records after it, so a failure leaves nothing
    /// that a repeated call does not find. To end what has ended succeeds.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the session may still be there, [`StoreError::Conflict`] if others
    /// changed it ten times in a row among them. Do not swallow it: somebody logged out.
    fn destroy_session(&self, id: &SessionId, now: UnixMillis) -> Result<(), StoreError> {
        procedure::run(self, DestroySession::start(id), now)
    }

    /// Reads the record in the place of the session `id` as it is, a forwarding record too, and
    /// how long it has left.
    ///
    /// A building block: [`resume`](Self::resume) is what a request wants.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the store cannot say.
    fn inspect(&self, id: &SessionId, now: UnixMillis) -> Result<Option<Inspected>, StoreError> {
        match self.call(Request::Inspect { id: id.clone() }, now)? {
            Reply::Inspect(record) => Ok(record),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Writes `payload` under its own id if the record there is `expected`, byte for byte, and
    /// starts its TTL anew.
    ///
    /// A building block: [`update`](Self::update) is what a request wants.
    ///
    /// # Errors
    ///
    /// Those of [`save`](Self::save).
    fn replace(
        &self,
        expected: &str,
        payload: &Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<Found, StoreError> {
        let expected = expected.to_owned();
        match self.call(Request::Replace { expected, payload: payload.clone(), ttl }, now)? {
            Reply::Replace(found) => Ok(found),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Removes the record of the session `id` if it is `expected`, byte for byte.
    ///
    /// A building block, like [`replace`](Self::replace).
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the record may still be there.
    fn remove(&self, id: &SessionId, expected: &str, now: UnixMillis) -> Result<Found, StoreError> {
        let request = Request::Remove { id: id.clone(), expected: expected.to_owned() };
        match self.call(request, now)? {
            Reply::Remove(found) => Ok(found),
            _ => Err(StoreError::Protocol),
        }
    }
}
