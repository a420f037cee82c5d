//! Has a number of callers work for a time, and counts what they get done.
//!
//! ```text
//!   threads     each waits for its own operation
//!   tasks       the same on tokio's threads
//!   callbacks   one thread starts all operations, and another one for each that has ended
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

/// What is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mix {
    Loads,
    /// Three loads, then a save.
    LoadsAndSaves,
}

/// One operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    Load(usize),
    Save(usize),
}

impl Mix {
    /// The `count`th operation of a caller; callers differ in where they start.
    fn turn(self, caller: usize, count: usize) -> Turn {
        let session = caller * 7919 + count;
        if self == Self::LoadsAndSaves && count % 4 == 3 {
            Turn::Save(session)
        } else {
            Turn::Load(session)
        }
    }
}

/// Operations a second of `callers` threads.
pub(crate) fn threads(
    callers: usize,
    mix: Mix,
    window: Duration,
    operation: impl Fn(Turn) + Sync,
) -> f64 {
    let (is_over, ready) = (AtomicBool::new(false), Barrier::new(callers + 1));
    thread::scope(|scope| {
        let (is_over, ready, operation) = (&is_over, &ready, &operation);
        let callers: Vec<_> = (0..callers)
            .map(|caller| {
                scope.spawn(move || {
                    ready.wait();
                    let mut count = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        operation(mix.turn(caller, count));
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        ready.wait();
        let started_at = Instant::now();
        thread::sleep(window);
        is_over.store(true, Ordering::Relaxed);
        let count: usize = callers.into_iter().map(|it| it.join().expect("no failure")).sum();
        count as f64 / started_at.elapsed().as_secs_f64()
    })
}

/// Operations a second of `callers` tasks.
pub(crate) fn tasks<F: Future<Output = ()> + Send>(
    runtime: &Runtime,
    callers: usize,
    mix: Mix,
    window: Duration,
    operation: impl Fn(Turn) -> F + Clone + Send + 'static,
) -> f64 {
    let is_over = Arc::new(AtomicBool::new(false));
    let started_at = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|caller| {
            let (is_over, operation) = (Arc::clone(&is_over), operation.clone());
            runtime.spawn(async move {
                let mut count = 0;
                while !is_over.load(Ordering::Relaxed) {
                    operation(mix.turn(caller, count)).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    thread::sleep(window);
    is_over.store(true, Ordering::Relaxed);
    let sum = async {
        let mut sum = 0;
        for caller in callers {
            sum += caller.await.expect("no failure");
        }
        sum
    };
    runtime.block_on(sum) as f64 / started_at.elapsed().as_secs_f64()
}

/// Operations a second of this thread, with `callers` of them under way at a time.
///
/// `operation` is given a `done` to call when it has ended.
pub(crate) fn callbacks(
    callers: usize,
    mix: Mix,
    window: Duration,
    operation: impl Fn(Turn, Box<dyn FnOnce() + Send>),
) -> f64 {
    let ended = Arc::new(Ended::default());
    let start = |caller: usize, count: usize| {
        let ended = Arc::clone(&ended);
        operation(mix.turn(caller, count), Box::new(move || ended.add(caller)));
    };
    let mut counts = vec![0_usize; callers];
    let started_at = Instant::now();
    let mut under_way = callers;
    (0..callers).for_each(|caller| start(caller, 0));
    while under_way > 0 {
        let is_over = started_at.elapsed() >= window;
        for caller in ended.take() {
            counts[caller] += 1;
            if is_over {
                under_way -= 1;
            } else {
                start(caller, counts[caller]);
            }
        }
    }
    counts.iter().sum::<usize>() as f64 / started_at.elapsed().as_secs_f64()
}

/// Which callers' operations have ended; as an event loop, it is woken when there are some.
#[derive(Default)]
struct Ended {
    callers: Mutex<Vec<usize>>,
    any: Condvar,
}

impl Ended {
    fn add(&self, caller: usize) {
        let mut callers = self.callers.lock().expect("no panic");
        callers.push(caller);
        if callers.len() == 1 {
            drop(callers);
            self.any.notify_one();
        }
    }

    fn take(&self) -> Vec<usize> {
        let callers = self.callers.lock().expect("no panic");
        let mut callers = self.any.wait_while(callers, |it| it.is_empty()).expect("no panic");
        std::mem::take(&mut *callers)
    }
}
