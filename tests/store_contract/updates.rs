//! The laws of writing onto what was loaded: no write of another request is lost, and none brings
//! back what was destroyed.

use std::thread;
use std::time::Duration;

use rudder_session::store::{Found, Updated};
use rudder_session::{Payload, Store, StoreError};

use super::sessions::{NOW, a_minute, id, payload};
use super::subject::Subject;

pub(super) fn a_create_never_overwrites(subject: &Subject) {
    let first = payload("a", r#"{"n":1}"#);

    assert_eq!(subject.store.create(&first, a_minute(), NOW), Ok(true));
    assert_eq!(subject.store.create(&payload("a", "{}"), a_minute(), NOW), Ok(false));

    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(first)));
}

pub(super) fn a_replace_goes_onto_the_expected_record_only(subject: &Subject) {
    let store = &subject.store;
    let (first, second) = (payload("a", r#"{"n":1}"#), payload("a", r#"{"n":2}"#));
    let replace = |expected: &Payload, new: &Payload| {
        store.replace(expected.as_json(), new, a_minute(), NOW).expect("a reply")
    };

    assert_eq!(replace(&first, &second), Found::Gone);
    assert_eq!(store.load(&id("a"), NOW), Ok(None));

    subject.save(&first);
    assert_eq!(replace(&second, &second), Found::Changed(first.as_json().to_owned()));
    assert_eq!(store.load(&id("a"), NOW), Ok(Some(first.clone())));

    assert_eq!(replace(&first, &second), Found::Expected);
    assert_eq!(store.load(&id("a"), NOW), Ok(Some(second)));
}

pub(super) fn a_remove_takes_the_expected_record_only(subject: &Subject) {
    let store = &subject.store;
    let first = payload("a", r#"{"n":1}"#);
    let remove = |expected: &str| store.remove(&id("a"), expected, NOW).expect("a reply");

    assert_eq!(remove(first.as_json()), Found::Gone);

    subject.save(&first);
    assert_eq!(remove("{}"), Found::Changed(first.as_json().to_owned()));
    assert_eq!(store.load(&id("a"), NOW), Ok(Some(first.clone())));

    assert_eq!(remove(first.as_json()), Found::Expected);
    assert_eq!(store.load(&id("a"), NOW), Ok(None));
}

pub(super) fn an_update_of_what_was_loaded_is_saved_as_given(subject: &Subject) {
    let base = payload("a", r#"{ "spaced" : 1e400 }"#);
    let changed = payload("a", r#"{ "spaced" : 1e400 ,"n":"\ud800"}"#);
    subject.save(&base);

    let updated = subject.store.update(&base, &changed, a_minute(), NOW);

    assert_eq!(updated, Ok(Updated::Saved));
    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(changed)));
}

pub(super) fn an_update_starts_the_ttl_anew(subject: &Subject) {
    let base = payload("a", "{}");
    subject.save_for(5);

    let updated = subject.store.update(&base, &base, a_minute(), NOW);

    assert_eq!(updated, Ok(Updated::Saved));
    assert!(subject.lives_after(Duration::from_secs(30)));
}

pub(super) fn parallel_updates_keep_each_others_writes(subject: &Subject) {
    let base = payload("a", r#"{"mine":0,"theirs":0,"removed":0}"#);
    subject.save(&base);
    let mine = payload("a", r#"{"mine":1,"theirs":0}"#);
    let theirs = payload("a", r#"{"mine":0,"theirs":1,"removed":0,"added":1}"#);

    let first = subject.store.update(&base, &theirs, a_minute(), NOW);
    let second = subject.store.update(&base, &mine, a_minute(), NOW);

    let both = payload("a", r#"{"mine":1,"theirs":1,"added":1}"#);
    assert_eq!(first, Ok(Updated::Saved));
    assert_eq!(second, Ok(Updated::Merged(both.clone())));
    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(both)));
}

pub(super) fn an_update_of_what_was_destroyed_writes_nothing(subject: &Subject) {
    let base = payload("a", "{}");
    subject.save(&base);
    subject.store.destroy(&id("a")).expect("destroyed");

    let updated = subject.store.update(&base, &payload("a", r#"{"n":1}"#), a_minute(), NOW);

    assert_eq!(updated, Ok(Updated::Gone));
    assert_eq!(subject.store.load(&id("a"), NOW), Ok(None));
}

pub(super) fn an_update_of_another_session_is_refused(subject: &Subject) {
    let (a, b) = (payload("a", "{}"), payload("b", "{}"));
    subject.save(&a);
    subject.save(&b);

    assert_eq!(subject.store.update(&a, &b, a_minute(), NOW), Err(StoreError::InvalidId));
}

/// Threads add keys of their own to a few sessions, and log out some of these in between. What
/// was acknowledged before the logout may go with it; nothing else may, and nothing may return.
pub(super) fn many_threads_lose_no_write_and_undo_no_logout(subject: &Subject) {
    const THREADS: usize = 8;
    const SESSIONS: usize = 5;
    const ROUNDS: usize = 20;
    let store = &subject.store;
    let name = |session: usize| format!("s{session}");
    for session in 0..SESSIONS {
        subject.save(&payload(&name(session), "{}"));
    }

    let acknowledged: Vec<Vec<(usize, String)>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut done = Vec::new();
                    for round in 0..ROUNDS {
                        let session = (thread + round) % SESSIONS;
                        let loaded = store.load(&id(&name(session)), NOW).expect("a reply");
                        let Some(base) = loaded else {
                            assert_eq!(session, 0, "session {session} is gone");
                            continue;
                        };
                        if thread == 0 && session == 0 && round >= ROUNDS / 2 {
                            store.destroy(&id(&name(session))).expect("destroyed");
                            continue;
                        }
                        let key = format!("t{thread}r{round}");
                        let mut changed = base.clone();
                        changed.put(&key, &true).expect("serialisable");
                        match store.update(&base, &changed, a_minute(), NOW) {
                            Ok(Updated::Saved | Updated::Merged(_)) => done.push((session, key)),
                            Ok(Updated::Gone) => assert_eq!(session, 0),
                            Ok(Updated::Moved(_)) => panic!("nobody regenerates it"),
                            // Ten others in a row were faster: said, and not written.
                            Err(StoreError::Conflict) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    done
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().expect("no panic")).collect()
    });

    assert_eq!(store.load(&id(&name(0)), NOW), Ok(None), "a logout was undone");
    for (session, key) in acknowledged.into_iter().flatten().filter(|(it, _)| *it != 0) {
        let stored = store.load(&id(&name(session)), NOW).expect("a reply").expect("alive");
        assert_eq!(stored.get_json(&key), Some("true"), "lost {key} of session {session}");
    }
}
