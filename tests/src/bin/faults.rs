//! Runs the long versions of all fault scenarios, and prints what each of them saw.
//!
//! ```text
//!   cargo run --release -p rudder-session-tests --bin faults -- [--seed N] [--soak SECONDS] [NAME]
//! ```
//!
//! With a NAME only scenarios whose names contain it. Exits with 1 if one failed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rudder_session::Durability;
use rudder_session_tests::faults::offsets::Method;
use rudder_session_tests::faults::{
    Extent, cluster, crash, cuts, damage, offsets, outage, races, refusals, soak, timing,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some((crash::CHILD, rest)) => return crash::write_until_killed(rest),
        Some((damage::CHILD, rest)) => return damage::probe_file(rest),
        _ => {}
    }
    let Some(options) = Options::parse(&arguments) else {
        eprintln!("usage: faults [--seed N] [--soak SECONDS] [NAME]");
        return ExitCode::from(2);
    };
    println!("seed {}", options.seed);
    let (mut passed, mut failed) = (0, 0);
    for (name, scenario) in scenarios(&options) {
        if !name.contains(&options.name) {
            continue;
        }
        let started_at = Instant::now();
        // A panic of a scenario is its failure; what it says is on standard error.
        let outcome = std::thread::spawn(scenario).join();
        let seconds = started_at.elapsed().as_secs_f64();
        match outcome {
            Ok(shown) => {
                passed += 1;
                println!("ok     {name} ({seconds:.1} s)\n       {shown}");
            }
            Err(_) => {
                failed += 1;
                println!("FAILED {name} ({seconds:.1} s)");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Options {
    seed: u64,
    soak: Duration,
    name: String,
}

impl Options {
    fn parse(arguments: &[String]) -> Option<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let seed = u64::from(since_epoch.subsec_nanos());
        let mut options = Self { seed, soak: Duration::from_secs(30), name: String::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--seed" => options.seed = arguments.next()?.parse().ok()?,
                "--soak" => {
                    options.soak = Duration::from_secs(arguments.next()?.parse().ok()?);
                }
                name if !name.starts_with('-') => options.name = name.to_owned(),
                _ => return None,
            }
        }
        Some(options)
    }
}

type Scenario = Box<dyn FnOnce() -> String + Send>;

fn scenarios(options: &Options) -> Vec<(String, Scenario)> {
    let extent = Extent { seed: options.seed, is_long: true };
    let lasts = options.soak;
    let mut all: Vec<(String, Scenario)> = Vec::new();
    let mut add = |name: &str, scenario: Scenario| all.push((name.to_owned(), scenario));
    let quiet = |scenario: fn()| -> Scenario {
        Box::new(move || {
            scenario();
            "with scripts and without".to_owned()
        })
    };

    add("timing: signatures", Box::new(move || timing::signatures(extent)));
    add("outage: stopped server", Box::new(move || outage::stopped_server(extent)));
    add("outage: killed server", Box::new(move || outage::killed_server(extent)));
    add("outage: forgetful server", Box::new(move || outage::forgetful_server(extent)));
    add("outage: thrown out", Box::new(move || outage::thrown_out(extent)));
    add("outage: paused server", Box::new(move || outage::paused_server(extent)));
    add("outage: flushed scripts", Box::new(move || outage::flushed_scripts(extent)));
    add("outage: breaker", Box::new(move || outage::breaker(extent)));
    add("refusals: full server", quiet(refusals::full_server));
    add("refusals: read-only server", quiet(refusals::read_only_server));
    add("refusals: locked server", quiet(refusals::locked_server));
    add("refusals: wrong type", quiet(refusals::wrong_type));
    add("refusals: loading server", quiet(refusals::loading_server));
    for method in [Method::Script, Method::Watch] {
        let name = |what: &str| format!("proxy: {what}, {method:?}");
        add(&name("every byte"), Box::new(move || offsets::single_operations(extent, method)));
        add(
            &name("every byte of a first use"),
            Box::new(move || offsets::first_use(extent, method)),
        );
        add(&name("every byte of a batch"), Box::new(move || offsets::one_batch(extent, method)));
        add(&name("random cuts"), Box::new(move || cuts::random_cuts(extent, method)));
    }
    add("races: memory", Box::new(move || races::memory(extent)));
    for durability in [Durability::Immediate, Durability::Eventual] {
        let name = format!("races: file, {durability:?}");
        add(&name, Box::new(move || races::file(extent, durability)));
    }
    add("races: redis, Script", Box::new(move || races::redis_with_scripts(extent)));
    add("races: redis, Watch", Box::new(move || races::redis_without_scripts(extent)));
    for method in [Method::Script, Method::Watch] {
        let name = format!("cluster: slots that move, {method:?}");
        add(&name, Box::new(move || cluster::moving_slots(extent, method)));
    }
    add("cluster: fail-overs", Box::new(move || cluster::fail_overs(extent)));
    for durability in [Durability::Immediate, Durability::Eventual] {
        let name = format!("file: kills, {durability:?}");
        add(&name, Box::new(move || crash::kills(extent, &this_program(), durability)));
    }
    let while_it_is_made = move || crash::kills_while_it_is_made(extent, &this_program());
    add("file: kills while it is made", Box::new(while_it_is_made));
    let second_process = || {
        crash::second_process(&this_program());
        "is told that the file is in use, either way round".to_owned()
    };
    add("file: second process", Box::new(second_process));
    add("file: cut short", Box::new(move || damage::cut_short(extent, &this_program())));
    add("file: changed bytes", Box::new(move || damage::changed_bytes(extent, &this_program())));
    add("soak", Box::new(move || soak::soak(extent, lasts)));
    all
}

fn this_program() -> PathBuf {
    std::env::current_exe().as_deref().map(Path::to_path_buf).expect("it runs")
}
