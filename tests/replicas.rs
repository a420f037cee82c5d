//! With `min_replicas` a write counts as done when so many replicas have it; loads wait for none.

use std::sync::Arc;
use std::time::Duration;

use rudder_session::UnixMillis;
use rudder_session::store::{Regenerated, Updated};
use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, StoreError, Ttl};
use rudder_session_tests::clusters::Cluster;
use rudder_session_tests::redis_server::{RedisServer, await_that};
use rudder_session_tests::scripted_server::{ScriptedServer, Step};
use rudder_session_tests::sentinels::{MASTER, Sentinels};

#[test]
fn a_write_that_a_replica_has_is_done() {
    let Servers { master, replica } = Servers::start();
    let store = store(RedisConfig { url: master.url(), ..one_replica() });
    let base = payload("a", r#"{"n":1}"#);
    let next = payload("a", r#"{"n":2}"#);
    let renamed = payload("b", r#"{"n":3}"#);
    let mut on_replica = replica.client();
    let mut there = |name: &str| on_replica.call(&["GET", &format!("session:{name}")]).text();

    assert_eq!(store.create(&base, a_minute(), NOW), Ok(true));
    assert_eq!(there("a"), base.as_json());
    assert_eq!(store.update(&base, &next, a_minute(), NOW), Ok(Updated::Saved));
    assert_eq!(there("a"), next.as_json());
    assert_eq!(store.touch(&id("a"), a_minute(), NOW), Ok(true));
    let regenerated = store.regenerate(&next, &renamed, a_minute(), NOW);
    assert_eq!(regenerated, Ok(Regenerated::Done(renamed.clone())));
    assert_eq!((there("a").as_str(), there("b").as_str()), ("", renamed.as_json()));
    assert_eq!(store.destroy(&id("b")), Ok(()));
    assert_eq!(there("b"), "");
}

#[test]
fn a_batch_of_writes_waits_once() {
    let Servers { master, replica: _replica } = Servers::start();
    let store = store(RedisConfig { url: master.url(), pool_size: 1, ..one_replica() });
    store.save(&payload("s0", "{}"), a_minute(), NOW).expect("saved");
    let mut monitor = master.monitor();

    std::thread::scope(|scope| {
        for thread in 0..16 {
            let store = &store;
            scope.spawn(move || {
                let own = payload(&format!("s{thread}"), "{}");
                assert_eq!(store.save(&own, a_minute(), NOW), Ok(()));
                assert_eq!(store.load(&own.session_id().expect("legal"), NOW), Ok(Some(own)));
            });
        }
    });

    let seen = monitor.seen();
    let count = |verb: &str| seen.iter().filter(|it| it[0] == verb.as_bytes()).count();
    assert_eq!((count("SET"), count("GET")), (16, 16));
    assert!((1..16).contains(&count("WAIT")), "{} waits", count("WAIT"));
}

#[test]
fn a_write_that_too_few_replicas_have_is_told() {
    let Servers { master, replica: _replica } = Servers::start();
    let url = master.url();
    let store = store(RedisConfig { url, min_replicas: 2, deadline: SHORT, ..one_replica() });
    let saved = payload("a", "{}");

    let error = store.save(&saved, a_minute(), NOW).expect_err("there is one replica");

    assert!(matches!(error, StoreError::NotReplicated { acknowledged: 0..2 }), "{error}");
    assert!(error.is_retryable());
    // It is done, on the master.
    assert_eq!(store.load(&id("a"), NOW), Ok(Some(saved.clone())));
    // What changes nothing has nothing to wait for.
    assert_eq!(store.create(&saved, a_minute(), NOW), Ok(false));
    assert_eq!(store.touch(&id("absent"), a_minute(), NOW), Ok(false));
    let absent = payload("absent", "{}");
    assert_eq!(store.update(&absent, &absent, a_minute(), NOW), Ok(Updated::Gone));
}

#[test]
fn a_logout_that_is_repeated_waits_for_replicas_again() {
    let Servers { master, replica: _replica } = Servers::start();
    let url = master.url();
    let short = RedisConfig { url, min_replicas: 2, deadline: SHORT, ..one_replica() };
    let saved = payload("a", "{}");
    let on_one = store(RedisConfig { url: master.url(), ..one_replica() });
    on_one.save(&saved, a_minute(), NOW).expect("saved");
    let on_two = store(short);

    for _ in 0..3 {
        let error = on_two.destroy_session(&id("a"), NOW).expect_err("there is one replica");

        assert!(matches!(error, StoreError::NotReplicated { acknowledged: 0..2 }), "{error}");
        assert_eq!(on_two.load(&id("a"), NOW), Ok(None));
    }
    assert_eq!(on_one.destroy_session(&id("a"), NOW), Ok(()));
}

#[test]
fn the_server_is_asked_to_wait_within_the_deadline_and_its_count_is_told() {
    for (acknowledged, outcome) in
        [(2, Err(StoreError::NotReplicated { acknowledged: 2 })), (3, Ok(())), (4, Ok(()))]
    {
        let server = ScriptedServer::start(move |_| {
            vec![Step::Answer(Arc::new(move |words| match words {
                [b"WAIT", b"3", millis] => {
                    let millis = std::str::from_utf8(millis).ok()?.parse::<u128>().ok()?;
                    let fits = (1..LONG.as_millis()).contains(&millis);
                    fits.then(|| format!(":{acknowledged}\r\n").into_bytes())
                }
                _ => None,
            }))]
        });
        let store = store(RedisConfig { url: server.url(), min_replicas: 3, ..one_replica() });

        assert_eq!(store.save(&payload("a", "{}"), a_minute(), NOW), outcome);
    }
}

#[test]
fn loads_do_not_wait_behind_writes_whose_replica_is_gone() {
    let Servers { master, mut replica } = Servers::start();
    let config = RedisConfig { url: master.url(), pool_size: 1, ..one_replica() };
    let store = store(RedisConfig { deadline: LONG, ..config });
    let saved = payload("a", "{}");
    store.save(&saved, a_minute(), NOW).expect("saved");
    replica.kill();

    std::thread::scope(|scope| {
        let (answer, answered) = std::sync::mpsc::channel();
        let store = &store;
        scope.spawn(move || {
            let outcome = store.save(&payload("b", "{}"), a_minute(), NOW);
            answer.send(outcome).expect("heard");
        });
        // It is written, and waits on its only connection.
        await_that(|| master.client().call(&["GET", "session:b"]).text() != "");

        assert_eq!(store.load(&id("a"), NOW), Ok(Some(saved)));
        assert!(answered.try_recv().is_err(), "the write did not wait");
        // Ends the wait.
        master.client().call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        assert_eq!(answered.recv(), Ok(Err(StoreError::NotReplicated { acknowledged: 0 })));
    });
}

#[test]
fn behind_sentinels_and_in_a_cluster_replicas_are_waited_for_too() {
    let (group, cluster) = (Sentinels::shared(), Cluster::shared());
    let url = format!("redis://{MASTER}");
    let sentinels = RedisConfig { url, sentinels: group.addresses(), ..one_replica() };
    let url = format!("redis://{}", cluster.addresses()[0]);
    let nodes = RedisConfig { url, cluster_nodes: cluster.addresses(), ..one_replica() };

    for config in [sentinels, nodes] {
        let two = RedisConfig { min_replicas: 2, deadline: SHORT, ..config.clone() };
        let (one, two) = (store(config), store(two));
        assert_eq!(one.save(&payload("a", "{}"), a_minute(), NOW), Ok(()));
        let error = two.save(&payload("a", "{}"), a_minute(), NOW).expect_err("there is one");
        assert!(matches!(error, StoreError::NotReplicated { acknowledged: 0..2 }), "{error}");
    }
}

#[test]
fn a_user_who_may_not_wait_is_told_so() {
    let user = "--user app on >hunter2 ~session:* +get +set";
    let arguments: Vec<_> = user.split(' ').collect();
    let server = RedisServer::start_with(&arguments);
    let url = format!("redis://app:hunter2@127.0.0.1:{}", server.port());
    let store = store(RedisConfig { url, ..one_replica() });

    let error = StoreError::Rejected { code: "NOPERM".to_owned() };
    assert_eq!(store.save(&payload("a", "{}"), a_minute(), NOW), Err(error));
    assert_eq!(store.load(&id("a"), NOW), Ok(Some(payload("a", "{}"))));
}

struct Servers {
    master: RedisServer,
    replica: RedisServer,
}

impl Servers {
    fn start() -> Self {
        let master = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
        let port = master.port().to_string();
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]);
        await_that(|| master.client().call(&["WAIT", "1", "100"]).text() == "1");
        Self { master, replica }
    }
}

/// Long enough that it never ends a call of these tests.
const LONG: Duration = Duration::from_secs(30);

/// Ends writes that wait in vain; a replica that is there answers well before.
const SHORT: Duration = Duration::from_secs(5);

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn one_replica() -> RedisConfig {
    RedisConfig { min_replicas: 1, deadline: LONG, ..RedisConfig::default() }
}

fn store(config: RedisConfig) -> RedisStore {
    RedisStore::new(config).expect("legal")
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
