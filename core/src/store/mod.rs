//! Keeps payloads on the server: the contract that every store fulfils.
//!
//! ```text
//!   mod         trait Store: what a store promises, whatever it is made of
//!   request     what it is asked for and answers, as values
//!   update      saving onto what was loaded, merging, regenerating: the same for every store
//!   future      awaiting an answer
//!   memory      MemoryStore: this process, bounded
//!   file        FileStore: one file, no server
//!   redis       RedisStore: batches of commands over a pool of connections
//!   metered     Metered: counts and times the calls of any store
//! ```

mod file;
mod future;
mod incidents;
#[cfg(test)]
mod interleavings;
mod memory;
mod metered;
mod redis;
mod request;
mod update;

use std::sync::Arc;

pub use file::{Durability, FileConfig, FileStore};
pub use future::Pending;
pub use memory::{MemoryConfig, MemoryStore};
pub use metered::{LATENCY_BUCKETS, Metered, OperationFigures, StoreFigures};
pub use redis::{RedisConfig, RedisStore};
pub use request::{Found, Reply, Request};
pub use update::{Regenerated, Updated};

use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};
use update::{Regenerate, Update};

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
    /// Records that were no payload of a session.
    pub unreadable_records: u64,
}

/// What is called with the answer to a submitted request.
pub type Done = Box<dyn FnOnce(Result<Reply, StoreError>) + Send>;

/// A home for payloads on the server.
///
/// # The contract
///
/// - **none is not an error, and an error is not none.** A record that is absent, expired or
///   unreadable is none. A store that is out of reach is an error: the session may be alive.
/// - **a record belongs to its id.** A record that carries another id than the one it was asked
///   for is never returned: it is none, and counted in the [`Incidents`].
/// - **a value is verbatim.** What was saved is loaded byte for byte.
/// - **each request is one step**: nothing gets in between its comparison and its write.
/// - **destroying what is absent succeeds**; a destroy that fails is an error.
/// - **every call ends**: a store that talks to another machine has a deadline for the whole
///   call, the wait for a connection included.
/// - **a store is shared**: any number of threads call it at once.
///
/// A store implements [`call`](Self::call), and [`submit`](Self::submit) if it can do other than
/// block. Everything else follows from these.
///
/// `now` is the outermost caller's clock: a store that keeps its own time, as Redis does, pays
/// no attention to it.
pub trait Store: Send + Sync {
    /// Does what `request` asks for, and waits for the end of it.
    ///
    /// # Errors
    ///
    /// Those of the method that has the request's name.
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError>;

    /// Does what `request` asks for, and calls `done` with the answer, exactly once, on whatever
    /// thread; that may be this one, before this returns.
    fn submit(&self, request: Request, now: UnixMillis, done: Done) {
        done(self.call(request, now));
    }

    /// What has gone wrong so far without being anybody's error.
    fn incidents(&self) -> Incidents {
        Incidents::default()
    }

    /// Does what `request` asks for; the answer can be awaited on any runtime.
    ///
    /// A store that can only block does so before this returns.
    fn start(&self, request: Request, now: UnixMillis) -> Pending {
        future::start(self, request, now)
    }

    /// Reads the payload of the session `id`; `None` if there is none, or no longer.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the store cannot say.
    fn load(&self, id: &SessionId, now: UnixMillis) -> Result<Option<Payload>, StoreError> {
        match self.call(Request::Load { id: id.clone() }, now)? {
            Reply::Load(payload) => Ok(payload),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Writes `payload` under its own id if there is no such record yet; `false` if there is.
    ///
    /// # Errors
    ///
    /// Those of [`save`](Self::save).
    fn create(&self, payload: &Payload, ttl: Ttl, now: UnixMillis) -> Result<bool, StoreError> {
        match self.call(Request::Create { payload: payload.clone(), ttl }, now)? {
            Reply::Create(created) => Ok(created),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Saves what a request made of `base`, the payload that it loaded.
    ///
    /// - If the record is as it was loaded, it is replaced.
    /// - If another request has changed it, this request's own changes are applied to what is
    ///   there by now, whole top-level keys at a time: **no write is lost**.
    /// - If it is gone, destroyed by a logout or expired, nothing is written: **destroy always
    ///   wins**.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Conflict`] if other requests were faster ten times in a row.
    /// - [`StoreError::InvalidId`] if `payload` and `base` are not the same session.
    /// - Those of [`save`](Self::save).
    fn update(
        &self,
        base: &Payload,
        payload: &Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<Updated, StoreError> {
        update::run(self, Update::start(base, payload, ttl), now)
    }

    /// Saves what a request made of `base` under another id: that of `payload`.
    ///
    /// Do it whenever privileges change (login, logout, another role), or an id that was planted
    /// before stays good afterwards.
    ///
    /// The new record is there before the old one goes, so a failure at any step loses nothing.
    /// What other requests write into the old record meanwhile moves along. If the session is
    /// gone, nothing remains of the new one either.
    ///
    /// # Errors
    ///
    /// - [`StoreError::InvalidId`] if the two have the same id, or if the new one is taken.
    /// - Those of [`update`](Self::update).
    ///
    /// The session is then where it was, under its old id.
    fn regenerate(
        &self,
        base: &Payload,
        payload: &Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<Regenerated, StoreError> {
        update::run(self, Regenerate::start(base, payload, ttl), now)
    }

    /// Writes `payload` under its own id, **whatever is there or not**, and starts its TTL anew.
    ///
    /// The last write wins: what another request wrote in the meantime is lost, and a session
    /// that it destroyed is back. [`update`](Self::update) does neither.
    ///
    /// # Errors
    ///
    /// - [`StoreError::InvalidId`] if the payload's id cannot name a record.
    /// - Another [`StoreError`] if the write may not have been done. It may have been all the
    ///   same: the reply can get lost.
    fn save(&self, payload: &Payload, ttl: Ttl, now: UnixMillis) -> Result<(), StoreError> {
        match self.call(Request::Save { payload: payload.clone(), ttl }, now)? {
            Reply::Save => Ok(()),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Starts the TTL of the session `id` anew; `false` if there is no such record.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the store cannot say.
    fn touch(&self, id: &SessionId, ttl: Ttl, now: UnixMillis) -> Result<bool, StoreError> {
        match self.call(Request::Touch { id: id.clone(), ttl }, now)? {
            Reply::Touch(found) => Ok(found),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Removes the record of the session `id`.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the record may still be there. Do not swallow it: somebody logged
    /// out.
    fn destroy(&self, id: &SessionId) -> Result<(), StoreError> {
        match self.call(Request::Destroy { id: id.clone() }, UnixMillis::new(0))? {
            Reply::Destroy => Ok(()),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Writes `payload` under its own id if the record there is `expected`, byte for byte, and
    /// starts its TTL anew.
    ///
    /// A building block: [`update`](Self::update) is what a request wants.
    ///
    /// # Errors
    ///
    /// Those of [`save`](Self::save).
    fn replace(
        &self,
        expected: &str,
        payload: &Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<Found, StoreError> {
        let expected = expected.to_owned();
        match self.call(Request::Replace { expected, payload: payload.clone(), ttl }, now)? {
            Reply::Replace(found) => Ok(found),
            _ => Err(StoreError::Protocol),
        }
    }

    /// Removes the record of the session `id` if it is `expected`, byte for byte.
    ///
    /// A building block, like [`replace`](Self::replace).
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the record may still be there.
    fn remove(&self, id: &SessionId, expected: &str, now: UnixMillis) -> Result<Found, StoreError> {
        let request = Request::Remove { id: id.clone(), expected: expected.to_owned() };
        match self.call(request, now)? {
            Reply::Remove(found) => Ok(found),
            _ => Err(StoreError::Protocol),
        }
    }
}

/// [`Store::update`] for a caller that does not wait: `done` is called with the end of it.
pub fn submit_update<S: Store + ?Sized + 'static>(
    store: Arc<S>,
    base: &Payload,
    payload: &Payload,
    ttl: Ttl,
    now: UnixMillis,
    done: impl FnOnce(Result<Updated, StoreError>) + Send + 'static,
) {
    update::submit(store, Update::start(base, payload, ttl), now, done);
}

/// [`Store::regenerate`] for a caller that does not wait: `done` is called with the end of it.
pub fn submit_regenerate<S: Store + ?Sized + 'static>(
    store: Arc<S>,
    base: &Payload,
    payload: &Payload,
    ttl: Ttl,
    now: UnixMillis,
    done: impl FnOnce(Result<Regenerated, StoreError>) + Send + 'static,
) {
    update::submit(store, Regenerate::start(base, payload, ttl), now, done);
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        (**self).call(request, now)
    }

    fn submit(&self, request: Request, now: UnixMillis, done: Done) {
        (**self).submit(request, now, done);
    }

    fn incidents(&self) -> Incidents {
        (**self).incidents()
    }
}
