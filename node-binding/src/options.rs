//! Takes the settings of a store from JavaScript to the engine.
//!
//! Numbers that make no sense are left for the engine to refuse, which names the field.

// Doc comments below are JSDoc: napi copies them into `native.d.ts` as they are.

use std::time::Duration;

use napi_derive::napi;
use rudder_session::{Durability, FileConfig, MemoryConfig, RedisConfig};

/// Settings of a store in this process.
#[napi(object)]
pub struct MemoryOptions {
    /// Bytes of sessions that are kept; the least recently used ones go first.
    pub max_bytes: f64,
    /// Sessions that are kept, likewise; as many as there are bytes for if it is left out.
    pub max_entries: Option<f64>,
    /// Whether the store gets hashes of ids of 256 bits in place of the ids; `false` if left out.
    pub hash_ids: Option<bool>,
}

/// Settings of a store in a file.
#[napi(object)]
pub struct FileOptions {
    /// The file; it is made if it is not there, its folder is not.
    pub path: String,
    /// When a write is safe: before it is answered (`immediate`), or a tenth of a second later
    /// (`eventual`), which is many times faster.
    #[napi(ts_type = "'immediate' | 'eventual'")]
    pub durability: String,
    /// Milliseconds that one call may wait for the disk.
    pub deadline_ms: u32,
    /// Whether the store gets hashes of ids of 256 bits in place of the ids; `false` if left out.
    pub hash_ids: Option<bool>,
}

/// Settings of a store in Redis.
#[napi(object)]
pub struct RedisOptions {
    /// `redis://[user:password@]host[:port][/database]`, the same with `rediss://` for TLS, or
    /// `redis+unix:///path`.
    pub url: String,
    /// With `rediss://`: the certificates of the authorities to trust, in PEM, in place of those
    /// of the system.
    pub ca: Option<String>,
    /// `host:port` of each sentinel; the host of `url` is then the name of the master.
    pub sentinels: Option<Vec<String>>,
    /// `host:port` of some nodes of a Redis Cluster; the server of `url` is one more of them.
    pub cluster: Option<Vec<String>>,
    /// Replicas that must have a write before it counts as done; 0 if it is left out.
    pub min_replicas: Option<u32>,
    /// Goes before the session id to name a record. May be empty.
    pub prefix: String,
    /// Connections, and threads that use them: 1 to 1024.
    pub pool_size: u32,
    /// Milliseconds that one call may take, the wait for a connection included.
    pub deadline_ms: u32,
    /// Whether the store gets hashes of ids of 256 bits in place of the ids; `false` if left out.
    pub hash_ids: Option<bool>,
}

impl From<MemoryOptions> for MemoryConfig {
    fn from(options: MemoryOptions) -> Self {
        // A cast from a float saturates: nonsense becomes 0, which the engine refuses.
        Self {
            max_bytes: options.max_bytes as u64,
            max_entries: options.max_entries.map_or(u64::MAX, |count| count as u64),
        }
    }
}

impl TryFrom<FileOptions> for FileConfig {
    type Error = &'static str;

    fn try_from(options: FileOptions) -> Result<Self, Self::Error> {
        let durability = match options.durability.as_str() {
            "eventual" => Durability::Eventual,
            "immediate" => Durability::Immediate,
            _ => return Err("file.durability: must be immediate or eventual"),
        };
        let deadline = milliseconds(options.deadline_ms);
        Ok(Self { durability, deadline, ..Self::at(options.path) })
    }
}

impl From<RedisOptions> for RedisConfig {
    fn from(options: RedisOptions) -> Self {
        Self {
            url: options.url,
            ca_pem: options.ca,
            sentinels: options.sentinels.unwrap_or_default(),
            cluster_nodes: options.cluster.unwrap_or_default(),
            min_replicas: options.min_replicas.unwrap_or_default(),
            prefix: options.prefix,
            pool_size: options.pool_size,
            deadline: milliseconds(options.deadline_ms),
        }
    }
}

fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(u64::from(count))
}
