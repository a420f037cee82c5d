//! A call that is sent on arrives, or ends in time, and each caller gets its own answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use rudder_session::store::{Reply, Request, Updated};
use rudder_session::{Payload, RedisConfig, Store, StoreError};
use rudder_session_tests::redis_server::{RedisServer, await_that, free_port};
use rudder_session_tests::scripted_server::{ScriptedServer, Step};

use super::scripted_node::{Node, watching};
use super::sessions::{NOW, a_minute, id, payload, store};

#[test]
fn every_way_to_ask_is_sent_on() {
    let other = Node::with_all_slots(|_| None);
    let place = other.place();
    let node = Node::with_all_slots(move |words| match words {
        [b"GET" | b"SET", ..] => Some(format!("-MOVED 1 {place}\r\n").into_bytes()),
        _ => None,
    });
    let saved = payload("a", "{}");
    // Nothing is known of the other node each time.
    let fresh = || store(node.config());

    assert_eq!(fresh().save(&saved, a_minute(), NOW), Ok(()));
    assert_eq!(fresh().call(Request::Load { id: id("a") }, NOW), loaded(&saved));
    let (answer, answered) = mpsc::channel();
    let load = Request::Load { id: id("a") };
    fresh().submit(load, NOW, Box::new(move |it| answer.send(it).expect("heard")));
    assert_eq!(answered.recv(), Ok(loaded(&saved)));
}

#[test]
fn what_a_redirect_says_is_remembered_though_nobody_has_a_new_map() {
    let knows_slots = AtomicBool::new(true);
    let other = Node::with_all_slots(|words| {
        (words[0] == b"CLUSTER").then(|| b"-ERR not now\r\n".to_vec())
    });
    let moved = format!("-MOVED 1 {}\r\n", other.place());
    let node = Node::with_all_slots(move |words| match words {
        [b"CLUSTER", ..] if !knows_slots.swap(false, Ordering::SeqCst) => {
            Some(b"-ERR not now\r\n".to_vec())
        }
        [b"GET", _] => Some(moved.clone().into_bytes()),
        _ => None,
    });
    let store = store(node.config());

    for _ in 0..5 {
        assert_eq!(store.load(&id("a"), NOW), Ok(None));
    }

    assert_eq!((node.asked("GET"), other.asked("GET")), (1, 5));
}

#[test]
fn replies_stay_with_their_callers_when_some_are_sent_on() {
    let other = Node::with_all_slots(|_| None);
    let place = other.place();
    let node = Node::with_all_slots(move |words| match words {
        // Every other session, in the midst of what goes together.
        [b"GET", name] if name.last().is_some_and(|digit| digit % 2 == 1) => {
            Some(format!("-ASK 1 {place}\r\n").into_bytes())
        }
        _ => None,
    });
    let sessions: Vec<_> = (0..200).map(|n| payload(&format!("s{n}"), "{}")).collect();
    for (number, session) in sessions.iter().enumerate() {
        let place = if number % 2 == 1 { &other } else { &node };
        place.server.plant(format!("session:s{number}"), session.as_json());
    }
    let store = store(node.config());

    let (answer, answers) = mpsc::channel();
    for number in 0..sessions.len() {
        let answer = answer.clone();
        let load = Request::Load { id: id(&format!("s{number}")) };
        store.submit(load, NOW, Box::new(move |it| answer.send((number, it)).expect("heard")));
    }

    for (number, outcome) in answers.iter().take(sessions.len()) {
        assert_eq!(outcome, loaded(&sessions[number]), "{number}");
    }
    let incidents = store.incidents();
    assert_eq!((incidents.redirects, incidents.foreign_records), (100, 0));
    assert_eq!(other.asked("ASKING"), 100);
}

#[test]
fn a_redirect_to_nowhere_is_forgotten_when_the_others_know_better() {
    let nowhere = format!("127.0.0.1:{}", free_port());
    let node = Node::once(&format!("-MOVED 1 {nowhere}\r\n"));
    let store = store(node.config());

    assert_eq!(store.save(&payload("a", "{}"), a_minute(), NOW), Ok(()));
    assert_eq!(node.asked("SET"), 2);
}

#[test]
fn an_answer_that_says_not_now_is_asked_again_and_the_write_is_done_once() {
    for refusal in [
        "-TRYAGAIN Multiple keys request during rehashing of slot",
        "-CLUSTERDOWN Hash slot not served",
        "-LOADING Redis is loading the dataset in memory",
        "-MASTERDOWN Link with MASTER is down",
        "-READONLY You can't write against a read only replica.",
        "-MOVED",
        "-MOVED 1",
        "-MOVED 1 127.0.0.1",
        "-MOVED 1 127.0.0.1:99999",
        "-MOVED 1 ?:6379",
        "-ASK 1 127.0.0.1:x",
    ] {
        let node = Node::once(&format!("{refusal}\r\n"));
        let store = store(node.config());

        assert_eq!(store.create(&payload("a", "{}"), a_minute(), NOW), Ok(true), "{refusal}");
        assert_eq!(node.asked("SET"), 2, "{refusal}");
    }
}

#[test]
fn an_answer_that_always_says_not_now_ends_with_the_deadline() {
    for (code, told) in [
        ("TRYAGAIN", "TRYAGAIN"),
        ("CLUSTERDOWN", "CLUSTERDOWN"),
        ("MASTERDOWN", "MASTERDOWN"),
        ("MOVED", "CLUSTERDOWN"),
    ] {
        let node = Node::with_all_slots(move |words| {
            (words[0] == b"GET").then(|| format!("-{code} x\r\n").into_bytes())
        });
        let store = store(RedisConfig { deadline: SHORT, ..node.config() });

        let error = store.load(&id("a"), NOW).expect_err("never now");

        assert!(ends_with(&error, told), "{error}");
        assert!(error.is_retryable());
        let asked = node.asked("GET");
        assert!((2..50).contains(&asked), "{code}: asked {asked} times");
    }
}

#[test]
fn a_circle_of_redirects_ends_with_the_deadline() {
    for code in ["MOVED", "ASK"] {
        let to_other = Arc::new(OnceLock::<String>::new());
        let node = Node::with_all_slots({
            let to_other = Arc::clone(&to_other);
            move |words| {
                (words[0] == b"SET").then(|| to_other.get().expect("set").clone().into_bytes())
            }
        });
        let back = format!("-{code} 1 {}\r\n", node.place());
        let other =
            Node::with_all_slots(move |words| (words[0] == b"SET").then(|| back.clone().into()));
        to_other.set(format!("-{code} 1 {}\r\n", other.place())).expect("once");
        let store = store(RedisConfig { deadline: SHORT, ..node.config() });

        let error = store.save(&payload("a", "{}"), a_minute(), NOW).expect_err("nobody has it");

        assert!(ends_with(&error, "CLUSTERDOWN"), "{error}");
        let asked = node.asked("SET") + other.asked("SET");
        assert!((2..50).contains(&asked), "{code}: asked {asked} times");
    }
}

#[test]
fn a_redirect_within_a_transaction_ends_the_connection_and_loses_nothing() {
    let old = payload("a", r#"{"n":1}"#);
    let other = Node::with_all_slots(watching(old.as_json(), None));
    let moved = format!("-MOVED 1 {}\r\n", other.place());
    let node = Node::with_all_slots(watching(old.as_json(), Some(moved)));
    let store = store(RedisConfig { pool_size: 1, ..node.config() });
    let new = payload("a", r#"{"n":2}"#);

    assert_eq!(store.update(&old, &new, a_minute(), NOW), Ok(Updated::Saved));

    assert_eq!((node.asked("EXEC"), other.asked("EXEC")), (1, 1));
    // The node says of itself that it has all slots, so it is asked again before long.
    await_that(|| {
        assert_eq!(store.load(&id("a"), NOW), Ok(Some(old.clone())));
        node.asked("GET") > 1
    });
    let asked = node.asked.lock().expect("no panic");
    let (connection, _) = asked.iter().find(|(_, verb)| verb == "EXEC").expect("there is one");
    let last = asked.iter().rfind(|(number, _)| number == connection).expect("EXEC at least");
    assert_eq!(last.1, "EXEC", "the connection was used on");
}

#[test]
fn a_write_whose_answer_was_lost_is_not_sent_to_another_node() {
    let node = Node::playing(|number, answering| match number {
        // Reads who has the slots.
        0 => vec![Step::Answer(answering)],
        // The pool's first, whichever of them is used.
        1..5 => vec![Step::ReadCommand, Step::Reset],
        _ => vec![Step::Answer(answering)],
    });
    let store = store(node.config());

    let saved = store.save(&payload("a", "{}"), a_minute(), NOW);

    assert_eq!(saved, Err(StoreError::Disconnected));
    assert_eq!(node.asked("SET"), 0);
    // What may be asked twice finds its way.
    assert_eq!(store.load(&id("a"), NOW), Ok(None));
}

#[test]
fn a_server_of_no_cluster_is_told_at_the_first_call() {
    let server = RedisServer::start();
    let url = server.url();
    let nodes = vec![format!("127.0.0.1:{}", server.port())];
    let store = store(RedisConfig { url, cluster_nodes: nodes, ..RedisConfig::default() });

    let refused = StoreError::Rejected { code: "ERR".to_owned() };
    assert_eq!(store.load(&id("a"), NOW), Err(refused));
}

#[test]
fn a_cluster_that_is_gone_is_out_of_reach_and_no_absent_session() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let nodes = vec![format!("127.0.0.1:{}", free_port())];
    let store = store(RedisConfig { url, cluster_nodes: nodes, ..RedisConfig::default() });

    assert_eq!(store.load(&id("a"), NOW), Err(StoreError::Unreachable));
    assert_eq!(store.destroy(&id("a")), Err(StoreError::Unreachable));
}

#[test]
fn a_node_that_does_not_answer_leaves_time_for_the_others() {
    let node = Node::with_all_slots(|_| None);
    let silent = ScriptedServer::start(|_| vec![Step::Listen]);
    let nodes = vec![format!("127.0.0.1:{}", silent.port())];
    let store = store(RedisConfig { cluster_nodes: nodes, ..node.config() });

    assert_eq!(store.save(&payload("a", "{}"), a_minute(), NOW), Ok(()));
}

/// Whether a call ended with what the server said, or with its deadline while it was asked once
/// more.
fn ends_with(error: &StoreError, code: &str) -> bool {
    *error == StoreError::TimedOut || *error == StoreError::Rejected { code: code.to_owned() }
}

fn loaded(payload: &Payload) -> Result<Reply, StoreError> {
    Ok(Reply::Load(Some(payload.clone())))
}

/// Ends calls that cannot end otherwise.
const SHORT: Duration = Duration::from_secs(2);
