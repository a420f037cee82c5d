//! Keeps many callers calling one store while something happens to it, and times each call.
//!
//! ```text
//!   caller n   load, check whose it is -> update -> touch -> load ..   its own session
//!                 \__ each call: how long, and how it ended -> Tally
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rudder_session::store::{Found, Updated};
use rudder_session::{Payload, Store, StoreError};

use crate::random::Random;

use super::samples::{NOW, an_hour, id, stamped, writer_of};

/// How the calls of all callers ended.
#[derive(Debug, Default)]
pub struct Tally {
    /// Calls that did what they should.
    pub done: u64,
    /// Calls that ended in an error, by its message.
    pub errors: BTreeMap<String, u64>,
    /// Errors within a millisecond: nobody was asked.
    pub failed_at_once: u64,
    /// The longest call that is one request.
    pub worst: Duration,
    /// The longest update, which may be several.
    pub worst_update: Duration,
}

impl Tally {
    /// Calls that ended in an error.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    fn count<T>(&mut self, took: Duration, outcome: &Result<T, StoreError>) {
        match outcome {
            Ok(_) => self.done += 1,
            Err(error) => {
                *self.errors.entry(error.to_string()).or_default() += 1;
                self.failed_at_once += u64::from(took < Duration::from_millis(1));
            }
        }
    }

    fn add(mut self, other: Self) -> Self {
        self.done += other.done;
        self.failed_at_once += other.failed_at_once;
        self.worst = self.worst.max(other.worst);
        self.worst_update = self.worst_update.max(other.worst_update);
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
        self
    }
}

/// What the scenario can see and say while the callers call.
pub struct Stage {
    epoch: AtomicU64,
    ended: AtomicBool,
    callers: Vec<Mutex<Doing>>,
    first_successes: Receiver<(u64, usize)>,
}

/// What a caller is at, for whoever waits for it in vain.
#[derive(Clone, Debug)]
enum Doing {
    /// In a call since then.
    Calling(Instant),
    /// Its last call ended so, then.
    Ended(Option<StoreError>, Instant),
}

fn look(doing: &Mutex<Doing>) -> MutexGuard<'_, Doing> {
    doing.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    /// Waits until each caller has had a success in a call that began after this; how long that
    /// took. Panics after `limit`.
    pub fn everybody_is_served(&self, limit: Duration) -> Duration {
        let started_at = Instant::now();
        let epoch = self.epoch.fetch_add(1, Ordering::SeqCst) + 1;
        let mut waiting: Vec<bool> = vec![true; self.callers.len()];
        while waiting.contains(&true) {
            let left = limit.saturating_sub(started_at.elapsed());
            let Ok((since, caller)) = self.first_successes.recv_timeout(left) else {
                let left_out = waiting.iter().zip(&self.callers).enumerate();
                let left_out: Vec<_> = left_out
                    .filter(|(_, (waits, _))| **waits)
                    .map(|(number, (_, doing))| format!("{number}: {}", look(doing).describe()))
                    .collect();
                panic!("not served after {limit:?}: callers {}", left_out.join("; "));
            };
            waiting[caller] &= since != epoch;
        }
        started_at.elapsed()
    }
}

/// What is asked of the callers.
#[derive(Clone, Copy, Debug)]
pub struct Calling {
    /// How many threads.
    pub callers: usize,
    /// Whether the server loses nothing that it acknowledged; each caller must then always find
    /// its last acknowledged write.
    pub keeps: bool,
    /// The longest rest that a caller takes between two calls; calls of many are then under way
    /// at different stages of their deadlines.
    pub rest: Duration,
}

/// Has threads call `store` until `scene` has come to its end.
pub fn call_during(store: &dyn Store, calling: Calling, scene: impl FnOnce(&Stage)) -> Tally {
    let callers = calling.callers;
    let (told, first_successes) = channel();
    let doing = || Mutex::new(Doing::Ended(None, Instant::now()));
    let stage = Stage {
        epoch: AtomicU64::new(0),
        ended: AtomicBool::new(false),
        callers: (0..callers).map(|_| doing()).collect(),
        first_successes,
    };
    for caller in 0..callers {
        let own = id(&format!("caller-{caller}"));
        store.save(&stamped(&own, caller, 0), an_hour(), NOW).expect("all is well so far");
    }
    thread::scope(|scope| {
        // Whatever happens to the scene, the callers end.
        let ended = EndsWhenDropped(&stage.ended);
        let (epoch, stop) = (&stage.epoch, &stage.ended);
        let threads: Vec<_> = (0..callers)
            .map(|number| {
                let told = told.clone();
                let tally = Tally::default();
                let doing = &stage.callers[number];
                let random = Random::new(0).fork(number);
                let caller = Caller {
                    store,
                    number,
                    calling,
                    random,
                    epoch,
                    told,
                    told_epoch: 0,
                    tally,
                    doing,
                };
                scope.spawn(move || caller.call_until(stop))
            })
            .collect();
        scene(&stage);
        drop(ended);
        let tallies = threads.into_iter().map(|it| it.join().expect("a caller panicked"));
        tallies.fold(Tally::default(), Tally::add)
    })
}

impl Doing {
    fn describe(&self) -> String {
        match self {
            Self::Calling(since) => format!("in a call for {:?}", since.elapsed()),
            Self::Ended(error, at) => format!("{error:?} {:?} ago", at.elapsed()),
        }
    }
}

struct EndsWhenDropped<'a>(&'a AtomicBool);

impl Drop for EndsWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Caller<'a> {
    store: &'a dyn Store,
    number: usize,
    calling: Calling,
    random: Random,
    epoch: &'a AtomicU64,
    told: Sender<(u64, usize)>,
    told_epoch: u64,
    tally: Tally,
    doing: &'a Mutex<Doing>,
}

impl Caller<'_> {
    fn call_until(mut self, stop: &AtomicBool) -> Tally {
        let own = id(&format!("caller-{}", self.number));
        let (mut acknowledged, mut tried) = (0, 0);
        while !stop.load(Ordering::SeqCst) {
            thread::sleep(self.random.millis(1 + self.calling.rest.as_millis() as usize));
            let Some(loaded) = self.time(|it| it.store.load(&own, NOW)) else { continue };
            let base = self.check(loaded, acknowledged..=tried);
            tried += 1;
            let next = stamped(&own, self.number, tried);
            let Some(base) = base else {
                // Only a server that forgets everything leads here.
                if self.time(|it| it.store.save(&next, an_hour(), NOW)).is_some() {
                    acknowledged = tried;
                }
                continue;
            };
            if tried.is_multiple_of(4) {
                let expected = base.as_json();
                let replaced = self.time(|it| it.store.replace(expected, &next, an_hour(), NOW));
                match replaced {
                    Some(Found::Expected) => acknowledged = tried,
                    // A write of ours whose answer was lost came later than we thought.
                    Some(Found::Changed(_)) | None => {}
                    Some(Found::Gone) => assert!(!self.calling.keeps, "a record is gone"),
                }
            } else {
                let begun = self.begin();
                let updated = self.store.update(&base, &next, an_hour(), NOW);
                self.end(begun, &updated, true);
                match updated {
                    Ok(Updated::Saved | Updated::Merged(_)) => acknowledged = tried,
                    Ok(Updated::Gone) => assert!(!self.calling.keeps, "a session is gone"),
                    Ok(Updated::Moved(_)) => panic!("nobody regenerates it"),
                    Err(_) => {}
                }
            }
            self.time(|it| it.store.touch(&own, an_hour(), NOW));
        }
        // A late write of ours may still be under way, and be it only one.
        if let Some(loaded) = self.time(|it| it.store.load(&own, NOW)) {
            self.check(loaded, acknowledged..=tried);
        }
        self.tally
    }

    /// What was loaded must be a write of ours, and no older one than was acknowledged.
    fn check(
        &self,
        loaded: Option<Payload>,
        numbers: std::ops::RangeInclusive<u64>,
    ) -> Option<Payload> {
        let own = id(&format!("caller-{}", self.number));
        match &loaded {
            Some(payload) => {
                let (writer, number) = writer_of(&own, payload);
                assert_eq!(writer, self.number);
                assert!(*numbers.end() >= number, "{number} was never written");
                let is_lost = self.calling.keeps && number < *numbers.start();
                assert!(!is_lost, "{number} is there, {} was acknowledged", numbers.start());
            }
            None => assert!(!self.calling.keeps, "a session is gone"),
        }
        loaded
    }

    fn time<T>(&mut self, call: impl FnOnce(&Self) -> Result<T, StoreError>) -> Option<T> {
        let begun = self.begin();
        let outcome = call(self);
        self.end(begun, &outcome, false);
        outcome.ok()
    }

    fn begin(&self) -> (u64, Instant) {
        let begun = (self.epoch.load(Ordering::SeqCst), Instant::now());
        *look(self.doing) = Doing::Calling(begun.1);
        begun
    }

    fn end<T>(
        &mut self,
        (epoch, started_at): (u64, Instant),
        outcome: &Result<T, StoreError>,
        is_update: bool,
    ) {
        let took = started_at.elapsed();
        *look(self.doing) = Doing::Ended(outcome.as_ref().err().cloned(), Instant::now());
        self.tally.count(took, outcome);
        let worst = if is_update { &mut self.tally.worst_update } else { &mut self.tally.worst };
        *worst = took.max(*worst);
        if outcome.is_ok() && epoch > self.told_epoch {
            self.told_epoch = epoch;
            // Nobody listens when the scene is over.
            let _ = self.told.send((epoch, self.number));
        }
        if outcome.is_err() && took < Duration::from_millis(1) {
            // As a request that fails at once would: not at the speed of a spinning processor.
            thread::sleep(Duration::from_millis(5));
        }
    }
}
