//! Sends what many callers ask for in one round trip.
//!
//! ```text
//!   call    --+                 +--> leader: takes the queue, runs it, answers each caller
//!             +--> one queue ---+--> leader  (as many as there are connections)
//!   submit  --+                 +--> leader
//! ```
//!
//! A **leader** is whoever runs a batch: a blocking caller leads for itself if a place is free,
//! which costs no thread switch; everything else is run by worker threads, started when first
//! needed. While the leaders wait for the store the queue grows, and the next one takes it whole:
//! the busier the store, the larger the batches. How many lead at a time depends on how long a
//! batch takes: what is back soon is waited for, unless it is not back by then.
//!
//! Each caller has a deadline. Requests run together only if their deadlines are less than
//! [`DEADLINE_SLACK`] apart, so none of a batch ends early and none ends later than that.
//!
//! This file knows neither sessions nor sockets: what a request is, is the [`Backend`]'s.

mod answer;
mod queue;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::events::{self, Seldom};
use answer::{Answer, Waiter};
use queue::State;

pub(crate) use queue::{DEADLINE_SLACK, Job, Limits};

/// How long requests wait for a leader that usually is soon back.
const PATIENCE: Duration = Duration::from_millis(1);

/// Runs batches.
pub(crate) trait Backend: Send + Sync + 'static {
    /// What is asked for.
    type Request: Send + 'static;
    /// What is answered.
    type Reply: Send + 'static;

    /// Runs `batch` until `deadline`, and answers every job of it exactly once.
    fn run(&self, batch: Vec<Job<Self::Request, Self::Reply>>, deadline: Instant);
}

/// A queue and its leaders. Dropping it lets what is queued run to its end.
pub(crate) struct Batcher<B: Backend> {
    shared: Arc<Shared<B>>,
}

impl<B: Backend> Batcher<B> {
    /// A queue for `backend`; starts no thread.
    pub(crate) fn new(backend: B, limits: Limits) -> Self {
        let shared = Shared {
            backend,
            limits,
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            refused: Seldom::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Lets what is queued run to its end, and waits until no worker is left but this thread, if
    /// it is one: an answer may hold the last handle to a store.
    pub(crate) fn close_and_wait(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.work.notify_all();
        let workers = std::mem::take(&mut state.workers);
        drop(state);
        let this = thread::current().id();
        for worker in workers.into_iter().filter(|worker| worker.thread().id() != this) {
            // A panic of a backend has been caught and told where it belongs.
            let _ = worker.join();
        }
    }

    /// Asks and waits for the answer, `timeout` at most (plus [`DEADLINE_SLACK`]).
    pub(crate) fn call(
        &self,
        request: B::Request,
        timeout: Duration,
    ) -> Result<B::Reply, StoreError> {
        let deadline = Instant::now() + timeout;
        let waiter = Waiter::default();
        let answer = waiter.answer();
        let (place, mut state) = self.shared.enqueue(Job { request, deadline, answer })?;

        // Its own request is the last of the queue, so more than one batch may come first. It runs
        // none that comes after, or that may take longer than its own: those are for others. Where
        // there is no worker, nobody would watch the leaders, so it waits for none.
        while state.is_queued(place)
            && state.is_first_over_by(deadline + DEADLINE_SLACK)
            && state.may_lead(&self.shared.limits)
            && (state.is_due() || state.workers.is_empty())
        {
            state = self.shared.lead(state);
        }
        self.shared.let_go(state);
        waiter.wait(deadline + 2 * DEADLINE_SLACK)
    }

    /// Asks, and has `done` called with the answer on a worker thread, or here and now if the
    /// queue is full.
    pub(crate) fn submit(
        &self,
        request: B::Request,
        timeout: Duration,
        done: impl FnOnce(Result<B::Reply, StoreError>) + Send + 'static,
    ) {
        let deadline = Instant::now() + timeout;
        // A refusal has been answered by then.
        let job = Job { request, deadline, answer: Answer::by(done) };
        if let Ok((_, state)) = self.shared.enqueue(job) {
            self.shared.let_go(state);
        }
    }

    /// Asks for several things at once, which wakes one worker for all of them.
    pub(crate) fn submit_all<D>(
        &self,
        asked: impl Iterator<Item = (B::Request, D)>,
        timeout: Duration,
    ) where
        D: FnOnce(Result<B::Reply, StoreError>) + Send + 'static,
    {
        let deadline = Instant::now() + timeout;
        let job = |(request, done)| Job { request, deadline, answer: Answer::by(done) };
        // Not under the lock: it allocates.
        let jobs: Vec<_> = asked.map(job).collect();
        if jobs.is_empty() {
            return;
        }
        let mut jobs = jobs.into_iter();
        let mut state = self.shared.lock();
        let room = self.shared.limits.queue.saturating_sub(state.queue.len());
        state.queue.extend(jobs.by_ref().take(room));
        self.shared.let_go(state);
        jobs.for_each(|job| self.shared.refuse(job));
    }
}

impl<B: Backend> Drop for Batcher<B> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

struct Shared<B: Backend> {
    backend: B,
    limits: Limits,
    state: Mutex<State<B::Request, B::Reply>>,
    /// Rings for new work and for the end.
    work: Condvar,
    /// Calls that found the queue full.
    refused: Seldom,
}

type Locked<'a, B> = MutexGuard<'a, State<<B as Backend>::Request, <B as Backend>::Reply>>;

impl<B: Backend> Shared<B> {
    /// A panic while the lock is held cannot leave the state half changed, so it is taken anyway.
    fn lock(&self) -> Locked<'_, B> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request at the end; returns its place, counted from the first of all.
    fn enqueue(&self, job: Job<B::Request, B::Reply>) -> Result<(u64, Locked<'_, B>), StoreError> {
        let mut state = self.lock();
        if state.queue.len() >= self.limits.queue {
            drop(state);
            self.refuse(job);
            return Err(StoreError::Overloaded);
        }
        let place = state.taken + state.queue.len() as u64;
        state.queue.push_back(job);
        Ok((place, state))
    }

    fn refuse(&self, job: Job<B::Request, B::Reply>) {
        events::queue_full(&self.refused);
        job.finish(Err(StoreError::Overloaded));
    }

    /// Runs one batch with the lock released, and takes it again.
    fn lead<'a>(self: &'a Arc<Self>, mut state: Locked<'a, B>) -> Locked<'a, B> {
        state.leaders += 1;
        state.batches += 1;
        let mut batch = state.take_batch(self.limits.batch);
        self.let_go(state);

        let started_at = Instant::now();
        for job in batch.extract_if(.., |job| job.deadline <= started_at) {
            job.finish(Err(StoreError::TimedOut));
        }
        if let Some(deadline) = batch.iter().map(|job| job.deadline).max() {
            // A panic ends the calls of this batch (an answer that is dropped says so), and not
            // the thread, which may be the host's.
            let run = AssertUnwindSafe(|| self.backend.run(batch, deadline));
            let _ = catch_unwind(run);
        }

        let mut state = self.lock();
        state.leaders -= 1;
        state.learn(started_at.elapsed());
        state
    }

    /// Releases the lock, and sees to it that what is queued is taken: by a worker if another
    /// leader may be added and is due, and otherwise by one that watches those at work.
    fn let_go(self: &Arc<Self>, mut state: Locked<'_, B>) {
        if state.called || !state.may_lead(&self.limits) || state.watched && !state.is_due() {
            return;
        }
        if state.idle > 0 {
            state.called = true;
            // Whoever is woken takes the lock first thing.
            drop(state);
            self.work.notify_one();
        } else if state.workers.len() < self.limits.leaders {
            let shared = Arc::clone(self);
            let spawned = thread::Builder::new()
                .name("rudder-session-io".to_owned())
                .spawn(move || shared.work());
            // Without a thread the next caller tries again, and a blocking one leads itself.
            state.called = spawned.is_ok();
            state.workers.extend(spawned);
        }
    }

    fn work(self: Arc<Self>) {
        let mut state = self.lock();
        let mut is_stuck = false;
        loop {
            state.called = false;
            while state.may_lead(&self.limits) && (state.is_due() || is_stuck || state.closed) {
                is_stuck = false;
                state = self.lead(state);
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            (state, is_stuck) = self.wait_for_work(state);
            state.idle -= 1;
        }
    }

    /// Waits until it is called; or, if there are leaders and nobody watches them yet, until none
    /// of them has taken anything for [`PATIENCE`], which it tells: they may be waiting for a
    /// server that does not answer, and whoever came after them must not.
    fn wait_for_work<'a>(&self, mut state: Locked<'a, B>) -> (Locked<'a, B>, bool) {
        if state.leaders == 0 || state.leaders >= self.limits.leaders || state.watched {
            return (self.work.wait(state).unwrap_or_else(PoisonError::into_inner), false);
        }
        let batches_before = state.batches;
        state.watched = true;
        let waited = self.work.wait_timeout(state, PATIENCE);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state.watched = false;
        let is_stuck = timeout.timed_out() && state.batches == batches_before;
        (state, is_stuck)
    }
}

impl<B: Backend> fmt::Debug for Batcher<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Batcher")
            .field("queued", &state.queue.len())
            .field("leaders", &state.leaders)
            .field("workers", &state.workers.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
