//! A call finds its record though slots move and masters die.

use std::time::Duration;

use rudder_session::store::{HashedIds, Regenerated, Resumed, Updated};
use rudder_session::{Lifetime, Payload, RedisConfig, SessionId, Store, Timeouts};
use rudder_session_tests::clusters::{Cluster, MASTERS};
use rudder_session_tests::faults::offsets::Method;
use rudder_session_tests::faults::{Extent, cluster};

use super::sessions::{LONG, NOW, a_minute, id, payload, store};

#[test]
fn a_call_goes_straight_to_the_node_of_its_record_braces_or_not() {
    let cluster = Cluster::shared();
    for prefix in ["straight:", "{a}:", "{}{b}", "x{", "}{", "{{c}}", "\u{e9}{\u{142}}"] {
        let prefix = prefix.to_owned();
        let store = store(RedisConfig { prefix: prefix.clone(), ..at(cluster, "") });

        for number in 0..20 {
            let name = format!("s{number}");
            let saved = payload(&name, r#"{"n":1}"#);
            assert_eq!(store.create(&saved, a_minute(), NOW), Ok(true), "{prefix}");
            assert_eq!(store.load(&id(&name), NOW), Ok(Some(saved.clone())), "{prefix}");
            let changed = payload(&name, r#"{"n":2}"#);
            assert_eq!(store.update(&saved, &changed, a_minute(), NOW), Ok(Updated::Saved));
            let stored = cluster.record(&format!("{prefix}{name}"));
            assert_eq!(stored.as_deref(), Some(changed.as_json()), "{prefix}");
        }

        assert_eq!(store.incidents().redirects, 0, "{prefix}");
    }
}

#[test]
fn a_session_whose_id_is_hashed_has_one_slot_and_is_found_after_it_moves_to_another() {
    let cluster = Cluster::shared();
    let prefix = "hashed:".to_owned();
    let store = HashedIds::new(store(RedisConfig { prefix, ..at(cluster, "") }));
    let timeouts = Timeouts::idle(Lifetime::from_minutes(1.0).expect("legal"));
    for _ in 0..20 {
        let [old, new] = [(); 2].map(|()| SessionId::random_256().expect("random"));
        let saved = Payload::new(&old);
        let moved = saved.with_id(&new);

        assert_eq!(store.create(&saved, a_minute(), NOW), Ok(true));
        let outcome = store.regenerate_with_grace(&saved, &moved, a_minute(), a_minute(), NOW);
        assert_eq!(outcome, Ok(Regenerated::Done(moved.clone())));
        assert_eq!(store.load(&new, NOW), Ok(Some(moved)));
        assert_eq!(store.resume(&old, &timeouts, NOW), Ok(Resumed::Moved(saved)));
        store.destroy_session(&old, NOW).expect("ended");
        assert_eq!(store.load(&new, NOW), Ok(None));
        for id in [&old, &new] {
            assert_eq!(cluster.record(&format!("hashed:{}", id.as_str())), None);
        }
    }
    assert_eq!(store.incidents().redirects, 0);
}

#[test]
fn a_slot_that_moved_is_looked_for_once_and_then_known() {
    let cluster = Cluster::shared();
    let store = store(RedisConfig { prefix: "moved:".to_owned(), ..at(cluster, "") });
    let saved = payload("a", r#"{"n":1}"#);
    store.save(&saved, a_minute(), NOW).expect("saved");
    let slot = cluster.slot("moved:a");
    let from = cluster.owner(slot, 0).expect("somebody has it");

    cluster.move_slot(slot, from, (from + 1) % MASTERS);

    assert_eq!(store.load(&id("a"), NOW), Ok(Some(saved.clone())));
    assert_eq!(store.incidents().redirects, 1);
    let changed = payload("a", r#"{"n":2}"#);
    assert_eq!(store.update(&saved, &changed, a_minute(), NOW), Ok(Updated::Saved));
    assert_eq!(store.load(&id("a"), NOW), Ok(Some(changed)));
    assert_eq!(store.incidents().redirects, 1);
}

#[test]
fn in_the_course_of_a_move_a_record_is_asked_for_at_both_places() {
    asks_at_both_places("session:{with scripts}:", "");
}

#[test]
fn in_the_course_of_a_move_a_record_is_compared_and_set_without_scripts() {
    asks_at_both_places("session:{without scripts}:", Cluster::shared().without_scripts());
}

/// One record has moved, one has not, and new ones belong to the new place. One slot for all.
fn asks_at_both_places(prefix: &str, user: &str) {
    let cluster = Cluster::shared();
    let store = store(RedisConfig { prefix: prefix.to_owned(), ..at(cluster, user) });
    let [stays, moves] = ["stays", "moves"].map(|name| payload(name, r#"{"n":1}"#));
    for payload in [&stays, &moves] {
        store.save(payload, a_minute(), NOW).expect("saved");
    }
    let slot = cluster.slot(&format!("{prefix}moves"));
    let from = cluster.owner(slot, 0).expect("somebody has it");
    let to = (from + 1) % MASTERS;
    cluster.begin_move(slot, from, to);
    cluster.move_record(&format!("{prefix}moves"), from, to);
    let redirects = || store.incidents().redirects;

    let changed = payload("stays", r#"{"n":2}"#);
    assert_eq!(store.update(&stays, &changed, a_minute(), NOW), Ok(Updated::Saved));
    assert_eq!(store.load(&id("stays"), NOW), Ok(Some(changed)));
    assert_eq!(redirects(), 0, "it is where it was");
    for times in 1..3 {
        assert_eq!(store.load(&id("moves"), NOW), Ok(Some(moves.clone())));
        assert_eq!(redirects(), times, "the slot is still the first node's");
    }
    assert_eq!(store.touch(&id("moves"), a_minute(), NOW), Ok(true));
    let new = payload("new", "{}");
    assert_eq!(store.create(&new, a_minute(), NOW), Ok(true));
    assert_eq!(store.create(&new, a_minute(), NOW), Ok(false));
    assert_eq!(store.destroy(&id("new")), Ok(()));
    assert_eq!(store.load(&id("new"), NOW), Ok(None));
    let changed = payload("moves", r#"{"n":2}"#);
    assert_eq!(store.update(&moves, &changed, a_minute(), NOW), Ok(Updated::Saved));
    let others = payload("moves", r#"{"n":1,"m":1}"#);
    let both = payload("moves", r#"{"n":2,"m":1}"#);
    assert_eq!(store.update(&moves, &others, a_minute(), NOW), Ok(Updated::Merged(both.clone())));
    assert_eq!(store.update(&new, &new, a_minute(), NOW), Ok(Updated::Gone));
    let renamed = both.with_id(&id("renamed"));
    let regenerated = store.regenerate(&both, &renamed, a_minute(), NOW);
    assert_eq!(regenerated, Ok(Regenerated::Done(renamed.clone())));
    assert_eq!(store.load(&id("moves"), NOW), Ok(None));

    cluster.move_records(slot, from, to);
    cluster.end_move(slot, to);
    assert_eq!(store.load(&id("renamed"), NOW), Ok(Some(renamed)));
    let before = redirects();
    assert!(store.load(&id("stays"), NOW).is_ok_and(|it| it.is_some()));
    assert_eq!(redirects(), before, "the slot is the other node's");
    let incidents = store.incidents();
    assert_eq!((incidents.foreign_records, incidents.unreadable_records), (0, 0));
}

#[test]
fn no_update_is_lost_while_slots_move() {
    cluster::moving_slots(Extent::SHORT, Method::Script);
}

#[test]
fn no_update_is_lost_while_slots_move_without_scripts() {
    cluster::moving_slots(Extent::SHORT, Method::Watch);
}

#[test]
fn a_master_that_is_killed_is_followed_and_nothing_acknowledged_by_a_replica_is_lost() {
    cluster::fail_overs(Extent::SHORT);
}

#[test]
fn a_lost_node_takes_no_session_of_the_others_along() {
    let mut cluster = Cluster::start();
    let store = store(RedisConfig { deadline: Duration::from_secs(2), ..at(&cluster, "") });
    let sessions: Vec<_> = (0..30).map(|n| payload(&format!("s{n}"), "{}")).collect();
    let owner = |session: &Payload| {
        let id = session.session_id().expect("legal");
        cluster.owner(cluster.slot(&format!("session:{}", id.as_str())), 0)
    };
    for session in &sessions {
        store.save(session, a_minute(), NOW).expect("saved");
    }
    let (lost, kept): (Vec<_>, Vec<_>) = sessions.iter().partition(|it| owner(it) == Some(2));
    assert!(lost.len() > 2 && kept.len() > 2, "{} and {}", lost.len(), kept.len());
    cluster.kill(MASTERS + 2);
    cluster.kill(2);

    // More than enough for the breaker of the lost node.
    for round in 0..30 {
        for session in &kept {
            let id = session.session_id().expect("legal");
            assert_eq!(store.load(&id, NOW), Ok(Some((*session).clone())), "round {round}");
        }
        let id = lost[round % lost.len()].session_id().expect("legal");
        let error = store.load(&id, NOW).expect_err("it is out of reach");
        assert!(error.is_retryable(), "{error}");
    }

    assert!(store.incidents().calls_not_tried > 0, "every call was tried");
}

#[test]
fn a_user_of_a_cluster_may_do_with_few_commands() {
    let cluster = Cluster::shared();
    let user = cluster.without_scripts();
    let prefix = "session:few:".to_owned();
    let store = store(RedisConfig { prefix, min_replicas: 1, ..at(cluster, user) });
    let saved = payload("a", "{}");

    assert_eq!(store.create(&saved, a_minute(), NOW), Ok(true));
    let changed = payload("a", r#"{"n":1}"#);
    assert_eq!(store.update(&saved, &changed, a_minute(), NOW), Ok(Updated::Saved));
    assert_eq!(store.destroy(&id("a")), Ok(()));
}

/// The cluster, found by one node; `user` is the part of a URL that says who asks.
fn at(cluster: &Cluster, user: &str) -> RedisConfig {
    let nodes = cluster.addresses();
    let url = format!("redis://{user}{}", nodes[1]);
    let cluster_nodes = vec![nodes[0].clone()];
    RedisConfig { url, cluster_nodes, deadline: LONG, ..RedisConfig::default() }
}
