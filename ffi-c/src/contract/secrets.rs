//! Secrets from files and variables, their reloading, and their ends, in both formats.

use std::fs;
use std::ptr::{null, null_mut};

use super::SECRET;
use super::engines::{CEngine, configured};
use super::files::Folder;
use crate::engine::*;
use crate::status::rsess_status::*;

const NEW: &str = "another secret, which is also long enough";

/// What cargo sets for a test, and nobody writes to.
const VARIABLE: &str = "CARGO_PKG_NAME";

#[test]
fn a_file_is_read_anew_on_request_and_never_by_itself() {
    for (format, driver) in [("v1", "cookie"), ("v1", "memory"), ("v2", "cookie"), ("v2", "memory")]
    {
        let name = format!("{format} {driver}");
        let folder = Folder::new();
        let path = folder.path("secrets \u{e9}");
        fs::write(&path, format!("{SECRET}\r\n")).expect("it is writable");
        let settings = [("secretFile", path.as_str()), ("format", format), ("driver", driver)];
        let engine = CEngine::new(&settings).expect("an engine");
        let session = engine.load("", 0).expect("a session");
        session.put("user", "1");
        let old = session.cookie(0);
        let reads = |cookie: &str| engine.load(cookie, 0).expect("a session").data();

        fs::write(&path, format!("{NEW}\n{SECRET}\n")).expect("it is writable");
        let session = engine.load(&old, 0).expect("a session");
        assert_eq!(session.is(), (false, false, RSESS_OK), "{name}");
        assert_eq!(engine.reload().status, RSESS_OK);
        assert_eq!(reads(&old), r#"{"user":1}"#, "{name}");
        // A session from before goes on, and is signed with the new one.
        session.put("user", "2");
        let new = session.cookie(0);

        fs::write(&path, NEW).expect("it is writable");
        assert_eq!(engine.reload().status, RSESS_OK);
        let refused = engine.load(&old, 0).expect("a session").is();
        assert_eq!((refused.0, refused.2), (true, RSESS_ERR_BAD_SIGNATURE), "{name}");
        assert_eq!(reads(&new), r#"{"user":2}"#, "{name}");
    }
}

#[test]
fn a_reload_that_fails_says_why_and_leaves_the_keys_as_they_were() {
    let folder = Folder::new();
    let path = folder.path("secrets");
    fs::write(&path, SECRET).expect("it is writable");
    let engine = CEngine::new(&[("secretFile", &path)]).expect("an engine");
    let session = engine.load("", 0).expect("a session");
    session.put("user", "1");
    let cookie = session.cookie(0);
    let placeholder = format!("{SECRET}\nchange-me-in-production");

    for (text, status, message) in [
        (Some(" \n"), RSESS_ERR_CONFIG_SECRET_UNREADABLE, "secret: there is no secret in it"),
        (
            Some(placeholder.as_str()),
            RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER,
            "secret: secret is the public placeholder; set one of your own",
        ),
        (
            None,
            RSESS_ERR_CONFIG_SECRET_UNREADABLE,
            "secret: file of secrets cannot be read: entity not found",
        ),
    ] {
        match text {
            Some(text) => fs::write(&path, text),
            None => fs::remove_file(&path),
        }
        .expect("it is ours");

        let told = engine.reload();

        assert_eq!((told.status, told.message.as_str()), (status, message));
        assert_eq!(engine.load(&cookie, 0).expect("a session").data(), r#"{"user":1}"#);
    }
    // Nor is an engine made of such.
    let refused = CEngine::new(&[("secretFile", &path)]).err().expect("refused");
    assert_eq!(refused.status, RSESS_ERR_CONFIG_SECRET_UNREADABLE);
}

#[test]
fn a_variable_is_a_secret_and_may_stand_beside_others() {
    let by_name = CEngine::new(&[("secretEnv", VARIABLE)]).expect("an engine");
    let session = by_name.load("", 0).expect("a session");
    session.put("user", "1");
    let cookie = session.cookie(0);

    for settings in [
        [("secret", env!("CARGO_PKG_NAME")), ("lifetime", "120")],
        [("secret", SECRET), ("secretEnv", VARIABLE)],
        [("secretEnv", VARIABLE), ("secret", SECRET)],
    ] {
        let engine = CEngine::new(&settings).expect("an engine");
        assert_eq!(engine.reload().status, RSESS_OK);
        assert_eq!(engine.load(&cookie, 0).expect("a session").data(), r#"{"user":1}"#);
    }
    let absent = CEngine::new(&[("secretEnv", "NOBODY_HAS_SET_THIS")]).err().expect("refused");
    assert_eq!(absent.status, RSESS_ERR_CONFIG_SECRET_UNREADABLE);
    assert_eq!(absent.message, "secret: environment has no variable of that name");
    for key in ["secretEnv", "secretFile"] {
        let refused = configured(&[(key, "")]).expect_err("refused");
        assert_eq!(refused.message, format!("{key}: must not be empty"));
    }
}

#[test]
fn an_end_holds_for_all_that_is_in_a_file_and_the_secret_that_signs_has_none() {
    for format in ["v1", "v2"] {
        let folder = Folder::new();
        let path = folder.path("retired");
        fs::write(&path, format!("{SECRET}\nanother\n")).expect("it is writable");
        let old = CEngine::new(&[("secretFile", &path), ("format", format)]).expect("an engine");
        let session = old.load("", 0).expect("a session");
        session.put("user", "1");
        let cookie = session.cookie(0);
        let retired = [("secretFile", path.as_str()), ("secretUntil", "1000"), ("format", format)];

        let rotated = [&[("secret", NEW)], &retired[..]].concat();
        let rotated = CEngine::new(&rotated).expect("an engine");
        let refusal = |at| rotated.load(&cookie, at).expect("a session").is().2;
        assert_eq!((refusal(1000), refusal(1001)), (RSESS_OK, RSESS_ERR_BAD_SIGNATURE), "{format}");
        // That it came to its end is no matter of the order of calls.
        assert_eq!(refusal(1000), RSESS_OK, "{format}");

        let refused = CEngine::new(&retired).err().expect("refused");
        assert_eq!(refused.status, RSESS_ERR_CONFIG_SECRET);
        let told = "secret: secret that signs cannot have an end: only retired ones have";
        assert_eq!(refused.message, told);
    }
    let alone = configured(&[("secretUntil", "1")]).expect_err("refused");
    assert_eq!(alone.message, "secretUntil: must follow a secret");
}

#[test]
fn a_secret_that_is_easy_to_guess_is_told_of_retired_or_not() {
    let has_weak =
        |secrets: &[(&str, &str)]| CEngine::new(secrets).expect("an engine").has_weak_secret();

    assert!(!has_weak(&[("secret", NEW)]));
    assert!(has_weak(&[("secret", "short")]));
    assert!(has_weak(&[("secret", NEW), ("secret", &"ab".repeat(32))]));
    // SAFETY: NULL is allowed.
    assert!(!unsafe { rsess_engine_has_weak_secret(null()) });
    // SAFETY: NULL is allowed.
    let refused = unsafe { rsess_engine_reload(null(), null_mut()) };
    assert_eq!(refused, RSESS_ERR_INVALID_ARGUMENT);
}

#[test]
fn sessions_go_on_while_the_keys_are_exchanged() {
    let folder = Folder::new();
    let path = folder.path("secrets");
    fs::write(&path, SECRET).expect("it is writable");
    let settings = [("secretFile", path.as_str()), ("driver", "memory"), ("format", "v2")];
    let engine = CEngine::new(&settings).expect("an engine");
    let (engine, path) = (&engine, &path);

    std::thread::scope(|scope| {
        let users: Vec<_> = (0..3)
            .map(|user| {
                scope.spawn(move || {
                    let mut cookie = String::new();
                    for count in 0..300 {
                        let session = engine.load(&cookie, 0).expect("a session");
                        assert_eq!(session.is().0, count == 0, "user {user}, request {count}");
                        session.put("count", &count.to_string());
                        cookie = session.cookie(0);
                    }
                })
            })
            .collect();
        let mut number = 0;
        while users.iter().any(|user| !user.is_finished()) {
            number += 1;
            // All that were, so that no cookie is left without its key.
            let secrets: String = (0..number).rev().map(|it| format!("{NEW} {it}\n")).collect();
            let all = format!("{secrets}{SECRET}\n");
            // In place of the old one at once, as an operator has to do it.
            fs::write(format!("{path}.new"), all).expect("it is writable");
            fs::rename(format!("{path}.new"), path).expect("it is ours");
            assert_eq!(engine.reload().status, RSESS_OK);
        }
    });
}
