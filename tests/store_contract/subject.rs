//! Makes the stores that the laws are about, each with servers or a folder of its own, or with
//! records of its own in the servers that all have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rudder_session::store::{Regenerated, Resumed};
use rudder_session::{Durability, FileConfig, FileStore, MemoryConfig, MemoryStore, Payload};
use rudder_session::{RedisConfig, RedisStore, Store, StoreError, Ttl, UnixMillis};
use rudder_session_tests::clusters::Cluster;
use rudder_session_tests::redis_server::{RedisServer, TempDir};
use rudder_session_tests::resp::{Client, Reply};
use rudder_session_tests::sentinels::{MASTER, Sentinels};
use rudder_session_tests::tls_server::TlsServer;

use super::sessions::{NOW, a_minute, grace, id, idle_for_a_minute, payload};

/// A store, and what it takes to look behind it.
pub(super) struct Subject {
    pub(super) store: Arc<dyn Store>,
    /// The ports of all servers that may have a record.
    pub(super) servers: Vec<u16>,
    /// What the names of records begin with there.
    pub(super) prefix: String,
    _server: Option<RedisServer>,
    _folder: Option<TempDir>,
}

impl Subject {
    fn of(store: Arc<dyn Store>) -> Self {
        Self { store, servers: Vec::new(), prefix: String::new(), _server: None, _folder: None }
    }

    pub(super) fn memory() -> Self {
        Self::of(Arc::new(MemoryStore::new(MemoryConfig::default()).expect("legal")))
    }

    pub(super) fn file() -> Self {
        let folder = TempDir::new();
        let config = FileConfig {
            durability: Durability::Eventual,
            deadline: Duration::from_secs(30),
            ..FileConfig::at(folder.path().join("sessions.redb"))
        };
        let store = FileStore::open(config).expect("a new file");
        Self { _folder: Some(folder), ..Self::of(Arc::new(store)) }
    }

    pub(super) fn redis() -> Self {
        let server = RedisServer::start();
        let url = server.url();
        Self::in_redis(server, url)
    }

    pub(super) fn redis_sentinel() -> Self {
        let group = Sentinels::shared();
        let url = format!("redis://{MASTER}");
        let config = RedisConfig { url, sentinels: group.addresses(), ..of_one_test() };
        Self::with_config(group.master.iter().map(RedisServer::port).collect(), config)
    }

    pub(super) fn redis_cluster() -> Self {
        let cluster = Cluster::shared();
        let nodes = cluster.addresses();
        let config = RedisConfig {
            url: format!("redis://{}", nodes[0]),
            cluster_nodes: nodes[1..2].to_vec(),
            ..of_one_test()
        };
        Self::with_config(cluster.nodes.iter().map(RedisServer::port).collect(), config)
    }

    /// The commands that are allowed are all that the store needs.
    pub(super) fn redis_without_scripts() -> Self {
        let server = RedisServer::start();
        let reply = server.client().call(&[
            "ACL",
            "SETUSER",
            "sessions",
            "on",
            ">hunter2",
            "~session:*",
            "resetchannels",
            "+get",
            "+set",
            "+del",
            "+expire",
            "+pttl",
            "+watch",
            "+unwatch",
            "+multi",
            "+exec",
            "+select",
        ]);
        assert_eq!(reply, Reply::Simple("OK".to_owned()));
        let url = format!("redis://sessions:hunter2@127.0.0.1:{}", server.port());
        Self::in_redis(server, url)
    }

    pub(super) fn redis_with_tls() -> Self {
        let server = TlsServer::start(&["localhost"]);
        let (url, ca_pem) = (server.url("localhost"), Some(server.ca_pem));
        let config = RedisConfig { url, ca_pem, ..RedisConfig::default() };
        let servers = vec![server.plain.port()];
        Self { _server: Some(server.plain), ..Self::with_config(servers, config) }
    }

    fn in_redis(server: RedisServer, url: String) -> Self {
        let config = RedisConfig { url, ..RedisConfig::default() };
        let servers = vec![server.port()];
        Self { _server: Some(server), ..Self::with_config(servers, config) }
    }

    fn with_config(servers: Vec<u16>, config: RedisConfig) -> Self {
        let prefix = config.prefix.clone();
        let config = RedisConfig { deadline: Duration::from_secs(30), ..config };
        let store = RedisStore::new(config).expect("legal");
        Self { servers, prefix, ..Self::of(Arc::new(store)) }
    }

    pub(super) fn save(&self, payload: &Payload) {
        self.store.save(payload, a_minute(), NOW).expect("saved");
    }

    pub(super) fn regenerate(
        &self,
        base: &Payload,
        new: &Payload,
    ) -> Result<Regenerated, StoreError> {
        self.store.regenerate_with_grace(base, new, a_minute(), grace(), NOW)
    }

    pub(super) fn resume(&self, name: &str, now: UnixMillis) -> Result<Resumed, StoreError> {
        self.store.resume(&id(name), &idle_for_a_minute(), now)
    }

    pub(super) fn save_for(&self, seconds: u64) {
        let ttl = Ttl::from_seconds(seconds).expect("legal");
        self.store.save(&payload("a", "{}"), ttl, NOW).expect("saved");
    }

    /// Whether session `a` will be there, so much later than now. Waits for nobody: memory goes
    /// by the time it is told, and Redis says how long it will keep a record.
    pub(super) fn lives_after(&self, later: Duration) -> bool {
        if self.servers.is_empty() {
            let then = UnixMillis::from_f64(NOW.as_f64() + later.as_secs_f64() * 1000.0);
            let loaded = self.store.load(&id("a"), then.expect("in range"));
            return loaded.expect("a reply").is_some();
        }
        let name = format!("{}a", self.prefix);
        let left = self.servers.iter().find_map(|server| {
            // A node that has not got the slot says so.
            match Client::connect(*server).call(&["PTTL", &name]) {
                Reply::Integer(millis) => Some(millis),
                _ => None,
            }
        });
        left.expect("a number") > later.as_millis() as i64
    }
}

/// A configuration whose records are no other test's.
fn of_one_test() -> RedisConfig {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    RedisConfig { prefix: format!("test-{number}:"), ..RedisConfig::default() }
}
