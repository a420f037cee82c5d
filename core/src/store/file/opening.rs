//! Makes a session file, or opens the one that is there, and refuses what is none.
//!
//! ```text
//!   meta       "format"            -> 2
//!   records    id                  -> see row
//!   expiry     (expires_at, id)    -> ()        whole ms, in order: what ended first stands first
//! ```
//!
//! Files of format 1 had `sessions` in place of `records`, whose rows have no checksum; they are
//! converted, in one transaction.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{
    DatabaseError, ReadableTable, StorageError, TableDefinition, TableError, TableHandle,
    WriteTransaction,
};

use super::FileConfig;
use super::row::Row;
use crate::error::OpenError;
use crate::events;
use crate::session_id::SessionId;

pub(super) const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");
pub(super) const EXPIRY: TableDefinition<(u64, &str), ()> = TableDefinition::new("expiry");

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const FORMAT: u64 = 2;
const SESSIONS_OF_FORMAT_1: TableDefinition<&str, &[u8]> = TableDefinition::new("sessions");

/// Memory that holds pages of the file. Without a bound redb takes up to 1 GiB, and the system
/// keeps what was read lately in memory anyway.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Opens the file, or makes it.
pub(super) fn open(config: &FileConfig) -> Result<redb::Database, OpenError> {
    let path = config.path.as_path();
    // Where redb is let to trust a file that it should not, it may panic.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        if !path.exists() {
            make(path)?;
        }
        let was_left_open = was_left_open(path);
        let mut builder = redb::Database::builder();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(config.check_on_open);
        let redb = builder.create(path).map_err(refusal)?;
        claim(&redb)?;
        Ok((redb, was_left_open))
    }));
    match opened.unwrap_or(Err(OpenError::Damaged)) {
        Ok((redb, was_left_open)) => {
            events::file_opened(was_left_open);
            Ok(redb)
        }
        Err(error) => {
            if error == OpenError::Damaged {
                events::file_damaged();
            }
            Err(error)
        }
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

/// Whether nobody has closed the file, as after a crash. For the log only: redb has the last word.
fn was_left_open(path: &Path) -> bool {
    /// redb's magic number, and the byte of flags after it.
    const HEAD_BYTES: usize = 10;
    const RECOVERY_REQUIRED: u8 = 2;
    let mut head = [0; HEAD_BYTES];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head[HEAD_BYTES - 1] & RECOVERY_REQUIRED != 0
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
            None if tables.is_empty() => {}
            Some(1) => convert_format_1(&transaction)?,
            Some(FORMAT) => {}
            _ => return Err(OpenError::Foreign),
        }
        if format != Some(FORMAT) {
            meta.insert("format", FORMAT).map_err(|_| OpenError::Damaged)?;
        }
        transaction.open_table(RECORDS).map_err(unlike_ours)?;
        transaction.open_table(EXPIRY).map_err(unlike_ours)?;
    }
    transaction.commit().map_err(|_| OpenError::Damaged)
}

fn convert_format_1(transaction: &WriteTransaction) -> Result<(), OpenError> {
    let mut records = transaction.open_table(RECORDS).map_err(unlike_ours)?;
    let sessions = transaction.open_table(SESSIONS_OF_FORMAT_1).map_err(unlike_ours)?;
    for entry in sessions.iter().map_err(|_| OpenError::Damaged)? {
        let (id, row) = entry.map_err(|_| OpenError::Damaged)?;
        if let Some(row) = Row::read_unchecked(row.value()) {
            let bytes = row.to_bytes(id.value());
            records.insert(id.value(), bytes.as_slice()).map_err(|_| OpenError::Damaged)?;
        }
    }
    transaction.delete_table(sessions).map(drop).map_err(unlike_ours)
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
