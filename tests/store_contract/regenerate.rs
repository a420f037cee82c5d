//! The laws of a session that gets another id: it lives under the new one only, and for a grace
//! the old one leads there.

use std::thread;

use rudder_session::store::{self, Regenerated, Request, Resumed, Updated};
use rudder_session::{Store, StoreError};

use super::sessions::{NOW, a_minute, after, grace, id, idle_for_a_minute, payload, untouched};
use super::subject::Subject;

pub(super) fn a_regenerated_session_lives_under_its_new_id_only(subject: &Subject) {
    let base = payload("old", r#"{"user":1}"#);
    let new = payload("new", r#"{"user":2}"#);
    subject.save(&base);

    let done = subject.store.regenerate(&base, &new, a_minute(), NOW);

    assert_eq!(done, Ok(Regenerated::Done(new.clone())));
    assert_eq!(subject.store.load(&id("old"), NOW), Ok(None));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(Some(new)));
}

pub(super) fn regenerating_takes_along_what_others_wrote_meanwhile(subject: &Subject) {
    let base = payload("old", r#"{"user":1}"#);
    subject.save(&base);
    let theirs = payload("old", r#"{"user":1,"cart":[1]}"#);
    assert_eq!(subject.store.update(&base, &theirs, a_minute(), NOW), Ok(Updated::Saved));

    let new = payload("new", r#"{"user":2}"#);
    let done = subject.store.regenerate(&base, &new, a_minute(), NOW);

    let both = payload("new", r#"{"user":2,"cart":[1]}"#);
    assert_eq!(done, Ok(Regenerated::Done(both.clone())));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(Some(both)));
    assert_eq!(subject.store.load(&id("old"), NOW), Ok(None));
}

pub(super) fn regenerating_what_was_destroyed_leaves_nothing(subject: &Subject) {
    let done = subject.store.regenerate(
        &payload("old", "{}"),
        &payload("new", r#"{"user":2}"#),
        a_minute(),
        NOW,
    );

    assert_eq!(done, Ok(Regenerated::Gone));
    assert_eq!(subject.store.load(&id("old"), NOW), Ok(None));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(None));
}

pub(super) fn with_grace_the_old_id_leads_to_the_session_and_is_none_itself(subject: &Subject) {
    let base = payload("old", r#"{"user":1}"#);
    let new = payload("new", r#"{"user":2}"#);
    subject.save(&base);

    assert_eq!(subject.regenerate(&base, &new), Ok(Regenerated::Done(new.clone())));

    assert_eq!(subject.store.load(&id("new"), NOW), Ok(Some(new.clone())));
    assert_eq!(subject.store.load(&id("old"), NOW), Ok(None));
    let call = subject.store.call(Request::Load { id: id("old") }, NOW);
    assert_eq!(call, Ok(store::Reply::Load(None)));
    assert_eq!(subject.resume("old", NOW), Ok(Resumed::Moved(new.with_id(&id("old")))));
    assert_eq!(subject.resume("new", NOW), Ok(untouched(new)));
    let record = subject.store.inspect(&id("old"), NOW).expect("a reply").expect("a record");
    assert!(record.payload.is_forwarding() && record.left <= grace().as_duration());
    assert_eq!(
        record.payload.as_json(),
        r#"{"id":"old","data":{},"flash_next":{},"moved_to":"new","moved_until":1700000010000}"#
    );
    assert_eq!(subject.store.incidents(), store::Incidents::default());
}

pub(super) fn a_grace_ends_with_its_last_millisecond(subject: &Subject) {
    let (base, new) = (payload("old", "{}"), payload("new", "{}"));
    subject.save(&base);
    subject.regenerate(&base, &new).expect("done");

    assert_eq!(subject.resume("old", after(9_999)), Ok(Resumed::Moved(base)));
    assert_eq!(subject.resume("old", after(10_000)), Ok(Resumed::None));
    assert_eq!(subject.resume("new", after(10_000)), Ok(untouched(new)));
}

pub(super) fn a_touch_of_the_old_id_does_not_prolong_the_grace(subject: &Subject) {
    let base = payload("old", "{}");
    subject.save(&base);
    subject.regenerate(&base, &payload("new", "{}")).expect("done");

    subject.store.touch(&id("old"), a_minute(), NOW).expect("a reply");

    assert_eq!(subject.resume("old", after(10_000)), Ok(Resumed::None));
    let update = subject.store.update(&base, &base, a_minute(), after(10_000));
    assert_eq!(update, Ok(Updated::Gone));
}

pub(super) fn a_write_through_the_old_id_goes_to_where_the_session_is(subject: &Subject) {
    let base = payload("old", r#"{"user":1}"#);
    subject.save(&base);
    subject.regenerate(&base, &payload("new", r#"{"user":2}"#)).expect("done");
    let ours = payload("old", r#"{"user":1,"cart":[1]}"#);

    let first = subject.store.update(&base, &ours, a_minute(), NOW);
    let shown = payload("old", r#"{"user":2,"cart":[1]}"#);
    assert_eq!(first, Ok(Updated::Moved(shown.clone())));

    // What it was told is the base of what it does next, and so is what it loads.
    let mut again = shown.clone();
    again.put("cart", &[1, 2]).expect("serialisable");
    assert_eq!(subject.resume("old", NOW), Ok(Resumed::Moved(shown.clone())));
    let second = subject.store.update(&shown, &again, a_minute(), NOW);
    assert_eq!(second, Ok(Updated::Moved(again.clone())));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(Some(again.with_id(&id("new")))));
    assert_eq!(subject.store.load(&id("old"), NOW), Ok(None));
}

pub(super) fn a_write_through_the_old_id_after_the_grace_is_not_done(subject: &Subject) {
    let (base, new) = (payload("old", "{}"), payload("new", "{}"));
    subject.save(&base);
    subject.regenerate(&base, &new).expect("done");

    let ours = payload("old", r#"{"n":1}"#);
    let updated = subject.store.update(&base, &ours, a_minute(), after(10_000));

    assert_eq!(updated, Ok(Updated::Gone));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(Some(new)));
}

pub(super) fn a_session_regenerated_four_times_is_found_through_each_of_its_ids(subject: &Subject) {
    let at = |generation: usize| payload(&format!("g{generation}"), "{}");
    subject.save(&at(0));
    for generation in 0..4 {
        subject.regenerate(&at(generation), &at(generation + 1)).expect("done");
    }

    for generation in 0..4 {
        let base = at(generation);
        assert_eq!(
            subject.resume(&format!("g{generation}"), NOW),
            Ok(Resumed::Moved(base.clone()))
        );
        let updated = subject.store.update(&base, &base, a_minute(), NOW);
        assert_eq!(updated, Ok(Updated::Moved(base)));
    }

    // Once more, and the first of them is too old.
    subject.regenerate(&at(4), &at(5)).expect("done");
    assert_eq!(subject.resume("g0", NOW), Ok(Resumed::None));
    assert_eq!(subject.store.update(&at(0), &at(0), a_minute(), NOW), Ok(Updated::Gone));
    assert_eq!(subject.store.destroy_session(&id("g0"), NOW), Err(StoreError::Conflict));
    assert_eq!(subject.resume("g1", NOW), Ok(Resumed::Moved(at(1))));
}

pub(super) fn regenerating_through_an_old_id_leaves_the_session_as_it_was(subject: &Subject) {
    let (base, new) = (payload("old", "{}"), payload("new", r#"{"user":1}"#));
    subject.save(&base);
    subject.regenerate(&base, &new).expect("done");
    let planted = payload("planted", r#"{"user":2}"#);

    let with_grace = subject.regenerate(&base, &planted);
    let without = subject.store.regenerate(&base, &planted, a_minute(), NOW);

    assert_eq!((with_grace, without), (Ok(Regenerated::Gone), Ok(Regenerated::Gone)));
    assert_eq!(subject.store.inspect(&id("planted"), NOW), Ok(None));
    assert_eq!(subject.resume("old", NOW), Ok(Resumed::Moved(new.with_id(&id("old")))));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(Some(new)));
}

pub(super) fn with_grace_too_what_others_wrote_meanwhile_moves_along(subject: &Subject) {
    let base = payload("old", r#"{"user":1}"#);
    subject.save(&base);
    let theirs = payload("old", r#"{"user":1,"cart":[1]}"#);
    assert_eq!(subject.store.update(&base, &theirs, a_minute(), NOW), Ok(Updated::Saved));

    let done = subject.regenerate(&base, &payload("new", r#"{"user":2}"#));

    let both = payload("new", r#"{"user":2,"cart":[1]}"#);
    assert_eq!(done, Ok(Regenerated::Done(both.clone())));
    assert_eq!(subject.resume("old", NOW), Ok(Resumed::Moved(both.with_id(&id("old")))));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(Some(both)));
}

pub(super) fn destroying_the_new_id_ends_the_old_one(subject: &Subject) {
    let (base, new) = (payload("old", "{}"), payload("new", "{}"));
    subject.save(&base);
    subject.regenerate(&base, &new).expect("done");

    subject.store.destroy(&id("new")).expect("destroyed");

    assert_eq!(subject.resume("old", NOW), Ok(Resumed::None));
    assert_eq!(subject.store.update(&base, &base, a_minute(), NOW), Ok(Updated::Gone));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(None));
}

pub(super) fn a_session_is_destroyed_through_any_of_its_ids(subject: &Subject) {
    let at = |generation: usize| payload(&format!("g{generation}"), "{}");
    for through in 0..3 {
        subject.save(&at(0));
        for generation in 0..2 {
            subject.regenerate(&at(generation), &at(generation + 1)).expect("done");
        }

        let through = id(&format!("g{through}"));
        assert_eq!(subject.store.destroy_session(&through, NOW), Ok(()));

        for generation in 0..3 {
            assert_eq!(subject.resume(&format!("g{generation}"), NOW), Ok(Resumed::None));
            assert_eq!(subject.store.load(&id(&format!("g{generation}")), NOW), Ok(None));
        }
        assert_eq!(subject.store.inspect(&through, NOW), Ok(None));
        for generation in 0..3 {
            subject.store.destroy(&id(&format!("g{generation}"))).expect("destroyed");
        }
    }
}

pub(super) fn destroying_a_session_that_is_absent_succeeds(subject: &Subject) {
    assert_eq!(subject.store.destroy_session(&id("absent"), NOW), Ok(()));
}

/// Threads write through the first id of a session that is regenerated meanwhile; then one of them
/// logs out through it while the others go on.
pub(super) fn threads_with_an_old_id_lose_no_write_and_undo_no_logout(subject: &Subject) {
    const THREADS: usize = 4;
    const ROUNDS: usize = 20;
    let store = &subject.store;
    let at = |generation: usize| id(&format!("g{generation}"));
    subject.save(&payload("g0", "{}"));
    // Writes under keys of its own; those of them that were acknowledged.
    let write = |name: String| {
        let mut acknowledged = Vec::new();
        for round in 0..ROUNDS {
            let base = match store.resume(&at(0), &idle_for_a_minute(), NOW).expect("a reply") {
                Resumed::Moved(payload) | Resumed::Session { payload, .. } => payload,
                Resumed::None | Resumed::Expired => break,
            };
            let key = format!("{name}r{round}");
            let mut changed = base.clone();
            changed.put(&key, &true).expect("serialisable");
            match store.update(&base, &changed, a_minute(), NOW) {
                Ok(Updated::Saved | Updated::Merged(_) | Updated::Moved(_)) => {
                    acknowledged.push(key);
                }
                Ok(Updated::Gone) => break,
                // Ten others in a row were faster: said, and not written.
                Err(StoreError::Conflict) => {}
                Err(error) => panic!("{error}"),
            }
        }
        acknowledged
    };
    let regenerate = |generation: usize| {
        loop {
            let base = store.load(&at(generation), NOW).expect("a reply").expect("alive");
            let new = base.with_id(&at(generation + 1));
            match store.regenerate_with_grace(&base, &new, a_minute(), a_minute(), NOW) {
                Ok(Regenerated::Done(_)) => return,
                Err(StoreError::Conflict) => {}
                other => panic!("{other:?}"),
            }
        }
    };

    let acknowledged: Vec<String> = thread::scope(|scope| {
        let writers: Vec<_> =
            (0..THREADS).map(|it| scope.spawn(move || write(format!("t{it}")))).collect();
        (0..4).for_each(regenerate);
        writers.into_iter().flat_map(|it| it.join().expect("no panic")).collect()
    });
    let stored = store.load(&at(4), NOW).expect("a reply").expect("alive");
    for key in &acknowledged {
        assert_eq!(stored.get_json(key), Some("true"), "lost {key}");
    }
    assert!(!acknowledged.is_empty());

    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || write(format!("late{thread}")));
        }
        // Each try has ten rounds of its own.
        let destroyed = (0..100).any(|_| store.destroy_session(&at(0), NOW).is_ok());
        assert!(destroyed, "writers were faster each time");
    });
    for generation in 0..=4 {
        assert_eq!(store.inspect(&at(generation), NOW), Ok(None), "a logout was undone");
    }
}
