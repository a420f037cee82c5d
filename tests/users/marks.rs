//! The mark of a session stays with it, and a cookie that names an index is none.

use rudder_session::store::{HashedIds, Regenerated, Resumed, Updated};
use rudder_session::{CookieCodec, DecodeError, HardenedCodec, HardenedConfig, HardenedKey};
use rudder_session::{KeyRing, Payload, SessionId, Store, Timeouts, UnixMillis};
use serde_json::{Value, json};

use super::alice::*;

#[test]
fn a_cookie_that_names_an_index_is_refused_like_an_unknown_id() {
    let secret = "0123456789abcdef0123456789abcdef";
    let v1 = CookieCodec::new(KeyRing::from_secrets([secret]).expect("legal"));
    let keys = vec![HardenedKey::new(secret).expect("legal")];
    let mut config = HardenedConfig::new(keys, "sid");
    config.accept_v1_until = Some(UnixMillis::new(u64::MAX >> 12));
    let hardened = HardenedCodec::new(config).expect("legal");
    let value = v1.encode_id(&alice());

    assert_eq!(v1.decode_id(&value), Err(DecodeError::Malformed));
    assert_eq!(hardened.decode_id(&value, now()).err(), Some(DecodeError::Malformed));
    assert!(hardened.decode_id(&v1.encode_id(&id("plain")), now()).is_ok());
    let store = store_with(&json!({"epoch": 1}));
    let timeouts = Timeouts::idle(config_lifetime());
    assert_eq!(store.resume(&alice(), &timeouts, now()), Ok(Resumed::None));
    assert_eq!(users(&store).resume(&alice(), &timeouts, now()), Ok(Resumed::None));
}

#[test]
fn no_save_takes_the_mark_out_of_a_session() {
    let store = store_with(&Value::Null);
    let mark = with_handle(HANDLES[0]);
    let (plain, base) = (payload("a"), marked(&mark));
    let base = base.with_id(&id("a"));
    store.save(&base, ttl(), now()).expect("saved");
    let mut ours = plain.clone();
    ours.put("n", &1).expect("a number");

    // What is stored is what was loaded.
    let Ok(Updated::Merged(stored)) = store.update(&base, &ours, ttl(), now()) else { panic!() };
    assert_eq!(stored.user_mark(), Some(mark.clone()));
    // Another request has written meanwhile; and the absolute timeout has stamped it.
    let mut stamped = plain.clone();
    stamped.set_created_at(UnixMillis::new(5));
    let Ok(Updated::Merged(stored)) = store.update(&base, &stamped, ttl(), now()) else { panic!() };
    assert_eq!(
        (stored.user_mark(), stored.created_at()),
        (Some(mark.clone()), stamped.created_at())
    );
    // Another id.
    let Ok(Regenerated::Done(stored)) =
        store.regenerate(&stored, &plain.with_id(&id("b")), ttl(), now())
    else {
        panic!()
    };
    assert_eq!((stored.user_mark(), stored.created_at()), (Some(mark), stamped.created_at()));
}

#[test]
fn of_two_marks_that_of_the_later_sign_in_counts() {
    let store = store_with(&Value::Null);
    let [before, ours, theirs] = HANDLES.map(|it| marked(&with_handle(it)).with_id(&id("a")));
    store.save(&theirs, ttl(), now()).expect("saved");

    let Ok(Updated::Merged(stored)) = store.update(&before, &before.clone(), ttl(), now()) else {
        panic!()
    };
    assert_eq!(stored.user_mark(), theirs.user_mark(), "who changed nothing overwrote a sign-in");

    let updated = store.update(&before, &ours, ttl(), now()).expect("saved");
    assert_eq!(updated, Updated::Saved);
    assert_eq!(store.load(&id("a"), now()), Ok(Some(ours)));
}

#[test]
fn an_index_lies_under_its_own_name_where_ids_are_hashed() {
    let inner = store_with(&Value::Null);
    let store = HashedIds::new(&inner);
    let session = Payload::new(&SessionId::random_256().expect("random"));

    users(&store).sign_in(&session, "alice", "", now()).expect("signed in");

    assert_eq!(record(&inner).as_object().expect("data").len(), 2);
    assert_eq!(record(&store), record(&inner));
}
