//! Writes what was measured as one report, and as one list of rows.
//!
//! ```text
//!   target/bench/*.json --+--> target/bench/report.json      every row
//!                         +--> benches/REPORT.md             tables, and where we are slower
//!   target/flame/*.txt  --+--> benches/report/*.svg          plots, flame graphs
//! ```
//!
//! Measures nothing itself: `make bench-report` says which commands came before.

mod flame;
mod machine;
mod markdown;
mod plots;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let folders = Folders::new();
    let rows = rows::read(&folders.measured);
    assert!(!rows.is_empty(), "nothing was measured: there is no row in target/bench");
    fs::create_dir_all(&folders.pictures).expect("benches/report is writable");

    let lines: Vec<_> =
        rows.iter().map(|it| serde_json::to_string(it).expect("it is plain")).collect();
    let json = format!("[\n  {}\n]\n", lines.join(",\n  "));
    fs::write(folders.measured.join("report.json"), json).expect("target/bench is writable");

    let mut pictures = plots::draw(&rows, &folders.pictures);
    pictures.extend(flame::draw_all(&folders.samples, &folders.pictures));
    let slower = fs::read_to_string(folders.pictures.join("slower.md")).unwrap_or_default();
    let report = markdown::report(&rows, &pictures, &slower);
    fs::write(folders.benches.join("REPORT.md"), report).expect("benches is writable");
    println!("{} rows, {} pictures: benches/REPORT.md", rows.len(), pictures.len());
}

/// A file beside the report, and what it shows.
struct Picture {
    file: String,
    title: String,
}

struct Folders {
    benches: PathBuf,
    pictures: PathBuf,
    measured: PathBuf,
    samples: PathBuf,
}

impl Folders {
    fn new() -> Self {
        let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let beside = || benches.join("../target");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(beside, PathBuf::from);
        Self {
            pictures: benches.join("report"),
            measured: target.join("bench"),
            samples: target.join("flame"),
            benches,
        }
    }
}
