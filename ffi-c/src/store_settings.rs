//! Collects the settings of a store, and opens it.
//!
//! ```text
//!   memory.maxBytes, file.*, redis.*               of the sessions
//!   users.store.memory.maxBytes, users.store.*     of the indexes of users: the same names
//! ```
//!
//! Knows neither which of the two it is nor what is kept there.

use std::time::Duration;

use rudder_session_core::{
    Durability, FileConfig, FileStore, MemoryConfig, MemoryStore, RedisConfig, RedisStore, Store,
};

use crate::config::{parsed, refused, unknown_key};
use crate::error::Failure;
use crate::home::Home;
use crate::status::rsess_status::*;

/// What a store is in.
#[derive(Clone, Copy)]
pub(crate) enum StoreKind {
    File,
    Memory,
    Redis,
}

/// The settings of a store of each kind, of which one is opened. Without `Debug`: an URL may hold
/// a password.
pub(crate) struct StoreSettings {
    memory: MemoryConfig,
    file: FileConfig,
    redis: RedisConfig,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            memory: MemoryConfig::default(),
            file: FileConfig::at(""),
            redis: RedisConfig::default(),
        }
    }
}

impl StoreSettings {
    /// Sets the setting `name`; `key` is what the caller calls it.
    pub(crate) fn set(&mut self, key: &str, name: &str, value: &str) -> Result<(), Failure> {
        match name {
            "file.deadlineMs" => self.file.deadline = deadline(key, value)?,
            "file.durability" => self.file.durability = durability(key, value)?,
            "file.path" => self.file.path = value.into(),
            "memory.maxBytes" => self.memory.max_bytes = parsed(key, value)?,
            "redis.ca" => self.redis.ca_pem = Some(value.to_owned()),
            "redis.clusterNodes" => self.redis.cluster_nodes.push(value.to_owned()),
            "redis.deadlineMs" => self.redis.deadline = deadline(key, value)?,
            "redis.minReplicas" => self.redis.min_replicas = parsed(key, value)?,
            "redis.poolSize" => self.redis.pool_size = parsed(key, value)?,
            "redis.prefix" => self.redis.prefix = value.to_owned(),
            "redis.sentinels" => self.redis.sentinels.push(value.to_owned()),
            "redis.url" => self.redis.url = value.to_owned(),
            _ => return Err(unknown_key()),
        }
        Ok(())
    }

    /// Opens the store, and says which process it belongs to.
    pub(crate) fn open(&self, kind: StoreKind) -> Result<(Box<dyn Store>, Home), Failure> {
        let first = Home::of_the_first;
        Ok(match kind {
            StoreKind::File if self.file.path.as_os_str().is_empty() => {
                return Err(refused("file.path", "must be set for the driver file"));
            }
            StoreKind::File => (Box::new(FileStore::open(self.file.clone())?), Home::here()),
            StoreKind::Memory => (Box::new(MemoryStore::new(self.memory)?), first()),
            StoreKind::Redis => (Box::new(RedisStore::new(self.redis.clone())?), first()),
        })
    }
}

fn deadline(key: &str, value: &str) -> Result<Duration, Failure> {
    let millis: u32 = parsed(key, value)?;
    if millis == 0 || millis > MAX_DEADLINE_MS {
        return Err(Failure::new(
            RSESS_ERR_CONFIG_DEADLINE,
            format!("{key}: must be 1 to {MAX_DEADLINE_MS} milliseconds"),
        ));
    }
    Ok(Duration::from_millis(millis.into()))
}

fn durability(key: &str, value: &str) -> Result<Durability, Failure> {
    match value {
        "immediate" => Ok(Durability::Immediate),
        "eventual" => Ok(Durability::Eventual),
        _ => Err(Failure::new(
            RSESS_ERR_CONFIG_DURABILITY,
            format!("{key}: must be immediate or eventual"),
        )),
    }
}

/// An hour.
const MAX_DEADLINE_MS: u32 = 3_600_000;
