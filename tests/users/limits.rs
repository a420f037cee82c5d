//! An index names no more sessions and no more ends than it may, and still no end is undone.

use std::collections::HashSet;
use std::num::NonZero;
use std::thread;

use rudder_session::users::{Standing, UserSessions};
use rudder_session::{Payload, UserMark};
use serde_json::{Value, json};

use super::alice::*;

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

/// Handles that differ, none of them one of [`HANDLES`].
fn many_handles(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:021}A")).collect()
}
