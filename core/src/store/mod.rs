//! Keeps payloads on the server: the contract that every store fulfils.
//!
//! ```text
//!   mod         trait Store: what a store promises, whatever it is made of
//!   memory      MemoryStore: this process, bounded
//!   redis       RedisStore: commands and replies -> pool (r2d2) -> connection (socket, deadline)
//!   metered     Metered: counts and times the calls of any store
//! ```

mod connection;
mod memory;
mod metered;
mod pool;
mod redis;

pub use memory::{MemoryConfig, MemoryStore};
pub use metered::{LATENCY_BUCKETS, Metered, OperationFigures, StoreFigures};
pub use redis::{RedisConfig, RedisStore};

use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};

/// A home for payloads on the server.
///
/// # The contract
///
/// - **none is not an error, and an error is not none.** A record that is absent, expired or
///   unreadable is `None`. A store that is out of reach is an error: the session may be alive.
/// - **a record belongs to its id.** A record that carries another id than the one it was asked
///   for is never returned: it is `None`, and counted (see [`Metered`]).
/// - **a value is verbatim.** What was saved is loaded byte for byte.
/// - **destroying what is absent succeeds**; a destroy that fails is an error.
/// - **every call ends**: a store that talks to another machine has a deadline for the whole
///   call, the wait for a connection included.
/// - **a store is shared**: any number of threads call it at once.
///
/// Calls block. `now` is the outermost caller's clock: a store that keeps its own time, as
/// Redis does, pays no attention to it.
pub trait Store: Send + Sync {
    /// Reads the payload of the session `id`; `None` if there is none, or no longer.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the store cannot say.
    fn load(&self, id: &SessionId, now: UnixMillis) -> Result<Option<Payload>, StoreError>;

    /// Writes `payload` under its own id, in place of what is there, and starts its TTL anew.
    ///
    /// # Errors
    ///
    /// - [`StoreError::InvalidId`] if the payload's id cannot name a record.
    /// - Another [`StoreError`] if the write may not have been done. It may have been all the
    ///   same: the reply can get lost.
    fn save(&self, payload: &Payload, ttl: Ttl, now: UnixMillis) -> Result<(), StoreError>;

    /// Starts the TTL of the session `id` anew; `false` if there is no such record.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the store cannot say.
    fn touch(&self, id: &SessionId, ttl: Ttl, now: UnixMillis) -> Result<bool, StoreError>;

    /// Removes the record of the session `id`.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the record may still be there. Do not swallow it: somebody logged
    /// out.
    fn destroy(&self, id: &SessionId) -> Result<(), StoreError>;

    /// Records met so far that carried another id than the one they were stored under.
    ///
    /// Above zero, something is badly wrong: replies reach the wrong caller, or somebody writes
    /// into the store. Raise an alarm.
    fn foreign_records(&self) -> u64 {
        0
    }
}
