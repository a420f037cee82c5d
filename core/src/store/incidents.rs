//! Tells a session's own record from what else may lie in its place, and counts the latter.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Incidents;
use crate::payload::Payload;
use crate::session_id::SessionId;

/// What lies in a session's place.
#[derive(Debug)]
pub(super) enum Record {
    /// Another session's payload.
    Foreign,
    Own(Payload),
    /// No payload. It belongs to somebody else, or to nobody.
    Unreadable,
}

impl Record {
    /// Looks at `text`, which lies in the place of the session `id`.
    pub(super) fn read(id: &SessionId, text: impl Into<String>) -> Self {
        match Payload::parse(text) {
            Ok(payload) if payload.belongs_to(id) => Self::Own(payload),
            Ok(_) => Self::Foreign,
            Err(_) => Self::Unreadable,
        }
    }
}

/// Records that were not served.
#[derive(Debug, Default)]
pub(super) struct RecordCheck {
    foreign: AtomicU64,
    unreadable: AtomicU64,
}

impl RecordCheck {
    /// What is served of `record`; what is not is counted.
    pub(super) fn serve(&self, record: Record) -> Option<Payload> {
        match record {
            Record::Own(payload) => return Some(payload),
            Record::Foreign => self.foreign.fetch_add(1, Ordering::Relaxed),
            Record::Unreadable => self.unreadable.fetch_add(1, Ordering::Relaxed),
        };
        None
    }

    pub(super) fn incidents(&self) -> Incidents {
        Incidents {
            foreign_records: self.foreign.load(Ordering::Relaxed),
            unreadable_records: self.unreadable.load(Ordering::Relaxed),
            ..Incidents::default()
        }
    }
}
