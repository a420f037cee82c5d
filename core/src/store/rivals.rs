//! What becomes of a call whose rivals are always faster: it ends, and says so.
//!
//! None of the stores here keeps anything. Each answers every call as if others had written since.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Found, Inspected, Regenerated, Reply, Request, Resumed, Store, Updated};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Lifetime, Ttl, UnixMillis};
use crate::timeouts::Timeouts;

#[test]
fn whoever_is_always_second_is_told_of_a_conflict() {
    // There is another number in the record each time.
    let rival = || Answering::new(|_, nth| numbered(nth));

    let store = rival();
    let updated = store.update(&session("old"), &numbered(0), a_minute(), NOW);
    assert_eq!(updated, Err(StoreError::Conflict));

    let store = rival();
    assert_eq!(store.destroy_session(&id("old"), NOW), Err(StoreError::Conflict));
    assert!(!store.names().contains(&"Destroy"), "of a session that is in use");

    for grace in [None, Some(a_minute())] {
        let (store, old, new) = (rival(), session("old"), session("new"));
        let done = match grace {
            None => store.regenerate(&old, &new, a_minute(), NOW),
            Some(grace) => store.regenerate_with_grace(&old, &new, a_minute(), grace, NOW),
        };
        assert_eq!(done, Err(StoreError::Conflict), "{grace:?}");
        assert_eq!(store.names().last(), Some(&"Destroy"), "{grace:?}: the new record stays");
    }
}

#[test]
fn a_trail_without_an_end_leads_nowhere() {
    // Every record leads on to the next one, and all have grace enough.
    let trail = || {
        Answering::new(|at, nth| {
            let next = id(&format!("step-{nth}"));
            Payload::forwarding(at, &next, NOW.plus(a_minute()))
        })
    };

    let timeouts = Timeouts::idle(Lifetime::from_minutes(2.0).expect("legal"));
    assert_eq!(trail().resume(&id("old"), &timeouts, NOW), Ok(Resumed::None));
    let updated = trail().update(&session("old"), &numbered(0), a_minute(), NOW);
    assert_eq!(updated, Ok(Updated::Gone));
    let regenerated = trail().regenerate(&session("old"), &session("new"), a_minute(), NOW);
    assert_eq!(regenerated, Ok(Regenerated::Gone));
}

#[test]
fn a_record_whose_bytes_no_text_has_is_destroyed_all_the_same() {
    // It is told as the same text each time, and is never equal to it.
    let store = Answering::new(|_, _| session("old"));

    assert_eq!(store.destroy_session(&id("old"), NOW), Ok(()));

    assert_eq!(store.names(), ["Inspect", "Remove", "Destroy"]);
}

#[test]
fn a_touch_overwrites_nothing_that_others_wrote_and_tries_another_spelling_once() {
    let lifetime = Lifetime::from_minutes(2.0).expect("legal");
    // The first touch stamps the record with the instant that its session began.
    let timeouts = Timeouts::idle(lifetime).with_touch_below(1.0).expect("legal");
    let timeouts = timeouts.with_absolute(lifetime);
    let asked = |record: fn(&SessionId, usize) -> Payload| {
        let store = Answering::new(record);
        let resumed = store.resume(&id("old"), &timeouts, NOW);
        assert!(matches!(resumed, Ok(Resumed::Session { touched: Ok(false), .. })), "{resumed:?}");
        store.names()
    };

    assert_eq!(asked(|_, nth| numbered(nth)), ["Inspect", "Replace"]);
    assert_eq!(asked(|_, _| session("old")), ["Inspect", "Replace", "Replace"]);
}

/// Has in each place what a function says, which is told the place and the number of the call.
struct Answering<F> {
    record: F,
    at: Mutex<SessionId>,
    calls: AtomicUsize,
    names: Mutex<Vec<&'static str>>,
}

impl<F: Fn(&SessionId, usize) -> Payload + Send + Sync> Answering<F> {
    fn new(record: F) -> Self {
        let (at, names) = (Mutex::new(id("old")), Mutex::default());
        Self { record, at, calls: AtomicUsize::new(0), names }
    }

    /// What it was asked for.
    fn names(&self) -> Vec<&'static str> {
        self.names.lock().expect("no panic").clone()
    }
}

impl<F: Fn(&SessionId, usize) -> Payload + Send + Sync> Store for Answering<F> {
    fn call(&self, request: Request, _: UnixMillis) -> Result<Reply, StoreError> {
        let nth = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(nth < 1000, "it never gives up");
        let mut at = self.at.lock().expect("no panic");
        if let Request::Inspect { id } = &request {
            at.clone_from(id);
        }
        let record = (self.record)(&at, nth);
        let (name, reply) = match request {
            Request::Create { .. } => ("Create", Reply::Create(true)),
            Request::Destroy { .. } => ("Destroy", Reply::Destroy),
            Request::Inspect { .. } => {
                let left = Duration::from_secs(60);
                ("Inspect", Reply::Inspect(Some(Inspected { payload: record, left })))
            }
            Request::Load { .. } => ("Load", Reply::Load(Some(record))),
            Request::Remove { .. } => ("Remove", Reply::Remove(Found::Changed(record.into_json()))),
            Request::Replace { .. } => {
                ("Replace", Reply::Replace(Found::Changed(record.into_json())))
            }
            Request::Save { .. } => ("Save", Reply::Save),
            Request::Touch { .. } => ("Touch", Reply::Touch(true)),
        };
        self.names.lock().expect("no panic").push(name);
        Ok(reply)
    }
}

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn session(name: &str) -> Payload {
    Payload::new(&id(name))
}

/// The session `old`, as the call of that number finds it.
fn numbered(nth: usize) -> Payload {
    let mut payload = session("old");
    payload.put("n", &nth).expect("serialisable");
    payload
}

fn id(name: &str) -> SessionId {
    SessionId::parse(&format!("id-QxYwVzUa-{name}")).expect("legal")
}

fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}
