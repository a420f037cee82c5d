//! Collects what operations came to, until the host's event loop has time for it.
//!
//! ```text
//!   start --> Ticket --finish--> ready --drain--> the host
//!     |                            ^  \
//!     +--pending --cancel, deadline+   empty -> not empty: one byte into a pipe that is polled
//! ```
//!
//! Each operation is completed exactly once: by its answer, its deadline, or a cancel, whichever
//! comes first. An answer that comes later is thrown away. A thread that watches deadlines is
//! started with the first of them.
//!
//! Knows no sessions: what an operation gives is its caller's, as `T`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::Failure;
use crate::status::rsess_status::{self, *};

/// A queue of things that are done.
pub(crate) struct Completions<T> {
    shared: Arc<Shared<T>>,
    watcher: Mutex<Option<JoinHandle<()>>>,
}

/// An operation that is done.
pub(crate) struct Done<T> {
    pub(crate) tag: u64,
    /// Which kind of operation it was, as its caller counts them.
    pub(crate) operation: i32,
    pub(crate) outcome: Result<T, Failure>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// The next deadline is another one, or the queue is closed.
    changed: Condvar,
    /// Has a byte in it while something is ready.
    polled: UnixStream,
    signal: UnixStream,
}

struct State<T> {
    /// By tag, from the start until the completion is drained.
    operations: HashMap<u64, Operation>,
    ready: VecDeque<Done<T>>,
    is_signalled: bool,
    is_closed: bool,
    next_serial: u64,
    /// When the watcher looks again, if nobody wakes it.
    watched_until: Option<Instant>,
}

struct Operation {
    /// Tags are used again: an answer to an earlier operation must not complete a later one.
    serial: u64,
    kind: i32,
    deadline: Option<Instant>,
    is_done: bool,
}

impl Operation {
    fn next_deadline(&self) -> Option<Instant> {
        self.deadline.filter(|_| !self.is_done)
    }
}

impl<T: Send + 'static> Completions<T> {
    pub(crate) fn new() -> io::Result<Self> {
        let (polled, signal) = UnixStream::pair()?;
        polled.set_nonblocking(true)?;
        signal.set_nonblocking(true)?;
        let state = State {
            operations: HashMap::new(),
            ready: VecDeque::new(),
            is_signalled: false,
            is_closed: false,
            next_serial: 0,
            watched_until: None,
        };
        let changed = Condvar::new();
        let shared = Arc::new(Shared { state: Mutex::new(state), changed, polled, signal });
        Ok(Self { shared, watcher: Mutex::new(None) })
    }

    /// Readable while something is ready.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.shared.polled.as_raw_fd()
    }

    /// Begins an operation; `timeout` counts from now.
    pub(crate) fn start(
        &self,
        tag: u64,
        kind: i32,
        timeout: Option<Duration>,
    ) -> Result<Ticket<T>, rsess_status> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.shared.lock();
        let serial = state.next_serial;
        match state.operations.entry(tag) {
            Entry::Occupied(_) => return Err(RSESS_ERR_IN_USE),
            Entry::Vacant(place) => {
                place.insert(Operation { serial, kind, deadline, is_done: false });
            }
        }
        state.next_serial += 1;
        let is_next = deadline.is_some_and(|it| state.watched_until.is_none_or(|at| it < at));
        if is_next {
            state.watched_until = deadline;
        }
        drop(state);
        if is_next {
            self.watch();
        }
        Ok(Ticket { shared: Arc::clone(&self.shared), tag, serial, is_finished: false })
    }

    /// Completes an operation at once; `false` if there is none that is not completed.
    pub(crate) fn cancel(&self, tag: u64) -> bool {
        self.shared.complete(tag, None, Err(RSESS_ERR_CANCELLED.into())).is_none()
    }

    /// Takes out what is ready, `most` at most.
    pub(crate) fn drain(&self, most: usize) -> Vec<Done<T>> {
        let mut state = self.shared.lock();
        let count = state.ready.len().min(most);
        let done: Vec<_> = state.ready.drain(..count).collect();
        for Done { tag, .. } in &done {
            state.operations.remove(tag);
        }
        if state.ready.is_empty() && state.is_signalled {
            state.is_signalled = false;
            // The one byte that is there.
            let _ = (&self.shared.polled).read(&mut [0]);
        }
        done
    }

    /// Sees to it that the thread is there and knows the next deadline.
    fn watch(&self) {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        if watcher.is_none() {
            let shared = Arc::clone(&self.shared);
            let name = "rsess-deadlines".to_owned();
            // Without a thread deadlines are not kept, but every operation still ends.
            *watcher = thread::Builder::new().name(name).spawn(move || shared.watch()).ok();
        } else {
            self.shared.changed.notify_one();
        }
    }
}

impl<T> Drop for Completions<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        state.operations.clear();
        let ready = std::mem::take(&mut state.ready);
        drop(state);
        self.shared.changed.notify_one();
        drop(ready);
        let watcher = self.watcher.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watcher.take() {
            // It does nothing that could panic.
            let _ = watcher.join();
        }
    }
}

impl<T> Shared<T> {
    /// Completes the operation `tag`; gives `outcome` back if there is none, or if that is not
    /// the one with this `serial`.
    fn complete(
        &self,
        tag: u64,
        serial: Option<u64>,
        outcome: Result<T, Failure>,
    ) -> Option<Result<T, Failure>> {
        let mut state = self.lock();
        let is_it =
            |it: &&mut Operation| !it.is_done && serial.is_none_or(|serial| serial == it.serial);
        let Some(operation) = state.operations.get_mut(&tag).filter(is_it) else {
            return Some(outcome);
        };
        operation.is_done = true;
        let operation = operation.kind;
        state.ready.push_back(Done { tag, operation, outcome });
        self.signal(&mut state);
        None
    }

    /// Makes the descriptor readable, if it is not yet.
    fn signal(&self, state: &mut State<T>) {
        if !state.is_signalled {
            // There is room: no more than one byte is ever there.
            state.is_signalled = (&self.signal).write(&[1]).is_ok();
        }
    }

    /// Completes what is past its deadline, until the queue is closed.
    fn watch(&self) {
        let mut state = self.lock();
        while !state.is_closed {
            let now = Instant::now();
            let State { operations, ready, .. } = &mut *state;
            for (&tag, operation) in operations {
                if operation.next_deadline().is_some_and(|deadline| deadline <= now) {
                    operation.is_done = true;
                    let outcome = Err(RSESS_ERR_STORE_TIMED_OUT.into());
                    ready.push_back(Done { tag, operation: operation.kind, outcome });
                }
            }
            if !state.ready.is_empty() {
                self.signal(&mut state);
            }
            state.watched_until =
                state.operations.values().filter_map(Operation::next_deadline).min();
            state = match state.watched_until {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let timeout = until.saturating_duration_since(now);
                    let woken = self.changed.wait_timeout(state, timeout);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Nothing that panics happens while it is held.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to complete one operation. Dropped unused, as by a panic, it says so.
pub(crate) struct Ticket<T> {
    shared: Arc<Shared<T>>,
    tag: u64,
    serial: u64,
    is_finished: bool,
}

impl<T> Ticket<T> {
    /// Completes the operation, unless it was cancelled or came too late.
    pub(crate) fn finish(mut self, outcome: Result<T, Failure>) {
        self.is_finished = true;
        drop(self.shared.complete(self.tag, Some(self.serial), outcome));
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        if !self.is_finished {
            drop(self.shared.complete(self.tag, Some(self.serial), Err(RSESS_ERR_PANIC.into())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(queue: &Completions<u8>) -> Vec<(u64, Result<u8, rsess_status>)> {
        let done = queue.drain(usize::MAX).into_iter();
        done.map(|it| (it.tag, it.outcome.map_err(|it| it.status))).collect()
    }

    /// Whether a poll of the descriptor would say so.
    fn is_readable(queue: &Completions<u8>) -> bool {
        queue.shared.polled.set_nonblocking(true).expect("a socket");
        let mut polled = &queue.shared.polled;
        let mut state = queue.shared.lock();
        let is_readable = polled.read(&mut [0]).is_ok();
        if is_readable {
            state.is_signalled = false;
            queue.shared.signal(&mut state);
        }
        is_readable
    }

    /// Waits as a host does, so that no test sleeps.
    fn wait(queue: &Completions<u8>) {
        let mut polled = queue.shared.polled.try_clone().expect("a socket");
        polled.set_nonblocking(false).expect("a socket");
        polled.read_exact(&mut [0]).expect("a byte");
        polled.set_nonblocking(true).expect("a socket");
        (&queue.shared.signal).write_all(&[1]).expect("room");
    }

    #[test]
    fn an_operation_is_completed_once_whatever_comes_first() {
        let queue = Completions::new().expect("a queue");
        let first = queue.start(1, 0, None).expect("a ticket");
        let second = queue.start(2, 0, None).expect("a ticket");

        assert!(queue.cancel(1));
        first.finish(Ok(1));
        second.finish(Ok(2));
        assert!(!queue.cancel(2) && !queue.cancel(1) && !queue.cancel(3));

        assert_eq!(drained(&queue), [(1, Err(RSESS_ERR_CANCELLED)), (2, Ok(2))]);
        assert_eq!(drained(&queue), []);
    }

    #[test]
    fn a_tag_is_in_use_until_its_completion_is_drained() {
        let queue = Completions::new().expect("a queue");
        let ticket = queue.start(7, 0, None).expect("a ticket");

        assert_eq!(queue.start(7, 0, None).err(), Some(RSESS_ERR_IN_USE));
        ticket.finish(Ok(1));
        assert_eq!(queue.start(7, 0, None).err(), Some(RSESS_ERR_IN_USE));
        assert_eq!(drained(&queue), [(7, Ok(1))]);

        assert!(queue.start(7, 0, None).is_ok());
    }

    #[test]
    fn a_late_answer_does_not_complete_a_later_operation_with_the_same_tag() {
        let queue = Completions::new().expect("a queue");
        let old = queue.start(7, 0, None).expect("a ticket");
        queue.cancel(7);
        assert_eq!(drained(&queue), [(7, Err(RSESS_ERR_CANCELLED))]);
        let new = queue.start(7, 0, None).expect("a ticket");

        old.finish(Ok(1));
        assert_eq!(drained(&queue), []);
        new.finish(Ok(2));

        assert_eq!(drained(&queue), [(7, Ok(2))]);
    }

    #[test]
    fn the_descriptor_is_readable_exactly_while_something_is_ready() {
        let queue = Completions::new().expect("a queue");
        let tickets = [1, 2, 3].map(|tag| queue.start(tag, 0, None).expect("a ticket"));
        assert!(!is_readable(&queue));

        tickets.into_iter().for_each(|ticket| ticket.finish(Ok(0)));

        assert!(is_readable(&queue));
        assert_eq!(queue.drain(2).len(), 2);
        assert!(is_readable(&queue));
        assert_eq!(queue.drain(2).len(), 1);
        assert!(!is_readable(&queue));
    }

    #[test]
    fn what_is_not_answered_by_its_deadline_has_timed_out() {
        let queue = Completions::new().expect("a queue");
        let far = queue.start(1, 0, Some(Duration::from_secs(3600))).expect("a ticket");
        let near = queue.start(2, 0, Some(Duration::from_millis(1))).expect("a ticket");

        wait(&queue);

        assert_eq!(drained(&queue), [(2, Err(RSESS_ERR_STORE_TIMED_OUT))]);
        near.finish(Ok(2));
        far.finish(Ok(1));
        assert_eq!(drained(&queue), [(1, Ok(1))]);
    }

    #[test]
    fn an_operation_that_is_given_up_by_a_panic_is_completed_as_one() {
        let queue = Completions::<u8>::new().expect("a queue");

        drop(queue.start(1, 0, None).expect("a ticket"));

        assert_eq!(drained(&queue), [(1, Err(RSESS_ERR_PANIC))]);
    }

    #[test]
    fn a_queue_may_go_before_its_operations_do() {
        let queue = Completions::new().expect("a queue");
        let ticket = queue.start(1, 0, Some(Duration::from_secs(3600))).expect("a ticket");

        drop(queue);

        ticket.finish(Ok(1));
    }
}
