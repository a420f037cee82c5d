//! Keeps payloads in one file, without a server.
//!
//! ```text
//!   FileStore -- load --> a snapshot, read here and now
//!             -- the rest --> Batcher --> transaction    many callers, one commit
//! ```
//!
//! The file is redb's: crash-safe, one writer at a time, any number of readers. Because a commit
//! that reaches the disk costs milliseconds, all that waits is committed together.
//!
//! ```text
//!   opening        what a file looks like; makes it, opens it, refuses what is none
//!   row            one record, and whether it is still what was written
//!   database       an open file; what is done when it cannot be trusted any more
//!   transaction    what a batch of writes does to the tables
//! ```

mod collect;
mod database;
mod opening;
mod row;
mod transaction;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Done, Incidents, Reply, Request, Store};
use crate::batch::{Batcher, Limits};
use crate::error::{OpenError, StoreError};
use crate::time::UnixMillis;
use database::Database;
use transaction::Transactions;

/// When a write is safe from a crash of the machine.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Durability {
    /// Before the call returns: what was acknowledged is there after any crash.
    #[default]
    Immediate,
    /// A tenth of a second later, plus the time of that commit: a crash of the machine or of this
    /// process loses what was acknowledged since (`tests/FAULTS.md` saw up to 106 ms), and never
    /// leaves half of anything. Many times faster.
    Eventual,
}

/// Where the file is, and how a [`FileStore`] uses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileConfig {
    /// The file; it is made if it is not there, its folder is not.
    pub path: PathBuf,
    /// When a write is safe.
    pub durability: Durability,
    /// How long one call may wait for the disk, up to an hour. 5 seconds by default.
    pub deadline: Duration,
    /// Whether to read the whole file when it is opened, and look at the checksum of every page.
    /// `true` by default.
    ///
    /// A file that something else has changed is then [`OpenError::Damaged`]. Without it such a
    /// file may open, lack sessions, fail later, or end the process; a payload with changed bytes
    /// is not served either way. The check of 1 GiB took 1.3 s from the system's memory and 13 s
    /// from a disk (`benches/STORES.md`), and more on a busy machine.
    pub check_on_open: bool,
}

impl FileConfig {
    /// The defaults, for the file at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let (durability, deadline) = (Durability::default(), Duration::from_secs(5));
        Self { path: path.into(), durability, deadline, check_on_open: true }
    }
}

/// A [`Store`] in a file of its own.
///
/// ```
/// use rudder_session::{FileConfig, FileStore, Payload, SessionId, Store, Ttl, UnixMillis};
///
/// # let folder = std::env::temp_dir().join(format!("rudder-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("sessions.redb");
/// let store = FileStore::open(FileConfig::at(&path))?;
/// let id = SessionId::random()?;
/// store.create(&Payload::new(&id), Ttl::from_seconds(7200)?, UnixMillis::new(0))?;
/// drop(store);
///
/// let store = FileStore::open(FileConfig::at(&path))?;
/// assert!(store.load(&id, UnixMillis::new(1))?.is_some());
/// # drop(store);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileStore {
    // Before the database: what is queued must be run while that is open.
    batcher: Batcher<Transactions>,
    database: Arc<Database>,
    deadline: Duration,
}

impl FileStore {
    /// Opens the file, or makes it.
    ///
    /// The file is checked first ([`FileConfig::check_on_open`]), and repaired if it was not
    /// closed in order, after a crash. Both take time in proportion to its size.
    ///
    /// # Errors
    ///
    /// - [`OpenError::InUse`] if another process (or another store of this one) has it open.
    /// - [`OpenError::Foreign`] if it is something else than a file of ours, which is left as
    ///   it is.
    /// - [`OpenError::Damaged`] if it is one, but something else has changed it.
    /// - [`OpenError::Io`] if the system does not let us.
    pub fn open(config: FileConfig) -> Result<Self, OpenError> {
        let database = Arc::new(Database::open(&config)?);
        // One writer at a time is all that the file allows.
        let limits = Limits { leaders: 1, batch: MAX_BATCH, queue: MAX_QUEUE };
        let batcher = Batcher::new(Transactions::new(Arc::clone(&database)), limits);
        Ok(Self { batcher, database, deadline: config.deadline.min(MAX_DEADLINE) })
    }
}

impl Store for FileStore {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        match request {
            Request::Inspect { id } => self.database.inspect(&id, now).map(Reply::Inspect),
            Request::Load { id } => self.database.load(&id, now).map(Reply::Load),
            request => self.batcher.call((request, now), self.deadline),
        }
    }

    fn submit(&self, request: Request, now: UnixMillis, done: Done) {
        match request {
            // A read of a few pages costs less than handing it to another thread.
            Request::Inspect { .. } | Request::Load { .. } => done(self.call(request, now)),
            request => self.batcher.submit((request, now), self.deadline, done),
        }
    }

    fn incidents(&self) -> Incidents {
        self.database.incidents()
    }
}

impl Drop for FileStore {
    /// Waits for what is under way, so that the file can be opened again at once.
    fn drop(&mut self) {
        self.batcher.close_and_wait();
        self.database.close();
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("batcher", &self.batcher).finish_non_exhaustive()
    }
}

/// An hour: longer than any request waits, and short enough that no clock overflows.
const MAX_DEADLINE: Duration = Duration::from_secs(3600);

/// Writes in one commit.
const MAX_BATCH: usize = 1024;

/// Writes that may wait for the disk.
const MAX_QUEUE: usize = 65_536;

#[cfg(test)]
mod tests;
