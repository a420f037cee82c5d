//! Opens the store that the arguments name.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rudder_session::{
    FileConfig, FileStore, MemoryConfig, MemoryStore, RedisConfig, RedisStore, Store,
};

use crate::report::CommandError;

/// Which store, and how a program would use it.
#[derive(Args)]
pub(crate) struct StoreOptions {
    /// The store is this file, which no other program may have open
    #[arg(long, value_name = "FILE", conflicts_with = "memory")]
    file: Option<PathBuf>,
    /// The store is the memory of this command
    #[arg(long)]
    memory: bool,
    /// The store is this Redis, by URL. An argument with a password in it can be seen by other
    /// users of the machine, the environment cannot
    #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// A node of the Redis Cluster that the server of the URL is one of; may be given again, and the
    /// others are found by asking
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', conflicts_with_all = ["file", "memory"])]
    redis_cluster_node: Vec<String>,
    /// A sentinel that watches the master; may be given again. In the URL the name of the master
    /// stands for the host
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', conflicts_with_all = ["file", "memory", "redis_cluster_node"])]
    redis_sentinel: Vec<String>,
    /// Certificates, in PEM, of the authority that `rediss:` servers are trusted by
    #[arg(long, value_name = "FILE")]
    redis_ca: Option<PathBuf>,
    /// What the names of records begin with
    #[arg(long, default_value = "session:")]
    prefix: String,
    /// Milliseconds that one call may take
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    deadline_ms: u64,
}

/// A store that is named by the arguments.
pub(crate) enum Place {
    File(PathBuf),
    Memory,
    Redis(Box<RedisConfig>),
}

impl StoreOptions {
    /// The store that is named: what is said by an argument goes before the environment.
    pub(crate) fn place(&self) -> Result<Option<Place>, CommandError> {
        if let Some(file) = &self.file {
            return Ok(Some(Place::File(file.clone())));
        }
        if self.memory {
            return Ok(Some(Place::Memory));
        }
        let Some(url) = &self.redis_url else { return Ok(None) };
        let read = |file: &PathBuf| {
            fs::read_to_string(file).map_err(|error| CommandError::ReadFile(file.clone(), error))
        };
        let config = RedisConfig {
            url: url.clone(),
            cluster_nodes: self.redis_cluster_node.clone(),
            sentinels: self.redis_sentinel.clone(),
            ca_pem: self.redis_ca.as_ref().map(read).transpose()?,
            prefix: self.prefix.clone(),
            deadline: Duration::from_millis(self.deadline_ms),
            ..RedisConfig::default()
        };
        Ok(Some(Place::Redis(Box::new(config))))
    }
}

impl Place {
    /// Opens it. A file that is not there yet is made only if `may_create`.
    pub(crate) fn open(&self, may_create: bool) -> Result<Box<dyn Store>, CommandError> {
        Ok(match self {
            Self::File(path) if !may_create && !path.exists() => {
                return Err(CommandError::NoFile(path.clone()));
            }
            Self::File(path) => Box::new(FileStore::open(FileConfig::at(path))?),
            Self::Memory => Box::new(MemoryStore::new(MemoryConfig::default())?),
            Self::Redis(config) => Box::new(RedisStore::new((**config).clone())?),
        })
    }
}
