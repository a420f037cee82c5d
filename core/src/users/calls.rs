//! What a host calls: each is one change of an index, or a look at it.
//!
//! What the change comes to is `plans`'s.

use std::sync::Arc;

use super::index::Index;
use super::plans::{self, IsSpared};
use super::{Standing, UserSession, UserSessionsConfig};
use crate::error::{StoreError, UsersError};
use crate::payload::{Payload, SessionHandle, UserMark};
use crate::session_id::SessionId;
use crate::store::procedure::{self, Next};
use crate::store::{Resumed, Store};
use crate::time::UnixMillis;
use crate::timeouts::Timeouts;

/// The sessions of users, in any store: that of the sessions, or one of its own if those are in
/// cookies. `S` may be a reference or an `Arc`.
///
/// Every call waits for the store: one read, and one write if something changes. What an index
/// cannot say is an error of the store, never "alive" and never "no session".
///
/// ```
/// use rudder_session::users::{Standing, UserSessions, UserSessionsConfig};
/// use rudder_session::{Lifetime, MemoryConfig, MemoryStore, Payload, SessionId, Store};
/// use rudder_session::UnixMillis;
///
/// let store = MemoryStore::new(MemoryConfig::default())?;
/// let lifetime = Lifetime::from_minutes(120.0)?;
/// let users = UserSessions::new(&store, UserSessionsConfig::new(lifetime));
/// let now = UnixMillis::now();
///
/// // Somebody proves to be alice, on two devices: each session is marked, and gets another id.
/// let sign_in = |label: &str| -> Result<Payload, Box<dyn std::error::Error>> {
///     let session = Payload::new(&SessionId::random()?);
///     store.create(&session, lifetime.ttl(), now)?;
///
///     let mark = users.sign_in(&session, "alice", label, now)?;
///     let mut signed_in = session.with_id(&SessionId::random()?);
///     signed_in.set_user_mark(&mark);
///     store.regenerate(&session, &signed_in, lifetime.ttl(), now)?;
///     Ok(signed_in)
/// };
/// let laptop = sign_in("Firefox on Linux")?;
/// let phone = sign_in("Safari on iOS")?;
///
/// let labels: Vec<_> = users.list_of(&laptop, now)?.into_iter().map(|it| it.label).collect();
/// assert_eq!(labels.len(), 2);
///
/// // "Log out everywhere else", from the laptop.
/// assert_eq!(users.revoke_others(&laptop, now)?, 1);
///
/// // Each request asks.
/// assert_eq!(users.check(&laptop, now)?, Standing::Live);
/// assert_eq!(users.check(&phone, now)?, Standing::Over);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UserSessions<S> {
    store: S,
    config: UserSessionsConfig,
}

impl<S: Store> UserSessions<S> {
    /// Keeps the indexes of users in `store`.
    pub fn new(store: S, config: UserSessionsConfig) -> Self {
        Self { store, config }
    }

    /// Enters a session, to which somebody has just proved to be `user`, into the index, and
    /// returns the mark for it.
    ///
    /// Give the session the mark **and another id**, in one step: [`Payload::set_user_mark`] and
    /// [`Store::regenerate`]. If that fails, [`sign_out`](Self::sign_out) of the marked payload
    /// takes the entry out; left alone, it ends with its lifetime.
    ///
    /// If somebody was signed in to the session already, the same user or another, that ends: its
    /// old cookie is refused from now on.
    ///
    /// # Errors
    ///
    /// - [`UsersError::InvalidUser`] if `user` is not 1 to 256 bytes.
    /// - [`UsersError::TooManySessions`] if the user has as many as may be, and
    ///   [`WhenFull::Refuse`](super::WhenFull::Refuse) is set.
    /// - [`UsersError::Store`] if the store cannot say.
    ///
    /// After the first two the session is as it was. After the last it may have been ended: a
    /// write may or may not have been done.
    pub fn sign_in(
        &self,
        session: &Payload,
        user: &str,
        label: &str,
        now: UnixMillis,
    ) -> Result<UserMark, UsersError> {
        let id = SessionId::user_index(user).ok_or(UsersError::InvalidUser)?;
        let handle = SessionHandle::random()?;
        let old = session.user_mark();
        let here = old.as_ref().filter(|it| *it.index() == id).map(UserMark::handle);

        let entered =
            self.run(plans::enter(&self.config, &id, &handle, here, label, now), now)??;
        let mark = UserMark::new(&id, &handle, entered).ok_or(UsersError::InvalidUser)?;
        if let Some(old) = old.filter(|it| *it.index() != id)
            && let Err(error) = self.run(plans::end(&self.config, &old, now), now)
        {
            // It is the first error that counts.
            let _ = self.run(plans::end(&self.config, &mark, now), now);
            return Err(error.into());
        }
        Ok(mark)
    }

    /// Says whether a session is still one of its user's: what each request asks first, once it
    /// has the session.
    ///
    /// An index that has been lost, as it may be in a Redis that evicts, is made anew by the
    /// sessions that are used. What it had ended lives again then.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the store cannot say. That it could not note when the session was seen
    /// is no error.
    pub fn check(&self, session: &Payload, now: UnixMillis) -> Result<Standing, StoreError> {
        match session.user_mark() {
            Some(mark) => self.run(plans::ask(&self.config, &mark, now), now),
            None => Ok(Standing::NotSignedIn),
        }
    }

    /// [`check`](Self::check) for a caller that does not wait: calls `done` with the answer,
    /// exactly once, on whatever thread.
    pub fn submit_check(
        &self,
        session: &Payload,
        now: UnixMillis,
        done: impl FnOnce(Result<Standing, StoreError>) + Send + 'static,
    ) where
        S: Clone + 'static,
    {
        match session.user_mark() {
            Some(mark) => {
                let asked = plans::ask(&self.config, &mark, now);
                procedure::submit(Arc::new(self.store.clone()), asked, now, done);
            }
            None => done(Ok(Standing::NotSignedIn)),
        }
    }

    /// Finds the session that a request belongs to, as [`Store::resume`] does, and destroys it if
    /// it has been ended: [`Resumed::None`] then. For sessions in the same store.
    ///
    /// # Errors
    ///
    /// Those of [`Store::resume`], [`check`](Self::check) and [`Store::destroy_session`].
    pub fn resume(
        &self,
        id: &SessionId,
        timeouts: &Timeouts,
        now: UnixMillis,
    ) -> Result<Resumed, StoreError> {
        let resumed = self.store.resume(id, timeouts, now)?;
        let (Resumed::Session { payload, .. } | Resumed::Moved(payload)) = &resumed else {
            return Ok(resumed);
        };
        if self.check(payload, now)? == Standing::Over {
            self.store.destroy_session(id, now)?;
            return Ok(Resumed::None);
        }
        Ok(resumed)
    }

    /// Ends a session in the index. A logout does this first, and then destroys the record: so a
    /// copy of the cookie opens nothing, even where the cookie is the whole session.
    ///
    /// Nothing happens if nobody is signed in.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the session may still be alive. Do not swallow it: somebody logged
    /// out.
    pub fn sign_out(&self, session: &Payload, now: UnixMillis) -> Result<(), StoreError> {
        session
            .user_mark()
            .map_or(Ok(()), |mark| self.run(plans::end(&self.config, &mark, now), now))
    }

    /// [`sign_out`](Self::sign_out) for a caller that does not wait: calls `done` with the outcome,
    /// exactly once, on whatever thread.
    pub fn submit_sign_out(
        &self,
        session: &Payload,
        now: UnixMillis,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) where
        S: Clone + 'static,
    {
        match session.user_mark() {
            Some(mark) => {
                let ended = plans::end(&self.config, &mark, now);
                procedure::submit(Arc::new(self.store.clone()), ended, now, done);
            }
            None => done(Ok(())),
        }
    }

    /// The sessions of `user` that are alive: the one that was seen last comes first.
    ///
    /// # Errors
    ///
    /// - [`UsersError::InvalidUser`] if `user` is not 1 to 256 bytes.
    /// - [`UsersError::Store`] if the store cannot say.
    pub fn list(&self, user: &str, now: UnixMillis) -> Result<Vec<UserSession>, UsersError> {
        let id = SessionId::user_index(user).ok_or(UsersError::InvalidUser)?;
        Ok(self.listed(&id, None, now)?)
    }

    /// The sessions of the user who is signed in to `session`, which is the current one.
    ///
    /// # Errors
    ///
    /// - [`UsersError::NotSignedIn`] if nobody is.
    /// - [`UsersError::Store`] if the store cannot say.
    pub fn list_of(
        &self,
        session: &Payload,
        now: UnixMillis,
    ) -> Result<Vec<UserSession>, UsersError> {
        let mark = session.user_mark().ok_or(UsersError::NotSignedIn)?;
        Ok(self.listed(mark.index(), Some(mark.handle()), now)?)
    }

    /// Ends a session of `user`; `false` if it was not alive.
    ///
    /// For an administrator. What a page asks for is [`revoke_of`](Self::revoke_of)'s.
    ///
    /// # Errors
    ///
    /// - [`UsersError::InvalidUser`] if `user` is not 1 to 256 bytes.
    /// - [`UsersError::Store`] if the session may still be alive.
    pub fn revoke(
        &self,
        user: &str,
        handle: &SessionHandle,
        now: UnixMillis,
    ) -> Result<bool, UsersError> {
        let id = SessionId::user_index(user).ok_or(UsersError::InvalidUser)?;
        self.run(plans::end_one(&self.config, &id, handle, None, now), now)?
    }

    /// Ends a session of the user who is signed in to `session`, and of nobody else; `false` if
    /// it was not alive.
    ///
    /// # Errors
    ///
    /// - [`UsersError::NotSignedIn`] if nobody is, or the session itself is over.
    /// - [`UsersError::Store`] if the session may still be alive.
    pub fn revoke_of(
        &self,
        session: &Payload,
        handle: &SessionHandle,
        now: UnixMillis,
    ) -> Result<bool, UsersError> {
        let mark = session.user_mark().ok_or(UsersError::NotSignedIn)?;
        self.run(plans::end_one(&self.config, mark.index(), handle, Some(&mark), now), now)?
    }

    /// Ends all other sessions of the user who is signed in to `session`; returns how many were
    /// alive.
    ///
    /// Those that a lost index names no more are over as well.
    ///
    /// # Errors
    ///
    /// - [`UsersError::NotSignedIn`] if nobody is, or the session itself is over.
    /// - [`UsersError::Store`] if the others may still be alive.
    pub fn revoke_others(&self, session: &Payload, now: UnixMillis) -> Result<usize, UsersError> {
        let mark = session.user_mark().ok_or(UsersError::NotSignedIn)?;
        let spared = Some((&mark, IsSpared::Yes));
        self.run(plans::end_all(&self.config, mark.index(), spared, now), now)?
    }

    /// Ends all sessions of `user`; returns how many were alive.
    ///
    /// Those that a lost index names no more are over as well.
    ///
    /// # Errors
    ///
    /// - [`UsersError::InvalidUser`] if `user` is not 1 to 256 bytes.
    /// - [`UsersError::Store`] if they may still be alive.
    pub fn revoke_all(&self, user: &str, now: UnixMillis) -> Result<usize, UsersError> {
        let id = SessionId::user_index(user).ok_or(UsersError::InvalidUser)?;
        self.run(plans::end_all(&self.config, &id, None, now), now)?
    }

    /// Ends all sessions of the user who is signed in to `session`, that one too; returns how many
    /// were alive. Destroy its record then.
    ///
    /// Those that a lost index names no more are over as well.
    ///
    /// # Errors
    ///
    /// - [`UsersError::NotSignedIn`] if nobody is, or the session itself is over.
    /// - [`UsersError::Store`] if they may still be alive.
    pub fn revoke_all_of(&self, session: &Payload, now: UnixMillis) -> Result<usize, UsersError> {
        let mark = session.user_mark().ok_or(UsersError::NotSignedIn)?;
        let asked_by = Some((&mark, IsSpared::No));
        self.run(plans::end_all(&self.config, mark.index(), asked_by, now), now)?
    }

    fn run<T, P: procedure::Procedure<T>>(
        &self,
        next: Next<P, T>,
        now: UnixMillis,
    ) -> Result<T, StoreError> {
        procedure::run(&self.store, next, now)
    }

    fn listed(
        &self,
        id: &SessionId,
        current: Option<&SessionHandle>,
        now: UnixMillis,
    ) -> Result<Vec<UserSession>, StoreError> {
        let record = self.store.load(id, now)?;
        let times = plans::times(&self.config, now);
        Ok(record.map_or_else(Vec::new, |it| Index::of(&it).live(current, times)))
    }
}
