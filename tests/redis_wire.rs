//! What the Redis store says to a server is exactly what is written down, and what it makes of
//! the answers is never somebody else's session.

use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::time::Duration;

use redis::Commands;
use rudder_session::store::{self, Found, Request, Resumed, Updated};
use rudder_session::{CookieCodec, KeyRing, Lifetime, Payload, RedisConfig, RedisStore};
use rudder_session::{SessionId, Store, StoreError, Timeouts, Ttl, UnixMillis};
use rudder_session_tests::newer_redis::NewerRedis;
use rudder_session_tests::redis_server::RedisServer;
use rudder_session_tests::resp::Reply;
use rudder_session_tests::scripted_server::{ScriptedServer, Step};

#[test]
fn a_record_is_written_as_one_set_with_ex_and_read_back_by_a_plain_client() {
    let server = RedisServer::start();
    let store = store(&server.url());
    let payload = payload("{\"half\":\"\\ud800\",\"n\":1e400,\"\\u00e9\":\"\u{e9}\u{2028}\"}");
    let mut monitor = server.monitor();

    store.save(&payload, Ttl::from_seconds(7200).expect("legal"), NOW).expect("saved");

    let name = format!("session:{ID}");
    let expected = ["SET", &name, payload.as_json(), "EX", "7200"];
    assert_eq!(monitor.seen(), [expected.map(|it| it.as_bytes().to_vec())]);
    let mut plain = plain_client(&server.url());
    assert_eq!(plain.get(&name), Ok(payload.as_json().to_owned()));
    let left: i64 = plain.pttl(&name).expect("a ttl");
    assert!((7_100_000..=7_200_000).contains(&left), "{left} ms");
}

#[test]
fn load_touch_and_destroy_are_one_command_each() {
    let server = RedisServer::start();
    let store = store(&server.url());
    server.client().call(&["SET", &format!("session:{ID}"), payload("{}").as_json()]);
    let mut monitor = server.monitor();

    let loaded = store.load(&id(), NOW);
    let touched = store.touch(&id(), Ttl::from_seconds(90).expect("legal"), NOW);
    let destroyed = store.destroy(&id());
    let touched_again = store.touch(&id(), Ttl::from_seconds(90).expect("legal"), NOW);

    assert_eq!(loaded, Ok(Some(payload("{}"))));
    assert_eq!((touched, destroyed, touched_again), (Ok(true), Ok(()), Ok(false)));
    let name = format!("session:{ID}");
    let expected: [&[&str]; 4] =
        [&["GET", &name], &["EXPIRE", &name, "90"], &["DEL", &name], &["EXPIRE", &name, "90"]];
    assert_eq!(monitor.seen(), expected.map(words));
}

#[test]
fn resuming_is_one_round_trip_and_a_touch_only_when_it_is_due() {
    let server = RedisServer::start();
    let store = store(&server.url());
    let timeouts = Timeouts::idle(Lifetime::from_minutes(2.0).expect("legal"));
    store.save(&payload("{}"), a_minute(), NOW).expect("saved");
    let mut monitor = server.monitor();
    let resume = |timeouts| store.resume(&id(), &timeouts, NOW);
    let resumed = |touched| Ok(Resumed::Session { payload: payload("{}"), touched: Ok(touched) });

    assert_eq!(resume(timeouts.with_touch_below(0.25).expect("legal")), resumed(false));
    assert_eq!(resume(timeouts.with_touch_below(1.0).expect("legal")), resumed(true));

    let name = format!("session:{ID}");
    let (get, pttl) = (["GET", name.as_str()], ["PTTL", &name]);
    let expected: [&[&str]; 5] = [&get, &pttl, &get, &pttl, &["EXPIRE", &name, "120"]];
    assert_eq!(monitor.seen(), expected.map(words));
}

#[test]
fn inspections_of_many_callers_go_together_and_each_gets_its_own() {
    const CALLERS: u64 = 200;
    let server = RedisServer::start();
    let config = RedisConfig { pool_size: 1, ..config(&server.url()) };
    let store = RedisStore::new(config).expect("legal");
    let id = |number: u64| SessionId::parse(&format!("s{number}")).expect("legal");
    let (present, absent): (Vec<_>, Vec<_>) = (0..CALLERS).partition(|it| it % 3 != 0);
    for &number in &present {
        let ttl = Ttl::from_seconds(1000 * (number + 1)).expect("legal");
        store.save(&Payload::new(&id(number)), ttl, NOW).expect("saved");
    }

    let (answer, answers) = channel();
    for number in 0..CALLERS {
        let answer = answer.clone();
        let tell = move |outcome| answer.send((number, outcome)).expect("the test listens");
        store.submit(Request::Inspect { id: id(number) }, NOW, Box::new(tell));
        // What stands between two of them has one reply.
        store.submit(Request::Load { id: id(number) }, NOW, Box::new(|_| {}));
    }
    drop(answer);

    let answers: HashMap<_, _> = answers.iter().collect();
    for number in present {
        let Ok(store::Reply::Inspect(Some(record))) = &answers[&number] else {
            panic!("{number}: {:?}", answers[&number]);
        };
        assert_eq!(record.payload, Payload::new(&id(number)));
        let ttl = Duration::from_secs(1000 * (number + 1));
        assert!(record.left <= ttl && record.left > ttl - Duration::from_secs(500), "{number}");
    }
    for number in absent {
        assert_eq!(answers[&number], Ok(store::Reply::Inspect(None)), "{number}");
    }
}

#[test]
fn a_record_that_never_expires_has_nothing_left_and_is_touched() {
    let server = RedisServer::start();
    let store = store(&server.url());
    let name = format!("session:{ID}");
    server.client().call(&["SET", &name, payload("{}").as_json()]);

    let left = store.inspect(&id(), NOW).expect("a reply").map(|record| record.left);
    let timeouts = Timeouts::idle(Lifetime::from_minutes(2.0).expect("legal"));
    store.resume(&id(), &timeouts, NOW).expect("a reply");

    assert_eq!(left, Some(Duration::ZERO));
    let left: i64 = plain_client(&server.url()).pttl(&name).expect("a ttl");
    assert!((60_000..=120_000).contains(&left), "{left} ms");
}

#[test]
fn a_record_that_goes_between_the_two_looks_at_it_is_none() {
    let record = payload("{}").into_json();
    let replies = format!("${}\r\n{record}\r\n:-2\r\n", record.len());
    let server = ScriptedServer::start(move |_| {
        let replies = replies.clone().into_bytes();
        vec![Step::ReadCommand, Step::ReadCommand, Step::Send(replies), Step::Obey]
    });
    let store = store(&server.url());

    assert_eq!(store.inspect(&id(), NOW), Ok(None));
    // Both replies were read: the connection is in step.
    assert_eq!(store.load(&id(), NOW), Ok(None));
}

#[test]
fn an_inspection_without_the_right_to_ask_for_the_ttl_is_an_error() {
    let user = "--user app on >hunter2 ~session:* +get +set";
    let server = RedisServer::start_with(&user.split(' ').collect::<Vec<_>>());
    let store = store(&server.url().replace("redis://", "redis://app:hunter2@"));
    store.save(&payload("{}"), a_minute(), NOW).expect("saved");

    let error = store.inspect(&id(), NOW).expect_err("no right");

    assert_eq!(error, StoreError::Rejected { code: "NOPERM".to_owned() });
    // Both replies were read: the connection is in step.
    assert_eq!(store.load(&id(), NOW), Ok(Some(payload("{}"))));
}

#[test]
fn a_record_of_another_session_is_not_inspected_but_counted() {
    let server = RedisServer::start();
    let store = store(&server.url());
    let foreign = r#"{"id":"somebody-else","data":{},"flash_next":{}}"#;
    server.client().call(&["SET", &format!("session:{ID}"), foreign]);

    assert_eq!(store.inspect(&id(), NOW), Ok(None));

    assert_eq!(store.incidents().foreign_records, 1);
}

#[test]
fn a_server_that_compares_and_sets_by_itself_runs_no_script_for_an_update() {
    let redis = NewerRedis::start();
    let store = store(&redis.server.url());
    let [one, two] = [r#"{"n":1}"#, r#"{"n":1,"m":2}"#].map(payload);
    store.save(&one, a_minute(), NOW).expect("saved");
    redis.seen();

    assert_eq!(store.update(&one, &two, a_minute(), NOW), Ok(Updated::Saved));
    assert_eq!(redis.seen(), ["SET IFEQ GET EX"]);
    assert_eq!(store.load(&id(), NOW), Ok(Some(two.clone())));

    // Somebody else's write is in between.
    let ours = payload(r#"{"n":3}"#);
    let both = payload(r#"{"n":3,"m":2}"#);
    redis.seen();
    assert_eq!(store.update(&one, &ours, a_minute(), NOW), Ok(Updated::Merged(both.clone())));
    assert_eq!(redis.seen(), ["SET IFEQ GET EX", "SET IFEQ GET EX"]);
    assert_eq!(store.load(&id(), NOW), Ok(Some(both.clone())));

    let changed = Found::Changed(both.as_json().to_owned());
    assert_eq!(store.remove(&id(), one.as_json(), NOW), Ok(changed));
    assert_eq!(store.remove(&id(), both.as_json(), NOW), Ok(Found::Expected));
    assert_eq!(store.remove(&id(), both.as_json(), NOW), Ok(Found::Gone));

    redis.seen();
    assert_eq!(store.update(&both, &one, a_minute(), NOW), Ok(Updated::Gone));
    assert_eq!(redis.seen(), ["SET IFEQ GET EX"]);
    assert_eq!(store.load(&id(), NOW), Ok(None), "a destroyed session is back");
}

#[test]
fn the_prefix_may_be_empty_or_anything_else() {
    let server = RedisServer::start();
    for prefix in ["", "sess:", "a b\r\n\u{e9}\0"] {
        let config = RedisConfig { prefix: prefix.to_owned(), ..config(&server.url()) };
        let store = RedisStore::new(config).expect("legal");

        store.save(&payload("{}"), a_minute(), NOW).expect("saved");

        let stored = server.client().call(&["GET", &format!("{prefix}{ID}")]);
        assert_eq!(stored, Reply::Bulk(payload("{}").as_json().into()), "{prefix:?}");
        assert_eq!(store.load(&id(), NOW), Ok(Some(payload("{}"))), "{prefix:?}");
    }
}

#[test]
fn the_number_of_the_database_is_heeded() {
    let server = RedisServer::start();
    let third = store(&(server.url() + "/3"));

    third.save(&payload("{}"), a_minute(), NOW).expect("saved");

    assert_eq!(third.load(&id(), NOW), Ok(Some(payload("{}"))));
    assert_eq!(store(&server.url()).load(&id(), NOW), Ok(None));
    let stored: Option<String> =
        plain_client(&(server.url() + "/3")).get(format!("session:{ID}")).expect("a reply");
    assert_eq!(stored.as_deref(), Some(payload("{}").as_json()));
}

#[test]
fn a_unix_socket_does_as_well_as_tcp() {
    let server = RedisServer::start();
    let over_socket = store(&server.unix_url());

    over_socket.save(&payload("{}"), a_minute(), NOW).expect("saved");

    assert_eq!(over_socket.load(&id(), NOW), Ok(Some(payload("{}"))));
    assert_eq!(store(&server.url()).load(&id(), NOW), Ok(Some(payload("{}"))));
}

#[test]
fn a_user_and_a_password_are_presented() {
    let user = "--user app on >pass:w@rd ~session:* +get +set +expire +del";
    let arguments: Vec<&str> = user.split(' ').chain(["--requirepass", "hunter2"]).collect();
    let server = RedisServer::start_with(&arguments);
    let at = |who: &str| server.url().replace("redis://", &format!("redis://{who}"));

    // The second is percent-encoded, as in any URL.
    for who in [":hunter2@", "app:pass%3Aw%40rd@", "default:hunter2@"] {
        let store = store(&at(who));
        assert_eq!(store.save(&payload("{}"), a_minute(), NOW), Ok(()), "{who}");
        assert_eq!(store.load(&id(), NOW), Ok(Some(payload("{}"))), "{who}");
    }
    for (who, code) in [("", "NOAUTH"), (":wrong-pw@", "WRONGPASS"), ("app:wrong-pw@", "WRONGPASS")]
    {
        let error = store(&at(who)).load(&id(), NOW).expect_err("a refusal");

        assert_eq!(error, StoreError::Rejected { code: code.to_owned() }, "{who}");
        assert!(!error.is_retryable());
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("wrong-pw") && !shown.contains("app"), "{shown}");
    }
    let config = RedisConfig { prefix: "other:".to_owned(), ..config(&at("app:pass%3Aw%40rd@")) };
    let outside = RedisStore::new(config).expect("legal").load(&id(), NOW);
    assert_eq!(outside, Err(StoreError::Rejected { code: "NOPERM".to_owned() }));
}

#[test]
fn a_record_of_another_session_is_none_and_counted() {
    let server = RedisServer::start();
    let store = store(&server.url());
    let foreign = r#"{"id":"somebody-else","data":{"user":"bob"},"flash_next":{}}"#;
    server.client().call(&["SET", &format!("session:{ID}"), foreign]);

    assert_eq!(store.load(&id(), NOW), Ok(None));
    assert_eq!(store.load(&id(), NOW), Ok(None));

    assert_eq!(store.incidents().foreign_records, 2);
}

#[test]
fn what_is_no_payload_is_none_and_not_counted() {
    let server = RedisServer::start();
    let store = store(&server.url());
    let name = format!("session:{ID}");
    for unreadable in ["", "{", "[]", "null", "{\"id\":5}", "\u{0}", "{\"id\":\"x\"} x"] {
        server.client().call(&["SET", &name, unreadable]);

        assert_eq!(store.load(&id(), NOW), Ok(None), "{unreadable:?}");
    }
    assert_eq!(store.incidents().foreign_records, 0);
}

#[test]
fn bytes_that_are_not_utf_8_are_read_as_javascript_reads_them() {
    let server = RedisServer::start();
    let stored = [b"{\"id\":\"", ID.as_bytes(), b"\",\"data\":{\"s\":\"\xff\xc3(\"}}"].concat();
    server.client().call(&[b"SET", format!("session:{ID}").as_bytes(), &stored]);

    let loaded = store(&server.url()).load(&id(), NOW);

    assert_eq!(loaded, Ok(Some(payload("{\"s\":\"\u{fffd}\u{fffd}(\"}"))));
}

#[test]
fn a_session_whose_record_is_not_utf_8_can_be_logged_out_and_is_not_taken_for_gone() {
    let server = RedisServer::start();
    let store = store(&server.url());
    let name = format!("session:{ID}");
    let fields = b"\",\"data\":{\"s\":\"\xff\"},\"flash_next\":{}}";
    let stored = [b"{\"id\":\"", ID.as_bytes(), fields].concat();
    server.client().call(&[b"SET", name.as_bytes(), &stored]);
    let loaded = store.load(&id(), NOW).expect("a reply").expect("JavaScript reads it");
    let new = loaded.with_id(&SessionId::parse("new").expect("legal"));

    // Nothing can be compared with it, so nothing is changed.
    assert_eq!(store.update(&loaded, &loaded, a_minute(), NOW), Err(StoreError::Conflict));
    assert_eq!(store.regenerate(&loaded, &new, a_minute(), NOW), Err(StoreError::Conflict));
    assert_eq!(store.load(&id(), NOW), Ok(Some(loaded)));

    assert_eq!(store.destroy_session(&id(), NOW), Ok(()));
    assert_eq!(server.client().call(&["GET", &name]), Reply::Nil);
    assert_eq!(server.client().call(&["DBSIZE"]), Reply::Integer(0));
}

#[test]
fn a_record_in_another_spelling_is_stamped_and_touched_like_any_other() {
    let server = RedisServer::start();
    let store = store(&server.url());
    let minutes = |minutes| Lifetime::from_minutes(minutes).expect("legal");
    let timeouts = Timeouts::idle(minutes(2.0)).with_absolute(minutes(60.0));
    let spelled = format!("{{ \"id\": \"{ID}\", \"flash_next\": {{}}, \"data\": {{}} }}");
    let name = format!("session:{ID}");
    server.client().call(&["SET", &name, &spelled, "EX", "30"]);
    let mut stamped = payload("{}");
    stamped.set_created_at(NOW);

    let resumed = store.resume(&id(), &timeouts, NOW);

    assert_eq!(resumed, Ok(Resumed::Session { payload: stamped.clone(), touched: Ok(true) }));
    assert_eq!(server.client().call(&["GET", &name]), Reply::Bulk(stamped.into_json().into()));
    let left: i64 = plain_client(&server.url()).ttl(&name).expect("a ttl");
    assert!(left > 60, "{left} s");
}

#[test]
fn a_record_of_another_type_is_an_error_that_names_no_secret() {
    let server = RedisServer::start();
    let store = store(&server.url());
    server.client().call(&["RPUSH", &format!("session:{ID}"), "x"]);

    let error = store.load(&id(), NOW).expect_err("no string");

    assert_eq!(error, StoreError::Rejected { code: "WRONGTYPE".to_owned() });
    assert!(!format!("{error} {error:?}").contains(ID));
    // The connection is in step all the same, and a save makes the record whole again.
    assert_eq!(store.save(&payload("{}"), a_minute(), NOW), Ok(()));
    assert_eq!(store.load(&id(), NOW), Ok(Some(payload("{}"))));
}

#[test]
fn a_server_that_is_full_says_so_and_keeps_what_it_has() {
    let server = RedisServer::start();
    let store = store(&server.url());
    store.save(&payload("{}"), a_minute(), NOW).expect("saved");
    server.client().call(&["CONFIG", "SET", "maxmemory", "1"]);

    let error = store.save(&payload(r#"{"a":1}"#), a_minute(), NOW).expect_err("full");

    assert_eq!(error, StoreError::Rejected { code: "OOM".to_owned() });
    assert!(error.is_retryable());
    assert_eq!(store.load(&id(), NOW), Ok(Some(payload("{}"))));
}

#[test]
fn a_server_that_is_not_itself_is_left_for_a_new_connection() {
    // What a replica did not do for certain is asked of another connection, which may lead to
    // the master by now.
    for (line, retryable, tries) in [
        ("-LOADING Redis is loading the dataset in memory\r\n", true, 1),
        ("-READONLY You can't write against a read only replica.\r\n", true, 2),
        ("-MASTERDOWN Link with MASTER is down\r\n", true, 1),
        ("-MOVED 3999 127.0.0.1:6381\r\n", false, 1),
    ] {
        let server = ScriptedServer::start(move |connection| match connection {
            number if number < tries => {
                vec![Step::ReadCommand, Step::Send(line.as_bytes().to_vec()), Step::Listen]
            }
            _ => vec![Step::Obey],
        });
        server.plant(format!("session:{ID}"), payload("{}").as_json());
        // One connection at a time, so that the first is also the first to be used.
        let config = RedisConfig { pool_size: 1, ..config(&server.url()) };
        let store = RedisStore::new(config).expect("legal");
        let code = line[1..].split(' ').next().expect("a word").to_owned();

        let error = store.load(&id(), NOW).expect_err("refused");

        assert_eq!(error, StoreError::Rejected { code });
        assert_eq!(error.is_retryable(), retryable, "{line}");
        assert_eq!(store.load(&id(), NOW), Ok(Some(payload("{}"))), "{line}");
    }
}

#[test]
fn a_bad_cookie_costs_no_command() {
    let server = RedisServer::start();
    let store = store(&server.url());
    let codec = codec("test-secret-32-chars-exactly!!xx");
    let good = codec.encode_id(&id());
    let mut monitor = server.monitor();
    let enter = |cookie: &str| codec.decode_id(cookie).map(|id| store.load(&id, NOW));

    let another_key = codec_of_another_key().encode_id(&id());
    let an_envelope = codec.encode(&payload(r#"{"user":"alice","visits":1}"#), NOW);
    let a_path = codec.sign("../../etc/passwd");
    let a_command = codec.sign("x\r\nFLUSHALL\r\n");
    for bad in [
        "",
        ".",
        ID,
        &good[..good.len() - 1],
        &format!("{good}="),
        &good.replace("3f2b", "3f2c"),
        &another_key,
        &an_envelope,
        &a_path,
        &a_command,
        &codec.sign(""),
        &codec.sign(&"a".repeat(129)),
    ] {
        assert!(enter(bad).is_err(), "{bad}");
    }

    assert_eq!(monitor.seen(), Vec::<Vec<Vec<u8>>>::new());
    // The monitor does see what a good cookie asks for.
    assert_eq!(enter(&good), Ok(Ok(None)));
    assert_eq!(monitor.seen(), [words(&["GET", &format!("session:{ID}")])]);
}

#[test]
fn a_load_survives_that_all_connections_of_the_pool_were_killed() {
    const CONNECTIONS: usize = 4;
    let server = RedisServer::start();
    let config = RedisConfig { pool_size: CONNECTIONS as u32, ..config(&server.url()) };
    let store = &RedisStore::new(config).expect("legal");
    store.save(&payload("{}"), a_minute(), NOW).expect("saved");
    for _ in 0..10 {
        // All at once, against a server that lets them wait: each needs a connection of its own.
        server.client().call(&["CLIENT", "PAUSE", "50", "ALL"]);
        let barrier = &Barrier::new(CONNECTIONS);
        std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    barrier.wait();
                    assert_eq!(store.load(&id(), NOW), Ok(Some(payload("{}"))));
                });
            }
        });
        let killed = server.client().call(&["CLIENT", "KILL", "TYPE", "normal"]);
        assert!(matches!(killed, Reply::Integer(2..)), "{killed:?}");

        assert_eq!(store.load(&id(), NOW), Ok(Some(payload("{}"))));
        assert_eq!(store.save(&payload("{}"), a_minute(), NOW), Ok(()));
    }
}

#[test]
fn a_server_that_comes_back_is_used_again() {
    let server = RedisServer::start();
    let port = server.port().to_string();
    let store = store(&server.url());
    store.save(&payload("{}"), a_minute(), NOW).expect("saved");

    drop(server);
    let gone = store.load(&id(), NOW);
    let _back = RedisServer::start_with(&["--port", &port]);

    // Which of the two depends on whether the dead connection was tried first.
    let expected = [Err(StoreError::Unreachable), Err(StoreError::Disconnected)];
    assert!(expected.contains(&gone), "{gone:?}");
    assert_eq!(store.load(&id(), NOW), Ok(None));
}

const ID: &str = "3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f";
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn config(url: &str) -> RedisConfig {
    // A machine that compiles meanwhile is slow, and no test here is about the deadline.
    RedisConfig { url: url.to_owned(), deadline: Duration::from_secs(5), ..RedisConfig::default() }
}

fn store(url: &str) -> RedisStore {
    RedisStore::new(config(url)).expect("legal")
}

fn plain_client(url: &str) -> redis::Connection {
    redis::Client::open(url).expect("a url").get_connection().expect("the server is up")
}

fn codec(secret: &str) -> CookieCodec {
    CookieCodec::new(KeyRing::from_secrets([secret]).expect("legal"))
}

fn codec_of_another_key() -> CookieCodec {
    codec("another-secret-of-32-characters!")
}

fn id() -> SessionId {
    SessionId::parse(ID).expect("legal")
}

fn payload(data: &str) -> Payload {
    Payload::parse(format!(r#"{{"id":"{ID}","data":{data},"flash_next":{{}}}}"#)).expect(data)
}

fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}

fn words(command: &[&str]) -> Vec<Vec<u8>> {
    command.iter().map(|word| word.as_bytes().to_vec()).collect()
}
