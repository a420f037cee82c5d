//! Every store keeps the same promises, whatever it is made of.
//!
//! Each law below runs against each store: `memory::<law>`, `file::<law>`, `redis::<law>`,
//! `redis_without_scripts::<law>` as a user who may run none, `redis_with_tls::<law>`,
//! `redis_sentinel::<law>` and `redis_cluster::<law>`, whose servers all laws have in common.

#[path = "store_contract/users.rs"]
mod users;

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::Duration;

use rudder_session::store::{
    self, Found, Metered, Regenerated, Request, Resumed, Submission, Updated,
};
use rudder_session::{Durability, FileConfig, FileStore, Lifetime, MemoryConfig, MemoryStore};
use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, StoreError, Timeouts};
use rudder_session::{Ttl, UnixMillis};
use rudder_session_tests::clusters::Cluster;
use rudder_session_tests::redis_server::{RedisServer, TempDir, free_port};
use rudder_session_tests::resp::{Client, Reply};
use rudder_session_tests::sentinels::{MASTER, Sentinels};
use rudder_session_tests::tls_server::TlsServer;
use users::{
    a_session_is_seen_again_after_a_while, a_session_that_is_over_is_none_and_its_record_goes,
    an_index_that_was_lost_is_mended_by_the_sessions_that_are_used,
    the_sessions_of_a_user_are_listed_and_ended, threads_that_sign_in_leave_no_more_than_may_be,
    what_was_revoked_is_over_whatever_threads_do_meanwhile,
};

macro_rules! laws {
    ($($law:ident)*) => {
        laws!(@against memory $($law)*);
        laws!(@against file $($law)*);
        laws!(@against redis $($law)*);
        laws!(@against redis_without_scripts $($law)*);
        laws!(@against redis_with_tls $($law)*);
        laws!(@against redis_sentinel $($law)*);
        laws!(@against redis_cluster $($law)*);
    };
    (@against $store:ident $($law:ident)*) => {
        mod $store {
            $(#[test]
            fn $law() {
                super::$law(&super::Subject::$store());
            })*
        }
    };
}

laws! {
    an_absent_session_is_none_and_no_error
    what_is_saved_is_loaded_verbatim
    a_save_replaces_the_whole_record
    sessions_do_not_mix
    a_destroyed_session_is_none
    destroying_an_absent_session_succeeds
    touching_an_absent_session_is_false_and_makes_none
    a_save_starts_the_ttl_anew
    a_touch_starts_the_ttl_anew_and_leaves_the_payload
    a_touch_may_also_shorten_the_ttl
    two_saves_leave_the_later_ttl_even_if_it_is_shorter
    the_longest_ttl_is_kept
    an_id_that_cannot_name_a_record_is_refused_before_anything_is_stored
    concurrent_sessions_get_their_own_payloads
    a_create_never_overwrites
    a_replace_goes_onto_the_expected_record_only
    a_remove_takes_the_expected_record_only
    an_update_of_what_was_loaded_is_saved_as_given
    an_update_starts_the_ttl_anew
    parallel_updates_keep_each_others_writes
    an_update_of_what_was_destroyed_writes_nothing
    an_update_of_another_session_is_refused
    a_regenerated_session_lives_under_its_new_id_only
    regenerating_takes_along_what_others_wrote_meanwhile
    regenerating_what_was_destroyed_leaves_nothing
    a_record_is_inspected_with_the_ttl_that_it_has_left
    without_options_a_record_has_its_three_fields_and_no_more
    resuming_what_is_absent_gives_none
    a_session_with_much_of_its_ttl_left_is_resumed_without_a_touch
    a_session_with_little_of_its_ttl_left_is_touched
    a_session_past_its_absolute_timeout_is_destroyed_and_not_served
    a_touch_does_not_reach_past_the_absolute_timeout
    a_session_without_a_stamp_gets_one_when_it_is_first_extended
    a_request_cannot_make_a_session_younger
    with_grace_the_old_id_leads_to_the_session_and_is_none_itself
    a_grace_ends_with_its_last_millisecond
    a_touch_of_the_old_id_does_not_prolong_the_grace
    a_write_through_the_old_id_goes_to_where_the_session_is
    a_write_through_the_old_id_after_the_grace_is_not_done
    a_session_regenerated_four_times_is_found_through_each_of_its_ids
    regenerating_through_an_old_id_leaves_the_session_as_it_was
    with_grace_too_what_others_wrote_meanwhile_moves_along
    destroying_the_new_id_ends_the_old_one
    a_session_is_destroyed_through_any_of_its_ids
    destroying_a_session_that_is_absent_succeeds
    threads_with_an_old_id_lose_no_write_and_undo_no_logout
    many_threads_lose_no_write_and_undo_no_logout
    every_way_to_ask_gives_the_same_answer
    what_is_submitted_together_is_answered_each_for_itself
    an_update_onto_a_text_is_an_update_onto_what_it_says
    a_meter_changes_no_answer
    the_sessions_of_a_user_are_listed_and_ended
    an_index_that_was_lost_is_mended_by_the_sessions_that_are_used
    a_session_is_seen_again_after_a_while
    a_session_that_is_over_is_none_and_its_record_goes
    threads_that_sign_in_leave_no_more_than_may_be
    what_was_revoked_is_over_whatever_threads_do_meanwhile
}

fn an_absent_session_is_none_and_no_error(subject: &Subject) {
    assert_eq!(subject.store.load(&id("absent"), NOW), Ok(None));
}

fn what_is_saved_is_loaded_verbatim(subject: &Subject) {
    let megabyte = format!(r#"{{"big":"{}"}}"#, "x".repeat(1 << 20));
    let deep = format!("{{\"deep\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for data in [
        "{}",
        r#"{ "white" : [ 1 ,  2 ] }"#,
        "{\"unicode\":\"za\u{17c}\u{f3}\u{142}\u{107} \u{65e5}\u{672c} \u{1f36a}\"}",
        "{\"line separators\":\"\u{2028}\u{2029}\"}",
        r#"{"half":"\ud800","pair":"\ud83c\udf6a","\udc00":null}"#,
        r#"{"n":[1e400,-0,123456789012345678901234567890,1E-7]}"#,
        r#"{"a":1,"a":2,"__proto__":{"admin":true}}"#,
        "{\"del\":\"\u{7f}\",\"escapes\":\"\\u0000\\r\\n\\/\"}",
        &megabyte,
        &deep,
    ] {
        let payload = payload("verbatim", data);

        subject.store.save(&payload, a_minute(), NOW).expect("saved");
        let loaded = subject.store.load(&id("verbatim"), NOW).expect("a reply");

        assert!(loaded.is_some_and(|it| it.as_json() == payload.as_json()), "{:.60}", data);
    }
}

fn a_save_replaces_the_whole_record(subject: &Subject) {
    let mut payload = payload("a", r#"{"x":1,"y":2}"#);
    payload.flash("saved", &true).expect("serialisable");
    subject.save(&payload);
    payload = self::payload("a", r#"{"z":3}"#);

    subject.save(&payload);

    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(payload)));
}

fn sessions_do_not_mix(subject: &Subject) {
    // Also those whose ids are parts of each other, or differ in case.
    let names = ["a", "aa", "A", "a-", "a_", "1"];
    for name in names {
        subject.save(&payload(name, &format!(r#"{{"owner":"{name}"}}"#)));
    }

    subject.store.destroy(&id("aa")).expect("destroyed");

    for name in names {
        let expected = (name != "aa").then(|| payload(name, &format!(r#"{{"owner":"{name}"}}"#)));
        assert_eq!(subject.store.load(&id(name), NOW), Ok(expected), "{name}");
    }
}

fn a_destroyed_session_is_none(subject: &Subject) {
    subject.save(&payload("a", "{}"));

    assert_eq!(subject.store.destroy(&id("a")), Ok(()));

    assert_eq!(subject.store.load(&id("a"), NOW), Ok(None));
}

fn destroying_an_absent_session_succeeds(subject: &Subject) {
    assert_eq!(subject.store.destroy(&id("absent")), Ok(()));
}

fn touching_an_absent_session_is_false_and_makes_none(subject: &Subject) {
    subject.save(&payload("gone", "{}"));
    subject.store.destroy(&id("gone")).expect("destroyed");

    for name in ["absent", "gone"] {
        assert_eq!(subject.store.touch(&id(name), a_minute(), NOW), Ok(false), "{name}");
        assert_eq!(subject.store.load(&id(name), NOW), Ok(None), "{name}");
    }
}

fn a_save_starts_the_ttl_anew(subject: &Subject) {
    subject.save_for(10);
    assert!(!subject.lives_after(Duration::from_secs(10)));

    subject.save_for(100);

    assert!(subject.lives_after(Duration::from_secs(90)));
    assert!(!subject.lives_after(Duration::from_secs(100)));
}

fn a_touch_starts_the_ttl_anew_and_leaves_the_payload(subject: &Subject) {
    subject.save_for(10);

    let touched = subject.store.touch(&id("a"), Ttl::from_seconds(100).expect("legal"), NOW);

    assert_eq!(touched, Ok(true));
    assert!(subject.lives_after(Duration::from_secs(90)));
    assert!(!subject.lives_after(Duration::from_secs(100)));
    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(payload("a", "{}"))));
}

fn a_touch_may_also_shorten_the_ttl(subject: &Subject) {
    subject.save_for(100);

    let touched = subject.store.touch(&id("a"), Ttl::from_seconds(10).expect("legal"), NOW);

    assert_eq!(touched, Ok(true));
    assert!(!subject.lives_after(Duration::from_secs(10)));
}

fn two_saves_leave_the_later_ttl_even_if_it_is_shorter(subject: &Subject) {
    subject.save_for(100);

    subject.save_for(10);

    assert!(!subject.lives_after(Duration::from_secs(10)));
}

fn the_longest_ttl_is_kept(subject: &Subject) {
    let longest = 40_000 * 86_400;

    subject.save_for(longest);

    assert!(subject.lives_after(Duration::from_secs(longest - 60)));
}

fn an_id_that_cannot_name_a_record_is_refused_before_anything_is_stored(subject: &Subject) {
    for bad in ["", "a b", "../a", "a:b", "a\\u0000", "\\ud800", &"a".repeat(129)] {
        let payload = Payload::parse(format!(r#"{{"id":"{bad}"}}"#)).expect("a payload");

        let saved = subject.store.save(&payload, a_minute(), NOW);

        assert_eq!(saved, Err(StoreError::InvalidId), "{bad}");
    }
    for server in &subject.servers {
        let pattern = format!("{}*", subject.prefix);
        assert_eq!(Client::connect(*server).call(&["KEYS", &pattern]), Reply::Array(vec![]));
    }
}

fn concurrent_sessions_get_their_own_payloads(subject: &Subject) {
    let store = &subject.store;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                let name = format!("thread-{thread}");
                for round in 0..200 {
                    let payload = payload(&name, &format!(r#"{{"round":{round}}}"#));
                    store.save(&payload, a_minute(), NOW).expect("saved");
                    assert_eq!(store.load(&id(&name), NOW), Ok(Some(payload)));
                    assert_eq!(store.touch(&id(&name), a_minute(), NOW), Ok(true));
                }
                store.destroy(&id(&name)).expect("destroyed");
                assert_eq!(store.load(&id(&name), NOW), Ok(None));
            });
        }
    });
    assert_eq!(store.incidents().foreign_records, 0);
}

fn a_meter_changes_no_answer(subject: &Subject) {
    let metered = Metered::new(Borrowed(subject));

    assert_eq!(metered.load(&id("a"), NOW), Ok(None));
    assert_eq!(metered.save(&payload("a", "{}"), a_minute(), NOW), Ok(()));
    assert_eq!(metered.touch(&id("a"), a_minute(), NOW), Ok(true));
    assert_eq!(metered.load(&id("a"), NOW), Ok(Some(payload("a", "{}"))));
    assert!(metered.inspect(&id("a"), NOW).is_ok_and(|it| it.is_some()));
    assert_eq!(metered.destroy(&id("a")), Ok(()));
    let bad = Payload::parse(r#"{"id":""}"#).expect("a payload");
    assert_eq!(metered.save(&bad, a_minute(), NOW), Err(StoreError::InvalidId));

    let figures = metered.figures();
    let counts = [figures.load, figures.save, figures.touch, figures.inspect, figures.destroy]
        .map(|operation| (operation.calls, operation.errors));
    assert_eq!(counts, [(2, 0), (2, 1), (1, 0), (1, 0), (1, 0)]);
}

#[test]
fn a_store_outage_is_not_reported_as_a_missing_session() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let store = RedisStore::new(RedisConfig { url, ..RedisConfig::default() }).expect("legal");

    let error = StoreError::Unreachable;
    assert_eq!(store.load(&id("a"), NOW), Err(error.clone()));
    assert_eq!(store.save(&payload("a", "{}"), a_minute(), NOW), Err(error.clone()));
    assert_eq!(store.touch(&id("a"), a_minute(), NOW), Err(error.clone()));
    assert_eq!(store.destroy(&id("a")), Err(error));
}

#[test]
fn a_session_in_memory_ends_with_the_last_millisecond_of_its_ttl() {
    let subject = Subject::memory();
    subject.save_for(60);

    let at = |millis: u64| UnixMillis::new(1_700_000_000_000 + millis);
    assert!(subject.store.load(&id("a"), at(59_999)).is_ok_and(|it| it.is_some()));
    assert_eq!(subject.store.load(&id("a"), at(60_000)), Ok(None));
    assert_eq!(subject.store.touch(&id("a"), a_minute(), at(60_000)), Ok(false));
}

fn a_create_never_overwrites(subject: &Subject) {
    let first = payload("a", r#"{"n":1}"#);

    assert_eq!(subject.store.create(&first, a_minute(), NOW), Ok(true));
    assert_eq!(subject.store.create(&payload("a", "{}"), a_minute(), NOW), Ok(false));

    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(first)));
}

fn a_replace_goes_onto_the_expected_record_only(subject: &Subject) {
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

fn a_remove_takes_the_expected_record_only(subject: &Subject) {
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

fn an_update_of_what_was_loaded_is_saved_as_given(subject: &Subject) {
    let base = payload("a", r#"{ "spaced" : 1e400 }"#);
    let changed = payload("a", r#"{ "spaced" : 1e400 ,"n":"\ud800"}"#);
    subject.save(&base);

    let updated = subject.store.update(&base, &changed, a_minute(), NOW);

    assert_eq!(updated, Ok(Updated::Saved));
    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(changed)));
}

fn an_update_starts_the_ttl_anew(subject: &Subject) {
    let base = payload("a", "{}");
    subject.save_for(5);

    let updated = subject.store.update(&base, &base, a_minute(), NOW);

    assert_eq!(updated, Ok(Updated::Saved));
    assert!(subject.lives_after(Duration::from_secs(30)));
}

fn parallel_updates_keep_each_others_writes(subject: &Subject) {
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

fn an_update_of_what_was_destroyed_writes_nothing(subject: &Subject) {
    let base = payload("a", "{}");
    subject.save(&base);
    subject.store.destroy(&id("a")).expect("destroyed");

    let updated = subject.store.update(&base, &payload("a", r#"{"n":1}"#), a_minute(), NOW);

    assert_eq!(updated, Ok(Updated::Gone));
    assert_eq!(subject.store.load(&id("a"), NOW), Ok(None));
}

fn an_update_of_another_session_is_refused(subject: &Subject) {
    let (a, b) = (payload("a", "{}"), payload("b", "{}"));
    subject.save(&a);
    subject.save(&b);

    assert_eq!(subject.store.update(&a, &b, a_minute(), NOW), Err(StoreError::InvalidId));
}

fn a_regenerated_session_lives_under_its_new_id_only(subject: &Subject) {
    let base = payload("old", r#"{"user":1}"#);
    let new = payload("new", r#"{"user":2}"#);
    subject.save(&base);

    let done = subject.store.regenerate(&base, &new, a_minute(), NOW);

    assert_eq!(done, Ok(Regenerated::Done(new.clone())));
    assert_eq!(subject.store.load(&id("old"), NOW), Ok(None));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(Some(new)));
}

fn regenerating_takes_along_what_others_wrote_meanwhile(subject: &Subject) {
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

fn regenerating_what_was_destroyed_leaves_nothing(subject: &Subject) {
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

fn a_record_is_inspected_with_the_ttl_that_it_has_left(subject: &Subject) {
    assert_eq!(subject.store.inspect(&id("a"), NOW), Ok(None));

    subject.save_for(100);

    let record = subject.store.inspect(&id("a"), NOW).expect("a reply").expect("saved");
    assert_eq!(record.payload, payload("a", "{}"));
    let left = record.left;
    assert!(left > Duration::from_secs(60) && left <= Duration::from_secs(100), "{left:?}");
    if subject.servers.is_empty() {
        let record = subject.store.inspect(&id("a"), after(99_999)).expect("a reply");
        assert_eq!(record.map(|it| it.left), Some(Duration::from_millis(1)));
        assert_eq!(subject.store.inspect(&id("a"), after(100_000)), Ok(None));
    }
}

fn without_options_a_record_has_its_three_fields_and_no_more(subject: &Subject) {
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

fn resuming_what_is_absent_gives_none(subject: &Subject) {
    let resumed = subject.store.resume(&id("absent"), &idle_for_a_minute(), NOW);

    assert_eq!(resumed, Ok(Resumed::None));
}

fn a_session_with_much_of_its_ttl_left_is_resumed_without_a_touch(subject: &Subject) {
    subject.save_for(40);

    let resumed = subject.store.resume(&id("a"), &idle_for_a_minute(), NOW);

    assert_eq!(resumed, Ok(untouched(payload("a", "{}"))));
    assert!(!subject.lives_after(Duration::from_secs(40)));
}

fn a_session_with_little_of_its_ttl_left_is_touched(subject: &Subject) {
    subject.save_for(20);

    let resumed = subject.store.resume(&id("a"), &idle_for_a_minute(), NOW);

    assert_eq!(resumed, Ok(touched(payload("a", "{}"))));
    assert!(subject.lives_after(Duration::from_secs(45)));
    assert!(!subject.lives_after(Duration::from_secs(60)));
}

fn a_session_past_its_absolute_timeout_is_destroyed_and_not_served(subject: &Subject) {
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

fn a_touch_does_not_reach_past_the_absolute_timeout(subject: &Subject) {
    let timeouts = idle_for_a_minute().with_absolute(minutes(60.0));
    let mut session = payload("a", "{}");
    session.set_created_at(before(3_580_000));
    let short = Ttl::from_seconds(5).expect("legal");
    subject.store.save(&session, short, NOW).expect("saved");

    assert_eq!(subject.store.resume(&id("a"), &timeouts, NOW), Ok(touched(session)));

    assert!(subject.lives_after(Duration::from_secs(10)));
    assert!(!subject.lives_after(Duration::from_secs(20)));
}

fn a_session_without_a_stamp_gets_one_when_it_is_first_extended(subject: &Subject) {
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

fn a_request_cannot_make_a_session_younger(subject: &Subject) {
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

fn with_grace_the_old_id_leads_to_the_session_and_is_none_itself(subject: &Subject) {
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

fn a_grace_ends_with_its_last_millisecond(subject: &Subject) {
    let (base, new) = (payload("old", "{}"), payload("new", "{}"));
    subject.save(&base);
    subject.regenerate(&base, &new).expect("done");

    assert_eq!(subject.resume("old", after(9_999)), Ok(Resumed::Moved(base)));
    assert_eq!(subject.resume("old", after(10_000)), Ok(Resumed::None));
    assert_eq!(subject.resume("new", after(10_000)), Ok(untouched(new)));
}

fn a_touch_of_the_old_id_does_not_prolong_the_grace(subject: &Subject) {
    let base = payload("old", "{}");
    subject.save(&base);
    subject.regenerate(&base, &payload("new", "{}")).expect("done");

    subject.store.touch(&id("old"), a_minute(), NOW).expect("a reply");

    assert_eq!(subject.resume("old", after(10_000)), Ok(Resumed::None));
    let update = subject.store.update(&base, &base, a_minute(), after(10_000));
    assert_eq!(update, Ok(Updated::Gone));
}

fn a_write_through_the_old_id_goes_to_where_the_session_is(subject: &Subject) {
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

fn a_write_through_the_old_id_after_the_grace_is_not_done(subject: &Subject) {
    let (base, new) = (payload("old", "{}"), payload("new", "{}"));
    subject.save(&base);
    subject.regenerate(&base, &new).expect("done");

    let ours = payload("old", r#"{"n":1}"#);
    let updated = subject.store.update(&base, &ours, a_minute(), after(10_000));

    assert_eq!(updated, Ok(Updated::Gone));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(Some(new)));
}

fn a_session_regenerated_four_times_is_found_through_each_of_its_ids(subject: &Subject) {
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

fn regenerating_through_an_old_id_leaves_the_session_as_it_was(subject: &Subject) {
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

fn with_grace_too_what_others_wrote_meanwhile_moves_along(subject: &Subject) {
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

fn destroying_the_new_id_ends_the_old_one(subject: &Subject) {
    let (base, new) = (payload("old", "{}"), payload("new", "{}"));
    subject.save(&base);
    subject.regenerate(&base, &new).expect("done");

    subject.store.destroy(&id("new")).expect("destroyed");

    assert_eq!(subject.resume("old", NOW), Ok(Resumed::None));
    assert_eq!(subject.store.update(&base, &base, a_minute(), NOW), Ok(Updated::Gone));
    assert_eq!(subject.store.load(&id("new"), NOW), Ok(None));
}

fn a_session_is_destroyed_through_any_of_its_ids(subject: &Subject) {
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

fn destroying_a_session_that_is_absent_succeeds(subject: &Subject) {
    assert_eq!(subject.store.destroy_session(&id("absent"), NOW), Ok(()));
}

/// Threads write through the first id of a session that is regenerated meanwhile; then one of them
/// logs out through it while the others go on.
fn threads_with_an_old_id_lose_no_write_and_undo_no_logout(subject: &Subject) {
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

/// Threads add keys of their own to a few sessions, and log out some of these in between. What
/// was acknowledged before the logout may go with it; nothing else may, and nothing may return.
fn many_threads_lose_no_write_and_undo_no_logout(subject: &Subject) {
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

fn every_way_to_ask_gives_the_same_answer(subject: &Subject) {
    let stored = payload("a", r#"{"n":1}"#);
    subject.save(&stored);
    let load = || Request::Load { id: id("a") };
    let expected = Ok(store::Reply::Load(Some(stored.clone())));

    assert_eq!(subject.store.call(load(), NOW), expected);

    let (answer, answered) = mpsc::channel();
    subject.store.submit(load(), NOW, Box::new(move |it| answer.send(it).expect("heard")));
    assert_eq!(answered.recv().expect("one answer"), expected);

    assert_eq!(block_on(subject.store.start(load(), NOW)), expected);

    let shared = || Arc::clone(&subject.store);
    let changed = payload("a", r#"{"n":2}"#);
    let updated =
        answer_to(|done| store::submit_update(shared(), &stored, &changed, a_minute(), NOW, done));
    assert_eq!(updated, Ok(Updated::Saved));

    let moved = changed.with_id(&id("b"));
    let done = answer_to(|done| {
        store::submit_regenerate(shared(), &changed, &moved, a_minute(), NOW, done);
    });
    assert_eq!(done, Ok(Regenerated::Done(moved.clone())));

    let again = moved.with_id(&id("c"));
    let done = answer_to(|done| {
        let (ttl, grace) = (a_minute(), grace());
        store::submit_regenerate_with_grace(shared(), &moved, &again, ttl, grace, NOW, done);
    });
    assert_eq!(done, Ok(Regenerated::Done(again)));

    let timeouts = idle_for_a_minute();
    let resumed = answer_to(|done| {
        store::submit_resume(shared(), &id("b"), &timeouts, NOW, done);
    });
    assert_eq!(resumed, Ok(Resumed::Moved(moved)));

    let destroyed = answer_to(|done| store::submit_destroy_session(shared(), &id("b"), NOW, done));
    assert_eq!(destroyed, Ok(()));
    for name in ["a", "b", "c"] {
        assert_eq!(subject.store.inspect(&id(name), NOW), Ok(None), "{name}");
    }
}

fn what_is_submitted_together_is_answered_each_for_itself(subject: &Subject) {
    let store = Metered::new(Borrowed(subject));
    let sessions: Vec<_> =
        (0..100).map(|n| payload(&format!("s{n}"), &format!(r#"{{"n":{n}}}"#))).collect();
    let all = |requests: Vec<Request>| {
        let (answer, answers) = mpsc::channel();
        let count = requests.len();
        let submissions = requests.into_iter().enumerate().map(|(at, request)| {
            let answer = answer.clone();
            let done: store::Done =
                Box::new(move |outcome| answer.send((at, outcome)).expect("heard"));
            Submission { request, now: NOW, done }
        });
        store.submit_all(submissions.collect());
        drop(answer);
        let mut outcomes: Vec<_> = answers.iter().collect();
        outcomes.sort_by_key(|(at, _)| *at);
        assert!(outcomes.iter().map(|(at, _)| *at).eq(0..count), "one answer for each");
        outcomes.into_iter().map(|(_, outcome)| outcome).collect::<Vec<_>>()
    };
    let saves = sessions.iter().cloned();
    let saves = saves.map(|payload| Request::Save { payload, ttl: a_minute() }).collect();
    let loads = (0..110).map(|n| Request::Load { id: id(&format!("s{n}")) }).collect();

    assert_eq!(all(saves), vec![Ok(store::Reply::Save); 100]);
    let expected = sessions.iter().map(|it| Ok(store::Reply::Load(Some(it.clone()))));
    let absent = vec![Ok(store::Reply::Load(None)); 10];
    assert_eq!(all(loads), expected.chain(absent).collect::<Vec<_>>());
    assert_eq!(all(Vec::new()), []);
    assert_eq!((store.figures().save.calls, store.figures().load.calls), (100, 110));
}

fn an_update_onto_a_text_is_an_update_onto_what_it_says(subject: &Subject) {
    let store = &subject.store;
    let onto = |base: &str, payload: &Payload| {
        answer_to(|done| {
            let (base, payload) = (base.to_owned(), payload.clone());
            let first = store::update_submission(store, base, payload, a_minute(), NOW, done);
            store.submit_all(first.into_iter().collect());
        })
    };
    let base = payload("a", r#"{"n":1}"#);
    let ours = payload("a", r#"{"n":1,"ours":1}"#);
    subject.save(&base);

    assert_eq!(onto(base.as_json(), &ours), Ok(Updated::Saved));

    // By now the record is another one than the base.
    let both = payload("a", r#"{"n":1,"ours":1,"more":1}"#);
    let more = payload("a", r#"{"n":1,"more":1}"#);
    assert_eq!(onto(base.as_json(), &more), Ok(Updated::Merged(both.clone())));

    for wrong in ["", "null", r#"{"id":"a""#, r#"{"id":"b","data":{},"flash_next":{}}"#] {
        assert_eq!(onto(wrong, &ours), Err(StoreError::InvalidId), "{wrong}");
    }
    let nameless = Payload::parse(r#"{"id":""}"#).expect("a payload");
    assert_eq!(onto(nameless.as_json(), &nameless), Err(StoreError::InvalidId));
    assert_eq!(store.load(&id("a"), NOW), Ok(Some(both)));

    // A session keeps the instant at which it began, in whatever spelling the base has it.
    let mut began = payload("c", "{}");
    began.set_created_at(UnixMillis::new(5));
    subject.save(&began);
    let mut expected = payload("c", r#"{"n":2}"#);
    expected.set_created_at(UnixMillis::new(5));
    assert_eq!(
        onto(began.as_json(), &payload("c", r#"{"n":2}"#)),
        Ok(Updated::Merged(expected.clone()))
    );
    assert_eq!(store.load(&id("c"), NOW), Ok(Some(expected)));

    store.destroy(&id("a")).expect("a reply");
    assert_eq!(onto(base.as_json(), &ours), Ok(Updated::Gone));
}

/// The one answer that `submit` sends to the callback it is given.
fn answer_to<T: Send + 'static>(submit: impl FnOnce(Box<dyn FnOnce(T) + Send>)) -> T {
    let (answer, answered) = mpsc::channel();
    submit(Box::new(move |it| answer.send(it).expect("heard")));
    let first = answered.recv().expect("one answer");
    assert!(answered.recv().is_err(), "a second answer");
    first
}

/// The smallest runtime there is: polls when woken.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// A store, and what it takes to look behind it.
struct Subject {
    store: Arc<dyn Store>,
    /// The ports of all servers that may have a record.
    servers: Vec<u16>,
    /// What the names of records begin with there.
    prefix: String,
    _server: Option<RedisServer>,
    _folder: Option<TempDir>,
}

impl Subject {
    fn of(store: Arc<dyn Store>) -> Self {
        Self { store, servers: Vec::new(), prefix: String::new(), _server: None, _folder: None }
    }

    fn memory() -> Self {
        Self::of(Arc::new(MemoryStore::new(MemoryConfig::default()).expect("legal")))
    }

    fn file() -> Self {
        let folder = TempDir::new();
        let config = FileConfig {
            durability: Durability::Eventual,
            deadline: Duration::from_secs(30),
            ..FileConfig::at(folder.path().join("sessions.redb"))
        };
        let store = FileStore::open(config).expect("a new file");
        Self { _folder: Some(folder), ..Self::of(Arc::new(store)) }
    }

    fn redis() -> Self {
        let server = RedisServer::start();
        let url = server.url();
        Self::in_redis(server, url)
    }

    fn redis_sentinel() -> Self {
        let group = Sentinels::shared();
        let url = format!("redis://{MASTER}");
        let config = RedisConfig { url, sentinels: group.addresses(), ..of_one_test() };
        Self::with_config(group.master.iter().map(RedisServer::port).collect(), config)
    }

    fn redis_cluster() -> Self {
        let cluster = Cluster::shared();
        let nodes = cluster.addresses();
        let config = RedisConfig {
            url: format!("redis://{}", nodes[0]),
            cluster_nodes: nodes[1..2].to_vec(),
            ..of_one_test()
        };
        Self::with_config(cluster.nodes.iter().map(RedisServer::port).collect(), config)
    }

    /// The commands that are allowed are all that the store needs.
    fn redis_without_scripts() -> Self {
        let server = RedisServer::start();
        let reply = server.client().call(&[
            "ACL",
            "SETUSER",
            "sessions",
            "on",
            ">hunter2",
            "~session:*",
            "resetchannels",
            "+get",
            "+set",
            "+del",
            "+expire",
            "+pttl",
            "+watch",
            "+unwatch",
            "+multi",
            "+exec",
            "+select",
        ]);
        assert_eq!(reply, Reply::Simple("OK".to_owned()));
        let url = format!("redis://sessions:hunter2@127.0.0.1:{}", server.port());
        Self::in_redis(server, url)
    }

    fn redis_with_tls() -> Self {
        let server = TlsServer::start(&["localhost"]);
        let (url, ca_pem) = (server.url("localhost"), Some(server.ca_pem));
        let config = RedisConfig { url, ca_pem, ..RedisConfig::default() };
        let servers = vec![server.plain.port()];
        Self { _server: Some(server.plain), ..Self::with_config(servers, config) }
    }

    fn in_redis(server: RedisServer, url: String) -> Self {
        let config = RedisConfig { url, ..RedisConfig::default() };
        let servers = vec![server.port()];
        Self { _server: Some(server), ..Self::with_config(servers, config) }
    }

    fn with_config(servers: Vec<u16>, config: RedisConfig) -> Self {
        let prefix = config.prefix.clone();
        let config = RedisConfig { deadline: Duration::from_secs(30), ..config };
        let store = RedisStore::new(config).expect("legal");
        Self { servers, prefix, ..Self::of(Arc::new(store)) }
    }

    fn save(&self, payload: &Payload) {
        self.store.save(payload, a_minute(), NOW).expect("saved");
    }

    fn regenerate(&self, base: &Payload, new: &Payload) -> Result<Regenerated, StoreError> {
        self.store.regenerate_with_grace(base, new, a_minute(), grace(), NOW)
    }

    fn resume(&self, name: &str, now: UnixMillis) -> Result<Resumed, StoreError> {
        self.store.resume(&id(name), &idle_for_a_minute(), now)
    }

    fn save_for(&self, seconds: u64) {
        let ttl = Ttl::from_seconds(seconds).expect("legal");
        self.store.save(&payload("a", "{}"), ttl, NOW).expect("saved");
    }

    /// Whether session `a` will be there, so much later than now. Waits for nobody: memory goes
    /// by the time it is told, and Redis says how long it will keep a record.
    fn lives_after(&self, later: Duration) -> bool {
        if self.servers.is_empty() {
            let then = UnixMillis::from_f64(NOW.as_f64() + later.as_secs_f64() * 1000.0);
            let loaded = self.store.load(&id("a"), then.expect("in range"));
            return loaded.expect("a reply").is_some();
        }
        let name = format!("{}a", self.prefix);
        let left = self.servers.iter().find_map(|server| {
            // A node that has not got the slot says so.
            match Client::connect(*server).call(&["PTTL", &name]) {
                Reply::Integer(millis) => Some(millis),
                _ => None,
            }
        });
        left.expect("a number") > later.as_millis() as i64
    }
}

/// A configuration whose records are no other test's.
fn of_one_test() -> RedisConfig {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    RedisConfig { prefix: format!("test-{number}:"), ..RedisConfig::default() }
}

struct Borrowed<'a>(&'a Subject);

impl Store for Borrowed<'_> {
    fn call(&self, request: Request, now: UnixMillis) -> Result<store::Reply, StoreError> {
        self.0.store.call(request, now)
    }

    fn submit_all(&self, submissions: Vec<Submission>) {
        self.0.store.submit_all(submissions);
    }
}

fn id(name: &str) -> SessionId {
    SessionId::parse(name).expect("legal")
}

fn payload(name: &str, data: &str) -> Payload {
    Payload::parse(format!(r#"{{"id":"{name}","data":{data},"flash_next":{{}}}}"#)).expect(name)
}

fn touched(payload: Payload) -> Resumed {
    Resumed::Session { payload, touched: Ok(true) }
}

fn untouched(payload: Payload) -> Resumed {
    Resumed::Session { payload, touched: Ok(false) }
}

fn minutes(minutes: f64) -> Lifetime {
    Lifetime::from_minutes(minutes).expect("legal")
}

fn idle_for_a_minute() -> Timeouts {
    Timeouts::idle(minutes(1.0))
}

fn after(millis: u64) -> UnixMillis {
    UnixMillis::new(1_700_000_000_000 + millis)
}

fn before(millis: u64) -> UnixMillis {
    UnixMillis::new(1_700_000_000_000 - millis)
}

fn grace() -> Ttl {
    Ttl::from_seconds(10).expect("legal")
}

fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}
