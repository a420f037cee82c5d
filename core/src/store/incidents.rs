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
    /// What is served of it.
    pub(super) fn own(self) -> Option<Payload> {
        match self {
            Self::Own(payload) => Some(payload),
            Self::Foreign | Self::Unreadable => None,
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
    /// Looks at `text`, which lies in the place of the session `id`.
    pub(super) fn look(&self, id: &SessionId, text: Option<String>) -> Record {
        let Some(payload) = text.and_then(|text| Payload::parse(text).ok()) else {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
            return Record::Unreadable;
        };
        if payload.belongs_to(id) {
            Record::Own(payload)
        } else {
            self.foreign.fetch_add(1, Ordering::Relaxed);
            Record::Foreign
        }
    }

    pub(super) fn incidents(&self) -> Incidents {
        Incidents {
            foreign_records: self.foreign.load(Ordering::Relaxed),
            unreadable_records: self.unreadable.load(Ordering::Relaxed),
            ..Incidents::default()
        }
    }
}
