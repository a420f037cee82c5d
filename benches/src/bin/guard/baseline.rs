//! Keeps what was counted once, and compares.
//!
//! ```text
//!   # rustc     rustc 1.95.0 (..)        what counts depend on besides the code
//!   verify/36   6103.0   512.0           case, instructions a call, those besides hashing
//! ```

use std::fmt::Write;
use std::path::PathBuf;

use crate::callgrind::{Count, Counted};

/// What came out of a comparison.
pub(crate) enum Verdict {
    Holds,
    Exceeded,
    /// There is no baseline of such an environment.
    NotComparable,
}

/// Counts of a commit that was good.
pub(crate) struct Baseline {
    environment: Vec<(String, String)>,
    cases: Vec<(String, Count)>,
}

/// How much more a case may take.
const LIMIT_PERCENT: f64 = 3.0;

/// So few instructions more are no reason, whatever their share of a short path.
const SLACK: f64 = 10.0;

impl Baseline {
    /// The committed one; without any cases if there is none for this architecture.
    pub(crate) fn read() -> Self {
        let mut baseline = Self { environment: Vec::new(), cases: Vec::new() };
        for line in std::fs::read_to_string(path()).unwrap_or_default().lines() {
            if let Some((name, value)) = line.strip_prefix("# ").and_then(|it| it.split_once(' ')) {
                baseline.environment.push((name.to_owned(), value.trim_start().to_owned()));
            } else if let [name, all, besides_hashing] =
                line.split_whitespace().collect::<Vec<_>>()[..]
            {
                let number = |text: &str| text.parse().expect("the baseline has numbers");
                let count = Count { all: number(all), besides_hashing: number(besides_hashing) };
                baseline.cases.push((name.to_owned(), count));
            }
        }
        baseline
    }

    /// Writes what was counted as the baseline of this architecture.
    pub(crate) fn write(counted: &Counted) -> PathBuf {
        let mut text = String::new();
        for (name, value) in &counted.environment {
            let _ = writeln!(text, "# {name:<9} {value}");
        }
        for (name, Count { all, besides_hashing }) in &counted.cases {
            let _ = writeln!(text, "{name:<20} {all:>10.1} {besides_hashing:>10.1}");
        }
        let path = path();
        let written = std::fs::create_dir_all(path.parent().expect("it has one"))
            .and_then(|()| std::fs::write(&path, text));
        written.expect("benches/guard is writable");
        path
    }

    /// Prints each case next to what it was.
    pub(crate) fn compare(&self, counted: &Counted) -> Verdict {
        println!("{:<20} {:>10} {:>8} {:>15} {:>8}", "", "all", "", "besides hashing", "");
        let difference = self.difference(counted);
        let mut worse = Vec::new();
        let mut missing: Vec<_> = self.cases.iter().map(|it| it.0.as_str()).collect();
        for (name, now) in &counted.cases {
            missing.retain(|it| it != name);
            let then = self.cases.iter().find(|it| it.0 == *name).map(|it| it.1);
            let all = change(then.map(|it| it.all), now.all);
            let besides = change(then.map(|it| it.besides_hashing), now.besides_hashing);
            let exceeds = difference.is_none() && (all.exceeds || besides.exceeds);
            println!(
                "{name:<20} {:>10.0} {:>8} {:>15.0} {:>8}{}",
                now.all,
                all.text,
                now.besides_hashing,
                besides.text,
                if exceeds { "  MORE" } else { "" }
            );
            if exceeds {
                worse.push(name.as_str());
            }
        }

        if let Some(difference) = difference {
            println!("\nNOT COMPARED: {difference}");
            println!("UPDATE=1 make bench-guard on the commit to compare with writes a baseline");
            return Verdict::NotComparable;
        }
        if !missing.is_empty() {
            println!("\nno longer counted: {}", missing.join(", "));
            return Verdict::Exceeded;
        }
        if worse.is_empty() {
            println!("\nno case takes {LIMIT_PERCENT} % more instructions than the baseline");
            return Verdict::Holds;
        }
        println!("\nmore than {LIMIT_PERCENT} % above the baseline: {}", worse.join(", "));
        println!("if that is worth it: UPDATE=1 make bench-guard, and say in the commit why");
        Verdict::Exceeded
    }

    /// Why counts from here say nothing about the code; nothing if they do.
    fn difference(&self, counted: &Counted) -> Option<String> {
        if self.cases.is_empty() {
            return Some(format!("there is no {}", path().display()));
        }
        let of = |environment: &[(String, String)], name: &str| {
            let found = environment.iter().find(|it| it.0 == name);
            found.map(|it| it.1.clone()).unwrap_or_default()
        };
        counted.environment.iter().find_map(|(name, here)| {
            let there = of(&self.environment, name);
            (there != *here).then(|| format!("{name} is `{here}`, the baseline has `{there}`"))
        })
    }
}

struct Change {
    text: String,
    exceeds: bool,
}

fn change(then: Option<f64>, now: f64) -> Change {
    let Some(then) = then else { return Change { text: "new".to_owned(), exceeds: true } };
    let percent = (now - then) / then * 100.0;
    let exceeds = percent > LIMIT_PERCENT && now - then > SLACK;
    Change { text: format!("{percent:+.1}%"), exceeds }
}

fn path() -> PathBuf {
    let file = format!("guard/{}.txt", std::env::consts::ARCH);
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)
}
