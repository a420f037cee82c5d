//! Is the queue of a batcher, and what is known of those who take from it.
//!
//! ```text
//!   Job Job Job | Job Job ..     who may lead, and whether another leader is worth it
//!   -- a batch, up to the first deadline that is too far off
//! ```
//!
//! This file starts no thread, takes no lock, and runs nothing.

use std::collections::VecDeque;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::answer::Answer;
use crate::error::StoreError;

/// How many leaders, how long a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Batches under way at a time: one for each connection.
    pub(crate) leaders: usize,
    /// Requests in one batch.
    pub(crate) batch: usize,
    /// Requests waiting; more are refused.
    pub(crate) queue: usize,
}

/// One request, and whom to answer.
pub(crate) struct Job<Q, A> {
    pub(crate) request: Q,
    pub(super) deadline: Instant,
    pub(super) answer: Answer<A>,
}

impl<Q, A> Job<Q, A> {
    /// Answers whoever asked.
    pub(crate) fn finish(self, outcome: Result<A, StoreError>) {
        self.answer.give(outcome);
    }

    /// Answers whoever asked with what `outcome` makes of the request.
    pub(crate) fn finish_with(self, outcome: impl FnOnce(Q) -> Result<A, StoreError>) {
        self.answer.give(outcome(self.request));
    }
}

/// What those who ask and those who lead have in common.
pub(super) struct State<Q, A> {
    pub(super) queue: VecDeque<Job<Q, A>>,
    /// Requests that have left the queue so far.
    pub(super) taken: u64,
    /// Batches under way.
    pub(super) leaders: usize,
    /// Batches that were taken so far.
    pub(super) batches: u64,
    /// How long a batch takes, of late.
    pub(super) usual_run: Duration,
    /// Worker threads that exist.
    pub(super) workers: Vec<JoinHandle<()>>,
    /// How many of them wait for work.
    pub(super) idle: usize,
    /// One of them watches whether the leaders take what is queued.
    pub(super) watched: bool,
    /// A worker was called and has not looked at the queue yet: it will take whatever is there.
    pub(super) called: bool,
    pub(super) closed: bool,
}

impl<Q, A> State<Q, A> {
    /// Whether the request with this place is still in the queue.
    pub(super) fn is_queued(&self, place: u64) -> bool {
        self.taken <= place
    }

    /// Whether the first of the queue, and with it its batch, ends by `deadline`.
    pub(super) fn is_first_over_by(&self, deadline: Instant) -> bool {
        self.queue.front().is_none_or(|first| first.deadline <= deadline)
    }

    pub(super) fn may_lead(&self, limits: &Limits) -> bool {
        !self.queue.is_empty() && self.leaders < limits.leaders
    }

    /// Whether a leader is wanted beside those that are at work.
    ///
    /// Where a round trip is short, a batch is soon back and the next one takes the rest along;
    /// splitting the queue then costs more than it gives.
    pub(super) fn is_due(&self) -> bool {
        self.leaders == 0 || self.usual_run >= SHORT_RUN || self.queue.len() >= LONG_QUEUE
    }

    /// Learns how long a batch took.
    pub(super) fn learn(&mut self, run: Duration) {
        self.usual_run = (self.usual_run * 7 + run) / 8;
    }

    /// Takes from the front what may run together, `most` requests at most.
    pub(super) fn take_batch(&mut self, most: usize) -> Vec<Job<Q, A>> {
        let Some(first) = self.queue.front() else { return Vec::new() };
        let (mut earliest, mut latest) = (first.deadline, first.deadline);
        let within = self.queue.iter().take(most).take_while(|job| {
            (earliest, latest) = (earliest.min(job.deadline), latest.max(job.deadline));
            latest - earliest <= DEADLINE_SLACK
        });
        let count = within.count();
        self.taken += count as u64;
        self.queue.drain(..count).collect()
    }
}

impl<Q, A> Default for State<Q, A> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            taken: 0,
            leaders: 0,
            batches: 0,
            usual_run: Duration::ZERO,
            workers: Vec::new(),
            idle: 0,
            watched: false,
            called: false,
            closed: false,
        }
    }
}

/// How much later than its deadline a call may end because it ran with others.
pub(crate) const DEADLINE_SLACK: Duration = Duration::from_millis(25);

/// A batch that usually takes less than this is worth waiting for.
pub(super) const SHORT_RUN: Duration = Duration::from_micros(400);

/// Requests that are worth a leader of their own however short a batch is.
pub(super) const LONG_QUEUE: usize = 64;
