//! The sessions of a user are what `tests/vectors/users.json` says: a program in Python that
//! shares no code with the engine has made it. And a few rules that take more than one record.

use std::collections::HashSet;
use std::num::NonZero;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rudder_session::UsersError;
use rudder_session::store::{HashedIds, Regenerated, Reply, Request, Resumed, Updated};
use rudder_session::users::{Standing, UserSessions, UserSessionsConfig, WhenFull};
use rudder_session::{CookieCodec, DecodeError, HardenedCodec, HardenedConfig, HardenedKey};
use rudder_session::{KeyRing, Lifetime, MemoryConfig, MemoryStore, Payload, SessionHandle};
use rudder_session::{SessionId, Store, StoreError, Timeouts, Ttl, UnixMillis, UserMark};
use rudder_session_tests::random::Random;
use serde_json::{Value, json};

#[test]
fn the_vectors_are_what_the_program_in_python_makes() {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/users.py");

    let output = Command::new("python3").args(["-B", program]).output().expect("it is installed");

    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).expect("UTF-8"), VECTORS);
}

#[test]
fn a_user_has_the_index_of_the_vectors() {
    for case in cases("user_index") {
        let index = SessionId::user_index(text(&case, "user")).expect("a legal key");

        assert_eq!(index.as_str(), text(&case, "index"));
        assert!(index.is_user_index());
        assert_eq!(SessionId::parse(index.as_str()), Some(index));
    }
    for user in cases("refused_users") {
        assert_eq!(SessionId::user_index(user.as_str().expect("text")), None);
    }
}

#[test]
fn a_marked_payload_is_spelled_as_in_the_vectors() {
    for case in cases("payloads") {
        let (data, flash) = (text(&case, "data"), text(&case, "flash_next"));
        let plain = format!(r#"{{"id":{},"data":{data},"flash_next":{flash}}}"#, case["id"]);
        let mut payload = Payload::parse(plain).expect("a payload");

        if !case["mark"].is_null() {
            payload.set_user_mark(&mark(&case["mark"]));
        }
        if let Some(at) = case["created_at"].as_u64() {
            payload.set_created_at(UnixMillis::new(at));
        }

        assert_eq!(payload.as_json(), text(&case, "text"));
        assert_eq!(payload.user_mark(), (!case["mark"].is_null()).then(|| mark(&case["mark"])));
        assert_eq!(Payload::parse(payload.as_json()), Ok(payload));
    }
}

#[test]
fn a_mark_is_read_from_every_spelling_of_it_and_from_nothing_else() {
    for case in cases("marks") {
        let payload = Payload::parse(text(&case, "text")).expect("a payload");

        let expected = (!case["mark"].is_null()).then(|| mark(&case["mark"]));
        assert_eq!(payload.user_mark(), expected, "{case}");
        assert_eq!(payload.as_json(), text(&case, "spelled"));
    }
}

#[test]
fn every_session_is_judged_as_in_the_vectors() {
    for case in cases("check") {
        let store = store_with(&case["data"]);
        let mark = mark(&case["mark"]);
        let before = record(&store);

        let standing = users(&store).check(&marked(&mark), now()).expect("the store can say");

        let after = record(&store);
        let seen = &after[format!("s.{}", mark.handle())];
        match text(&case, "verdict") {
            "over" => assert_eq!((standing, &after), (Standing::Over, &before), "{case}"),
            "heal" => {
                assert_eq!((standing, seen), (Standing::Live, &vectors()["now"]), "{case}");
                let entry = &after[format!("h.{}", mark.handle())];
                assert_eq!((&entry["epoch"], &entry["label"]), (&json!(mark.epoch()), &json!("")));
            }
            _ if case["seen_is_due"] == true => {
                assert_eq!((standing, seen), (Standing::Live, &vectors()["now"]), "{case}");
            }
            _ => assert_eq!((standing, &after), (Standing::Live, &before), "{case}"),
        }
    }
}

#[test]
fn a_write_prunes_as_in_the_vectors() {
    let other = SessionHandle::parse("_____________________w").expect("16 bytes");
    for case in cases("prune") {
        let store = store_with(&case["data"]);
        let signed_out = UserMark::new(&alice(), &other, 0).expect("legal");

        users(&store).sign_out(&marked(&signed_out), now()).expect("written");

        let mut after = record(&store);
        assert!(after.as_object_mut().expect("data").remove(&format!("r.{other}")).is_some());
        assert_eq!(after, case["pruned"], "{}", case["name"]);
    }
}

#[test]
fn the_sessions_are_listed_as_in_the_vectors() {
    for case in cases("list") {
        let store = store_with(&case["data"]);
        let users = users(&store);

        let found = match case["current"].as_str() {
            None => users.list("alice", now()),
            Some(handle) => users.list_of(&marked(&with_handle(handle)), now()),
        };

        let found: Vec<_> = found
            .expect("the store can say")
            .into_iter()
            .map(|it| {
                json!({
                    "handle": it.handle.as_str(), "created": it.created, "seen": it.seen,
                    "label": it.label, "current": it.current,
                })
            })
            .collect();
        assert_eq!(Value::Array(found), case["list"], "{}", case["name"]);
    }
}

#[test]
fn a_label_is_kept_as_in_the_vectors() {
    for case in cases("labels") {
        let store = store_with(&Value::Null);
        let users = users(&store);

        users.sign_in(&payload("a"), "alice", text(&case, "given"), now()).expect("signed in");

        let found = users.list("alice", now()).expect("the store can say");
        assert_eq!(found[0].label, text(&case, "kept"));
    }
}

#[test]
fn every_operation_leaves_the_index_as_in_the_vectors() {
    for case in cases("operations") {
        let store = store_with(&case["before"]);
        let given = &case["given"];
        let mut config = config();
        config.max_sessions = given["most"].as_u64().and_then(|it| NonZero::new(it as u16));
        if given["when_full"] == "refuse" {
            config.when_full = WhenFull::Refuse;
        }
        let users = UserSessions::new(&store, config);
        let session = || marked(&mark(&given["mark"]));
        let handle = || SessionHandle::parse(text(given, "handle")).expect("a handle");
        let expected = &case["after"];
        let unchanged = record(&store);

        let mut made = None;
        let outcome = match text(&case, "operation") {
            "sign_in" => {
                let old = given["old"].as_str().map(with_handle);
                let session = old.map_or_else(|| payload("a"), |it| marked(&it));
                match users.sign_in(&session, "alice", text(given, "label"), now()) {
                    Ok(mark) => {
                        made = Some(mark.handle().clone());
                        json!("signed in")
                    }
                    Err(UsersError::TooManySessions) => json!("refused"),
                    Err(error) => panic!("{error}"),
                }
            }
            "check" => match users.check(&session(), now()).expect("the store can say") {
                Standing::Live => json!("live"),
                Standing::Over => json!("over"),
                Standing::NotSignedIn => panic!("it is marked"),
            },
            "revoke" => json!(users.revoke("alice", &handle(), now()).expect("written")),
            "sign_out" => {
                users.sign_out(&session(), now()).expect("written");
                Value::Null
            }
            "revoke_all" => json!(users.revoke_all("alice", now()).expect("written")),
            "revoke_others" => match users.revoke_others(&session(), now()) {
                Err(UsersError::NotSignedIn) => json!("over"),
                counted => json!(counted.expect("written")),
            },
            other => panic!("{other}"),
        };

        assert_eq!(outcome, case["outcome"], "{case}");
        let mut after = record(&store);
        if let Some(made) = made {
            let text = after.to_string().replace(made.as_str(), text(given, "handle"));
            after = serde_json::from_str(&text).expect("JSON");
        }
        assert_eq!(&after, if expected.is_null() { &unchanged } else { expected }, "{case}");
    }
}

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

#[test]
fn an_index_names_no_more_than_a_thousand_sessions() {
    let handles = many_handles(1000);
    let mut data = serde_json::Map::new();
    for (n, handle) in (0..).zip(&handles) {
        let entry = json!({"created": NOW - n, "until": NOW + 5, "epoch": 0, "label": "x"});
        data.insert(format!("h.{handle}"), entry);
    }
    let store = store_with(&Value::Object(data));
    let users = users(&store);
    assert_eq!(users.list("alice", now()).expect("told").len(), 1000);

    let new = users.sign_in(&payload("a"), "alice", "", now()).expect("signed in");

    assert_eq!(users.list("alice", now()).expect("told").len(), 1000);
    let standing = |it: &UserMark| users.check(&marked(it), now());
    let [before, oldest] = [998, 999].map(|n: usize| with_handle(&handles[n]));
    assert_eq!(
        [&new, &before, &oldest].map(standing),
        [Ok(Standing::Live), Ok(Standing::Live), Ok(Standing::Over)]
    );
    // Those who mend the index are bound as well.
    let lost = with_handle(HANDLES[0]);
    assert_eq!(standing(&lost), Ok(Standing::Live));
    assert_eq!(users.list("alice", now()).expect("told").len(), 1000);
}

#[test]
fn an_index_holds_no_more_than_a_thousand_ends_and_still_none_is_undone() {
    let handles = many_handles(1000);
    let ends = handles.iter().map(|it| (format!("r.{it}"), json!(NOW + 5)));
    let store = store_with(&Value::Object(ends.collect()));
    let users = users(&store);
    let stays = signed_in(&store, "stays");
    let goes = signed_in(&store, "goes");
    assert_eq!(record(&store).as_object().expect("data").len(), 1004);

    users.sign_out(&goes, now()).expect("written");

    let record = record(&store);
    assert_eq!(record["epoch"], NOW, "they are folded");
    assert_eq!(record.as_object().expect("data").len(), 3);
    assert_eq!(users.check(&stays, now()), Ok(Standing::Live));
    assert_eq!(users.check(&goes, now()), Ok(Standing::Over));
    for handle in &handles {
        assert_eq!(users.check(&marked(&with_handle(handle)), now()), Ok(Standing::Over));
    }
    assert_eq!(users.list("alice", now()).expect("told").len(), 1);
    let again = signed_in(&store, "again");
    assert_eq!(users.check(&again, now()), Ok(Standing::Live));
}

/// Handles that differ, none of them one of [`HANDLES`].
fn many_handles(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:021}A")).collect()
}

#[test]
fn a_hundred_threads_that_sign_in_leave_no_more_than_may_be() {
    let store = store_with(&Value::Null);
    let mut config = config();
    config.max_sessions = NonZero::new(5);
    let users = UserSessions::new(&store, config);

    let sessions: Vec<_> = thread::scope(|scope| {
        let sign_in = || users.sign_in(&payload("a"), "alice", "", now());
        let threads: Vec<_> = (0..100).map(|_| scope.spawn(sign_in)).collect();
        let joined = threads.into_iter().map(|it| it.join().expect("no panic"));
        joined.map(|mark| marked(&mark.expect("signed in"))).collect()
    });

    let live = |it: &&Payload| users.check(it, now()) == Ok(Standing::Live);
    let live: HashSet<_> = sessions
        .iter()
        .filter(live)
        .map(|it| it.user_mark().expect("one").handle().clone())
        .collect();
    assert_eq!(live.len(), 5);
    let listed = users.list("alice", now()).expect("told");
    assert_eq!(listed.into_iter().map(|it| it.handle).collect::<HashSet<_>>(), live);
}

#[test]
fn no_record_makes_a_panic_or_lets_in_what_is_revoked() {
    let mut random = Random::new(8);
    for _ in 0..3_000 {
        let data = hostile_index(&mut random);
        let store = store_with(&data);
        let users = users(&store);
        let session = marked(&with_handle(HANDLES[random.below(HANDLES.len())]));
        let handle = session.user_mark().expect("marked").handle().clone();
        let is_revoked = data.get(format!("r.{handle}")).is_some();

        let _ = users.list_of(&session, now());
        match random.below(5) {
            0 => drop(users.revoke_others(&session, now())),
            1 => drop(users.sign_in(&payload("a"), "alice", "x", now())),
            2 => drop(users.sign_out(&session, now())),
            3 => drop(users.revoke("alice", &handle, now())),
            _ => {}
        }

        let standing = users.check(&session, now());
        // An end whose instant is past is forgotten by the next write, as it is to be.
        let is_past = data[format!("r.{handle}")].as_f64().is_some_and(|it| it < NOW as f64);
        if is_revoked && !is_past {
            assert_eq!(standing, Ok(Standing::Over), "{data}");
        }
        assert!(standing.is_ok(), "{data}");
        users.revoke_all("alice", now()).expect("written");
        assert_eq!(users.list("alice", now()), Ok(Vec::new()), "{data}");
        if users.check(&session, now()) != Ok(Standing::Over) {
            let epoch = data["epoch"].as_f64();
            panic!("alive after an end of all, epoch {epoch:?}: {data}");
        }
    }
}

fn hostile_index(random: &mut Random) -> Value {
    let value = |random: &mut Random| match random.below(12) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!("1700000000000"),
        3 => json!(-1),
        4 => json!(0.5),
        5 => json!(1e300),
        6 => json!([1, [2]]),
        7 => json!({"epoch": 9}),
        8 => json!(0),
        9 => json!(9_007_199_254_740_991_u64),
        _ => json!(NOW + random.next() % 10_000),
    };
    let mut data = serde_json::Map::new();
    for _ in 0..random.below(9) {
        let handle = HANDLES[random.below(HANDLES.len())];
        let key = match random.below(8) {
            0 => "epoch".to_owned(),
            1 => format!("x{handle}"),
            2 => format!("h.{}", &handle[random.below(handle.len())..]),
            3 => format!("r.{handle}"),
            4 => format!("s.{handle}"),
            _ => format!("h.{handle}"),
        };
        let entry = match random.below(3) {
            0 => value(random),
            _ if key == "epoch" => json!(random.below(3)),
            1 => json!({"created": NOW, "until": NOW + 5, "epoch": 0, "label": "x"}),
            _ => json!({
                "created": value(random), "until": value(random), "epoch": random.below(3),
                "label": "\u{0}\u{9f}\u{1f36a}",
            }),
        };
        data.insert(key, entry);
    }
    Value::Object(data)
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

/// A session of alice in the store, and in her index.
fn signed_in(store: &MemoryStore, label: &str) -> Payload {
    let session = Payload::new(&SessionId::random().expect("random"));
    store.create(&session, ttl(), now()).expect("created");
    let mark = users(store).sign_in(&session, "alice", label, now()).expect("signed in");
    let mut signed_in = session.with_id(&SessionId::random().expect("random"));
    signed_in.set_user_mark(&mark);
    store.regenerate(&session, &signed_in, ttl(), now()).expect("regenerated");
    signed_in
}

fn users<S: Store>(store: S) -> UserSessions<S> {
    UserSessions::new(store, config())
}

fn config() -> UserSessionsConfig {
    let config = UserSessionsConfig::new(config_lifetime());
    let seen_every = Duration::from_millis(vectors()["seen_every_ms"].as_u64().expect("a number"));
    assert_eq!(config.seen_every, seen_every);
    config
}

fn config_lifetime() -> Lifetime {
    let millis = vectors()["lifetime_ms"].as_f64().expect("a number");
    Lifetime::from_minutes(millis / 60_000.0).expect("legal")
}

/// A store that has this index of alice; null is none.
fn store_with(data: &Value) -> MemoryStore {
    let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
    if !data.is_null() {
        let record = json!({"id": alice().as_str(), "data": data, "flash_next": {}});
        let record = Payload::parse(record.to_string()).expect("a payload");
        store.save(&record, ttl(), now()).expect("saved");
    }
    store
}

/// The data of the index of alice; null is none.
fn record(store: &impl Store) -> Value {
    let record = store.load(&alice(), now()).expect("the store can say");
    record.map_or(Value::Null, |it| serde_json::from_str(it.data_json()).expect("JSON"))
}

fn alice() -> SessionId {
    SessionId::user_index("alice").expect("a legal key")
}

fn with_handle(handle: &str) -> UserMark {
    UserMark::new(&alice(), &SessionHandle::parse(handle).expect("a handle"), 0).expect("legal")
}

fn mark(it: &Value) -> UserMark {
    let index = SessionId::parse(text(it, "index")).expect("legal");
    let handle = SessionHandle::parse(text(it, "handle")).expect("a handle");
    UserMark::new(&index, &handle, it["epoch"].as_u64().expect("a number")).expect("a mark")
}

fn marked(mark: &UserMark) -> Payload {
    let mut payload = payload("marked");
    payload.set_user_mark(mark);
    payload
}

fn payload(name: &str) -> Payload {
    Payload::new(&id(name))
}

fn id(name: &str) -> SessionId {
    SessionId::parse(name).expect("legal")
}

fn ttl() -> Ttl {
    Ttl::from_seconds(100_000).expect("legal")
}

fn now() -> UnixMillis {
    UnixMillis::new(NOW)
}

fn vectors() -> &'static Value {
    static PARSED: std::sync::LazyLock<Value> =
        std::sync::LazyLock::new(|| serde_json::from_str(VECTORS).expect("JSON"));
    &PARSED
}

fn cases(section: &str) -> Vec<Value> {
    let cases = vectors()[section].as_array().expect("a list").clone();
    assert!(!cases.is_empty());
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().expect("a text")
}

const VECTORS: &str = include_str!("vectors/users.json");
const NOW: u64 = 1_700_000_000_000;
const HANDLES: [&str; 3] =
    ["AQEBAQEBAQEBAQEBAQEBAQ", "AgICAgICAgICAgICAgICAg", "AwMDAwMDAwMDAwMDAwMDAw"];
