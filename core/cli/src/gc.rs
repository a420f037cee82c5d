//! Takes what has expired out of a store, and says what stays for good.
//!
//! A file keeps an expired record until a later write passes by; Redis lets its records go by
//! itself, so there it is only counted which ones it never will.

use std::fmt;
use std::time::Duration;

use clap::Args;
use rudder_session::{FileConfig, FileStore, UnixMillis};
use serde::Serialize;

use crate::place::{Place, StoreOptions};
use crate::redis_facts;
use crate::report::{CommandError, Report, json};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// Seconds that counting the records of a Redis may take
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

/// What was done, or found.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Collected {
    File { removed: usize, bytes_before: u64, bytes_after: u64 },
    Redis { records: usize, without_ttl: usize },
}

pub(crate) fn run(options: &Options) -> Result<Collected, CommandError> {
    match options.store.place()? {
        None => Err(CommandError::Usage("name a store: --redis-url or --file")),
        Some(Place::Memory) => Err(CommandError::Usage(
            "the memory of this command has no records, and that of another program is its own",
        )),
        Some(Place::File(path)) if !path.exists() => Err(CommandError::NoFile(path)),
        Some(Place::File(path)) => {
            let size = || std::fs::metadata(&path).map_or(0, |it| it.len());
            let bytes_before = size();
            let config = FileConfig::at(&path);
            let removed = FileStore::open(config.clone())?.remove_expired(UnixMillis::now())?;
            FileStore::compact(&config)?;
            Ok(Collected::File { removed, bytes_before, bytes_after: size() })
        }
        Some(Place::Redis(config)) => {
            let timeout = Duration::from_secs(options.seconds);
            let (records, without_ttl) = redis_facts::count(&config, timeout)?;
            Ok(Collected::Redis { records, without_ttl })
        }
    }
}

impl Report for Collected {
    fn to_json(&self) -> String {
        json(self)
    }

    /// A record that never ends is none of ours, and somebody should look.
    fn is_well(&self) -> bool {
        !matches!(self, Self::Redis { without_ttl: 1.., .. })
    }
}

impl fmt::Display for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { removed, bytes_before, bytes_after } => {
                writeln!(f, "removed {removed} expired records")?;
                writeln!(f, "the file had {bytes_before} bytes, and has {bytes_after}")
            }
            Self::Redis { records, without_ttl } => {
                writeln!(f, "Redis removes a record when its TTL ends: nothing to do")?;
                writeln!(f, "{without_ttl} of {records} records have none")
            }
        }
    }
}
