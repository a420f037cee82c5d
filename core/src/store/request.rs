//! Names what a store can be asked for, and what it answers, as values that can wait in a queue.
//!
//! The same as the methods of [`Store`](super::Store), one for one: each of them is one step that
//! nothing gets in between.

use std::fmt;
use std::time::Duration;

use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::Ttl;

/// One call to a store.
#[derive(Clone)]
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
    /// See [`Store::inspect`](super::Store::inspect).
    Inspect {
        /// Whose record to read.
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
    /// The record, if there is one.
    Inspect(Option<Inspected>),
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

/// A record as it lies in the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inspected {
    /// The record; may be a forwarding record, which is no session.
    pub payload: Payload,
    /// How long it lives, if nothing happens; zero if it has no TTL, which none of ours lacks.
    pub left: Duration,
}

/// What a comparison found in a record's place.
#[derive(Clone, Eq, PartialEq)]
pub enum Found {
    /// Another record than the expected one, this text; nothing was changed.
    Changed(String),
    /// The expected one; the change is made.
    Expected,
    /// No record; nothing was changed.
    Gone,
}

/// Prints sizes in place of records: they hold the id, which is a secret, and the user's data.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { payload, ttl } => {
                f.debug_struct("Create").field("payload", payload).field("ttl", ttl).finish()
            }
            Self::Destroy { id } => f.debug_struct("Destroy").field("id", id).finish(),
            Self::Inspect { id } => f.debug_struct("Inspect").field("id", id).finish(),
            Self::Load { id } => f.debug_struct("Load").field("id", id).finish(),
            Self::Remove { id, expected } => f
                .debug_struct("Remove")
                .field("id", id)
                .field("expected_bytes", &expected.len())
                .finish(),
            Self::Replace { expected, payload, ttl } => f
                .debug_struct("Replace")
                .field("expected_bytes", &expected.len())
                .field("payload", payload)
                .field("ttl", ttl)
                .finish(),
            Self::Save { payload, ttl } => {
                f.debug_struct("Save").field("payload", payload).field("ttl", ttl).finish()
            }
            Self::Touch { id, ttl } => {
                f.debug_struct("Touch").field("id", id).field("ttl", ttl).finish()
            }
        }
    }
}

/// Prints the size of a record, as for [`Request`].
impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(text) => f.debug_struct("Changed").field("bytes", &text.len()).finish(),
            Self::Expected => f.write_str("Expected"),
            Self::Gone => f.write_str("Gone"),
        }
    }
}

impl Request {
    /// Whether the request may be sent twice without harm.
    ///
    /// A second `Save` could undo a logout that came between; a second `Create` or `Remove`
    /// would find what the first one did. A second `Replace` finds its own text, and whoever
    /// asked merges that with itself; but a forwarding record may have come to its end by then,
    /// which would look like a logout.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Destroy { .. }
            | Self::Inspect { .. }
            | Self::Load { .. }
            | Self::Touch { .. } => true,
            Self::Replace { payload, .. } => !payload.is_forwarding(),
            Self::Create { .. } | Self::Remove { .. } | Self::Save { .. } => false,
        }
    }

    /// Whether nothing is changed by it.
    pub(crate) fn only_reads(&self) -> bool {
        match self {
            Self::Inspect { .. } | Self::Load { .. } => true,
            Self::Create { .. }
            | Self::Destroy { .. }
            | Self::Remove { .. }
            | Self::Replace { .. }
            | Self::Save { .. }
            | Self::Touch { .. } => false,
        }
    }

    /// Whose record it is about; `None` if the payload's id cannot name one.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::Destroy { id }
            | Self::Inspect { id }
            | Self::Load { id }
            | Self::Remove { id, .. }
            | Self::Touch { id, .. } => Some(id.clone()),
            Self::Create { payload, .. }
            | Self::Replace { payload, .. }
            | Self::Save { payload, .. } => payload.session_id(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixMillis;

    #[test]
    fn a_session_may_be_put_in_place_of_another_text_twice_and_a_forwarding_record_may_not() {
        let id = |name| SessionId::parse(name).expect("legal");
        let ttl = Ttl::from_seconds(10).expect("legal");
        let replace = |payload| Request::Replace { expected: String::new(), payload, ttl };
        let forwarding = Payload::forwarding(&id("old"), &id("new"), UnixMillis::new(1));

        assert!(replace(Payload::new(&id("old"))).is_repeatable());
        assert!(!replace(forwarding).is_repeatable());
    }
}
