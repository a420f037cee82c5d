//! The server is there, and answers with errors: full, loading, a replica, locked, or something
//! else lies in the record's place.
//!
//! An error is told with its code, is never taken for "no session", and ends when its cause does.

use std::time::Duration;

use rudder_session::store::Updated;
use rudder_session::{RedisStore, Store, StoreError};

use super::samples::{NOW, an_hour, id, is_ok, name, redis, stamped, without_scripts};
use crate::redis_server::{RedisServer, free_port};
use crate::resp::Reply;
use crate::scripted_server::{ScriptedServer, Step};

const DEADLINE: Duration = Duration::from_secs(5);

/// With and without scripts.
fn on_each_store(scene: impl Fn(&RedisServer, &RedisStore)) {
    for scripts in [true, false] {
        let server = RedisServer::start();
        let user = if scripts { "" } else { without_scripts(&mut server.client()) };
        let url = format!("redis://{user}127.0.0.1:{}", server.port());
        let store = redis(url, 1, DEADLINE);
        store.save(&stamped(&id("a"), 0, 0), an_hour(), NOW).expect("all is well so far");
        // Its one connection knows by now what the server offers.
        assert_eq!(update(&store, 0, 0), Ok(Updated::Saved));
        scene(&server, &store);
        assert_eq!(store.incidents(), Default::default());
        // Whatever it was, it is over.
        let next = stamped(&id("a"), 0, 100);
        store.save(&next, an_hour(), NOW).expect("it is over");
        assert_eq!(store.load(&id("a"), NOW), Ok(Some(next)));
    }
}

fn refused<T>(code: &str) -> Result<T, StoreError> {
    Err(StoreError::Rejected { code: code.to_owned() })
}

fn update(store: &RedisStore, from: u64, to: u64) -> Result<Updated, StoreError> {
    let own = id("a");
    store.update(&stamped(&own, 0, from), &stamped(&own, 0, to), an_hour(), NOW)
}

/// `maxmemory` is reached and nothing may be evicted.
pub fn full_server() {
    on_each_store(|server, store| {
        let own = id("a");
        let mut admin = server.client();
        assert!(is_ok(&admin.call(&["CONFIG", "SET", "maxmemory", "1mb"])));
        // The server itself uses about as much; whatever is missing is filled up.
        let filler = "x".repeat(1 << 20);
        while is_ok(&admin.call(&["SET", "filler", &filler])) {}

        assert_eq!(store.save(&stamped(&own, 0, 1), an_hour(), NOW), refused("OOM"));
        assert_eq!(update(store, 0, 1), refused("OOM"));
        let created = store.create(&stamped(&id("b"), 0, 1), an_hour(), NOW);
        assert_eq!(created, refused("OOM"));
        assert!(created.is_err_and(|it| it.is_retryable()));
        assert_eq!(store.load(&own, NOW), Ok(Some(stamped(&own, 0, 0))));
        assert_eq!(store.touch(&own, an_hour(), NOW), Ok(true));
        // A logout works on a full server.
        assert_eq!(store.destroy(&own), Ok(()));
        assert_eq!(store.load(&own, NOW), Ok(None));
        assert_eq!(store.load(&id("b"), NOW), Ok(None));

        assert!(is_ok(&admin.call(&["CONFIG", "SET", "maxmemory", "0"])));
        store.save(&stamped(&own, 0, 2), an_hour(), NOW).expect("room again");
        assert_eq!(update(store, 2, 3), Ok(Updated::Saved));
    });
}

/// The server became a replica, of a master that is not there.
pub fn read_only_server() {
    on_each_store(|server, store| {
        let own = id("a");
        let nobody = free_port().to_string();
        assert!(is_ok(&server.client().call(&["REPLICAOF", "127.0.0.1", &nobody])));

        assert_eq!(store.save(&stamped(&own, 0, 1), an_hour(), NOW), refused("READONLY"));
        assert_eq!(update(store, 0, 1), refused("READONLY"));
        assert_eq!(store.destroy(&own), refused("READONLY"));
        assert_eq!(store.load(&own, NOW), Ok(Some(stamped(&own, 0, 0))));

        let setting = ["CONFIG", "SET", "replica-serve-stale-data", "no"];
        assert!(is_ok(&server.client().call(&setting)));
        let loaded = store.load(&own, NOW);
        assert_eq!(loaded, refused("MASTERDOWN"));
        assert!(loaded.is_err_and(|it| it.is_retryable()));

        assert!(is_ok(&server.client().call(&["REPLICAOF", "NO", "ONE"])));
        assert_eq!(update(store, 0, 1), Ok(Updated::Saved));
    });
}

/// A password is set while connections are open, and everybody is thrown out.
pub fn locked_server() {
    let server = RedisServer::start();
    let own = id("a");
    let store = redis(server.url(), 2, DEADLINE);
    let locksmith = redis(server.url().replace("redis://", "redis://:hunter2@"), 2, DEADLINE);
    store.save(&stamped(&own, 0, 0), an_hour(), NOW).expect("all is well so far");
    // So far it has no password, and says so.
    assert_eq!(locksmith.load(&own, NOW), refused("ERR"));

    let mut admin = server.client();
    assert!(is_ok(&admin.call(&["CONFIG", "SET", "requirepass", "hunter2"])));
    let killed = admin.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert!(matches!(killed, Reply::Integer(1..)), "{killed:?}");
    assert_eq!(store.load(&own, NOW), refused("NOAUTH"));
    assert_eq!(update(&store, 0, 1), refused("NOAUTH"));
    assert_eq!(store.destroy(&own), refused("NOAUTH"));
    assert_eq!(locksmith.load(&own, NOW), Ok(Some(stamped(&own, 0, 0))));

    assert!(is_ok(&admin.call(&["CONFIG", "SET", "requirepass", ""])));
    assert_eq!(update(&store, 0, 1), Ok(Updated::Saved));
}

/// Something that is no text lies under the record's name.
pub fn wrong_type() {
    on_each_store(|server, store| {
        let own = id("a");
        let mut admin = server.client();
        admin.call(&["DEL", &name(&own)]);
        assert_eq!(admin.call(&["RPUSH", &name(&own), "x"]), Reply::Integer(1));

        assert_eq!(store.load(&own, NOW), refused("WRONGTYPE"));
        assert_eq!(update(store, 0, 1), refused("WRONGTYPE"));
        assert_eq!(store.remove(&own, "{}", NOW), refused("WRONGTYPE"));

        assert_eq!(store.destroy(&own), Ok(()));
        assert_eq!(store.load(&own, NOW), Ok(None));
    });
}

/// The server has just been started and reads its file.
pub fn loading_server() {
    let own = id("a");
    let loading = b"-LOADING Redis is loading the dataset in memory\r\n".to_vec();
    let server = ScriptedServer::start(move |connection| match connection {
        0..3 => vec![Step::ReadCommand, Step::Send(loading.clone()), Step::Listen],
        _ => vec![Step::Obey],
    });
    let text = stamped(&own, 0, 0);
    server.plant(name(&own), text.as_json());
    let store = redis(server.url(), 1, DEADLINE);

    for call in 0..3 {
        let loaded = store.load(&own, NOW);
        assert_eq!(loaded, refused("LOADING"), "call {call}");
        assert!(loaded.is_err_and(|it| it.is_retryable()));
    }
    // No connection that was told so is asked again: another server may have taken its place.
    assert_eq!(store.load(&own, NOW), Ok(Some(text)));
}
