//! Compares loads from Redis with those of others, at the same time on the same machine.
//!
//! ```text
//!   contestants   ways to do the same work: ours and theirs
//!   round         who works for whom: threads, tasks, or one thread with callbacks
//!   report        medians, spreads, ratios, or why there is no ratio
//! ```
//!
//! All take turns, so that what else the machine does meanwhile hits all alike: a ratio is that
//! of two neighbours in time, and only then the median of those of all rounds.
//!
//! Usage: `rudder-session-peers [--rounds N] [--window MILLISECONDS] [--pool-size N]
//! [--only CONTESTANT] [PART OF A NAME ..]`

mod contestants;
mod report;
mod round;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rudder_session_tests::redis_server::RedisServer;
use rudder_session_tests::slow_link::SlowLink;

use contestants::{Contestant, Sessions};
use report::{Report, Scene};
use round::Mix;

/// Bytes of a session as JSON.
const PAYLOAD_BYTES: usize = 500;

/// A millisecond is a neighbouring data centre.
const ADDED_ROUND_TRIPS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(1)];

fn main() {
    let options = Options::from_arguments();
    let server = RedisServer::start();
    let sessions = Arc::new(Sessions::new(PAYLOAD_BYTES));
    let mut report = Report::default();

    println!("redis-server: {}", server_version());
    for added in ADDED_ROUND_TRIPS {
        let link = SlowLink::start(server.port(), added);
        let port = if added.is_zero() { server.port() } else { link.port() };
        let mut contestants = contestants::all(port, options.pool_size, &sessions);
        contestants.retain(|it| options.lets_in(it.name()));
        for (mix, callers) in [
            (Mix::Loads, 1),
            (Mix::Loads, 16),
            (Mix::Loads, 64),
            (Mix::Loads, 256),
            (Mix::LoadsAndSaves, 1),
            (Mix::LoadsAndSaves, 256),
        ] {
            let scene = Scene { mix, callers, added_ms: added.as_millis() };
            if options.wants(&scene.to_string()) {
                run(scene, &contestants, &options, &mut report);
            }
        }
    }
    if options.only.is_empty() {
        report.ceiling(ceiling(server.port(), sessions.key(0)));
    }
    report.write();
}

fn run(scene: Scene, contestants: &[Box<dyn Contestant>], options: &Options, report: &mut Report) {
    let mut rates = vec![Vec::new(); contestants.len()];
    // The first round only opens connections.
    for round in 0..=options.rounds {
        for (contestant, rates) in contestants.iter().zip(&mut rates) {
            let rate = contestant.work(scene.callers, scene.mix, options.window);
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let names = contestants.iter().map(|it| (it.name(), it.is_ours()));
    report.add(scene, &names.zip(rates).collect::<Vec<_>>());
}

struct Options {
    rounds: usize,
    window: Duration,
    /// The most connections of each pool, ours and theirs.
    pool_size: u32,
    only: Vec<String>,
    filters: Vec<String>,
}

impl Options {
    fn from_arguments() -> Self {
        let mut options = Self {
            rounds: 7,
            window: Duration::from_millis(200),
            pool_size: 8,
            only: Vec::new(),
            filters: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|it| it.parse().ok());
            match argument.as_str() {
                "--rounds" => options.rounds = number().expect("--rounds N") as usize,
                "--window" => {
                    options.window = Duration::from_millis(number().expect("--window MS"));
                }
                "--pool-size" => options.pool_size = number().expect("--pool-size N") as u32,
                "--only" => options.only.extend(arguments.next()),
                _ => options.filters.push(argument),
            }
        }
        options
    }

    fn lets_in(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|it| it == name)
    }

    fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|it| name.contains(it))
    }
}

/// What `redis-benchmark` gets out of the server for the same command, in thousands a second; it
/// is written in C, sends 32 commands at a time on each of 8 connections, and looks at no reply.
fn ceiling(port: u16, key: &str) -> Option<f64> {
    let output = Command::new("redis-benchmark")
        .args(["-p", &port.to_string(), "-P", "32", "-c", "8", "-n", "1000000", "--csv"])
        .args(["GET", key])
        .output();
    let output = String::from_utf8(output.ok()?.stdout).ok()?;
    let rate = output.lines().last()?.split(',').nth(1)?.trim_matches('"').parse::<f64>();
    Some(rate.ok()? / 1000.0)
}

fn server_version() -> String {
    let output = Command::new("redis-server").arg("--version").output();
    output.map_or_else(|_| "unknown".to_owned(), |it| String::from_utf8_lossy(&it.stdout).into())
}
