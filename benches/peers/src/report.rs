//! Prints what was measured, and writes it down for other programs.
//!
//! ```text
//!   k op/s, ns   median [lower quartile, upper quartile]
//!   ratio        how many times better ours is, the median of each round's; "~" if that varies
//!                by more than it differs from 1: then nothing is known
//! ```
//!
//! The rows are added to those of earlier runs; a row of the same name is replaced.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::round::Mix;

/// What is done, by how many, over which way.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) mix: Mix,
    pub(crate) callers: usize,
    pub(crate) added_ms: u128,
    /// Of each session, as JSON.
    pub(crate) bytes: usize,
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match self.mix {
            Mix::Loads => "load",
            Mix::LoadsAndSaves => "load_and_save",
        };
        write!(f, "{operation}/{}/+{}ms", self.callers, self.added_ms)?;
        if self.bytes == USUAL_BYTES { Ok(()) } else { write!(f, "/{}B", self.bytes) }
    }
}

/// Bytes of a session where the name does not say.
pub(crate) const USUAL_BYTES: usize = 500;

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Deserialize, Serialize)]
struct Row {
    name: String,
    ours: f64,
    peer: Option<f64>,
    unit: String,
    /// Nothing if the spread is larger than the difference.
    ratio: Option<f64>,
    /// From the lower to the upper quartile of the ratios of all rounds.
    spread: Option<f64>,
}

/// A name, whether it is ours, and operations a second of each round.
type Rates = ((&'static str, bool), Vec<f64>);

impl Report {
    /// Prints the rates of one scene, and the ratio of each of ours to each of theirs.
    pub(crate) fn add(&mut self, scene: Scene, all: &[Rates]) {
        let (ours, theirs): (Vec<_>, Vec<_>) = all.iter().partition(|it| it.0.1);
        println!("\n{scene}");
        for ((name, _), rates) in &ours {
            println!("  {name:<12} {}", Figures::of(rates).in_thousands());
        }
        let heading: Vec<_> = ours.iter().map(|it| format!("{:>8}/", it.0.0)).collect();
        println!("  {:<42} {}", "", heading.join(" "));
        for ((name, _), their_rates) in &theirs {
            let ratios: Vec<_> = ours
                .iter()
                .map(|((our_name, _), our_rates)| {
                    let ratio = Ratio::of_rates(our_rates, their_rates);
                    let name = format!("{scene}/{our_name}/{name}");
                    self.rows.push(ratio.row(name, "k op/s", our_rates, their_rates, 1000.0));
                    format!("{:>9}", ratio.to_string())
                })
                .collect();
            let figures = Figures::of(their_rates).in_thousands();
            println!("  {name:<12} {figures:<29} {}", ratios.join(" "));
        }
    }

    /// Prints nanoseconds of a call of ours and of theirs.
    pub(crate) fn add_times(&mut self, name: &str, peer: &str, ours: &[f64], theirs: &[f64]) {
        let ratio = Ratio::of_times(ours, theirs);
        let shown = |times| {
            let Figures { lower_quartile, median, upper_quartile } = Figures::of(times);
            format!("{median:>7.0} ns [{lower_quartile:.0}, {upper_quartile:.0}]")
        };
        let (name, ours_shown) = (format!("{name}/{peer}"), shown(ours));
        println!("{name:<44} {ours_shown:<26} {:<26} {:>6}", shown(theirs), ratio.to_string());
        self.rows.push(ratio.row(name, "ns", ours, theirs, 1.0));
    }

    /// Prints what a call of ours takes, where nobody else's does the same.
    pub(crate) fn add_alone(&mut self, name: &str, unit: &str, values: &[f64]) {
        let Figures { lower_quartile, median, upper_quartile } = Figures::of(values);
        println!("{name:<44} {median:>7.1} {unit} [{lower_quartile:.1}, {upper_quartile:.1}]");
        let (ours, unit) = (rounded(median), unit.to_owned());
        let row = Row { name: name.to_owned(), ours, peer: None, unit, ratio: None, spread: None };
        self.rows.push(row);
    }

    /// Prints what ours get out of the server next to what a program in C does.
    pub(crate) fn add_ceiling(&mut self, name: &str, ours: &[f64], ceiling: &[f64]) {
        let ratio = Ratio::of_rates(ours, ceiling);
        let [ours_shown, theirs] = [ours, ceiling].map(|it| Figures::of(it).in_thousands());
        println!("  {name:<28} {ours_shown} of {theirs} {:>9}", ratio.to_string());
        self.rows.push(ratio.row(name.to_owned(), "k op/s", ours, ceiling, 1000.0));
    }

    /// Writes `bench/peers.json` in the target directory.
    pub(crate) fn write(self) {
        let path = target_dir().join("bench/peers.json");
        let earlier = fs::read_to_string(&path).unwrap_or_else(|_| "[]".to_owned());
        let mut rows: Vec<Row> = serde_json::from_str(&earlier).unwrap_or_default();
        for row in self.rows {
            match rows.iter_mut().find(|it| it.name == row.name) {
                Some(same) => *same = row,
                None => rows.push(row),
            }
        }
        let lines: Vec<_> =
            rows.iter().map(|it| serde_json::to_string(it).expect("it is plain")).collect();
        let text = format!("[\n  {}\n]\n", lines.join(",\n  "));
        let written = fs::create_dir_all(path.parent().expect("it has one"))
            .and_then(|()| fs::write(&path, text));
        written.expect("the target directory is writable");
        println!("written to {}", path.display());
    }
}

fn target_dir() -> PathBuf {
    let beside_the_workspace = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(beside_the_workspace, PathBuf::from)
}

struct Figures {
    lower_quartile: f64,
    median: f64,
    upper_quartile: f64,
}

impl Figures {
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        Self { lower_quartile: at(0.25), median: at(0.5), upper_quartile: at(0.75) }
    }

    fn spread(&self) -> f64 {
        self.upper_quartile - self.lower_quartile
    }

    fn in_thousands(&self) -> String {
        let [lower, median, upper] =
            [self.lower_quartile, self.median, self.upper_quartile].map(|it| it / 1000.0);
        format!("{median:>7.1} k op/s [{lower:.1}, {upper:.1}]")
    }
}

/// How many times better ours is.
struct Ratio(Figures);

impl Ratio {
    fn of_rates(ours: &[f64], theirs: &[f64]) -> Self {
        let ratios: Vec<_> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        Self(Figures::of(&ratios))
    }

    fn of_times(ours: &[f64], theirs: &[f64]) -> Self {
        Self::of_rates(theirs, ours)
    }

    fn row(&self, name: String, unit: &str, ours: &[f64], theirs: &[f64], scale: f64) -> Row {
        let [ours, peer] = [ours, theirs].map(|it| rounded(Figures::of(it).median / scale));
        let (ratio, spread) = (self.known().map(rounded), Some(rounded(self.0.spread())));
        Row { name, ours, peer: Some(peer), unit: unit.to_owned(), ratio, spread }
    }

    /// Nothing if it varies by more than it differs from 1.
    fn known(&self) -> Option<f64> {
        let difference = (self.0.median - 1.0).abs();
        (self.0.spread() <= difference).then_some(self.0.median)
    }
}

/// To four digits: more are noise.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(ratio) => write!(f, "{ratio:.2}"),
            None => write!(f, "~"),
        }
    }
}
