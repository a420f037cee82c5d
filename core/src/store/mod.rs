//! Keeps payloads on the server: the contract that every store fulfils.
//!
//! ```text
//!   contract          trait Store: what a store promises, whatever it is made of
//!   pointers          a reference to a store, and a box of one, are stores
//!   request           what it is asked for and answers, as values
//!   procedure         several steps in a row, waiting for each or not
//!   update            saving onto what was loaded, merging    \
//!   regenerate        another id for a session                 | the same for every store
//!   resume            loading, timeouts, touching              |
//!   destroy_session   ending a session through any of its ids /
//!   submit            the four of them for callers that do not wait, and many requests at once
//!   future            awaiting an answer
//!   memory            MemoryStore: this process, bounded
//!   file              FileStore: one file, no server
//!   redis             RedisStore: batches of commands over a pool of connections
//!   hashed_ids        HashedIds: keeps ids of 256 bits out of any store
//!   metered           Metered: counts and times the calls of any store
//! ```

mod contract;
mod destroy_session;
mod file;
mod future;
mod hashed_ids;
mod incidents;
#[cfg(test)]
mod interleavings;
mod memory;
mod metered;
#[cfg(test)]
mod missteps;
mod pointers;
pub(crate) mod procedure;
mod redis;
mod regenerate;
mod request;
mod resume;
#[cfg(test)]
mod rivals;
mod submit;
pub(crate) mod update;

pub use contract::{Done, Store};
pub use file::{Durability, FileConfig, FileStore};
pub use future::Pending;
pub use hashed_ids::HashedIds;
pub use incidents::Incidents;
pub use memory::{MemoryConfig, MemoryStore};
pub use metered::{LATENCY_BUCKETS, Metered, OperationFigures, StoreFigures};
pub use redis::{RedisConfig, RedisStore};
pub use regenerate::Regenerated;
pub use request::{Found, Inspected, Reply, Request};
pub use resume::Resumed;
pub use submit::{
    Submission, submit_destroy_session, submit_regenerate, submit_regenerate_with_grace,
    submit_resume, submit_update, update_submission,
};
pub use update::Updated;
