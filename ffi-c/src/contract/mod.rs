//! What the header promises about arguments and results, tried through the exported functions.

mod calls;
mod stateless;

use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use rudder_session_core::store::{Reply, Request};
use rudder_session_core::{Store, StoreError, UnixMillis};

use crate::boundary::{Guarded, lend};
use crate::buffer::{rsess_buf, rsess_slice};
use crate::codec::*;
use crate::cookie::*;
use crate::status::rsess_status::{self, *};
use crate::store::*;
use calls::{CStore, Codec, c, filled};

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
fn a_record_is_found_until_its_ttl_has_passed_or_it_is_destroyed() {
    let store = CStore::memory(0);

    assert_eq!(store.save(PAYLOAD.as_bytes(), 60, 0), RSESS_OK);
    assert_eq!(store.load(b"a", 59_999).as_deref(), Ok(PAYLOAD));
    assert_eq!(store.load(b"a", 60_000), Err(RSESS_NOT_FOUND));
    assert_eq!(store.touch(b"a", 60, 30_000), RSESS_OK);
    assert_eq!(store.load(b"a", 60_000).as_deref(), Ok(PAYLOAD));
    assert_eq!(store.destroy(b"a"), RSESS_OK);
    assert_eq!(store.load(b"a", 60_000), Err(RSESS_NOT_FOUND));
    assert_eq!(store.touch(b"a", 60, 60_000), RSESS_NOT_FOUND);
    assert_eq!(store.destroy(b"a"), RSESS_OK);
    assert_eq!(store.foreign_records(), Ok(0));
}

#[test]
fn a_store_refuses_what_it_cannot_keep() {
    let store = CStore::memory(400);
    let large = format!(r#"{{"id":"a","data":{{"x":"{}"}},"flash_next":{{}}}}"#, "x".repeat(400));

    assert_eq!(store.save(large.as_bytes(), 1, 0), RSESS_ERR_TOO_LARGE);
    assert_eq!(store.save(b"{}", 1, 0), RSESS_ERR_NOT_A_PAYLOAD);
    assert_eq!(store.save(PAYLOAD.as_bytes(), 0, 0), RSESS_ERR_CONFIG_TTL);
    assert_eq!(store.save(PAYLOAD.as_bytes(), u64::MAX, 0), RSESS_ERR_CONFIG_TTL);
    assert_eq!(store.save(PAYLOAD.as_bytes(), 1, LAST_DATE + 1), RSESS_ERR_INVALID_ARGUMENT);
    assert_eq!(store.save(PAYLOAD.as_bytes(), 1, LAST_DATE), RSESS_OK);
}

#[test]
fn a_redis_store_names_the_setting_that_it_refuses_and_needs_no_server_to_be_made() {
    let refused = |url, pool_size, deadline_ms| CStore::redis(url, pool_size, deadline_ms).err();
    let url = "redis://127.0.0.1:1";

    assert_eq!(refused("http://127.0.0.1", 0, 0), Some(RSESS_ERR_CONFIG_REDIS_URL));
    assert_eq!(refused(url, 1025, 0), Some(RSESS_ERR_CONFIG_POOL_SIZE));
    assert_eq!(refused(url, 0, 3_600_001), Some(RSESS_ERR_CONFIG_DEADLINE));
    let store = CStore::redis(url, 1024, 3_600_000).expect("the limits themselves are fine");
    assert_eq!(store.load(b"a", 0), Err(RSESS_ERR_STORE_UNREACHABLE));
}

#[test]
fn a_panic_inside_a_store_gives_a_status_and_then_every_call_says_poisoned() {
    struct Panicking;
    impl Store for Panicking {
        fn call(&self, request: Request, _: UnixMillis) -> Result<Reply, StoreError> {
            match request {
                Request::Destroy { .. } => Ok(Reply::Destroy),
                _ => panic!("on purpose"),
            }
        }
    }
    impl Drop for Panicking {
        fn drop(&mut self) {
            panic!("on purpose, while it is freed")
        }
    }
    let store = CStore(lend(rsess_store(Guarded::new(Box::new(Panicking)))));
    assert_eq!(store.destroy(b"a"), RSESS_OK);

    assert_eq!(store.load(b"a", 0), Err(RSESS_ERR_PANIC));

    assert_eq!(store.load(b"a", 0), Err(RSESS_ERR_POISONED));
    assert_eq!(store.save(PAYLOAD.as_bytes(), 1, 0), RSESS_ERR_POISONED);
    assert_eq!(store.touch(b"a", 1, 0), RSESS_ERR_POISONED);
    assert_eq!(store.destroy(b"a"), RSESS_ERR_POISONED);
    assert_eq!(store.foreign_records(), Err(RSESS_ERR_POISONED));
}

#[test]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one reason for a whole table, above it")]
fn null_is_refused_where_an_object_or_a_place_for_a_result_is_needed() {
    let codec = Codec::new(&[SECRET]).expect("a codec");
    let store = CStore::memory(0);
    let codec = codec.0.cast_const();
    let store = store.0.cast_const();
    let (a, one) = c("a");
    let mut buf = rsess_buf::EMPTY;
    let buf = &raw mut buf;
    let mut slice = rsess_slice { ptr: null(), len: 0 };
    let slice = &raw mut slice;
    let mut place = null_mut();
    let place = &raw mut place;
    let no_buf = null_mut::<rsess_buf>();
    let cookie = MaybeUninit::<rsess_cookie_config>::uninit();

    // SAFETY, for all of them: NULL is allowed everywhere, and the rest is alive. What is
    // uninitialised is not read, since the NULL next to it is refused before.
    let calls: [(&str, &dyn Fn() -> rsess_status); 25] = [
        ("codec_new", &|| unsafe { rsess_codec_new(null(), 0, null_mut()) }),
        ("codec_new secrets", &|| unsafe { rsess_codec_new(null(), 1, place) }),
        ("sign codec", &|| unsafe { rsess_codec_sign(null(), a, one, buf) }),
        ("sign text", &|| unsafe { rsess_codec_sign(codec, null(), one, buf) }),
        ("sign out", &|| unsafe { rsess_codec_sign(codec, a, one, no_buf) }),
        ("verify codec", &|| unsafe { rsess_codec_verify(null(), a, one, slice) }),
        ("verify text", &|| unsafe { rsess_codec_verify(codec, null(), one, slice) }),
        ("verify out", &|| unsafe { rsess_codec_verify(codec, a, one, null_mut()) }),
        ("encode codec", &|| unsafe { rsess_codec_encode(null(), a, one, 0, buf) }),
        ("encode out", &|| unsafe { rsess_codec_encode(codec, a, one, 0, no_buf) }),
        ("decode codec", &|| unsafe { rsess_codec_decode(null(), a, one, 0, false, buf) }),
        ("decode text", &|| unsafe { rsess_codec_decode(codec, null(), one, 0, false, buf) }),
        ("decode out", &|| unsafe { rsess_codec_decode(codec, a, one, 0, false, no_buf) }),
        ("encode_id codec", &|| unsafe { rsess_codec_encode_id(null(), a, one, buf) }),
        ("decode_id out", &|| unsafe { rsess_codec_decode_id(codec, a, one, no_buf) }),
        ("store_new_memory", &|| unsafe { rsess_store_new_memory(0, null_mut()) }),
        ("load store", &|| unsafe { rsess_store_load(null(), a, one, 0, buf) }),
        ("load out", &|| unsafe { rsess_store_load(store, a, one, 0, no_buf) }),
        ("save payload", &|| unsafe { rsess_store_save(store, null(), one, 1, 0) }),
        ("touch store", &|| unsafe { rsess_store_touch(null(), a, one, 1, 0) }),
        ("destroy id", &|| unsafe { rsess_store_destroy(store, null(), one) }),
        ("foreign out", &|| unsafe { rsess_store_foreign_records(store, null_mut()) }),
        ("find out", &|| unsafe { rsess_cookie_find(a, one, a, one, null_mut()) }),
        ("set_cookie config", &|| unsafe { rsess_set_cookie(null(), a, one, 1.0, buf) }),
        ("set_cookie out", &|| unsafe { rsess_set_cookie(cookie.as_ptr(), a, one, 1.0, no_buf) }),
    ];
    for (name, call) in calls {
        assert_eq!(call(), RSESS_ERR_INVALID_ARGUMENT, "{name}");
    }
}

#[test]
fn null_with_length_0_is_an_empty_text() {
    let codec = Codec::new(&[SECRET]).expect("a codec");

    // SAFETY: the codec and the place for the result are alive.
    let signed = filled(|out| unsafe { rsess_codec_sign(codec.0, null(), 0, out) });

    assert_eq!(signed, codec.sign(b""));
    assert_eq!(codec.verify(signed.expect("signed").as_bytes()), Ok(&b""[..]));
}

#[test]
fn freeing_null_objects_does_nothing() {
    // SAFETY: NULL is allowed.
    unsafe { rsess_codec_free(null_mut()) };
    // SAFETY: NULL is allowed.
    unsafe { rsess_store_free(null_mut()) };
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
