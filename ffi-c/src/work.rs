//! Asks a store for what a request needs, waiting for the answer or not.
//!
//! ```text
//!   Work --perform--> Outcome            on this thread, when it is done
//!   Work --submit---> done(Outcome)      on whatever thread, some time
//! ```
//!
//! Knows no cookies and no objects of C.

use std::sync::Arc;

use rudder_session_core::store::{self, Regenerated, Reply, Request, Resumed, Updated};
use rudder_session_core::{Payload, SessionId, Store, StoreError, Timeouts, Ttl, UnixMillis};

use crate::engine::SharedStore;

/// What a request asks a store for.
pub(crate) enum Work {
    Create { payload: Payload, ttl: Ttl },
    Destroy { id: SessionId },
    Regenerate { base: Payload, payload: Payload, ttl: Ttl },
    Resume { id: SessionId, timeouts: Timeouts },
    Update { base: Payload, payload: Payload, ttl: Ttl },
}

/// What came of it.
pub(crate) enum Outcome {
    /// The record is gone.
    Destroyed,
    /// There was no session to save onto: nothing is written.
    Gone,
    /// This is stored now.
    Stored(Payload),
    /// The same, but the record under the old id may still be there.
    StoredAndOldRemains(Payload),
    /// This is stored now, under an id that this request must not learn.
    StoredElsewhere(Payload),
    /// What the id leads to.
    Resumed(Resumed),
}

impl Work {
    pub(crate) fn perform(
        self,
        store: &SharedStore,
        now: UnixMillis,
    ) -> Result<Outcome, StoreError> {
        match self {
            Self::Create { payload, ttl } => {
                if !store.create(&payload, ttl, now)? {
                    // Only an earlier attempt of ours can have made it: nobody else knows the id.
                    store.save(&payload, ttl, now)?;
                }
                Ok(Outcome::Stored(payload))
            }
            Self::Destroy { id } => {
                store.destroy_session(&id, now)?;
                Ok(Outcome::Destroyed)
            }
            Self::Regenerate { base, payload, ttl } => {
                Ok(store.regenerate(&base, &payload, ttl, now)?.into())
            }
            Self::Resume { id, timeouts } => {
                Ok(Outcome::Resumed(store.resume(&id, &timeouts, now)?))
            }
            Self::Update { base, payload, ttl } => {
                Ok(updated(store.update(&base, &payload, ttl, now)?, payload))
            }
        }
    }

    pub(crate) fn submit(
        self,
        store: &SharedStore,
        now: UnixMillis,
        done: impl FnOnce(Result<Outcome, StoreError>) + Send + 'static,
    ) {
        let store = Arc::clone(store);
        match self {
            Self::Create { payload, ttl } => submit_create(store, payload, ttl, now, done),
            Self::Destroy { id } => {
                store::submit_destroy_session(store, &id, now, |outcome| {
                    done(outcome.map(|()| Outcome::Destroyed));
                });
            }
            Self::Regenerate { base, payload, ttl } => {
                store::submit_regenerate(store, &base, &payload, ttl, now, |outcome| {
                    done(outcome.map(Outcome::from));
                });
            }
            Self::Resume { id, timeouts } => {
                store::submit_resume(store, &id, &timeouts, now, |outcome| {
                    done(outcome.map(Outcome::Resumed));
                });
            }
            Self::Update { base, payload, ttl } => {
                let ours = payload.clone();
                store::submit_update(store, &base, &payload, ttl, now, move |outcome| {
                    done(outcome.map(|it| updated(it, ours)));
                });
            }
        }
    }
}

fn submit_create(
    store: SharedStore,
    payload: Payload,
    ttl: Ttl,
    now: UnixMillis,
    done: impl FnOnce(Result<Outcome, StoreError>) + Send + 'static,
) {
    let again = Arc::clone(&store);
    let request = Request::Create { payload: payload.clone(), ttl };
    let created = move |outcome| match outcome {
        Ok(Reply::Create(true)) => done(Ok(Outcome::Stored(payload))),
        Ok(Reply::Create(false)) => {
            let request = Request::Save { payload: payload.clone(), ttl };
            let saved = move |outcome| match outcome {
                Ok(Reply::Save) => done(Ok(Outcome::Stored(payload))),
                Ok(_) => done(Err(StoreError::Protocol)),
                Err(error) => done(Err(error)),
            };
            again.submit(request, now, Box::new(saved));
        }
        Ok(_) => done(Err(StoreError::Protocol)),
        Err(error) => done(Err(error)),
    };
    store.submit(request, now, Box::new(created));
}

fn updated(outcome: Updated, ours: Payload) -> Outcome {
    match outcome {
        Updated::Gone => Outcome::Gone,
        Updated::Merged(payload) => Outcome::Stored(payload),
        Updated::Moved(payload) => Outcome::StoredElsewhere(payload),
        Updated::Saved => Outcome::Stored(ours),
    }
}

impl From<Regenerated> for Outcome {
    fn from(outcome: Regenerated) -> Self {
        match outcome {
            Regenerated::Done(payload) => Self::Stored(payload),
            Regenerated::Gone => Self::Gone,
            Regenerated::OldRemains(payload, _) => Self::StoredAndOldRemains(payload),
        }
    }
}
