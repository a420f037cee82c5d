//! The sessions of a user: `list` and `revoke`.
//!
//! They are found by what the application names its users by. No session id is looked at: an
//! index knows none.

use std::fmt;

use clap::{ArgGroup, Args};
use rudder_session::users::{UserSession, UserSessions, UserSessionsConfig};
use rudder_session::{Lifetime, SessionHandle, Store, UnixMillis};
use serde::Serialize;

use crate::place::{Place, StoreOptions};
use crate::report::{CommandError, Report, json};

#[derive(Args)]
pub(crate) struct UserOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// The user, named as the application names its users to the engine
    #[arg(long, value_name = "KEY")]
    user: String,
    /// Minutes that a session lives after its last request, in the application. With less, an end
    /// is forgotten while a cookie still lives
    #[arg(long, value_name = "MINUTES", default_value_t = 120.0)]
    lifetime: f64,
}

#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(crate) struct RevokeOptions {
    #[command(flatten)]
    user: UserOptions,
    /// End the session with this handle, which `list` shows
    #[arg(long, group = "which")]
    handle: Option<String>,
    /// End all sessions of the user
    #[arg(long, group = "which")]
    all: bool,
}

/// The sessions of a user that are alive.
#[derive(Serialize)]
pub(crate) struct Listed {
    sessions: Vec<Session>,
}

#[derive(Serialize)]
struct Session {
    handle: String,
    label: String,
    created_at: u64,
    seen_at: u64,
}

/// What was ended.
#[derive(Serialize)]
pub(crate) struct Revoked {
    /// Sessions that were alive until now.
    ended: usize,
    #[serde(skip)]
    all: bool,
}

pub(crate) fn list(options: &UserOptions) -> Result<Listed, CommandError> {
    let users = options.open()?;
    let session = |it: UserSession| Session {
        handle: it.handle.to_string(),
        label: it.label,
        created_at: it.created,
        seen_at: it.seen,
    };
    let found = users.list(&options.user, UnixMillis::now())?;
    Ok(Listed { sessions: found.into_iter().map(session).collect() })
}

pub(crate) fn revoke(options: &RevokeOptions) -> Result<Revoked, CommandError> {
    let handle = options.handle.as_deref().map(|it| {
        SessionHandle::parse(it).ok_or(CommandError::Usage("a handle has 22 characters: see list"))
    });
    let handle = handle.transpose()?;
    let (users, now) = (options.user.open()?, UnixMillis::now());
    let ended = match &handle {
        Some(handle) => usize::from(users.revoke(&options.user.user, handle, now)?),
        None => users.revoke_all(&options.user.user, now)?,
    };
    Ok(Revoked { ended, all: options.all })
}

impl UserOptions {
    fn open(&self) -> Result<UserSessions<Box<dyn Store>>, CommandError> {
        let place = match self.store.place()? {
            None | Some(Place::Memory) => {
                return Err(CommandError::Usage("name a store: --redis-url or --file"));
            }
            Some(place) => place,
        };
        let config = UserSessionsConfig::new(Lifetime::from_minutes(self.lifetime)?);
        Ok(UserSessions::new(place.open(false)?, config))
    }
}

impl Report for Listed {
    fn to_json(&self) -> String {
        json(self)
    }

    fn is_well(&self) -> bool {
        true
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sessions.is_empty() {
            return writeln!(f, "no session is alive");
        }
        for Session { handle, label, created_at, seen_at } in &self.sessions {
            writeln!(f, "{handle}  since {created_at}, seen {seen_at} (Unix ms)  {label}")?;
        }
        Ok(())
    }
}

impl Report for Revoked {
    fn to_json(&self) -> String {
        json(self)
    }

    /// To end a session that was not alive is not what was asked for.
    fn is_well(&self) -> bool {
        self.all || self.ended > 0
    }
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ended {
            0 => writeln!(f, "none was alive"),
            1 => writeln!(f, "ended 1 session"),
            count => writeln!(f, "ended {count} sessions"),
        }
    }
}
