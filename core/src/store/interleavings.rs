//! Every order in which the steps of several requests to one session can come.
//!
//! Each request is a [`Procedure`] that asks for one step of the store at a time, so a scheduler
//! can let any of them go next. It tries all orders, depth first, on a store of its own each.

use std::collections::BTreeSet;

use super::update::{Next, Procedure, Regenerate, Update};
use super::{MemoryConfig, MemoryStore, Regenerated, Reply, Request, Store, Updated};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};

const NOW: UnixMillis = UnixMillis::new(0);

/// What one request does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Actor {
    Destroy,
    Regenerate,
    /// Puts its own name.
    Write(&'static str),
}

/// A request on its way.
enum Progress {
    NotStarted,
    Destroying,
    Regenerating(Next<Regenerate, Regenerated>),
    Writing(Next<Update, Updated>),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Destroyed,
    Regenerated(Result<Regenerated, StoreError>),
    Written(Result<Updated, StoreError>),
}

struct World {
    store: MemoryStore,
    old: SessionId,
    new: SessionId,
    /// What all requests have loaded, at the same time.
    base: Payload,
    ttl: Ttl,
}

impl World {
    fn new() -> Self {
        let id = |text| SessionId::parse(text).expect("legal");
        let (old, new) = (id("old"), id("new"));
        let ttl = Ttl::from_seconds(60).expect("legal");
        let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
        let base = Payload::new(&old);
        store.save(&base, ttl, NOW).expect("in memory");
        Self { store, old, new, base, ttl }
    }

    /// Lets `actor` take one step; the end, if that was its last.
    fn step(&self, actor: Actor, progress: &mut Progress) -> Option<End> {
        match std::mem::replace(progress, Progress::Destroying) {
            Progress::NotStarted => {
                *progress = match actor {
                    Actor::Destroy => Progress::Destroying,
                    Actor::Regenerate => {
                        let payload = self.base.with_id(&self.new);
                        Progress::Regenerating(Regenerate::start(&self.base, &payload, self.ttl))
                    }
                    Actor::Write(name) => {
                        let mut payload = self.base.clone();
                        payload.put(name, &true).expect("serialisable");
                        Progress::Writing(Update::start(&self.base, &payload, self.ttl))
                    }
                };
                self.step(actor, progress)
            }
            Progress::Destroying => {
                self.store.destroy(&self.old).expect("in memory");
                Some(End::Destroyed)
            }
            Progress::Regenerating(next) => match self.advance(next) {
                Next::Done(outcome) => Some(End::Regenerated(outcome)),
                next => {
                    *progress = Progress::Regenerating(next);
                    None
                }
            },
            Progress::Writing(next) => match self.advance(next) {
                Next::Done(outcome) => Some(End::Written(outcome)),
                next => {
                    *progress = Progress::Writing(next);
                    None
                }
            },
        }
    }

    fn advance<T, P: Procedure<T>>(&self, next: Next<P, T>) -> Next<P, T> {
        match next {
            Next::Ask(request, procedure) => procedure.next(self.call(request)),
            done => done,
        }
    }

    fn call(&self, request: Request) -> Result<Reply, StoreError> {
        self.store.call(request, NOW)
    }

    fn keys(&self, id: &SessionId) -> Option<BTreeSet<&'static str>> {
        let payload = self.store.load(id, NOW).expect("in memory")?;
        Some(["a", "b"].into_iter().filter(|key| payload.get_json(key).is_some()).collect())
    }
}

/// Calls `check` with every order of `actors`' steps, as it ended.
fn every_order(actors: &[Actor], mut check: impl FnMut(&[usize], &World, &[End])) -> usize {
    let mut tried = 0;
    let mut prefix: Vec<usize> = Vec::new();
    loop {
        let world = World::new();
        let mut progress: Vec<_> = actors.iter().map(|_| Progress::NotStarted).collect();
        let mut ends: Vec<Option<End>> = vec![None; actors.len()];
        let mut order = Vec::new();
        while let Some(first) = ends.iter().position(Option::is_none) {
            let next = prefix.get(order.len()).copied().unwrap_or(first);
            order.push(next);
            ends[next] = world.step(actors[next], &mut progress[next]);
        }
        let ends: Vec<_> = ends.into_iter().flatten().collect();
        check(&order, &world, &ends);
        tried += 1;

        // The next order: the last step at which another, later actor could still go instead.
        let Some(next_prefix) = next_prefix(&order, actors.len()) else { return tried };
        prefix = next_prefix;
    }
}

fn next_prefix(order: &[usize], actors: usize) -> Option<Vec<usize>> {
    for at in (0..order.len()).rev() {
        let alternative = (order[at] + 1..actors).find(|actor| order[at..].contains(actor));
        if let Some(actor) = alternative {
            let mut prefix = order[..at].to_vec();
            prefix.push(actor);
            return Some(prefix);
        }
    }
    None
}

#[test]
fn no_order_loses_a_write_or_undoes_a_logout() {
    let actors = [Actor::Write("a"), Actor::Write("b"), Actor::Regenerate, Actor::Destroy];

    let tried = every_order(&actors, |order, world, ends| {
        let context = || format!("order {order:?}, ends {ends:?}");
        let written: BTreeSet<_> = actors
            .iter()
            .zip(ends)
            .filter_map(|(actor, end)| match (actor, end) {
                (Actor::Write(name), End::Written(Ok(Updated::Saved | Updated::Merged(_)))) => {
                    Some(*name)
                }
                _ => None,
            })
            .collect();
        for end in ends {
            assert!(
                !matches!(end, End::Written(Err(_)) | End::Regenerated(Err(_))),
                "{}",
                context()
            );
        }

        assert_eq!(world.keys(&world.old), None, "a logout was undone: {}", context());
        match &ends[2] {
            End::Regenerated(Ok(Regenerated::Done(stored))) => {
                let kept = world.keys(&world.new);
                assert_eq!(kept.as_ref(), Some(&written), "a write was lost: {}", context());
                assert_eq!(world.store.load(&world.new, NOW), Ok(Some(stored.clone())));
            }
            End::Regenerated(Ok(Regenerated::Gone)) => {
                assert_eq!(world.keys(&world.new), None, "a logout was evaded: {}", context());
            }
            _ => panic!("{}", context()),
        }
    });

    assert!(tried > 100, "only {tried} orders");
}

#[test]
fn no_order_of_writers_loses_a_write() {
    let tried = every_order(&[Actor::Write("a"), Actor::Write("b")], |order, world, ends| {
        for end in ends {
            assert!(
                matches!(end, End::Written(Ok(Updated::Saved | Updated::Merged(_)))),
                "{order:?}: {end:?}"
            );
        }
        assert_eq!(world.keys(&world.old), Some(BTreeSet::from(["a", "b"])), "{order:?}");
    });

    assert!(tried >= 2);
}

#[test]
fn after_a_destroy_every_writer_is_told_that_the_session_is_gone() {
    every_order(&[Actor::Destroy, Actor::Write("a"), Actor::Write("b")], |order, world, ends| {
        assert_eq!(world.keys(&world.old), None);
        if order[0] == 0 {
            let gone = End::Written(Ok(Updated::Gone));
            assert_eq!(ends, [End::Destroyed, gone.clone(), gone]);
        }
    });
}
