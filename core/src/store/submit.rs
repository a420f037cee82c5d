//! The calls of several steps, for callers that do not wait: each calls `done` with the end of it,
//! exactly once, on whatever thread.

use std::sync::Arc;

use super::destroy_session::DestroySession;
use super::procedure;
use super::regenerate::Regenerate;
use super::resume::Resume;
use super::update::Update;
use super::{Regenerated, Resumed, Store, Updated};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};
use crate::timeouts::Timeouts;

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
    procedure::submit(store, Update::start(base, payload, ttl, now), now, done);
}
