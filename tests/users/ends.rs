//! What ends a session of a user does so for good, whoever asks, and though an index was lost or a
//! store failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rudder_session::UsersError;
use rudder_session::store::{Reply, Request, Resumed};
use rudder_session::users::Standing;
use rudder_session::{MemoryStore, Payload, Store, StoreError, Timeouts, UnixMillis};
use serde_json::Value;

use super::alice::*;

#[test]
fn a_session_that_is_over_is_destroyed_when_it_is_resumed() {
    let store = store_with(&Value::Null);
    let users = users(&store);
    let timeouts = Timeouts::idle(config_lifetime());
    let [laptop, phone] = ["laptop", "phone"].map(|name| signed_in(&store, name));
    let phone_id = phone.session_id().expect("legal");
    assert!(matches!(users.resume(&phone_id, &timeouts, now()), Ok(Resumed::Session { .. })));

    assert_eq!(users.revoke_others(&laptop, now()), Ok(1));

    assert_eq!(users.resume(&phone_id, &timeouts, now()), Ok(Resumed::None));
    assert_eq!(store.load(&phone_id, now()), Ok(None));
    let laptop_id = laptop.session_id().expect("legal");
    assert!(matches!(users.resume(&laptop_id, &timeouts, now()), Ok(Resumed::Session { .. })));
    let anonymous = payload("anonymous");
    store.save(&anonymous, ttl(), now()).expect("saved");
    assert_eq!(users.check(&anonymous, now()), Ok(Standing::NotSignedIn));
    let id = id("anonymous");
    assert!(matches!(users.resume(&id, &timeouts, now()), Ok(Resumed::Session { .. })));
}

#[test]
fn who_does_not_wait_is_told_the_same() {
    let store = Arc::new(store_with(&Value::Null));
    let [laptop, phone] = ["laptop", "phone"].map(|name| signed_in(&store, name));
    let users = users(Arc::clone(&store));
    users.sign_out(&phone, now()).expect("written");
    let (tell, told) = std::sync::mpsc::channel();

    for session in [&laptop, &phone, &payload("anonymous")] {
        let tell = tell.clone();
        users.submit_check(session, now(), move |it| tell.send(it).expect("heard"));
    }

    let told: Vec<_> = told.iter().take(3).collect();
    assert_eq!(told, [Ok(Standing::Live), Ok(Standing::Over), Ok(Standing::NotSignedIn)]);
}

#[test]
fn who_does_not_wait_signs_out_the_same() {
    let store = Arc::new(store_with(&Value::Null));
    let [laptop, phone] = ["laptop", "phone"].map(|name| signed_in(&store, name));
    let users = users(Arc::clone(&store));
    let (tell, told) = std::sync::mpsc::channel();

    for session in [&laptop, &payload("anonymous")] {
        let tell = tell.clone();
        users.submit_sign_out(session, now(), move |it| tell.send(it).expect("heard"));
    }

    assert_eq!(told.iter().take(2).collect::<Vec<_>>(), [Ok(()), Ok(())]);
    assert_eq!(users.check(&laptop, now()), Ok(Standing::Over));
    assert_eq!(users.check(&phone, now()), Ok(Standing::Live));
}

#[test]
fn a_page_ends_all_sessions_of_its_user_with_its_own_and_only_while_it_is_alive() {
    let store = store_with(&Value::Null);
    let users = users(&store);
    let [laptop, phone] = ["laptop", "phone"].map(|name| signed_in(&store, name));
    let handle = phone.user_mark().expect("marked").handle().clone();
    assert_eq!(users.revoke_of(&laptop, &handle, now()), Ok(true));
    assert_eq!(users.revoke_all_of(&phone, now()), Err(UsersError::NotSignedIn));
    assert_eq!(users.check(&laptop, now()), Ok(Standing::Live));
    assert_eq!(users.revoke_all_of(&payload("a"), now()), Err(UsersError::NotSignedIn));

    assert_eq!(users.revoke_all_of(&laptop, now()), Ok(1));

    assert_eq!(users.check(&laptop, now()), Ok(Standing::Over));
    assert_eq!(users.list("alice", now()), Ok(Vec::new()));
}

#[test]
fn signing_in_as_another_user_ends_what_was_before() {
    let store = store_with(&Value::Null);
    let users = users(&store);
    let alices = signed_in(&store, "laptop");

    let mark = users.sign_in(&alices, "bob", "", now()).expect("signed in");

    assert_eq!(users.check(&alices, now()), Ok(Standing::Over));
    assert_eq!(users.check(&marked(&mark), now()), Ok(Standing::Live));
    assert_eq!(users.list("alice", now()), Ok(Vec::new()));
    let handle = mark.handle().clone();
    assert_eq!(users.revoke_of(&alices, &handle, now()), Err(UsersError::NotSignedIn));
    assert_eq!(users.revoke("alice", &handle, now()), Ok(false), "a handle of another user");
    assert_eq!(users.check(&marked(&mark), now()), Ok(Standing::Live));
}

#[test]
fn a_page_ends_sessions_of_its_own_user_and_only_while_it_is_alive() {
    let store = store_with(&Value::Null);
    let users = users(&store);
    let [laptop, phone] = ["laptop", "phone"].map(|name| signed_in(&store, name));
    let handle = |it: &Payload| it.user_mark().expect("marked").handle().clone();

    assert_eq!(users.revoke_of(&laptop, &handle(&phone), now()), Ok(true));

    assert_eq!(users.check(&phone, now()), Ok(Standing::Over));
    let refused = users.revoke_of(&phone, &handle(&laptop), now());
    assert_eq!(refused, Err(UsersError::NotSignedIn));
    assert_eq!(users.revoke_others(&phone, now()), Err(UsersError::NotSignedIn));
    assert_eq!(users.revoke_of(&payload("a"), &handle(&laptop), now()), refused);
    assert_eq!(users.check(&laptop, now()), Ok(Standing::Live));
    // Its own, which is a logout.
    assert_eq!(users.revoke_of(&laptop, &handle(&laptop), now()), Ok(true));
    assert_eq!(users.check(&laptop, now()), Ok(Standing::Over));
}

#[test]
fn a_lost_index_is_made_anew_by_the_sessions_that_are_used() {
    let store = store_with(&Value::Null);
    let users = users(&store);
    let [laptop, phone] = ["laptop", "phone"].map(|name| signed_in(&store, name));
    store.destroy(&alice()).expect("lost");

    assert_eq!(users.list("alice", now()), Ok(Vec::new()));
    assert_eq!(users.check(&laptop, now()), Ok(Standing::Live));
    assert_eq!(users.list("alice", now()).expect("told").len(), 1);
    // The phone was not named when all were ended, and is over by the epoch.
    assert_eq!(users.revoke_others(&laptop, now()), Ok(0));
    assert_eq!(users.check(&phone, now()), Ok(Standing::Over));
    assert_eq!(users.check(&laptop, now()), Ok(Standing::Live));
}

#[test]
fn an_end_of_all_after_a_loss_ends_sessions_of_every_epoch_before() {
    let store = store_with(&Value::Null);
    let users = users(&store);
    assert_eq!(users.revoke_all("alice", now()), Ok(0));
    let phone = signed_in(&store, "phone");
    store.destroy(&alice()).expect("lost");
    // This one makes the index anew, which then counts from the beginning.
    signed_in(&store, "laptop");

    let later = UnixMillis::new(NOW + 1);
    assert_eq!(users.revoke_all("alice", later), Ok(1));

    assert_eq!(users.check(&phone, later), Ok(Standing::Over));
}

#[test]
fn an_index_lives_as_long_as_what_it_names() {
    let store = store_with(&Value::Null);
    let users = users(&store);
    let laptop = signed_in(&store, "laptop");
    let kept = 7_200_000 + 2 * 60_000;
    let after = |millis| UnixMillis::new(NOW + millis);

    users.sign_out(&laptop, now()).expect("written");

    assert_eq!(users.check(&laptop, after(kept - 1)), Ok(Standing::Over));
    assert_eq!(store.load(&alice(), after(kept)), Ok(None), "it has a TTL");
}

#[test]
fn a_store_that_cannot_say_is_an_error_and_one_that_cannot_note_is_none() {
    let inner = store_with(&Value::Null);
    let laptop = signed_in(&inner, "laptop");
    let store = Failing { inner: &inner, reads: AtomicBool::new(false) };
    let users = users(&store);
    let later = UnixMillis::new(NOW + 60_001);

    // The note is due, and its write fails.
    assert_eq!(users.check(&laptop, later), Ok(Standing::Live));
    let refused = Err(UsersError::Store(StoreError::TimedOut));
    assert_eq!(users.revoke_others(&laptop, later), refused);
    assert_eq!(users.sign_in(&payload("a"), "alice", "", later).err(), refused.err());
    assert_eq!(users.sign_out(&laptop, later), Err(StoreError::TimedOut));
    inner.destroy(&alice()).expect("lost");
    assert_eq!(users.check(&laptop, later), Err(StoreError::TimedOut), "it could not be mended");
    store.reads.store(true, Ordering::Relaxed);
    assert_eq!(users.check(&laptop, later), Err(StoreError::TimedOut));
    assert_eq!(users.list("alice", later).err(), Some(UsersError::Store(StoreError::TimedOut)));
}

/// A store whose writes fail, and its reads if told so.
struct Failing<'a> {
    inner: &'a MemoryStore,
    reads: AtomicBool,
}

impl Store for Failing<'_> {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        let reads = matches!(request, Request::Load { .. } | Request::Inspect { .. });
        if reads && !self.reads.load(Ordering::Relaxed) {
            return self.inner.call(request, now);
        }
        Err(StoreError::TimedOut)
    }
}
