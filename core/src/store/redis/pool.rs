//! Lends out connections to a Redis server.
//!
//! ```text
//!   check out --> has it gone stale? --> call --> check in --> poisoned? drop it
//! ```
//!
//! The only file that names r2d2. Three of its habits are worked around here:
//!
//! - It tests a connection with a PING at each check-out, a whole round trip more. That is
//!   switched off: the socket is looked at instead, and the poison flag says the rest.
//! - A connection that cannot be made is tried again in the background until the caller's time
//!   is up, who then learns nothing but a text. So [`Manager::connect`] always succeeds, with a
//!   [`Slot`] that holds either a connection or the reason why there is none.
//! - Its threads outlive a pool that is dropped until they would next have looked for connections
//!   to renew: up to half a minute. They get threads that leave that undone.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use r2d2::{ManageConnection, NopErrorHandler};
use scheduled_thread_pool::{OnPoolDropBehavior, ScheduledThreadPool};

use super::connection::Connection;
use super::endpoint::Endpoint;
use crate::error::StoreError;
use crate::events;

/// A pool of connections to one server; opens the first when it is first used.
pub(crate) struct Pool {
    endpoint: Endpoint,
    size: u32,
    deadline: Duration,
    slots: OnceLock<r2d2::Pool<Manager>>,
    /// When a connection was last put out of use.
    lost_at: Mutex<Option<Instant>>,
}

impl Pool {
    /// A pool of at most `size` connections, each made within `deadline`.
    pub(crate) fn new(endpoint: Endpoint, size: u32, deadline: Duration) -> Self {
        Self { endpoint, size, deadline, slots: OnceLock::new(), lost_at: Mutex::new(None) }
    }

    /// Lends a connection to `call`; drops it afterwards if it is poisoned.
    pub(crate) fn with<T>(
        &self,
        deadline: Instant,
        call: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let asked_at = Instant::now();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut slot = self.slots().get_timeout(left).map_err(|_| self.none_free())?;
            match &mut *slot {
                Slot::Failed { error, made_at } => {
                    // A failure from before this call may be over by now: dropping it at check-in
                    // makes room for another attempt.
                    if *made_at >= asked_at {
                        return Err(error.clone());
                    }
                }
                Slot::Open(connection) => {
                    if connection.has_gone_stale(*self.lost_at()) {
                        slot.discard();
                        events::connection_lost();
                        continue;
                    }
                    let outcome = call(connection);
                    if connection.is_poisoned() {
                        // What ended one may have ended all: a restart, a fail-over.
                        *self.lost_at() = Some(Instant::now());
                        events::connection_lost();
                    }
                    return outcome;
                }
            }
        }
    }

    fn lost_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.lost_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing came free: every connection is in use, or the server does not let us in.
    fn none_free(&self) -> StoreError {
        if self.slots().state().connections < self.size {
            StoreError::TimedOut
        } else {
            StoreError::Busy
        }
    }

    fn slots(&self) -> &r2d2::Pool<Manager> {
        self.slots.get_or_init(|| {
            // Lazily, so that a process that forks after its configuration takes no thread and
            // no socket with it.
            let manager = Manager { endpoint: self.endpoint.clone(), deadline: self.deadline };
            r2d2::Pool::builder()
                .max_size(self.size)
                // r2d2 wakes nobody when it drops a broken connection, so whoever waits would wait
                // in vain; a spare one is made in its place, and that does wake the next.
                .min_idle(Some(1))
                .test_on_check_out(false)
                .connection_timeout(self.deadline)
                .error_handler(Box::new(NopErrorHandler))
                .thread_pool(Arc::new(threads()))
                .build_unchecked(manager)
        })
    }
}

/// Threads that open connections, and end with the pool.
fn threads() -> ScheduledThreadPool {
    ScheduledThreadPool::builder()
        .num_threads(THREADS)
        .thread_name_pattern("rudder-session-pool-{}")
        .on_drop_behavior(OnPoolDropBehavior::DiscardPendingScheduled)
        .build()
}

struct Manager {
    endpoint: Endpoint,
    deadline: Duration,
}

/// What the pool holds in a place for a connection.
enum Slot {
    Open(Connection),
    /// No connection: why, and when that was found out.
    Failed {
        error: StoreError,
        made_at: Instant,
    },
}

impl Slot {
    fn discard(&mut self) {
        *self = Self::Failed { error: StoreError::Disconnected, made_at: Instant::now() };
    }
}

impl ManageConnection for Manager {
    type Connection = Slot;
    type Error = Infallible;

    fn connect(&self) -> Result<Slot, Infallible> {
        let made_at = Instant::now();
        let opened = Connection::open(&self.endpoint, made_at + self.deadline);
        Ok(match opened {
            Ok(connection) => Slot::Open(connection),
            Err(error) => Slot::Failed { error, made_at },
        })
    }

    fn is_valid(&self, _: &mut Slot) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, slot: &mut Slot) -> bool {
        match slot {
            Slot::Open(connection) => connection.is_poisoned(),
            Slot::Failed { .. } => true,
        }
    }
}

/// Connections that can be in the making at once, per pool: as many as r2d2 has by itself.
const THREADS: usize = 3;
