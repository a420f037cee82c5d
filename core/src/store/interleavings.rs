//! Every order in which the steps of several requests to one session can come.
//!
//! Each request is a [`Procedure`] that asks for one step of the store at a time, so a scheduler
//! can let any of them go next. It follows every order, on a store of its own each. Two orders
//! that have led to the same records, and have told every request the same, go on in the same
//! ways: only one of them is followed further.

use std::collections::{BTreeSet, HashSet};

use super::destroy_session::DestroySession;
use super::procedure::{Next, Procedure};
use super::regenerate::Regenerate;
use super::resume::Resume;
use super::update::Update;
use super::{MemoryConfig, MemoryStore, Regenerated, Reply, Request, Resumed, Store, Updated};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Lifetime, Ttl, UnixMillis};
use crate::timeouts::Timeouts;

#[test]
fn no_order_loses_a_write_or_undoes_a_logout() {
    let requests = [Actor::Write("a"), Actor::Write("b"), Actor::Regenerate, Actor::Destroy];

    every_order(&requests, |world, ends| {
        assert_eq!(world.keys("old"), None, "a logout was undone: {ends:?}");
        match &ends[2] {
            End::Regenerated(Regenerated::Done(_)) => {
                assert_eq!(world.keys("new"), Some(written(ends)), "a write was lost: {ends:?}");
            }
            End::Regenerated(Regenerated::Gone) => {
                assert_eq!(world.keys("new"), None, "a logout was evaded: {ends:?}");
            }
            _ => panic!("{ends:?}"),
        }
    });
}

#[test]
fn no_order_of_writers_loses_a_write() {
    every_order(&[Actor::Write("a"), Actor::Write("b"), Actor::Write("c")], |world, ends| {
        assert_eq!(written(ends).len(), 3, "{ends:?}");
        assert_eq!(world.keys("old"), Some(written(ends)), "{ends:?}");
    });
}

#[test]
fn after_a_destroy_every_writer_is_told_that_the_session_is_gone() {
    for destroy in [Actor::Destroy, Actor::DestroySession] {
        every_order(&[destroy, Actor::Write("a"), Actor::Write("b")], |world, ends| {
            assert_eq!(world.keys("old"), None, "{ends:?}");
            assert!(ends[1..].iter().all(|end| matches!(end, End::Written(..))), "{ends:?}");
        });
    }
}

#[test]
fn with_grace_no_order_loses_a_write() {
    for (regenerate, id) in
        [(Actor::RegenerateWithGrace("new"), "new"), (Actor::RegenerateTwice, "newer")]
    {
        every_order(&[Actor::Write("a"), Actor::Write("b"), regenerate], |world, ends| {
            assert_eq!(written(ends), BTreeSet::from(["a", "b"]), "{ends:?}");
            assert_eq!(world.keys(id), Some(written(ends)), "{ends:?}");
            assert_eq!(world.keys("old"), None, "{ends:?}");
            assert_eq!(world.resumed("old", NOW), Some(written(ends)), "{ends:?}");
            assert_eq!(world.resumed("old", LATER), None, "{ends:?}");
        });
    }
}

#[test]
fn with_grace_no_order_undoes_a_logout_through_the_old_id() {
    let (a, b) = (Actor::Write("a"), Actor::Write("b"));
    let once = [a, b, Actor::RegenerateWithGrace("new"), Actor::DestroySession];
    let twice = [a, Actor::RegenerateTwice, Actor::DestroySession];
    for requests in [once.as_slice(), &twice] {
        every_order(requests, |world, ends| {
            for id in IDS {
                assert_eq!(world.keys(id), None, "{id}: {ends:?}");
                assert_eq!(world.resumed(id, NOW), None, "{id}: {ends:?}");
            }
        });
    }
}

#[test]
fn with_grace_no_order_undoes_a_logout_through_the_new_id() {
    let requests = [Actor::Write("a"), Actor::Write("b"), Actor::RegenerateAndDestroy];

    every_order(&requests, |world, ends| {
        for id in IDS {
            assert_eq!(world.keys(id), None, "{id}: {ends:?}");
            assert_eq!(world.resumed(id, NOW), None, "{id}: {ends:?}");
        }
        assert_eq!(ends.last(), Some(&End::Destroyed));
    });
}

#[test]
fn of_two_that_regenerate_one_session_one_succeeds() {
    let both = [
        [Actor::RegenerateWithGrace("new"), Actor::RegenerateWithGrace("other")],
        [Actor::RegenerateWithGrace("other"), Actor::Regenerate],
    ];
    for [first, second] in both {
        every_order(&[first, second, Actor::Write("a")], |world, ends| {
            let done = ends.iter().filter_map(|end| match end {
                End::Regenerated(Regenerated::Done(payload)) => payload.session_id(),
                _ => None,
            });
            let done: Vec<_> = done.collect();
            let [done] = done.as_slice() else { panic!("{ends:?}") };

            for name in IDS {
                let expected = (id(name) == *done).then(|| written(ends));
                assert_eq!(world.keys(name), expected, "{name}: {ends:?}");
            }
            assert!(IDS.into_iter().any(|name| id(name) == *done));
        });
    }
}

#[test]
fn no_order_of_touches_prolongs_the_grace() {
    let regenerate = Actor::RegenerateWithGrace("new");
    every_order(&[Actor::Resume, regenerate, Actor::Resume], |world, ends| {
        for end in [&ends[0], &ends[2]] {
            let served = matches!(
                end,
                End::Resumed(Resumed::Moved(_) | Resumed::Session { touched: Ok(_), .. })
            );
            assert!(served, "{ends:?}");
        }
        assert_eq!(world.resumed("old", LATER), None, "{ends:?}");
        assert!(world.resumed("new", LATER).is_some(), "{ends:?}");
    });
}

const NOW: UnixMillis = UnixMillis::new(0);

/// When a grace that began at [`NOW`] is over.
const LATER: UnixMillis = UnixMillis::new(10_000);

/// All the ids that the session may come to have, by the names of [`id`].
const IDS: [&str; 4] = ["old", "new", "newer", "other"];

/// What one client does to the session, whose id is `old` when it loads it.
#[derive(Clone, Copy, Debug)]
enum Actor {
    Destroy,
    DestroySession,
    /// To `new`, without grace.
    Regenerate,
    /// To `new`, with grace, and then destroys that in one step.
    RegenerateAndDestroy,
    /// To `new`, with grace, and then to `newer`.
    RegenerateTwice,
    RegenerateWithGrace(&'static str),
    /// Touches what it finds.
    Resume,
    /// Puts its own name.
    Write(&'static str),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Destroyed,
    Failed(StoreError),
    Regenerated(Regenerated),
    Resumed(Resumed),
    Written(&'static str, Updated),
}

/// The names of those whose writes were acknowledged.
fn written(ends: &[End]) -> BTreeSet<&'static str> {
    let acknowledged = ends.iter().filter_map(|end| match end {
        End::Written(name, Updated::Saved | Updated::Merged(_) | Updated::Moved(_)) => Some(*name),
        _ => None,
    });
    acknowledged.collect()
}

struct World {
    store: MemoryStore,
    /// What all requests have loaded, at the same time.
    base: Payload,
    ttl: Ttl,
}

impl World {
    fn new() -> Self {
        let ttl = Ttl::from_seconds(60).expect("legal");
        let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
        let base = Payload::new(&id("old"));
        store.save(&base, ttl, NOW).expect("in memory");
        Self { store, base, ttl }
    }

    /// The first thing that `actor` does.
    fn begin(&self, actor: Actor) -> Box<dyn Steps> {
        let old = id("old");
        match actor {
            Actor::Destroy => plain_destroy("old"),
            Actor::DestroySession => steps(DestroySession::start(&old), |()| End::Destroyed),
            Actor::Regenerate => self.regenerate(&self.base, "new", None),
            Actor::RegenerateAndDestroy | Actor::RegenerateTwice => {
                self.regenerate(&self.base, "new", Some(grace()))
            }
            Actor::RegenerateWithGrace(to) => self.regenerate(&self.base, to, Some(grace())),
            Actor::Resume => steps(Resume::start(&old, &always_touch(), NOW), End::Resumed),
            Actor::Write(name) => {
                let mut payload = self.base.clone();
                payload.put(name, &true).expect("serialisable");
                let update = Update::onto(&self.base, &payload, self.ttl, NOW);
                steps(update, move |updated| End::Written(name, updated))
            }
        }
    }

    /// What `actor` does after what has come to this end; most do nothing more.
    fn go_on(&self, actor: Actor, end: &End) -> Option<Box<dyn Steps>> {
        let End::Regenerated(Regenerated::Done(payload)) = end else { return None };
        match actor {
            Actor::RegenerateAndDestroy => Some(plain_destroy("new")),
            Actor::RegenerateTwice if payload.belongs_to(&id("new")) => {
                Some(self.regenerate(payload, "newer", Some(grace())))
            }
            _ => None,
        }
    }

    fn regenerate(&self, base: &Payload, to: &str, grace: Option<Ttl>) -> Box<dyn Steps> {
        let regenerate = Regenerate::start(base, &base.with_id(&id(to)), self.ttl, grace, NOW);
        steps(regenerate, End::Regenerated)
    }

    /// The keys of the session that is stored under this id.
    fn keys(&self, name: &str) -> Option<BTreeSet<&'static str>> {
        self.store.load(&id(name), NOW).expect("in memory").map(|it| keys_of(&it))
    }

    /// The keys of the session that a request with this id gets.
    fn resumed(&self, name: &str, now: UnixMillis) -> Option<BTreeSet<&'static str>> {
        match self.store.resume(&id(name), &always_touch(), now).expect("in memory") {
            Resumed::Moved(payload) | Resumed::Session { payload, .. } => Some(keys_of(&payload)),
            Resumed::Expired | Resumed::None => None,
        }
    }

    /// All records, as text.
    fn records(&self) -> Vec<String> {
        let record = |name| self.store.inspect(&id(name), NOW).expect("in memory");
        IDS.into_iter().filter_map(record).map(|it| it.payload.into_json()).collect()
    }
}

/// A procedure on its way, whatever it is.
trait Steps {
    /// Takes one step, and adds what the store told to `told`; the end, if that was the last.
    fn step(&mut self, store: &MemoryStore, told: &mut Vec<String>) -> Option<End>;
}

struct OnItsWay<P, T, F> {
    next: Option<Next<P, T>>,
    end: F,
}

impl<T, P: Procedure<T>, F: Fn(T) -> End> Steps for OnItsWay<P, T, F> {
    fn step(&mut self, store: &MemoryStore, told: &mut Vec<String>) -> Option<End> {
        let Some(Next::Ask(request, procedure)) = self.next.take() else {
            panic!("it has come to its end");
        };
        let reply = store.call(request, NOW);
        told.push(match &reply {
            // The payload's own Debug says nothing of it.
            Ok(Reply::Inspect(Some(record))) => record.payload.as_json().to_owned(),
            reply => format!("{reply:?}"),
        });
        match procedure.next(reply) {
            Next::Done(Ok(outcome)) => Some((self.end)(outcome)),
            Next::Done(Err(error)) => Some(End::Failed(error)),
            next => {
                self.next = Some(next);
                None
            }
        }
    }
}

fn steps<T: 'static, P: Procedure<T> + 'static>(
    next: Next<P, T>,
    end: impl Fn(T) -> End + 'static,
) -> Box<dyn Steps> {
    Box::new(OnItsWay { next: Some(next), end })
}

/// [`Store::destroy`], which is one step.
struct PlainDestroy;

impl Procedure<()> for PlainDestroy {
    fn next(self, outcome: Result<Reply, StoreError>) -> Next<Self, ()> {
        Next::Done(outcome.map(|_| ()))
    }
}

fn plain_destroy(name: &str) -> Box<dyn Steps> {
    steps(Next::Ask(Request::Destroy { id: id(name) }, PlainDestroy), |()| End::Destroyed)
}

/// Follows every order of the `actors`' steps, and calls `check` with each way to end.
fn every_order(actors: &[Actor], mut check: impl FnMut(&World, &[End])) {
    let mut seen = HashSet::new();
    let mut unfollowed: Vec<Vec<usize>> = vec![Vec::new()];
    let mut ways_to_end = 0;
    while let Some(order) = unfollowed.pop() {
        let world = World::new();
        let mut told = vec![Vec::new(); actors.len()];
        let mut on_their_way: Vec<_> = actors.iter().map(|it| Some(world.begin(*it))).collect();
        let mut ends: Vec<Option<End>> = vec![None; actors.len()];
        for &actor in &order {
            let steps = on_their_way[actor].as_mut().expect("not at its end");
            if let Some(end) = steps.step(&world.store, &mut told[actor]) {
                on_their_way[actor] = world.go_on(actors[actor], &end);
                ends[actor] = Some(end);
            }
        }
        if !seen.insert((world.records(), told)) {
            continue;
        }
        let going = (0..actors.len()).filter(|actor| on_their_way[*actor].is_some());
        let further: Vec<_> = going.map(|actor| [order.as_slice(), &[actor]].concat()).collect();
        if further.is_empty() {
            let ends: Vec<_> = ends.into_iter().flatten().collect();
            assert!(!ends.iter().any(|end| matches!(end, End::Failed(_))), "{order:?}: {ends:?}");
            check(&world, &ends);
            ways_to_end += 1;
        }
        unfollowed.extend(further);
    }
    assert!(ways_to_end > actors.len(), "only {ways_to_end} ways to end");
}

fn keys_of(payload: &Payload) -> BTreeSet<&'static str> {
    ["a", "b", "c"].into_iter().filter(|key| payload.get_json(key).is_some()).collect()
}

fn always_touch() -> Timeouts {
    let timeouts = Timeouts::idle(Lifetime::from_minutes(2.0).expect("legal"));
    timeouts.with_touch_below(1.0).expect("legal")
}

fn grace() -> Ttl {
    Ttl::from_seconds(10).expect("legal")
}

/// One that the search of all output knows for what it is.
fn id(name: &str) -> SessionId {
    SessionId::parse(&format!("id-QxYwVzUa-{name}")).expect("legal")
}
