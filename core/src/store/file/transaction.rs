//! Lays sessions out in a redb file, and runs batches of requests as one transaction each.
//!
//! ```text
//!   meta       "format"            -> 1
//!   sessions   id                  -> expires_at (f64, little endian, Unix ms) + record as JSON
//!   expiry     (expires_at, id)    -> ()        whole ms, in order: what ended first stands first
//! ```
//!
//! Each transaction that writes also removes some records that have expired: more than it can
//! have added, so the file never falls behind, and few enough that nobody waits for it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redb::{
    DatabaseError, ReadableDatabase, ReadableTable, StorageError, Table, TableDefinition,
    TableError, TableHandle, WriteTransaction,
};

use super::Durability;
use crate::batch::{Backend, Job};
use crate::error::{OpenError, StoreError};
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::store::incidents::{Record, RecordCheck};
use crate::store::{Found, Incidents, Reply, Request};
use crate::time::{Ttl, UnixMillis};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const SESSIONS: TableDefinition<&str, &[u8]> = TableDefinition::new("sessions");
const EXPIRY: TableDefinition<(u64, &str), ()> = TableDefinition::new("expiry");

const FORMAT: u64 = 1;

/// How long an acknowledged write may stay in memory with [`Durability::Eventual`].
const FLUSH_AFTER: Duration = Duration::from_millis(100);

/// An open file.
pub(super) struct Database {
    redb: redb::Database,
    durability: Durability,
    /// Wakes the thread that makes eventual commits safe; the thread ends when this goes.
    flusher: OnceLock<Option<Flusher>>,
    records: RecordCheck,
}

impl Database {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        if !path.exists() {
            make(path)?;
        }
        let redb = redb::Database::create(path).map_err(refusal)?;
        claim(&redb)?;
        let records = RecordCheck::default();
        Ok(Self { redb, durability, flusher: OnceLock::new(), records })
    }

    pub(super) fn load(
        &self,
        id: &SessionId,
        now: UnixMillis,
    ) -> Result<Option<Payload>, StoreError> {
        let snapshot = self.redb.begin_read().map_err(broken)?;
        let sessions = snapshot.open_table(SESSIONS).map_err(broken)?;
        let Some(row) = sessions.get(id.as_str()).map_err(broken)? else { return Ok(None) };
        let row = Row::read(row.value());
        if row.as_ref().is_some_and(|row| !row.is_alive(now)) {
            return Ok(None);
        }
        let record = row.map_or(Record::Unreadable, |row| Record::read(id, row.json));
        Ok(self.records.serve(record))
    }

    pub(super) fn incidents(&self) -> Incidents {
        self.records.incidents()
    }

    /// Rows of the two tables.
    #[cfg(test)]
    pub(super) fn count(&self) -> (u64, u64) {
        use redb::ReadableTableMetadata;
        let snapshot = self.redb.begin_read().unwrap();
        let sessions = snapshot.open_table(SESSIONS).unwrap().len().unwrap();
        (sessions, snapshot.open_table(EXPIRY).unwrap().len().unwrap())
    }

    fn begin(&self, durability: redb::Durability) -> Result<WriteTransaction, StoreError> {
        let mut transaction = self.redb.begin_write().map_err(broken)?;
        transaction.set_durability(durability).map_err(broken)?;
        Ok(transaction)
    }

    /// Makes everything safe that was committed before.
    fn flush(&self) -> Result<(), StoreError> {
        self.begin(redb::Durability::Immediate)?.commit().map_err(broken)
    }

    fn flush_soon(self: &Arc<Self>) -> Result<(), StoreError> {
        let flusher = self.flusher.get_or_init(|| start_flusher(Arc::downgrade(self)));
        match flusher {
            // A full channel means that it is about to flush anyway.
            Some(flusher) => {
                let _ = flusher.wake.try_send(());
                Ok(())
            }
            None => self.flush(),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(Flusher { wake, thread }) = self.flusher.take().flatten() {
            drop(wake);
            // It may be this very thread, if it was the last that used the file.
            if thread.thread().id() != thread::current().id() {
                // It does nothing that could panic.
                let _ = thread.join();
            }
            // Nobody is left to tell; the bound of what may be lost holds all the same.
            let _ = self.flush();
        }
    }
}

struct Flusher {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
}

fn start_flusher(database: Weak<Database>) -> Option<Flusher> {
    let (wake, woken) = sync_channel::<()>(1);
    let flush = move || {
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
    };
    let thread =
        thread::Builder::new().name("rudder-session-flush".to_owned()).spawn(flush).ok()?;
    Some(Flusher { wake, thread })
}

/// Runs batches against a [`Database`].
pub(super) struct Transactions {
    database: Arc<Database>,
}

impl Transactions {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    fn commit(&self, requests: &[&(Request, UnixMillis)]) -> Result<Vec<Outcome>, StoreError> {
        let durability = match self.database.durability {
            Durability::Immediate => redb::Durability::Immediate,
            Durability::Eventual => redb::Durability::None,
        };
        let transaction = self.database.begin(durability)?;
        let outcomes = {
            let mut tables = Tables {
                sessions: transaction.open_table(SESSIONS).map_err(broken)?,
                expiry: transaction.open_table(EXPIRY).map_err(broken)?,
            };
            let outcomes = requests
                .iter()
                .map(|(request, now)| tables.step(request, *now, &self.database.records))
                .collect::<Result<Vec<_>, _>>()?;
            if let Some((_, now)) = requests.last() {
                tables.collect_expired(*now, 2 * requests.len() + 8)?;
            }
            outcomes
        };
        transaction.commit().map_err(broken)?;
        if self.database.durability == Durability::Eventual {
            self.database.flush_soon()?;
        }
        Ok(outcomes)
    }
}

/// What one request of a batch comes to; an error here is the request's own, and the others of
/// the batch go on.
type Outcome = Result<Reply, StoreError>;

impl Backend for Transactions {
    type Request = (Request, UnixMillis);
    type Reply = Reply;

    fn run(&self, batch: Vec<Job<Self::Request, Reply>>, _: Instant) {
        let requests: Vec<_> = batch.iter().map(|job| &job.request).collect();
        match self.commit(&requests) {
            Ok(outcomes) => batch.into_iter().zip(outcomes).for_each(|(job, it)| job.finish(it)),
            Err(error) => batch.into_iter().for_each(|job| job.finish(Err(error.clone()))),
        }
    }
}

struct Tables<'a> {
    sessions: Table<'a, &'static str, &'static [u8]>,
    expiry: Table<'a, (u64, &'static str), ()>,
}

impl Tables<'_> {
    fn step(
        &mut self,
        request: &Request,
        now: UnixMillis,
        records: &RecordCheck,
    ) -> Result<Outcome, StoreError> {
        Ok(Ok(match request {
            Request::Create { payload, ttl } => {
                let Some(id) = payload.session_id() else { return Ok(Err(StoreError::InvalidId)) };
                let absent = self.alive(&id, now)?.is_none();
                if absent {
                    self.put(&id, payload, *ttl, now)?;
                }
                Reply::Create(absent)
            }
            Request::Destroy { id } => {
                self.delete(id.as_str())?;
                Reply::Destroy
            }
            Request::Load { id } => {
                let json = self.alive(id, now)?;
                Reply::Load(json.and_then(|json| records.serve(Record::read(id, json))))
            }
            Request::Remove { id, expected } => {
                let found = self.compare(id, expected, now)?;
                if found == Found::Expected {
                    self.delete(id.as_str())?;
                }
                Reply::Remove(found)
            }
            Request::Replace { expected, payload, ttl } => {
                let Some(id) = payload.session_id() else { return Ok(Err(StoreError::InvalidId)) };
                let found = self.compare(&id, expected, now)?;
                if found == Found::Expected {
                    self.put(&id, payload, *ttl, now)?;
                }
                Reply::Replace(found)
            }
            Request::Save { payload, ttl } => {
                let Some(id) = payload.session_id() else { return Ok(Err(StoreError::InvalidId)) };
                self.put(&id, payload, *ttl, now)?;
                Reply::Save
            }
            Request::Touch { id, ttl } => {
                let json = self.alive(id, now)?;
                if let Some(json) = &json {
                    self.write(id, json, *ttl, now)?;
                }
                Reply::Touch(json.is_some())
            }
        }))
    }

    fn compare(
        &self,
        id: &SessionId,
        expected: &str,
        now: UnixMillis,
    ) -> Result<Found, StoreError> {
        Ok(match self.alive(id, now)? {
            None => Found::Gone,
            Some(json) if json == expected => Found::Expected,
            Some(json) => Found::Changed(json),
        })
    }

    /// The record of the session `id`, if it has not expired.
    fn alive(&self, id: &SessionId, now: UnixMillis) -> Result<Option<String>, StoreError> {
        let row = self.sessions.get(id.as_str()).map_err(broken)?;
        let row = row.as_ref().and_then(|row| Row::read(row.value()));
        Ok(row.filter(|row| row.is_alive(now)).map(|row| row.json.to_owned()))
    }

    fn put(
        &mut self,
        id: &SessionId,
        payload: &Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.write(id, payload.as_json(), ttl, now)
    }

    fn write(
        &mut self,
        id: &SessionId,
        json: &str,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let row = Row { expires_at: now.plus(ttl).as_f64(), json };
        let before = self.sessions.insert(id.as_str(), row.to_bytes().as_slice());
        let before =
            before.map_err(broken)?.and_then(|it| Row::read(it.value()).map(|it| it.key()));
        let key = row.key();
        if before == Some(key) {
            return Ok(());
        }
        if let Some(before) = before {
            self.expiry.remove((before, id.as_str())).map_err(broken)?;
        }
        self.expiry.insert((key, id.as_str()), ()).map_err(broken)?;
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<(), StoreError> {
        let before = self.sessions.remove(id).map_err(broken)?;
        let key = before.and_then(|it| Row::read(it.value()).map(|row| row.key()));
        if let Some(key) = key {
            self.expiry.remove((key, id)).map_err(broken)?;
        }
        Ok(())
    }

    /// Removes up to `most` records that expired before `now`, the oldest first.
    fn collect_expired(&mut self, now: UnixMillis, most: usize) -> Result<(), StoreError> {
        let until = now.as_f64().max(0.0) as u64;
        let expired = self.expiry.range(..(until, "")).map_err(broken)?.take(most);
        let expired = expired
            .map(|entry| entry.map(|(key, _)| key.value().1.to_owned()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(broken)?;
        expired.iter().try_for_each(|id| self.delete(id))
    }
}

/// A record as it lies in the table.
struct Row<'a> {
    expires_at: f64,
    json: &'a str,
}

impl<'a> Row<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (expires_at, json) = bytes.split_first_chunk::<8>()?;
        let json = std::str::from_utf8(json).ok()?;
        Some(Self { expires_at: f64::from_le_bytes(*expires_at), json })
    }

    fn to_bytes(&self) -> Vec<u8> {
        [&self.expires_at.to_le_bytes(), self.json.as_bytes()].concat()
    }

    fn is_alive(&self, now: UnixMillis) -> bool {
        now.as_f64() < self.expires_at
    }

    /// Where it stands in the order of expiry: never before it has expired.
    fn key(&self) -> u64 {
        self.expires_at.ceil().max(0.0) as u64
    }
}

/// Makes the file in one step: a process that is killed in the middle leaves nothing under its
/// name, which would be taken for somebody else's file from then on.
fn make(path: &Path) -> Result<(), OpenError> {
    let random = SessionId::random().map_err(|_| OpenError::Io(ErrorKind::Other))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", random.as_str()));
    let unfinished = path.with_file_name(name);

    let made = redb::Database::create(&unfinished).map_err(refusal);
    let placed = made.and_then(|redb| claim(&redb)).and_then(|()| {
        // A rename would replace the file of a process that was faster, so only where there are
        // no links.
        match fs::hard_link(&unfinished, path) {
            Err(err) if err.kind() != ErrorKind::AlreadyExists => {
                fs::rename(&unfinished, path).map_err(|err| OpenError::Io(err.kind()))
            }
            _ => Ok(()),
        }
    });
    // Gone already if it was renamed.
    let _ = fs::remove_file(&unfinished);
    placed
}

/// Makes a new file ours; refuses one that is somebody else's.
fn claim(redb: &redb::Database) -> Result<(), OpenError> {
    let transaction = redb.begin_write().map_err(|_| OpenError::Damaged)?;
    let tables: Vec<String> = transaction
        .list_tables()
        .map_err(|_| OpenError::Damaged)?
        .map(|table| table.name().to_owned())
        .collect();
    if !tables.is_empty() && !tables.iter().any(|name| name == META.name()) {
        return Err(OpenError::Foreign);
    }
    {
        let mut meta = transaction.open_table(META).map_err(unlike_ours)?;
        let format = meta.get("format").map_err(|_| OpenError::Damaged)?.map(|it| it.value());
        match format {
            None if tables.is_empty() => {
                meta.insert("format", FORMAT).map_err(|_| OpenError::Damaged)?;
            }
            Some(FORMAT) => {}
            _ => return Err(OpenError::Foreign),
        }
        transaction.open_table(SESSIONS).map_err(unlike_ours)?;
        transaction.open_table(EXPIRY).map_err(unlike_ours)?;
    }
    transaction.commit().map_err(|_| OpenError::Damaged)
}

fn refusal(error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse,
        DatabaseError::UpgradeRequired(_) => OpenError::Foreign,
        DatabaseError::Storage(StorageError::Io(error)) => match error.kind() {
            ErrorKind::InvalidData => OpenError::Foreign,
            kind => OpenError::Io(kind),
        },
        _ => OpenError::Damaged,
    }
}

fn unlike_ours(error: TableError) -> OpenError {
    match error {
        TableError::Storage(_) => OpenError::Damaged,
        _ => OpenError::Foreign,
    }
}

/// Whatever redb says once the file is open, the disk or the file is at fault.
fn broken<E>(_: E) -> StoreError {
    StoreError::Storage
}
