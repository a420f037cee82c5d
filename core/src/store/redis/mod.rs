//! Keeps payloads in Redis, as `@rudderjs/session` does.
//!
//! ```text
//!   RedisStore -> cluster            which node has the record?    (only if it is one)
//!              -> node               one server
//!              -> breaker            is it there at all?
//!              -> Batcher            who goes together
//!              -> exchange           whose reply is whose, and what is sent once more
//!              -> commands           what is sent, and what a reply means
//!                 compare_and_set    the same, by what the server offers
//!                 fault              why it was not done, and who would do it
//!              -> pool               r2d2: who gets a connection when
//!              -> connection         one stream, one deadline, one poison flag
//!              -> sentinel           where the master is by now
//!              -> stream, socket     TLS or none; TCP or unix
//! ```

mod breaker;
mod cluster;
mod commands;
mod compare_and_set;
mod connection;
mod endpoint;
mod exchange;
mod fault;
mod node;
mod pool;
mod sentinel;
mod socket;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::incidents::RecordCheck;
use super::{Done, Incidents, Reply, Request, Store, Submission};
use crate::error::{ConfigError, StoreError};
use crate::time::UnixMillis;
use cluster::Cluster;
use endpoint::Endpoint;
use exchange::{Answer, Call};
use node::{Node, Usage};

/// Where Redis is, and how a [`RedisStore`] uses it.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/database]`, the same with `rediss://` for TLS, or
    /// `redis+unix:///path/to/socket`.
    pub url: String,
    /// With `rediss://`: certificates of the authorities to trust, in PEM, in place of those of
    /// the system.
    pub ca_pem: Option<String>,
    /// `host:port` of each sentinel, 26379 if there is no port. If there is any, the host of
    /// `url` is the name of the master that they watch, as in `redis://:password@mymaster/0`.
    /// With `rediss://` the sentinels are asked over TLS too.
    pub sentinels: Vec<String>,
    /// `host:port` of some nodes of a Redis Cluster, 6379 if there is no port. If there is any,
    /// the server of `url` is one more of them, and the others are found by asking. Credentials and
    /// TLS are the same for all, and the database must be 0.
    pub cluster_nodes: Vec<String>,
    /// How many replicas must have a write before it counts as done: 0 by default.
    ///
    /// A write that fewer have by the deadline ends in [`StoreError::NotReplicated`]. Above 0,
    /// writes have as many connections of their own as loads, so that these never wait for
    /// replicas.
    pub min_replicas: u32,
    /// What stands before the id in the name of a record. `session:` by default, may be empty.
    pub prefix: String,
    /// The most connections at a time to one server, 1 to 1,024. 8 by default.
    pub pool_size: u32,
    /// How long one call may take, the wait for a connection included. 500 ms by default.
    pub deadline: Duration,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            ca_pem: None,
            sentinels: Vec::new(),
            cluster_nodes: Vec::new(),
            min_replicas: 0,
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

/// A [`Store`] in Redis or Valkey: one server, one behind sentinels, or a cluster.
///
/// Requests of many callers go to the server together, so it gets faster the more is going on.
///
/// ```no_run
/// use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, Ttl, UnixMillis};
///
/// let url = "redis://127.0.0.1:6379/2".to_owned();
/// let store = RedisStore::new(RedisConfig { url, ..RedisConfig::default() })?;
/// let id = SessionId::random()?;
/// store.create(&Payload::new(&id), Ttl::from_seconds(7200)?, UnixMillis::now())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RedisStore {
    servers: Servers,
    deadline: Duration,
    records: Arc<RecordCheck>,
}

#[derive(Debug)]
enum Servers {
    Cluster(Arc<Cluster>),
    One(Node),
}

impl RedisStore {
    /// A store that connects when it is first used: constructing one needs no server, and
    /// starts no thread.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidRedisUrl`] if the URL does not parse.
    /// - [`ConfigError::InvalidCa`] if there is TLS and no authority to trust.
    /// - [`ConfigError::InvalidSentinel`] and [`ConfigError::InvalidClusterNode`] for what is no
    ///   place.
    /// - [`ConfigError::ClusterDatabase`] and [`ConfigError::ClusterWithSentinels`] for what a
    ///   cluster cannot have.
    /// - [`ConfigError::PoolSize`] and [`ConfigError::Deadline`] for values out of range.
    pub fn new(config: RedisConfig) -> Result<Self, ConfigError> {
        let endpoint = Endpoint::parse(&config)?;
        if !(1..=1024).contains(&config.pool_size) {
            return Err(ConfigError::PoolSize);
        }
        if config.deadline.is_zero() || config.deadline > MAX_DEADLINE {
            return Err(ConfigError::Deadline);
        }
        let RedisConfig { prefix, pool_size, deadline, min_replicas, .. } = config;
        let usage = Usage { prefix, pool_size, deadline, min_replicas };
        let records = Arc::default();
        let servers = if endpoint.nodes.is_empty() {
            Servers::One(Node::new(&endpoint, &usage, &records))
        } else {
            Servers::Cluster(Arc::new(Cluster::new(endpoint, usage, Arc::clone(&records))))
        };
        Ok(Self { servers, deadline, records })
    }
}

impl Store for RedisStore {
    fn call(&self, request: Request, _: UnixMillis) -> Result<Reply, StoreError> {
        match &self.servers {
            Servers::Cluster(cluster) => cluster.call(request),
            Servers::One(node) => {
                let until = Instant::now() + self.deadline;
                node.call(Call { request, asking: false }, until).and_then(Answer::only)
            }
        }
    }

    fn submit(&self, request: Request, _: UnixMillis, done: Done) {
        match &self.servers {
            Servers::Cluster(cluster) => cluster.submit(request, done),
            Servers::One(node) => {
                let until = Instant::now() + self.deadline;
                node.submit(Call { request, asking: false }, until, |outcome| {
                    done(outcome.and_then(Answer::only));
                });
            }
        }
    }

    fn submit_all(&self, submissions: Vec<Submission>) {
        match &self.servers {
            Servers::Cluster(cluster) => {
                for Submission { request, done, .. } in submissions {
                    cluster.submit(request, done);
                }
            }
            Servers::One(node) => {
                let until = Instant::now() + self.deadline;
                let calls = submissions.into_iter().map(|Submission { request, done, .. }| {
                    let done = |outcome: Result<Answer, _>| done(outcome.and_then(Answer::only));
                    (Call { request, asking: false }, done)
                });
                node.submit_all(calls, until);
            }
        }
    }

    fn incidents(&self) -> Incidents {
        let (calls_not_tried, redirects) = match &self.servers {
            Servers::Cluster(cluster) => (cluster.refusals(), cluster.redirects()),
            Servers::One(node) => (node.refusals(), 0),
        };
        Incidents { calls_not_tried, redirects, ..self.records.incidents() }
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        if let Servers::Cluster(cluster) = &self.servers {
            cluster.close();
        }
    }
}

/// An hour: longer than any request waits, and short enough that no clock overflows.
const MAX_DEADLINE: Duration = Duration::from_secs(3600);

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
        for url in [
            "redis://h",
            "redis://u:p@h:7/3",
            "redis+unix:///tmp/s?db=1",
            "valkey://h",
            "rediss://h:6380/1",
        ] {
            assert_eq!(refusal(at(url)), None, "{url}");
        }
    }

    #[test]
    fn sentinels_that_are_no_place_are_refused_at_construction() {
        let with = |url: &str, sentinel: &str| {
            refusal(RedisConfig { sentinels: vec![sentinel.to_owned()], ..at(url) })
        };

        for bad in ["", "h:x", "h:99999", "redis://h", "u@h", "h/1", "h:1?x"] {
            assert_eq!(with("redis://mymaster", bad), Some(ConfigError::InvalidSentinel), "{bad}");
        }
        for good in ["h", "h:26379", "127.0.0.1:1", "[::1]:26379"] {
            assert_eq!(with("redis://:pw@mymaster/1", good), None, "{good}");
        }
        assert_eq!(with("redis+unix:///tmp/s", "h:1"), Some(ConfigError::InvalidRedisUrl));
    }

    #[test]
    fn a_cluster_is_not_what_one_server_can_be() {
        let with = |url: &str, node: &str| {
            refusal(RedisConfig { cluster_nodes: vec![node.to_owned()], ..at(url) })
        };

        for bad in ["", "h:x", "h:99999", "redis://h", "u@h", "h/1", "h:1?x"] {
            assert_eq!(with("redis://h", bad), Some(ConfigError::InvalidClusterNode), "{bad}");
        }
        for good in ["h", "h:7000", "127.0.0.1:1", "[::1]:7000"] {
            assert_eq!(with("rediss://u:pw@h:7/0", good), None, "{good}");
        }
        assert_eq!(with("redis://h/1", "h"), Some(ConfigError::ClusterDatabase));
        assert_eq!(with("redis+unix:///tmp/s", "h"), Some(ConfigError::InvalidRedisUrl));
        let nodes = vec!["h".to_owned()];
        let both =
            RedisConfig { sentinels: nodes.clone(), cluster_nodes: nodes, ..at("redis://h") };
        assert_eq!(refusal(both), Some(ConfigError::ClusterWithSentinels));
    }

    #[test]
    fn authorities_that_are_none_are_refused_at_construction() {
        for pem in
            ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            let ca_pem = Some(pem.to_owned());
            let config = RedisConfig { ca_pem, ..at("rediss://h") };

            assert_eq!(refusal(config), Some(ConfigError::InvalidCa), "{pem:?}");
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
