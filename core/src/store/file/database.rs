//! Holds a session file open: reads from it, commits to it, and gives it up if it cannot be trusted.
//!
//! ```text
//!   load, transaction --run--> redb      a panic of redb's: every call from then on is refused
//!   flusher           --run--> redb      makes eventual commits safe, a tenth of a second later
//! ```
//!
//! What a batch of writes does to the tables is `transaction`'s, what a file looks like
//! `opening`'s.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redb::{ReadableDatabase, WriteTransaction};

use super::opening::{self, RECORDS};
use super::row::Row;
use super::{Durability, FileConfig};
use crate::error::{OpenError, StoreError};
use crate::events::{self, Seldom};
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::store::incidents::{Record, RecordCheck};
use crate::store::{Incidents, Inspected};
use crate::time::UnixMillis;

/// How long an acknowledged write may stay in memory with [`Durability::Eventual`].
const FLUSH_AFTER: Duration = Duration::from_millis(100);

/// An open file.
pub(super) struct Database {
    /// There until this is dropped.
    redb: Option<redb::Database>,
    /// redb has met what cannot be in a file of its own making.
    in_doubt: AtomicBool,
    durability: Durability,
    flusher: OnceLock<Flusher>,
    records: RecordCheck,
    failures: Seldom,
}

impl Database {
    pub(super) fn open(config: &FileConfig) -> Result<Self, OpenError> {
        Ok(Self {
            redb: Some(opening::open(config)?),
            in_doubt: AtomicBool::new(false),
            durability: config.durability,
            flusher: OnceLock::new(),
            records: RecordCheck::default(),
            failures: Seldom::default(),
        })
    }

    pub(super) fn load(
        &self,
        id: &SessionId,
        now: UnixMillis,
    ) -> Result<Option<Payload>, StoreError> {
        let record = self.inspect(id, now)?;
        Ok(record.map(|it| it.payload).filter(|payload| !payload.is_forwarding()))
    }

    pub(super) fn inspect(
        &self,
        id: &SessionId,
        now: UnixMillis,
    ) -> Result<Option<Inspected>, StoreError> {
        let found = self.run(|redb| {
            let snapshot = redb.begin_read().map_err(broken)?;
            let records = snapshot.open_table(RECORDS).map_err(broken)?;
            let row = records.get(id.as_str()).map_err(broken)?;
            Ok(row.and_then(|row| match Row::read(id.as_str(), row.value()) {
                Some(row) => row.left(now).map(|left| (Record::read(id, row.json), left)),
                None => Some((Record::Unreadable, Duration::ZERO)),
            }))
        })?;
        Ok(found.and_then(|(record, left)| {
            self.records.serve(record).map(|payload| Inspected { payload, left })
        }))
    }

    pub(super) fn incidents(&self) -> Incidents {
        self.records.incidents()
    }

    /// Lets `change` write, and commits that, with the durability of this store.
    pub(super) fn write<T>(
        self: &Arc<Self>,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let durability = match self.durability {
            Durability::Immediate => redb::Durability::Immediate,
            Durability::Eventual => redb::Durability::None,
        };
        let done = self.commit(durability, change)?;
        if self.durability == Durability::Eventual {
            self.flush_soon()?;
        }
        Ok(done)
    }

    fn commit<T>(
        &self,
        durability: redb::Durability,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(|redb| {
            let mut transaction = redb.begin_write().map_err(broken)?;
            transaction.set_durability(durability).map_err(broken)?;
            let done = change(&transaction)?;
            transaction.commit().map_err(broken)?;
            Ok(done)
        })
    }

    /// Makes everything safe that was committed before.
    fn flush(&self) -> Result<(), StoreError> {
        self.commit(redb::Durability::Immediate, |_| Ok(()))
    }

    fn flush_soon(self: &Arc<Self>) -> Result<(), StoreError> {
        let flusher = self.flusher.get_or_init(|| Flusher::start(Arc::downgrade(self)));
        if flusher.wake() { Ok(()) } else { self.flush() }
    }

    /// Waits until no other thread holds the file open on its own account.
    pub(super) fn close(&self) {
        if let Some(flusher) = self.flusher.get() {
            flusher.end();
        }
    }

    /// Does `work` with the file, unless that has been given up.
    ///
    /// redb panics where it meets what it cannot have written. Neither the file nor what is in
    /// memory of it can be trusted from then on: another write might make it worse.
    fn run<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let redb = self.redb.as_ref().filter(|_| !self.in_doubt.load(Ordering::Relaxed));
        let redb = redb.ok_or(StoreError::Storage)?;
        let outcome = catch_unwind(AssertUnwindSafe(|| work(redb))).unwrap_or_else(|_| {
            if !self.in_doubt.swap(true, Ordering::Relaxed) {
                events::file_damaged();
            }
            Err(StoreError::Storage)
        });
        if outcome.is_err() {
            events::file_failed(&self.failures);
        }
        outcome
    }

    /// Rows of the two tables.
    #[cfg(test)]
    pub(super) fn count(&self) -> (u64, u64) {
        use redb::ReadableTableMetadata;
        let snapshot = self.redb.as_ref().unwrap().begin_read().unwrap();
        let records = snapshot.open_table(RECORDS).unwrap().len().unwrap();
        (records, snapshot.open_table(opening::EXPIRY).unwrap().len().unwrap())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(flusher) = self.flusher.take() {
            flusher.end();
            // Nobody is left to tell; the bound of what may be lost holds all the same.
            let _ = self.flush();
        }
        // Closing writes too; after a panic redb knows that the next opening has to repair.
        let redb = self.redb.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(redb)));
    }
}

/// A thread that makes eventual commits safe, while there is one.
struct Flusher(Mutex<Option<(SyncSender<()>, JoinHandle<()>)>>);

impl Flusher {
    fn start(database: Weak<Database>) -> Self {
        let (wake, woken) = sync_channel::<()>(1);
        let spawned = thread::Builder::new()
            .name("rudder-session-flush".to_owned())
            .spawn(move || flush_when_woken(&woken, &database));
        Self(Mutex::new(spawned.ok().map(|thread| (wake, thread))))
    }

    /// Has it flush soon; `false` if there is no such thread.
    fn wake(&self) -> bool {
        // A full channel means that it is about to flush anyway.
        self.lock().as_ref().map(|(wake, _)| wake.try_send(())).is_some()
    }

    /// Waits for its end, unless this is that very thread: the last that used the file.
    fn end(&self) {
        let Some((wake, thread)) = self.lock().take() else { return };
        drop(wake);
        if thread.thread().id() != thread::current().id() {
            // What panics there is caught there.
            let _ = thread.join();
        }
    }

    /// A panic while the lock is held cannot leave half a flusher, so it is taken anyway.
    fn lock(&self) -> MutexGuard<'_, Option<(SyncSender<()>, JoinHandle<()>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn flush_when_woken(woken: &Receiver<()>, database: &Weak<Database>) {
    while woken.recv().is_ok() {
        let until = Instant::now() + FLUSH_AFTER;
        let waited = loop {
            match woken.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(()) => {}
                Err(end) => break end,
            }
        };
        let Some(database) = database.upgrade() else { return };
        if waited == RecvTimeoutError::Disconnected {
            return;
        }
        // An error here is met again by the next write, which reports it.
        let _ = database.flush();
    }
}

/// Whatever redb says once the file is open, the disk or the file is at fault.
pub(super) fn broken<E>(_: E) -> StoreError {
    StoreError::Storage
}
