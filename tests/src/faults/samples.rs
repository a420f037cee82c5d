//! Makes payloads that tell who wrote them, so that half of one, or one in the wrong place, shows.

use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Ttl, UnixMillis};

use crate::random::Random;
use crate::resp::{Client, Reply};

/// The clock of all scenarios: none of them is about time.
pub const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// Longer than any scenario.
pub fn an_hour() -> Ttl {
    Ttl::from_seconds(3600).expect("legal")
}

/// A session's id.
pub fn id(name: &str) -> SessionId {
    SessionId::parse(name).expect("legal")
}

/// What `writer` writes into the session `id` with its `number`th write: no two are the same, and
/// each byte follows from these three.
pub fn stamped(id: &SessionId, writer: usize, number: u64) -> Payload {
    let owner = id.as_str();
    let mut random = Random::new(number.wrapping_mul(31)).fork(writer);
    let words = random.below(12);
    let filler: String = (0..words).map(|_| format!("{:x}", random.next())).collect();
    // Two writes differ in each of their values but the names, so no merge of them is another.
    let filler = format!("{number}-{filler}");
    let data =
        format!(r#""owner":"{owner}","writer":{writer},"number":{number},"filler":"{filler}""#);
    let text = format!(r#"{{"id":"{owner}","data":{{{data}}},"flash_next":{{}}}}"#);
    Payload::parse(text).expect("a payload")
}

/// Who wrote `payload`, and with which write.
///
/// Panics unless it is, to the byte, what was [`stamped`] for `id`.
pub fn writer_of(id: &SessionId, payload: &Payload) -> (usize, u64) {
    let writer = payload.get::<usize>("writer").ok().flatten();
    let number = payload.get::<u64>("number").ok().flatten();
    let (Some(writer), Some(number)) = (writer, number) else {
        panic!("nobody wrote {:?} for {}", payload.as_json(), id.as_str());
    };
    assert_eq!(payload.as_json(), stamped(id, writer, number).as_json(), "{}", id.as_str());
    (writer, number)
}

/// A payload that many write into, each under a key of its own: `w<writer>` holds the number of
/// its last write.
pub fn shared(id: &SessionId) -> Payload {
    let mut payload = Payload::new(id);
    payload.put("owner", id.as_str()).expect("serialisable");
    payload
}

/// What `writer` wrote last into a [`shared`] payload.
///
/// Panics if the payload is another session's, or holds anything that nobody wrote.
pub fn shared_number(id: &SessionId, payload: &Payload, writer: usize) -> Option<u64> {
    assert!(payload.belongs_to(id), "{:?} for {}", payload.as_json(), id.as_str());
    let data: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(payload.data_json()).expect("an object");
    for (key, value) in &data {
        let is_owner = key == "owner" && value == id.as_str();
        let is_number = key.starts_with('w') && value.is_u64();
        assert!(is_owner || is_number, "{key}: {value} in {}", id.as_str());
    }
    data.get(&format!("w{writer}")).and_then(serde_json::Value::as_u64)
}

/// A store in the Redis at `url`, with a few changes to the defaults.
pub fn redis(url: String, pool_size: u32, deadline: std::time::Duration) -> RedisStore {
    RedisStore::new(RedisConfig { url, pool_size, deadline, ..RedisConfig::default() })
        .expect("legal")
}

/// A user who may run the commands that a store needs, and no scripts; the part of a URL that
/// says so.
pub fn without_scripts(client: &mut Client) -> &'static str {
    let setting = "ACL SETUSER sessions on >secret ~session:* resetchannels \
        +get +set +del +expire +pttl +watch +unwatch +multi +exec +select";
    assert!(is_ok(&client.call(&setting.split(' ').collect::<Vec<_>>())));
    "sessions:secret@"
}

/// Whether a plain client was told `OK`.
pub fn is_ok(reply: &Reply) -> bool {
    *reply == Reply::Simple("OK".to_owned())
}

/// What lies on the server under the name of the session `id`.
pub fn record(client: &mut Client, id: &SessionId) -> Option<String> {
    match client.call(&["GET", &name(id)]) {
        Reply::Nil => None,
        Reply::Bulk(bytes) => Some(String::from_utf8(bytes).expect("a record is text")),
        other => panic!("{other:?}"),
    }
}

/// Puts a record on the server, past the store.
pub fn plant(client: &mut Client, id: &SessionId, text: &str) {
    assert!(is_ok(&client.call(&["SET", &name(id), text])));
}

/// The name of a session's record.
pub fn name(id: &SessionId) -> String {
    format!("session:{}", id.as_str())
}
