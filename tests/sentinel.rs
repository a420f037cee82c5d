//! With sentinels the store finds the master, and finds the next one when that is gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, StoreError, Ttl};
use rudder_session::{UnixMillis, store::Updated};
use rudder_session_tests::sentinels::{MASTER, Sentinels};

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn store(sentinels: Vec<String>, master: &str) -> RedisStore {
    let config = RedisConfig {
        url: format!("redis://{master}"),
        sentinels,
        deadline: Duration::from_millis(500),
        ..RedisConfig::default()
    };
    RedisStore::new(config).expect("legal")
}

fn id(name: &str) -> SessionId {
    SessionId::parse(name).expect("legal")
}

fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}

/// Under load, the master is killed: calls fail for a while with errors that say so, then all is
/// well again by itself, and nothing that the replica had is lost.
#[test]
fn the_store_follows_a_fail_over_while_under_load() {
    let mut servers = Sentinels::start();
    let store = store(servers.addresses(), MASTER);
    let base = Payload::new(&id("before"));
    store.save(&base, a_minute(), NOW).expect("saved");
    let master = servers.master.as_ref().expect("alive");
    // Only what has reached the replica can outlive the master.
    assert_eq!(master.client().call(&["WAIT", "1", "5000"]).text(), "1");

    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for caller in 0..8 {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                let name = format!("caller-{caller}");
                let own = Payload::new(&id(&name));
                while !stop.load(Ordering::Relaxed) {
                    match store.save(&own, a_minute(), NOW) {
                        Ok(()) => {}
                        Err(error) => assert!(error.is_retryable(), "{error}"),
                    }
                    match store.load(&id(&name), NOW) {
                        Ok(loaded) => assert!(loaded.is_none_or(|it| it == own)),
                        Err(error) => assert!(error.is_retryable(), "{error}"),
                    }
                }
            });
        }
        servers.fail_over();
        let until = Instant::now() + Duration::from_secs(30);
        while store.load(&id("before"), NOW) != Ok(Some(base.clone())) {
            assert!(Instant::now() < until, "the store does not find the new master");
        }
        stop.store(true, Ordering::Relaxed);
    });

    let mut changed = base.clone();
    changed.put("n", &1).expect("serialisable");
    assert_eq!(store.update(&base, &changed, a_minute(), NOW), Ok(Updated::Saved));
    let record = servers.replica.client().call(&["GET", "session:before"]);
    assert_eq!(record.text(), changed.as_json());
}

#[test]
fn a_sentinel_that_is_gone_is_passed_over() {
    let mut servers = Sentinels::start();
    servers.kill_a_sentinel();
    let store = store(servers.addresses(), MASTER);

    assert_eq!(store.load(&id("a"), NOW), Ok(None));
}

#[test]
fn a_master_that_nobody_watches_is_out_of_reach() {
    let servers = Sentinels::start();
    let store = store(servers.addresses(), "another");

    assert_eq!(store.load(&id("a"), NOW), Err(StoreError::Unreachable));
}
