//! Names what a store can be asked for, and what it answers, as values that can wait in a queue.
//!
//! The same as the methods of [`Store`](super::Store), one for one: each of them is one step that
//! nothing gets in between.

use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::Ttl;

/// One call to a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Request {
    /// See [`Store::create`](super::Store::create).
    Create {
        /// What to write, under its own id.
        payload: Payload,
        /// How long it lives.
        ttl: Ttl,
    },
    /// See [`Store::destroy`](super::Store::destroy).
    Destroy {
        /// Whose record to remove.
        id: SessionId,
    },
    /// See [`Store::load`](super::Store::load).
    Load {
        /// Whose record to read.
        id: SessionId,
    },
    /// See [`Store::remove`](super::Store::remove).
    Remove {
        /// Whose record to remove.
        id: SessionId,
        /// The text that it must be.
        expected: String,
    },
    /// See [`Store::replace`](super::Store::replace).
    Replace {
        /// The text that the record must be.
        expected: String,
        /// What to write, under its own id.
        payload: Payload,
        /// How long it lives.
        ttl: Ttl,
    },
    /// See [`Store::save`](super::Store::save).
    Save {
        /// What to write, under its own id.
        payload: Payload,
        /// How long it lives.
        ttl: Ttl,
    },
    /// See [`Store::touch`](super::Store::touch).
    Touch {
        /// Whose record to keep alive.
        id: SessionId,
        /// How long it lives from now on.
        ttl: Ttl,
    },
}

/// What a store answers to the request of the same name.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// Whether the record was written: there was none before.
    Create(bool),
    /// The record is not there (any more).
    Destroy,
    /// The payload, if there is one.
    Load(Option<Payload>),
    /// What was found in the record's place.
    Remove(Found),
    /// What was found in the record's place.
    Replace(Found),
    /// The payload is written.
    Save,
    /// Whether there is such a record.
    Touch(bool),
}

/// What a comparison found in a record's place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// Another record than the expected one, this text; nothing was changed.
    Changed(String),
    /// The expected one; the change is made.
    Expected,
    /// No record; nothing was changed.
    Gone,
}

impl Request {
    /// Whether the request may be sent twice without harm.
    ///
    /// A second `Save` could undo a logout that came between; a second `Create` or `Remove`
    /// would find what the first one did. A second `Replace` finds its own text, and whoever
    /// asked merges that with itself.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Destroy { .. }
            | Self::Load { .. }
            | Self::Replace { .. }
            | Self::Touch { .. } => true,
            Self::Create { .. } | Self::Remove { .. } | Self::Save { .. } => false,
        }
    }
}
