//! Runs blocking jobs on a few threads of its own.
//!
//! ```text
//!   submit -> queue (bounded) -> thread 1..n -> job(Admission::Run)
//!          -> full or closed  -> the caller  -> job(Admission::Full or Closed)
//! ```
//!
//! Every job is called exactly once, so that a promise hidden in it is settled exactly once.
//! Threads start when there is work for them, and survive a job that panics. They never touch
//! JavaScript, and never keep a process alive: what is pending does that, with its promise.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What a job is told when it is called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Admission {
    /// The threads were closed before the job could run.
    Closed,
    /// Too many jobs are waiting, or there is no thread to be had.
    Full,
    /// This is an I/O thread: go ahead.
    Run,
}

type Job = Box<dyn FnOnce(Admission) + Send>;

/// A bounded queue and the threads that empty it. Dropping it closes it.
pub(crate) struct IoThreads {
    shared: Arc<Shared>,
}

impl IoThreads {
    /// Up to `size` threads, none of which is started yet.
    pub(crate) fn new(size: usize) -> Self {
        Self { shared: Arc::new(Shared { size, ..Shared::default() }) }
    }

    /// Has `job` called once: on one of the threads, or at once if it cannot run.
    pub(crate) fn submit(&self, job: impl FnOnce(Admission) + Send + 'static) {
        if let Err((job, refusal)) = self.shared.admit(Box::new(job)) {
            job(refusal);
        }
    }

    /// Refuses what waits and what comes. Jobs that run already do so to their end.
    pub(crate) fn close(&self) {
        self.shared.close();
    }

    /// Something that closes the threads and outlives this value without keeping it alive.
    pub(crate) fn closer(&self) -> impl FnOnce() + 'static {
        let shared = Arc::downgrade(&self.shared);
        move || {
            if let Some(shared) = shared.upgrade() {
                shared.close();
                shared.wait_until_idle(GRACE);
            }
        }
    }
}

impl Drop for IoThreads {
    fn drop(&mut self) {
        self.close();
    }
}

#[derive(Default)]
struct Shared {
    size: usize,
    state: Mutex<State>,
    /// Rings for a new job and for the end.
    work: Condvar,
    /// Rings when a job has ended.
    rest: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    running: usize,
    closed: bool,
}

impl Shared {
    fn admit(self: &Arc<Self>, job: Job) -> Result<(), (Job, Admission)> {
        let mut state = self.lock();
        if state.closed {
            return Err((job, Admission::Closed));
        }
        if state.queue.len() >= MAX_WAITING {
            return Err((job, Admission::Full));
        }
        let idle = state.threads - state.running;
        if idle <= state.queue.len() && state.threads < self.size {
            state.threads += usize::from(self.start_thread());
        }
        if state.threads == 0 {
            return Err((job, Admission::Full));
        }
        state.queue.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// Whether the operating system gave us one more thread.
    fn start_thread(self: &Arc<Self>) -> bool {
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("rudder-session-io".to_owned());
        thread.spawn(move || shared.run()).is_ok()
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.running += 1;
                drop(state);
                // The panic hook has printed it. The job's own part is to settle its promise.
                let _ = catch_unwind(AssertUnwindSafe(|| job(Admission::Run)));
                state = self.lock();
                state.running -= 1;
                self.rest.notify_all();
            } else if state.closed {
                state.threads -= 1;
                return;
            } else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let refused = std::mem::take(&mut state.queue);
        drop(state);
        self.work.notify_all();
        for job in refused {
            job(Admission::Closed);
        }
    }

    fn wait_until_idle(&self, patience: Duration) {
        let state = self.lock();
        let _ = self.rest.wait_timeout_while(state, patience, |state| state.running > 0);
    }

    /// No job runs under the lock, so a poisoned lock guards a sound state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Jobs that may wait for a thread. At 500 bytes each this is a few megabytes, and seconds of
/// work for a healthy store: whoever would wait behind them is better told at once.
const MAX_WAITING: usize = 10_000;

/// How long the end of a process waits for jobs that run: long enough for a healthy store to
/// finish a write, short enough that nobody notices. Threads that are still busy after that are
/// left behind, which is safe: napi never unloads the addon once a promise was made.
const GRACE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const GUARD: Duration = Duration::from_secs(20);

    /// A job that runs until it is released, and reports what it was told.
    fn gated(report: &Sender<Admission>) -> (Sender<()>, impl FnOnce(Admission) + Send + 'static) {
        let (release, gate) = channel::<()>();
        let report = report.clone();
        let job = move |admission| {
            let _ = report.send(admission);
            let _ = gate.recv_timeout(GUARD);
        };
        (release, job)
    }

    fn reporting(report: &Sender<Admission>) -> impl FnOnce(Admission) + Send + 'static {
        let report = report.clone();
        move |admission| {
            let _ = report.send(admission);
        }
    }

    fn next(reports: &Receiver<Admission>) -> Admission {
        reports.recv_timeout(GUARD).expect("every job is called")
    }

    #[test]
    fn a_job_that_panics_leaves_its_thread_alive() {
        let threads = IoThreads::new(1);
        let (report, reports) = channel();

        threads.submit(|_| panic!("on purpose"));
        threads.submit(reporting(&report));

        assert_eq!(next(&reports), Admission::Run);
        assert_eq!(threads.shared.lock().threads, 1);
    }

    #[test]
    fn jobs_run_side_by_side_up_to_the_size() {
        let threads = IoThreads::new(2);
        let (report, reports) = channel();
        let (_release_a, job_a) = gated(&report);
        let (_release_b, job_b) = gated(&report);

        threads.submit(job_a);
        threads.submit(job_b);

        assert_eq!([next(&reports), next(&reports)], [Admission::Run; 2]);
        assert_eq!(threads.shared.lock().running, 2);
    }

    #[test]
    fn a_full_queue_refuses_at_once() {
        let threads = IoThreads::new(1);
        let (report, reports) = channel();
        let (_release, job) = gated(&report);
        threads.submit(job);
        assert_eq!(next(&reports), Admission::Run);

        for _ in 0..MAX_WAITING {
            threads.submit(|_| ());
        }
        threads.submit(reporting(&report));

        assert_eq!(next(&reports), Admission::Full);
    }

    #[test]
    fn closing_refuses_what_waits_and_what_comes() {
        let threads = IoThreads::new(1);
        let (report, reports) = channel();
        let (_release, job) = gated(&report);
        threads.submit(job);
        assert_eq!(next(&reports), Admission::Run);
        threads.submit(reporting(&report));

        threads.close();
        threads.submit(reporting(&report));

        assert_eq!([next(&reports), next(&reports)], [Admission::Closed; 2]);
    }

    #[test]
    fn threads_end_when_their_owner_does() {
        let threads = IoThreads::new(3);
        let (report, reports) = channel();
        threads.submit(reporting(&report));
        assert_eq!(next(&reports), Admission::Run);
        let shared = Arc::downgrade(&threads.shared);

        drop(threads);

        // Each thread holds the state; so it is gone when the last thread is.
        let deadline = std::time::Instant::now() + GUARD;
        while shared.strong_count() > 0 {
            assert!(std::time::Instant::now() < deadline, "a thread lives on");
            thread::yield_now();
        }
    }
}
