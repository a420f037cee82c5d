//! The sessions of a user are what `tests/vectors/users.json` says, through the C functions.

use std::sync::Arc;

use rudder_session_core::{
    CookieCodec, KeyRing, MemoryConfig, MemoryStore, Payload, SessionHandle, SessionId, Store, Ttl,
    UnixMillis, UserMark,
};
use serde_json::{Value, json};

use super::super::SECRET;
use super::super::engines::{CEngine, CSession};
use crate::status::rsess_status::*;

const VECTORS: &str = include_str!("../../../../tests/vectors/users.json");

/// An engine, and the store under it, in which the index of alice is.
struct World {
    engine: CEngine,
    store: Arc<MemoryStore>,
    now: u64,
}

impl World {
    fn new(settings: &[(&str, &str)]) -> Self {
        let store = Arc::new(MemoryStore::new(MemoryConfig::default()).expect("legal"));
        let settings = [&[("users", "true")][..], settings].concat();
        let now = vectors()["now"].as_u64().expect("a number");
        Self { engine: CEngine::over_with(Arc::clone(&store), &settings), store, now }
    }

    fn at(&self) -> UnixMillis {
        UnixMillis::new(self.now)
    }

    /// Puts an index of alice in the place of what is there; null is none.
    fn set_index(&self, data: &Value) {
        if data.is_null() {
            return self.store.destroy(&alice()).expect("destroyed");
        }
        let record = json!({"id": alice().as_str(), "data": data, "flash_next": {}});
        self.save(&Payload::parse(record.to_string()).expect("a payload"));
    }

    fn index(&self) -> Value {
        let record = self.store.load(&alice(), self.at()).expect("told");
        record.map_or(Value::Null, |it| serde_json::from_str(it.data_json()).expect("JSON"))
    }

    fn save(&self, record: &Payload) {
        let ttl = Ttl::from_seconds(100_000).expect("legal");
        self.store.save(record, ttl, self.at()).expect("saved");
    }

    /// The cookie of a session with this mark, which is in the store.
    fn marked(&self, mark: &UserMark) -> String {
        let id = SessionId::parse("marked").expect("legal");
        let mut session = Payload::new(&id);
        session.set_user_mark(mark);
        self.save(&session);
        let codec = CookieCodec::new(KeyRing::from_secrets([SECRET]).expect("a key"));
        format!("sid={}", codec.encode_id(&id))
    }

    /// A session with this mark as if it had been loaded before the index became what it is.
    fn loaded_before(&self, mark: &UserMark, index: &Value) -> CSession {
        let session = self.engine.load(&self.marked(mark), self.now).expect("a session");
        assert_eq!(session.is(), (false, false, RSESS_OK));
        self.set_index(index);
        session
    }
}

#[test]
fn every_session_is_let_in_as_in_the_vectors() {
    for case in cases("check") {
        let (world, mark) = (World::new(&[]), mark(&case["mark"]));
        world.set_index(&case["data"]);

        let is_live = world.engine.is_live(&world.marked(&mark), world.now);

        let seen = world.index()[format!("s.{}", mark.handle())].clone();
        match text(&case, "verdict") {
            "over" => assert_eq!((is_live, &world.index()), (false, &case["data"]), "{case}"),
            "live" if case["seen_is_due"] == false => {
                assert_eq!((is_live, &world.index()), (true, &case["data"]), "{case}");
            }
            _ => assert_eq!((is_live, seen), (true, world.now.into()), "{case}"),
        }
    }
}

#[test]
fn the_devices_are_those_of_the_vectors() {
    for case in cases("list") {
        let world = World::new(&[]);

        let listed = match case["current"].as_str() {
            None => {
                world.set_index(&case["data"]);
                world.engine.user_devices("alice", world.now)
            }
            Some(handle) => {
                world.loaded_before(&with_handle(handle), &case["data"]).devices(world.now)
            }
        };

        assert_eq!(listed.as_ref(), Ok(&case["list"]), "{}", case["name"]);
    }
}

#[test]
fn a_label_is_kept_as_in_the_vectors() {
    for case in cases("labels") {
        let world = World::new(&[]);
        let session = world.engine.load("", world.now).expect("a session");

        assert_eq!(session.sign_in("alice", text(&case, "given"), world.now).status, RSESS_OK);

        assert_eq!(session.devices(world.now).expect("a list")[0]["label"], case["kept"]);
    }
}

#[test]
fn what_names_no_user_in_the_vectors_names_none() {
    let world = World::new(&[]);
    for user in cases("refused_users") {
        let user = user.as_str().expect("a text");
        let refused = Err(RSESS_ERR_INVALID_ARGUMENT);
        assert_eq!(world.engine.user_devices(user, world.now), refused);
    }
    for case in cases("user_index") {
        let session = world.engine.load("", world.now).expect("a session");
        assert_eq!(session.sign_in(text(&case, "user"), "", world.now).status, RSESS_OK);
        let index = SessionId::parse(text(&case, "index")).expect("legal");
        assert!(world.store.load(&index, world.at()).expect("told").is_some(), "{case}");
    }
}

#[test]
fn every_operation_leaves_the_index_as_in_the_vectors() {
    for case in cases("operations") {
        let given = &case["given"];
        let most = given["most"].as_u64().map(|it| it.to_string());
        let mut settings = Vec::new();
        settings.extend(most.as_deref().map(|it| ("users.maxSessions", it)));
        settings.extend(given["when_full"].as_str().map(|it| ("users.whenFull", it)));
        let world = World::new(&settings);
        let session = match (given["mark"].is_null(), given["old"].as_str()) {
            (false, _) => world.loaded_before(&mark(&given["mark"]), &case["before"]),
            (true, Some(old)) => world.loaded_before(&with_handle(old), &case["before"]),
            (true, None) => {
                world.set_index(&case["before"]);
                world.engine.load("", world.now).expect("a session")
            }
        };

        let mut made = None;
        let outcome = match text(&case, "operation") {
            "sign_in" => match session.sign_in("alice", text(given, "label"), world.now).status {
                RSESS_OK => {
                    made = Some(session.handle(world.now));
                    json!("signed in")
                }
                RSESS_ERR_TOO_MANY_SESSIONS => json!("refused"),
                status => panic!("{status:?}"),
            },
            "check" => {
                let cookie = world.marked(&mark(&given["mark"]));
                json!(if world.engine.is_live(&cookie, world.now) { "live" } else { "over" })
            }
            "revoke" => {
                let status = world.engine.user_revoke("alice", text(given, "handle"), world.now);
                assert!([RSESS_OK, RSESS_NOT_FOUND].contains(&status), "{status:?}");
                json!(status == RSESS_OK)
            }
            "sign_out" => {
                assert_eq!(session.sign_out(world.now), RSESS_OK);
                Value::Null
            }
            "revoke_all" => json!(world.engine.user_revoke_all("alice", world.now).expect("done")),
            "revoke_others" => json!(session.revoke_others(world.now).expect("done")),
            other => panic!("{other}"),
        };

        // One that is over has ended none.
        let expected = if case["operation"] == "revoke_others" && case["outcome"] == "over" {
            &json!(0)
        } else {
            &case["outcome"]
        };
        assert_eq!(&outcome, expected, "{case}");
        let mut after = world.index();
        if let Some(made) = made {
            let text = after.to_string().replace(&made, text(given, "handle"));
            after = serde_json::from_str(&text).expect("JSON");
        }
        let is_unchanged = case["after"].is_null();
        assert_eq!(&after, &case[if is_unchanged { "before" } else { "after" }], "{case}");
    }
}

fn vectors() -> Value {
    serde_json::from_str(VECTORS).expect("JSON")
}

fn cases(section: &str) -> Vec<Value> {
    let cases = vectors()[section].as_array().expect("an array").clone();
    assert!(!cases.is_empty());
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().expect("a text")
}

fn alice() -> SessionId {
    SessionId::user_index("alice").expect("legal")
}

fn with_handle(handle: &str) -> UserMark {
    UserMark::new(&alice(), &SessionHandle::parse(handle).expect("a handle"), 0).expect("legal")
}

fn mark(it: &Value) -> UserMark {
    let index = SessionId::parse(text(it, "index")).expect("legal");
    let handle = SessionHandle::parse(text(it, "handle")).expect("a handle");
    UserMark::new(&index, &handle, it["epoch"].as_u64().expect("a number")).expect("legal")
}
