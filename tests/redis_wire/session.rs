//! Opens a store, and makes the one session that it is to keep.

use std::time::Duration;

use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Ttl, UnixMillis};

pub(super) fn config(url: &str) -> RedisConfig {
    // A machine that compiles meanwhile is slow, and no test here is about the deadline.
    RedisConfig { url: url.to_owned(), deadline: Duration::from_secs(5), ..RedisConfig::default() }
}

pub(super) fn store(url: &str) -> RedisStore {
    RedisStore::new(config(url)).expect("legal")
}

pub(super) fn plain_client(url: &str) -> redis::Connection {
    redis::Client::open(url).expect("a url").get_connection().expect("the server is up")
}

pub(super) fn id() -> SessionId {
    SessionId::parse(ID).expect("legal")
}

pub(super) fn payload(data: &str) -> Payload {
    Payload::parse(format!(r#"{{"id":"{ID}","data":{data},"flash_next":{{}}}}"#)).expect(data)
}

pub(super) fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}

pub(super) const ID: &str = "3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f";
pub(super) const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);
