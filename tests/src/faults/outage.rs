//! The server does not answer: stopped, killed, paused, or it throws everybody out.
//!
//! Every call ends in time, an answer is never another session's, nothing that was acknowledged
//! is lost, and service returns by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rudder_session::{Store, StoreError};

use super::Extent;
use super::callers::{Calling, Tally, call_during};
use super::samples::{NOW, an_hour, id, is_ok, redis, stamped};
use crate::proxy::Proxy;
use crate::redis_server::RedisServer;
use crate::resp::Reply;

const CALLERS: usize = 64;
const CALLING: Calling = Calling { callers: CALLERS, keeps: true, rest: Duration::ZERO };
const DEADLINE: Duration = Duration::from_millis(500);
/// Within this much of the server's return everybody is served.
const RETURN: Duration = Duration::from_secs(2);

/// SIGSTOP while 64 callers call, and SIGCONT; then with callers who rest in between.
pub fn stopped_server(extent: Extent) -> String {
    let server = RedisServer::start();
    let mut shown = Vec::new();
    for rest in [Duration::ZERO, Duration::from_millis(120)] {
        // Its breaker knows nothing of the round before.
        let store = redis(server.url(), 8, DEADLINE);
        let mut returned = Vec::new();
        let tally = call_during(&store, Calling { rest, ..CALLING }, |stage| {
            stage.everybody_is_served(RETURN);
            for _ in 0..extent.pick(1, 5) {
                server.stop();
                // How long it is away is the fault that is played.
                thread::sleep(extent.pick(Duration::from_millis(1200), Duration::from_secs(3)));
                server.go_on();
                returned.push(stage.everybody_is_served(extent.pick(RETURN * 5, RETURN)));
            }
        });

        assert!(store.incidents().calls_not_tried > 0, "the breaker did not open");
        assert!(tally.failed_at_once > 0, "every call waited");
        in_time(extent, &tally);
        nothing_foreign(&store);
        shown.push(format!("{}; {}", self::shown(&tally), shown_return(&returned)));
    }
    shown.join("; ")
}

/// SIGKILL while 64 callers call, and a start on the same port; the server keeps what it
/// acknowledged.
pub fn killed_server(extent: Extent) -> String {
    let mut server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = redis(server.url(), 8, DEADLINE);
    let mut returned = Vec::new();

    let tally = call_during(&store, CALLING, |stage| {
        stage.everybody_is_served(RETURN);
        for _ in 0..extent.pick(2, 10) {
            server.kill();
            thread::sleep(extent.pick(Duration::from_millis(300), Duration::from_secs(1)));
            server.restart();
            returned.push(stage.everybody_is_served(extent.pick(RETURN * 5, RETURN)));
        }
    });

    in_time(extent, &tally);
    nothing_foreign(&store);
    format!("{}; {}", shown(&tally), shown_return(&returned))
}

/// SIGKILL and a start with nothing in memory: sessions are gone, and none is another's.
pub fn forgetful_server(extent: Extent) -> String {
    let mut server = RedisServer::start();
    let store = redis(server.url(), 8, DEADLINE);

    let tally = call_during(&store, Calling { keeps: false, ..CALLING }, |stage| {
        for _ in 0..extent.pick(2, 10) {
            server.kill();
            server.restart();
            stage.everybody_is_served(extent.pick(RETURN * 5, RETURN));
        }
    });

    in_time(extent, &tally);
    nothing_foreign(&store);
    shown(&tally)
}

/// CLIENT KILL of every connection, again and again.
pub fn thrown_out(extent: Extent) -> String {
    let server = RedisServer::start();
    let store = redis(server.url(), 8, DEADLINE);

    let tally = call_during(&store, CALLING, |stage| {
        let mut admin = server.client();
        for _ in 0..extent.pick(20, 200) {
            stage.everybody_is_served(RETURN * 5);
            let killed = admin.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
            assert!(matches!(killed, Reply::Integer(1..)), "{killed:?}");
        }
        stage.everybody_is_served(extent.pick(RETURN * 5, RETURN));
    });

    let lost = StoreError::Disconnected.to_string();
    let not_tried = StoreError::Unreachable.to_string();
    assert!(tally.errors.keys().all(|it| *it == lost || *it == not_tried), "{tally:?}");
    in_time(extent, &tally);
    nothing_foreign(&store);
    shown(&tally)
}

/// CLIENT PAUSE, shorter and longer than the deadline.
pub fn paused_server(extent: Extent) -> String {
    let server = RedisServer::start();
    let store = redis(server.url(), 8, DEADLINE);
    let mut returned = Vec::new();

    let short = call_during(&store, CALLING, |stage| {
        for _ in 0..extent.pick(1, 10) {
            assert!(is_ok(&server.client().call(&["CLIENT", "PAUSE", "100"])));
            stage.everybody_is_served(RETURN);
        }
    });
    let long = call_during(&store, CALLING, |stage| {
        for _ in 0..extent.pick(1, 5) {
            assert!(is_ok(&server.client().call(&["CLIENT", "PAUSE", "1200"])));
            let paused_for = Duration::from_millis(1200);
            returned.push(stage.everybody_is_served(paused_for + RETURN * 5) - paused_for);
        }
    });

    if extent.is_long {
        assert_eq!(short.failed(), 0, "{short:?}");
    }
    in_time(extent, &long);
    nothing_foreign(&store);
    format!("{}; {}; {}", shown(&short), shown(&long), shown_return(&returned))
}

/// SCRIPT FLUSH again and again in the middle of updates.
pub fn flushed_scripts(extent: Extent) -> String {
    let server = RedisServer::start();
    let store = redis(server.url(), 8, DEADLINE * 10);
    let mut flushes = 0;

    let tally = call_during(&store, CALLING, |stage| {
        let mut admin = server.client();
        let until = Instant::now() + extent.pick(Duration::from_millis(500), RETURN * 3);
        while Instant::now() < until {
            assert!(is_ok(&admin.call(&["SCRIPT", "FLUSH", "SYNC"])));
            flushes += 1;
        }
        stage.everybody_is_served(RETURN * 5);
    });

    assert_eq!(tally.failed(), 0, "{tally:?}");
    assert!(flushes > 50, "only {flushes} flushes");
    format!("{flushes} flushes; {}", shown(&tally))
}

/// The server is gone: calls fail at once after a few faults, hardly anybody knocks, and one
/// that does finds the return.
pub fn breaker(extent: Extent) -> String {
    let server = RedisServer::start();
    let proxy = Proxy::calm(server.port());
    let pool_size = 8;
    let store = redis(proxy.url(), pool_size, DEADLINE);
    store.save(&stamped(&id("a"), 0, 0), an_hour(), NOW).expect("all is well so far");

    let mut slowest_return = Duration::ZERO;
    let (mut refused, mut knocks) = (0, 0);
    for _ in 0..extent.pick(1, 5) {
        proxy.refuse(true);
        assert!(is_ok(&server.client().call(&["CLIENT", "PAUSE", "0"])));
        server.client().call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        let before = (store.incidents().calls_not_tried, proxy.connections());
        let until = Instant::now() + Duration::from_secs(1);
        let returned = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    while !returned.load(Ordering::SeqCst) {
                        if store.load(&id("a"), NOW).is_ok() {
                            returned.store(true, Ordering::SeqCst);
                        }
                        thread::sleep(Duration::from_millis(2));
                    }
                });
            }
            thread::sleep(until.saturating_duration_since(Instant::now()));
            knocks += proxy.connections() - before.1;
            refused += store.incidents().calls_not_tried - before.0;
            let started_at = Instant::now();
            proxy.refuse(false);
            while !returned.load(Ordering::SeqCst) {
                assert!(started_at.elapsed() < RETURN * 5, "service does not return");
                thread::sleep(Duration::from_millis(1));
            }
            slowest_return = slowest_return.max(started_at.elapsed());
        });
        assert!(store.load(&id("a"), NOW).is_ok_and(|it| it.is_some()), "still refused");
    }

    let times = extent.pick(1, 5);
    // Twenty faults open it, a call of each caller may be under way by then, and each second has
    // five probes; a refused call may be tried twice, and the pool makes a spare one each time.
    let most = times * 3 * (20 + CALLERS + 5);
    assert!(knocks <= most, "{knocks} connections in {times} s, {most} allowed");
    assert!(refused > 100, "only {refused} calls were refused without asking");
    let limit = extent.pick(RETURN * 5, Duration::from_millis(300));
    assert!(slowest_return < limit, "{slowest_return:?} until the return was found");
    format!(
        "{refused} calls refused without asking, {knocks} connections tried; \
        return found after {} ms at most",
        slowest_return.as_millis()
    )
}

fn in_time(extent: Extent, tally: &Tally) {
    let limit = DEADLINE + extent.slack();
    assert!(tally.worst <= limit, "a call took {:?}, {limit:?} allowed", tally.worst);
    // An update is one request, and one more for each other's write that it met. The first that
    // fails ends it.
    let limit = 2 * DEADLINE + extent.slack();
    assert!(tally.worst_update <= limit, "an update took {:?}", tally.worst_update);
}

fn nothing_foreign(store: &dyn Store) {
    let incidents = store.incidents();
    assert_eq!((incidents.foreign_records, incidents.unreadable_records), (0, 0));
}

fn shown(tally: &Tally) -> String {
    format!(
        "{} calls done, {} failed ({} at once), worst call {} ms, worst update {} ms",
        tally.done,
        tally.failed(),
        tally.failed_at_once,
        tally.worst.as_millis(),
        tally.worst_update.as_millis()
    )
}

fn shown_return(returned: &[Duration]) -> String {
    let worst = returned.iter().max().map_or(0, Duration::as_millis);
    format!("all {CALLERS} callers served {worst} ms after the return at most")
}
