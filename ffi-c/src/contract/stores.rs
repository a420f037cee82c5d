//! Stores: the same promises for one in memory, in a file and in Redis.

use std::thread;

use rudder_session_core::store::{Found, Reply, Request};
use rudder_session_core::{Store, StoreError, Ttl, UnixMillis};

use super::calls::CStore;
use super::files::Folder;
use super::redis_server::RedisServer;
use super::{LAST_DATE, PAYLOAD};
use crate::boundary::lend;
use crate::figures::rsess_calls;
use crate::home::Home;
use crate::status::rsess_status::{self, *};
use crate::store::rsess_store;

/// Tries a promise with each kind of store.
fn with_every_store(promise: impl Fn(&str, &CStore)) {
    let folder = Folder::new();
    let redis = RedisServer::start();
    promise("memory", &CStore::memory(0));
    promise("file", &folder.store());
    promise("redis", &CStore::redis(&redis.url(), 0, 0).expect("a store"));
}

/// A store of Rust, as C holds it.
fn lent(store: impl Store + 'static) -> CStore {
    CStore(lend(rsess_store::new(store, Home::of_the_first())))
}

fn payload(id: &str, data: &str) -> String {
    format!(r#"{{"id":"{id}","data":{data},"flash_next":{{}}}}"#)
}

#[test]
fn a_session_is_made_once() {
    with_every_store(|kind, store| {
        let (first, second) = (payload("a", r#"{"n":1}"#), payload("a", r#"{"n":2}"#));

        assert_eq!(store.create(&first, 60, 0), RSESS_OK, "{kind}");
        assert_eq!(store.create(&second, 60, 0), RSESS_EXISTS, "{kind}");
        assert_eq!(store.load(b"a", 0), Ok(first), "{kind}");
    });
}

#[test]
fn a_save_overwrites_whatever_is_there() {
    with_every_store(|kind, store| {
        let (first, second) = (payload("a", r#"{"n":1}"#), payload("a", r#"{"m":2}"#));

        assert_eq!(store.save(first.as_bytes(), 60, 0), RSESS_OK, "{kind}");
        assert_eq!(store.save(second.as_bytes(), 60, 0), RSESS_OK, "{kind}");
        assert_eq!(store.load(b"a", 0), Ok(second), "{kind}");
    });
}

#[test]
fn an_update_of_what_is_still_there_is_stored_verbatim() {
    with_every_store(|kind, store| {
        let (base, changed) = (payload("a", "{}"), payload("a", r#"{ "n" : 1e400 }"#));
        assert_eq!(store.create(&base, 60, 0), RSESS_OK, "{kind}");

        assert_eq!(store.update(&base, &changed, 60, 0), (RSESS_OK, None), "{kind}");

        assert_eq!(store.load(b"a", 0), Ok(changed), "{kind}");
    });
}

#[test]
fn the_changes_of_two_requests_are_merged() {
    with_every_store(|kind, store| {
        let base = payload("a", r#"{"both":1,"out":1}"#);
        let first = payload("a", r#"{"both":1,"out":1,"first":1}"#);
        let second = payload("a", r#"{"both":1,"second":1e400}"#);
        let merged = payload("a", r#"{"both":1,"first":1,"second":1e400}"#);
        assert_eq!(store.create(&base, 60, 0), RSESS_OK, "{kind}");

        assert_eq!(store.update(&base, &first, 60, 0), (RSESS_OK, None), "{kind}");
        let outcome = store.update(&base, &second, 60, 0);

        assert_eq!(outcome, (RSESS_MERGED, Some(merged.clone())), "{kind}");
        assert_eq!(store.load(b"a", 0).as_ref(), Ok(&merged), "{kind}");
        assert_eq!(store.update(&merged, &base, 60, 0), (RSESS_OK, None), "{kind}");
    });
}

#[test]
fn a_logout_wins_over_the_requests_that_are_under_way() {
    with_every_store(|kind, store| {
        let (base, changed) = (payload("a", "{}"), payload("a", r#"{"n":1}"#));
        let renamed = payload("b", r#"{"n":1}"#);
        assert_eq!(store.create(&base, 60, 0), RSESS_OK, "{kind}");

        assert_eq!(store.destroy(b"a"), RSESS_OK, "{kind}");

        assert_eq!(store.update(&base, &changed, 60, 0), (RSESS_GONE, None), "{kind}");
        assert_eq!(store.regenerate(&base, &renamed, 60, 0), (RSESS_GONE, None), "{kind}");
        assert_eq!(store.load(b"a", 0), Err(RSESS_NOT_FOUND), "{kind}");
        assert_eq!(store.load(b"b", 0), Err(RSESS_NOT_FOUND), "{kind}");
    });
}

#[test]
fn a_regenerated_session_moves_with_what_others_wrote_and_leaves_nothing_behind() {
    with_every_store(|kind, store| {
        let (base, other) = (payload("a", "{}"), payload("a", r#"{"other":1}"#));
        let renamed = payload("b", r#"{"user":1}"#);
        let stored = payload("b", r#"{"other":1,"user":1}"#);
        assert_eq!(store.create(&base, 60, 0), RSESS_OK, "{kind}");
        assert_eq!(store.update(&base, &other, 60, 0), (RSESS_OK, None), "{kind}");

        let outcome = store.regenerate(&base, &renamed, 60, 0);

        assert_eq!(outcome, (RSESS_OK, Some(stored.clone())), "{kind}");
        assert_eq!(store.load(b"b", 0), Ok(stored), "{kind}");
        assert_eq!(store.load(b"a", 0), Err(RSESS_NOT_FOUND), "{kind}");
    });
}

#[test]
fn a_new_id_that_is_in_use_is_refused_and_so_are_two_sessions_in_one_update() {
    with_every_store(|kind, store| {
        let (a, b) = (payload("a", "{}"), payload("b", "{}"));
        assert_eq!(store.create(&a, 60, 0), RSESS_OK, "{kind}");
        assert_eq!(store.create(&b, 60, 0), RSESS_OK, "{kind}");

        assert_eq!(store.regenerate(&a, &b, 60, 0), (RSESS_ERR_INVALID_ID, None), "{kind}");
        assert_eq!(store.regenerate(&a, &a, 60, 0), (RSESS_ERR_INVALID_ID, None), "{kind}");
        assert_eq!(store.update(&a, &b, 60, 0), (RSESS_ERR_INVALID_ID, None), "{kind}");
        assert_eq!(store.load(b"a", 0), Ok(a), "{kind}");
        assert_eq!(store.load(b"b", 0), Ok(b), "{kind}");
    });
}

#[test]
fn requests_that_change_one_session_at_once_lose_nothing() {
    with_every_store(|kind, store| {
        let base = payload("a", "{}");
        assert_eq!(store.create(&base, 60, 0), RSESS_OK, "{kind}");

        thread::scope(|scope| {
            for n in 0..6 {
                let base = &base;
                scope.spawn(move || {
                    let changed = payload("a", &format!(r#"{{"{n}":{n}}}"#));
                    // A conflict is for the caller to try again.
                    let tries = (0..100).map(|_| store.update(base, &changed, 60, 0).0);
                    let outcome = tries.into_iter().find(|it| *it != RSESS_ERR_STORE_CONFLICT);
                    assert!(matches!(outcome, Some(RSESS_OK | RSESS_MERGED)), "{outcome:?}");
                });
            }
        });

        let stored = store.load(b"a", 0).expect("alive");
        for n in 0..6 {
            assert!(stored.contains(&format!(r#""{n}":{n}"#)), "{kind} lost {n}");
        }
    });
}

#[test]
fn figures_count_what_was_asked_for_and_what_came_of_it() {
    with_every_store(|kind, store| {
        let (a, changed) = (payload("a", "{}"), payload("a", r#"{"n":1}"#));
        for _ in 0..3 {
            store.create(&a, 60, 0);
            store.touch(b"a", 60, 0);
        }
        store.update(&a, &changed, 60, 0);
        store.update(&a, &payload("a", r#"{"m":1}"#), 60, 0);
        store.regenerate(&a, &payload("b", "{}"), 60, 0);
        for _ in 0..2 {
            store.update(&a, &changed, 60, 0);
        }
        for _ in 0..6 {
            store.destroy(b"b");
            let _ = store.load(b"a", 0);
        }
        store.destroy(b"b");

        let figures = store.figures().expect("figures");

        let calls = |calls| rsess_calls { calls, errors: 0 };
        // No two alike, or two that changed places would look the same.
        assert_eq!((figures.create, figures.touch), (calls(4), calls(3)), "{kind}");
        assert_eq!((figures.remove, figures.save), (calls(2), calls(1)), "{kind}");
        assert_eq!((figures.load, figures.destroy), (calls(6), calls(7)), "{kind}");
        assert_eq!(figures.replace, calls(5), "{kind}");
        assert_eq!((figures.merges, figures.writes_to_gone), (1, 2), "{kind}");
        assert_eq!((figures.foreign_records, figures.unreadable_records), (0, 0), "{kind}");
        assert_eq!(figures.calls_not_tried, 0, "{kind}");
        assert_eq!(figures.size, size_of_val(&figures), "{kind}");
    });
}

#[test]
fn records_of_others_in_redis_are_none_and_are_counted() {
    let redis = RedisServer::start();
    let store = CStore::redis(&redis.url(), 0, 0).expect("a store");
    redis.ask(r#"SET session:a "{\"id\":\"b\"}""#);
    redis.ask("SET session:b nonsense");

    assert_eq!(store.load(b"a", 0), Err(RSESS_NOT_FOUND));
    assert_eq!(store.load(b"b", 0), Err(RSESS_NOT_FOUND));

    let figures = store.figures().expect("figures");
    assert_eq!((figures.foreign_records, figures.unreadable_records), (1, 1));
}

#[test]
fn a_store_that_is_down_says_so_and_counts_the_calls_that_it_did_not_try() {
    let store = CStore::redis("redis+unix:///nowhere/socket", 0, 0).expect("a store");

    for _ in 0..50 {
        assert_eq!(store.load(b"a", 0), Err(RSESS_ERR_STORE_UNREACHABLE));
    }

    let figures = store.figures().expect("figures");
    assert_eq!(figures.load, rsess_calls { calls: 50, errors: 50 });
    assert!((1..50).contains(&figures.calls_not_tried), "{}", figures.calls_not_tried);
}

#[test]
fn a_session_whose_old_record_cannot_be_removed_lives_under_its_new_id() {
    struct RemovesNothing;
    impl Store for RemovesNothing {
        fn call(&self, request: Request, _: UnixMillis) -> Result<Reply, StoreError> {
            match request {
                Request::Create { .. } => Ok(Reply::Create(true)),
                _ => Err(StoreError::TimedOut),
            }
        }
    }
    let store = lent(RemovesNothing);
    let stored = payload("b", "{}");

    let outcome = store.regenerate(&payload("a", "{}"), &stored, 60, 0);

    assert_eq!(outcome, (RSESS_OLD_REMAINS, Some(stored)));
}

#[test]
fn a_session_that_others_never_stop_changing_is_a_conflict() {
    struct Busy;
    impl Store for Busy {
        fn call(&self, request: Request, _: UnixMillis) -> Result<Reply, StoreError> {
            let other = payload("a", r#"{"other":1}"#);
            match request {
                Request::Create { .. } => Ok(Reply::Create(true)),
                Request::Destroy { .. } => Ok(Reply::Destroy),
                Request::Remove { .. } => Ok(Reply::Remove(Found::Changed(other))),
                Request::Replace { .. } => Ok(Reply::Replace(Found::Changed(other))),
                Request::Save { .. } => Ok(Reply::Save),
                _ => Err(StoreError::Protocol),
            }
        }
    }
    let store = lent(Busy);
    let (a, b) = (payload("a", "{}"), payload("b", "{}"));

    assert_eq!(store.update(&a, &a, 60, 0), (RSESS_ERR_STORE_CONFLICT, None));
    assert_eq!(store.regenerate(&a, &b, 60, 0), (RSESS_ERR_STORE_CONFLICT, None));
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
}

#[test]
fn a_store_refuses_what_it_cannot_keep() {
    let store = CStore::memory(700);
    let large = format!(r#"{{"id":"a","data":{{"x":"{}"}},"flash_next":{{}}}}"#, "x".repeat(400));

    let max = Ttl::MAX.as_seconds();
    for (payload, ttl, now, refusal) in [
        (large.as_str(), 1, 0, RSESS_ERR_TOO_LARGE),
        ("{}", 1, 0, RSESS_ERR_NOT_A_PAYLOAD),
        (r#"{"id":"../x"}"#, 1, 0, RSESS_ERR_INVALID_ID),
        (PAYLOAD, 0, 0, RSESS_ERR_CONFIG_TTL),
        (PAYLOAD, max + 1, 0, RSESS_ERR_CONFIG_TTL),
        (PAYLOAD, 1, LAST_DATE + 1, RSESS_ERR_INVALID_ARGUMENT),
    ] {
        assert_eq!(store.save(payload.as_bytes(), ttl, now), refusal);
        assert_eq!(store.create(payload, ttl, now), refusal);
    }
    assert_eq!(store.create(PAYLOAD, max, LAST_DATE), RSESS_OK);
    for (changed, ttl, now, refusal) in [
        (large.as_str(), 1, 0, RSESS_ERR_TOO_LARGE),
        ("{}", 1, 0, RSESS_ERR_NOT_A_PAYLOAD),
        (PAYLOAD, max + 1, 0, RSESS_ERR_CONFIG_TTL),
        (PAYLOAD, 1, LAST_DATE + 1, RSESS_ERR_INVALID_ARGUMENT),
    ] {
        assert_eq!(store.update(PAYLOAD, changed, ttl, now), (refusal, None));
        let renamed = changed.replace(r#""a""#, r#""b""#);
        assert_eq!(store.regenerate(PAYLOAD, &renamed, ttl, now), (refusal, None));
    }
    assert_eq!(store.update("{}", PAYLOAD, 1, 0), (RSESS_ERR_NOT_A_PAYLOAD, None));
    assert_eq!(store.regenerate("[]", PAYLOAD, 1, 0), (RSESS_ERR_NOT_A_PAYLOAD, None));
    assert_eq!(store.load(b"a", LAST_DATE).as_deref(), Ok(PAYLOAD));
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
    type Call = fn(&CStore) -> rsess_status;
    let calls: [Call; 6] = [
        |store| store.load(b"a", 0).expect_err("a panic"),
        |store| store.save(PAYLOAD.as_bytes(), 1, 0),
        |store| store.touch(b"a", 1, 0),
        |store| store.create(PAYLOAD, 1, 0),
        |store| store.update(PAYLOAD, PAYLOAD, 1, 0).0,
        |store| store.regenerate(PAYLOAD, &payload("b", "{}"), 1, 0).0,
    ];
    for call in calls {
        let store = lent(Panicking);
        assert_eq!(store.destroy(b"a"), RSESS_OK);
        assert_eq!(call(&store), RSESS_ERR_PANIC);
        assert_eq!(call(&store), RSESS_ERR_POISONED);
    }
    let store = lent(Panicking);

    assert_eq!(store.load(b"a", 0), Err(RSESS_ERR_PANIC));

    assert_eq!(store.load(b"a", 0), Err(RSESS_ERR_POISONED));
    assert_eq!(store.save(PAYLOAD.as_bytes(), 1, 0), RSESS_ERR_POISONED);
    assert_eq!(store.touch(b"a", 1, 0), RSESS_ERR_POISONED);
    assert_eq!(store.destroy(b"a"), RSESS_ERR_POISONED);
    assert_eq!(store.create(PAYLOAD, 1, 0), RSESS_ERR_POISONED);
    assert_eq!(store.update(PAYLOAD, PAYLOAD, 1, 0), (RSESS_ERR_POISONED, None));
    assert_eq!(store.regenerate(PAYLOAD, PAYLOAD, 1, 0), (RSESS_ERR_POISONED, None));
    assert_eq!(store.figures(), Err(RSESS_ERR_POISONED));
}
