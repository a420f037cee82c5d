//! Every order in which the steps of several requests of one user can come.
//!
//! Each asks the store for one step at a time, so a scheduler can let any of them go next; it
//! follows every order, on a store of its own each. One kind of writer changes the index by
//! [`Store::update`] alone, onto what it loaded before all others: as another implementation of
//! the same format does.

use std::collections::HashSet;

use super::{Standing, UserSessionsConfig, plans};
use crate::error::UsersError;
use crate::payload::{Payload, SessionHandle, UserMark};
use crate::session_id::SessionId;
use crate::store::procedure::{self, Next, Procedure};
use crate::store::update::Update;
use crate::store::{Found, MemoryConfig, MemoryStore, Reply, Store, Updated};
use crate::time::{Lifetime, Ttl, UnixMillis};

#[test]
fn no_order_lets_in_what_was_revoked() {
    let check = Actor::Check("a");
    for revoke in [Actor::Revoke("a"), Actor::SignOut("a"), Actor::Merge(Merged::Revoke)] {
        for other in [Actor::RevokeOthers("a"), Actor::SignIn("c"), Actor::Merge(Merged::Heal)] {
            every_order(Start::Named, &[revoke, check, other], |world, _| {
                assert_eq!(world.check("a"), Standing::Over);
            });
        }
    }
}

#[test]
fn no_order_lets_in_a_session_that_a_lost_index_did_not_name() {
    for start in [Start::Lost, Start::Named] {
        let (revoke, check) = (Actor::RevokeAll, Actor::Check("a"));
        for other in [Actor::RevokeOthers("a"), Actor::SignIn("c"), Actor::Merge(Merged::Heal)] {
            every_order(start, &[revoke, check, other], |world, ends| {
                assert_eq!(world.check("a"), Standing::Over, "{ends:?}");
                assert_eq!(world.check("b"), Standing::Over, "{ends:?}");
            });
        }
    }
}

#[test]
fn no_order_loses_a_sign_in() {
    let (c, d) = (Actor::SignIn("c"), Actor::SignIn("d"));
    for other in [Actor::Check("a"), Actor::Revoke("a"), Actor::Merge(Merged::Revoke)] {
        for start in [Start::Lost, Start::Named] {
            every_order(start, &[c, d, other], |world, _| {
                let live = [world.check("c"), world.check("d")];
                assert_eq!(live, [Standing::Live; 2]);
            });
        }
    }
}

#[test]
fn a_sign_in_after_an_end_of_all_is_alive_and_one_before_is_not() {
    every_order(Start::Named, &[Actor::SignIn("c"), Actor::RevokeAll], |world, ends| {
        let standing = world.check("c");
        if ends[0].last < ends[1].first {
            assert_eq!(standing, Standing::Over, "{ends:?}");
        }
        if ends[1].last < ends[0].first {
            assert_eq!(standing, Standing::Live, "{ends:?}");
        }
    });
}

#[test]
fn of_those_who_sign_in_at_once_no_more_are_alive_than_may_be() {
    let requests = [Actor::SignIn("c"), Actor::SignIn("d"), Actor::SignIn("e"), Actor::Check("a")];
    every_order(Start::Full, &requests, |world, _| {
        let handles = ["a", "b", "c", "d", "e"];
        let live = handles.iter().filter(|it| world.check(it) == Standing::Live).count();
        assert_eq!(live, 2);
    });
}

#[test]
fn of_two_who_end_all_others_no_more_than_one_is_alive() {
    let (a, b) = (Actor::RevokeOthers("a"), Actor::RevokeOthers("b"));
    every_order(Start::Named, &[a, b, Actor::Check("a")], |world, ends| {
        let live = ["a", "b"].map(|it| world.check(it) == Standing::Live);
        assert_eq!(live.iter().filter(|it| **it).count(), 1, "{ends:?}");
    });
}

/// What the store has at the beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    /// An index that names `a` and `b`, and two sessions may be.
    Full,
    /// Nothing: the index is lost, `a` and `b` are marked.
    Lost,
    /// An index that names `a` and `b`.
    Named,
}

/// What one request does.
#[derive(Clone, Copy, Debug)]
enum Actor {
    /// Notes that it was seen, or mends the index.
    Check(&'static str),
    Merge(Merged),
    Revoke(&'static str),
    RevokeAll,
    RevokeOthers(&'static str),
    SignIn(&'static str),
    SignOut(&'static str),
}

/// What another implementation writes about `a`.
#[derive(Clone, Copy, Debug)]
enum Merged {
    Heal,
    Revoke,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Outcome {
    Checked(Standing),
    Ended,
    Refused(UsersError),
}

/// How a request ended, and when its first and last step were.
#[derive(Debug)]
struct End {
    outcome: Outcome,
    first: usize,
    last: usize,
}

struct World {
    store: MemoryStore,
    config: UserSessionsConfig,
}

impl World {
    fn new(start: Start) -> Self {
        let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
        let mut config = UserSessionsConfig::new(Lifetime::from_minutes(1.0).expect("legal"));
        if start == Start::Full {
            config.max_sessions = std::num::NonZero::new(2);
        }
        let world = Self { store, config };
        if start != Start::Lost {
            for name in ["a", "b"] {
                let enter = plans::enter(&config, &index(), &handle(name), None, name, BEFORE);
                procedure::run(&world.store, enter, BEFORE).expect("written").expect("not full");
            }
        }
        world
    }

    fn check(&self, name: &str) -> Standing {
        procedure::run(&self.store, plans::ask(&self.config, &mark(name), NOW), NOW).expect("told")
    }

    fn begin(&self, actor: Actor) -> Box<dyn Steps> {
        match actor {
            Actor::Check(name) => {
                steps(plans::ask(&self.config, &mark(name), NOW), Outcome::Checked)
            }
            Actor::Merge(it) => self.merge(it),
            Actor::Revoke(name) => {
                steps(plans::end_one(&self.config, &index(), &handle(name), None, NOW), ended)
            }
            Actor::RevokeAll => steps(plans::end_all(&self.config, &index(), None, NOW), ended),
            Actor::RevokeOthers(name) => steps(
                plans::end_all(
                    &self.config,
                    &index(),
                    Some((&mark(name), plans::IsSpared::Yes)),
                    NOW,
                ),
                ended,
            ),
            Actor::SignIn(name) => {
                steps(plans::enter(&self.config, &index(), &handle(name), None, name, NOW), ended)
            }
            Actor::SignOut(name) => {
                steps(plans::end(&self.config, &mark(name), NOW), |()| Outcome::Ended)
            }
        }
    }

    fn merge(&self, what: Merged) -> Box<dyn Steps> {
        let empty = Payload::new(&index());
        let base = self.store.load(&index(), NOW).expect("told").unwrap_or(empty);
        let mut ours = base.clone();
        let key = |kind: &str| [kind, handle("a").as_str()].concat();
        match what {
            Merged::Heal => {
                let entry = r#"{"created":0,"until":9999999,"epoch":0,"label":""}"#;
                ours.put_json(&key("h."), entry).expect("JSON");
                ours.put(&key("s."), &70_001).expect("a number");
            }
            Merged::Revoke => {
                ours.forget(&key("h."));
                ours.forget(&key("s."));
                ours.put(&key("r."), &9_999_999).expect("a number");
            }
        }
        let ttl = Ttl::from_seconds(1000).expect("legal");
        steps(Update::onto(&base, &ours, ttl, NOW), |_: Updated| Outcome::Ended)
    }
}

fn ended<T>(outcome: Result<T, UsersError>) -> Outcome {
    outcome.map_or_else(Outcome::Refused, |_| Outcome::Ended)
}

/// A request on its way.
trait Steps {
    /// Takes the next step, and adds what it was told to `told`; the end, if that was the last.
    fn step(&mut self, store: &MemoryStore, told: &mut Vec<String>) -> Option<Outcome>;
}

struct OnItsWay<P, T, F> {
    next: Option<Next<P, T>>,
    end: F,
}

impl<T, P: Procedure<T>, F: Fn(T) -> Outcome> Steps for OnItsWay<P, T, F> {
    fn step(&mut self, store: &MemoryStore, told: &mut Vec<String>) -> Option<Outcome> {
        let Some(Next::Ask(request, procedure)) = self.next.take() else {
            panic!("it has come to its end");
        };
        let reply = store.call(request, NOW);
        told.push(match &reply {
            // Their own Debug says nothing of them.
            Ok(Reply::Load(Some(record))) => record.as_json().to_owned(),
            Ok(Reply::Replace(Found::Changed(text))) => text.clone(),
            reply => format!("{reply:?}"),
        });
        match procedure.next(reply) {
            Next::Done(Ok(outcome)) => Some((self.end)(outcome)),
            Next::Done(Err(error)) => Some(Outcome::Refused(error.into())),
            next => {
                self.next = Some(next);
                None
            }
        }
    }
}

fn steps<T: 'static, P: Procedure<T> + 'static>(
    next: Next<P, T>,
    end: impl Fn(T) -> Outcome + 'static,
) -> Box<dyn Steps> {
    Box::new(OnItsWay { next: Some(next), end })
}

/// Follows every order of the `actors`' steps, and calls `check` with each way to end.
fn every_order(start: Start, actors: &[Actor], mut check: impl FnMut(&World, &[End])) {
    let mut seen = HashSet::new();
    let mut unfollowed: Vec<Vec<usize>> = vec![Vec::new()];
    let mut ways_to_end = 0;
    while let Some(order) = unfollowed.pop() {
        let world = World::new(start);
        let mut on_their_way: Vec<_> = actors.iter().map(|it| Some(world.begin(*it))).collect();
        let mut told = vec![Vec::new(); actors.len()];
        let mut ends: Vec<Option<End>> = actors.iter().map(|_| None).collect();
        for (at, &actor) in order.iter().enumerate() {
            let steps = on_their_way[actor].as_mut().expect("not at its end");
            if let Some(outcome) = steps.step(&world.store, &mut told[actor]) {
                let first = order.iter().position(|it| *it == actor).expect("this one");
                ends[actor] = Some(End { outcome, first, last: at });
                on_their_way[actor] = None;
            }
        }
        // Two orders that have led to the same record, and have told every request the same, go
        // on in the same ways. Of two requests alone it is also asked which was the earlier.
        let record = world.store.load(&index(), NOW).expect("told").map(Payload::into_json);
        if actors.len() > 2 && !seen.insert((record, told)) {
            continue;
        }
        let going = (0..actors.len()).filter(|actor| on_their_way[*actor].is_some());
        let further: Vec<_> = going.map(|actor| [order.as_slice(), &[actor]].concat()).collect();
        if further.is_empty() {
            let ends: Vec<_> = ends.into_iter().flatten().collect();
            let failed = |it: &End| matches!(it.outcome, Outcome::Refused(UsersError::Store(_)));
            assert!(!ends.iter().any(failed), "{order:?}: {ends:?}");
            check(&world, &ends);
            ways_to_end += 1;
        }
        unfollowed.extend(further);
    }
    assert!(ways_to_end > actors.len(), "only {ways_to_end} ways to end");
}

fn index() -> SessionId {
    SessionId::user_index("alice").expect("legal")
}

fn handle(name: &str) -> SessionHandle {
    let text = [name.repeat(21).as_str(), "A"].concat();
    SessionHandle::parse(&text).expect("16 bytes")
}

fn mark(name: &str) -> UserMark {
    UserMark::new(&index(), &handle(name), 0).expect("legal")
}

/// When `a` and `b` signed in: they are due to be seen again.
const BEFORE: UnixMillis = UnixMillis::new(0);
const NOW: UnixMillis = UnixMillis::new(70_000);
