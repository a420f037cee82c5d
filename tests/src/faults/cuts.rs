//! Many threads, and connections that break at random bytes in random ways.
//!
//! ```text
//!   each thread   a life: created, updated, regenerated, destroyed      nobody else writes it
//!                 a record that it saves whatever is there
//!   all threads   some sessions that all of them update
//! ```
//!
//! Each answer must be the session's own, and none older than what was acknowledged; what was
//! destroyed stays so. At the end every record on the server is one that somebody wrote.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rudder_session::store::{Regenerated, Updated};
use rudder_session::{Payload, SessionId, Store, StoreError};

use super::Extent;
use super::offsets::Method;
use super::samples::{
    NOW, an_hour, id, plant, record, redis, shared, shared_number, stamped, without_scripts,
    writer_of,
};
use crate::proxy::{Direction, Fault, Proxy, Strike};
use crate::random::Random;
use crate::redis_server::RedisServer;
use crate::resp::{Client, Reply};

const THREADS: usize = 64;
const SHARED: usize = 16;
const DEADLINE: Duration = Duration::from_millis(100);

/// Of one operation: some calls, each of some steps with that deadline. A guard against what
/// hangs, and no measure.
const WORST: Duration = Duration::from_secs(10);

/// So many operations.
pub fn random_cuts(extent: Extent, method: Method) -> String {
    let most = extent.pick(5_000, 100_000);
    Run::new(extent, method).until(&|count| count >= most)
}

/// The load, and what it runs on.
pub(super) struct Run {
    server: RedisServer,
    proxy: Proxy,
    store: rudder_session::RedisStore,
    random: Random,
}

impl Run {
    pub(super) fn new(extent: Extent, method: Method) -> Self {
        let server = RedisServer::start();
        let random = Random::new(extent.seed);
        let mut of_proxy = random.fork(usize::MAX - 1);
        let proxy = Proxy::start(server.port(), move || Some(strike(&mut of_proxy)));
        let user = match method {
            Method::Script => "",
            Method::Watch => without_scripts(&mut server.client()),
        };
        let store = redis(format!("redis://{user}127.0.0.1:{}", proxy.port()), 4, DEADLINE);
        let mut admin = server.client();
        for session in 0..SHARED {
            let id = shared_id(session);
            plant(&mut admin, &id, shared(&id).as_json());
        }
        Self { server, proxy, store, random }
    }

    /// Has the server hang for so long.
    pub(super) fn stop_the_server(&self, lasts: Duration) {
        self.server.stop();
        thread::sleep(lasts);
        self.server.go_on();
    }

    /// Lets all threads work until `is_over` says so of the number of operations so far; looks
    /// at everything then, and says what there was.
    pub(super) fn until(&self, is_over: &(dyn Fn(usize) -> bool + Sync)) -> String {
        let count = AtomicUsize::new(0);
        let workers: Vec<Worker<'_>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|number| {
                    let worker = Worker::new(&self.store, number, self.random.fork(number));
                    let count = &count;
                    scope.spawn(move || worker.work(count, is_over))
                })
                .collect();
            threads.into_iter().map(|it| it.join().expect("a thread panicked")).collect()
        });
        self.proxy.calm_down();

        let mut admin = self.server.client();
        for worker in &workers {
            worker.find_everything(&mut admin);
        }
        let records = everything_is_whole(&mut admin);
        let incidents = self.store.incidents();
        assert_eq!((incidents.foreign_records, incidents.unreadable_records), (0, 0));
        let failed: usize = workers.iter().map(|it| it.failed).sum();
        let worst = workers.iter().map(|it| it.worst).max().unwrap_or_default();
        assert!(worst < WORST, "an operation took {worst:?}");
        let count = count.load(Ordering::SeqCst);
        let strikes = self.proxy.strikes();
        assert!(strikes * 400 > count, "{strikes} faults in {count} operations test nothing");
        assert!(failed < count / 2, "{failed} of {count} failed: nothing was tested");
        format!(
            "{count} operations of {THREADS} threads, {strikes} faults on {} connections, \
            {failed} told, {} refused by the breaker, the worst took {} ms; \
            {records} records at the end, all whole",
            self.proxy.connections(),
            incidents.calls_not_tried,
            worst.as_millis()
        )
    }
}

/// What will strike a connection.
fn strike(random: &mut Random) -> Strike {
    let on = if random.below(2) == 0 { Direction::Request } else { Direction::Reply };
    // As likely in the first bytes as in the hundredth kilobyte.
    let scale = 1 << (4 + random.below(14));
    let after_bytes = random.below(scale);
    let fault = match random.below(8) {
        0..3 => Fault::Cut,
        3..6 => Fault::Reset,
        6 => Fault::Pause(random.millis(200)),
        _ => Fault::Trickle(random.below(100), random.millis(3)),
    };
    Strike { on, after_bytes, fault }
}

fn shared_id(session: usize) -> SessionId {
    id(&format!("shared-{session}"))
}

/// A session that one thread alone writes.
struct Life {
    id: SessionId,
    acknowledged: u64,
    tried: u64,
}

struct Worker<'a> {
    store: &'a dyn Store,
    number: usize,
    random: Random,
    lives: usize,
    life: Option<Life>,
    /// Sessions whose destruction is not acknowledged yet.
    doomed: Vec<SessionId>,
    /// Sessions whose destruction is.
    dead: VecDeque<SessionId>,
    saved_acknowledged: bool,
    saves: u64,
    /// Numbers of the last update of each shared session: acknowledged, tried.
    shared: [(u64, u64); SHARED],
    failed: usize,
    worst: Duration,
}

impl<'a> Worker<'a> {
    fn new(store: &'a dyn Store, number: usize, random: Random) -> Self {
        Self {
            store,
            number,
            random,
            lives: 0,
            life: None,
            doomed: Vec::new(),
            dead: VecDeque::new(),
            saved_acknowledged: false,
            saves: 0,
            shared: [(0, 0); SHARED],
            failed: 0,
            worst: Duration::ZERO,
        }
    }

    fn work(mut self, count: &AtomicUsize, is_over: &dyn Fn(usize) -> bool) -> Self {
        while !is_over(count.load(Ordering::Relaxed)) {
            let started_at = Instant::now();
            let outcome = self.step();
            self.worst = self.worst.max(started_at.elapsed());
            match outcome {
                Err(StoreError::Unreachable) if started_at.elapsed() < Duration::from_millis(1) => {
                    // The breaker: nothing was tried. Callers do not ask again at once.
                    thread::sleep(Duration::from_millis(2));
                    continue;
                }
                Err(error) => {
                    assert!(error.is_retryable(), "{error:?} is not what happened");
                    self.failed += 1;
                }
                Ok(()) => {}
            }
            count.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    fn step(&mut self) -> Result<(), StoreError> {
        if let Some(id) = self.doomed.last() {
            self.store.destroy(id)?;
            self.dead.extend(self.doomed.pop());
        }
        // Those that were moved to another id among them; however long this lasts, not all of them.
        while self.dead.len() > 200 {
            self.dead.pop_front();
        }
        match self.random.below(20) {
            0..8 => self.live(),
            8..11 => self.save_or_load(),
            11..18 => self.share(),
            18 => self.look_for_the_dead(),
            _ => {
                let absent = id(&format!("absent-{}", self.number));
                assert_eq!(self.store.load(&absent, NOW)?, None);
                assert!(!self.store.touch(&absent, an_hour(), NOW)?, "it is absent");
                Ok(())
            }
        }
    }

    fn live(&mut self) -> Result<(), StoreError> {
        let own = self.number;
        let Some(life) = &mut self.life else {
            self.lives += 1;
            let id = id(&format!("life-{own}-{}", self.lives));
            // If that is not acknowledged, this life is given up: it may come late.
            assert!(self.store.create(&stamped(&id, own, 0), an_hour(), NOW)?, "nobody has it");
            self.life = Some(Life { id, acknowledged: 0, tried: 0 });
            return Ok(());
        };
        let loaded = self.store.load(&life.id, NOW)?.expect("it is alive");
        let (writer, number) = writer_of(&life.id, &loaded);
        assert_eq!(writer, own);
        assert!((life.acknowledged..=life.tried).contains(&number), "{number} is no write of now");
        match self.random.below(10) {
            0..5 => {
                life.tried += 1;
                let next = stamped(&life.id, own, life.tried);
                match self.store.update(&loaded, &next, an_hour(), NOW)? {
                    Updated::Saved => {}
                    Updated::Merged(it) => assert_eq!(it, next),
                    Updated::Gone => panic!("it is alive"),
                    Updated::Moved(_) => panic!("nobody else regenerates it"),
                }
                life.acknowledged = life.tried;
            }
            5..7 => assert!(self.store.touch(&life.id, an_hour(), NOW)?, "it is alive"),
            7..9 => {
                self.lives += 1;
                let new = id(&format!("life-{own}-{}", self.lives));
                let next = stamped(&new, own, life.tried + 1);
                let done = self.store.regenerate(&loaded, &next, an_hour(), NOW)?;
                let (Regenerated::Done(it) | Regenerated::OldRemains(it, _)) = &done else {
                    panic!("it is alive");
                };
                assert_eq!(*it, next);
                let number = life.tried + 1;
                let old = std::mem::replace(&mut life.id, new);
                (life.acknowledged, life.tried) = (number, number);
                match done {
                    Regenerated::Done(_) => self.dead.push_back(old),
                    _ => self.doomed.push(old),
                }
            }
            _ => {
                // Until that is acknowledged it is neither dead nor alive.
                self.doomed.extend(self.life.take().map(|it| it.id));
            }
        }
        Ok(())
    }

    fn save_or_load(&mut self) -> Result<(), StoreError> {
        let own = id(&format!("saved-{}", self.number));
        if self.random.below(2) == 0 {
            self.saves += 1;
            self.store.save(&stamped(&own, self.number, self.saves), an_hour(), NOW)?;
            self.saved_acknowledged = true;
            return Ok(());
        }
        match self.store.load(&own, NOW)? {
            // A save that was given up may come late, so it need not be the last.
            Some(loaded) => {
                let (writer, number) = writer_of(&own, &loaded);
                assert!(writer == self.number && number <= self.saves);
            }
            None => assert!(!self.saved_acknowledged, "a saved record is gone"),
        }
        Ok(())
    }

    fn share(&mut self) -> Result<(), StoreError> {
        let session = self.random.below(SHARED);
        let id = shared_id(session);
        let base = self.store.load(&id, NOW)?.expect("nobody destroys it");
        self.check_shared(session, &base);
        if self.random.below(2) == 0 {
            return Ok(());
        }
        let (acknowledged, tried) = &mut self.shared[session];
        *tried += 1;
        let mut next = base.clone();
        next.put(&format!("w{}", self.number), tried).expect("serialisable");
        match self.store.update(&base, &next, an_hour(), NOW)? {
            Updated::Saved | Updated::Merged(_) => *acknowledged = *tried,
            Updated::Gone | Updated::Moved(_) => panic!("nobody destroys it or regenerates it"),
        }
        Ok(())
    }

    fn check_shared(&self, session: usize, payload: &Payload) {
        let (acknowledged, tried) = self.shared[session];
        let number = shared_number(&shared_id(session), payload, self.number).unwrap_or(0);
        assert!(
            (acknowledged..=tried).contains(&number),
            "{number} is there, {acknowledged} was acknowledged, {tried} tried"
        );
    }

    fn look_for_the_dead(&mut self) -> Result<(), StoreError> {
        if self.dead.is_empty() {
            return Ok(());
        }
        let id = &self.dead[self.random.below(self.dead.len())];
        assert_eq!(self.store.load(id, NOW)?, None, "it came back");
        Ok(())
    }

    /// What this worker was promised is on the server.
    fn find_everything(&self, admin: &mut Client) {
        for session in 0..SHARED {
            let text = record(admin, &shared_id(session)).expect("nobody destroys it");
            self.check_shared(session, &Payload::parse(text).expect("a payload"));
        }
        if let Some(life) = &self.life {
            let text = record(admin, &life.id).expect("it is alive");
            let (_, number) = writer_of(&life.id, &Payload::parse(text).expect("a payload"));
            assert!((life.acknowledged..=life.tried).contains(&number));
        }
        for id in &self.dead {
            assert_eq!(record(admin, id), None, "it came back");
        }
    }
}

/// Looks at every record there is; how many there are.
fn everything_is_whole(admin: &mut Client) -> usize {
    let Reply::Array(names) = admin.call(&["KEYS", "*"]) else { panic!("no list of names") };
    let count = names.len();
    for name in names {
        let Reply::Bulk(name) = name else { panic!("no name") };
        let name = String::from_utf8(name).expect("names are text");
        let id = id(name.strip_prefix("session:").expect("nobody writes anything else"));
        let text = record(admin, &id).expect("nobody writes any more");
        let payload = Payload::parse(text.as_str()).expect("a payload");
        assert_eq!(payload.as_json(), text);
        if id.as_str().starts_with("shared-") {
            shared_number(&id, &payload, 0);
        } else {
            writer_of(&id, &payload);
        }
    }
    count
}
