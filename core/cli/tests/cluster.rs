//! The command on a Redis Cluster: it finds the records, and asks each master.

use std::process::Command;
use std::time::Duration;

use rudder_session::users::{UserSessions, UserSessionsConfig};
use rudder_session::{
    Lifetime, Payload, RedisConfig, RedisStore, SessionId, Store, Ttl, UnixMillis,
};
use rudder_session_tests::clusters::{Cluster, MASTERS};
use rudder_session_tests::resp::Reply;
use serde_json::{Value, json};

/// The exit code, and the one JSON object that was printed.
fn asked(arguments: &[&str], cluster: &Cluster, prefix: &str) -> (Option<i32>, Value) {
    let nodes = cluster.addresses();
    // The command must not need all of them: the last ones are replicas.
    let (first, last) = (format!("redis://{}", nodes[0]), &nodes[nodes.len() - 1]);
    let output = Command::new(env!("CARGO_BIN_EXE_rudder-session"))
        .args(arguments)
        .args(["--redis-url", &first, "--redis-cluster-node", last, "--json"])
        .args(["--prefix", prefix])
        .env_remove("REDIS_URL")
        .output()
        .expect("runs");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

fn checks<'a>(diagnosis: &'a Value, name: &str) -> Vec<&'a Value> {
    let checks = diagnosis["checks"].as_array().expect("a list");
    checks.iter().filter(|it| it["name"] == name).collect()
}

#[test]
fn the_records_of_all_masters_are_counted_and_each_is_looked_into() {
    let cluster = Cluster::start();
    let nodes = cluster.addresses();
    let store = RedisStore::new(RedisConfig {
        url: format!("redis://{}", nodes[0]),
        cluster_nodes: nodes[1..].to_vec(),
        prefix: "counted:".to_owned(),
        deadline: Duration::from_secs(5),
        ..RedisConfig::default()
    })
    .expect("legal");
    let ttl = Ttl::from_seconds(600).expect("legal");
    for _ in 0..60 {
        let session = Payload::new(&SessionId::random().expect("random"));
        store.save(&session, ttl, UnixMillis::now()).expect("there");
    }
    let sizes = (0..MASTERS).map(|it| cluster.client(it).call(&["DBSIZE"]));
    assert!(sizes.clone().all(|it| it != Reply::Integer(0)));

    let well = asked(&["gc"], &cluster, "counted:");
    let lifetime = Lifetime::from_minutes(120.0).expect("legal");
    let users = UserSessions::new(&store, UserSessionsConfig::new(lifetime));
    let session = Payload::new(&SessionId::random().expect("random"));
    users.sign_in(&session, "alice", "laptop", UnixMillis::now()).expect("signed in");
    let (_, listed) = asked(&["list", "--user", "alice"], &cluster, "counted:");
    let ended = asked(&["revoke", "--user", "alice", "--all"], &cluster, "counted:");
    let (_, left) = asked(&["list", "--user", "alice"], &cluster, "counted:");
    let slot = cluster.slot("counted:for-ever");
    let owner = cluster.owner(slot, 0).expect("somebody has it");
    cluster.client(owner).call(&["SET", "counted:for-ever", "{}"]);
    let forgotten = asked(&["gc"], &cluster, "counted:");
    let (code, diagnosis) = asked(&["doctor"], &cluster, "counted:");

    assert_eq!(well, (Some(0), json!({ "records": 60, "without_ttl": 0 })));
    let labels = |listed: &Value| listed["sessions"].as_array().map(Vec::len);
    assert_eq!((labels(&listed), ended.0, labels(&left)), (Some(1), Some(0), Some(0)));
    // The index of alice is a record, too.
    assert_eq!(forgotten, (Some(1), json!({ "records": 62, "without_ttl": 1 })));
    assert_eq!(code, Some(0), "{diagnosis}");
    assert_eq!(checks(&diagnosis, "store").len(), 1);
    for name in ["round trip", "clock", "version", "eviction", "durability", "TTLs"] {
        let servers = checks(&diagnosis, name).into_iter();
        let mut servers: Vec<_> = servers.map(|it| it["server"].to_string()).collect();
        servers.dedup();
        assert_eq!(servers.len(), MASTERS, "{name}: {diagnosis}");
    }
    let ttls = checks(&diagnosis, "TTLs");
    let doubtful = ttls.iter().filter(|it| it["finding"] == "doubtful");
    assert_eq!(doubtful.count(), 1, "{diagnosis}");
}

#[test]
fn a_master_that_hangs_is_named_and_the_others_are_looked_into() {
    let cluster = Cluster::start();
    let (hanging, nodes) = (0, cluster.addresses());
    cluster.nodes[hanging].stop();

    let (_, diagnosis) = asked(&["doctor"], &cluster, "session:");

    cluster.nodes[hanging].go_on();
    let silent: Vec<_> =
        checks(&diagnosis, "server").iter().map(|it| it["server"].clone()).collect();
    assert_eq!(silent, [json!(nodes[hanging])], "{diagnosis}");
    assert_eq!(checks(&diagnosis, "version").len(), MASTERS - 1, "{diagnosis}");
}
