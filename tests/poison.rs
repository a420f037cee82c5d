//! After any doubt about a connection nobody uses it again: each call ends inside its deadline
//! with an error that says what happened, and the next call gets its own answer.
//!
//! Every test here plays one fault of a server. Most of them fail if `Connection::is_poisoned`
//! always says no; the others hold the deadline and the kind of the error.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rudder_session::UnixMillis;
use rudder_session::store::{Found, Metered, Reply, Request};
use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, StoreError, Ttl};
use rudder_session_tests::random::Random;
use rudder_session_tests::redis_server::free_port;
use rudder_session_tests::resp::bulk;
use rudder_session_tests::scripted_server::{Gate, Nowhere, ScriptedServer, Step};

#[test]
fn half_a_request_is_never_completed_by_the_next_one() {
    let reads_again = Gate::default();
    let scene = Scene::with_fault({
        let reads_again = reads_again.clone();
        move || vec![Step::Await(reads_again.clone()), Step::Obey]
    });
    // More than the buffers of both ends of a connection take.
    let large = alices(&"x".repeat(32 << 20));

    let saved = timed(|| scene.store.save(&large, a_minute(), NOW));
    reads_again.open();

    assert_eq!(saved, Err(StoreError::TimedOut));
    scene.next_call_gets_its_own_answer();
    // Had the next request been appended to it, the half one would now be whole.
    let kept = scene.server.record(name("alice").as_bytes());
    assert_eq!(kept.as_deref(), Some(alices("planted").as_json().as_bytes()));
}

#[test]
fn a_late_reply_is_not_handed_to_the_next_caller() {
    let scene = Scene::with_fault(|| {
        // The second command comes only if the connection is used again.
        let late = [reply("alice"), reply("bob")].concat();
        vec![Step::ReadCommand, Step::ReadCommand, Step::Send(late), Step::Obey]
    });

    assert_eq!(timed(|| scene.load("alice")), Err(StoreError::TimedOut));
    scene.next_call_gets_its_own_answer();
}

#[test]
fn the_late_reply_to_a_touch_is_not_handed_to_the_next_caller() {
    let scene = Scene::with_fault(|| {
        vec![Step::ReadCommand, Step::ReadCommand, Step::Send(b":1\r\n".to_vec()), Step::Obey]
    });

    let touched = timed(|| scene.store.touch(&id("alice"), a_minute(), NOW));

    assert_eq!(touched, Err(StoreError::TimedOut));
    assert_eq!(scene.store.touch(&id("nobody"), a_minute(), NOW), Ok(false));
}

#[test]
fn half_a_reply_is_not_completed_by_the_next_one() {
    for cut in [1, 3, 5, 20, reply("alice").len() - 1] {
        let scene = Scene::with_fault(move || {
            let half = reply("alice")[..cut].to_vec();
            vec![Step::ReadCommand, Step::Send(half), Step::ReadCommand, Step::Send(reply("bob"))]
        });

        assert_eq!(timed(|| scene.load("alice")), Err(StoreError::TimedOut), "cut at {cut}");
        scene.next_call_gets_its_own_answer();
    }
}

#[test]
fn a_reset_in_the_middle_of_a_reply_is_told_and_not_repeated_for_ever() {
    // A load is sent once more on another connection, so the fault must strike twice.
    let scene = Scene::with_faults(2, || {
        let half = reply("alice")[..20].to_vec();
        vec![Step::ReadCommand, Step::Send(half), Step::Reset]
    });

    assert_eq!(timed(|| scene.load("alice")), Err(StoreError::Disconnected));
    scene.next_call_gets_its_own_answer();
}

#[test]
fn a_load_survives_one_reset() {
    let scene = Scene::with_fault(|| vec![Step::ReadCommand, Step::Reset]);

    assert_eq!(timed(|| scene.load("alice")), Ok(Some(alices("planted"))));
}

#[test]
fn a_save_is_not_sent_twice() {
    let scene = Scene::with_fault(|| vec![Step::ReadCommand, Step::Reset]);

    let saved = timed(|| scene.store.save(&alices("new"), a_minute(), NOW));

    assert_eq!(saved, Err(StoreError::Disconnected));
    assert_eq!(scene.load("alice"), Ok(Some(alices("planted"))));
}

#[test]
fn what_was_not_sent_when_its_connection_ended_is_sent_on_another() {
    let (busy, all_wait) = (Gate::default(), Gate::default());
    let server = ScriptedServer::start({
        let (busy, all_wait) = (busy.clone(), all_wait.clone());
        move |connection| {
            let becomes_replica = connection == 0;
            let answering = Step::Answer(Arc::new(move |words| {
                let reply: &[u8] = match words[0] {
                    b"GET" => return Some(reply("alice")),
                    b"WATCH" | b"MULTI" => b"+OK\r\n",
                    b"DEL" if becomes_replica => b"-READONLY You can't write\r\n",
                    b"DEL" => b"+QUEUED\r\n",
                    b"EXEC" if becomes_replica => b"-EXECABORT Transaction discarded\r\n",
                    b"EXEC" => b"*1\r\n:1\r\n",
                    // No scripts.
                    _ => return None,
                };
                Some(reply.to_vec())
            }));
            let first = [Step::Open(busy.clone()), Step::Await(all_wait.clone())];
            first.into_iter().filter(|_| becomes_replica).chain([answering]).collect()
        }
    });
    let store = store(server.url(), 1, Duration::from_secs(20));
    let (answer, answers) = mpsc::channel();
    let submit = |request| {
        let answer = answer.clone();
        store.submit(request, NOW, Box::new(move |it| answer.send(it).expect("heard")));
    };

    submit(Request::Load { id: id("alice") });
    busy.wait();
    let expected = alices("planted").as_json().to_owned();
    for _ in 0..8 {
        submit(Request::Remove { id: id("alice"), expected: expected.clone() });
    }
    all_wait.open();

    let mut answers = answers.iter();
    assert_eq!(answers.next(), Some(Ok(Reply::Load(Some(alices("planted"))))));
    for _ in 0..8 {
        assert_eq!(answers.next(), Some(Ok(Reply::Remove(Found::Expected))));
    }
}

#[test]
fn a_trickle_does_not_hold_a_caller_past_its_deadline() {
    let scene = Scene::with_fault(|| {
        // Each byte comes well inside a time limit for one read.
        vec![Step::ReadCommand, Step::Trickle(reply("alice"), DEADLINE / 4)]
    });

    assert_eq!(timed(|| scene.load("alice")), Err(StoreError::TimedOut));
    scene.next_call_gets_its_own_answer();
}

#[test]
fn garbage_is_told_from_silence_and_not_read_twice() {
    for garbage in ["HTTP/1.1 400 Bad Request\r\n\r\n", "$x\r\n", "\0\0\0\0\r\n", "*1\r\n:1\r\n"] {
        let scene = Scene::with_faults(TRIES, move || {
            vec![Step::ReadCommand, Step::Send(garbage.as_bytes().to_vec()), Step::Listen]
        });

        assert_eq!(timed(|| scene.load("alice")), Err(StoreError::Protocol), "{garbage:?}");
        scene.next_call_gets_its_own_answer();
    }
}

#[test]
fn a_connection_whose_reply_is_of_the_wrong_kind_is_out_of_step() {
    let scene = Scene::with_faults(TRIES, || {
        // What a forgotten EXPIRE was answered, then what the GET was, one reply too late.
        let ahead = b":1\r\n".to_vec();
        vec![Step::ReadCommand, Step::Send(ahead), Step::ReadCommand, Step::Send(reply("alice"))]
    });

    assert_eq!(timed(|| scene.load("alice")), Err(StoreError::Protocol));
    scene.next_call_gets_its_own_answer();
}

#[test]
fn a_foreign_record_is_none_only_if_every_connection_brings_it() {
    let scene = Scene::with_faults(TRIES, || {
        let ahead = reply("bob");
        vec![Step::ReadCommand, Step::Send(ahead), Step::ReadCommand, Step::Send(reply("alice"))]
    });

    assert_eq!(timed(|| scene.load("alice")), Ok(None));
    assert_eq!(scene.store.incidents().foreign_records, 1);
    scene.next_call_gets_its_own_answer();
}

#[test]
fn an_answer_to_somebody_else_is_asked_for_again_on_another_connection() {
    let answers = [reply("bob"), b":1\r\n".to_vec(), b"$x\r\n".to_vec()];
    for answer in answers {
        let scene = Scene::with_faults(TRIES - 1, move || {
            vec![Step::ReadCommand, Step::Send(answer.clone()), Step::Listen]
        });

        let own = timed(|| scene.load("alice")).expect("a reply").expect("alive");
        assert!(own.belongs_to(&id("alice")));
        assert_eq!(scene.store.incidents().foreign_records, 0);
        scene.next_call_gets_its_own_answer();
    }
}

#[test]
fn silence_ends_at_the_deadline() {
    let scene = Scene::with_fault(|| vec![Step::Listen]);

    assert_eq!(timed(|| scene.load("alice")), Err(StoreError::TimedOut));
    scene.next_call_gets_its_own_answer();
}

#[test]
fn each_reply_of_the_handshake_may_be_missing_or_cut() {
    let ok = || Step::Send(b"+OK\r\n".to_vec());
    let faults: [fn() -> Vec<Step>; 4] = [
        || vec![Step::Listen],
        || vec![Step::ReadCommand, Step::Send(b"+O".to_vec()), Step::Listen],
        || vec![Step::ReadCommand, Step::Send(b"+OK\r\n".to_vec()), Step::Listen],
        || vec![Step::ReadCommand, Step::ReadCommand, Step::Send(b"+OK\r\n+OK\r\n".to_vec())],
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let server = ScriptedServer::start(move |connection| match connection {
            0 => fault(),
            _ => vec![Step::ReadCommand, ok(), Step::ReadCommand, ok(), Step::Obey],
        });
        let url = server.url().replace("redis://", "redis://:hunter2@") + "/2";
        let scene = Scene::new(server, url);

        assert_eq!(timed(|| scene.load("alice")), Err(StoreError::TimedOut), "fault {number}");
        scene.next_call_gets_its_own_answer();
    }
}

#[test]
fn a_port_that_nobody_listens_to_is_out_of_reach() {
    let store = store(format!("redis://127.0.0.1:{}", free_port()), 1, DEADLINE);

    for _ in 0..3 {
        assert_eq!(timed(|| store.load(&id("alice"), NOW)), Err(StoreError::Unreachable));
    }
}

#[test]
fn an_address_that_swallows_everything_ends_at_the_deadline() {
    let nowhere = Nowhere::new();
    let store = store(nowhere.url(), 1, DEADLINE);

    for _ in 0..2 {
        assert_eq!(timed(|| store.load(&id("alice"), NOW)), Err(StoreError::TimedOut));
    }
}

#[test]
fn a_pool_that_is_used_up_says_so_at_the_deadline() {
    let asked = Gate::default();
    let server = ScriptedServer::start({
        let asked = asked.clone();
        move |_| vec![Step::ReadCommand, Step::Open(asked.clone()), Step::Listen]
    });
    let patient = Duration::from_secs(1);
    let store = &store(server.url(), 1, patient);

    std::thread::scope(|scope| {
        let first = scope.spawn(|| store.load(&id("alice"), NOW));
        asked.wait();
        let second = timed(|| store.load(&id("bob"), NOW));

        // The first one's time is up a moment earlier, so the second may also get that far.
        assert!(matches!(second, Err(StoreError::Busy | StoreError::TimedOut)), "{second:?}");
        assert_eq!(first.join().expect("no panic"), Err(StoreError::TimedOut));
    });
}

#[test]
fn sixty_four_callers_get_their_own_answers_while_connections_are_cut_at_random() {
    const CALLERS: usize = 64;
    const CALLS: usize = 150;
    let mut random = Random::new(0x5eed);
    let server = ScriptedServer::start(move |_| {
        let cut = Step::ObeyFor(1 + random.below(3000));
        match random.below(10) {
            0 => vec![cut, Step::Listen],
            // Answers go on, after a pause that the client has not waited for.
            1 => vec![cut, Step::ReadCommand, Step::Obey],
            _ => vec![cut, Step::Reset],
        }
    });
    let store = &Metered::new(store(server.url(), 4, Duration::from_millis(100)));
    for caller in 0..CALLERS {
        let name = format!("caller-{caller}");
        server.plant(self::name(&name), owned_by(&name, "0").as_json());
    }

    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            scope.spawn(move || {
                let own = format!("caller-{caller}");
                for call in 1..=CALLS {
                    if call % 5 == 0 {
                        let payload = owned_by(&own, &call.to_string());
                        let saved = once_let_through(|| store.save(&payload, a_minute(), NOW));
                        // A server that swallows a command of a batch answers the next one in its
                        // place; a save is not sent twice, so it is told.
                        let told = |it: StoreError| it.is_retryable() || it == StoreError::Protocol;
                        assert!(saved.is_ok() || saved.is_err_and(told));
                    } else {
                        let loaded = once_let_through(|| store.load(&id(&own), NOW));
                        let is_own = |found: &Option<Payload>| {
                            let owner = found.as_ref().map(|it| it.get_json("owner"));
                            owner == Some(Some(&format!("\"{own}\"")))
                        };
                        assert!(
                            loaded.as_ref().map_or_else(|it| it.is_retryable(), is_own),
                            "{own}: {loaded:?}"
                        );
                    }
                }
            });
        }
    });

    let figures = store.figures();
    let done = figures.load.calls - figures.load.errors;
    assert_eq!(figures.incidents.foreign_records, 0);
    assert!(server.connections() > 50, "only {} connections", server.connections());
    assert!(done > (CALLERS * CALLS / 5) as u64, "only {done} loads: nothing was tested");
}

/// What comes of a call when the breaker lets it through.
fn once_let_through<T>(call: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    loop {
        match call() {
            // As a request would: not at the speed of a spinning processor.
            Err(StoreError::Unreachable) => std::thread::sleep(Duration::from_millis(2)),
            outcome => return outcome,
        }
    }
}

/// How often a load is tried, each time on another connection.
const TRIES: usize = 2;
const DEADLINE: Duration = Duration::from_millis(200);
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// A server whose first connections misbehave, and a store with room for one connection.
struct Scene {
    server: ScriptedServer,
    store: RedisStore,
}

impl Scene {
    fn with_fault(fault: impl Fn() -> Vec<Step> + Send + 'static) -> Self {
        Self::with_faults(1, fault)
    }

    fn with_faults(count: usize, fault: impl Fn() -> Vec<Step> + Send + 'static) -> Self {
        let server =
            ScriptedServer::start(
                move |connection| {
                    if connection < count { fault() } else { vec![Step::Obey] }
                },
            );
        let url = server.url();
        Self::new(server, url)
    }

    fn new(server: ScriptedServer, url: String) -> Self {
        server.plant(name("alice"), alices("planted").as_json());
        server.plant(name("bob"), owned_by("bob", "planted").as_json());
        Self { store: store(url, 1, DEADLINE), server }
    }

    fn load(&self, who: &str) -> Result<Option<Payload>, StoreError> {
        self.store.load(&id(who), NOW)
    }

    fn next_call_gets_its_own_answer(&self) {
        assert_eq!(timed(|| self.load("bob")), Ok(Some(owned_by("bob", "planted"))));
        assert_eq!(timed(|| self.load("alice")), Ok(Some(alices("planted"))));
        assert!(self.server.connections() >= 2, "the connection at fault was used again");
    }
}

/// Runs a call, and fails if it takes ten times as long as it may: a guard, not a measure.
fn timed<T>(call: impl FnOnce() -> T) -> T {
    let started_at = Instant::now();
    let result = call();
    assert!(started_at.elapsed() < DEADLINE * 10, "{:?}", started_at.elapsed());
    result
}

fn store(url: String, pool_size: u32, deadline: Duration) -> RedisStore {
    RedisStore::new(RedisConfig { url, pool_size, deadline, ..RedisConfig::default() })
        .expect("legal")
}

fn id(who: &str) -> SessionId {
    SessionId::parse(who).expect("legal")
}

fn name(who: &str) -> String {
    format!("session:{who}")
}

fn alices(value: &str) -> Payload {
    owned_by("alice", value)
}

fn owned_by(who: &str, value: &str) -> Payload {
    let mut payload = Payload::new(&id(who));
    payload.put("owner", who).expect("serialisable");
    payload.put("value", value).expect("serialisable");
    payload
}

fn reply(who: &str) -> Vec<u8> {
    bulk(owned_by(who, "planted").as_json().as_bytes())
}

fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}
