//! Knows the sessions of each user: the settings for that, and the way to their indexes.
//!
//! ```text
//!   session --question--> none: nobody's, or live a moment ago
//!                         Question --ask, or UserSessions::submit_check--> live | over
//!   sign_in, list, end..  --> the store of the indexes: that of the sessions, or one of its own
//! ```
//!
//! What an index says is the engine's to decide. Everything here that ends a session forgets what
//! this process took for live.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use rudder_session_core::users::{
    Standing, UserSession, UserSessions, UserSessionsConfig, WhenFull,
};
use rudder_session_core::{
    Payload, SessionHandle, SessionId, StoreError, UnixMillis, UserMark, UsersError,
};

use crate::config::{Driver, Settings, parsed, refused, store_kind};
use crate::engine::{HomeStore, Place, SharedStore};
use crate::error::Failure;
use crate::status::rsess_status::*;
use crate::store_settings::{StoreKind, StoreSettings};
use crate::verdicts::Verdicts;

/// The settings whose names start with "users".
pub(crate) struct UsersSettings {
    is_on: bool,
    /// One that was set, of those that ask for users.
    asks_for_users: Option<String>,
    max_sessions: Option<NonZero<u16>>,
    when_full: WhenFull,
    seen_every_seconds: u32,
    check_every_seconds: u32,
    store_kind: Option<StoreKind>,
    store: StoreSettings,
}

impl Default for UsersSettings {
    fn default() -> Self {
        Self {
            is_on: false,
            asks_for_users: None,
            max_sessions: None,
            when_full: WhenFull::default(),
            seen_every_seconds: 60,
            check_every_seconds: 0,
            store_kind: None,
            store: StoreSettings::default(),
        }
    }
}

impl UsersSettings {
    pub(crate) fn set_on(&mut self, is_on: bool) {
        self.is_on = is_on;
    }

    /// Sets the setting `key`, which is `name` without "users.".
    pub(crate) fn set(&mut self, key: &str, name: &str, value: &str) -> Result<(), Failure> {
        match name {
            "checkEverySeconds" => self.check_every_seconds = parsed(key, value)?,
            "maxSessions" => {
                let most: NonZero<u64> = parsed(key, value)?;
                // More than an index ever names is no bound at all.
                self.max_sessions = Some(most.try_into().unwrap_or(NonZero::<u16>::MAX));
            }
            "seenEverySeconds" => {
                let seconds: NonZero<u32> = parsed(key, value)?;
                self.seen_every_seconds = seconds.get();
            }
            "store.driver" => {
                let kind = store_kind(value);
                let kind = kind.ok_or_else(|| refused(key, "must be memory, file or redis"))?;
                self.store_kind = Some(kind);
            }
            "whenFull" => {
                self.when_full = match value {
                    "end-oldest" => WhenFull::EndOldest,
                    "refuse" => WhenFull::Refuse,
                    _ => return Err(refused(key, "must be end-oldest or refuse")),
                }
            }
            // An unknown name has nothing before it to take away, and is refused all the same.
            _ => self.store.set(key, name.strip_prefix("store.").unwrap_or(""), value)?,
        }
        self.asks_for_users = Some(key.to_owned());
        Ok(())
    }

    /// Refuses what the settings cannot mean together.
    pub(crate) fn check(&self, driver: Driver) -> Result<(), Failure> {
        if !self.is_on {
            return match &self.asks_for_users {
                Some(key) => Err(refused(key, "needs users to be true")),
                None => Ok(()),
            };
        }
        if self.check_every_seconds > self.seen_every_seconds {
            return Err(refused(
                "users.checkEverySeconds",
                "must be no more than users.seenEverySeconds",
            ));
        }
        if matches!(driver, Driver::Cookie) && self.store_kind.is_none() {
            return Err(refused(
                "users.store.driver",
                "must be set: the driver cookie has no store",
            ));
        }
        Ok(())
    }
}

/// The sessions of the users of an engine.
pub(crate) struct Users {
    config: UserSessionsConfig,
    /// None if the indexes are where the sessions are.
    store: Option<HomeStore>,
    verdicts: Verdicts,
    /// How long after a check a session may be saved without another one.
    checked_for_ms: f64,
}

/// What has to be asked before a session may be used.
pub(crate) struct Question {
    mark: UserMark,
    now: UnixMillis,
    ends: u64,
}

impl Users {
    /// Opens the store of the indexes, if they have one of their own. None without users.
    pub(crate) fn open(settings: &Settings) -> Result<Option<Self>, Failure> {
        let users = &settings.users;
        if !users.is_on {
            return Ok(None);
        }
        let store = users.store_kind.map(|kind| {
            let (store, home) = users.store.open(kind).map_err(|it| it.within("users.store"))?;
            Ok::<_, Failure>(HomeStore::new(store, home))
        });
        let config = UserSessionsConfig {
            seen_every: Duration::from_secs(users.seen_every_seconds.into()),
            max_sessions: users.max_sessions,
            when_full: users.when_full,
            ..UserSessionsConfig::new(settings.lifetime)
        };
        let seconds = |it: u32| f64::from(it) * 1000.0;
        Ok(Some(Self {
            config,
            store: store.transpose()?,
            verdicts: Verdicts::new(seconds(users.check_every_seconds)),
            // A verdict may have been old when it was taken. Together they are half of the margin
            // for which the end of a session is remembered after the last that can be left of it.
            checked_for_ms: seconds(users.seen_every_seconds - users.check_every_seconds),
        }))
    }

    /// The indexes, in the process that their store belongs to.
    pub(crate) fn sessions(&self, place: &Place) -> Result<UserSessions<SharedStore>, Failure> {
        let store = match (&self.store, place) {
            (Some(store), _) | (None, Place::Store(store)) => store.enter()?,
            // Refused when the engine was made.
            (None, Place::Cookie) => return Err(RSESS_ERR_POISONED.into()),
        };
        Ok(UserSessions::new(Arc::clone(store), self.config))
    }

    /// What has to be asked before a session that was loaded is used.
    pub(crate) fn question(&self, session: &Payload, now: UnixMillis) -> Option<Question> {
        let mark = session.user_mark().filter(|mark| !self.verdicts.has(mark, now))?;
        Some(Question { mark, now, ends: self.verdicts.ends() })
    }

    /// Takes note of the answer to a question, and passes it on.
    pub(crate) fn answered(
        &self,
        question: &Question,
        standing: Result<Standing, StoreError>,
    ) -> Result<Standing, Failure> {
        let standing = standing?;
        if standing == Standing::Live {
            self.verdicts.put(&question.mark, question.now, question.ends);
        }
        Ok(standing)
    }

    /// Whether a session that was checked then has to be checked again before it is saved now.
    pub(crate) fn is_check_due(&self, checked: Option<UnixMillis>, now: UnixMillis) -> bool {
        checked.is_none_or(|at| (now.as_f64() - at.as_f64()).abs() > self.checked_for_ms)
    }

    /// Forgets who of the user of this session was live.
    pub(crate) fn forget_user_of(&self, session: &Payload) {
        if let Some(mark) = session.user_mark() {
            self.verdicts.forget(mark.index());
        }
    }

    pub(crate) fn check(
        &self,
        place: &Place,
        session: &Payload,
        now: UnixMillis,
    ) -> Result<Standing, Failure> {
        Ok(self.sessions(place)?.check(session, now)?)
    }

    pub(crate) fn sign_in(
        &self,
        place: &Place,
        session: &Payload,
        (user, label): (&str, &str),
        now: UnixMillis,
    ) -> Result<UserMark, Failure> {
        let signed_in = self.sessions(place)?.sign_in(session, user, label, now);
        self.forget_user_of(session);
        if let Some(index) = SessionId::user_index(user) {
            self.verdicts.forget(&index);
        }
        Ok(signed_in?)
    }

    pub(crate) fn sign_out(
        &self,
        place: &Place,
        session: &Payload,
        now: UnixMillis,
    ) -> Result<(), Failure> {
        let signed_out = self.sessions(place)?.sign_out(session, now);
        self.forget_user_of(session);
        Ok(signed_out?)
    }

    /// Those of the user of a session; none of nobody's.
    pub(crate) fn list_of(
        &self,
        place: &Place,
        session: &Payload,
        now: UnixMillis,
    ) -> Result<Vec<UserSession>, Failure> {
        or_nothing(self.sessions(place)?.list_of(session, now))
    }

    /// Ends some or all of the user of a session, as `end` says; nothing of nobody's.
    pub(crate) fn end_of<T: Default>(
        &self,
        place: &Place,
        session: &Payload,
        end: impl FnOnce(UserSessions<SharedStore>) -> Result<T, UsersError>,
    ) -> Result<T, Failure> {
        let ended = end(self.sessions(place)?);
        self.forget_user_of(session);
        or_nothing(ended)
    }

    pub(crate) fn list(
        &self,
        place: &Place,
        user: &str,
        now: UnixMillis,
    ) -> Result<Vec<UserSession>, Failure> {
        Ok(self.sessions(place)?.list(user, now)?)
    }

    pub(crate) fn revoke(
        &self,
        place: &Place,
        user: &str,
        handle: &SessionHandle,
        now: UnixMillis,
    ) -> Result<bool, Failure> {
        self.end(place, user, |sessions| sessions.revoke(user, handle, now))
    }

    pub(crate) fn revoke_all(
        &self,
        place: &Place,
        user: &str,
        now: UnixMillis,
    ) -> Result<usize, Failure> {
        self.end(place, user, |sessions| sessions.revoke_all(user, now))
    }

    fn end<T>(
        &self,
        place: &Place,
        user: &str,
        end: impl FnOnce(UserSessions<SharedStore>) -> Result<T, UsersError>,
    ) -> Result<T, Failure> {
        let ended = end(self.sessions(place)?);
        if let Some(index) = SessionId::user_index(user) {
            self.verdicts.forget(&index);
        }
        Ok(ended?)
    }
}

/// Nobody has no sessions: to list or end them is no error.
fn or_nothing<T: Default>(outcome: Result<T, UsersError>) -> Result<T, Failure> {
    match outcome {
        Err(UsersError::NotSignedIn) => Ok(T::default()),
        outcome => Ok(outcome?),
    }
}

/// The sessions as a JSON array.
pub(crate) fn to_json(sessions: &[UserSession]) -> String {
    let mut json = String::from("[");
    for UserSession { handle, created, seen, label, current } in sessions {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(r#"{"handle":""#);
        json.push_str(handle.as_str());
        json.push_str(r#"","label":""#);
        // Whoever else writes to the store may have put anything there.
        label.chars().for_each(|it| match it {
            '"' | '\\' => json.extend(['\\', it]),
            '\0'..=' ' if it != ' ' => json.push_str(&format!("\\u{:04x}", u32::from(it))),
            _ => json.push(it),
        });
        json.push_str(&format!(r#"","created":{created},"seen":{seen},"current":{current}}}"#));
    }
    json.push(']');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_any_characters_is_a_string_of_json() {
        let label: String = ('\0'..='\u{ff}').chain("\u{2028}\u{10ffff}".chars()).collect();
        let handle = SessionHandle::random().expect("random");
        let session = UserSession { handle, created: 1, seen: 2, label, current: true };

        let json = to_json(&[session.clone(), session.clone()]);

        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read.as_array().map(Vec::len), Some(2));
        let expected = serde_json::json!({
            "handle": session.handle.as_str(), "label": session.label,
            "created": 1, "seen": 2, "current": true,
        });
        assert_eq!(read[1], expected);
    }
}
