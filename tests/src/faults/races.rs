//! Many threads update, regenerate and destroy the same sessions.
//!
//! No update that was acknowledged is lost, unless its session was destroyed; and no session that
//! was destroyed is back, under whatever id it ever had.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rudder_session::store::{Regenerated, Updated};
use rudder_session::{
    Durability, FileConfig, FileStore, MemoryConfig, MemoryStore, SessionId, Store, StoreError,
};

use super::Extent;
use super::samples::{NOW, an_hour, id, redis, shared, without_scripts};
use crate::random::Random;
use crate::redis_server::{RedisServer, TempDir};

const SESSIONS: usize = 100;
const THREADS: usize = 32;

/// In memory.
pub fn memory(extent: Extent) -> String {
    let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
    race(extent, &store)
}

/// In a file.
pub fn file(extent: Extent, durability: Durability) -> String {
    let folder = TempDir::new();
    let deadline = Duration::from_secs(60);
    let path = folder.path().join("races.redb");
    let store = FileStore::open(FileConfig { durability, deadline, ..FileConfig::at(path) })
        .expect("a new file");
    race(extent, &store)
}

/// In Redis.
pub fn redis_with_scripts(extent: Extent) -> String {
    let server = RedisServer::start();
    race(extent, &redis(server.url(), 8, Duration::from_secs(60)))
}

/// In Redis, by WATCH.
pub fn redis_without_scripts(extent: Extent) -> String {
    let server = RedisServer::start();
    let user = without_scripts(&mut server.client());
    let url = format!("redis://{user}127.0.0.1:{}", server.port());
    race(extent, &redis(url, 8, Duration::from_secs(60)))
}

/// One session, under all the ids that it has had.
struct Subject {
    /// The last one, and those before it; ids that a regenerate made in vain are among these.
    ids: Mutex<Ids>,
    /// Regenerates under way.
    regenerates: (Mutex<usize>, Condvar),
    acknowledged: Mutex<Vec<String>>,
    is_destroyed: AtomicBool,
    /// It is at most once, when so many operations have been done.
    destroyed_after: Option<usize>,
    may_regenerate: bool,
}

struct Ids {
    current: SessionId,
    former: Vec<SessionId>,
}

#[derive(Default)]
struct Counts {
    operations: AtomicUsize,
    updates: AtomicUsize,
    merges: AtomicUsize,
    conflicts: AtomicUsize,
    gone: AtomicUsize,
    regenerates: AtomicUsize,
    regenerates_in_vain: AtomicUsize,
}

struct Race<'a> {
    store: &'a dyn Store,
    subjects: Vec<Subject>,
    counts: Counts,
    most: usize,
}

/// Has threads race on `store`; none of their calls may fail.
pub(super) fn race(extent: Extent, store: &dyn Store) -> String {
    let most = extent.pick(10_000, 100_000);
    let mut random = Random::new(extent.seed);
    let subjects = (0..SESSIONS).map(|session| {
        let current = id(&format!("s{session}-0"));
        store.save(&shared(&current), an_hour(), NOW).expect("saved");
        Subject {
            ids: Mutex::new(Ids { current, former: Vec::new() }),
            regenerates: (Mutex::new(0), Condvar::new()),
            acknowledged: Mutex::default(),
            is_destroyed: AtomicBool::new(false),
            destroyed_after: (session % 3 == 0).then(|| random.below(most)),
            may_regenerate: session % 2 == 0,
        }
    });
    let race = Race { store, subjects: subjects.collect(), counts: Counts::default(), most };
    thread::scope(|scope| {
        for number in 0..THREADS {
            let random = random.fork(number);
            let race = &race;
            scope.spawn(move || race.run(number, random));
        }
    });
    race.judge()
}

impl Race<'_> {
    fn run(&self, thread: usize, mut random: Random) {
        let mut number = 0;
        loop {
            let done = self.counts.operations.fetch_add(1, Ordering::SeqCst);
            if done >= self.most {
                break;
            }
            number += 1;
            let subject = &self.subjects[random.below(SESSIONS)];
            let is_due = subject.destroyed_after.is_some_and(|it| done >= it);
            if is_due && !subject.is_destroyed.load(Ordering::SeqCst) {
                self.destroy(subject);
            } else if subject.may_regenerate && random.below(10) == 0 {
                self.regenerate(subject, &format!("{thread}-{number}"));
            } else if random.below(10) == 0 {
                self.look_for_the_dead(subject, &mut random);
            } else {
                self.update(subject, format!("w{thread}n{number}"));
            }
        }
    }

    fn update(&self, subject: &Subject, key: String) {
        let current = lock(&subject.ids).current.clone();
        // Regenerated or destroyed meanwhile.
        let Some(base) = self.store.load(&current, NOW).expect("a reply") else { return };
        let mut next = base.clone();
        next.put(&key, &1).expect("serialisable");
        match self.store.update(&base, &next, an_hour(), NOW) {
            Ok(Updated::Gone) => count(&self.counts.gone),
            Err(StoreError::Conflict) => count(&self.counts.conflicts),
            Err(error) => panic!("{error}"),
            Ok(updated) => {
                count(&self.counts.updates);
                if matches!(updated, Updated::Merged(_)) {
                    count(&self.counts.merges);
                }
                lock(&subject.acknowledged).push(key);
            }
        }
    }

    fn regenerate(&self, subject: &Subject, name: &str) {
        *lock(&subject.regenerates.0) += 1;
        let current = lock(&subject.ids).current.clone();
        if let Some(base) = self.store.load(&current, NOW).expect("a reply") {
            let new = id(&format!("r{name}"));
            let done = self.store.regenerate(&base, &base.with_id(&new), an_hour(), NOW);
            let mut ids = lock(&subject.ids);
            match done {
                Ok(Regenerated::Done(_)) => {
                    count(&self.counts.regenerates);
                    assert!(ids.current == current, "two regenerates of one record won");
                    let old = std::mem::replace(&mut ids.current, new);
                    ids.former.push(old);
                }
                Ok(Regenerated::Gone) | Err(StoreError::Conflict) => {
                    count(&self.counts.regenerates_in_vain);
                    ids.former.push(new);
                }
                other => panic!("{other:?}"),
            }
        }
        *lock(&subject.regenerates.0) -= 1;
        subject.regenerates.1.notify_all();
    }

    /// A logout under the id that the session has. One that a regenerate has just taken away is
    /// not it any more; then the next one is.
    fn destroy(&self, subject: &Subject) {
        loop {
            let current = lock(&subject.ids).current.clone();
            self.store.destroy(&current).expect("destroyed");
            let under_way = lock(&subject.regenerates.0);
            let _none = subject.regenerates.1.wait_while(under_way, |it| *it > 0);
            if lock(&subject.ids).current == current {
                break;
            }
        }
        subject.is_destroyed.store(true, Ordering::SeqCst);
    }

    fn look_for_the_dead(&self, subject: &Subject, random: &mut Random) {
        let is_destroyed = subject.is_destroyed.load(Ordering::SeqCst);
        let (current, former) = {
            let ids = lock(&subject.ids);
            let former = ids.former.len();
            let former = (former > 0).then(|| ids.former[random.below(former)].clone());
            (ids.current.clone(), former)
        };
        let dead = former.into_iter().chain(is_destroyed.then_some(current));
        for id in dead {
            assert_eq!(self.store.load(&id, NOW), Ok(None), "{} is back", id.as_str());
            assert_eq!(self.store.touch(&id, an_hour(), NOW), Ok(false));
        }
    }

    fn judge(&self) -> String {
        let (mut lost, mut back, mut destroyed, mut kept) = (0, 0, 0, 0);
        for subject in &self.subjects {
            let ids = lock(&subject.ids);
            let load = |id| self.store.load(id, NOW).expect("a reply");
            back += ids.former.iter().filter(|id| load(id).is_some()).count();
            let stored = load(&ids.current);
            if subject.is_destroyed.load(Ordering::SeqCst) {
                destroyed += 1;
                back += usize::from(stored.is_some());
                continue;
            }
            let stored = stored.expect("nobody destroyed it");
            for key in lock(&subject.acknowledged).iter() {
                kept += 1;
                lost += usize::from(stored.get_json(key) != Some("1"));
            }
        }
        let of = |it: &AtomicUsize| it.load(Ordering::SeqCst);
        let counts = &self.counts;
        let shown = format!(
            "{} operations: {} updates ({} merged, {} conflicts told, {} met a gone session), \
            {} regenerates ({} in vain), {destroyed} of {SESSIONS} sessions destroyed; \
            {lost} of {kept} acknowledged updates lost, {back} sessions back",
            self.most,
            of(&counts.updates),
            of(&counts.merges),
            of(&counts.conflicts),
            of(&counts.gone),
            of(&counts.regenerates),
            of(&counts.regenerates_in_vain)
        );
        assert_eq!((lost, back), (0, 0), "{shown}");
        assert!(destroyed > SESSIONS / 5 && of(&counts.regenerates) > SESSIONS, "{shown}");
        let incidents = self.store.incidents();
        assert_eq!((incidents.foreign_records, incidents.unreadable_records), (0, 0));
        shown
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics in here")
}
