//! Whatever a server answers, nobody gets somebody else's session, and an error is no missing one.

use std::sync::Barrier;
use std::time::Duration;

use redis::Commands;
use rudder_session::store::Resumed;
use rudder_session::{Lifetime, RedisConfig, RedisStore, SessionId, Store, StoreError, Timeouts};
use rudder_session_tests::redis_server::RedisServer;
use rudder_session_tests::resp::Reply;
use rudder_session_tests::scripted_server::{ScriptedServer, Step};

use super::session::{ID, NOW, a_minute, config, id, payload, plain_client, store};

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
