//! The user of these tests: her index in a store, her sessions, and the settings of the vectors.

use std::time::Duration;

use rudder_session::users::{UserSessions, UserSessionsConfig};
use rudder_session::{Lifetime, MemoryConfig, MemoryStore, Payload, SessionHandle, SessionId};
use rudder_session::{Store, Ttl, UnixMillis, UserMark};
use serde_json::{Value, json};

/// A session of alice in the store, and in her index.
pub(super) fn signed_in(store: &MemoryStore, label: &str) -> Payload {
    let session = Payload::new(&SessionId::random().expect("random"));
    store.create(&session, ttl(), now()).expect("created");
    let mark = users(store).sign_in(&session, "alice", label, now()).expect("signed in");
    let mut signed_in = session.with_id(&SessionId::random().expect("random"));
    signed_in.set_user_mark(&mark);
    store.regenerate(&session, &signed_in, ttl(), now()).expect("regenerated");
    signed_in
}

pub(super) fn users<S: Store>(store: S) -> UserSessions<S> {
    UserSessions::new(store, config())
}

pub(super) fn config() -> UserSessionsConfig {
    let config = UserSessionsConfig::new(config_lifetime());
    let seen_every = Duration::from_millis(vectors()["seen_every_ms"].as_u64().expect("a number"));
    assert_eq!(config.seen_every, seen_every);
    config
}

pub(super) fn config_lifetime() -> Lifetime {
    let millis = vectors()["lifetime_ms"].as_f64().expect("a number");
    Lifetime::from_minutes(millis / 60_000.0).expect("legal")
}

/// A store that has this index of alice; null is none.
pub(super) fn store_with(data: &Value) -> MemoryStore {
    let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
    if !data.is_null() {
        let record = json!({"id": alice().as_str(), "data": data, "flash_next": {}});
        let record = Payload::parse(record.to_string()).expect("a payload");
        store.save(&record, ttl(), now()).expect("saved");
    }
    store
}

/// The data of the index of alice; null is none.
pub(super) fn record(store: &impl Store) -> Value {
    let record = store.load(&alice(), now()).expect("the store can say");
    record.map_or(Value::Null, |it| serde_json::from_str(it.data_json()).expect("JSON"))
}

pub(super) fn alice() -> SessionId {
    SessionId::user_index("alice").expect("a legal key")
}

pub(super) fn with_handle(handle: &str) -> UserMark {
    UserMark::new(&alice(), &SessionHandle::parse(handle).expect("a handle"), 0).expect("legal")
}

pub(super) fn marked(mark: &UserMark) -> Payload {
    let mut payload = payload("marked");
    payload.set_user_mark(mark);
    payload
}

pub(super) fn payload(name: &str) -> Payload {
    Payload::new(&id(name))
}

pub(super) fn id(name: &str) -> SessionId {
    SessionId::parse(name).expect("legal")
}

pub(super) fn ttl() -> Ttl {
    Ttl::from_seconds(100_000).expect("legal")
}

pub(super) fn now() -> UnixMillis {
    UnixMillis::new(NOW)
}

pub(super) fn vectors() -> &'static Value {
    static PARSED: std::sync::LazyLock<Value> =
        std::sync::LazyLock::new(|| serde_json::from_str(VECTORS).expect("JSON"));
    &PARSED
}

pub(super) const VECTORS: &str = include_str!("../vectors/users.json");
pub(super) const NOW: u64 = 1_700_000_000_000;
pub(super) const HANDLES: [&str; 3] =
    ["AQEBAQEBAQEBAQEBAQEBAQ", "AgICAgICAgICAgICAgICAg", "AwMDAwMDAwMDAwMDAwMDAw"];
