//! Sends each call to the node that has its record.
//!
//! ```text
//!   call -> slots   which slot is the record in?
//!        -> map     whose is it?            -> node   (queue, pool and breaker of its own)
//!                                                |
//!        <------------- answer ------------------+
//!        <-- MOVED: take it down, ask there -----+
//!        <-- ASK: ask there, this once ----------+
//!        <-- dead, CLUSTERDOWN, TRYAGAIN --------+--> lobby: a pause, a new map, and once more
//! ```
//!
//! A call ends with its deadline, or twice [`DEADLINE_SLACK`] later at most, however often it was
//! sent on; and a request that may not be done twice is sent on only if it certainly was not done.

mod lobby;
mod map;
mod slots;

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc};
use std::time::{Duration, Instant};

use super::endpoint::Endpoint;
use super::exchange::{Answer, Call};
use super::fault::Fault;
use super::node::Usage;
use crate::batch::DEADLINE_SLACK;
use crate::error::StoreError;
use crate::store::incidents::RecordCheck;
use crate::store::{Done, Reply, Request};
use lobby::{Guest, Lobby, Wait};
use map::{Map, Member};

/// How often a call is sent on without a pause.
const QUICK_HOPS: u32 = 3;

/// The first pause of a call; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How often the pause doubles.
const DOUBLINGS: u32 = 4;

/// The nodes that keep the records between them.
pub(super) struct Cluster {
    endpoint: Endpoint,
    prefix: String,
    deadline: Duration,
    map: RwLock<Map>,
    lobby: Lobby,
    /// How often the map was read, so that not the same node is asked first each time.
    readings: AtomicUsize,
    redirects: AtomicU64,
}

/// A call on its way.
struct Trip {
    request: Request,
    slot: usize,
    until: Instant,
    /// How often it was sent in vain.
    tries: u32,
    done: Done,
}

impl Trip {
    fn end(self, outcome: Result<Reply, StoreError>) {
        (self.done)(outcome);
    }
}

impl Cluster {
    /// Connects to nothing, and starts no thread.
    pub(super) fn new(endpoint: Endpoint, usage: Usage, records: Arc<RecordCheck>) -> Self {
        let (prefix, deadline) = (usage.prefix.clone(), usage.deadline);
        let map = RwLock::new(Map::new(endpoint.clone(), usage, records));
        Self {
            endpoint,
            prefix,
            deadline,
            map,
            lobby: Lobby::default(),
            readings: AtomicUsize::new(0),
            redirects: AtomicU64::new(0),
        }
    }

    /// Asks and waits for the answer.
    pub(super) fn call(self: &Arc<Self>, request: Request) -> Result<Reply, StoreError> {
        let until = Instant::now() + self.deadline;
        let slot = self.slot(&request)?;
        let Some(owner) = self.owner(slot) else {
            return await_end(request, slot, until, |trip| self.go(trip));
        };
        match owner.node.call(Call { request, asking: false }, until) {
            Ok(Answer::Done(reply)) => Ok(reply),
            Ok(Answer::Undone(undone)) => {
                let (request, fault) = *undone;
                await_end(request, slot, until, |trip| self.go_on(trip, &owner, fault))
            }
            Err(error) => Err(self.noting(error)),
        }
    }

    /// Asks, and has `done` called with the answer, on whatever thread.
    pub(super) fn submit(self: &Arc<Self>, request: Request, done: Done) {
        let until = Instant::now() + self.deadline;
        match self.slot(&request) {
            Ok(slot) => self.go(Trip { request, slot, until, tries: 0, done }),
            Err(error) => done(Err(error)),
        }
    }

    /// Lets what is under way come to its end.
    pub(super) fn close(&self) {
        self.lobby.close();
    }

    /// Calls that were refused without asking a server.
    pub(super) fn refusals(&self) -> u64 {
        self.map().refusals()
    }

    /// Calls that a node sent on to another one.
    pub(super) fn redirects(&self) -> u64 {
        self.redirects.load(Ordering::Relaxed)
    }

    fn slot(&self, request: &Request) -> Result<usize, StoreError> {
        let id = request.session_id().ok_or(StoreError::InvalidId)?;
        Ok(slots::slot(&[&self.prefix, id.as_str()].concat()))
    }

    fn owner(&self, slot: usize) -> Option<Arc<Member>> {
        self.map().owner(slot).cloned()
    }

    /// Sends a call to whoever has its slot.
    fn go(self: &Arc<Self>, mut trip: Trip) {
        match self.owner(trip.slot) {
            Some(owner) => self.ask(trip, owner, false),
            None => {
                let error = nobody_has_it();
                // The map may have been read a moment ago, and have a hole there.
                let (due, wait) = match trip.tries {
                    0 => (trip.until, Wait::Map),
                    tries => (trip.until.min(Instant::now() + pause(tries)), Wait::MapOrPause),
                };
                trip.tries += 1;
                self.wait(Guest { trip, due, wait, error });
            }
        }
    }

    fn ask(self: &Arc<Self>, trip: Trip, member: Arc<Member>, asking: bool) {
        let Trip { request, slot, until, tries, done } = trip;
        let (cluster, asked) = (Arc::clone(self), Arc::clone(&member));
        member.node.submit(Call { request, asking }, until, move |outcome| match outcome {
            Ok(Answer::Done(reply)) => done(Ok(reply)),
            Ok(Answer::Undone(undone)) => {
                let (request, fault) = *undone;
                cluster.go_on(Trip { request, slot, until, tries, done }, &asked, fault);
            }
            Err(error) => done(Err(cluster.noting(error))),
        });
    }

    /// Sends a call on that `asked` has not done, because of `fault`.
    fn go_on(self: &Arc<Self>, mut trip: Trip, asked: &Member, fault: Fault) {
        trip.tries += 1;
        if let Fault::Elsewhere(redirect) = &fault {
            self.redirects.fetch_add(1, Ordering::Relaxed);
            let mut map = self.map_mut();
            let member = map.member(redirect.address(&asked.address));
            if redirect.is_for_good {
                map.learn(trip.slot, Arc::clone(&member));
            }
            drop(map);
            if redirect.is_for_good {
                // Where one slot went, others did.
                self.want_map();
            }
            if trip.tries <= QUICK_HOPS {
                return self.ask(trip, member, !redirect.is_for_good);
            }
        }
        let error = match fault.into_error() {
            StoreError::Rejected { code } if code == "MOVED" || code == "ASK" => nobody_has_it(),
            error => error,
        };
        let is_in_a_move = matches!(&error, StoreError::Rejected { code } if code == "TRYAGAIN");
        let wait = if is_in_a_move { Wait::Pause } else { Wait::MapOrPause };
        let due = trip.until.min(Instant::now() + pause(trip.tries));
        self.wait(Guest { trip, due, wait, error });
    }

    /// An error of the way to a node is a reason to look who has its slots by now.
    fn noting(self: &Arc<Self>, error: StoreError) -> StoreError {
        if matches!(
            error,
            StoreError::Disconnected | StoreError::TimedOut | StoreError::Unreachable
        ) {
            self.want_map();
        }
        error
    }

    fn read_map(&self) -> Result<(), StoreError> {
        let mut sources = self.map().sources();
        let first = self.readings.fetch_add(1, Ordering::Relaxed) % sources.len().max(1);
        sources.rotate_left(first);
        let ranges = map::read(&sources, &self.endpoint, Instant::now() + self.deadline)?;
        self.map_mut().install(ranges);
        Ok(())
    }

    /// A panic while the map is being changed cannot make it worse than out of date.
    fn map(&self) -> RwLockReadGuard<'_, Map> {
        self.map.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn map_mut(&self) -> RwLockWriteGuard<'_, Map> {
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says nothing of where it is.
impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("redirects", &self.redirects()).finish_non_exhaustive()
    }
}

/// Sends a call on its way by `start`, and waits until it is at its end.
fn await_end(
    request: Request,
    slot: usize,
    until: Instant,
    start: impl FnOnce(Trip),
) -> Result<Reply, StoreError> {
    let (answer, answered) = mpsc::sync_channel(1);
    // Whoever waited too long does not hear it.
    let done = Box::new(move |outcome| drop(answer.send(outcome)));
    start(Trip { request, slot, until, tries: 0, done });
    let left = until.saturating_duration_since(Instant::now()) + 2 * DEADLINE_SLACK;
    answered.recv_timeout(left).unwrap_or(Err(StoreError::TimedOut))
}

/// What a server says of a slot that is nobody's.
fn nobody_has_it() -> StoreError {
    StoreError::Rejected { code: "CLUSTERDOWN".to_owned() }
}

fn pause(tries: u32) -> Duration {
    FIRST_PAUSE * (1 << tries.saturating_sub(1).min(DOUBLINGS))
}
