//! Engines of format v2: the vectors of `tests/vectors/v2.json`, the way from v1, and rotation.

use serde_json::Value;

use super::SECRET;
use super::engines::{CEngine, CSession, configured};
use crate::status::rsess_status::{self, *};

const VECTORS: &str = include_str!("../../../tests/vectors/v2.json");

/// What the settings leave at its default.
const LIFETIME_MS: u64 = 120 * 60 * 1000;

#[test]
fn signed_payloads_of_the_vectors_are_read_and_made() {
    for case in cases("signed") {
        let engine = engine(&case, &[]);
        let (session, at) = loaded(&engine, &case);
        assert_eq!(payload_of(&session), text(&case, "payload"));

        session.put("more", "1");
        session.forget("more");
        let cookie = session.cookie(at - LIFETIME_MS);

        assert_eq!(
            cookie.split_once('='),
            Some((text(&case, "cookie_name"), text(&case, "value")))
        );
    }
}

#[test]
fn sealed_payloads_of_the_vectors_are_read_and_what_is_made_is_read_again() {
    for case in cases("sealed") {
        let engine = engine(&case, &[("encrypt", "true"), ("padTo", "32")]);
        let (session, at) = loaded(&engine, &case);
        assert_eq!(payload_of(&session), text(&case, "payload"));

        session.put("x", "1");
        let again = engine.load(&session.cookie(at), at).expect("a session");

        assert_eq!((again.data(), again.is()), (session.data(), (false, false, RSESS_OK)));
        assert_eq!(again.id(), session.id());
    }
}

#[test]
fn ids_of_the_vectors_are_taken_for_ids() {
    for case in cases("ids") {
        let engine = engine(&case, &[("driver", "memory")]);

        assert_eq!(refusal(&engine, &case, text(&case, "value"), 0), RSESS_NOT_FOUND);
        assert_eq!(refusal(&engine, &case, text(&case, "value"), 1), RSESS_ERR_EXPIRED);
        let other = text(&case, "value").replacen("v2i.", "v2p.", 1);
        assert_eq!(refusal(&engine, &case, &other, 0), RSESS_ERR_OTHER_FORMAT);
    }
}

#[test]
fn what_the_vectors_say_is_refused_is_refused() {
    let first = &cases("signed")[0];
    let engine = engine(first, &[]);
    for case in cases("refused") {
        let name = text(first, "cookie_name");
        let header = format!("{name}={}", text(&case, "value"));

        let session = engine.load(&header, 1_700_000_000_000).expect("a session");

        // An empty value and one with a space are other cookies by the time they are decoded.
        let is_other = ["nothing", "white space"].contains(&text(&case, "why"));
        let (is_fresh, _, status) = session.is();
        assert!(is_other || (is_fresh && status != RSESS_OK), "{}", text(&case, "why"));
    }
}

#[test]
fn changing_any_one_byte_of_a_vector_refuses_it() {
    for (section, settings) in
        [("signed", &[][..]), ("sealed", &[("encrypt", "true")]), ("ids", &[("driver", "memory")])]
    {
        let case = &cases(section)[0];
        let engine = engine(case, settings);
        for at in 0..text(case, "value").len() {
            let mut changed = text(case, "value").as_bytes().to_vec();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).expect("ASCII");

            let status = refusal(&engine, case, &changed, 0);
            let refused = [RSESS_ERR_BAD_SIGNATURE, RSESS_ERR_OTHER_FORMAT];
            assert!(refused.contains(&status), "{section} {at}: {status:?}");
        }
    }
}

#[test]
fn a_session_of_v1_moves_to_v2_until_the_date_and_is_refused_after_it() {
    for driver in ["cookie", "memory"] {
        let common = [("secret", SECRET), ("cookie.name", "sid"), ("driver", driver)];
        let moving = [("format", "v2"), ("acceptV1Until", "5000")];
        let v1 = CEngine::new(&common).expect("an engine");
        let first = v1.load("", 0).expect("a session");
        first.put("user", "1");
        let old_cookie = first.cookie(0);

        // In a store of its own the record would not be there: so both are one file.
        let v2 = CEngine::new(&[&common[..], &moving].concat()).expect("an engine");
        let session = v2.load(&old_cookie, 5000).expect("a session");
        let late = v2.load(&old_cookie, 5001).expect("a session");

        assert_eq!(late.is(), (true, false, RSESS_ERR_OTHER_FORMAT), "{driver}");
        if driver == "cookie" {
            assert_eq!(session.is(), (false, true, RSESS_OK), "saved though nothing changes");
            let cookie = session.cookie(5000);
            assert!(cookie.starts_with("sid=v2p."));
            assert_eq!(v2.load(&cookie, 5001).expect("a session").data(), r#"{"user":1}"#);
        } else {
            assert_eq!(session.is(), (true, false, RSESS_NOT_FOUND), "asked for in the store");
        }
    }
}

#[test]
fn a_stored_session_of_v1_gets_a_new_id_and_the_old_cookie_is_worth_nothing() {
    let folder = super::files::Folder::new();
    let path = folder.path("moving.redb");
    let common = [("secret", SECRET), ("cookie.name", "sid"), ("driver", "file")];
    let file = [("file.path", path.as_str())];
    let moving = [("format", "v2"), ("acceptV1Until", "5000")];
    let open = |more: &[(&str, &str)]| {
        CEngine::new(&[&common[..], &file, more].concat()).expect("an engine")
    };
    let (old_cookie, old_id) = {
        let first = open(&[]).load("", 0).expect("a session");
        first.put("user", "1");
        (first.cookie(0), first.id())
    };

    let v2 = open(&moving);
    let session = v2.load(&old_cookie, 0).expect("a session");
    assert_eq!((session.is(), session.data().as_str()), ((false, true, RSESS_OK), r#"{"user":1}"#));
    let cookie = session.cookie(0);

    assert!(cookie.starts_with("sid=v2i."));
    assert_eq!((session.id().len(), old_id.len()), (43, 36));
    let again = v2.load(&cookie, 0).expect("a session");
    assert_eq!((again.id(), again.data().as_str()), (session.id(), r#"{"user":1}"#));
    assert_eq!(v2.load(&old_cookie, 0).expect("a session").is().2, RSESS_NOT_FOUND);
    drop((again, session, v2));
    let bytes = std::fs::read(&path).expect("a file");
    let id = cookie_id(&cookie);
    assert!(!bytes.windows(id.len()).any(|it| it == id.as_bytes()), "the id is in the file");
}

/// The id in the cookie of a session, as the vectors lay it out: the first 32 bytes.
fn cookie_id(cookie: &str) -> String {
    let text = cookie.split_once("v2i.").expect("a value").1;
    // 32 bytes are 42 characters and four bits of the next one.
    text[..42].to_owned()
}

#[test]
fn what_a_retired_secret_made_is_sent_anew_and_refused_after_its_end() {
    const NEW: &str = "fedcba9876543210fedcba9876543210";
    for (driver, saved) in [("cookie", true), ("file", false)] {
        let folder = super::files::Folder::new();
        let path = folder.path("rotated.redb");
        let common = [
            ("format", "v2"),
            ("cookie.name", "sid"),
            ("driver", driver),
            ("file.path", path.as_str()),
        ];
        let with = |secrets: &[(&str, &str)]| {
            CEngine::new(&[secrets, &common[..]].concat()).expect("an engine")
        };
        let old_cookie = {
            let session = with(&[("secret", SECRET)]).load("", 0).expect("a session");
            session.put("user", "1");
            session.cookie(0)
        };

        let rotated = with(&[("secret", NEW), ("secret", SECRET), ("secretUntil", "1000")]);
        let session = rotated.load(&old_cookie, 1000).expect("a session");
        assert_eq!(session.is(), (false, saved, RSESS_OK), "{driver}");
        let cookie = session.cookie(1000);
        drop(session);

        let late = rotated.load(&old_cookie, 1001).expect("a session");
        assert_eq!(late.is().2, RSESS_ERR_BAD_SIGNATURE, "{driver}");
        let again = rotated.load(&cookie, 1001).expect("a session");
        assert_eq!(
            (again.is(), again.data().as_str()),
            ((false, false, RSESS_OK), r#"{"user":1}"#)
        );
    }
}

#[test]
fn settings_of_v2_that_go_with_nothing_are_refused_by_name() {
    let refused = |more: &[(&str, &str)]| {
        let settings = [&[("secret", SECRET)][..], more].concat();
        let told = match configured(&settings) {
            Err(told) => told,
            Ok(_) => CEngine::new(&settings).err().expect("refused"),
        };
        assert!(!told.message.contains(SECRET));
        (told.status, told.message)
    };
    let said = |text: &str| (RSESS_ERR_CONFIG_VALUE, text.to_owned());

    assert_eq!(refused(&[("format", "v3")]), said("format: must be v1 or v2"));
    assert_eq!(refused(&[("encrypt", "true")]), said("encrypt: needs the format v2"));
    assert_eq!(refused(&[("padTo", "16")]), said("padTo: needs the format v2"));
    assert_eq!(refused(&[("acceptV1Until", "1")]), said("acceptV1Until: needs the format v2"));
    let v2 = ("format", "v2");
    assert_eq!(
        refused(&[v2, ("padTo", "16")]),
        said("padTo: needs encrypt: what is signed shows its length")
    );
    assert_eq!(
        refused(&[v2, ("encrypt", "true"), ("driver", "memory")]),
        said("encrypt: needs the driver cookie: no other sends data")
    );
    assert_eq!(
        refused(&[v2, ("acceptV1Until", "tomorrow")]),
        said("acceptV1Until: must be milliseconds since the Unix epoch")
    );
    let (status, message) = refused(&[v2, ("encrypt", "true"), ("padTo", "0")]);
    assert_eq!(status, RSESS_ERR_CONFIG);
    assert_eq!(message, "padTo: padding must be to a multiple of 1 to 4096 bytes");
}

fn engine(case: &Value, more: &[(&str, &str)]) -> CEngine {
    let settings = [
        ("secret", text(case, "secret")),
        ("cookie.name", text(case, "cookie_name")),
        ("format", "v2"),
    ];
    CEngine::new(&[&settings[..], more].concat()).expect("an engine")
}

/// The session of a vector at the last instant at which it is good.
fn loaded(engine: &CEngine, case: &Value) -> (CSession, u64) {
    let header = format!("{}={}", text(case, "cookie_name"), text(case, "value"));
    let at = case["expires_at"].as_u64().expect("a number");
    let session = engine.load(&header, at).expect("a session");
    assert_eq!(session.is(), (false, false, RSESS_OK));
    (session, at)
}

fn refusal(engine: &CEngine, case: &Value, value: &str, late_ms: u64) -> rsess_status {
    let header = format!("{}={value}", text(case, "cookie_name"));
    let at = case["expires_at"].as_u64().expect("a number") + late_ms;
    let (is_fresh, _, status) = engine.load(&header, at).expect("a session").is();
    assert!(is_fresh);
    status
}

fn payload_of(session: &CSession) -> String {
    let (id, data) = (session.id(), session.data());
    format!(r#"{{"id":"{id}","data":{data},"flash_next":{{}}}}"#)
}

fn cases(section: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).expect("JSON");
    let mut cases = vectors[section].as_array().expect("a list").clone();
    // Longer ones than a browser keeps are not made.
    cases.retain(|case| case["payload"].as_str().is_none_or(|it| it.len() < 2500));
    assert!(!cases.is_empty());
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().expect("a text")
}
