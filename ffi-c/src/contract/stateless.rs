//! Payloads, cookie headers and secrets: functions that take text and give text.

use std::ptr::null;

use super::calls::{c, filled};
use crate::buffer::rsess_slice;
use crate::cookie::*;
use crate::payload::*;
use crate::status::rsess_status::{self, *};

#[test]
fn a_value_that_is_put_into_a_payload_is_got_out_verbatim() {
    let ((id, id_len), (key, key_len), (value, value_len)) = (c("a"), c("n\u{e9}"), c(" [1e400] "));

    // SAFETY: all texts and the place for the result are alive.
    let fresh = filled(|out| unsafe { rsess_payload_new(id, id_len, out) }).expect("a payload");
    let (text, len) = c(&fresh);
    let put = filled(|out| {
        // SAFETY: all texts and the place for the result are alive.
        unsafe { rsess_payload_put(text, len, key, key_len, value, value_len, out) }
    });
    let put = put.expect("a payload");
    let (text, len) = c(&put);
    // SAFETY: all texts and the place for the result are alive.
    let got = filled(|out| unsafe { rsess_payload_get(text, len, key, key_len, out) });
    // SAFETY: all texts and the place for the result are alive.
    let absent = filled(|out| unsafe { rsess_payload_get(text, len, id, id_len, out) });

    assert_eq!(fresh, r#"{"id":"a","data":{},"flash_next":{}}"#);
    assert_eq!(put, "{\"id\":\"a\",\"data\":{\"n\u{e9}\":[1e400]},\"flash_next\":{}}");
    assert_eq!(got.as_deref(), Ok("[1e400]"));
    assert_eq!(absent, Err(RSESS_NOT_FOUND));
}

#[test]
fn text_that_is_no_json_never_gets_into_a_payload() {
    let ((payload, len), (key, key_len)) = (c(r#"{"id":"a"}"#), c("k"));

    for value in ["", "{", "1 2", "alice", "1},\"x\":{"] {
        let (value, value_len) = c(value);
        let put = filled(|out| {
            // SAFETY: all texts and the place for the result are alive.
            unsafe { rsess_payload_put(payload, len, key, key_len, value, value_len, out) }
        });
        let flashed = filled(|out| {
            // SAFETY: all texts and the place for the result are alive.
            unsafe { rsess_payload_flash(payload, len, key, key_len, value, value_len, out) }
        });
        assert_eq!(put, Err(RSESS_ERR_NOT_JSON));
        assert_eq!(flashed, Err(RSESS_ERR_NOT_JSON));
    }
}

#[test]
fn a_key_that_is_forgotten_is_gone_and_the_rest_stays_verbatim() {
    let (payload, len) = c(r#"{"id":"a","data":{"k":1, "n" : 1e400},"flash_next":{"k":2}}"#);
    let ((key, key_len), (absent, absent_len)) = (c("k"), c("x"));

    // SAFETY: all texts and the place for the result are alive.
    let forgot = filled(|out| unsafe { rsess_payload_forget(payload, len, key, key_len, out) });
    let forgot = forgot.expect("a payload");
    let (text, len) = c(&forgot);
    // SAFETY: all texts and the place for the result are alive.
    let same = filled(|out| unsafe { rsess_payload_forget(text, len, absent, absent_len, out) });

    assert_eq!(forgot, r#"{"id":"a","data":{"n":1e400},"flash_next":{"k":2}}"#);
    assert_eq!(same.as_ref(), Ok(&forgot));
}

#[test]
fn a_value_that_is_flashed_is_taken_out_once_verbatim() {
    let ((payload, len), (key, key_len)) = (c(r#"{"id":"a","data":{"d":1}}"#), c("k"));
    let (value, value_len) = c(" 1e400 ");

    let flashed = filled(|out| {
        // SAFETY: all texts and the place for the result are alive.
        unsafe { rsess_payload_flash(payload, len, key, key_len, value, value_len, out) }
    });
    let flashed = flashed.expect("a payload");
    let take = |payload: &str| {
        let (text, len) = c(payload);
        let mut flash = Err(RSESS_NOT_FOUND);
        let rest = filled(|rest_out| {
            let mut status = RSESS_NOT_FOUND;
            flash = filled(|flash_out| {
                // SAFETY: the text and both places for results are alive.
                status = unsafe { rsess_payload_take_flash(text, len, flash_out, rest_out) };
                status
            });
            status
        });
        (flash, rest)
    };
    let (flash, rest) = take(&flashed);
    let rest = rest.expect("a payload");

    assert_eq!(flashed, r#"{"id":"a","data":{"d":1},"flash_next":{"k":1e400}}"#);
    assert_eq!(flash.as_deref(), Ok(r#"{"k":1e400}"#));
    assert_eq!(rest, r#"{"id":"a","data":{"d":1},"flash_next":{}}"#);
    assert_eq!(take(&rest), (Ok("{}".to_owned()), Ok(rest)));
    assert_eq!(take("[]"), (Err(RSESS_ERR_NOT_A_PAYLOAD), Err(RSESS_ERR_NOT_A_PAYLOAD)));
}

#[test]
fn a_payload_takes_another_id_that_can_name_a_record_and_no_other() {
    let (payload, len) = c(r#"{"id":"a","data":{"d":1},"flash_next":{"k":2}}"#);
    let with_id = |id: &str| {
        let (id, id_len) = c(id);
        // SAFETY: all texts and the place for the result are alive.
        filled(|out| unsafe { rsess_payload_with_id(payload, len, id, id_len, out) })
    };

    let renamed = with_id("b");

    assert_eq!(renamed.as_deref(), Ok(r#"{"id":"b","data":{"d":1},"flash_next":{"k":2}}"#));
    assert_eq!(with_id("../b"), Err(RSESS_ERR_INVALID_ID));
    assert_eq!(with_id(""), Err(RSESS_ERR_INVALID_ID));
}

#[test]
fn random_ids_are_uuids_and_differ() {
    // SAFETY: the place for the result is alive.
    let random = || filled(|out| unsafe { rsess_session_id_random(out) }).expect("an id");

    let (a, b) = (random(), random());

    assert_ne!(a, b);
    assert_eq!((a.len(), &a[14..15]), (36, "4"));
}

#[test]
fn a_cookie_is_found_inside_the_header_even_among_bytes_that_are_no_text() {
    let ((header, len), (name, name_len)) = (c(b"x=\xff; sid = v.w ; sid=2"), c("sid"));
    let mut found = rsess_slice { ptr: null(), len: 0 };

    // SAFETY: header, name and the place for the result are alive.
    let status = unsafe { rsess_cookie_find(header, len, name, name_len, &raw mut found) };
    // SAFETY: header, name and the place for the result are alive.
    let other = unsafe { rsess_cookie_find(header, len, name, 2, &raw mut found) };

    assert_eq!((status, other), (RSESS_OK, RSESS_NOT_FOUND));
    assert_eq!((found.ptr, found.len), (header.wrapping_add(11), 3));
}

fn set_cookie(
    name: &str,
    path: &str,
    same_site: i32,
    secure: bool,
    lifetime_minutes: f64,
    value: &str,
) -> Result<String, rsess_status> {
    let config = rsess_cookie_config {
        name: name.as_bytes().into(),
        path: path.as_bytes().into(),
        same_site,
        secure,
        http_only: true,
    };
    let (value, len) = c(value);
    // SAFETY: configuration, value and the place for the result are alive.
    filled(|out| unsafe { rsess_set_cookie(&raw const config, value, len, lifetime_minutes, out) })
}

#[test]
fn a_set_cookie_header_says_what_the_configuration_says() {
    let lax = set_cookie("sid", "/", 0, false, 0.5, "v");
    let none = set_cookie("sid", "/app", 1, false, 120.0, "v");

    assert_eq!(lax.as_deref(), Ok("sid=v; Path=/; Max-Age=30; SameSite=lax; HttpOnly"));
    let expected = "sid=v; Path=/app; Max-Age=7200; SameSite=none; HttpOnly; Secure";
    assert_eq!(none.as_deref(), Ok(expected));
}

#[test]
fn a_setting_of_a_cookie_that_is_wrong_is_named() {
    let refused = |name, path, same_site, minutes| {
        set_cookie(name, path, same_site, false, minutes, "v").expect_err("refused")
    };

    assert_eq!(refused("", "/", 0, 1.0), RSESS_ERR_CONFIG_COOKIE_NAME);
    assert_eq!(refused("a;b", "/", 0, 1.0), RSESS_ERR_CONFIG_COOKIE_NAME);
    assert_eq!(refused("a", "/\n", 0, 1.0), RSESS_ERR_CONFIG_COOKIE_PATH);
    assert_eq!(refused("__Host-a", "/", 0, 1.0), RSESS_ERR_CONFIG_COOKIE_PREFIX);
    assert_eq!(refused("a", "/", 3, 1.0), RSESS_ERR_CONFIG_COOKIE_SAME_SITE);
    for minutes in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
        assert_eq!(refused("a", "/", 0, minutes), RSESS_ERR_CONFIG_LIFETIME);
    }
}

#[test]
fn a_cookie_value_cannot_bring_attributes_or_headers_of_its_own() {
    for value in ["v; Domain=evil", "v\r\nSet-Cookie: a=b", "v\0"] {
        let refused = set_cookie("sid", "/", 0, false, 1.0, value);
        assert_eq!(refused, Err(RSESS_ERR_INVALID_ARGUMENT));
    }
}

#[test]
fn the_secret_is_the_configured_one_or_that_of_the_application_or_the_placeholder() {
    let resolve = |configured: Option<&str>, app_key: Option<&str>| {
        let (configured, configured_len) = configured.map_or((null(), 0), c);
        let (app_key, app_key_len) = app_key.map_or((null(), 0), c);
        filled(|out| {
            // SAFETY: both texts are NULL or alive, and so is the place for the result.
            unsafe { rsess_secret_resolve(configured, configured_len, app_key, app_key_len, out) }
        })
    };

    assert_eq!(resolve(Some(" x "), Some("y")).as_deref(), Ok("x"));
    assert_eq!(resolve(None, Some("base64:eA==")).as_deref(), Ok("eA=="));
    assert_eq!(resolve(None, None).as_deref(), Ok("change-me-in-production"));
}
