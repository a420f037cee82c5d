//! Every store keeps the same promises, whatever it is made of.
//!
//! Each law below runs against each store: `memory::<law>`, `file::<law>`, `redis::<law>`,
//! `redis_without_scripts::<law>` as a user who may run none, and `redis_with_tls::<law>`.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::Duration;

use rudder_session::store::{self, Found, Metered, Regenerated, Request, Updated};
use rudder_session::{Durability, FileConfig, FileStore, MemoryConfig, MemoryStore, Payload};
use rudder_session::{RedisConfig, RedisStore, SessionId, Store, StoreError, Ttl, UnixMillis};
use rudder_session_tests::redis_server::{RedisServer, TempDir, free_port};
use rudder_session_tests::resp::Reply;
use rudder_session_tests::tls_server::TlsServer;

macro_rules! laws {
    ($($law:ident)*) => {
        laws!(@against memory $($law)*);
        laws!(@against file $($law)*);
        laws!(@against redis $($law)*);
        laws!(@against redis_without_scripts $($law)*);
        laws!(@against redis_with_tls $($law)*);
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
    many_threads_lose_no_write_and_undo_no_logout
    every_way_to_ask_gives_the_same_answer
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
    assert_eq!(store.incidents().foreign_records, 0);
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

    let (answer, answered) = mpsc::channel();
    let changed = payload("a", r#"{"n":2}"#);
    let shared = Arc::clone(&subject.store);
    store::submit_update(shared, &stored, &changed, a_minute(), NOW, move |it| {
        answer.send(it).expect("heard");
    });
    assert_eq!(answered.recv().expect("one answer"), Ok(Updated::Saved));
    assert_eq!(subject.store.load(&id("a"), NOW), Ok(Some(changed)));
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
    server: Option<RedisServer>,
    _folder: Option<TempDir>,
}

impl Subject {
    fn memory() -> Self {
        let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
        Self { store: Arc::new(store), server: None, _folder: None }
    }

    fn file() -> Self {
        let folder = TempDir::new();
        let config = FileConfig {
            durability: Durability::Eventual,
            deadline: Duration::from_secs(30),
            ..FileConfig::at(folder.path().join("sessions.redb"))
        };
        let store = FileStore::open(config).expect("a new file");
        Self { store: Arc::new(store), server: None, _folder: Some(folder) }
    }

    fn redis() -> Self {
        let server = RedisServer::start();
        let url = server.url();
        Self::in_redis(server, url)
    }

    /// The commands that are allowed are all that the store needs.
    fn redis_without_scripts() -> Self {
        let server = RedisServer::start();
        let reply = server.client().call(&[
            "ACL",
            "SETUSER",
            "sessions",
            "on",
            ">secret",
            "~session:*",
            "resetchannels",
            "+get",
            "+set",
            "+del",
            "+expire",
            "+watch",
            "+unwatch",
            "+multi",
            "+exec",
            "+select",
        ]);
        assert_eq!(reply, Reply::Simple("OK".to_owned()));
        let url = format!("redis://sessions:secret@127.0.0.1:{}", server.port());
        Self::in_redis(server, url)
    }

    fn redis_with_tls() -> Self {
        let server = TlsServer::start(&["localhost"]);
        let (url, ca_pem) = (server.url("localhost"), Some(server.ca_pem));
        Self::with_config(server.plain, RedisConfig { url, ca_pem, ..RedisConfig::default() })
    }

    fn in_redis(server: RedisServer, url: String) -> Self {
        Self::with_config(server, RedisConfig { url, ..RedisConfig::default() })
    }

    fn with_config(server: RedisServer, config: RedisConfig) -> Self {
        let config = RedisConfig { deadline: Duration::from_secs(30), ..config };
        let store = RedisStore::new(config).expect("legal");
        Self { store: Arc::new(store), server: Some(server), _folder: None }
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
    fn call(&self, request: Request, now: UnixMillis) -> Result<store::Reply, StoreError> {
        self.0.store.call(request, now)
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
