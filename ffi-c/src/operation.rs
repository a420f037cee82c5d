//! Carries one load or one commit of a queue to its end, on whichever thread goes on with it.
//!
//! ```text
//!   begin_load, begin_commit --> no store needed -----------------> ticket
//!                            --> Work --> the store --> finish ---> ticket
//! ```
//!
//! A session that somebody is signed in to takes one step more: after its load, and before its
//! commit, with the index of the user.
//!
//! Each ticket gets its answer, also when the engine fails: what is dropped without one poisons
//! the engine, and the queue answers for it.

use std::sync::Arc;
use std::thread;

use rudder_session_core::users::Standing;
use rudder_session_core::{SessionId, UnixMillis};

use crate::completions::Ticket;
use crate::engine::{Place, SharedStore, rsess_engine};
use crate::error::Failure;
use crate::session::{Taken, rsess_session};
use crate::state::{Committed, Errand, Located, Plan, State};
use crate::status::rsess_status::{self, *};
use crate::work::Work;

/// Finds the session that the `Cookie` header names, and gives it to the ticket.
pub(crate) fn begin_load(mut loading: Loading, header: &[u8], now: UnixMillis) {
    let engine = Arc::clone(&loading.engine);
    let step = engine.call(|parts| match (State::locate(parts, header, now)?, &parts.place) {
        (Located::Here(state), _) => Ok(Step::Done(state)),
        (Located::InStore(id, origin), Place::Store(store)) => {
            let work = Work::Resume { id: id.clone(), timeouts: parts.timeouts };
            let known = (id, origin, parts.format.id_kind());
            Ok(Step::Ask(work, Arc::clone(store.enter()?), known))
        }
        (Located::InStore(..), Place::Cookie) => Err(RSESS_ERR_POISONED.into()),
    });
    match step {
        Ok(Step::Done(state)) => admit(loading, *state, None, now),
        Ok(Step::Ask(work, store, (id, origin, id_kind))) => {
            work.submit(&store, now, move |outcome| {
                match State::resumed(outcome, origin, id_kind) {
                    Ok(state) => admit(loading, state, Some(id), now),
                    Err(failure) => loading.finish(Err(failure)),
                }
            });
        }
        Err(failure) => loading.finish(Err(failure)),
    }
}

/// Lets in what was found under the id `record`, or in the cookie, unless its user has ended it.
fn admit(mut loading: Loading, mut state: State, record: Option<SessionId>, now: UnixMillis) {
    let engine = Arc::clone(&loading.engine);
    let step = engine.call(|parts| {
        let Some(users) = &parts.users else { return Ok(None) };
        let question = users.question(state.payload(), now);
        question.map(|it| Ok((it, users.sessions(&parts.place)?))).transpose()
    });
    match step {
        Ok(None) => {
            state.note_live(now);
            loading.finish(Ok(state));
        }
        Ok(Some((question, sessions))) => {
            let session = state.payload().clone();
            sessions.submit_check(&session, now, move |standing| {
                let answered = engine.call(|parts| parts.users()?.answered(&question, standing));
                match answered {
                    Ok(Standing::Over) => turn_away(loading, record, now),
                    Ok(_) => {
                        state.note_live(now);
                        loading.finish(Ok(state));
                    }
                    Err(failure) => loading.finish(Err(failure)),
                }
            });
        }
        Err(failure) => loading.finish(Err(failure)),
    }
}

/// Removes the record of a session that is over, and gives the ticket a fresh one.
fn turn_away(mut loading: Loading, record: Option<SessionId>, now: UnixMillis) {
    let engine = Arc::clone(&loading.engine);
    let step = engine.call(|parts| {
        let fresh = Box::new(State::after_the_end(parts.format.id_kind())?);
        match (record, &parts.place) {
            (Some(id), Place::Store(store)) => {
                Ok(Step::Ask(Work::Destroy { id }, Arc::clone(store.enter()?), fresh))
            }
            _ => Ok(Step::Done(fresh)),
        }
    });
    match step {
        Ok(Step::Done(fresh)) => loading.finish(Ok(*fresh)),
        // Should it stay, it lets nobody in.
        Ok(Step::Ask(work, store, fresh)) => {
            work.submit(&store, now, move |_| loading.finish(Ok(*fresh)));
        }
        Err(failure) => loading.finish(Err(failure)),
    }
}

/// Saves what was taken, and gives the ticket what comes of it.
///
/// If somebody is signed in, the index of the user comes first.
pub(crate) fn begin_commit(mut committing: Committing, now: UnixMillis) {
    let engine = Arc::clone(&committing.engine);
    let step = engine.call(|parts| {
        let Some(users) = &parts.users else { return Ok(None) };
        let state = committing.state()?;
        let errand = state
            .errand(users, now)
            .map(|errand| Ok((errand, users.sessions(&parts.place)?, state.payload().clone())));
        errand.transpose()
    });
    match step {
        Ok(None) => save(committing, now),
        Ok(Some((Errand::Check, sessions, session))) => {
            sessions.submit_check(&session, now, move |standing| {
                let checked = standing.map_err(Failure::from);
                match checked.and_then(|it| Ok(committing.state()?.checked(it, now))) {
                    Ok(None) => save(committing, now),
                    Ok(Some(committed)) => committing.finish(Ok(committed)),
                    Err(failure) => committing.finish(Err(failure)),
                }
            });
        }
        Ok(Some((Errand::SignOut, sessions, session))) => {
            let ended = session.clone();
            sessions.submit_sign_out(&session, now, move |signed_out| {
                let forgotten = engine.call(|parts| {
                    parts.users()?.forget_user_of(&ended);
                    Ok(())
                });
                match signed_out.map_err(Failure::from).and(forgotten) {
                    Ok(()) => save(committing, now),
                    Err(failure) => committing.finish(Err(failure)),
                }
            });
        }
        Err(failure) => committing.finish(Err(failure)),
    }
}

fn save(mut committing: Committing, now: UnixMillis) {
    let engine = Arc::clone(&committing.engine);
    let step = engine.call(|parts| match (committing.state()?.plan(parts, now)?, &parts.place) {
        (Plan::Answer(committed), _) => Ok(Step::Done(committed)),
        (Plan::Ask(work), Place::Store(store)) => {
            Ok(Step::Ask(work, Arc::clone(store.enter()?), ()))
        }
        (Plan::Ask(_), Place::Cookie) => Err(RSESS_ERR_POISONED.into()),
    });
    match step {
        Ok(Step::Done(committed)) => committing.finish(Ok(committed)),
        Ok(Step::Ask(work, store, ())) => work.submit(&store, now, move |outcome| {
            let settled = engine.call(|parts| committing.state()?.settle(parts, outcome));
            committing.finish(settled);
        }),
        Err(failure) => committing.finish(Err(failure)),
    }
}

/// What an operation gives.
pub(crate) enum Given {
    Session(Arc<rsess_session>),
    Committed(Committed),
}

/// Whether an operation needs the store, and what is to be known when that has answered.
enum Step<T, K> {
    Done(T),
    Ask(Work, SharedStore, K),
}

/// A load that is under way.
pub(crate) struct Loading {
    pub(crate) ticket: Option<Ticket<Given>>,
    pub(crate) engine: Arc<rsess_engine>,
}

impl Loading {
    fn finish(&mut self, outcome: Result<State, Failure>) {
        let engine = Arc::clone(&self.engine);
        let session = outcome.map(|state| Given::Session(rsess_session::new(engine, state)));
        if let Some(ticket) = self.ticket.take() {
            ticket.finish(session);
        }
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        poison_in_panic(&self.engine, self.ticket.is_some());
    }
}

/// A commit that is under way.
pub(crate) struct Committing {
    pub(crate) ticket: Option<Ticket<Given>>,
    pub(crate) engine: Arc<rsess_engine>,
    pub(crate) taken: Option<Taken>,
}

impl Committing {
    fn state(&mut self) -> Result<&mut State, rsess_status> {
        self.taken.as_mut().ok_or(RSESS_ERR_POISONED)?.state()
    }

    fn finish(&mut self, outcome: Result<Committed, Failure>) {
        // First, so that whoever drains the completion can use the session.
        drop(self.taken.take());
        if let Some(ticket) = self.ticket.take() {
            ticket.finish(outcome.map(Given::Committed));
        }
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        drop(self.taken.take());
        poison_in_panic(&self.engine, self.ticket.is_some());
    }
}

/// An operation that ends without an answer has met a bug in the store, on whatever thread.
fn poison_in_panic(engine: &rsess_engine, is_unanswered: bool) {
    if is_unanswered || thread::panicking() {
        engine.poison();
    }
}
