//! The laws of one record: what is saved is loaded, for as long as its TTL says.

use std::time::Duration;

use rudder_session::{Payload, Store, StoreError, Ttl};
use rudder_session_tests::resp::{Client, Reply};

use super::sessions::{NOW, a_minute, after, id, payload};
use super::subject::Subject;

pub(super) fn an_absent_session_is_none_and_no_error(subject: &Subject) {
    assert_eq!(subject.store.load(&id("absent"), NOW), Ok(None));
}

pub(super) fn what_is_saved_is_loaded_verbatim(subject: &Subject) {
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

pub(super) fn a_save_replaces_the_whole_record(subject: &Subject) {
    let mut payload = payload("a", r#"{"x":1,"y":2}"#);
    payload.flash("saved", &true).expect("serialisable");
    subject.save(&payload);
    payload = self::payload("a", r#"{"z":3}"#);

    subject.save(&payload);

    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(payload)));
}

pub(super) fn sessions_do_not_mix(subject: &Subject) {
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

pub(super) fn a_destroyed_session_is_none(subject: &Subject) {
    subject.save(&payload("a", "{}"));

    assert_eq!(subject.store.destroy(&id("a")), Ok(()));

    assert_eq!(subject.store.load(&id("a"), NOW), Ok(None));
}

pub(super) fn destroying_an_absent_session_succeeds(subject: &Subject) {
    assert_eq!(subject.store.destroy(&id("absent")), Ok(()));
}

pub(super) fn touching_an_absent_session_is_false_and_makes_none(subject: &Subject) {
    subject.save(&payload("gone", "{}"));
    subject.store.destroy(&id("gone")).expect("destroyed");

    for name in ["absent", "gone"] {
        assert_eq!(subject.store.touch(&id(name), a_minute(), NOW), Ok(false), "{name}");
        assert_eq!(subject.store.load(&id(name), NOW), Ok(None), "{name}");
    }
}

pub(super) fn a_save_starts_the_ttl_anew(subject: &Subject) {
    subject.save_for(10);
    assert!(!subject.lives_after(Duration::from_secs(10)));

    subject.save_for(100);

    assert!(subject.lives_after(Duration::from_secs(90)));
    assert!(!subject.lives_after(Duration::from_secs(100)));
}

pub(super) fn a_touch_starts_the_ttl_anew_and_leaves_the_payload(subject: &Subject) {
    subject.save_for(10);

    let touched = subject.store.touch(&id("a"), Ttl::from_seconds(100).expect("legal"), NOW);

    assert_eq!(touched, Ok(true));
    assert!(subject.lives_after(Duration::from_secs(90)));
    assert!(!subject.lives_after(Duration::from_secs(100)));
    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(payload("a", "{}"))));
}

pub(super) fn a_touch_may_also_shorten_the_ttl(subject: &Subject) {
    subject.save_for(100);

    let touched = subject.store.touch(&id("a"), Ttl::from_seconds(10).expect("legal"), NOW);

    assert_eq!(touched, Ok(true));
    assert!(!subject.lives_after(Duration::from_secs(10)));
}

pub(super) fn two_saves_leave_the_later_ttl_even_if_it_is_shorter(subject: &Subject) {
    subject.save_for(100);

    subject.save_for(10);

    assert!(!subject.lives_after(Duration::from_secs(10)));
}

pub(super) fn the_longest_ttl_is_kept(subject: &Subject) {
    let longest = 40_000 * 86_400;

    subject.save_for(longest);

    assert!(subject.lives_after(Duration::from_secs(longest - 60)));
}

pub(super) fn an_id_that_cannot_name_a_record_is_refused_before_anything_is_stored(
    subject: &Subject,
) {
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

pub(super) fn concurrent_sessions_get_their_own_payloads(subject: &Subject) {
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

pub(super) fn a_record_is_inspected_with_the_ttl_that_it_has_left(subject: &Subject) {
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
