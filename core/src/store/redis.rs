//! Keeps payloads in Redis, as `@rudderjs/session` does.
//!
//! ```text
//!   save      SET <prefix><id> {"id":..,"data":{..},"flash_next":{..}} EX <seconds>
//!   load      GET <prefix><id>
//!   touch     EXPIRE <prefix><id> <seconds>
//!   destroy   DEL <prefix><id>
//! ```
//!
//! One command and one round trip each. Sockets and deadlines are `connection`'s, who gets one
//! when is `pool`'s; this file knows commands and what their replies mean.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::{Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Value};

use super::Store;
use super::connection::Connection;
use super::pool::Pool;
use crate::error::{ConfigError, StoreError};
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};

/// Where Redis is, and how a [`RedisStore`] uses it.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/database]` or `redis+unix:///path/to/socket`.
    pub url: String,
    /// What stands before the id in the name of a record. `session:` by default, may be empty.
    pub prefix: String,
    /// The most connections at a time, 1 to 1,024. 8 by default.
    pub pool_size: u32,
    /// How long one call may take, the wait for a connection included. 500 ms by default.
    pub deadline: Duration,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            prefix: "session:".to_owned(),
            pool_size: 8,
            deadline: Duration::from_millis(500),
        }
    }
}

/// Leaves the URL out: it may hold a password.
impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("prefix", &self.prefix)
            .field("pool_size", &self.pool_size)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// A [`Store`] in Redis or Valkey.
///
/// ```no_run
/// use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, Ttl, UnixMillis};
///
/// let url = "redis://127.0.0.1:6379/2".to_owned();
/// let store = RedisStore::new(RedisConfig { url, ..RedisConfig::default() })?;
/// let id = SessionId::random()?;
/// store.save(&Payload::new(&id), Ttl::from_seconds(7200)?, UnixMillis::now())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedisStore {
    pool: Pool,
    prefix: String,
    deadline: Duration,
    foreign_records: AtomicU64,
}

impl RedisStore {
    /// A store that connects when it is first used: constructing one needs no server.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidRedisUrl`] if the URL does not parse, or is `rediss://`.
    /// - [`ConfigError::PoolSize`] and [`ConfigError::Deadline`] for values out of range.
    pub fn new(config: RedisConfig) -> Result<Self, ConfigError> {
        let info = connection_info(&config.url)?;
        if !(1..=1024).contains(&config.pool_size) {
            return Err(ConfigError::PoolSize);
        }
        if config.deadline.is_zero() || config.deadline > MAX_DEADLINE {
            return Err(ConfigError::Deadline);
        }
        Ok(Self {
            pool: Pool::new(info, config.pool_size, config.deadline),
            prefix: config.prefix,
            deadline: config.deadline,
            foreign_records: AtomicU64::new(0),
        })
    }

    fn record_name(&self, id: &SessionId) -> String {
        [&self.prefix, id.as_str()].concat()
    }

    /// Sends a command that may be sent twice without harm: if the connection turns out to be
    /// dead, once more on another one.
    fn repeatable<T>(
        &self,
        command: &Cmd,
        read: impl Fn(Value, &mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + self.deadline;
        match self.once(command, deadline, &read) {
            Err(StoreError::Disconnected) => self.once(command, deadline, &read),
            outcome => outcome,
        }
    }

    /// Sends a command, and has `read` say what its reply means.
    fn once<T>(
        &self,
        command: &Cmd,
        deadline: Instant,
        read: impl Fn(Value, &mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.pool.with(deadline, |connection| {
            let meaning = read(connection.command(command, deadline)?, connection);
            // A whole reply, but of another kind: that to an earlier command, for all we know.
            if matches!(meaning, Err(StoreError::Protocol)) {
                connection.poison();
            }
            meaning
        })
    }
}

impl Store for RedisStore {
    fn load(&self, id: &SessionId, _: UnixMillis) -> Result<Option<Payload>, StoreError> {
        let mut command = Cmd::with_capacity(2, 128);
        command.arg("GET").arg(self.record_name(id));
        self.repeatable(&command, |reply, connection| {
            let bytes = match reply {
                Value::Nil => return Ok(None),
                Value::BulkString(bytes) => bytes,
                _ => return Err(StoreError::Protocol),
            };
            // As JavaScript reads it: bytes that are not UTF-8 become U+FFFD.
            let text = String::from_utf8(bytes)
                .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned());
            // What is no payload belongs to somebody else, or to nobody: to us it is absent.
            Ok(Payload::parse(text).ok().filter(|payload| {
                let own = payload.belongs_to(id);
                if !own {
                    self.foreign_records.fetch_add(1, Ordering::Relaxed);
                    // It may also be the answer to somebody else's question.
                    connection.poison();
                }
                own
            }))
        })
    }

    fn save(&self, payload: &Payload, ttl: Ttl, _: UnixMillis) -> Result<(), StoreError> {
        let id = payload.session_id().ok_or(StoreError::InvalidId)?;
        let json = payload.as_json();
        let mut command = Cmd::with_capacity(5, json.len() + 128);
        command.arg("SET").arg(self.record_name(&id)).arg(json).arg("EX").arg(ttl.as_seconds());
        let deadline = Instant::now() + self.deadline;
        // Not repeated: if the first try got through and somebody logged out since, the second
        // would undo that.
        self.once(&command, deadline, |reply, _| match reply {
            Value::Okay => Ok(()),
            _ => Err(StoreError::Protocol),
        })
    }

    fn touch(&self, id: &SessionId, ttl: Ttl, _: UnixMillis) -> Result<bool, StoreError> {
        let mut command = Cmd::with_capacity(3, 128);
        command.arg("EXPIRE").arg(self.record_name(id)).arg(ttl.as_seconds());
        self.repeatable(&command, |reply, _| match reply {
            Value::Int(count) => Ok(count == 1),
            _ => Err(StoreError::Protocol),
        })
    }

    fn destroy(&self, id: &SessionId) -> Result<(), StoreError> {
        let mut command = Cmd::with_capacity(2, 128);
        command.arg("DEL").arg(self.record_name(id));
        self.repeatable(&command, |reply, _| match reply {
            Value::Int(_) => Ok(()),
            _ => Err(StoreError::Protocol),
        })
    }

    fn foreign_records(&self) -> u64 {
        self.foreign_records.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// An hour: longer than any request waits, and short enough that no clock overflows.
const MAX_DEADLINE: Duration = Duration::from_secs(3600);

fn connection_info(url: &str) -> Result<ConnectionInfo, ConfigError> {
    let info = url.into_connection_info().map_err(|_| ConfigError::InvalidRedisUrl)?;
    match info.addr() {
        ConnectionAddr::Tcp(..) => Ok(info),
        #[cfg(unix)]
        ConnectionAddr::Unix(_) => Ok(info),
        _ => Err(ConfigError::InvalidRedisUrl),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(config: RedisConfig) -> Option<ConfigError> {
        RedisStore::new(config).err()
    }

    fn at(url: &str) -> RedisConfig {
        RedisConfig { url: url.to_owned(), ..RedisConfig::default() }
    }

    #[test]
    fn a_url_that_leads_nowhere_is_refused_at_construction() {
        for url in
            ["", "localhost", "http://localhost", "redis://", "redis://h/x", "redis://h:99999"]
        {
            assert_eq!(refusal(at(url)), Some(ConfigError::InvalidRedisUrl), "{url}");
        }
        for url in ["redis://h", "redis://u:p@h:7/3", "redis+unix:///tmp/s?db=1", "valkey://h"] {
            assert_eq!(refusal(at(url)), None, "{url}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_at_construction() {
        let pool = |pool_size| RedisConfig { pool_size, ..RedisConfig::default() };
        let deadline = |deadline| RedisConfig { deadline, ..RedisConfig::default() };

        assert_eq!(refusal(pool(0)), Some(ConfigError::PoolSize));
        assert_eq!(refusal(pool(1025)), Some(ConfigError::PoolSize));
        assert_eq!(refusal(deadline(Duration::ZERO)), Some(ConfigError::Deadline));
        assert_eq!(refusal(deadline(Duration::MAX)), Some(ConfigError::Deadline));
    }

    #[test]
    fn debug_shows_no_password() {
        let config = at("redis://user:hunter2@localhost");
        let store = RedisStore::new(config.clone()).expect("legal");

        assert!(!format!("{config:?} {store:?}").contains("hunter2"));
    }
}
