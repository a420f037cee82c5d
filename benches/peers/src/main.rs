//! Compares what we do with others that do the same, at the same time on the same machine.
//!
//! ```text
//!   codec, payloads   cookies and JSON, on one thread: `codec/..` and `payload/..`
//!     pairs           two ways to do the same in turns
//!   contestants       ways to load and save sessions in Redis: `load/..`, `load_and_save/..`
//!     frameworks      those of web frameworks
//!     round           who works for whom: threads, tasks, or one thread with callbacks
//!   stored            ours when much is stored: `growth/..`
//!   report            medians, spreads, ratios, or why there is no ratio
//! ```
//!
//! Each result is looked at. All take turns, so that what else the machine does meanwhile hits
//! all alike: a ratio is that of two neighbours in time, and only then the median of those of
//! all rounds.
//!
//! Usage: `rudder-session-peers [--rounds N] [--window MILLISECONDS] [--pool-size N]
//! [--only CONTESTANT] [PART OF A NAME ..]`

mod codec;
mod contestants;
mod frameworks;
mod pairs;
mod payloads;
mod report;
mod round;
mod stored;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rudder_session_tests::redis_server::RedisServer;
use rudder_session_tests::slow_link::SlowLink;

use contestants::{Contestant, Sessions};
use pairs::Pairs;
use report::{Report, Scene, USUAL_BYTES};
use round::Mix;

/// Bytes of a session as JSON, where it is looked at how they count.
const OTHER_BYTES: [usize; 5] = [100, 1000, 10_000, 100_000, 1_000_000];

/// Slices are short, and more of them make up for that.
const ROUNDS_OF_A_PAIR: usize = 30;

/// A millisecond is a neighbouring data centre.
const ADDED_ROUND_TRIPS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(1)];

fn main() {
    let options = Options::from_arguments();
    let mut report = Report::default();
    println!("redis-server: {}", server_version());

    let wants = |name: &str| options.wants(name);
    let rounds = options.rounds * ROUNDS_OF_A_PAIR;
    let mut pairs = Pairs { report: &mut report, rounds, wants: &wants };
    codec::compare(&mut pairs);
    payloads::compare(&mut pairs);

    let scenes = scenes().filter(|it| options.wants(&it.to_string())).collect::<Vec<_>>();
    if !scenes.is_empty() {
        compare_stores(&scenes, &options, &mut report);
    }
    stored::measure(&mut report, &wants);
    report.write();
}

/// What is done in Redis, by how many, over which way.
fn scenes() -> impl Iterator<Item = Scene> {
    let work = [Mix::Loads, Mix::LoadsAndSaves]
        .into_iter()
        .flat_map(|mix| [1, 16, 64, 256, 1024].map(|callers| (mix, callers)));
    let usual = ADDED_ROUND_TRIPS.into_iter().flat_map(move |added| {
        let added_ms = added.as_millis();
        let scene = move |(mix, callers)| Scene { mix, callers, added_ms, bytes: USUAL_BYTES };
        work.clone().map(scene)
    });
    let of_bytes = |bytes| Scene { mix: Mix::LoadsAndSaves, callers: 64, added_ms: 0, bytes };
    usual.chain(OTHER_BYTES.map(of_bytes))
}

fn compare_stores(scenes: &[Scene], options: &Options, report: &mut Report) {
    let server = RedisServer::start();
    // Neighbours in the list share contestants, which are connected once.
    for alike in scenes.chunk_by(|a, b| (a.added_ms, a.bytes) == (b.added_ms, b.bytes)) {
        let Scene { added_ms, bytes, .. } = alike[0];
        let sessions = Arc::new(Sessions::new(bytes));
        let link = SlowLink::start(server.port(), Duration::from_millis(added_ms as u64));
        let port = if added_ms == 0 { server.port() } else { link.port() };
        let mut contestants = contestants::all(port, options.pool_size, &sessions);
        contestants.retain(|it| options.lets_in(it.name()));
        for scene in alike {
            run(*scene, &contestants, options, report);
            if (scene.mix, scene.callers, added_ms) == (Mix::Loads, 256, 0) {
                reach_for_the_ceiling(*scene, &server, &sessions, &contestants, options, report);
            }
        }
    }
}

/// Has ours load next to `redis-benchmark`, which is written in C, sends 32 commands at a time on
/// each of 8 connections, and looks at no reply.
fn reach_for_the_ceiling(
    scene: Scene,
    server: &RedisServer,
    sessions: &Sessions,
    contestants: &[Box<dyn Contestant>],
    options: &Options,
    report: &mut Report,
) {
    for ours in contestants.iter().filter(|it| it.is_ours()) {
        let (mut rates, mut ceilings) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            rates.push(ours.work(scene.callers, scene.mix, options.window));
            match ceiling(server.port(), sessions.key(0)) {
                Some(rate) => ceilings.push(rate),
                None => return println!("redis-benchmark is not here: no ceiling"),
            }
        }
        let name = format!("{scene}/{}/redis-benchmark -P 32", ours.name());
        report.add_ceiling(&name, &rates, &ceilings);
    }
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
            let mut number = || arguments.next().and_then(|it| it.parse::<u64>().ok());
            match argument.as_str() {
                // Of fewer there is no spread.
                "--rounds" => options.rounds = number().expect("--rounds N").max(3) as usize,
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

fn ceiling(port: u16, key: &str) -> Option<f64> {
    let output = Command::new("redis-benchmark")
        .args(["-p", &port.to_string(), "-P", "32", "-c", "8", "-n", "300000", "--csv"])
        .args(["GET", key])
        .output();
    let output = String::from_utf8(output.ok()?.stdout).ok()?;
    output.lines().last()?.split(',').nth(1)?.trim_matches('"').parse().ok()
}

fn server_version() -> String {
    let output = Command::new("redis-server").arg("--version").output();
    output.map_or_else(|_| "unknown".to_owned(), |it| String::from_utf8_lossy(&it.stdout).into())
}
