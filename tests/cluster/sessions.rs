//! Opens a store, and makes the sessions that it is to keep.

use std::time::Duration;

use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Ttl, UnixMillis};

pub(super) fn store(config: RedisConfig) -> RedisStore {
    RedisStore::new(config).expect("legal")
}

pub(super) fn id(name: &str) -> SessionId {
    SessionId::parse(name).expect("legal")
}

pub(super) fn payload(name: &str, data: &str) -> Payload {
    Payload::parse(format!(r#"{{"id":"{name}","data":{data},"flash_next":{{}}}}"#)).expect(name)
}

pub(super) fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}

/// Long enough that it never ends a call of these tests.
pub(super) const LONG: Duration = Duration::from_secs(20);

pub(super) const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);
