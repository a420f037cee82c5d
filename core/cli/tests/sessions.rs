//! The command lists and ends the sessions of a user, and takes out what has expired, as the
//! engine would: by the index alone, with the right exit code.

use std::path::Path;
use std::process::{Command, Output};

use rudder_session::users::{Standing, UserSessions, UserSessionsConfig};
use rudder_session::{
    FileConfig, FileStore, Lifetime, Payload, RedisConfig, RedisStore, SessionId, Store, Ttl,
    UnixMillis,
};
use rudder_session_tests::redis_server::{RedisServer, TempDir};
use serde_json::{Value, json};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rudder-session"));
    command.args(arguments).env_remove("REDIS_URL").output().expect("runs")
}

/// The exit code, and the one JSON object that was printed.
fn asked(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = run(&[arguments, &["--json"]].concat());
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    assert_eq!(output.stdout, b"");
    // To be searched with what the tests print.
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8(output.stderr).expect("text"))
}

fn users<S: Store>(store: S) -> UserSessions<S> {
    let lifetime = Lifetime::from_minutes(120.0).expect("legal");
    UserSessions::new(store, UserSessionsConfig::new(lifetime))
}

/// A session of alice, with this label.
fn signed_in(store: &impl Store, label: &str) -> Payload {
    let mut session = Payload::new(&SessionId::random().expect("random"));
    let mark = users(store).sign_in(&session, "alice", label, UnixMillis::now());
    session.set_user_mark(&mark.expect("signed in"));
    session
}

fn in_file(path: &Path) -> FileStore {
    FileStore::open(FileConfig::at(path)).expect("opens")
}

#[test]
fn sessions_in_a_file_are_listed_and_one_of_them_ended() {
    let dir = TempDir::new();
    let path = dir.path().join("sessions.redb");
    let file = path.to_string_lossy();
    let (laptop, phone) = {
        let store = in_file(&path);
        (signed_in(&store, "laptop"), signed_in(&store, "phone"))
    };
    let alices = ["--user", "alice", "--file", &file];
    let handle = phone.user_mark().expect("marked").handle().to_string();

    let (code, listed) = asked(&[["list"].as_slice(), &alices].concat());
    assert_eq!(code, Some(0));
    let sessions = listed["sessions"].as_array().expect("a list");
    assert_eq!(sessions.len(), 2);
    let found = sessions.iter().find(|it| it["label"] == "phone").expect("the phone");
    assert_eq!(found["handle"], json!(handle));
    assert!(found["created_at"].is_u64() && found["seen_at"].is_u64());

    let revoke = [["revoke", "--handle", &handle].as_slice(), &alices].concat();
    assert_eq!(asked(&revoke), (Some(0), json!({"ended": 1})));
    assert_eq!(asked(&revoke), (Some(1), json!({"ended": 0})), "it is over already");

    let store = in_file(&path);
    let standing = |it| users(&store).check(it, UnixMillis::now());
    assert_eq!((standing(&laptop), standing(&phone)), (Ok(Standing::Live), Ok(Standing::Over)));
}

#[test]
fn sessions_in_redis_are_ended_all_at_once() {
    let server = RedisServer::start();
    let config = RedisConfig { url: server.url(), ..RedisConfig::default() };
    let store = RedisStore::new(config).expect("legal");
    let laptop = signed_in(&store, "laptop");
    let url = server.url();
    let alices = ["--user", "alice", "--redis-url", &url];

    let revoke = [["revoke", "--all"].as_slice(), &alices].concat();
    assert_eq!(asked(&revoke), (Some(0), json!({"ended": 1})));

    assert_eq!(users(&store).check(&laptop, UnixMillis::now()), Ok(Standing::Over));
    let listed = run(&[["list"].as_slice(), &alices].concat());
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "no session is alive\n");
    assert_eq!(asked(&revoke), (Some(0), json!({"ended": 0})));
}

#[test]
fn what_cannot_be_done_is_refused_with_the_right_code() {
    let dir = TempDir::new();
    let file = dir.path().join("sessions.redb");
    drop(in_file(&file));
    let file = file.to_string_lossy();

    for arguments in [
        ["list", "--user", "alice"].as_slice(),
        &["list", "--user", "alice", "--memory"],
        &["list", "--user", "", "--file", &file],
        &["list", "--user", "alice", "--file", &file, "--lifetime", "0"],
        &["list", "--user", "alice", "--file", "/nowhere/at/all"],
        &["revoke", "--user", "alice", "--file", &file],
        &["revoke", "--user", "alice", "--file", &file, "--handle", "x"],
        &["revoke", "--user", "alice", "--file", &file, "--handle", "x", "--all"],
        &["gc"],
        &["gc", "--memory"],
        &["gc", "--file", "/nowhere/at/all"],
    ] {
        assert_eq!(refused(arguments).0, Some(2), "{arguments:?}");
    }
    let unreachable = ["--redis-url", "redis://127.0.0.1:1/", "--deadline-ms", "500"];
    let list = [["list", "--user", "alice"].as_slice(), &unreachable].concat();
    assert_eq!(refused(&list).0, Some(3));
    let secret = ["gc", "--redis-url", "redis://:a-password@127.0.0.1:1/"];
    let (code, said) = refused(&secret);
    assert_eq!(code, Some(3));
    assert!(!said.contains("a-password"), "{said}");
}

#[test]
fn what_has_expired_goes_from_a_file_which_becomes_smaller() {
    let dir = TempDir::new();
    let path = dir.path().join("sessions.redb");
    {
        let store = in_file(&path);
        let long_ago = UnixMillis::new(1_000_000);
        for _ in 0..200 {
            let mut session = Payload::new(&SessionId::random().expect("random"));
            session.put("padding", &"x".repeat(10_000)).expect("text");
            store.save(&session, Ttl::from_seconds(1).expect("legal"), long_ago).expect("saved");
        }
    }

    let (code, found) = asked(&["gc", "--file", &path.to_string_lossy()]);

    assert_eq!((code, &found["removed"]), (Some(0), &json!(200)));
    let [before, after] = ["bytes_before", "bytes_after"].map(|it| found[it].as_u64().expect(it));
    assert!(after < before / 2, "{found}");
    assert_eq!(std::fs::metadata(&path).expect("there").len(), after);
}

#[test]
fn records_of_a_redis_without_a_ttl_are_counted_and_somebody_should_look() {
    let server = RedisServer::start();
    let url = server.url();
    let config = RedisConfig { url: server.url(), ..RedisConfig::default() };
    signed_in(&RedisStore::new(config).expect("legal"), "laptop");

    assert_eq!(
        asked(&["gc", "--redis-url", &url]),
        (Some(0), json!({"records": 1, "without_ttl": 0}))
    );

    for n in 0..1200 {
        server.client().call(&["SET", &format!("session:{n}"), "{}"]);
    }
    assert_eq!(
        asked(&["gc", "--redis-url", &url]),
        (Some(1), json!({"records": 1201, "without_ttl": 1200}))
    );
}
