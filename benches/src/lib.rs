//! Makes what the benches measure: keys, payloads of a given size, and the time they happen at.

pub mod c_library;

use rudder_session::{CookieCodec, HardenedCodec, HardenedConfig, HardenedKey, KeyRing};
use rudder_session::{Payload, SessionId, UnixMillis};

/// A session id; what the cookie of a stored session carries.
pub const ID_BYTES: usize = 36;

/// Bytes of payload: a flash message, a usual session, the most that a 4 KiB cookie can carry.
pub const PAYLOAD_BYTES: [usize; 3] = [64, 1024, 3072];

/// When everything here happens.
pub const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// The primary key of every codec here.
pub const SECRET: &str = "test-secret-32-chars-exactly!!xx";

/// A codec with one key.
pub fn codec() -> CookieCodec {
    with_secrets(&[SECRET])
}

/// A codec with three keys, the usual one last: all three are tried on its cookies.
pub fn codec_after_two_rotations() -> CookieCodec {
    with_secrets(&["the-newest-secret-of-32-bytes!!!", "the-second-secret-of-32-bytes!!!", SECRET])
}

/// A codec of the hardened format with the same key, which signs payloads or encrypts them.
///
/// # Panics
///
/// If the key is refused, which it is not.
pub fn hardened_codec(seal_padded_to: Option<usize>) -> HardenedCodec {
    let keys = vec![HardenedKey::new(SECRET).expect("legal")];
    let config = HardenedConfig { seal_padded_to, ..HardenedConfig::new(keys, "rudderjs_session") };
    HardenedCodec::new(config).expect("legal")
}

/// Text of exactly `len` bytes.
pub fn text(len: usize) -> String {
    "3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f".chars().cycle().take(len).collect()
}

/// A payload of exactly `len` bytes of JSON, shaped like a session: ids, names, numbers, nesting.
///
/// # Panics
///
/// If `len` is too short for an id and two empty objects.
pub fn payload(len: usize) -> Payload {
    let member = r#""cart":[{"sku":"A-1047","name":"caf\u00e9 cr\u00e8me","count":2,"price":3.5}]"#;
    // The id gives way if there is no room for a usual one.
    let id = &text(ID_BYTES)[..ID_BYTES.min(len - 35)];
    let build = |data: &str| format!(r#"{{"id":"{id}","data":{{{data}}},"flash_next":{{}}}}"#);
    let mut data = Vec::new();
    while build(&data.join(",")).len() + member.len() + 20 < len {
        data.push(member.replacen("cart", &format!("cart{}", data.len()), 1));
    }
    let missing = len - build(&data.join(",")).len();
    // A last member of just the right length: `,"":""` takes six bytes, or five if it is alone.
    let overhead = if data.is_empty() { 5 } else { 6 };
    if missing >= overhead {
        data.push(format!("\"\":\"{}\"", "x".repeat(missing - overhead)));
    }
    let text = build(&data.join(","));
    assert_eq!(text.len(), len);
    Payload::parse(text).expect("a payload")
}

/// A payload of exactly `len` bytes of JSON under an id of its own, with a key `visits`.
///
/// # Panics
///
/// If `len` is too short for that.
pub fn session(len: usize) -> Payload {
    let mut payload = Payload::new(&SessionId::random().expect("the machine has randomness"));
    payload.put("visits", &1_u32).expect("serialisable");
    payload.put("text", &"").expect("serialisable");
    let filler = text(len - payload.as_json().len());
    payload.put("text", &filler).expect("serialisable");
    assert_eq!(payload.as_json().len(), len);
    payload
}

fn with_secrets(secrets: &[&str]) -> CookieCodec {
    CookieCodec::new(KeyRing::from_secrets(secrets).expect("legal"))
}
