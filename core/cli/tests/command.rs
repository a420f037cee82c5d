//! The command says what is so, in text and in JSON, keeps secrets to itself, and ends with the
//! right code.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use rudder_session::{
    CookieCodec, FileConfig, FileStore, HardenedCodec, HardenedConfig, HardenedKey, KeyRing,
    Payload, SessionId, UnixMillis,
};
use rudder_session_tests::redis_server::{RedisServer, TempDir};
use rudder_session_tests::resp::Reply;
use serde_json::Value;

const SECRET: &str = "a secret of more than thirty-two bytes";
const RETIRED: &str = "another secret, which is also long enough";

/// What the command printed, and how it ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).expect("one JSON object")
    }
}

fn run_with(arguments: &[&str], secret: Option<&str>, input: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rudder-session"));
    command.args(arguments).env_remove("REDIS_URL").env_remove("SESSION_SECRET");
    if let Some(secret) = secret {
        command.env("SESSION_SECRET", secret);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    // It need not read what it is given.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("ends");
    // To be searched with what the tests print.
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

fn run(arguments: &[&str]) -> Ended {
    run_with(arguments, Some(SECRET), "")
}

fn codec(secret: &str) -> CookieCodec {
    CookieCodec::new(KeyRing::from_secrets([secret]).expect("legal"))
}

fn payload() -> Payload {
    let mut payload = Payload::new(&SessionId::parse("the-id-of-the-session").expect("legal"));
    payload.put("user", "alice-in-the-data").expect("legal");
    payload.put("visits", &3).expect("legal");
    payload
}

fn later() -> UnixMillis {
    UnixMillis::new(4_000_000_000_000)
}

#[test]
fn a_session_in_a_cookie_is_described_without_what_it_says() {
    let value = codec(SECRET).encode(&payload(), later());

    let ended = run(&["inspect", &value, "--json"]);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found = ended.json();
    assert_eq!(found["format"], "v1-payload");
    assert_eq!(found["verdict"], "accepted");
    assert_eq!(found["secret_number"], 1);
    assert_eq!(found["expires_at"], 4_000_000_000_000.0);
    assert_eq!(found["data"][0]["key"], "user");
    assert_eq!(found["data"][1]["json_bytes"], 1);
    for hidden in ["alice-in-the-data", "the-id-of-the-session", SECRET] {
        assert!(!ended.out.contains(hidden), "{hidden}");
    }
}

#[test]
fn what_a_session_says_is_shown_when_asked_for() {
    let value = codec(SECRET).encode(&payload(), later());

    let ended = run(&["inspect", &value, "--show"]);

    assert!(ended.out.contains("alice-in-the-data"), "{ended:?}");
    assert!(ended.out.contains("the-id-of-the-session"), "{ended:?}");
}

#[test]
fn an_expired_session_is_described_and_refused() {
    let value = codec(SECRET).encode(&payload(), UnixMillis::new(1000));

    let ended = run(&["inspect", &value, "--json"]);

    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.json()["verdict"], "expired");
    assert_eq!(ended.json()["expires_at"], 1000.0);
}

#[test]
fn the_cookie_is_found_in_a_header_on_standard_input() {
    let id = SessionId::parse("the-id-of-the-session").expect("legal");
    let header = format!("theme=dark; sid={}; a=b\n", codec(SECRET).encode_id(&id));

    let ended = run_with(&["inspect", "-", "--name", "sid", "--json"], Some(SECRET), &header);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.json()["format"], "v1-id");
    assert_eq!(ended.json()["session_id"], "21 characters");
}

#[test]
fn a_retired_secret_of_the_file_is_named_by_its_number() {
    let dir = TempDir::new();
    let file = dir.path().join("secrets");
    fs::write(&file, format!("{SECRET}\r\n\n  {RETIRED} \n")).expect("writes");
    let value = codec(RETIRED).encode(&payload(), later());

    let ended = run(&["inspect", &value, "--secret-file", &file.to_string_lossy(), "--json"]);

    assert_eq!(ended.json()["secret_number"], 2, "{ended:?}");
}

#[test]
fn nothing_is_shown_of_a_value_that_no_secret_has_signed() {
    let value = codec("a secret that the command does not get").encode(&payload(), later());

    let ended = run(&["inspect", &value, "--show", "--json"]);

    assert_eq!(ended.code, Some(1));
    let found = ended.json();
    assert_eq!(found["verdict"], "not-signed");
    for field in ["data", "payload", "session_id", "expires_at", "secret_number"] {
        assert!(found[field].is_null(), "{field}");
    }
}

#[test]
fn the_hardened_format_is_read_in_all_its_kinds_and_needs_the_name() {
    for sealed in [None, Some(64)] {
        let mut config = HardenedConfig::new(vec![HardenedKey::new(SECRET).expect("legal")], "sid");
        config.seal_padded_to = sealed;
        let codec = HardenedCodec::new(config).expect("legal");
        let value = codec.encode(&payload(), later()).expect("encodes");

        let ended = run(&["inspect", &value, "--name", "sid", "--json"]);

        assert_eq!(ended.code, Some(0), "{ended:?}");
        let format = if sealed.is_some() { "v2-sealed" } else { "v2-payload" };
        assert_eq!(ended.json()["format"], format);
        assert_eq!(ended.json()["expires_at"], 4_000_000_000_000.0);
        assert_eq!(run(&["inspect", &value]).code, Some(2));
        assert_eq!(run(&["inspect", &value, "--name", "other"]).code, Some(1));
    }
}

#[test]
fn an_id_of_the_hardened_format_is_read() {
    let config = HardenedConfig::new(vec![HardenedKey::new(SECRET).expect("legal")], "sid");
    let codec = HardenedCodec::new(config).expect("legal");
    let id = SessionId::random_256().expect("random");
    let value = codec.encode_id(&id, later()).expect("encodes");

    let ended = run(&["inspect", &value, "--name", "sid", "--json"]);

    assert_eq!(ended.json()["format"], "v2-id", "{ended:?}");
    assert_eq!(ended.json()["verdict"], "accepted");
}

#[test]
fn without_a_secret_nothing_is_inspected() {
    let ended = run_with(&["inspect", "anything"], None, "");

    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""));
    assert!(ended.err.starts_with("rudder-session: no secret"), "{ended:?}");
}

#[test]
fn new_secrets_differ_are_as_long_as_asked_for_and_please_the_doctor() {
    let made = |arguments: &[&str]| run(arguments).out.trim().to_owned();

    let (first, second) = (made(&["genkey"]), made(&["genkey"]));
    assert_eq!((first.len(), second.len()), (43, 43));
    assert_ne!(first, second);
    assert_eq!(made(&["genkey", "--format", "hex", "--bytes", "64"]).len(), 128);
    assert_eq!(run(&["genkey", "--bytes", "16"]).code, Some(2));

    let ended = run_with(&["doctor", "--json"], Some(&first), "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.json()["checks"][0]["finding"], "well");
}

#[test]
fn a_short_secret_is_doubtful_and_the_placeholder_wrong() {
    let ended = run_with(&["doctor", "--json"], Some("tiny-one"), "");
    assert_eq!((ended.code, &ended.json()["checks"][0]["finding"]), (Some(0), &"doubtful".into()));
    assert!(!ended.out.contains("tiny-one"), "{ended:?}");

    let ended = run_with(&["doctor", "--json"], Some("change-me-in-production"), "");
    assert_eq!((ended.code, &ended.json()["checks"][0]["finding"]), (Some(1), &"wrong".into()));
}

#[test]
fn the_doctor_tries_a_file_and_leaves_nothing_in_it() {
    let dir = TempDir::new();
    let file = dir.path().join("sessions.redb");
    let missing = run(&["doctor", "--file", &file.to_string_lossy()]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(!file.exists());
    drop(FileStore::open(FileConfig::at(&file)).expect("opens"));

    let ended = run(&["doctor", "--file", &file.to_string_lossy(), "--json"]);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let checks = ended.json();
    assert_eq!(checks["checks"][1]["name"], "store");
    assert_eq!(checks["checks"][1]["finding"], "well");
}

#[test]
fn a_file_that_is_no_store_is_not_found_out_about() {
    let dir = TempDir::new();
    let file = dir.path().join("other");
    fs::write(&file, "not a store").expect("writes");

    let ended = run(&["doctor", "--file", &file.to_string_lossy()]);

    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(fs::read_to_string(&file).expect("reads"), "not a store");
}

/// The finding of the check of this name.
fn finding(diagnosis: &Value, name: &str) -> String {
    let checks = diagnosis["checks"].as_array().expect("a list");
    let check = checks.iter().find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("{name} in {diagnosis}"))["finding"].to_string()
}

#[test]
fn the_doctor_tries_a_redis_and_leaves_nothing_in_it() {
    let server = RedisServer::start_with(&["--appendonly", "yes"]);

    let ended = run(&["doctor", "--redis-url", &server.url(), "--json"]);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in ["store", "round trip", "clock", "version", "eviction", "durability", "TTLs"] {
        assert_eq!(finding(&ended.json(), name), "\"well\"", "{name}");
    }
    assert_eq!(server.client().call(&["DBSIZE"]), Reply::Integer(0));
}

#[test]
fn a_record_that_never_ends_and_a_server_that_forgets_are_doubtful() {
    let server = RedisServer::start_with(&["--save", ""]);
    server.client().call(&["SET", "[my]*session:a", "{}"]);
    server.client().call(&["SET", "my session:b", "{}"]);

    let url = server.url();
    let ended = run(&["doctor", "--redis-url", &url, "--prefix", "[my]*session:", "--json"]);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(finding(&ended.json(), "TTLs"), "\"doubtful\"");
    assert!(ended.out.contains("1 of 1 records"), "{ended:?}");
    assert_eq!(finding(&ended.json(), "durability"), "\"doubtful\"");
}

#[test]
fn what_a_user_of_redis_may_not_do_is_wrong() {
    let server = RedisServer::start();
    server
        .client()
        .call(&["ACL", "SETUSER", "app", "on", ">hunter2", "~*", "+get", "+set", "+del"]);
    let url = format!("redis://app:hunter2@127.0.0.1:{}", server.port());

    let ended = run(&["doctor", "--redis-url", &url, "--json"]);

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(finding(&ended.json(), "store"), "\"wrong\"");
    assert!(ended.out.contains("NOPERM"), "{ended:?}");
}

#[test]
fn a_user_of_redis_that_may_do_more_than_sessions_need_is_doubtful() {
    let server = RedisServer::start();
    let set = |rules: &[&str]| {
        let command = [&["ACL", "SETUSER", "app", "reset", "on", ">hunter2"], rules].concat();
        assert_eq!(server.client().call(&command).text(), "OK");
        let url = format!("redis://app:hunter2@127.0.0.1:{}", server.port());
        let ended = run(&["doctor", "--redis-url", &url, "--json"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        finding(&ended.json(), "rights")
    };
    let needed = ["~session:*", "+get", "+set", "+del", "+expire", "+pttl", "+evalsha", "+eval"];

    assert_eq!(set(&needed), "\"well\"");
    assert_eq!(set(&[&needed[..], &["+acl|whoami", "+acl|getuser"]].concat()), "\"well\"");
    assert_eq!(set(&["~*", "+@all"]), "\"doubtful\"");
    // Without a user: that of a server as it comes.
    let ended = run(&["doctor", "--redis-url", &server.url(), "--json"]);
    assert_eq!(finding(&ended.json(), "rights"), "\"doubtful\"");
    assert!(ended.out.contains("needs no password"), "{ended:?}");
}

#[test]
fn a_redis_that_does_not_answer_holds_nobody_up() {
    let server = RedisServer::start();
    server.stop();

    let ended = run(&["doctor", "--redis-url", &server.url(), "--deadline-ms", "200", "--json"]);

    server.go_on();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(finding(&ended.json(), "store"), "\"wrong\"");
    assert_eq!(ended.json()["checks"].as_array().map(Vec::len), Some(2), "{ended:?}");
}

#[test]
fn a_redis_out_of_reach_is_wrong_and_its_password_is_not_printed() {
    // Nothing listens on port 1.
    let url = "redis://:the-password@127.0.0.1:1";

    let ended = run(&["doctor", "--redis-url", url, "--deadline-ms", "500"]);

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains("WRONG"), "{ended:?}");
    assert!(!format!("{ended:?}").contains("the-password"));
}

#[test]
fn a_store_is_measured() {
    let ended =
        run(&["bench", "--memory", "--seconds", "1", "--callers", "2", "--bytes", "100", "--json"]);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found = ended.json();
    assert!(found["calls"].as_u64() >= Some(4), "{found}");
    assert_eq!(run(&["bench"]).code, Some(2));
}

#[test]
fn the_manual_and_the_completions_name_all_commands() {
    let manual = run(&["man"]).out;
    let completions = run(&["completions", "bash"]).out;

    for command in ["inspect", "genkey", "doctor", "bench", "list", "revoke", "gc"] {
        assert!(manual.contains(command), "{command}");
        assert!(completions.contains(command), "{command}");
    }
}
