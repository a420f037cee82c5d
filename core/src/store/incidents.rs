//! Tells a session's own record from what else may lie in its place, and counts the latter with
//! all else that goes wrong in a store without being anybody's error.

use crate::events::{self, Seldom};
use crate::payload::Payload;
use crate::session_id::SessionId;

/// What has gone wrong in a store without being anybody's error.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Incidents {
    /// Calls that were refused without asking, since the store was down.
    pub calls_not_tried: u64,
    /// Records that carried another id than the one they were stored under.
    ///
    /// Above zero, something is badly wrong: replies reach the wrong caller, or somebody writes
    /// into the store. Raise an alarm.
    pub foreign_records: u64,
    /// Calls that a node of a cluster sent on to another one.
    ///
    /// Many in the course of a move of slots or a fail-over, none otherwise.
    pub redirects: u64,
    /// Records that were no payload of a session.
    pub unreadable_records: u64,
}

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
    foreign: Seldom,
    unreadable: Seldom,
}

impl RecordCheck {
    /// What is served of `record`; what is not is counted.
    pub(super) fn serve(&self, record: Record) -> Option<Payload> {
        match record {
            Record::Own(payload) => return Some(payload),
            Record::Foreign => events::foreign_record(&self.foreign),
            Record::Unreadable => events::unreadable_record(&self.unreadable),
        };
        None
    }

    pub(super) fn incidents(&self) -> Incidents {
        Incidents {
            foreign_records: self.foreign.count(),
            unreadable_records: self.unreadable.count(),
            ..Incidents::default()
        }
    }
}
