//! What becomes of a session when one of several steps fails, or is made twice.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{MemoryConfig, MemoryStore, Regenerated, Reply, Request, Resumed, Store, Updated};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Lifetime, Ttl, UnixMillis};
use crate::timeouts::Timeouts;

#[test]
fn a_destroy_that_fails_at_any_step_is_an_error_and_can_be_repeated() {
    // Two looks, and two records to remove.
    for failing in 0..4 {
        let store = moved_session();
        store.fail_call(failing);

        let destroyed = store.destroy_session(&id("old"), NOW);

        assert_eq!(destroyed, Err(StoreError::TimedOut), "step {failing}");
        assert_eq!(store.destroy_session(&id("old"), NOW), Ok(()), "step {failing}");
        for name in ["old", "new"] {
            assert_eq!(store.inspect(&id(name), NOW), Ok(None), "step {failing}");
        }
    }
    let store = moved_session();
    store.fail_call(4);
    assert_eq!(store.destroy_session(&id("old"), NOW), Ok(()));
}

#[test]
fn a_failing_touch_leaves_the_session_to_its_request() {
    let store = with_session();
    store.fail_call(1);

    let resumed = store.resume(&id("old"), &always_touch(), NOW);

    let touched = Err(StoreError::TimedOut);
    assert_eq!(resumed, Ok(Resumed::Session { payload: session("old"), touched }));
}

#[test]
fn a_failing_look_is_an_error_and_not_none() {
    for failing in 0..2 {
        let store = moved_session();

        store.fail_call(failing);
        assert_eq!(store.resume(&id("old"), &always_touch(), NOW), Err(StoreError::TimedOut));
    }
}

#[test]
fn a_session_that_is_over_is_not_served_if_destroying_it_fails() {
    let timeouts = always_touch().with_absolute(Lifetime::from_minutes(1.0).expect("legal"));
    let store = empty();
    let mut over = session("old");
    over.set_created_at(UnixMillis::new(0));
    store.save(&over, a_minute(), NOW).expect("in memory");
    store.fail_call(1);

    let resumed = store.resume(&id("old"), &timeouts, NOW);

    assert_eq!(resumed, Err(StoreError::TimedOut));
    assert_eq!(store.resume(&id("old"), &timeouts, NOW), Ok(Resumed::Expired));
}

#[test]
fn a_session_that_goes_before_its_touch_is_none() {
    let store = Faulty { loses_what_it_touches: true, ..with_session() };

    assert_eq!(store.resume(&id("old"), &always_touch(), NOW), Ok(Resumed::None));
}

#[test]
fn regenerating_with_grace_loses_nothing_whatever_step_fails() {
    let regenerate = |store: &Faulty| {
        let (base, new) = (session("old"), session("new"));
        store.regenerate_with_grace(&base, &new, a_minute(), grace(), NOW)
    };

    let store = with_session();
    store.fail_call(0);
    assert_eq!(regenerate(&store), Err(StoreError::TimedOut));
    assert_eq!(store.load(&id("old"), NOW), Ok(Some(session("old"))));
    assert_eq!(store.load(&id("new"), NOW), Ok(None));

    let store = with_session();
    store.fail_call(1);
    let remains = Regenerated::OldRemains(session("new"), StoreError::TimedOut);
    assert_eq!(regenerate(&store), Ok(remains));
    assert_eq!(store.load(&id("old"), NOW), Ok(Some(session("old"))));
    assert_eq!(store.load(&id("new"), NOW), Ok(Some(session("new"))));
}

#[test]
fn a_write_through_the_old_id_that_fails_at_any_step_says_so() {
    // Onto the old record, a look at the new one, onto that.
    for failing in 0..3 {
        let store = moved_session();
        store.fail_call(failing);
        let mut changed = session("old");
        changed.put("n", &1).expect("serialisable");

        let updated = store.update(&session("old"), &changed, a_minute(), NOW);

        assert_eq!(updated, Err(StoreError::TimedOut), "step {failing}");
        let again = store.update(&session("old"), &changed, a_minute(), NOW);
        assert_eq!(again, Ok(Updated::Moved(changed)), "step {failing}");
    }
}

#[test]
fn a_replacement_that_is_made_twice_ends_as_if_made_once() {
    let store = Faulty { replaces_twice: true, ..with_session() };
    let mut changed = session("old");
    changed.put("n", &1).expect("serialisable");

    let updated = store.update(&session("old"), &changed, a_minute(), NOW);
    assert_eq!(updated, Ok(Updated::Saved));

    let new = changed.with_id(&id("new"));
    let done = store.regenerate_with_grace(&changed, &new, a_minute(), grace(), NOW);
    assert_eq!(done, Ok(Regenerated::Done(new.clone())));
    assert_eq!(store.load(&id("new"), NOW), Ok(Some(new)));
}

/// A store that does not always do as it is told.
struct Faulty {
    store: MemoryStore,
    /// So many calls from now, one is not made and fails.
    until_failure: AtomicUsize,
    loses_what_it_touches: bool,
    replaces_twice: bool,
}

impl Faulty {
    fn fail_call(&self, nth: usize) {
        self.until_failure.store(nth, Ordering::Relaxed);
    }
}

impl Store for Faulty {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        let left = self.until_failure.load(Ordering::Relaxed);
        self.until_failure.store(left.wrapping_sub(1), Ordering::Relaxed);
        if left == 0 {
            return Err(StoreError::TimedOut);
        }
        if self.loses_what_it_touches && matches!(request, Request::Touch { .. }) {
            self.store.destroy(&id("old"))?;
        }
        if self.replaces_twice && matches!(request, Request::Replace { .. }) {
            self.store.call(request.clone(), now)?;
        }
        self.store.call(request, now)
    }
}

fn empty() -> Faulty {
    Faulty {
        store: MemoryStore::new(MemoryConfig::default()).expect("legal"),
        until_failure: AtomicUsize::new(usize::MAX),
        loses_what_it_touches: false,
        replaces_twice: false,
    }
}

/// With the session `old`.
fn with_session() -> Faulty {
    let store = empty();
    store.save(&session("old"), a_minute(), NOW).expect("in memory");
    store
}

/// With the session `new`, which was `old`.
fn moved_session() -> Faulty {
    let store = with_session();
    let (old, new) = (session("old"), session("new"));
    let done = store.regenerate_with_grace(&old, &new, a_minute(), grace(), NOW);
    assert_eq!(done, Ok(Regenerated::Done(new)));
    store
}

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn session(name: &str) -> Payload {
    Payload::new(&id(name))
}

fn id(name: &str) -> SessionId {
    SessionId::parse(&format!("id-QxYwVzUa-{name}")).expect("legal")
}

fn always_touch() -> Timeouts {
    let timeouts = Timeouts::idle(Lifetime::from_minutes(2.0).expect("legal"));
    timeouts.with_touch_below(1.0).expect("legal")
}

fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}

fn grace() -> Ttl {
    Ttl::from_seconds(10).expect("legal")
}
