//! The laws of resuming: a session that is used lives on, until its absolute timeout.

use std::time::Duration;

use rudder_session::store::{Regenerated, Resumed, Updated};
use rudder_session::{Payload, Store, Ttl};
use rudder_session_tests::resp::{Client, Reply};

use super::sessions::{
    NOW, a_minute, before, id, idle_for_a_minute, minutes, payload, touched, untouched,
};
use super::subject::Subject;

pub(super) fn without_options_a_record_has_its_three_fields_and_no_more(subject: &Subject) {
    let timeouts = idle_for_a_minute();
    let mut base = Payload::new(&id("a"));
    timeouts.stamp(&mut base, NOW);
    subject.save(&base);
    let mut changed = base.clone();
    changed.put("n", &1).expect("serialisable");

    subject.store.update(&base, &changed, a_minute(), NOW).expect("saved");
    let new = changed.with_id(&id("b"));
    subject.store.regenerate(&changed, &new, a_minute(), NOW).expect("saved");
    subject
        .store
        .resume(&id("b"), &timeouts.with_touch_below(1.0).expect("legal"), NOW)
        .expect("a reply");

    let stored = subject.store.inspect(&id("b"), NOW).expect("a reply").expect("saved").payload;
    let expected = r#"{"id":"b","data":{"n":1},"flash_next":{}}"#;
    assert_eq!(stored.as_json(), expected);
    let name = format!("{}b", subject.prefix);
    let stored = subject.servers.iter().find_map(|server| {
        match Client::connect(*server).call(&["GET", &name]) {
            Reply::Bulk(text) => Some(text),
            _ => None,
        }
    });
    assert_eq!(stored.is_none(), subject.servers.is_empty());
    assert!(stored.is_none_or(|text| text == expected.as_bytes()));
}

pub(super) fn resuming_what_is_absent_gives_none(subject: &Subject) {
    let resumed = subject.store.resume(&id("absent"), &idle_for_a_minute(), NOW);

    assert_eq!(resumed, Ok(Resumed::None));
}

pub(super) fn a_session_with_much_of_its_ttl_left_is_resumed_without_a_touch(subject: &Subject) {
    subject.save_for(40);

    let resumed = subject.store.resume(&id("a"), &idle_for_a_minute(), NOW);

    assert_eq!(resumed, Ok(untouched(payload("a", "{}"))));
    assert!(!subject.lives_after(Duration::from_secs(40)));
}

pub(super) fn a_session_with_little_of_its_ttl_left_is_touched(subject: &Subject) {
    subject.save_for(20);

    let resumed = subject.store.resume(&id("a"), &idle_for_a_minute(), NOW);

    assert_eq!(resumed, Ok(touched(payload("a", "{}"))));
    assert!(subject.lives_after(Duration::from_secs(45)));
    assert!(!subject.lives_after(Duration::from_secs(60)));
}

pub(super) fn a_session_past_its_absolute_timeout_is_destroyed_and_not_served(subject: &Subject) {
    let timeouts = idle_for_a_minute().with_absolute(minutes(60.0));
    let mut over = payload("a", "{}");
    over.set_created_at(before(3_600_000));
    subject.save(&over);
    let mut alive = payload("b", "{}");
    alive.set_created_at(before(3_599_999));
    subject.save(&alive);

    assert_eq!(subject.store.resume(&id("a"), &timeouts, NOW), Ok(Resumed::Expired));
    assert_eq!(subject.store.load(&id("a"), NOW), Ok(None));
    assert_eq!(subject.store.resume(&id("b"), &timeouts, NOW), Ok(untouched(alive)));
}

pub(super) fn a_touch_does_not_reach_past_the_absolute_timeout(subject: &Subject) {
    let timeouts = idle_for_a_minute().with_absolute(minutes(60.0));
    let mut session = payload("a", "{}");
    session.set_created_at(before(3_580_000));
    let short = Ttl::from_seconds(5).expect("legal");
    subject.store.save(&session, short, NOW).expect("saved");

    assert_eq!(subject.store.resume(&id("a"), &timeouts, NOW), Ok(touched(session)));

    assert!(subject.lives_after(Duration::from_secs(10)));
    assert!(!subject.lives_after(Duration::from_secs(20)));
}

pub(super) fn a_session_without_a_stamp_gets_one_when_it_is_first_extended(subject: &Subject) {
    let timeouts = idle_for_a_minute().with_absolute(minutes(60.0));
    let session = payload("a", r#"{"n":1}"#);
    let mut stamped = session.clone();
    stamped.set_created_at(NOW);

    subject.save(&session);
    assert_eq!(subject.store.resume(&id("a"), &timeouts, NOW), Ok(untouched(session.clone())));
    let short = Ttl::from_seconds(5).expect("legal");
    subject.store.save(&session, short, NOW).expect("saved");
    assert_eq!(subject.store.resume(&id("a"), &timeouts, NOW), Ok(touched(stamped.clone())));

    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(stamped)));
    assert!(subject.lives_after(Duration::from_secs(45)));
}

pub(super) fn a_request_cannot_make_a_session_younger(subject: &Subject) {
    let created = |mut payload: Payload, at| {
        payload.set_created_at(at);
        payload
    };
    let base = created(payload("a", "{}"), before(1000));
    let younger = created(payload("a", r#"{"n":1}"#), NOW);
    let unstamped = payload("a", r#"{"n":2}"#);
    let old = |data: &str| created(payload("a", data), before(1000));
    subject.save(&base);

    let updated = subject.store.update(&base, &younger, a_minute(), NOW);
    assert_eq!(updated, Ok(Updated::Merged(old(r#"{"n":1}"#))));
    let updated = subject.store.update(&old(r#"{"n":1}"#), &unstamped, a_minute(), NOW);
    assert_eq!(updated, Ok(Updated::Merged(old(r#"{"n":2}"#))));

    let new = created(payload("b", r#"{"n":3}"#), NOW);
    let done = subject.store.regenerate(&old(r#"{"n":2}"#), &new, a_minute(), NOW);
    let expected = created(new, before(1000));
    assert_eq!(done, Ok(Regenerated::Done(expected.clone())));
    assert_eq!(subject.store.load(&id("b"), NOW), Ok(Some(expected)));
}
