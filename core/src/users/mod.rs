//! The sessions of a user: lists them, and ends some or all of them from another one.
//!
//! ```text
//!   user key -> SessionId::user_index -> index record   an ordinary record of an ordinary store
//!                                          ^      \
//!                                          |       h.<handle>, s.<handle>   a session, when seen
//!   session: Payload::user_mark -----------+       r.<handle>, epoch        what is over
//! ```
//!
//! ```text
//!   mod      UserSessions: what a host calls
//!   index    the record as a value: what it says, and how each change leaves it
//!   change   one change of it in one piece
//! ```
//!
//! A session is not hunted down when it is revoked: it is told apart when it is **used**. Its
//! mark points at the index of its user, and the index says whether it is over. So a cookie that
//! holds the whole session ends like any other, no session has to be found by its user, and the
//! index knows no session id: whoever reads it can open nothing.

mod change;
mod index;
#[cfg(test)]
mod interleavings;

use std::num::NonZero;
use std::time::Duration;

use crate::error::{StoreError, UsersError};
use crate::payload::{Payload, SessionHandle, UserMark};
use crate::session_id::SessionId;
use crate::store::procedure::{self, Next};
use crate::store::{Resumed, Store};
use crate::time::{Lifetime, UnixMillis};
use crate::timeouts::Timeouts;
use change::{Change, Plan};
use index::{Index, Times, Verdict};

/// How an index is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserSessionsConfig {
    /// How long a session lives after its last request: that of the application's sessions.
    ///
    /// With a shorter one here than there, an end is forgotten while a cookie still lives.
    pub lifetime: Lifetime,
    /// How often the index learns that a session was seen, at most.
    pub seen_every: Duration,
    /// How many sessions a user may have at the same time. An index never names more than 1,000.
    pub max_sessions: Option<NonZero<u16>>,
    /// What becomes of a sign-in that would be one too many.
    pub when_full: WhenFull,
}

impl UserSessionsConfig {
    /// Any number of sessions, seen once in a minute.
    pub const fn new(lifetime: Lifetime) -> Self {
        let seen_every = Duration::from_secs(60);
        Self { lifetime, seen_every, max_sessions: None, when_full: WhenFull::EndOldest }
    }
}

/// What becomes of a sign-in that would be one session too many.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenFull {
    /// It ends the session that was seen longest ago.
    #[default]
    EndOldest,
    /// It is refused with [`UsersError::TooManySessions`].
    Refuse,
}

/// Whether a session is still one of its user's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Somebody is signed in, and the session is alive.
    Live,
    /// Nobody is signed in: the session has no mark, and there is nothing to ask.
    NotSignedIn,
    /// The session has been ended: destroy its record, and go on with a fresh session.
    Over,
}

/// A session of a user that is alive, as a page may show it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserSession {
    /// Names it for [`UserSessions::revoke`].
    pub handle: SessionHandle,
    /// When the user signed in; Unix milliseconds.
    pub created: u64,
    /// When it was last seen; Unix milliseconds.
    pub seen: u64,
    /// What the host called it, such as `Firefox on Linux`.
    ///
    /// From a header that the client sent, as a rule: escape it in a page.
    pub label: String,
    /// Whether it is the session that asked.
    pub current: bool,
}

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
    /// The session is as it was, and its mark as good as it was, after each:
    ///
    /// - [`UsersError::InvalidUser`] if `user` is not 1 to 256 bytes.
    /// - [`UsersError::TooManySessions`] if the user has as many as may be, and
    ///   [`WhenFull::Refuse`] is set.
    /// - [`UsersError::Store`] if the store cannot say.
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

        let entered = self.run(self.enter(&id, &handle, here, label, now), now)??;
        let mark = UserMark::new(&id, &handle, entered).ok_or(UsersError::InvalidUser)?;
        if let Some(old) = old.filter(|it| *it.index() != id)
            && let Err(error) = self.run(self.end(&old, now), now)
        {
            // It is the first error that counts.
            let _ = self.run(self.end(&mark, now), now);
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
            Some(mark) => self.run(self.ask(&mark, now), now),
            None => Ok(Standing::NotSignedIn),
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
        session.user_mark().map_or(Ok(()), |mark| self.run(self.end(&mark, now), now))
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
        self.run(self.end_one(&id, handle, None, now), now)?
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
        self.run(self.end_one(mark.index(), handle, Some(&mark), now), now)?
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
        self.run(self.end_all(mark.index(), Some(&mark), now), now)?
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
        self.run(self.end_all(&id, None, now), now)?
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
        let times = self.times(now);
        Ok(record.map_or_else(Vec::new, |it| Index::of(&it).live(current, times)))
    }

    fn enter(
        &self,
        id: &SessionId,
        handle: &SessionHandle,
        old: Option<&SessionHandle>,
        label: &str,
        now: UnixMillis,
    ) -> Next<Change<Entered>, Entered> {
        let (times, config) = (self.times(now), self.config);
        let (handle, old, label) = (handle.clone(), old.cloned(), label.to_owned());
        self.change(
            id,
            move |index| {
                let mut index = index.unwrap_or_default();
                if let Some(old) = &old {
                    index.revoke(old, times);
                }
                let epoch = index.epoch();
                index.enter(&handle, epoch, &label, times);
                let most = config.max_sessions.map_or(MOST, |it| usize::from(it.get()));
                let may_refuse = config.when_full == WhenFull::Refuse && most <= MOST;
                if may_refuse && index.live(None, times).len() > most {
                    return Plan::Leave(Err(UsersError::TooManySessions));
                }
                index.keep_at_most(most.min(MOST), &handle, times);
                Plan::Write(index, Ok(epoch))
            },
            now,
        )
    }

    fn ask(&self, mark: &UserMark, now: UnixMillis) -> Next<Change<Standing>, Standing> {
        let (times, mark) = (self.times(now), mark.clone());
        self.change(
            &mark.index().clone(),
            move |index| {
                let index = index.unwrap_or_else(|| Index::lost(&mark));
                match index.verdict(&mark, times) {
                    Verdict::Over => Plan::Leave(Standing::Over),
                    Verdict::Live { seen_is_due: false } => Plan::Leave(Standing::Live),
                    Verdict::Live { seen_is_due: true } => {
                        let mut index = index;
                        index.note_seen(mark.handle(), times);
                        Plan::TryToWrite(index, Standing::Live)
                    }
                    Verdict::Heal => {
                        let mut index = index;
                        index.enter(mark.handle(), mark.epoch(), "", times);
                        index.keep_at_most(MOST, mark.handle(), times);
                        Plan::Write(index, Standing::Live)
                    }
                }
            },
            now,
        )
    }

    fn end(&self, mark: &UserMark, now: UnixMillis) -> Next<Change<()>, ()> {
        let (times, mark) = (self.times(now), mark.clone());
        self.change(
            &mark.index().clone(),
            move |index| {
                let mut index = index.unwrap_or_else(|| Index::lost(&mark));
                if index.is_revoked(mark.handle()) {
                    return Plan::Leave(());
                }
                index.revoke(mark.handle(), times);
                Plan::Write(index, ())
            },
            now,
        )
    }

    fn end_one(
        &self,
        id: &SessionId,
        handle: &SessionHandle,
        asked_by: Option<&UserMark>,
        now: UnixMillis,
    ) -> Next<Change<Revoked>, Revoked> {
        let (times, handle, asked_by) = (self.times(now), handle.clone(), asked_by.cloned());
        let mut was_live = false;
        self.change(
            id,
            move |index| {
                let Some(mut index) = index else { return Plan::Leave(Ok(was_live)) };
                let is_over = |mark| index.verdict(mark, times) == Verdict::Over;
                // Who has just been seen alive may have ended itself, in a write that was made twice.
                if !was_live && asked_by.as_ref().is_some_and(is_over) {
                    return Plan::Leave(Err(UsersError::NotSignedIn));
                }
                if !index.may_be_revoked(&handle) {
                    return Plan::Leave(Ok(was_live));
                }
                was_live |= index.is_live(&handle, times);
                index.revoke(&handle, times);
                Plan::Write(index, Ok(was_live))
            },
            now,
        )
    }

    fn end_all(
        &self,
        id: &SessionId,
        spared: Option<&UserMark>,
        now: UnixMillis,
    ) -> Next<Change<Ended>, Ended> {
        let (times, spared) = (self.times(now), spared.cloned());
        let mut ended = 0;
        self.change(
            id,
            move |index| {
                let spared_handle = spared.as_ref().map(UserMark::handle);
                let lost = || spared.as_ref().map(Index::lost).unwrap_or_default();
                let mut index = index.unwrap_or_else(lost);
                let is_over = |mark| index.verdict(mark, times) == Verdict::Over;
                if spared.as_ref().is_some_and(is_over) {
                    return Plan::Leave(Err(UsersError::NotSignedIn));
                }
                let live = index.live(spared_handle, times);
                index.revoke_all_but(spared_handle, times);
                let epoch = index.begin_epoch();
                if let Some(handle) = spared_handle {
                    index.lift(handle, epoch, times);
                }
                ended = ended.max(live.iter().filter(|it| !it.current).count());
                Plan::Write(index, Ok(ended))
            },
            now,
        )
    }

    fn change<T>(
        &self,
        id: &SessionId,
        plan: impl FnMut(Option<Index>) -> Plan<T> + Send + 'static,
        now: UnixMillis,
    ) -> Next<Change<T>, T> {
        Change::start(id, self.times(now), Box::new(plan))
    }

    fn times(&self, now: UnixMillis) -> Times {
        Times::new(self.config.lifetime, self.config.seen_every, now)
    }
}

/// The epoch of the new entry.
type Entered = Result<u64, UsersError>;
/// Whether the session was alive.
type Revoked = Result<bool, UsersError>;
/// How many sessions were alive.
type Ended = Result<usize, UsersError>;

/// Sessions that an index names at most, so that it stays small.
const MOST: usize = 1000;
