//! Makes the sessions of the laws, and the instants and spans of time that they speak of.

use rudder_session::store::Resumed;
use rudder_session::{Lifetime, Payload, SessionId, Timeouts, Ttl, UnixMillis};

pub(super) fn id(name: &str) -> SessionId {
    SessionId::parse(name).expect("legal")
}

pub(super) fn payload(name: &str, data: &str) -> Payload {
    Payload::parse(format!(r#"{{"id":"{name}","data":{data},"flash_next":{{}}}}"#)).expect(name)
}

pub(super) fn touched(payload: Payload) -> Resumed {
    Resumed::Session { payload, touched: Ok(true) }
}

pub(super) fn untouched(payload: Payload) -> Resumed {
    Resumed::Session { payload, touched: Ok(false) }
}

pub(super) fn minutes(minutes: f64) -> Lifetime {
    Lifetime::from_minutes(minutes).expect("legal")
}

pub(super) fn idle_for_a_minute() -> Timeouts {
    Timeouts::idle(minutes(1.0))
}

pub(super) fn after(millis: u64) -> UnixMillis {
    UnixMillis::new(1_700_000_000_000 + millis)
}

pub(super) fn before(millis: u64) -> UnixMillis {
    UnixMillis::new(1_700_000_000_000 - millis)
}

pub(super) fn grace() -> Ttl {
    Ttl::from_seconds(10).expect("legal")
}

pub(super) fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}

pub(super) const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);
