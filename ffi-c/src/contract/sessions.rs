//! Sessions: a request from its Cookie header to its Set-Cookie header.

use rudder_session_core::store::{Reply, Request};
use rudder_session_core::{Store, StoreError, UnixMillis};

use super::calls::filled;
use super::engines::*;
use super::{LEGACY, SECRET};
use crate::session::*;
use crate::status::rsess_status::*;

#[test]
fn a_session_lives_from_request_to_request() {
    with_every_engine(|driver, engine| {
        let first = engine.load("", 0).expect("a session");
        assert_eq!(first.is(), (true, false, RSESS_OK), "{driver}");
        assert_eq!(first.put("user", r#""alice""#), RSESS_OK);
        assert_eq!(first.put("n", "1e400"), RSESS_OK);
        assert_eq!(first.is(), (true, true, RSESS_OK), "{driver}");
        let cookie = first.cookie(0);
        assert_eq!(first.is(), (false, false, RSESS_OK), "{driver}");

        let second = engine.load(&format!("a=1; {cookie}; b=2"), 1000).expect("a session");
        assert_eq!(second.is(), (false, false, RSESS_OK), "{driver}");
        assert_eq!(second.get("n").as_deref(), Ok("1e400"), "{driver}");
        assert_eq!(second.data(), r#"{"user":"alice","n":1e400}"#, "{driver}");
        assert_eq!(second.forget("user"), RSESS_OK);
        assert_eq!(second.get("user"), Err(RSESS_NOT_FOUND), "{driver}");
        let cookie = second.cookie(1000);

        let third = engine.load(&cookie, 2000).expect("a session");
        assert_eq!(third.data(), r#"{"n":1e400}"#, "{driver}");
        assert_eq!((third.id(), third.is()), (first.id(), (false, false, RSESS_OK)), "{driver}");
        assert_eq!(third.commit(2000), (RSESS_OK, Some(String::new())), "nothing to send");
    });
}

#[test]
fn a_session_in_which_nothing_was_put_leaves_no_trace() {
    with_every_engine(|driver, engine| {
        let session = engine.load("sid=", 0).expect("a session");
        assert_eq!(session.commit(0), (RSESS_OK, Some(String::new())), "{driver}");
        session.put("a", "1");
        session.forget("a");
        assert_eq!(session.commit(0), (RSESS_OK, Some(String::new())), "{driver}");
        assert_eq!(engine.figures().create.calls, 0, "{driver}");
    });
}

#[test]
fn a_flood_of_strangers_is_stored_nowhere_and_no_store_is_asked() {
    with_every_engine(|driver, engine| {
        for n in 0..10_000 {
            let header = match n % 3 {
                0 => String::new(),
                1 => format!("sid={n}.{n:043}"),
                _ => format!("sid=v2i.{n}"),
            };
            let session = engine.load(&header, 0).expect("a session");
            assert_eq!(session.commit(0), (RSESS_OK, Some(String::new())), "{driver}");
        }
        let figures = engine.figures();
        let asked =
            figures.load.calls + figures.create.calls + figures.save.calls + figures.touch.calls;
        assert_eq!(asked + figures.replace.calls, 0, "{driver}");
    });
}

#[test]
fn flash_is_there_for_the_next_request_and_gone_after_it_unless_it_is_kept() {
    with_every_engine(|driver, engine| {
        let first = engine.load("", 0).expect("a session");
        assert_eq!(first.flash("kept", "1"), RSESS_OK);
        assert_eq!(first.flash("notice", r#""saved""#), RSESS_OK);
        assert_eq!(first.get_flash("notice"), Err(RSESS_NOT_FOUND), "{driver}");
        let cookie = first.cookie(0);

        let second = engine.load(&cookie, 0).expect("a session");
        assert_eq!(second.is(), (false, true, RSESS_OK), "to consume flash is a change");
        assert_eq!(second.get_flash("notice").as_deref(), Ok(r#""saved""#), "{driver}");
        // SAFETY: session and the place for the result are alive.
        let all = filled(|out| unsafe { rsess_session_all_flash(second.0, out) });
        assert_eq!(all.as_deref(), Ok(r#"{"kept":1,"notice":"saved"}"#), "{driver}");
        assert_eq!(second.keep("kept"), RSESS_OK);
        assert_eq!(second.keep("absent"), RSESS_NOT_FOUND);
        let cookie = second.cookie(0);

        let third = engine.load(&cookie, 0).expect("a session");
        assert_eq!(third.get_flash("kept").as_deref(), Ok("1"), "{driver}");
        assert_eq!(third.get_flash("notice"), Err(RSESS_NOT_FOUND), "{driver}");
        let cookie = third.cookie(0);
        assert_eq!(engine.load(&cookie, 0).expect("it").get_flash("kept"), Err(RSESS_NOT_FOUND));
    });
}

#[test]
fn a_regenerated_session_has_another_id_and_the_same_data_and_its_old_cookie_is_dead() {
    with_every_engine(|driver, engine| {
        let session = engine.load("", 0).expect("a session");
        session.put("n", "1");
        let (old, old_id) = (session.cookie(0), session.id());

        assert_eq!(session.regenerate(), RSESS_OK);
        let new = session.cookie(0);

        assert_ne!(session.id(), old_id, "{driver}");
        assert_eq!(engine.load(&new, 0).expect("it").data(), r#"{"n":1}"#, "{driver}");
        let of_old = engine.load(&old, 0).expect("a session").is();
        let expected = if driver.starts_with("cookie") { RSESS_OK } else { RSESS_NOT_FOUND };
        assert_eq!(of_old.2, expected, "{driver}");
    });
}

#[test]
fn a_destroyed_session_is_gone_for_the_requests_that_are_under_way_too() {
    with_every_engine(|driver, engine| {
        let session = engine.load("", 0).expect("a session");
        session.put("n", "1");
        let cookie = session.cookie(0);
        let late = engine.load(&cookie, 0).expect("a session");

        assert_eq!(session.destroy(), RSESS_OK);
        let (status, header) = session.commit(0);
        late.put("n", "2");

        assert_eq!(status, RSESS_OK);
        let header = header.expect("a header");
        assert!(header.starts_with("sid=;") && header.ends_with("Max-Age=0"), "{driver}");
        assert_eq!(session.is(), (true, false, RSESS_OK), "{driver}");
        if !driver.starts_with("cookie") {
            assert_eq!(late.commit(0), (RSESS_GONE, None), "{driver}");
            assert_eq!(engine.load(&cookie, 0).expect("it").is().2, RSESS_NOT_FOUND, "{driver}");
        }
    });
}

#[test]
fn what_another_request_has_written_is_kept() {
    with_every_engine(|driver, engine| {
        if driver.starts_with("cookie") {
            return;
        }
        let session = engine.load("", 0).expect("a session");
        session.put("n", "1");
        let cookie = session.cookie(0);
        let other = engine.load(&cookie, 0).expect("a session");
        other.put("other", "1");
        other.cookie(0);

        session.put("n", "2");
        session.cookie(0);

        assert_eq!(session.data(), r#"{"n":2,"other":1}"#, "{driver}");
        session.put("n", "3");
        session.cookie(0);
        assert_eq!(engine.load(&cookie, 0).expect("it").data(), r#"{"n":3,"other":1}"#, "{driver}");
    });
}

#[test]
fn a_refused_cookie_gives_a_fresh_session_and_says_why() {
    with_every_engine(|driver, engine| {
        let session = engine.load("", 0).expect("a session");
        session.put("n", "1");
        let cookie = session.cookie(0);
        let forged = format!("{}x", &cookie[..cookie.len() - 1]);

        let is_v2 = driver.contains("v2");
        let unless_v2 = |status| if is_v2 { RSESS_ERR_OTHER_FORMAT } else { status };
        for (header, refusal) in [
            ("sid=unsigned", unless_v2(RSESS_ERR_UNSIGNED)),
            (forged.as_str(), RSESS_ERR_BAD_SIGNATURE),
            ("sid=caf\u{e9}.x", unless_v2(RSESS_ERR_BAD_SIGNATURE)),
        ] {
            let fresh = engine.load(header, 0).expect("a session");
            assert_eq!(fresh.is(), (true, false, refusal), "{driver}");
            assert_ne!(fresh.id(), session.id(), "{driver}");
        }
        let later = 7_200_001;
        let over = engine.load(&cookie, later).expect("a session").is();
        match driver {
            // There the cookie of a store ends, too.
            _ if is_v2 => assert_eq!(over, (true, false, RSESS_ERR_EXPIRED), "{driver}"),
            "cookie" => assert_eq!(over, (true, false, RSESS_ERR_EXPIRED)),
            // Redis has a clock of its own.
            "redis" => assert_eq!(over, (false, false, RSESS_OK)),
            _ => assert_eq!(over, (true, false, RSESS_NOT_FOUND), "{driver}"),
        }
    });
}

#[test]
fn legacy_cookies_are_refused_on_request() {
    let load = |reject: &str| {
        let engine = CEngine::new(&[
            ("secret", SECRET),
            ("cookie.name", "sid"),
            ("rejectLegacyCookies", reject),
        ]);
        let codec = super::calls::Codec::new(&[SECRET]).expect("a codec");
        let value = codec.sign(LEGACY.as_bytes()).expect("signed");
        engine.expect("an engine").load(&format!("sid={value}"), 0).expect("a session").is()
    };

    assert_eq!(load("false"), (false, false, RSESS_OK));
    assert_eq!(load("true"), (true, false, RSESS_ERR_LEGACY));
}

#[test]
fn a_request_that_changes_nothing_keeps_the_session_alive_and_sends_the_cookie_again() {
    let engine = CEngine::memory();
    let session = engine.load("", 0).expect("a session");
    session.put("n", "1");
    let cookie = session.cookie(0);
    let minutes = |n: u64| n * 60_000;

    let early = engine.load(&cookie, minutes(59)).expect("a session");
    assert_eq!(early.commit(minutes(59)), (RSESS_OK, Some(String::new())));
    let touched = engine.load(&cookie, minutes(61)).expect("a session");
    assert_eq!(touched.cookie(minutes(61)), cookie);

    assert_eq!(engine.load(&cookie, minutes(180)).expect("it").is().2, RSESS_OK);
    assert_eq!(engine.load(&cookie, minutes(600)).expect("it").is().2, RSESS_NOT_FOUND);
}

#[test]
fn an_absolute_lifetime_ends_a_session_whatever_happens_in_it() {
    for driver in ["cookie", "memory"] {
        let engine = CEngine::new(&[
            ("secret", SECRET),
            ("driver", driver),
            ("cookie.name", "sid"),
            ("absoluteLifetime", "1"),
        ])
        .expect("an engine");
        let session = engine.load("", 0).expect("a session");
        session.put("n", "1");
        let cookie = session.cookie(0);
        let late = engine.load(&cookie, 59_999).expect("a session");
        assert_eq!(late.is().2, RSESS_OK, "{driver}");
        late.put("n", "2");

        assert_eq!(late.commit(60_000), (RSESS_GONE, None), "{driver}");
        assert!(engine.load(&cookie, 60_001).expect("a session").is().0, "{driver}");
    }
}

#[test]
fn a_cookie_that_browsers_would_drop_is_an_error_and_the_session_stays_as_it_was() {
    let engine = CEngine::new(&[("secret", SECRET)]).expect("an engine");
    let session = engine.load("", 0).expect("a session");
    let sent = |letters: usize| {
        session.put("x", &format!("\"{}\"", "x".repeat(letters)));
        session.commit(0)
    };

    let longest = (2700..3100).rev().find(|letters| sent(*letters).0 == RSESS_OK);
    let longest = longest.expect("something fits");

    let (status, header) = sent(longest);
    // Three bytes become four characters.
    assert!((4093..=4096).contains(&header.expect("a header").len()) && status == RSESS_OK);
    assert_eq!(sent(longest + 1), (RSESS_ERR_TOO_LARGE, None));
    assert_eq!(session.is(), (false, true, RSESS_OK));
}

#[test]
fn a_store_that_is_down_is_an_error_and_never_a_fresh_session() {
    let down = [
        ("secret", SECRET),
        ("driver", "redis"),
        ("redis.url", "redis+unix:///nowhere/socket"),
        ("cookie.name", "sid"),
    ];
    let engine = CEngine::new(&down).expect("no server is needed to make one");
    let memory = CEngine::memory();
    let session = memory.load("", 0).expect("a session");
    session.put("n", "1");
    let cookie = session.cookie(0);

    let told = engine.load(&cookie, 0).err().expect("an error");

    assert_eq!(told.status, RSESS_ERR_STORE_UNREACHABLE);
    let fresh = engine.load("", 0).expect("no store is needed for one");
    fresh.put("n", "1");
    assert_eq!(fresh.commit(0).0, RSESS_ERR_STORE_UNREACHABLE);
    assert_eq!(fresh.is(), (true, true, RSESS_OK), "it may be committed again");
}

#[test]
fn a_record_that_could_not_be_removed_is_removed_by_the_next_commit() {
    struct Forgetful(std::sync::atomic::AtomicUsize);
    impl Store for Forgetful {
        fn call(&self, request: Request, _: UnixMillis) -> Result<Reply, StoreError> {
            use std::sync::atomic::Ordering::Relaxed;
            match request {
                Request::Create { .. } => Ok(Reply::Create(true)),
                Request::Inspect { .. } if self.0.load(Relaxed) < 2 => Err(StoreError::TimedOut),
                Request::Inspect { .. } => Ok(Reply::Inspect(None)),
                Request::Destroy { .. } => Ok(Reply::Destroy),
                _ => {
                    self.0.fetch_add(1, Relaxed);
                    Err(StoreError::TimedOut)
                }
            }
        }
    }
    let engine = CEngine::over(Forgetful(0.into()));
    let session = engine.load("", 0).expect("a session");
    session.put("n", "1");
    session.cookie(0);
    session.regenerate();

    let (status, header) = session.commit(0);

    assert_eq!(status, RSESS_OLD_REMAINS);
    assert!(header.expect("a header").starts_with(&format!("sid={}.", session.id())));
    assert_eq!(session.commit(0), (RSESS_ERR_STORE_TIMED_OUT, None));
    session.regenerate();
    assert_eq!(session.commit(0).0, RSESS_OLD_REMAINS);
    assert_eq!(session.commit(0), (RSESS_OLD_REMAINS, Some(String::new())));
    assert_eq!(session.commit(0), (RSESS_OK, Some(String::new())));
}
