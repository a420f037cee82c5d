//! Holds the calls that cannot be sent right now, and lets each go when its time has come.
//!
//! ```text
//!   a dead node, CLUSTERDOWN, TRYAGAIN --> wait --pause is over--------> go on
//!   nobody known to have the slot      --> wait --a new map is there---> go on
//!                                               --its deadline is here-> its error
//! ```
//!
//! One thread, started when first needed: a worker that slept instead would keep a connection
//! from everybody else. It asks nobody anything itself; each reading of the map has a short-lived
//! thread of its own, one at a time and not more often than every [`READ_EVERY`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Cluster, Trip};
use crate::error::StoreError;
use crate::store::redis::node::MAX_QUEUE;

/// How often the nodes are asked who has which slots, at most.
const READ_EVERY: Duration = Duration::from_millis(100);

/// Where calls wait.
#[derive(Default)]
pub(super) struct Lobby {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    guests: Vec<Guest>,
    map_is_wanted: bool,
    map_is_being_read: bool,
    /// Not before it is the map read again.
    next_read: Option<Instant>,
    has_thread: bool,
    /// Until when its thread sleeps, if it does, unless somebody rings.
    sleeps_until: Option<Instant>,
    is_closed: bool,
}

/// A call that waits.
pub(super) struct Guest {
    pub(super) trip: Trip,
    pub(super) due: Instant,
    /// What it waits for.
    pub(super) wait: Wait,
    /// What it ends with if its deadline comes first.
    pub(super) error: StoreError,
}

/// What lets a call go on before its pause is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// A new map; if none can be had, there is no point in waiting longer.
    Map,
    /// A new map.
    MapOrPause,
    /// Nothing.
    Pause,
}

impl Lobby {
    /// Lets the guests stay until they are through, and the thread end then.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.bell.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes out those who may go on, or must.
    fn take_due(&mut self, now: Instant) -> Vec<Guest> {
        self.guests.extract_if(.., |guest| guest.due <= now).collect()
    }

    /// When something is to be done next.
    fn next(&self) -> Option<Instant> {
        let read = self.next_read.filter(|_| self.is_to_read());
        self.guests.iter().map(|guest| guest.due).chain(read).min()
    }

    fn is_to_read(&self) -> bool {
        self.map_is_wanted && !self.map_is_being_read
    }
}

impl Cluster {
    /// Takes a call in.
    pub(super) fn wait(self: &Arc<Self>, guest: Guest) {
        let mut state = self.lobby.lock();
        if state.guests.len() >= MAX_QUEUE {
            drop(state);
            return guest.trip.end(Err(StoreError::Overloaded));
        }
        if !self.has_thread(&mut state) {
            drop(state);
            return guest.trip.end(Err(guest.error));
        }
        // The thread looks at every guest when it wakes, so it is woken only for what changes when
        // it has to.
        let wants_map = guest.wait != Wait::Pause && !state.map_is_wanted;
        let is_early = state.sleeps_until.is_none_or(|until| guest.due < until);
        state.map_is_wanted |= wants_map;
        state.guests.push(guest);
        if wants_map || is_early {
            self.lobby.bell.notify_all();
        }
    }

    /// Has the map read anew, soon.
    pub(super) fn want_map(self: &Arc<Self>) {
        let mut state = self.lobby.lock();
        if !state.map_is_wanted && self.has_thread(&mut state) {
            state.map_is_wanted = true;
            self.lobby.bell.notify_all();
        }
    }

    fn has_thread(self: &Arc<Self>, state: &mut State) -> bool {
        if !state.has_thread {
            let cluster = Arc::clone(self);
            let named = thread::Builder::new().name("rudder-session-cluster".to_owned());
            state.has_thread = named.spawn(move || cluster.serve_guests()).is_ok();
        }
        state.has_thread
    }

    fn serve_guests(self: Arc<Self>) {
        let mut state = self.lobby.lock();
        loop {
            let now = Instant::now();
            let due = state.take_due(now);
            let reads = state.is_to_read() && state.next_read.is_none_or(|at| at <= now);
            if reads {
                state.map_is_being_read = true;
                state.map_is_wanted = false;
            }
            if reads || !due.is_empty() {
                drop(state);
                if reads {
                    self.start_reading();
                }
                due.into_iter().for_each(|guest| self.let_go(guest, now));
                state = self.lobby.lock();
                continue;
            }
            if state.is_closed && state.guests.is_empty() {
                state.has_thread = false;
                return;
            }
            let bell = &self.lobby.bell;
            state.sleeps_until = state.next();
            state = match state.sleeps_until {
                Some(at) => {
                    let left = at.saturating_duration_since(now);
                    bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => bell.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn let_go(self: &Arc<Self>, Guest { trip, error, .. }: Guest, now: Instant) {
        // What a caller's own callback does in a panic ends that call, and not this thread.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            if now >= trip.until { trip.end(Err(error)) } else { self.go(trip) }
        }));
    }

    fn start_reading(self: &Arc<Self>) {
        let cluster = Arc::clone(self);
        let read = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| cluster.read_map()));
            cluster.has_read(outcome.unwrap_or(Err(StoreError::Protocol)));
        };
        let named = thread::Builder::new().name("rudder-session-map".to_owned());
        if named.spawn(read).is_err() {
            self.has_read(Err(StoreError::Unreachable));
        }
    }

    fn has_read(self: &Arc<Self>, outcome: Result<(), StoreError>) {
        let now = Instant::now();
        let mut state = self.lobby.lock();
        state.map_is_being_read = false;
        state.next_read = Some(now + READ_EVERY);
        let in_vain = match outcome {
            Ok(()) => {
                let waiting = state.guests.iter_mut().filter(|it| it.wait != Wait::Pause);
                waiting.for_each(|guest| guest.due = now);
                Vec::new()
            }
            Err(error) => {
                let waiting = state.guests.extract_if(.., |guest| guest.wait == Wait::Map);
                waiting.map(|guest| (guest.trip, error.clone())).collect()
            }
        };
        drop(state);
        self.lobby.bell.notify_all();
        for (trip, error) in in_vain {
            let _ = catch_unwind(AssertUnwindSafe(|| trip.end(Err(error))));
        }
    }
}
