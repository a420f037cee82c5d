//! Each case of `tests/vectors/users.json` comes out as the program in Python says.

use std::num::NonZero;
use std::process::Command;

use rudder_session::UsersError;
use rudder_session::users::{Standing, UserSessions, WhenFull};
use rudder_session::{Payload, SessionHandle, SessionId, UnixMillis, UserMark};
use serde_json::{Value, json};

use super::alice::*;

#[test]
fn the_vectors_are_what_the_program_in_python_makes() {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/users.py");

    let output = Command::new("python3").args(["-B", program]).output().expect("it is installed");

    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).expect("UTF-8"), VECTORS);
}

#[test]
fn a_user_has_the_index_of_the_vectors() {
    for case in cases("user_index") {
        let index = SessionId::user_index(text(&case, "user")).expect("a legal key");

        assert_eq!(index.as_str(), text(&case, "index"));
        assert!(index.is_user_index());
        assert_eq!(SessionId::parse(index.as_str()), Some(index));
    }
    for user in cases("refused_users") {
        assert_eq!(SessionId::user_index(user.as_str().expect("text")), None);
    }
}

#[test]
fn a_marked_payload_is_spelled_as_in_the_vectors() {
    for case in cases("payloads") {
        let (data, flash) = (text(&case, "data"), text(&case, "flash_next"));
        let plain = format!(r#"{{"id":{},"data":{data},"flash_next":{flash}}}"#, case["id"]);
        let mut payload = Payload::parse(plain).expect("a payload");

        if !case["mark"].is_null() {
            payload.set_user_mark(&mark(&case["mark"]));
        }
        if let Some(at) = case["created_at"].as_u64() {
            payload.set_created_at(UnixMillis::new(at));
        }

        assert_eq!(payload.as_json(), text(&case, "text"));
        assert_eq!(payload.user_mark(), (!case["mark"].is_null()).then(|| mark(&case["mark"])));
        assert_eq!(Payload::parse(payload.as_json()), Ok(payload));
    }
}

#[test]
fn a_mark_is_read_from_every_spelling_of_it_and_from_nothing_else() {
    for case in cases("marks") {
        let payload = Payload::parse(text(&case, "text")).expect("a payload");

        let expected = (!case["mark"].is_null()).then(|| mark(&case["mark"]));
        assert_eq!(payload.user_mark(), expected, "{case}");
        assert_eq!(payload.as_json(), text(&case, "spelled"));
    }
}

#[test]
fn every_session_is_judged_as_in_the_vectors() {
    for case in cases("check") {
        let store = store_with(&case["data"]);
        let mark = mark(&case["mark"]);
        let before = record(&store);

        let standing = users(&store).check(&marked(&mark), now()).expect("the store can say");

        let after = record(&store);
        let seen = &after[format!("s.{}", mark.handle())];
        match text(&case, "verdict") {
            "over" => assert_eq!((standing, &after), (Standing::Over, &before), "{case}"),
            "heal" => {
                assert_eq!((standing, seen), (Standing::Live, &vectors()["now"]), "{case}");
                let entry = &after[format!("h.{}", mark.handle())];
                assert_eq!((&entry["epoch"], &entry["label"]), (&json!(mark.epoch()), &json!("")));
            }
            _ if case["seen_is_due"] == true => {
                assert_eq!((standing, seen), (Standing::Live, &vectors()["now"]), "{case}");
            }
            _ => assert_eq!((standing, &after), (Standing::Live, &before), "{case}"),
        }
    }
}

#[test]
fn a_write_prunes_as_in_the_vectors() {
    let other = SessionHandle::parse("_____________________w").expect("16 bytes");
    for case in cases("prune") {
        let store = store_with(&case["data"]);
        let signed_out = UserMark::new(&alice(), &other, 0).expect("legal");

        users(&store).sign_out(&marked(&signed_out), now()).expect("written");

        let mut after = record(&store);
        assert!(after.as_object_mut().expect("data").remove(&format!("r.{other}")).is_some());
        assert_eq!(after, case["pruned"], "{}", case["name"]);
    }
}

#[test]
fn the_sessions_are_listed_as_in_the_vectors() {
    for case in cases("list") {
        let store = store_with(&case["data"]);
        let users = users(&store);

        let found = match case["current"].as_str() {
            None => users.list("alice", now()),
            Some(handle) => users.list_of(&marked(&with_handle(handle)), now()),
        };

        let found: Vec<_> = found
            .expect("the store can say")
            .into_iter()
            .map(|it| {
                json!({
                    "handle": it.handle.as_str(), "created": it.created, "seen": it.seen,
                    "label": it.label, "current": it.current,
                })
            })
            .collect();
        assert_eq!(Value::Array(found), case["list"], "{}", case["name"]);
    }
}

#[test]
fn a_label_is_kept_as_in_the_vectors() {
    for case in cases("labels") {
        let store = store_with(&Value::Null);
        let users = users(&store);

        users.sign_in(&payload("a"), "alice", text(&case, "given"), now()).expect("signed in");

        let found = users.list("alice", now()).expect("the store can say");
        assert_eq!(found[0].label, text(&case, "kept"));
    }
}

#[test]
fn every_operation_leaves_the_index_as_in_the_vectors() {
    for case in cases("operations") {
        let store = store_with(&case["before"]);
        let given = &case["given"];
        let mut config = config();
        config.max_sessions = given["most"].as_u64().and_then(|it| NonZero::new(it as u16));
        if given["when_full"] == "refuse" {
            config.when_full = WhenFull::Refuse;
        }
        let users = UserSessions::new(&store, config);
        let session = || marked(&mark(&given["mark"]));
        let handle = || SessionHandle::parse(text(given, "handle")).expect("a handle");
        let expected = &case["after"];
        let unchanged = record(&store);

        let mut made = None;
        let outcome = match text(&case, "operation") {
            "sign_in" => {
                let old = given["old"].as_str().map(with_handle);
                let session = old.map_or_else(|| payload("a"), |it| marked(&it));
                match users.sign_in(&session, "alice", text(given, "label"), now()) {
                    Ok(mark) => {
                        made = Some(mark.handle().clone());
                        json!("signed in")
                    }
                    Err(UsersError::TooManySessions) => json!("refused"),
                    Err(error) => panic!("{error}"),
                }
            }
            "check" => match users.check(&session(), now()).expect("the store can say") {
                Standing::Live => json!("live"),
                Standing::Over => json!("over"),
                Standing::NotSignedIn => panic!("it is marked"),
            },
            "revoke" => json!(users.revoke("alice", &handle(), now()).expect("written")),
            "sign_out" => {
                users.sign_out(&session(), now()).expect("written");
                Value::Null
            }
            "revoke_all" => json!(users.revoke_all("alice", now()).expect("written")),
            "revoke_others" => match users.revoke_others(&session(), now()) {
                Err(UsersError::NotSignedIn) => json!("over"),
                counted => json!(counted.expect("written")),
            },
            other => panic!("{other}"),
        };

        assert_eq!(outcome, case["outcome"], "{case}");
        let mut after = record(&store);
        if let Some(made) = made {
            let text = after.to_string().replace(made.as_str(), text(given, "handle"));
            after = serde_json::from_str(&text).expect("JSON");
        }
        assert_eq!(&after, if expected.is_null() { &unchanged } else { expected }, "{case}");
    }
}

fn mark(it: &Value) -> UserMark {
    let index = SessionId::parse(text(it, "index")).expect("legal");
    let handle = SessionHandle::parse(text(it, "handle")).expect("a handle");
    UserMark::new(&index, &handle, it["epoch"].as_u64().expect("a number")).expect("a mark")
}

fn cases(section: &str) -> Vec<Value> {
    let cases = vectors()[section].as_array().expect("a list").clone();
    assert!(!cases.is_empty());
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().expect("a text")
}
