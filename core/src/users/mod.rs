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
//!   calls    UserSessions: what a host calls
//!   plans    what each call makes of an index
//!   index    the record as a value: what it says, and how each change leaves it
//!   change   one change of it in one piece
//! ```
//!
//! A session is not hunted down when it is revoked: it is told apart when it is **used**. Its
//! mark points at the index of its user, and the index says whether it is over. So a cookie that
//! holds the whole session ends like any other, no session has to be found by its user, and the
//! index knows no session id: whoever reads it can open nothing.

mod calls;
mod change;
mod index;
#[cfg(test)]
mod interleavings;
mod plans;

use std::num::NonZero;
use std::time::Duration;

use crate::payload::SessionHandle;
use crate::time::Lifetime;

pub use calls::UserSessions;

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
    /// It is refused with [`UsersError::TooManySessions`](crate::UsersError::TooManySessions).
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
