//! The command with sentinels: it finds the master, also once that is another one.

use std::process::Command;
use std::time::Duration;

use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, Ttl, UnixMillis};
use rudder_session_tests::redis_server::await_that;
use rudder_session_tests::resp::{Client, Reply};
use rudder_session_tests::sentinels::{MASTER, Sentinels};
use serde_json::{Value, json};

/// The exit code, and the one JSON object that was printed.
fn asked(arguments: &[&str], master: &str, sentinels: &[String]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_rudder-session"))
        .args(arguments)
        .args(["--redis-url", &format!("redis://{master}"), "--json"])
        .args(["--redis-sentinel", &sentinels.join(",")])
        .env_remove("REDIS_URL")
        .output()
        .expect("runs");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

#[test]
fn the_master_of_now_is_asked() {
    let mut group = Sentinels::start();
    let sentinels = group.addresses();
    let store = RedisStore::new(RedisConfig {
        url: format!("redis://{MASTER}"),
        sentinels: sentinels.clone(),
        deadline: Duration::from_secs(5),
        min_replicas: 1,
        ..RedisConfig::default()
    })
    .expect("legal");
    let ttl = Ttl::from_seconds(600).expect("legal");
    let session = Payload::new(&SessionId::random().expect("random"));
    store.save(&session, ttl, UnixMillis::now()).expect("there");
    let place = |port| json!(format!("127.0.0.1:{port}"));
    let first = place(group.master.as_ref().expect("it lives").port());
    let server = |diagnosis: &Value| {
        let checks = diagnosis["checks"].as_array().expect("a list");
        let version = checks.iter().find(|it| it["name"] == "version");
        version.map(|it| it["server"].clone()).unwrap_or_default()
    };

    let (code, diagnosis) = asked(&["doctor"], MASTER, &sentinels);
    assert_eq!((code, server(&diagnosis)), (Some(0), first), "{diagnosis}");
    let one = json!({ "records": 1, "without_ttl": 0 });
    assert_eq!(asked(&["gc"], MASTER, &sentinels), (Some(0), one.clone()));

    group.kill_a_sentinel();
    group.fail_over();
    // The sentinels learn of it one after the other.
    for sentinel in &sentinels[1..] {
        let port = sentinel.rsplit(':').next().and_then(|port| port.parse().ok());
        let mut client = Client::connect(port.expect("a port"));
        let parts = ["127.0.0.1", &group.replica.port().to_string()];
        let replica = Reply::Array(parts.map(|it| Reply::Bulk(it.into())).to_vec());
        let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER];
        await_that(|| client.call(&question) == replica);
    }
    let (code, diagnosis) = asked(&["doctor"], MASTER, &sentinels);
    assert_eq!((code, server(&diagnosis)), (Some(0), place(group.replica.port())), "{diagnosis}");
    assert_eq!(asked(&["gc"], MASTER, &sentinels), (Some(0), one));
}

#[test]
fn a_master_that_no_sentinel_knows_is_an_error_and_no_empty_store() {
    let sentinels = Sentinels::shared().addresses();

    for arguments in [&["gc"][..], &["list", "--user", "alice"]] {
        let (code, printed) = asked(arguments, "another", &sentinels);

        assert_eq!((code, printed), (Some(3), Value::Null), "{arguments:?}");
    }
    let (code, diagnosis) = asked(&["doctor"], "another", &sentinels);
    assert_eq!(code, Some(1), "{diagnosis}");
}
