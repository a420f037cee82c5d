//! Brings the answers of a store to JavaScript: many answers, one wake-up.
//!
//! ```text
//!   submit -> Call -> store --+-- answered before submit returns --> the result of submit
//!                             +-- later, on a worker thread --> queue --first one in--> wake
//!                                                                |
//!   JavaScript's thread          drain(ticket, answer, ..)  <----+     takes all that is there
//! ```
//!
//! JavaScript numbers its calls with tickets and keeps the promises; here are only the numbers.
//! The process stays alive exactly while a ticket is out. Every [`Call`] is answered once,
//! whatever becomes of it: one that gets lost is answered with a fault.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::{Function, Result};
use napi::threadsafe_function::{
    ThreadsafeCallContext, ThreadsafeFunction, ThreadsafeFunctionCallMode,
};
use napi::{Env, Status};
use rudder_session::StoreError;

use crate::fault::Fault;

/// What a call comes to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// There is no more to say than that.
    Done,
    Fault(Fault),
    Flag(bool),
    /// There is no such record.
    None,
    Text(String),
}

/// Answers, each with its ticket, as JavaScript gets them: as arguments, one after the other, or
/// in one array if they are very many.
#[derive(Default)]
pub(crate) struct Settled(pub(crate) Vec<(u32, Answer)>);

/// The JavaScript function that takes answers.
pub(crate) type Drain<'a> = Function<'a, Settled, ()>;

/// Weak: what keeps a process alive is a ticket that is out, not a store.
type Wake = ThreadsafeFunction<(), (), Settled, Status, false, true>;

/// The way of one store's answers to JavaScript.
pub(crate) struct Answers {
    queue: Arc<Queue>,
    /// `None` only while it is being made.
    wake: Mutex<Option<Wake>>,
    closed: AtomicBool,
}

impl Answers {
    /// Answers that go to `drain`, on the thread of `env`.
    pub(crate) fn new(env: &Env, drain: &Drain<'_>) -> Result<Arc<Self>> {
        let queue = Arc::<Queue>::default();
        let answers = Arc::new(Self {
            queue: Arc::clone(&queue),
            wake: Mutex::default(),
            closed: AtomicBool::default(),
        });

        let end_of_process = Arc::downgrade(&queue);
        env.add_env_cleanup_hook(end_of_process, |queue| {
            if let Some(queue) = queue.upgrade() {
                queue.wait_until_idle(GRACE);
            }
        })?;
        // Not the answers themselves: they own what calls this, and would never go.
        let owner = Arc::downgrade(&answers);
        let take = move |context: ThreadsafeCallContext<()>| {
            let settled = queue.take();
            if queue.settle(settled.0.len()) == 0
                && let Some(owner) = owner.upgrade()
            {
                owner.keep_alive(context.env, false)?;
            }
            Ok(settled)
        };
        let wake = drain.build_threadsafe_function().weak::<true>().build_callback(take)?;
        *lock(&answers.wake) = Some(wake);
        Ok(answers)
    }

    /// Has `ask` hand a call to a store. On JavaScript's thread. `None` if the answer comes later.
    pub(crate) fn submit(
        self: &Arc<Self>,
        env: Env,
        ticket: u32,
        ask: impl FnOnce(Call),
    ) -> Result<Option<Answer>> {
        self.queue.expect(ticket);
        let call = Call { ticket, answers: Some(Arc::clone(self)) };
        // The panic hook has printed it, and the call is answered as lost.
        let _ = catch_unwind(AssertUnwindSafe(|| ask(call)));
        if let Some(answer) = self.queue.answered_meanwhile() {
            return Ok(Some(answer));
        }
        self.hand_out(env)?;
        Ok(None)
    }

    /// A call that is answered later, whatever becomes of it. On JavaScript's thread.
    pub(crate) fn call_later(self: &Arc<Self>, env: Env, ticket: u32) -> Result<Call> {
        self.hand_out(env)?;
        self.queue.under_way.fetch_add(1, Ordering::Relaxed);
        Ok(Call { ticket, answers: Some(Arc::clone(self)) })
    }

    /// One more ticket is out.
    fn hand_out(&self, env: Env) -> Result<()> {
        if self.queue.unsettled.fetch_add(1, Ordering::Relaxed) == 0 {
            self.keep_alive(env, true)?;
        }
        Ok(())
    }

    /// Tickets that are out.
    pub(crate) fn unsettled(&self) -> usize {
        self.queue.unsettled.load(Ordering::Relaxed)
    }

    /// From now on a store that does not answer counts as closed.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn push(&self, ticket: u32, answer: Answer) {
        let is_first = self.queue.push(ticket, answer);
        if is_first && let Some(wake) = &*lock(&self.wake) {
            // Refused only when JavaScript's thread has ended; then nobody waits.
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    #[allow(deprecated, reason = "cloning the function is no way to let go of the process")]
    fn keep_alive(&self, env: Env, alive: bool) -> Result<()> {
        let mut wake = lock(&self.wake);
        let Some(wake) = &mut *wake else { return Ok(()) };
        if alive { wake.refer(&env) } else { wake.unref(&env) }
    }
}

/// One call, to be answered from whatever thread. Dropped without an answer, it is answered as
/// lost, so that a panic leaves no promise pending.
pub(crate) struct Call {
    ticket: u32,
    answers: Option<Arc<Answers>>,
}

impl Call {
    pub(crate) fn finish(mut self, outcome: std::result::Result<Answer, StoreError>) {
        let Some(answers) = self.answers.take() else { return };
        let answer = outcome.unwrap_or_else(|error| {
            let closed = error.is_retryable() && answers.closed.load(Ordering::Relaxed);
            Answer::Fault(if closed { Fault::closed() } else { error.into() })
        });
        answers.push(self.ticket, answer);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(answers) = self.answers.take() {
            answers.push(self.ticket, Answer::Fault(Fault::panicked()));
        }
    }
}

/// What was answered and not yet handed over.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// Rings when the store has nothing to do.
    idle: Condvar,
    /// Calls that the store has.
    under_way: AtomicUsize,
    /// Changed on JavaScript's thread only.
    unsettled: AtomicUsize,
}

#[derive(Default)]
struct State {
    answers: Vec<(u32, Answer)>,
    /// The call that is being submitted, and its answer if that is there already.
    submitting: Option<u32>,
    meanwhile: Option<Answer>,
    idle_is_awaited: bool,
}

impl Queue {
    fn expect(&self, ticket: u32) {
        lock(&self.state).submitting = Some(ticket);
        self.under_way.fetch_add(1, Ordering::Relaxed);
    }

    fn answered_meanwhile(&self) -> Option<Answer> {
        let mut state = lock(&self.state);
        state.submitting = None;
        state.meanwhile.take()
    }

    /// Whether JavaScript must be woken for it.
    fn push(&self, ticket: u32, answer: Answer) -> bool {
        let mut state = lock(&self.state);
        // To ring is a system call, whether anybody listens or not.
        if self.under_way.fetch_sub(1, Ordering::Relaxed) == 1 && state.idle_is_awaited {
            self.idle.notify_all();
        }
        if state.submitting == Some(ticket) {
            state.meanwhile = Some(answer);
            return false;
        }
        state.answers.push((ticket, answer));
        state.answers.len() == 1
    }

    fn take(&self) -> Settled {
        Settled(std::mem::take(&mut lock(&self.state).answers))
    }

    /// How many tickets are still out when `count` more are settled.
    fn settle(&self, count: usize) -> usize {
        self.unsettled.fetch_sub(count, Ordering::Relaxed) - count
    }

    fn wait_until_idle(&self, patience: Duration) {
        let mut state = lock(&self.state);
        state.idle_is_awaited = true;
        let is_busy = |_: &mut State| self.under_way.load(Ordering::Relaxed) > 0;
        let _ = self.idle.wait_timeout_while(state, patience, is_busy);
    }
}

/// A panic while one of these locks is held cannot leave half an answer, so it is taken anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the end of a process waits for calls that the store has: long enough for a healthy
/// store to finish a write, short enough that nobody notices. Threads that are still busy after
/// that are left behind, which is safe: napi never unloads the addon.
const GRACE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(queue: &Queue) -> Vec<u32> {
        queue.take().0.into_iter().map(|(ticket, _)| ticket).collect()
    }

    #[test]
    fn only_the_first_of_many_answers_wakes_javascript() {
        let queue = Queue::default();
        (0..4).for_each(|ticket| queue.expect(ticket));
        queue.answered_meanwhile();

        assert!(queue.push(0, Answer::Done));
        assert!(!queue.push(1, Answer::Done));
        assert!(!queue.push(2, Answer::Done));
        assert_eq!(answered(&queue), [0, 1, 2]);
        assert!(queue.push(3, Answer::Done));
    }

    #[test]
    fn an_answer_that_comes_while_submitting_wakes_nobody() {
        let queue = Queue::default();
        queue.expect(7);

        assert!(!queue.push(7, Answer::Flag(true)));

        assert!(matches!(queue.answered_meanwhile(), Some(Answer::Flag(true))));
        assert_eq!(answered(&queue), [0; 0]);
    }

    #[test]
    fn the_end_of_a_process_waits_for_what_the_store_has() {
        let queue = Arc::<Queue>::default();
        queue.expect(1);
        queue.answered_meanwhile();
        let worker = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.push(1, Answer::Done))
        };

        queue.wait_until_idle(Duration::from_secs(20));

        assert_eq!(answered(&queue), [1]);
        assert!(worker.join().is_ok());
    }

    fn lost() -> (Arc<Answers>, Call) {
        let answers = Arc::new(Answers {
            queue: Arc::default(),
            wake: Mutex::default(),
            closed: AtomicBool::default(),
        });
        answers.queue.expect(3);
        (Arc::clone(&answers), Call { ticket: 3, answers: Some(answers) })
    }

    fn code(answers: &Answers) -> Option<&'static str> {
        match answers.queue.answered_meanwhile() {
            Some(Answer::Fault(fault)) => Some(fault.code()),
            _ => None,
        }
    }

    #[test]
    fn a_call_that_a_panic_loses_is_answered_all_the_same() {
        let (answers, call) = lost();

        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _call = call;
            panic!("on purpose")
        }));

        assert!(panicked.is_err());
        assert_eq!(code(&answers), Some("ERR_SESSION_STORE_INTERNAL"));
    }

    #[test]
    fn an_error_keeps_its_kind_unless_the_store_was_closed_meanwhile() {
        let (answers, call) = lost();
        call.finish(Err(StoreError::TimedOut));
        assert_eq!(code(&answers), Some("ERR_SESSION_STORE_TIMEOUT"));

        let (answers, call) = lost();
        answers.close();
        call.finish(Err(StoreError::TimedOut));
        assert_eq!(code(&answers), Some("ERR_SESSION_STORE_CLOSED"));

        let (answers, call) = lost();
        answers.close();
        call.finish(Err(StoreError::TooLarge));
        assert_eq!(code(&answers), Some("ERR_SESSION_STORE_TOO_LARGE"));
    }
}
