//! Every store keeps the same promises, whatever it is made of.
//!
//! Each law below runs against each store: `memory::<law>`, `redis::<law>`.

use std::time::Duration;

use rudder_session::store::Metered;
use rudder_session::{MemoryConfig, MemoryStore, Payload, RedisConfig, RedisStore, SessionId};
use rudder_session::{Store, StoreError, Ttl, UnixMillis};
use rudder_session_tests::redis_server::{RedisServer, free_port};
use rudder_session_tests::resp::Reply;

macro_rules! laws {
    ($($law:ident)*) => {
        mod memory {
            $(#[test]
            fn $law() {
                super::$law(&super::Subject::memory());
            })*
        }

        mod redis {
            $(#[test]
            fn $law() {
                super::$law(&super::Subject::redis());
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
    a_meter_changes_no_answer
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
    if let Some(server) = &subject.server {
        assert_eq!(server.client().call(&["DBSIZE"]), Reply::Integer(0));
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
    assert_eq!(store.foreign_records(), 0);
}

fn a_meter_changes_no_answer(subject: &Subject) {
    let metered = Metered::new(Borrowed(subject));

    assert_eq!(metered.load(&id("a"), NOW), Ok(None));
    assert_eq!(metered.save(&payload("a", "{}"), a_minute(), NOW), Ok(()));
    assert_eq!(metered.touch(&id("a"), a_minute(), NOW), Ok(true));
    assert_eq!(metered.load(&id("a"), NOW), Ok(Some(payload("a", "{}"))));
    assert_eq!(metered.destroy(&id("a")), Ok(()));
    let bad = Payload::parse(r#"{"id":""}"#).expect("a payload");
    assert_eq!(metered.save(&bad, a_minute(), NOW), Err(StoreError::InvalidId));

    let figures = metered.figures();
    let counts = [figures.load, figures.save, figures.touch, figures.destroy]
        .map(|operation| (operation.calls, operation.errors));
    assert_eq!(counts, [(2, 0), (2, 1), (1, 0), (1, 0)]);
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

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// A store, and what it takes to look behind it.
struct Subject {
    store: Box<dyn Store>,
    server: Option<RedisServer>,
}

impl Subject {
    fn memory() -> Self {
        let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
        Self { store: Box::new(store), server: None }
    }

    fn redis() -> Self {
        let server = RedisServer::start();
        let config = RedisConfig {
            url: server.url(),
            deadline: Duration::from_secs(5),
            ..RedisConfig::default()
        };
        let store = RedisStore::new(config).expect("legal");
        Self { store: Box::new(store), server: Some(server) }
    }

    fn save(&self, payload: &Payload) {
        self.store.save(payload, a_minute(), NOW).expect("saved");
    }

    fn save_for(&self, seconds: u64) {
        let ttl = Ttl::from_seconds(seconds).expect("legal");
        self.store.save(&payload("a", "{}"), ttl, NOW).expect("saved");
    }

    /// Whether session `a` will be there, so much later than now. Waits for nobody: memory goes
    /// by the time it is told, and Redis says how long it will keep a record.
    fn lives_after(&self, later: Duration) -> bool {
        match &self.server {
            None => {
                let then = UnixMillis::from_f64(NOW.as_f64() + later.as_secs_f64() * 1000.0);
                let loaded = self.store.load(&id("a"), then.expect("in range"));
                loaded.expect("a reply").is_some()
            }
            Some(server) => {
                let left = server.client().call(&["PTTL", "session:a"]);
                let Reply::Integer(millis) = left else { panic!("no number: {left:?}") };
                millis > later.as_millis() as i64
            }
        }
    }
}

struct Borrowed<'a>(&'a Subject);

impl Store for Borrowed<'_> {
    fn load(&self, id: &SessionId, now: UnixMillis) -> Result<Option<Payload>, StoreError> {
        self.0.store.load(id, now)
    }

    fn save(&self, payload: &Payload, ttl: Ttl, now: UnixMillis) -> Result<(), StoreError> {
        self.0.store.save(payload, ttl, now)
    }

    fn touch(&self, id: &SessionId, ttl: Ttl, now: UnixMillis) -> Result<bool, StoreError> {
        self.0.store.touch(id, ttl, now)
    }

    fn destroy(&self, id: &SessionId) -> Result<(), StoreError> {
        self.0.store.destroy(id)
    }
}

fn id(name: &str) -> SessionId {
    SessionId::parse(name).expect("legal")
}

fn payload(name: &str, data: &str) -> Payload {
    Payload::parse(format!(r#"{{"id":"{name}","data":{data},"flash_next":{{}}}}"#)).expect(name)
}

fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}
