//! Settings, users, instants, pointers and lengths that are none.

use std::ptr::{null, null_mut};

use super::super::calls::c;
use super::super::engines::CEngine;
use super::super::{LAST_DATE, SECRET};
use super::{COMMON, engine, nobody};
use crate::buffer::rsess_buf;
use crate::devices::*;
use crate::engine_users::*;
use crate::status::rsess_status::{self, *};

#[test]
fn without_users_every_call_says_which_setting_is_missing() {
    let engine = CEngine::memory();
    let session = engine.load("", 0).expect("a session");

    let told = session.sign_in("alice", "", 0);
    assert_eq!(told.status, RSESS_ERR_CONFIG_NO_USERS);
    assert_eq!(told.message, "users: must be true for this call");
    assert_eq!(session.sign_out(0), RSESS_ERR_CONFIG_NO_USERS);
    assert_eq!(session.devices(0), Err(RSESS_ERR_CONFIG_NO_USERS));
    assert_eq!(session.revoke("x", 0), RSESS_ERR_CONFIG_NO_USERS);
    assert_eq!(session.revoke_others(0), Err(RSESS_ERR_CONFIG_NO_USERS));
    assert_eq!(session.revoke_all(0), Err(RSESS_ERR_CONFIG_NO_USERS));
    assert_eq!(engine.user_devices("alice", 0), Err(RSESS_ERR_CONFIG_NO_USERS));
    assert_eq!(engine.user_revoke("alice", "x", 0), RSESS_ERR_CONFIG_NO_USERS);
    assert_eq!(engine.user_revoke_all("alice", 0), Err(RSESS_ERR_CONFIG_NO_USERS));
    assert_eq!(session.is(), (true, false, RSESS_OK), "as it was");
}

#[test]
fn nobody_has_no_devices_and_ends_none() {
    let engine = engine(&[("driver", "memory")]);
    let session = engine.load("", 0).expect("a session");
    session.put("n", "1");
    let cookie = session.cookie(0);

    assert_eq!(session.devices(0), nobody());
    assert_eq!(session.revoke("AQEBAQEBAQEBAQEBAQEBAQ", 0), RSESS_NOT_FOUND);
    assert_eq!(session.revoke("no handle at all", 0), RSESS_NOT_FOUND);
    assert_eq!((session.revoke_others(0), session.revoke_all(0)), (Ok(0), Ok(0)));
    assert_eq!(session.sign_out(0), RSESS_OK);
    assert_eq!(session.commit(0), (RSESS_OK, Some(String::new())));
    assert!(engine.is_live(&cookie, 0));
}

#[test]
fn a_setting_of_users_that_is_unknown_or_impossible_is_refused() {
    let refused = |settings: &[(&str, &str)]| {
        let all = [&COMMON[..2], settings].concat();
        let told = CEngine::new(&all).err().expect("refused");
        (told.status, told.message)
    };
    let value = |message: &str| (RSESS_ERR_CONFIG_VALUE, message.to_owned());
    let (on, memory) = (("users", "true"), ("driver", "memory"));
    let number = "must be a number in range, or true or false";

    assert_eq!(refused(&[("users", "yes")]), value(&format!("users: {number}")));
    for key in ["users.maxSessions", "users.seenEverySeconds"] {
        for wrong in ["0", "-1", "1.5", "", "99999999999999999999"] {
            assert_eq!(refused(&[memory, on, (key, wrong)]), value(&format!("{key}: {number}")));
        }
    }
    let key = "users.checkEverySeconds";
    assert_eq!(refused(&[(key, "-1")]), value(&format!("{key}: {number}")));
    let more = value("users.checkEverySeconds: must be no more than users.seenEverySeconds");
    assert_eq!(refused(&[memory, on, (key, "61")]), more);
    assert_eq!(refused(&[memory, on, ("users.seenEverySeconds", "29"), (key, "30")]), more);
    let when_full = value("users.whenFull: must be end-oldest or refuse");
    assert_eq!(refused(&[("users.whenFull", "oldest")]), when_full);
    let driver = value("users.store.driver: must be memory, file or redis");
    assert_eq!(refused(&[("users.store.driver", "cookie")]), driver);
    let none = value("users.store.driver: must be set: the driver cookie has no store");
    assert_eq!(refused(&[on]), none);
    let off = value("users.maxSessions: needs users to be true");
    assert_eq!(refused(&[memory, ("users.maxSessions", "5")]), off);
    assert_eq!(refused(&[memory, on, ("users.maxSessions", "5"), ("users", "false")]), off);
    for key in ["users.key", "users.", "users.file.path", "users.store.", "users.store.secret"] {
        assert_eq!(refused(&[(key, SECRET)]).0, RSESS_ERR_CONFIG_UNKNOWN_KEY, "{key}");
    }
    let path = value("users.store: file.path: must be set for the driver file");
    assert_eq!(refused(&[memory, on, ("users.store.driver", "file")]), path);
    let (status, message) =
        refused(&[memory, on, ("users.store.driver", "redis"), ("users.store.redis.url", "x")]);
    assert_eq!(status, RSESS_ERR_CONFIG_REDIS_URL);
    assert!(message.starts_with("users.store: redis.url: "), "{message}");
    let (status, message) = refused(&[("users.store.redis.deadlineMs", "0")]);
    assert_eq!(status, RSESS_ERR_CONFIG_DEADLINE);
    assert!(message.starts_with("users.store.redis.deadlineMs: "), "{message}");
    let many = [memory, on, ("users.maxSessions", "100000"), ("users.checkEverySeconds", "60")];
    assert!(CEngine::new(&[&COMMON[..2], &many].concat()).is_ok());
}

#[test]
fn a_user_is_1_to_256_bytes_and_an_instant_is_a_date() {
    let engine = engine(&[("driver", "memory")]);
    let session = engine.load("", 0).expect("a session");
    let (longest, too_long) = ("x".repeat(256), "x".repeat(257));

    assert_eq!(session.sign_in(&longest, "", 0).status, RSESS_OK);
    for user in ["", too_long.as_str()] {
        assert_eq!(session.sign_in(user, "", 0).status, RSESS_ERR_INVALID_ARGUMENT);
        assert_eq!(engine.user_devices(user, 0), Err(RSESS_ERR_INVALID_ARGUMENT));
        assert_eq!(engine.user_revoke(user, &session.handle(0), 0), RSESS_ERR_INVALID_ARGUMENT);
        assert_eq!(engine.user_revoke_all(user, 0), Err(RSESS_ERR_INVALID_ARGUMENT));
    }
    let never = LAST_DATE + 1;
    assert_eq!(session.sign_in("alice", "", never).status, RSESS_ERR_INVALID_ARGUMENT);
    assert_eq!(session.sign_out(never), RSESS_ERR_INVALID_ARGUMENT);
    assert_eq!(session.devices(never), Err(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(session.revoke("x", never), RSESS_ERR_INVALID_ARGUMENT);
    assert_eq!(session.revoke_others(never), Err(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(session.revoke_all(never), Err(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(engine.user_devices("alice", never), Err(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(engine.user_revoke("alice", "x", never), RSESS_ERR_INVALID_ARGUMENT);
    assert_eq!(engine.user_revoke_all("alice", never), Err(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(session.sign_in("alice", "", LAST_DATE).status, RSESS_OK);
}

#[test]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one reason for a whole table, above it")]
fn pointers_and_lengths_that_are_none_are_refused() {
    let engine = engine(&[("driver", "memory")]);
    let session = engine.load("", 0).expect("a session");
    let (e, s) = (engine.0.cast_const(), session.0.cast_const());
    let ((a, one), (bad, bad_len)) = (c("a"), c(b"caf\xe9"));
    let huge = isize::MAX as usize + 1;
    let mut places = [0_u64; 8];
    let odd = (&raw mut places).cast::<u8>().wrapping_add(1);
    let mut buf = rsess_buf::EMPTY;
    let buf = &raw mut buf;
    let no = null_mut();

    // SAFETY, for all of them: NULL and misaligned are allowed everywhere, lengths that no object
    // has are refused unread, and the rest is alive.
    let calls: [(&str, &dyn Fn() -> rsess_status); 34] = [
        ("sign_in session", &|| unsafe { rsess_session_sign_in(null(), a, one, a, one, 0, no) }),
        ("sign_in user", &|| unsafe { rsess_session_sign_in(s, null(), one, a, one, 0, no) }),
        ("sign_in no user", &|| unsafe { rsess_session_sign_in(s, null(), 0, a, one, 0, no) }),
        ("sign_in label", &|| unsafe { rsess_session_sign_in(s, a, one, null(), one, 0, no) }),
        ("sign_in utf8", &|| unsafe { rsess_session_sign_in(s, bad, bad_len, a, one, 0, no) }),
        ("sign_in label utf8", &|| unsafe {
            rsess_session_sign_in(s, a, one, bad, bad_len, 0, no)
        }),
        ("sign_in length", &|| unsafe { rsess_session_sign_in(s, a, huge, a, one, 0, no) }),
        ("sign_in label length", &|| unsafe { rsess_session_sign_in(s, a, one, a, huge, 0, no) }),
        ("sign_in error", &|| unsafe { rsess_session_sign_in(s, a, one, a, one, 0, odd.cast()) }),
        ("sign_out session", &|| unsafe { rsess_session_sign_out(null(), 0, no) }),
        ("sign_out odd", &|| unsafe { rsess_session_sign_out(odd.cast(), 0, no) }),
        ("devices session", &|| unsafe { rsess_session_devices(null(), 0, buf, no) }),
        ("devices out", &|| unsafe { rsess_session_devices(s, 0, null_mut(), no) }),
        ("devices odd out", &|| unsafe { rsess_session_devices(s, 0, odd.cast(), no) }),
        ("revoke session", &|| unsafe { rsess_session_revoke(null(), a, one, 0, no) }),
        ("revoke handle", &|| unsafe { rsess_session_revoke(s, null(), one, 0, no) }),
        ("revoke utf8", &|| unsafe { rsess_session_revoke(s, bad, bad_len, 0, no) }),
        ("revoke length", &|| unsafe { rsess_session_revoke(s, a, huge, 0, no) }),
        ("others session", &|| unsafe { rsess_session_revoke_others(null(), 0, null_mut(), no) }),
        ("others out", &|| unsafe { rsess_session_revoke_others(s, 0, odd.cast(), no) }),
        ("all session", &|| unsafe { rsess_session_revoke_all(null(), 0, null_mut(), no) }),
        ("all out", &|| unsafe { rsess_session_revoke_all(s, 0, odd.cast(), no) }),
        ("list engine", &|| unsafe { rsess_engine_user_devices(null(), a, one, 0, buf, no) }),
        ("list user", &|| unsafe { rsess_engine_user_devices(e, null(), one, 0, buf, no) }),
        ("list utf8", &|| unsafe { rsess_engine_user_devices(e, bad, bad_len, 0, buf, no) }),
        ("list length", &|| unsafe { rsess_engine_user_devices(e, a, huge, 0, buf, no) }),
        ("list out", &|| unsafe { rsess_engine_user_devices(e, a, one, 0, null_mut(), no) }),
        ("end engine", &|| unsafe { rsess_engine_user_revoke(null(), a, one, a, one, 0, no) }),
        ("end user", &|| unsafe { rsess_engine_user_revoke(e, null(), one, a, one, 0, no) }),
        ("end handle", &|| unsafe { rsess_engine_user_revoke(e, a, one, null(), one, 0, no) }),
        ("end length", &|| unsafe { rsess_engine_user_revoke(e, a, one, a, huge, 0, no) }),
        ("end all engine", &|| unsafe {
            rsess_engine_user_revoke_all(null(), a, one, 0, null_mut(), no)
        }),
        ("end all user", &|| unsafe {
            rsess_engine_user_revoke_all(e, null(), one, 0, null_mut(), no)
        }),
        ("end all out", &|| unsafe { rsess_engine_user_revoke_all(e, a, one, 0, odd.cast(), no) }),
    ];
    for (name, call) in calls {
        assert_eq!(call(), RSESS_ERR_INVALID_ARGUMENT, "{name}");
    }
    assert_eq!(places, [0; 8]);
    assert_eq!(session.is(), (true, false, RSESS_OK), "as it was");

    let calls: [(&str, &dyn Fn() -> rsess_status); 4] = [
        ("no label", &|| unsafe { rsess_session_sign_in(s, a, one, null(), 0, 0, no) }),
        ("others", &|| unsafe { rsess_session_revoke_others(s, 0, null_mut(), no) }),
        ("all", &|| unsafe { rsess_session_revoke_all(s, 0, null_mut(), no) }),
        ("all of a user", &|| unsafe {
            rsess_engine_user_revoke_all(e, a, one, 0, null_mut(), no)
        }),
    ];
    for (name, call) in calls {
        assert_eq!(call(), RSESS_OK, "{name}");
    }
}
