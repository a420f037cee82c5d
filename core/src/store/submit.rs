//! The calls of several steps, for callers that do not wait: each calls `done` with the end of it,
//! exactly once, on whatever thread. And what many calls at once are made of.

use std::fmt;
use std::sync::Arc;

use super::destroy_session::DestroySession;
use super::procedure;
use super::regenerate::Regenerate;
use super::resume::Resume;
use super::update::Update;
use super::{Done, Regenerated, Request, Resumed, Store, Updated};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};
use crate::timeouts::Timeouts;

/// One of several requests that are submitted together: see [`Store::submit_all`].
pub struct Submission {
    /// What is asked for.
    pub request: Request,
    /// When, by the caller's clock.
    pub now: UnixMillis,
    /// Is called with the answer, exactly once.
    pub done: Done,
}

/// Prints the request only.
impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("request", &self.request).finish_non_exhaustive()
    }
}

/// [`Store::destroy_session`] for a caller that does not wait.
pub fn submit_destroy_session<S: Store + ?Sized + 'static>(
    store: Arc<S>,
    id: &SessionId,
    now: UnixMillis,
    done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
) {
    procedure::submit(store, DestroySession::start(id), now, done);
}

/// [`Store::regenerate`] for a caller that does not wait.
pub fn submit_regenerate<S: Store + ?Sized + 'static>(
    store: Arc<S>,
    base: &Payload,
    payload: &Payload,
    ttl: Ttl,
    now: UnixMillis,
    done: impl FnOnce(Result<Regenerated, StoreError>) + Send + 'static,
) {
    procedure::submit(store, Regenerate::start(base, payload, ttl, None, now), now, done);
}

/// [`Store::regenerate_with_grace`] for a caller that does not wait.
pub fn submit_regenerate_with_grace<S: Store + ?Sized + 'static>(
    store: Arc<S>,
    base: &Payload,
    payload: &Payload,
    ttl: Ttl,
    grace: Ttl,
    now: UnixMillis,
    done: impl FnOnce(Result<Regenerated, StoreError>) + Send + 'static,
) {
    procedure::submit(store, Regenerate::start(base, payload, ttl, Some(grace), now), now, done);
}

/// [`Store::resume`] for a caller that does not wait.
pub fn submit_resume<S: Store + ?Sized + 'static>(
    store: Arc<S>,
    id: &SessionId,
    timeouts: &Timeouts,
    now: UnixMillis,
    done: impl FnOnce(Result<Resumed, StoreError>) + Send + 'static,
) {
    procedure::submit(store, Resume::start(id, timeouts, now), now, done);
}

/// [`Store::update`] for a caller that does not wait.
pub fn submit_update<S: Store + ?Sized + 'static>(
    store: Arc<S>,
    base: &Payload,
    payload: &Payload,
    ttl: Ttl,
    now: UnixMillis,
    done: impl FnOnce(Result<Updated, StoreError>) + Send + 'static,
) {
    procedure::submit(store, Update::onto(base, payload, ttl, now), now, done);
}

/// The first step of a [`Store::update`] of `payload`, to be submitted with others; the steps
/// after it, if it takes any, go to `store` one by one.
///
/// `base_json` is what was loaded, as text. It is parsed only if another request has changed the
/// session meanwhile; what turns out to be no payload, or another session's, ends in
/// [`StoreError::InvalidId`].
///
/// `None` if `payload` has no id that can name a record: `done` has been told.
pub fn update_submission<S: Store + ?Sized + 'static>(
    store: &Arc<S>,
    base_json: String,
    payload: Payload,
    ttl: Ttl,
    now: UnixMillis,
    done: impl FnOnce(Result<Updated, StoreError>) + Send + 'static,
) -> Option<Submission> {
    procedure::submission(store, Update::start(base_json, payload, ttl, now), now, done)
}
