//! Engines: what their settings do, and which are refused with which words.

use std::ptr::null_mut;

use super::SECRET;
use super::engines::*;
use crate::engine::*;
use crate::status::rsess_status::*;

#[test]
fn the_header_carries_the_settings_of_the_cookie() {
    let engine = CEngine::new(&[
        ("driver", "memory"),
        ("secret", SECRET),
        ("cookie.name", "__Host-app"),
        ("cookie.sameSite", "strict"),
        ("lifetime", "0.5"),
    ]);
    let session = engine.expect("an engine").load("", 0).expect("a session");
    session.put("a", "1");

    let (_, header) = session.commit(0);

    let header = header.expect("a header");
    let (cookie, attributes) = header.split_once(';').expect("attributes");
    assert!(cookie.starts_with(&format!("__Host-app={}.", session.id())));
    assert_eq!(attributes, " Path=/; Max-Age=30; SameSite=strict; HttpOnly; Secure");
}

#[test]
fn a_setting_that_is_unknown_or_impossible_is_refused_with_words_that_repeat_no_value() {
    let told = |key: &str, value: &str| configured(&[(key, value)]).expect_err("a refusal");

    for (key, value, status, message) in [
        ("cookie.Secure", "true", RSESS_ERR_CONFIG_UNKNOWN_KEY, "there is no setting"),
        ("s3cr3t", "secret", RSESS_ERR_CONFIG_UNKNOWN_KEY, "there is no setting"),
        ("cookie.secure", "yes-s3cr3t", RSESS_ERR_CONFIG_VALUE, "cookie.secure: "),
        ("driver", "s3cr3t", RSESS_ERR_CONFIG_VALUE, "driver: must be cookie, memory, file"),
        ("lifetime", "s3cr3t", RSESS_ERR_CONFIG_VALUE, "lifetime: must be a number"),
        ("lifetime", "0", RSESS_ERR_CONFIG_LIFETIME, "lifetime: "),
        ("absoluteLifetime", "NaN", RSESS_ERR_CONFIG_LIFETIME, "lifetime: "),
        ("touchBelow", "1.5", RSESS_ERR_CONFIG, "touchBelow: "),
        ("cookie.sameSite", "Lax", RSESS_ERR_CONFIG_COOKIE_SAME_SITE, "cookie.sameSite: "),
        ("file.durability", "maybe", RSESS_ERR_CONFIG_DURABILITY, "file.durability: "),
        ("file.deadlineMs", "3600001", RSESS_ERR_CONFIG_DEADLINE, "file.deadlineMs: "),
        ("redis.deadlineMs", "0", RSESS_ERR_CONFIG_DEADLINE, "redis.deadlineMs: "),
        ("redis.poolSize", "-1", RSESS_ERR_CONFIG_VALUE, "redis.poolSize: "),
        ("secret", "", RSESS_ERR_CONFIG_SECRET, "secret: "),
        ("secret", "change-me-in-production", RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER, "secret: "),
    ] {
        let told = told(key, value);
        assert_eq!(told.status, status, "{key}={value}");
        assert!(told.message.starts_with(message), "{key}={value}: {}", told.message);
        assert!(!told.message.contains("s3cr3t"), "{}", told.message);
    }
    let engine = |settings: &[(&str, &str)]| CEngine::new(settings).err().map(|it| it.status);
    let secret = ("secret", SECRET);
    assert_eq!(engine(&[]), Some(RSESS_ERR_CONFIG_SECRET));
    assert_eq!(engine(&[secret, ("driver", "file")]), Some(RSESS_ERR_CONFIG_VALUE));
    let redis = ("driver", "redis");
    let url = ("redis.url", "http://h");
    assert_eq!(engine(&[secret, redis, url]), Some(RSESS_ERR_CONFIG_REDIS_URL));
    let pool = ("redis.poolSize", "1025");
    assert_eq!(engine(&[secret, redis, pool]), Some(RSESS_ERR_CONFIG_POOL_SIZE));
    let prefix = [secret, ("cookie.name", "__Host-a"), ("cookie.secure", "false")];
    assert_eq!(engine(&prefix), Some(RSESS_ERR_CONFIG_COOKIE_PREFIX));
    assert_eq!(engine(&[secret, ("cookie.path", "x")]), Some(RSESS_ERR_CONFIG_COOKIE_PATH));
}

#[test]
fn a_retired_secret_still_verifies() {
    let old = CEngine::new(&[("secret", "old")]).expect("an engine");
    let session = old.load("", 0).expect("a session");
    session.put("n", "1");
    let cookie = session.cookie(0);

    let rotated = CEngine::new(&[("secret", "new"), ("secret", "old")]).expect("an engine");

    assert_eq!(rotated.load(&cookie, 0).expect("it").is(), (false, false, RSESS_OK));
}

#[test]
fn an_engine_lives_as_long_as_the_last_of_its_sessions() {
    let engine = CEngine::memory();
    let mut other = null_mut();
    // SAFETY: engine and the place for the result are alive.
    assert_eq!(unsafe { rsess_engine_share(engine.0, &raw mut other) }, RSESS_OK);
    let other = CEngine(other);
    let session = engine.load("", 0).expect("a session");
    session.put("n", "1");

    drop(engine);
    let again = other.load(&session.cookie(0), 0).expect("the same store");
    drop(other);

    again.put("n", "2");
    assert_eq!(again.commit(0).0, RSESS_OK);
}
