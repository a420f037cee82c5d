//! When the list is asked whether a session is live: at each load, before a late save, by queues,
//! and not again for a while.

use super::super::engines::{CEngine, CSession};
use super::super::queues::CQueue;
use super::super::redis_server::RedisServer;
use super::{engine, nobody, with_every_engine};
use crate::status::rsess_status::*;

#[test]
fn a_session_that_has_been_in_use_for_long_is_checked_again_before_it_is_saved() {
    with_every_engine(|name, engine| {
        let (_, cookie) = engine.signed_in("alice", "", 0);
        let [early, late] = [0, 0].map(|now| engine.load(&cookie, now).expect("a session"));
        assert_eq!(engine.user_revoke_all("alice", 1000), Ok(1), "{name}");
        early.put("n", "1");
        late.put("n", "1");

        // What was under way goes on for users.seenEverySeconds.
        assert_eq!(early.commit(60_000).0, RSESS_OK, "{name}");
        assert_eq!(late.commit(60_001), (RSESS_GONE, None), "{name}");
        assert_eq!(late.commit(60_001), (RSESS_OK, Some(String::new())), "nothing to save");
    });
}

#[test]
fn a_check_before_a_save_lets_a_live_session_be_saved() {
    with_every_engine(|name, engine| {
        let (_, cookie) = engine.signed_in("alice", "", 0);
        let session = engine.load(&cookie, 0).expect("a session");
        session.put("n", "1");

        let cookie = session.cookie(100_000);

        let next = engine.load(&cookie, 100_000).expect("a session");
        assert_eq!(next.get("n").as_deref(), Ok("1"), "{name}");
        assert_eq!(next.devices(100_000).expect("a list")[0]["seen"], 100_000, "{name}");
    });
}

#[test]
fn a_queue_asks_and_signs_out_as_a_call_that_waits() {
    with_every_engine(|name, engine| {
        let queue = CQueue::new();
        let (laptop, laptop_cookie) = engine.signed_in("alice", "laptop", 0);
        let (_, phone_cookie) = engine.signed_in("alice", "phone", 0);
        assert_eq!(laptop.revoke_others(0), Ok(1), "{name}");

        assert_eq!(queue.load(engine, &phone_cookie, 1, 0), RSESS_OK);
        let over = queue.wait();
        assert_eq!((over.status, over.has_error), (RSESS_OK, false), "{name}");
        assert_eq!(over.session.expect("fresh").is(), (true, false, RSESS_NOT_FOUND), "{name}");

        assert_eq!(queue.load(engine, &laptop_cookie, 2, 0), RSESS_OK);
        let live = queue.wait().session.expect("a session");
        assert_eq!(live.is(), (false, false, RSESS_OK), "{name}");

        live.destroy();
        assert_eq!(queue.commit(&live, 3, 0), RSESS_OK);
        let committed = queue.wait();
        assert_eq!(committed.status, RSESS_OK, "{name}");
        assert!(committed.set_cookie.contains("Max-Age=0"), "{name}");
        assert!(!engine.is_live(&laptop_cookie, 0), "{name}");
        assert_eq!(engine.user_devices("alice", 0), nobody(), "{name}");
    });
}

#[test]
fn a_queue_checks_again_before_it_saves_what_was_in_use_for_long() {
    with_every_engine(|name, engine| {
        let queue = CQueue::new();
        let (_, cookie) = engine.signed_in("alice", "", 100_000);
        let [live, over] = [0, 1].map(|_| engine.load(&cookie, 100_000).expect("a session"));
        live.put("n", "1");
        over.put("n", "2");

        // The queue of the tests commits at the instant 0.
        assert_eq!(queue.commit(&live, 1, 0), RSESS_OK);
        assert_eq!(queue.wait().status, RSESS_OK, "{name}");
        assert_eq!(engine.user_revoke_all("alice", 100_000), Ok(1), "{name}");
        assert_eq!(queue.commit(&over, 2, 0), RSESS_OK);
        let gone = queue.wait();
        assert_eq!((gone.status, gone.set_cookie.as_str()), (RSESS_GONE, ""), "{name}");
    });
}

#[test]
fn log_out_everywhere_else_reaches_every_engine_on_the_same_redis() {
    let redis = RedisServer::start();
    let url = redis.url();
    let settings = [("driver", "redis"), ("redis.url", url.as_str())];
    let [here, there] = [&settings, &settings].map(|it| engine(it));
    let (laptop, laptop_cookie) = here.signed_in("alice", "laptop", 0);
    let (_, phone_cookie) = there.signed_in("alice", "phone", 1000);
    assert!(here.is_live(&phone_cookie, 1000) && there.is_live(&laptop_cookie, 1000));

    assert_eq!(laptop.revoke_others(2000), Ok(1));

    assert!(!there.is_live(&phone_cookie, 2000) && there.is_live(&laptop_cookie, 2000));
    assert_eq!(
        there.user_devices("alice", 2000).expect("a list").as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn what_another_process_has_ended_is_live_for_check_every_seconds_and_no_longer() {
    let redis = RedisServer::start();
    let url = redis.url();
    let settings =
        [("driver", "redis"), ("redis.url", url.as_str()), ("users.checkEverySeconds", "30")];
    let [here, there] = [&settings, &settings].map(|it| engine(it));
    let (_, cookie) = here.signed_in("alice", "", 0);
    assert!(here.is_live(&cookie, 1000));
    let reads = |it: &CEngine| it.figures().load.calls;
    let before = reads(&here);
    assert!(here.is_live(&cookie, 1000));
    assert_eq!(reads(&here), before, "not asked again");

    assert_eq!(there.user_revoke_all("alice", 2000), Ok(1));

    assert!(here.is_live(&cookie, 30_999));
    assert!(!here.is_live(&cookie, 31_000));
}

#[test]
fn what_this_process_has_ended_is_over_at_once_whatever_was_found_live() {
    for end in [
        |engine: &CEngine, _: &CSession| assert_eq!(engine.user_revoke_all("alice", 0), Ok(2)),
        |engine: &CEngine, phone: &CSession| {
            assert_eq!(engine.user_revoke("alice", &phone.handle(0), 0), RSESS_OK);
        },
        |_: &CEngine, phone: &CSession| assert_eq!(phone.sign_out(0), RSESS_OK),
        |_: &CEngine, phone: &CSession| assert_eq!(phone.revoke(&phone.handle(0), 0), RSESS_OK),
        |_: &CEngine, phone: &CSession| assert_eq!(phone.revoke_all(0), Ok(2)),
        |_: &CEngine, phone: &CSession| {
            phone.destroy();
            assert_eq!(phone.commit(0).0, RSESS_OK);
        },
        |_: &CEngine, phone: &CSession| {
            let queue = CQueue::new();
            phone.destroy();
            assert_eq!(queue.commit(phone, 1, 0), RSESS_OK);
            assert_eq!(queue.wait().status, RSESS_OK);
        },
        |engine: &CEngine, _: &CSession| drop(engine.signed_in("alice", "one too many", 2)),
        |engine: &CEngine, _: &CSession| {
            let (laptop, _) = engine.signed_in("alice", "laptop", 0);
            assert!(laptop.revoke_others(0).is_ok());
        },
    ] {
        let engine = engine(&[
            ("driver", "cookie"),
            ("users.store.driver", "memory"),
            ("users.checkEverySeconds", "60"),
            ("users.maxSessions", "2"),
        ]);
        let (phone, phone_cookie) = engine.signed_in("alice", "phone", 0);
        let _laptop = engine.signed_in("alice", "laptop", 1);
        assert!(engine.is_live(&phone_cookie, 0));

        end(&engine, &phone);

        assert!(!engine.is_live(&phone_cookie, 0));
    }
}
