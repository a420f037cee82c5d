//! Tells a session's own record from what else may lie in its place, and counts the latter.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Incidents;
use crate::payload::Payload;
use crate::session_id::SessionId;

/// Records that were not served.
#[derive(Debug, Default)]
pub(super) struct RecordCheck {
    foreign: AtomicU64,
    unreadable: AtomicU64,
}

impl RecordCheck {
    /// The payload in `text`, if it is the record of the session `id`.
    pub(super) fn own(&self, id: &SessionId, text: Option<String>) -> Option<Payload> {
        // What is no payload belongs to somebody else, or to nobody: to us it is absent.
        let Some(payload) = text.and_then(|text| Payload::parse(text).ok()) else {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let own = payload.belongs_to(id);
        if !own {
            self.foreign.fetch_add(1, Ordering::Relaxed);
        }
        own.then_some(payload)
    }

    pub(super) fn incidents(&self) -> Incidents {
        Incidents {
            foreign_records: self.foreign.load(Ordering::Relaxed),
            unreadable_records: self.unreadable.load(Ordering::Relaxed),
            ..Incidents::default()
        }
    }
}
