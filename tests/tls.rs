//! With `rediss://` the server must prove who it is, and everything is as without TLS.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use rudder_session::UnixMillis;
use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, StoreError, Ttl};
use rudder_session_tests::resp::Reply;
use rudder_session_tests::tls_server::TlsServer;

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn store(url: &str, ca_pem: &str) -> RedisStore {
    let deadline = Duration::from_secs(5);
    store_within(url, ca_pem, deadline)
}

fn store_within(url: &str, ca_pem: &str, deadline: Duration) -> RedisStore {
    let (url, ca_pem) = (url.to_owned(), Some(ca_pem.to_owned()));
    RedisStore::new(RedisConfig { url, ca_pem, deadline, ..RedisConfig::default() }).expect("legal")
}

fn id() -> SessionId {
    SessionId::parse("alice").expect("legal")
}

#[test]
fn a_server_of_the_own_authority_is_trusted_and_keeps_sessions() {
    let server = TlsServer::start(&["localhost", "127.0.0.1"]);
    let mut payload = Payload::new(&id());
    payload.put("big", &"x".repeat(300_000)).expect("serialisable");

    for host in ["localhost", "127.0.0.1"] {
        let store = store(&server.url(host), &server.ca_pem);
        store.save(&payload, Ttl::from_seconds(60).expect("legal"), NOW).expect("saved");

        assert_eq!(store.load(&id(), NOW), Ok(Some(payload.clone())));
        assert_eq!(store.destroy(&id()), Ok(()));
    }
}

#[test]
fn a_server_of_another_authority_is_refused() {
    let server = TlsServer::start(&["localhost"]);
    let stranger = TlsServer::start(&["localhost"]);
    let store = store(&server.url("localhost"), &stranger.ca_pem);

    assert_eq!(store.load(&id(), NOW), Err(StoreError::Untrusted));
}

#[test]
fn a_server_that_only_the_systems_authorities_could_vouch_for_is_refused() {
    let server = TlsServer::start(&["localhost"]);
    let config = RedisConfig { url: server.url("localhost"), ..RedisConfig::default() };
    // A system without any authority is refused when the store is made.
    let Ok(store) = RedisStore::new(config) else { return };

    assert_eq!(store.load(&id(), NOW), Err(StoreError::Untrusted));
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let server = TlsServer::start(&["redis.example"]);
    let store = store(&server.url("localhost"), &server.ca_pem);

    assert_eq!(store.load(&id(), NOW), Err(StoreError::Untrusted));
}

#[test]
fn a_server_without_tls_gets_no_password_in_the_clear() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let server = TlsServer::start(&["localhost"]);
    let url = format!("rediss://user:hunter2@localhost:{port}");
    let store = store_within(&url, &server.ca_pem, Duration::from_millis(300));

    let heard = thread::scope(|scope| {
        let heard = scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("somebody comes");
            stream.write_all(b"-ERR this is no TLS\r\n").expect("heard");
            let mut heard = Vec::new();
            // An end in disorder is an end too.
            let _ = stream.read_to_end(&mut heard);
            heard
        });
        assert_eq!(store.load(&id(), NOW), Err(StoreError::Untrusted));
        heard.join().expect("no panic")
    });

    assert!(!heard.is_empty());
    assert!(!heard.windows(7).any(|window| window == b"hunter2"));
}

#[test]
fn a_handshake_that_never_ends_ends_at_the_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let server = TlsServer::start(&["localhost"]);
    let url = format!("rediss://localhost:{}", silent.local_addr().expect("bound").port());
    let store = store_within(&url, &server.ca_pem, Duration::from_millis(200));

    assert_eq!(store.load(&id(), NOW), Err(StoreError::TimedOut));
}

#[test]
fn a_connection_that_rested_is_used_again_and_one_that_ended_is_not() {
    let server = TlsServer::start(&["localhost"]);
    // One connection, so that the pool keeps no spare one.
    let config = RedisConfig {
        url: server.url("localhost"),
        ca_pem: Some(server.ca_pem.clone()),
        pool_size: 1,
        deadline: Duration::from_secs(5),
        ..RedisConfig::default()
    };
    let store = RedisStore::new(config).expect("legal");
    assert_eq!(store.load(&id(), NOW), Ok(None));
    let clients = || match server.plain.client().call(&["INFO", "stats"]) {
        Reply::Bulk(text) => {
            let text = String::from_utf8(text).expect("UTF-8");
            let line = text.lines().find(|line| line.starts_with("total_connections_received"));
            line.expect("counted").split(':').nth(1).expect("a number").trim().parse::<u64>()
        }
        other => panic!("{other:?}"),
    };
    let before = clients().expect("a number");
    // Long enough that the socket is looked at before it is used again.
    thread::sleep(Duration::from_millis(150));
    assert_eq!(store.load(&id(), NOW), Ok(None));
    let after = clients().expect("a number");
    // One for asking, and no other.
    assert_eq!(after - before, 1);

    server.plain.client().call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    thread::sleep(Duration::from_millis(150));
    assert_eq!(store.load(&id(), NOW), Ok(None));
}
