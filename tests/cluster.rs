//! In a cluster each call finds the node that has its record, wherever that goes.
//!
//! The long versions of what runs under load are `make test-faults`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use rudder_session::store::{HashedIds, Regenerated, Reply, Request, Resumed, Updated};
use rudder_session::{Lifetime, Timeouts, UnixMillis};
use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, StoreError, Ttl};
use rudder_session_tests::clusters::{Cluster, MASTERS};
use rudder_session_tests::faults::offsets::Method;
use rudder_session_tests::faults::{Extent, cluster};
use rudder_session_tests::redis_server::{RedisServer, await_that, free_port};
use rudder_session_tests::resp::bulk;
use rudder_session_tests::scripted_server::{ScriptedServer, Step};

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

/// Whether a call ended with what the server said, or with its deadline while it was asked once more.
fn ends_with(error: &StoreError, code: &str) -> bool {
    *error == StoreError::TimedOut || *error == StoreError::Rejected { code: code.to_owned() }
}

/// A server that plays one node, and counts what it is asked.
struct Node {
    server: ScriptedServer,
    /// The number of the connection, and the first word of the command.
    asked: Arc<Mutex<Vec<(usize, String)>>>,
}

type Answering = rudder_session_tests::scripted_server::Answering;

impl Node {
    /// One that says that it has all slots, whatever else it `says`.
    fn with_all_slots(says: impl Fn(&[&[u8]]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::start(says, |_, answering| vec![Step::Answer(answering)])
    }

    /// One that refuses the first write, and does all others.
    fn once(refusal: &str) -> Self {
        let refusal = Mutex::new(Some(refusal.to_owned()));
        Self::with_all_slots(move |words| {
            let refusal = || refusal.lock().expect("no panic").take().map(String::into_bytes);
            (words[0] == b"SET").then(refusal).flatten()
        })
    }

    /// One whose connections do what `script` says of each.
    fn playing(script: impl FnMut(usize, Answering) -> Vec<Step> + Send + 'static) -> Self {
        Self::start(|_| None, script)
    }

    fn start(
        says: impl Fn(&[&[u8]]) -> Option<Vec<u8>> + Send + Sync + 'static,
        mut script: impl FnMut(usize, Answering) -> Vec<Step> + Send + 'static,
    ) -> Self {
        let port = Arc::new(OnceLock::new());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answering = {
            let (port, asked, says) = (Arc::clone(&port), Arc::clone(&asked), Arc::new(says));
            move |number| -> Answering {
                let (port, asked, says) =
                    (Arc::clone(&port), Arc::clone(&asked), Arc::clone(&says));
                Arc::new(move |words| {
                    let verb = String::from_utf8_lossy(words[0]).into_owned();
                    asked.lock().expect("no panic").push((number, verb));
                    if let Some(answer) = says(words) {
                        return Some(answer);
                    }
                    match words {
                        [b"CLUSTER", b"SLOTS"] => {
                            // No host is the one that was asked.
                            let port: u16 = *port.wait();
                            Some(
                                format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:{port}\r\n")
                                    .into(),
                            )
                        }
                        [b"ASKING"] => Some(b"+OK\r\n".to_vec()),
                        _ => None,
                    }
                })
            }
        };
        let server = ScriptedServer::start(move |number| script(number, answering(number)));
        port.set(server.port()).expect("once");
        Self { server, asked }
    }

    fn place(&self) -> String {
        format!("127.0.0.1:{}", self.server.port())
    }

    fn config(&self) -> RedisConfig {
        let (url, cluster_nodes) = (self.server.url(), vec![self.place()]);
        RedisConfig { url, cluster_nodes, deadline: LONG, ..RedisConfig::default() }
    }

    /// How often a command that begins with `verb` came.
    fn asked(&self, verb: &str) -> usize {
        self.asked.lock().expect("no panic").iter().filter(|it| it.1 == verb).count()
    }
}

/// Answers of a server that runs no scripts and has one record, `value`; with `moved`, it says so when
/// that is to be set within a transaction.
fn watching(
    value: &str,
    moved: Option<String>,
) -> impl Fn(&[&[u8]]) -> Option<Vec<u8>> + Send + Sync + 'static {
    let value = bulk(value.as_bytes());
    move |words| {
        Some(match words {
            [b"GET", _] => value.clone(),
            [b"WATCH", _] | [b"MULTI"] => b"+OK\r\n".to_vec(),
            [b"SET", _, _, b"EX", _] => match &moved {
                Some(moved) => moved.clone().into_bytes(),
                None => b"+QUEUED\r\n".to_vec(),
            },
            [b"EXEC"] if moved.is_some() => b"-EXECABORT Transaction discarded\r\n".to_vec(),
            [b"EXEC"] => b"*1\r\n+OK\r\n".to_vec(),
            // Knows less than the node that names it.
            [b"CLUSTER", ..] if moved.is_none() => b"-ERR not now\r\n".to_vec(),
            // SET .. IFEQ, EVALSHA
            [b"SET" | b"EVALSHA", ..] => b"-ERR syntax error\r\n".to_vec(),
            _ => return None,
        })
    }
}

/// Long enough that it never ends a call of these tests.
const LONG: Duration = Duration::from_secs(20);

/// Ends calls that cannot end otherwise.
const SHORT: Duration = Duration::from_secs(2);

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// The cluster, found by one node; `user` is the part of a URL that says who asks.
fn at(cluster: &Cluster, user: &str) -> RedisConfig {
    let nodes = cluster.addresses();
    let url = format!("redis://{user}{}", nodes[1]);
    let cluster_nodes = vec![nodes[0].clone()];
    RedisConfig { url, cluster_nodes, deadline: LONG, ..RedisConfig::default() }
}

fn store(config: RedisConfig) -> RedisStore {
    RedisStore::new(config).expect("legal")
}

fn loaded(payload: &Payload) -> Result<Reply, StoreError> {
    Ok(Reply::Load(Some(payload.clone())))
}

fn id(name: &str) -> SessionId {
    SessionId::parse(name).expect("legal")
}

fn payload(name: &str, data: &str) -> Payload {
    Payload::parse(format!(r#"{{"id":"{name}","data":{data},"flash_next":{{}}}}"#)).expect(name)
}

fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}
