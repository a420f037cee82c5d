//! Limits of a session: what is over one is not saved, and can be read and ended all the same.

use super::SECRET;
use super::engines::{CEngine, CSession, configured, explained};
use crate::commit::rsess_session_commit;
use crate::status::rsess_status::{self, *};

fn engine(limits: &[(&str, &str)], path: &str) -> CEngine {
    let common = [
        ("secret", SECRET),
        ("driver", "file"),
        ("file.path", path),
        ("file.durability", "eventual"),
        ("cookie.name", "sid"),
    ];
    CEngine::new(&[&common, limits].concat()).expect("an engine")
}

/// What a commit that is refused is told.
fn refusal(session: &CSession) -> (rsess_status, String) {
    let mut header = crate::buffer::rsess_buf::EMPTY;
    // SAFETY: session and the places for the results are alive.
    let told = explained(|out| unsafe { rsess_session_commit(session.0, 0, &raw mut header, out) });
    (told.status, told.message)
}

fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

#[test]
fn a_session_over_a_limit_is_not_saved_and_the_error_names_count_and_limit() {
    let folder = super::files::Folder::new();
    let small = [("limits.maxKeys", "2"), ("limits.maxDepth", "3"), ("limits.maxBytes", "200")];
    let engine = engine(&small, &folder.path("limits.redb"));
    let session = engine.load("", 0).expect("a session");
    session.put("a", "1");
    session.put("deep", &nested(3));
    let cookie = session.cookie(0);

    session.put("b", "2");
    let many = refusal(&session);
    session.forget("b");
    session.put("deep", &nested(4));
    let deep = refusal(&session);
    session.put("deep", &format!("{:?}", "x".repeat(200)));
    let long = refusal(&session);

    let told = "session has 3 keys, more than the 2 that it may have";
    assert_eq!(many, (RSESS_ERR_TOO_LARGE, told.to_owned()));
    let told = "value has 4 levels of arrays and objects, more than the 3 it may have";
    assert_eq!(deep, (RSESS_ERR_TOO_LARGE, told.to_owned()));
    assert_eq!(long.0, RSESS_ERR_TOO_LARGE);
    assert!(long.1.ends_with("bytes, more than the 200 that it may have"), "{}", long.1);
    let stored = engine.load(&cookie, 0).expect("a session").data();
    assert_eq!(stored, r#"{"a":1,"deep":[[[]]]}"#);
}

#[test]
fn a_limit_that_is_new_locks_nobody_out() {
    let folder = super::files::Folder::new();
    let path = folder.path("lowered.redb");
    let before = engine(&[], &path);
    let session = before.load("", 0).expect("a session");
    for key in ["a", "b", "c"] {
        session.put(key, &nested(3));
    }
    let cookie = session.cookie(0);
    drop((session, before));

    let after = engine(&[("limits.maxKeys", "1"), ("limits.maxDepth", "1")], &path);
    let session = after.load(&cookie, 0).expect("a session");
    assert_eq!(session.is(), (false, false, RSESS_OK), "it is read");
    session.put("a", "2");
    assert_eq!(session.commit(0).0, RSESS_OK, "it is saved, no larger than it was");
    session.put("d", "3");
    assert_eq!(session.commit(0).0, RSESS_ERR_TOO_LARGE);
    session.destroy();
    assert_eq!(session.commit(0).0, RSESS_OK, "it is ended");
    assert_eq!(after.load(&cookie, 0).expect("a session").is().2, RSESS_NOT_FOUND);
}

#[test]
fn a_value_without_measure_is_refused_when_it_is_put_and_overflows_no_stack() {
    let engine = CEngine::memory();
    let session = engine.load("", 0).expect("a session");

    assert_eq!(session.put("deep", &nested(10_000)), RSESS_OK);
    assert_eq!(session.put("deep", &nested(10_001)), RSESS_ERR_TOO_LARGE);
    assert_eq!(session.put("deep", &nested(1_000_000)), RSESS_ERR_TOO_LARGE);
    assert_eq!(session.flash("deep", &nested(10_001)), RSESS_ERR_TOO_LARGE);

    assert_eq!(session.data(), format!(r#"{{"deep":{}}}"#, nested(10_000)));
    assert_eq!(session.commit(0).0, RSESS_OK);
}

#[test]
fn a_limit_is_a_whole_number_above_0() {
    for key in ["limits.maxBytes", "limits.maxDepth", "limits.maxKeys"] {
        for value in ["0", "-1", "1.5", "many", ""] {
            let told = configured(&[(key, value)]).expect_err("refused");
            assert_eq!(told.status, RSESS_ERR_CONFIG_VALUE, "{key} {value}");
            assert_eq!(told.message, format!("{key}: must be a whole number above 0"));
        }
    }
}
