use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::queue::{LONG_QUEUE, SHORT_RUN};
use super::*;

const LONG: Duration = Duration::from_secs(60);
/// A request that makes the backend panic.
const PANICS: u32 = u32::MAX;

/// Answers with what it was asked, once it is let go; tells how large each batch was.
struct Echo {
    batches: mpsc::Sender<usize>,
    go: Mutex<mpsc::Receiver<()>>,
}

impl Backend for Echo {
    type Request = u32;
    type Reply = u32;

    fn run(&self, batch: Vec<Job<u32, u32>>, _: Instant) {
        let _ = self.batches.send(batch.len());
        let _ = self.go.lock().unwrap().recv();
        for job in batch {
            let request = job.request;
            assert_ne!(request, PANICS);
            job.finish(Ok(request));
        }
    }
}

fn echo(limits: Limits) -> (Batcher<Echo>, mpsc::Receiver<usize>, mpsc::Sender<()>) {
    let (batches, sizes) = mpsc::channel();
    let (go, gate) = mpsc::channel();
    (Batcher::new(Echo { batches, go: Mutex::new(gate) }, limits), sizes, go)
}

const ONE_LEADER: Limits = Limits { leaders: 1, batch: 100, queue: 100 };

#[test]
fn what_waits_while_a_leader_is_busy_goes_together() {
    let (batcher, sizes, go) = echo(ONE_LEADER);
    let (answer, answers) = mpsc::channel();
    let submit = |request| {
        let answer = answer.clone();
        batcher.submit(request, LONG, move |outcome| answer.send(outcome).unwrap());
    };

    submit(0);
    assert_eq!(sizes.recv(), Ok(1));
    (1..=50).for_each(submit);
    go.send(()).unwrap();
    assert_eq!(sizes.recv(), Ok(50));
    go.send(()).unwrap();

    let answers: Vec<_> = answers.iter().take(51).collect();
    assert_eq!(answers, (0..=50).map(Ok).collect::<Vec<_>>());
}

#[test]
fn a_blocking_caller_leads_itself_and_needs_no_thread() {
    let (batcher, _sizes, go) = echo(ONE_LEADER);
    go.send(()).unwrap();

    assert_eq!(batcher.call(7, LONG), Ok(7));
    assert!(batcher.shared.lock().workers.is_empty());
}

#[test]
fn many_threads_get_their_own_answers() {
    let (batcher, sizes, go) = echo(Limits { leaders: 3, batch: 10, queue: 1000 });
    (0..10_000).for_each(|_| go.send(()).unwrap());

    thread::scope(|scope| {
        for thread in 0..16 {
            let batcher = &batcher;
            scope.spawn(move || {
                for round in 0..100 {
                    let request = 1000 + thread * 100 + round;
                    assert_eq!(batcher.call(request, LONG), Ok(request));
                }
            });
        }
    });

    assert_eq!(sizes.try_iter().sum::<usize>(), 1600);
    assert_eq!(batcher.shared.lock().leaders, 0);
}

#[test]
fn a_full_queue_refuses_and_does_not_grow() {
    let (batcher, sizes, go) = echo(Limits { leaders: 1, batch: 100, queue: 2 });
    let refused = Arc::new(AtomicUsize::new(0));
    let submit = || {
        let refused = Arc::clone(&refused);
        batcher.submit(1, LONG, move |outcome| {
            refused
                .fetch_add(usize::from(outcome == Err(StoreError::Overloaded)), Ordering::SeqCst);
        });
    };

    submit();
    assert_eq!(sizes.recv(), Ok(1));
    (0..5).for_each(|_| submit());

    assert_eq!(refused.load(Ordering::SeqCst), 3);
    assert_eq!(batcher.call(1, LONG), Err(StoreError::Overloaded));
    go.send(()).unwrap();
    go.send(()).unwrap();
}

#[test]
fn what_is_submitted_at_once_goes_in_one_batch_and_what_has_no_room_is_refused() {
    let (batcher, sizes, go) = echo(Limits { leaders: 1, batch: 100, queue: 3 });
    let (answer, answers) = mpsc::channel();
    let asked = (0..5).map(|request| {
        let answer = answer.clone();
        (request, move |outcome| answer.send(outcome).unwrap())
    });

    batcher.submit_all(asked, LONG);
    go.send(()).unwrap();

    assert_eq!(sizes.recv(), Ok(3));
    let refused = Err(StoreError::Overloaded);
    let mut answers: Vec<_> = answers.iter().take(5).collect();
    answers.sort_by_key(|answer| answer.as_ref().ok().copied());
    assert_eq!(answers, [refused.clone(), refused, Ok(0), Ok(1), Ok(2)]);
    assert!(batcher.shared.lock().queue.is_empty());
}

#[test]
fn what_waited_past_its_deadline_is_not_run() {
    let (batcher, sizes, go) = echo(ONE_LEADER);
    let (answer, answers) = mpsc::channel();
    batcher.submit(0, LONG, |_| {});
    assert_eq!(sizes.recv(), Ok(1));

    batcher.submit(1, Duration::ZERO, move |outcome| answer.send(outcome).unwrap());
    go.send(()).unwrap();

    assert_eq!(answers.recv(), Ok(Err(StoreError::TimedOut)));
    assert_eq!(sizes.try_recv(), Err(mpsc::TryRecvError::Empty));
}

#[test]
fn requests_with_deadlines_far_apart_do_not_run_together() {
    let (batcher, sizes, go) = echo(ONE_LEADER);
    batcher.submit(0, LONG, |_| {});
    assert_eq!(sizes.recv(), Ok(1));

    batcher.submit(1, LONG, |_| {});
    batcher.submit(2, LONG + DEADLINE_SLACK * 100, |_| {});
    (0..3).for_each(|_| go.send(()).unwrap());

    assert_eq!((sizes.recv(), sizes.recv()), (Ok(1), Ok(1)));
}

#[test]
fn a_panic_in_a_batch_ends_its_calls_and_nothing_else() {
    let (batcher, _sizes, go) = echo(ONE_LEADER);
    (0..10).for_each(|_| go.send(()).unwrap());

    assert_eq!(batcher.call(PANICS, LONG), Err(StoreError::Disconnected));
    assert_eq!(batcher.call(14, LONG), Ok(14));
    let (answer, answers) = mpsc::channel();
    for request in [PANICS, 15] {
        let answer = answer.clone();
        batcher.submit(request, LONG, move |outcome| answer.send(outcome).unwrap());
        let expected = if request == PANICS { Err(StoreError::Disconnected) } else { Ok(15) };
        assert_eq!(answers.recv(), Ok(expected));
    }
}

#[test]
fn what_is_queued_when_the_batcher_goes_is_still_answered() {
    let (batcher, sizes, go) = echo(ONE_LEADER);
    let (answer, answers) = mpsc::channel();
    for request in 0..3 {
        let answer = answer.clone();
        batcher.submit(request, LONG, move |outcome| answer.send(outcome).unwrap());
    }
    assert!(sizes.recv().is_ok());
    drop(batcher);
    for _ in 0..3 {
        let _ = go.send(());
    }

    assert_eq!(answers.iter().take(3).collect::<Vec<_>>(), [Ok(0), Ok(1), Ok(2)]);
}

#[test]
fn closing_waits_for_the_workers() {
    let (batcher, sizes, go) = echo(ONE_LEADER);
    let (answer, answers) = mpsc::channel();
    batcher.submit(1, LONG, move |outcome| answer.send(outcome).unwrap());
    assert_eq!(sizes.recv(), Ok(1));
    go.send(()).unwrap();

    batcher.close_and_wait();

    assert_eq!(answers.try_recv(), Ok(Ok(1)));
    assert!(batcher.shared.lock().workers.is_empty());
}

#[test]
fn a_worker_that_closes_does_not_wait_for_itself() {
    let (batcher, _sizes, go) = echo(ONE_LEADER);
    let batcher = Arc::new(batcher);
    let (answer, answers) = mpsc::channel();
    let last = Arc::clone(&batcher);
    batcher.submit(1, LONG, move |_| {
        last.close_and_wait();
        answer.send(()).unwrap();
    });
    drop(batcher);
    go.send(()).unwrap();

    assert_eq!(answers.recv(), Ok(()));
}

#[test]
fn another_leader_is_due_if_a_batch_takes_long_or_the_queue_is_long() {
    let job = || Job { request: 0, deadline: Instant::now(), answer: Answer::by(|_| {}) };
    let mut state: State<u32, u32> = State { leaders: 1, ..State::default() };
    assert!(!state.is_due());

    state.queue.extend((1..LONG_QUEUE).map(|_| job()));
    assert!(!state.is_due());
    state.queue.push_back(job());
    assert!(state.is_due());

    state.queue.clear();
    (0..50).for_each(|_| state.learn(SHORT_RUN * 2));
    assert!(state.is_due());
    (0..50).for_each(|_| state.learn(SHORT_RUN / 2));
    assert!(!state.is_due());
    state.leaders = 0;
    assert!(state.is_due());
}

#[test]
fn nobody_waits_for_a_leader_that_is_stuck() {
    let (batcher, sizes, go) = echo(Limits { leaders: 3, batch: 100, queue: 100 });
    let (answer, answers) = mpsc::channel();

    for request in 0..3 {
        let answer = answer.clone();
        batcher.submit(request, LONG, move |outcome| answer.send(outcome).unwrap());
        // The ones before are still under way: nobody has let them go.
        assert_eq!(sizes.recv_timeout(LONG), Ok(1));
    }
    (0..3).for_each(|_| go.send(()).unwrap());

    let mut answers: Vec<_> = answers.iter().take(3).collect();
    answers.sort_by_key(|it| it.clone().unwrap_or(u32::MAX));
    assert_eq!(answers, [Ok(0), Ok(1), Ok(2)]);
}

#[test]
fn a_blocking_caller_does_not_wait_for_a_leader_that_is_stuck() {
    let (batcher, sizes, go) = echo(Limits { leaders: 2, batch: 100, queue: 100 });
    batcher.submit(0, LONG, |_| {});
    assert_eq!(sizes.recv_timeout(LONG), Ok(1));

    thread::scope(|scope| {
        let caller = scope.spawn(|| batcher.call(1, LONG));
        assert_eq!(sizes.recv_timeout(LONG), Ok(1));
        (0..2).for_each(|_| go.send(()).unwrap());

        assert_eq!(caller.join().unwrap(), Ok(1));
    });
}

#[test]
fn nothing_is_left_in_the_queue_whoever_asks_in_whatever_way() {
    let (batcher, _sizes, go) = echo(Limits { leaders: 3, batch: 10, queue: 10_000 });
    (0..10_000).for_each(|_| go.send(()).unwrap());
    let (answer, answers) = mpsc::channel();

    thread::scope(|scope| {
        for thread in 0..8 {
            let (batcher, answer) = (&batcher, answer.clone());
            scope.spawn(move || {
                for round in 0..200 {
                    let request = thread * 1000 + round;
                    if thread % 2 == 0 {
                        answer.send(batcher.call(request, LONG)).unwrap();
                    } else {
                        let answer = answer.clone();
                        let done = move |outcome| answer.send(outcome).unwrap();
                        batcher.submit(request, LONG, done);
                    }
                }
            });
        }
    });

    for _ in 0..8 * 200 {
        assert!(answers.recv_timeout(LONG).is_ok_and(|it| it.is_ok()));
    }
}

/// Tells which request it begins with, and answers each once that one is let go.
struct Gates {
    begun: mpsc::Sender<u32>,
    open: Arc<(Mutex<HashSet<u32>>, Condvar)>,
}

impl Backend for Gates {
    type Request = u32;
    type Reply = u32;

    fn run(&self, batch: Vec<Job<u32, u32>>, _: Instant) {
        for job in batch {
            let _ = self.begun.send(job.request);
            let (open, opened) = &*self.open;
            let is_closed = |open: &mut HashSet<u32>| !open.contains(&job.request);
            drop(opened.wait_while(open.lock().expect("nobody panics"), is_closed));
            job.finish_with(Ok);
        }
    }
}

/// A queue with request 0 in it that nobody has been woken for, what begins, and a way to let a
/// request go.
fn gates(batch: usize) -> (Batcher<Gates>, mpsc::Receiver<u32>, impl Fn(u32)) {
    let (begun, begins) = mpsc::channel();
    let open = Arc::<(Mutex<HashSet<u32>>, Condvar)>::default();
    let gates = Gates { begun, open: Arc::clone(&open) };
    let batcher = Batcher::new(gates, Limits { leaders: 3, batch, queue: 100 });
    queue_unseen(&batcher, 0);
    // Each request is worth a leader.
    batcher.shared.lock().usual_run = SHORT_RUN;
    let let_go = move |request| {
        open.0.lock().expect("nobody panics").insert(request);
        open.1.notify_all();
    };
    (batcher, begins, let_go)
}

fn queue_unseen(batcher: &Batcher<Gates>, request: u32) {
    let job = Job { request, deadline: Instant::now() + LONG, answer: Answer::by(|_| {}) };
    batcher.shared.lock().queue.push_back(job);
}

#[test]
fn a_blocking_caller_is_not_held_up_by_what_came_after_it() {
    let (batcher, begins, let_go) = gates(1);
    let (answer, answers) = mpsc::channel();
    thread::scope(|scope| {
        let batcher = &batcher;
        scope.spawn(move || answer.send(batcher.call(1, LONG)));
        // The caller leads what is before its own request, and another its own.
        let both: HashSet<_> = begins.iter().take(2).collect();
        assert_eq!(both, HashSet::from([0, 1]));
        queue_unseen(batcher, 2);
        let_go(0);
        assert_eq!(begins.recv(), Ok(2));
        let_go(1);

        let answered = answers.recv_timeout(LONG / 6);
        let_go(2);
        assert_eq!(answered, Ok(Ok(1)));
    });
}

#[test]
fn a_request_with_little_time_left_is_not_held_up_by_one_with_more() {
    let (batcher, begins, let_go) = gates(10);
    let (answer, answers) = mpsc::channel();
    thread::scope(|scope| {
        let batcher = &batcher;
        scope.spawn(move || answer.send(batcher.call(1, LONG / 2)));
        let both = [(); 2].map(|()| begins.recv_timeout(LONG / 6));
        let_go(1);

        let answered = answers.recv_timeout(LONG / 6);
        let_go(0);
        assert!(both == [Ok(0), Ok(1)] || both == [Ok(1), Ok(0)], "{both:?}");
        assert_eq!(answered, Ok(Ok(1)));
    });
}
