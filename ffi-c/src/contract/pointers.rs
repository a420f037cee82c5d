//! Pointers: NULL, NULL with a length of 0, misaligned ones, and results that nobody wants.

use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use super::calls::{CStore, Codec, c, filled};
use super::{PAYLOAD, SECRET};
use crate::buffer::{rsess_buf, rsess_slice};
use crate::codec::*;
use crate::cookie::*;
use crate::figures::*;
use crate::payload::*;
use crate::record::*;
use crate::status::rsess_status::{self, *};
use crate::store::*;
use crate::update::*;

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
    let ((p, n), (one_json, _)) = (c(PAYLOAD), c("1"));
    let mut figures = rsess_figures { size: size_of::<rsess_figures>(), ..Default::default() };
    let figures = &raw mut figures;
    let cookie = MaybeUninit::<rsess_cookie_config>::uninit();

    // SAFETY, for all of them: NULL is allowed everywhere, and the rest is alive. What is
    // uninitialised is not read, since the NULL next to it is refused before.
    let calls: [(&str, &dyn Fn() -> rsess_status); 46] = [
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
        ("new_file path", &|| unsafe { rsess_store_new_file(null(), one, 0, 0, place.cast()) }),
        ("new_file out", &|| unsafe { rsess_store_new_file(a, one, 0, 0, null_mut()) }),
        ("create store", &|| unsafe { rsess_store_create(null(), p, n, 1, 0) }),
        ("create payload", &|| unsafe { rsess_store_create(store, null(), n, 1, 0) }),
        ("update store", &|| unsafe { rsess_store_update(null(), p, n, p, n, 1, 0, buf) }),
        ("update base", &|| unsafe { rsess_store_update(store, null(), n, p, n, 1, 0, buf) }),
        ("update payload", &|| unsafe { rsess_store_update(store, p, n, null(), n, 1, 0, buf) }),
        ("regenerate store", &|| unsafe { rsess_store_regenerate(null(), p, n, p, n, 1, 0, buf) }),
        ("regenerate base", &|| unsafe {
            rsess_store_regenerate(store, null(), n, p, n, 1, 0, buf)
        }),
        ("regenerate payload", &|| unsafe {
            rsess_store_regenerate(store, p, n, null(), n, 1, 0, buf)
        }),
        ("figures store", &|| unsafe { rsess_store_figures(null(), figures) }),
        ("figures out", &|| unsafe { rsess_store_figures(store, null_mut()) }),
        ("forget payload", &|| unsafe { rsess_payload_forget(null(), n, a, one, buf) }),
        ("forget key", &|| unsafe { rsess_payload_forget(p, n, null(), one, buf) }),
        ("forget out", &|| unsafe { rsess_payload_forget(p, n, a, one, no_buf) }),
        ("flash value", &|| unsafe { rsess_payload_flash(p, n, a, one, null(), one, buf) }),
        ("flash out", &|| unsafe { rsess_payload_flash(p, n, a, one, one_json, one, no_buf) }),
        ("take_flash flash", &|| unsafe { rsess_payload_take_flash(p, n, no_buf, buf) }),
        ("take_flash payload", &|| unsafe { rsess_payload_take_flash(p, n, buf, no_buf) }),
        ("take_flash text", &|| unsafe { rsess_payload_take_flash(null(), n, buf, buf) }),
        ("with_id id", &|| unsafe { rsess_payload_with_id(p, n, null(), one, buf) }),
        ("with_id out", &|| unsafe { rsess_payload_with_id(p, n, a, one, no_buf) }),
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
#[expect(clippy::undocumented_unsafe_blocks, reason = "one reason for a whole table, above it")]
fn a_misaligned_object_or_place_for_a_result_is_refused() {
    let store = CStore::memory(0);
    let store = store.0.cast_const();
    let ((p, n), (a, one)) = (c(PAYLOAD), c("a"));
    let mut places = [0_u64; 32];
    let odd = (&raw mut places).cast::<u8>().wrapping_add(1);
    let (odd_buf, odd_store) = (odd.cast::<rsess_buf>(), odd.cast::<rsess_store>().cast_const());
    let mut buf = rsess_buf::EMPTY;
    let buf = &raw mut buf;

    // SAFETY, for all of them: misaligned is allowed everywhere, and the rest is alive.
    let calls: [(&str, &dyn Fn() -> rsess_status); 14] = [
        ("new_file out", &|| unsafe { rsess_store_new_file(a, one, 0, 0, odd.cast()) }),
        ("create store", &|| unsafe { rsess_store_create(odd_store, p, n, 1, 0) }),
        ("update store", &|| unsafe { rsess_store_update(odd_store, p, n, p, n, 1, 0, buf) }),
        ("update out", &|| unsafe { rsess_store_update(store, p, n, p, n, 1, 0, odd_buf) }),
        ("regenerate store", &|| unsafe {
            rsess_store_regenerate(odd_store, p, n, p, n, 1, 0, buf)
        }),
        ("regenerate out", &|| unsafe { rsess_store_regenerate(store, p, n, p, n, 1, 0, odd_buf) }),
        ("figures store", &|| unsafe {
            rsess_store_figures(odd_store, odd.wrapping_add(7).cast())
        }),
        ("figures out", &|| unsafe { rsess_store_figures(store, odd.cast()) }),
        ("forget out", &|| unsafe { rsess_payload_forget(p, n, a, one, odd_buf) }),
        ("flash out", &|| unsafe { rsess_payload_flash(p, n, a, one, p, n, odd_buf) }),
        ("take_flash flash", &|| unsafe { rsess_payload_take_flash(p, n, odd_buf, buf) }),
        ("take_flash payload", &|| unsafe { rsess_payload_take_flash(p, n, buf, odd_buf) }),
        ("with_id out", &|| unsafe { rsess_payload_with_id(p, n, a, one, odd_buf) }),
        ("load store", &|| unsafe { rsess_store_load(odd_store, a, one, 0, buf) }),
    ];
    for (name, call) in calls {
        assert_eq!(call(), RSESS_ERR_INVALID_ARGUMENT, "{name}");
    }
    assert_eq!(places, [0; 32]);
}

#[test]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one reason for a whole table, above it")]
fn text_that_is_not_utf8_is_refused_by_every_function_that_stores() {
    let store = CStore::memory(0);
    let store = store.0.cast_const();
    let ((p, n), (a, one), (bad, bad_len)) = (c(PAYLOAD), c("a"), c(b"caf\xe9"));
    let mut buf = rsess_buf::EMPTY;
    let buf = &raw mut buf;
    let mut place = null_mut();
    let place = &raw mut place;

    // SAFETY, for all of them: everything is alive.
    let calls: [(&str, &dyn Fn() -> rsess_status); 12] = [
        ("new_file", &|| unsafe { rsess_store_new_file(bad, bad_len, 0, 0, place) }),
        ("create", &|| unsafe { rsess_store_create(store, bad, bad_len, 1, 0) }),
        ("update base", &|| unsafe { rsess_store_update(store, bad, bad_len, p, n, 1, 0, buf) }),
        ("update", &|| unsafe { rsess_store_update(store, p, n, bad, bad_len, 1, 0, buf) }),
        ("regenerate base", &|| unsafe {
            rsess_store_regenerate(store, bad, bad_len, p, n, 1, 0, buf)
        }),
        ("regenerate", &|| unsafe { rsess_store_regenerate(store, p, n, bad, bad_len, 1, 0, buf) }),
        ("forget", &|| unsafe { rsess_payload_forget(bad, bad_len, a, one, buf) }),
        ("forget key", &|| unsafe { rsess_payload_forget(p, n, bad, bad_len, buf) }),
        ("flash key", &|| unsafe { rsess_payload_flash(p, n, bad, bad_len, p, n, buf) }),
        ("flash value", &|| unsafe { rsess_payload_flash(p, n, a, one, bad, bad_len, buf) }),
        ("with_id", &|| unsafe { rsess_payload_with_id(p, n, bad, bad_len, buf) }),
        ("with_id text", &|| unsafe { rsess_payload_with_id(bad, bad_len, a, one, buf) }),
    ];
    for (name, call) in calls {
        assert_eq!(call(), RSESS_ERR_INVALID_ARGUMENT, "{name}");
    }
}

#[test]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one reason for a whole table, above it")]
fn null_with_length_0_for_a_payload_is_none_and_for_a_key_is_the_empty_key() {
    let store = CStore::memory(0);
    let store = store.0.cast_const();
    let ((p, n), (a, one), no) = (c(PAYLOAD), c("a"), null());
    let mut buf = rsess_buf::EMPTY;
    let buf = &raw mut buf;
    let mut place = null_mut();
    let place = &raw mut place;

    // SAFETY, for all of them: NULL with a length of 0 is allowed, and the rest is alive.
    let calls: [(rsess_status, &dyn Fn() -> rsess_status); 10] = [
        (RSESS_ERR_INVALID_ARGUMENT, &|| unsafe { rsess_store_new_file(no, 0, 0, 0, place) }),
        (RSESS_ERR_NOT_A_PAYLOAD, &|| unsafe { rsess_store_create(store, no, 0, 1, 0) }),
        (RSESS_ERR_NOT_A_PAYLOAD, &|| unsafe { rsess_store_update(store, no, 0, p, n, 1, 0, buf) }),
        (RSESS_ERR_NOT_A_PAYLOAD, &|| unsafe { rsess_store_update(store, p, n, no, 0, 1, 0, buf) }),
        (RSESS_ERR_NOT_A_PAYLOAD, &|| unsafe {
            rsess_store_regenerate(store, no, 0, p, n, 1, 0, buf)
        }),
        (RSESS_ERR_NOT_A_PAYLOAD, &|| unsafe {
            rsess_store_regenerate(store, p, n, no, 0, 1, 0, buf)
        }),
        (RSESS_ERR_NOT_A_PAYLOAD, &|| unsafe { rsess_payload_forget(no, 0, a, one, buf) }),
        (RSESS_ERR_NOT_JSON, &|| unsafe { rsess_payload_flash(p, n, a, one, no, 0, buf) }),
        (RSESS_ERR_NOT_A_PAYLOAD, &|| unsafe { rsess_payload_take_flash(no, 0, buf, buf) }),
        (RSESS_ERR_INVALID_ID, &|| unsafe { rsess_payload_with_id(p, n, no, 0, buf) }),
    ];
    for (at, (refusal, call)) in calls.into_iter().enumerate() {
        assert_eq!(call(), refusal, "call {at}");
    }
    let flashed = filled(|out| unsafe { rsess_payload_flash(p, n, no, 0, c("1").0, 1, out) });
    let flashed = flashed.expect("an empty key is a key");
    assert!(flashed.ends_with(r#""flash_next":{"":1}}"#), "{flashed}");
    let forgot = filled(|out| unsafe { rsess_payload_forget(p, n, no, 0, out) });
    assert_eq!(forgot.as_deref(), Ok(PAYLOAD));
}

#[test]
fn a_result_that_nobody_wants_may_be_null() {
    let store = CStore::memory(0);
    let changed = r#"{"id":"a","data":{"m":1},"flash_next":{}}"#;
    let renamed = r#"{"id":"b","data":{},"flash_next":{}}"#;
    let ((p, n), (changed, changed_len), (renamed, renamed_len)) =
        (c(PAYLOAD), c(changed), c(renamed));
    assert_eq!(store.create(r#"{"id":"a","data":{"other":1},"flash_next":{}}"#, 1, 0), RSESS_OK);

    // SAFETY: store and payloads are alive, and NULL is allowed.
    let merged =
        unsafe { rsess_store_update(store.0, p, n, changed, changed_len, 1, 0, null_mut()) };
    // SAFETY: as above.
    let stored =
        unsafe { rsess_store_regenerate(store.0, p, n, renamed, renamed_len, 1, 0, null_mut()) };

    assert_eq!((merged, stored), (RSESS_MERGED, RSESS_OK));
    assert!(store.load(b"b", 0).expect("alive").contains("other"));
}

#[test]
fn a_caller_who_knows_only_the_first_figures_gets_these() {
    let store = CStore::memory(0);
    assert_eq!(store.create(PAYLOAD, 1, 0), RSESS_OK);
    let call = |size| {
        let mut figures = rsess_figures { size, merges: 77, ..Default::default() };
        // SAFETY: store and figures are alive, and no more is written than there is.
        (unsafe { rsess_store_figures(store.0, &raw mut figures) }, figures.create.calls)
    };
    let first_version = size_of::<usize>() + 7 * 16 + 5 * 8;

    assert_eq!(call(first_version), (RSESS_OK, 1));
    // A program that is newer than the library: what follows is its own.
    assert_eq!(call(first_version + 8), (RSESS_OK, 1));
    for size in [0, 8, first_version - 8, first_version + 1] {
        assert_eq!(call(size), (RSESS_ERR_INVALID_ARGUMENT, 0));
    }
}
