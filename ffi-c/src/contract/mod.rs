//! What the header promises about arguments and results, tried through the exported functions.

mod calls;
mod engines;
mod files;
mod formats;
mod layout;
mod limits;
mod misuse;
mod pointers;
mod queues;
#[path = "../../tests/redis_server/mod.rs"]
mod redis_server;
mod secrets;
mod sessions;
mod settings;
mod stateless;
mod stores;
mod users;

use crate::status::rsess_status::*;
use calls::{CStore, Codec};

#[test]
fn a_codec_names_what_is_wrong_with_its_secrets() {
    let refused = |secrets: &[&str]| Codec::new(secrets).err();

    assert_eq!(refused(&[]), Some(RSESS_ERR_CONFIG_SECRET));
    assert_eq!(refused(&[SECRET, ""]), Some(RSESS_ERR_CONFIG_SECRET));
    let placeholder = ["change-me-in-production"];
    assert_eq!(refused(&placeholder), Some(RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER));
    assert_eq!(refused(&[SECRET]), None);
}

#[test]
fn what_a_retired_secret_signed_verifies_and_what_a_removed_one_signed_does_not() {
    let signed = Codec::new(&["old"]).expect("a codec").sign(b"a.b").expect("signed");

    let rotated = Codec::new(&["new", "old"]).expect("a codec");
    let without = Codec::new(&["new"]).expect("a codec");

    assert_eq!(rotated.verify(signed.as_bytes()), Ok(&b"a.b"[..]));
    assert_eq!(without.verify(signed.as_bytes()), Err(RSESS_ERR_BAD_SIGNATURE));
}

#[test]
fn a_payload_comes_back_verbatim_up_to_its_last_millisecond() {
    let codec = Codec::new(&[SECRET]).expect("a codec");

    let value = codec.encode(PAYLOAD.as_bytes(), 1_000).expect("encoded");

    assert_eq!(codec.decode(value.as_bytes(), 1_000, true).as_deref(), Ok(PAYLOAD));
    assert_eq!(codec.decode(value.as_bytes(), 1_001, true), Err(RSESS_ERR_EXPIRED));
}

#[test]
fn each_kind_of_refusal_has_its_status() {
    let codec = Codec::new(&[SECRET]).expect("a codec");
    let legacy = codec.sign(LEGACY.as_bytes()).expect("signed");
    let other = codec.sign(b"no payload").expect("signed");

    assert_eq!(codec.decode(legacy.as_bytes(), 0, false).as_deref(), Ok(PAYLOAD));
    assert_eq!(codec.decode(legacy.as_bytes(), 0, true), Err(RSESS_ERR_LEGACY));
    assert_eq!(codec.decode(other.as_bytes(), 0, false), Err(RSESS_ERR_MALFORMED));
    assert_eq!(codec.decode_id(other.as_bytes()), Err(RSESS_ERR_MALFORMED));
    assert_eq!(codec.verify(b"unsigned"), Err(RSESS_ERR_UNSIGNED));
    assert_eq!(codec.verify(b""), Err(RSESS_ERR_UNSIGNED));
    assert_eq!(codec.decode(b"forged.sig", 0, false), Err(RSESS_ERR_BAD_SIGNATURE));
}

#[test]
fn bytes_that_are_not_utf8_are_the_clients_fault_in_a_cookie_and_the_callers_elsewhere() {
    let codec = Codec::new(&[SECRET]).expect("a codec");
    let store = CStore::memory(0);
    let latin1 = b"caf\xe9.";

    assert_eq!(codec.verify(latin1), Err(RSESS_ERR_BAD_SIGNATURE));
    assert_eq!(codec.decode(latin1, 0, false), Err(RSESS_ERR_BAD_SIGNATURE));
    assert_eq!(codec.decode_id(latin1), Err(RSESS_ERR_BAD_SIGNATURE));
    assert_eq!(codec.sign(latin1), Err(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(codec.encode(latin1, 0), Err(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(codec.encode_id(latin1), Err(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(store.load(latin1, 0), Err(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(store.save(latin1, 1, 0), RSESS_ERR_INVALID_ARGUMENT);
}

#[test]
fn an_id_that_could_be_a_path_never_reaches_a_codec_or_store() {
    let codec = Codec::new(&[SECRET]).expect("a codec");
    let store = CStore::memory(0);
    let long = [b'a'; 129];

    for id in [&b""[..], b"../../etc/passwd", b"a\0", b"a\n", &long] {
        assert_eq!(codec.encode_id(id), Err(RSESS_ERR_INVALID_ID));
        assert_eq!(store.load(id, 0), Err(RSESS_ERR_INVALID_ID));
        assert_eq!(store.touch(id, 1, 0), RSESS_ERR_INVALID_ID);
        assert_eq!(store.destroy(id), RSESS_ERR_INVALID_ID);
    }
    assert_eq!(store.save(br#"{"id":"../x"}"#, 1, 0), RSESS_ERR_INVALID_ID);
    let value = codec.encode_id(&long[1..]).expect("128 characters are an id");
    assert_eq!(codec.decode_id(value.as_bytes()).expect("ours").as_bytes(), &long[1..]);
}

#[test]
fn one_codec_serves_many_threads() {
    let codec = &Codec::new(&[SECRET]).expect("a codec");

    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for call in 0..200 {
                    let value = format!("{thread}.{call}");
                    let signed = codec.sign(value.as_bytes()).expect("signed");
                    assert_eq!(codec.verify(signed.as_bytes()), Ok(value.as_bytes()));
                }
            });
        }
    });
}

const SECRET: &str = "test-secret-32-chars-exactly!!xx";
const PAYLOAD: &str = r#"{"id":"a","data":{"n":1e400},"flash_next":{}}"#;
/// [`PAYLOAD`] in base64url: what a cookie without expiry carries.
const LEGACY: &str = "eyJpZCI6ImEiLCJkYXRhIjp7Im4iOjFlNDAwfSwiZmxhc2hfbmV4dCI6e319";
const LAST_DATE: u64 = 8_640_000_000_000_000;
