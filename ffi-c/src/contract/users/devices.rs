//! Users sign in and out, see their devices, and end them.

use super::super::engines::CEngine;
use super::{engine, nobody, with_every_engine};
use crate::status::rsess_status::*;

#[test]
fn a_user_sees_the_devices_and_logs_out_everywhere_else() {
    with_every_engine(|name, engine| {
        let (laptop, laptop_cookie) = engine.signed_in("alice", r#"Firefox "7" on \x"#, 1000);
        let (_, phone_cookie) = engine.signed_in("alice", "Safari on iOS", 2000);
        let (_, tablet_cookie) = engine.signed_in("alice", "", 3000);
        let (_, bobs_cookie) = engine.signed_in("bob", "Firefox", 3000);

        let listed = laptop.devices(4000).expect("a list");
        let seen: Vec<_> = listed.as_array().expect("an array").iter().collect();
        assert_eq!(seen.len(), 3, "{name}");
        assert_eq!(seen.iter().map(|it| &it["created"]).collect::<Vec<_>>(), [3000, 2000, 1000]);
        assert_eq!(seen.iter().map(|it| &it["seen"]).collect::<Vec<_>>(), [3000, 2000, 1000]);
        let labels: Vec<_> = seen.iter().map(|it| &it["label"]).collect();
        assert_eq!(labels, ["", "Safari on iOS", r#"Firefox "7" on \x"#], "{name}");
        let current: Vec<_> = seen.iter().map(|it| &it["current"]).collect();
        assert_eq!(current, [false, false, true], "{name}");
        let phone = seen[1]["handle"].as_str().expect("a text");

        assert_eq!(laptop.revoke(phone, 4000), RSESS_OK, "{name}");
        assert_eq!(laptop.revoke(phone, 4000), RSESS_NOT_FOUND, "{name}");
        assert!(!engine.is_live(&phone_cookie, 4000), "{name}");
        assert!(engine.is_live(&tablet_cookie, 4000), "{name}");

        assert_eq!(laptop.revoke_others(5000), Ok(1), "{name}");
        assert!(!engine.is_live(&tablet_cookie, 5000), "{name}");
        assert!(engine.is_live(&laptop_cookie, 5000), "{name}");
        assert!(engine.is_live(&bobs_cookie, 5000), "{name}: somebody else's");

        let (_, again_cookie) = engine.signed_in("alice", "again", 6000);
        assert_eq!(laptop.revoke_all(7000), Ok(2), "{name}");
        assert!(!engine.is_live(&again_cookie, 7000), "{name}");
        assert!(!engine.is_live(&laptop_cookie, 7000), "{name}");
        let (status, header) = laptop.commit(7000);
        assert_eq!(status, RSESS_OK, "{name}");
        assert!(header.expect("written").contains("Max-Age=0"), "{name}");
        assert!(engine.is_live(&bobs_cookie, 7000), "{name}");
    });
}

#[test]
fn an_administrator_lists_and_ends_the_sessions_of_anybody() {
    with_every_engine(|name, engine| {
        let (_, laptop) = engine.signed_in("alice", "laptop", 1000);
        let (_, phone) = engine.signed_in("alice", "phone", 2000);
        let (_, bobs) = engine.signed_in("bob", "", 2000);

        let listed = engine.user_devices("alice", 3000).expect("a list");
        assert_eq!(listed[0]["label"], "phone", "{name}");
        assert_eq!(listed[1]["label"], "laptop", "{name}");
        assert_eq!(listed[0]["current"], false, "{name}");
        let handle = listed[0]["handle"].as_str().expect("a text");

        assert_eq!(engine.user_revoke("bob", handle, 3000), RSESS_NOT_FOUND, "{name}");
        assert!(engine.is_live(&phone, 3000), "{name}: a handle of another user");
        assert_eq!(engine.user_revoke("alice", handle, 3000), RSESS_OK, "{name}");
        assert_eq!(engine.user_revoke("alice", handle, 3000), RSESS_NOT_FOUND, "{name}");
        assert_eq!((engine.is_live(&phone, 3000), engine.is_live(&laptop, 3000)), (false, true));

        assert_eq!(engine.user_revoke_all("alice", 4000), Ok(1), "{name}");
        assert_eq!(engine.user_revoke_all("alice", 4000), Ok(0), "{name}");
        assert_eq!((engine.is_live(&laptop, 4000), engine.is_live(&bobs, 4000)), (false, true));
        assert_eq!(engine.user_devices("alice", 4000), nobody(), "{name}");
        assert_eq!(engine.user_devices("nobody", 4000), nobody(), "{name}");
    });
}

#[test]
fn to_sign_in_keeps_the_data_and_changes_the_id() {
    with_every_engine(|name, engine| {
        let guest = engine.load("", 0).expect("a session");
        guest.put("cart", "[1]");
        let planted = guest.cookie(0);
        let session = engine.load(&planted, 1000).expect("a session");
        let id_before = session.id();

        assert_eq!(session.sign_in("alice", "", 1000).status, RSESS_OK);
        let cookie = session.cookie(1000);

        assert_ne!(session.id(), id_before, "{name}");
        let next = engine.load(&cookie, 2000).expect("a session");
        assert_eq!((next.data().as_str(), next.id()), (r#"{"cart":[1]}"#, session.id()), "{name}");
        // With the driver cookie a copy of before is another session, and nobody's.
        let old = engine.load(&planted, 2000).expect("a session");
        assert_eq!(old.devices(2000), nobody(), "{name}");
    });
}

#[test]
fn a_session_in_which_nothing_but_a_user_is_is_stored() {
    with_every_engine(|name, engine| {
        let (_, cookie) = engine.signed_in("alice", "", 0);

        assert_eq!(engine.load(&cookie, 1).expect("a session").is(), (false, false, RSESS_OK));
        assert!(engine.is_live(&cookie, 1), "{name}");
    });
}

#[test]
fn who_signs_in_again_has_one_session_and_who_signs_in_as_another_is_nobody_else() {
    with_every_engine(|name, engine| {
        let (session, first) = engine.signed_in("alice", "first", 0);

        assert_eq!(session.sign_in("alice", "second", 1000).status, RSESS_OK);
        let second = session.cookie(1000);
        assert_eq!(
            engine.user_devices("alice", 1000).expect("a list").as_array().map(Vec::len),
            Some(1)
        );
        if name.starts_with("cookie") {
            assert!(!engine.is_live(&first, 1000), "{name}");
        }
        assert!(engine.is_live(&second, 1000), "{name}");

        assert_eq!(session.sign_in("bob", "", 2000).status, RSESS_OK);
        let third = session.cookie(2000);
        assert_eq!(engine.user_devices("alice", 2000), nobody(), "{name}");
        assert_eq!(session.devices(2000).expect("a list")[0]["current"], true, "{name}");
        assert!(engine.is_live(&third, 2000), "{name}");
    });
}

#[test]
fn what_is_signed_out_goes_on_as_nobodys_under_another_id() {
    with_every_engine(|name, engine| {
        let (session, cookie) = engine.signed_in("alice", "", 0);
        session.put("cart", "[1]");
        session.flash("notice", "1");
        let id = session.id();

        assert_eq!(session.sign_out(1000), RSESS_OK, "{name}");
        assert!(!engine.is_live(&cookie, 1000), "{name}: before it is committed");
        assert_eq!(session.sign_out(1000), RSESS_OK, "nothing happens");
        let after = session.cookie(1000);

        let next = engine.load(&after, 2000).expect("a session");
        assert_eq!((next.data().as_str(), next.is().0), (r#"{"cart":[1]}"#, false), "{name}");
        assert_eq!(next.get_flash("notice").as_deref(), Ok("1"), "{name}");
        assert_ne!(next.id(), id, "{name}");
        assert_eq!(next.devices(2000), nobody(), "{name}");
        assert_eq!(engine.user_devices("alice", 2000), nobody(), "{name}");
    });
}

#[test]
fn where_nothing_is_left_after_a_sign_out_the_browser_forgets_the_cookie_once() {
    with_every_engine(|name, engine| {
        let (session, _) = engine.signed_in("alice", "", 0);

        session.sign_out(1000);

        let (status, header) = session.commit(1000);
        assert_eq!(status, RSESS_OK, "{name}");
        assert!(header.expect("written").contains("Max-Age=0"), "{name}");
        assert_eq!(session.commit(1000), (RSESS_OK, Some(String::new())), "{name}");
    });
}

#[test]
fn a_session_that_is_destroyed_is_signed_out_with_every_driver() {
    with_every_engine(|name, engine| {
        let (session, cookie) = engine.signed_in("alice", "", 0);
        session.destroy();
        assert!(engine.is_live(&cookie, 1000), "{name}: not committed yet");

        let (status, header) = session.commit(1000);

        assert_eq!(status, RSESS_OK, "{name}");
        assert!(header.expect("written").contains("Max-Age=0"), "{name}");
        assert!(!engine.is_live(&cookie, 1000), "{name}");
        assert_eq!(engine.user_devices("alice", 1000), nobody(), "{name}");
    });
}

#[test]
fn to_end_ones_own_session_by_its_handle_logs_out() {
    with_every_engine(|name, engine| {
        let (session, cookie) = engine.signed_in("alice", "", 0);

        assert_eq!(session.revoke(&session.handle(0), 1000), RSESS_OK, "{name}");

        let (status, header) = session.commit(1000);
        assert_eq!(status, RSESS_OK, "{name}");
        assert!(header.expect("written").contains("Max-Age=0"), "{name}");
        assert!(!engine.is_live(&cookie, 1000), "{name}");
    });
}

#[test]
fn a_session_that_was_ended_meanwhile_ends_no_other_and_its_record_goes() {
    with_every_engine(|name, engine| {
        let (phone, phone_cookie) = engine.signed_in("alice", "phone", 0);
        let (laptop, laptop_cookie) = engine.signed_in("alice", "laptop", 0);
        let laptops = laptop.handle(0);
        assert_eq!(laptop.revoke_others(1000), Ok(1), "{name}");

        assert_eq!(phone.revoke(&laptops, 2000), RSESS_NOT_FOUND, "{name}");
        assert_eq!(phone.revoke_others(2000), Ok(0), "{name}");
        assert_eq!(phone.revoke_all(2000), Ok(0), "{name}");
        assert!(engine.is_live(&laptop_cookie, 2000), "{name}");

        assert!(!engine.is_live(&phone_cookie, 2000), "{name}");
        let stored = engine.figures();
        assert!(stored.destroy.calls + stored.remove.calls > 0 || name.starts_with("cookie"));
    });
}

#[test]
fn one_session_too_many_ends_the_oldest_or_is_refused() {
    let settings = [("driver", "memory"), ("users.maxSessions", "2")];
    let ending = engine(&settings);
    let refusing = engine(&[&settings[..], &[("users.whenFull", "refuse")]].concat());
    for engine in [&ending, &refusing] {
        engine.signed_in("alice", "first", 0);
        engine.signed_in("alice", "second", 1000);
    }

    ending.signed_in("alice", "third", 2000);
    let labels = |engine: &CEngine| {
        let listed = engine.user_devices("alice", 3000).expect("a list");
        let labels = listed.as_array().expect("an array").iter();
        labels.map(|it| it["label"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(labels(&ending), ["third", "second"]);

    let session = refusing.load("", 2000).expect("a session");
    let told = session.sign_in("alice", "third", 2000);
    assert_eq!(told.status, RSESS_ERR_TOO_MANY_SESSIONS);
    assert_eq!(told.message, "user has as many sessions as may be");
    assert_eq!(session.is(), (true, false, RSESS_OK), "as it was");
    assert_eq!(labels(&refusing), ["second", "first"]);
}
