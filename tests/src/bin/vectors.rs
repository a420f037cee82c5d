//! Runs a file of vectors through Rust and through C, and prints what became of each case.
//!
//! ```text
//!   cargo run -p rudder-session-tests --bin vectors -- tests/vectors/vectors.json
//! ```
//!
//! Exits with 1 if a case failed, with 2 if there is no such file or it is not JSON.

use std::process::ExitCode;

use rudder_session_tests::js;
use rudder_session_tests::vectors::{self, c::CEngine, engine::Engine, rust::RustEngine};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [path] = &*arguments else {
        eprintln!("usage: vectors FILE");
        return ExitCode::from(2);
    };
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(err) => {
            eprintln!("{}: {err}", path.display());
            return ExitCode::from(2);
        }
    };
    let report = js::deep(|| {
        let mut engines: [Box<dyn Engine>; 2] = [Box::new(RustEngine), Box::new(CEngine::start())];
        vectors::run(&text, &mut engines).ok().map(|report| (report.is_good(), report.to_string()))
    });
    let Some((is_good, shown)) = report else {
        eprintln!("{}: it is not JSON", path.display());
        return ExitCode::from(2);
    };
    print!("{shown}");
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
