//! Prints what was measured, and writes it down for other programs.
//!
//! ```text
//!   k op/s   median [lower quartile, upper quartile]
//!   ratio    median of ours / theirs of each round; "~" if that varies by more than it differs
//!            from 1: then nothing is known
//! ```

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::round::Mix;

/// What is done, by how many, over which way.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) mix: Mix,
    pub(crate) callers: usize,
    pub(crate) added_ms: u128,
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match self.mix {
            Mix::Loads => "load",
            Mix::LoadsAndSaves => "load_and_save",
        };
        write!(f, "{operation}/{}/+{}ms", self.callers, self.added_ms)
    }
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<String>,
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
                    let ratio = Ratio::of(our_rates, their_rates);
                    let [ours, theirs] = [our_rates, their_rates].map(|it| Figures::of(it).median);
                    self.rows.push(format!(
                        "{{\"name\": \"{scene}/{our_name}/{name}\", \"ours\": {:.1}, \
                         \"peer\": {:.1}, \"unit\": \"k op/s\", \"ratio\": {}, \
                         \"spread\": {:.3}}}",
                        ours / 1000.0,
                        theirs / 1000.0,
                        ratio.known().map_or_else(|| "null".to_owned(), |it| format!("{it:.3}")),
                        ratio.0.spread(),
                    ));
                    format!("{:>9}", ratio.to_string())
                })
                .collect();
            let figures = Figures::of(their_rates).in_thousands();
            println!("  {name:<12} {figures:<29} {}", ratios.join(" "));
        }
    }

    /// Adds what a program in C gets out of the server, in thousands a second.
    pub(crate) fn ceiling(&mut self, rate: Option<f64>) {
        let Some(rate) = rate else {
            println!("\nredis-benchmark is not here: no ceiling");
            return;
        };
        println!("\nredis-benchmark -P 32 -c 8 GET: {rate:.1} k op/s");
        self.rows.push(format!(
            "{{\"name\": \"load/redis-benchmark -P 32\", \"ours\": null, \"peer\": {rate:.1}, \
             \"unit\": \"k op/s\", \"ratio\": null, \"spread\": null}}"
        ));
    }

    /// Writes `bench/stores.json` in the target directory.
    pub(crate) fn write(&self) {
        let path = target_dir().join("bench/stores.json");
        let text = format!("[\n  {}\n]\n", self.rows.join(",\n  "));
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

/// Ours to theirs.
struct Ratio(Figures);

impl Ratio {
    fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let ratios: Vec<_> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        Self(Figures::of(&ratios))
    }

    /// Nothing if it varies by more than it differs from 1.
    fn known(&self) -> Option<f64> {
        let difference = (self.0.median - 1.0).abs();
        (self.0.spread() <= difference).then_some(self.0.median)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(ratio) => write!(f, "{ratio:.2}"),
            None => write!(f, "~"),
        }
    }
}
