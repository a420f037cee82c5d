//! A connection breaks at each byte of each operation's requests and replies.
//!
//! ```text
//!   for each operation, with scripts and without
//!     for each byte of its requests, and of its replies
//!       for each fault: cut, reset, held beyond the deadline, trickled
//!         the operation does what it says, or fails and leaves one whole record
//!         the calls after it get their own answers
//! ```

use std::sync::mpsc::channel;
use std::time::Duration;

use rudder_session::store::{Found, Inspected, Regenerated, Reply, Request, Updated};
use rudder_session::{Payload, RedisStore, SessionId, Store, StoreError};

use super::Extent;
use super::samples::{NOW, an_hour, id, plant, record, redis, stamped, without_scripts};
use crate::proxy::{Direction, Fault, Proxy, Strike};
use crate::redis_server::RedisServer;
use crate::resp::Client;
use crate::scripted_server::Gate;

/// Whether the store may run scripts on its server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// It may.
    Script,
    /// It compares and sets by WATCH.
    Watch,
}

/// Every byte of every operation that is called alone.
pub fn single_operations(extent: Extent, method: Method) -> String {
    let mut scene = Scene::new(extent, method);
    let total: Count = Operation::ALL.iter().map(|it| scene.sweep(extent, *it, false)).sum();
    scene.nothing_foreign();
    total.to_string()
}

/// Every byte of the first compare-and-set of a connection, which finds out what the server can.
pub fn first_use(extent: Extent, method: Method) -> String {
    let mut scene = Scene::new(extent, method);
    let operations = [Operation::Update, Operation::Regenerate];
    let total: Count = operations.iter().map(|it| scene.sweep(extent, *it, true)).sum();
    scene.nothing_foreign();
    total.to_string()
}

/// Every byte of ten requests of different callers that go to the server in one piece.
pub fn one_batch(extent: Extent, method: Method) -> String {
    let mut scene = Scene::new(extent, method);
    let total = scene.sweep(extent, Operation::Batch, false);
    scene.nothing_foreign();
    total.to_string()
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operation {
    Batch,
    Destroy,
    Inspect,
    Load,
    Regenerate,
    Save,
    Touch,
    Update,
}

impl Operation {
    const ALL: [Self; 7] = [
        Self::Load,
        Self::Inspect,
        Self::Save,
        Self::Update,
        Self::Touch,
        Self::Regenerate,
        Self::Destroy,
    ];
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Cut,
    Hold,
    Reset,
    Trickle,
}

/// What was played, and what became of it.
#[derive(Default)]
struct Count {
    bytes: usize,
    faults: usize,
    done: usize,
    failed: usize,
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self {
            bytes: a.bytes + b.bytes,
            faults: a.faults + b.faults,
            done: a.done + b.done,
            failed: a.failed + b.failed,
        })
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes, faults, done, failed } = self;
        write!(f, "{faults} faults at {bytes} bytes: {done} calls done all the same, {failed} told")
    }
}

struct Scene {
    admin: Client,
    proxy: Proxy,
    /// Its deadline never comes.
    patient: RedisStore,
    /// Its deadline comes soon.
    hasty: RedisStore,
    number: u64,
    /// Bytes that had passed when the last operation began.
    armed_at: (usize, usize),
    _server: RedisServer,
}

impl Scene {
    fn new(extent: Extent, method: Method) -> Self {
        let server = RedisServer::start();
        let user = match method {
            Method::Script => "",
            Method::Watch => without_scripts(&mut server.client()),
        };
        let proxy = Proxy::calm(server.port());
        let url = format!("redis://{user}127.0.0.1:{}", proxy.port());
        let hasty_deadline = Duration::from_millis(extent.pick(40, 20));
        Self {
            admin: server.client(),
            patient: redis(url.clone(), 1, PATIENCE),
            hasty: redis(url, 1, hasty_deadline),
            proxy,
            number: 0,
            armed_at: (0, 0),
            _server: server,
        }
    }

    fn sweep(&mut self, extent: Extent, operation: Operation, first_use: bool) -> Count {
        let mut count = Count::default();
        // What is not struck tells how long it is.
        self.prepare(first_use, false);
        self.play(operation, false, None);
        let before = self.armed_at;
        let after = self.proxy.bytes();
        let lengths =
            [(Direction::Request, after.0 - before.0), (Direction::Reply, after.1 - before.1)];
        for (direction, length) in lengths {
            count.bytes += length + 1;
            let (mut tries, before) = (0, count.faults);
            for offset in 0..=length {
                for kind in kinds(extent, offset) {
                    let hasty = kind == Kind::Hold;
                    self.prepare(first_use, hasty);
                    let gate = Gate::default();
                    let fault = match kind {
                        Kind::Cut => Fault::Cut,
                        Kind::Hold => Fault::Hold(gate.clone()),
                        Kind::Reset => Fault::Reset,
                        Kind::Trickle => Fault::Trickle(8, Duration::from_micros(200)),
                    };
                    let strike = Strike { on: direction, after_bytes: offset, fault };
                    let is_done = self.play(operation, hasty, Some(strike));
                    let at = format!("{operation:?}, {kind:?} at byte {offset} of {direction:?}");
                    assert!(is_done || kind != Kind::Trickle, "{at}: a slow call failed");
                    gate.open();
                    // A deadline that is soon may come before the byte. And what was held back in
                    // an earlier round may tell the server a script that it had forgotten.
                    let struck = !self.proxy.disarm();
                    assert!(struck || hasty || first_use, "{at}: it did not strike");
                    self.aftermath(hasty, &at);
                    tries += 1;
                    count.faults += usize::from(struck);
                    *(if is_done { &mut count.done } else { &mut count.failed }) += 1;
                }
            }
            let struck = count.faults - before;
            assert!(struck * 10 >= tries * 9, "{struck} of {tries} faults struck");
        }
        count
    }

    /// Makes the next operation send what the last one sent: on a connection that has found out
    /// what its server can, or has not.
    fn prepare(&mut self, first_use: bool, hasty: bool) {
        if first_use {
            self.admin.call(&["SCRIPT", "FLUSH", "SYNC"]);
            // What comes next is on a new connection.
            self.admin.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        }
        let warm = id("warm");
        let payload = stamped(&warm, 0, 0);
        plant(&mut self.admin, &warm, payload.as_json());
        let store = self.store(hasty);
        let load = || store.load(&warm, NOW).map(drop);
        let update = || store.update(&payload, &payload, an_hour(), NOW).map(drop);
        let remove = || store.remove(&warm, payload.as_json(), NOW).map(drop);
        if first_use {
            insist(load);
        } else {
            insist(update);
            insist(remove);
        }
    }

    fn store(&self, hasty: bool) -> &RedisStore {
        if hasty { &self.hasty } else { &self.patient }
    }

    fn arm(&mut self, strike: Option<Strike>) {
        self.armed_at = self.proxy.bytes();
        if let Some(strike) = strike {
            self.proxy.arm(strike);
        }
    }

    /// Does the operation, and checks what it says against what is stored; whether it was done.
    fn play(&mut self, operation: Operation, hasty: bool, strike: Option<Strike>) -> bool {
        self.number += 1;
        let number = self.number;
        // Late bytes of an earlier operation must not meet this one's records.
        let own = move |name: &str| id(&format!("{name}-{number:06}"));
        if operation == Operation::Batch {
            return self.play_batch(own, hasty, strike);
        }
        let (alice, renamed) = (own("alice"), own("renamed"));
        let (before, after) = (stamped(&alice, 0, 1), stamped(&alice, 0, 2));
        plant(&mut self.admin, &alice, before.as_json());
        self.arm(strike);
        let store = if hasty { &self.hasty } else { &self.patient };

        let stored = |admin: &mut Client, id: &SessionId| record(admin, id);
        let is = |payload: &Payload| Some(payload.as_json().to_owned());
        match operation {
            Operation::Batch => unreachable!("see above"),
            Operation::Load => {
                let loaded = store.load(&alice, NOW);
                told_or(loaded, |it| assert_eq!(it.as_ref(), Some(&before)))
            }
            Operation::Inspect => {
                let inspected = store.inspect(&alice, NOW);
                told_or(inspected, |it| assert_eq!(it, Some(without_ttl(&before))))
            }
            Operation::Touch => told_or(store.touch(&alice, an_hour(), NOW), |it| assert!(it)),
            Operation::Save => {
                let saved = store.save(&after, an_hour(), NOW);
                let found = stored(&mut self.admin, &alice);
                assert!(found == is(&after) || saved.is_err() && found == is(&before), "{found:?}");
                told_or(saved, |()| {})
            }
            Operation::Update => {
                let updated = store.update(&before, &after, an_hour(), NOW);
                let found = stored(&mut self.admin, &alice);
                assert!(
                    found == is(&after) || updated.is_err() && found == is(&before),
                    "{updated:?}, and there is {found:?}"
                );
                told_or(updated, |it| match it {
                    Updated::Saved => {}
                    Updated::Merged(payload) => assert_eq!(payload, after),
                    Updated::Gone | Updated::Moved(_) => panic!("it is not gone"),
                })
            }
            Operation::Destroy => {
                let destroyed = store.destroy(&alice);
                let found = stored(&mut self.admin, &alice);
                assert!(found.is_none() || destroyed.is_err() && found == is(&before));
                told_or(destroyed, |()| {})
            }
            Operation::Regenerate => {
                let next = stamped(&renamed, 0, 2);
                let done = store.regenerate(&before, &next, an_hour(), NOW);
                let old = stored(&mut self.admin, &alice);
                let new = stored(&mut self.admin, &renamed);
                match &done {
                    Ok(Regenerated::Done(payload)) => {
                        assert_eq!((payload, old, new), (&next, None, is(&next)));
                    }
                    Ok(Regenerated::OldRemains(payload, _)) => {
                        assert_eq!((payload, new), (&next, is(&next)));
                        assert!(old.is_none() || old == is(&before));
                    }
                    Ok(Regenerated::Gone) => panic!("it is not gone"),
                    Err(_) => {
                        assert_eq!(old, is(&before), "the session is lost");
                        assert!(new.is_none() || new == is(&next));
                    }
                }
                let is_done = matches!(done, Ok(Regenerated::Done(_)));
                told_or(done, |_| {}) && is_done
            }
        }
    }

    /// Ten requests that wait behind one, and so go together.
    fn play_batch(
        &mut self,
        own: impl Fn(&str) -> SessionId,
        hasty: bool,
        strike: Option<Strike>,
    ) -> bool {
        let [alice, bob, carol, dave, erin, frank] =
            ["alice", "bob", "carol", "dave", "erin", "frank"].map(&own);
        for id in [&alice, &bob, &carol, &dave, &erin, &frank] {
            plant(&mut self.admin, id, stamped(id, 0, 1).as_json());
        }
        let absent = own("absent");
        let ttl = an_hour();
        let expected = stamped(&dave, 0, 1).into_json();
        let requests = [
            Request::Load { id: alice.clone() },
            Request::Save { payload: stamped(&bob, 0, 2), ttl },
            Request::Touch { id: carol, ttl },
            Request::Touch { id: absent.clone(), ttl },
            Request::Replace { expected, payload: stamped(&dave, 0, 2), ttl },
            Request::Destroy { id: erin.clone() },
            Request::Inspect { id: alice.clone() },
            Request::Inspect { id: absent.clone() },
            Request::Load { id: absent },
            Request::Load { id: frank.clone() },
        ];

        let (leading, together) = (Gate::default(), Gate::default());
        let (answer, answers) = channel();
        let store = if hasty { &self.hasty } else { &self.patient };
        let lead = {
            let (leading, together) = (leading.clone(), together.clone());
            move |_| {
                leading.open();
                together.wait();
            }
        };
        store.submit(Request::Load { id: id("nobody") }, NOW, Box::new(lead));
        leading.wait();
        self.arm(strike);
        let store = self.store(hasty);
        for (number, request) in requests.into_iter().enumerate() {
            let answer = answer.clone();
            let tell = move |outcome| answer.send((number, outcome)).expect("the test listens");
            store.submit(request, NOW, Box::new(tell));
        }
        drop(answer);
        together.open();

        let is = |id: &SessionId, number| Some(stamped(id, 0, number).into_json());
        let mut is_done = true;
        for _ in 0..10 {
            let (number, outcome) = answers.recv_timeout(GUARD).expect("every call ends");
            let told = outcome.is_err();
            is_done &= told_or(outcome, |reply| match (number, reply) {
                (0, Reply::Load(it)) => assert_eq!(it, Some(stamped(&alice, 0, 1))),
                (1, Reply::Save) | (2, Reply::Touch(true)) | (3, Reply::Touch(false)) => {}
                (4, Reply::Replace(Found::Expected)) | (5, Reply::Destroy) => {}
                // Sent again, it finds its own text.
                (4, Reply::Replace(Found::Changed(it))) => assert_eq!(Some(it), is(&dave, 2)),
                (6, Reply::Inspect(it)) => {
                    assert_eq!(it, Some(without_ttl(&stamped(&alice, 0, 1))))
                }
                (7, Reply::Inspect(None)) | (8, Reply::Load(None)) => {}
                (9, Reply::Load(it)) => assert_eq!(it, Some(stamped(&frank, 0, 1))),
                (number, reply) => panic!("request {number} was answered {reply:?}"),
            });
            let whole = |found: &Option<String>, changed: Option<String>, old: Option<String>| {
                assert!(*found == changed || told && *found == old, "{number}: {found:?}");
            };
            match number {
                1 => whole(&record(&mut self.admin, &bob), is(&bob, 2), is(&bob, 1)),
                4 => whole(&record(&mut self.admin, &dave), is(&dave, 2), is(&dave, 1)),
                5 => whole(&record(&mut self.admin, &erin), None, is(&erin, 1)),
                _ => {}
            }
        }
        is_done
    }

    /// What comes after the fault gets its own answers, and those of now.
    fn aftermath(&mut self, hasty: bool, at: &str) {
        let probe = id("probe");
        let planted = stamped(&probe, 1, self.number);
        plant(&mut self.admin, &probe, planted.as_json());
        let store = self.store(hasty);
        let absent = id("absent");
        // Soon is sooner than a busy machine may be; the other one has no excuse.
        let tries = if hasty { 20 } else { 1 };
        let loaded = retried(tries, || store.load(&probe, NOW));
        assert_eq!(loaded, Ok(Some(planted)), "after {at}");
        let touched = retried(tries, || store.touch(&absent, an_hour(), NOW));
        assert_eq!(touched, Ok(false), "after {at}");
        let found = retried(tries, || store.load(&absent, NOW));
        assert_eq!(found, Ok(None), "after {at}");
        assert_eq!(retried(tries, || store.touch(&probe, an_hour(), NOW)), Ok(true), "after {at}");
    }

    fn nothing_foreign(&self) {
        for store in [&self.patient, &self.hasty] {
            let incidents = store.incidents();
            assert_eq!((incidents.foreign_records, incidents.unreadable_records), (0, 0));
        }
    }
}

/// What is found of a record that was planted.
fn without_ttl(payload: &Payload) -> Inspected {
    Inspected { payload: payload.clone(), left: Duration::ZERO }
}

/// The faults to play at an offset.
fn kinds(extent: Extent, offset: usize) -> Vec<Kind> {
    if extent.is_long {
        // A trickle spoils as many bytes as it is long.
        let trickle = offset.is_multiple_of(8).then_some(Kind::Trickle);
        return [Kind::Cut, Kind::Reset, Kind::Hold].into_iter().chain(trickle).collect();
    }
    let ending = if offset.is_multiple_of(2) { Kind::Cut } else { Kind::Reset };
    let slow = match offset % 64 {
        7 => Some(Kind::Hold),
        8 => Some(Kind::Trickle),
        _ => None,
    };
    [ending].into_iter().chain(slow).collect()
}

/// Whether a call was done, which `check` looks at; if not, it must have been told honestly.
fn told_or<T: std::fmt::Debug>(outcome: Result<T, StoreError>, check: impl FnOnce(T)) -> bool {
    match outcome {
        Ok(reply) => {
            check(reply);
            true
        }
        Err(StoreError::Busy | StoreError::Disconnected | StoreError::TimedOut) => false,
        Err(error) => panic!("{error:?} is not what happened"),
    }
}

fn retried<T>(tries: usize, call: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut outcome = call();
    for _ in 1..tries {
        if !outcome.as_ref().is_err_and(StoreError::is_retryable) {
            break;
        }
        outcome = call();
    }
    outcome
}

fn insist(call: impl Fn() -> Result<(), StoreError>) {
    retried(50, call).expect("nothing is wrong between the faults");
}

const PATIENCE: Duration = Duration::from_secs(5);

/// How long anything may take before it is called off: no measure of speed.
const GUARD: Duration = Duration::from_secs(20);
