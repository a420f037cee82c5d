//! Runs recorded cases of `@rudderjs/session` through the engine, in Rust and through C.
//!
//! ```text
//!   vectors.json --cases--> Case { name, expected, check }
//!                             |  for each Engine: rust, c
//!                             v
//!   pass  rust  sign / ascii uuid
//!   pass  c     verify / two = of padding     differs: ..
//!   FAIL  c     ..
//! ```
//!
//! [`cases`] knows the file, [`rules`] knows where we differ from the original on purpose,
//! [`engine`] is what an implementation can be asked, [`rust`] and [`c`] are the two of them.
//! The third, Node, is run by its own package.

pub mod c;
pub mod cases;
pub mod engine;
pub mod input;
mod pure_cases;
mod redis_cases;
pub mod rules;
pub mod rust;

use std::fmt;

use crate::js;
use crate::redis_server::RedisServer;
use cases::{Case, Expected};
use engine::Engine;

/// What became of all cases of a file.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

/// What became of one case in one engine.
#[derive(Debug)]
struct Line {
    engine: &'static str,
    case: String,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Same,
    Differs(String),
    JavaScriptOnly(String),
    Failed(String),
}

/// Runs every case of the file whose text is `text` through each of `engines`.
///
/// # Errors
///
/// If the text is not JSON.
pub fn run(text: &str, engines: &mut [Box<dyn Engine>]) -> Result<Report, js::SyntaxError> {
    let server = RedisServer::start();
    let file = js::parse(text)?;
    let mut report = Report::default();
    for case in cases::read(&file, &server) {
        for engine in engines.iter_mut() {
            let outcome = outcome(&case, &mut **engine);
            report.lines.push(Line { engine: engine.name(), case: case.name.clone(), outcome });
        }
    }
    Ok(report)
}

impl Report {
    /// Whether every case came out as it should in every engine, and there was one at all.
    pub fn is_good(&self) -> bool {
        !self.lines.is_empty() && self.failures().next().is_none()
    }

    /// Cases that came out as they should: passed, failed.
    pub fn counts(&self, engine: &str) -> (usize, usize) {
        let failed = self.of(engine).filter(|line| line.has_failed()).count();
        let not_ours = |line: &&Line| matches!(line.outcome, Outcome::JavaScriptOnly(_));
        let skipped = self.of(engine).filter(not_ours).count();
        (self.of(engine).count() - failed - skipped, failed)
    }

    /// How many cases differ from the original on purpose.
    pub fn deliberate_differences(&self, engine: &str) -> usize {
        self.of(engine).filter(|line| matches!(line.outcome, Outcome::Differs(_))).count()
    }

    /// The lines of the cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = String> + '_ {
        self.lines.iter().filter(|line| line.has_failed()).map(Line::to_string)
    }

    fn of<'a>(&'a self, engine: &'a str) -> impl Iterator<Item = &'a Line> + 'a {
        self.lines.iter().filter(move |line| line.engine == engine)
    }
}

/// Every case, then what is only for JavaScript, then the counts.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        let mut engines: Vec<&str> = self.lines.iter().map(|line| line.engine).collect();
        engines.dedup();
        engines.sort_unstable();
        engines.dedup();
        for engine in engines.into_iter().rev() {
            let (passed, failed) = self.counts(engine);
            let differ = self.deliberate_differences(engine);
            let not_ours = self.of(engine).count() - passed - failed;
            writeln!(f, "{engine}: {differ} of these differ on purpose, {not_ours} more js only")?;
            writeln!(f, "{engine}: {passed} passed, {failed} failed")?;
        }
        Ok(())
    }
}

impl Line {
    fn has_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, case, outcome } = self;
        match outcome {
            Outcome::Same => write!(f, "pass  {engine:<4}  {case}"),
            Outcome::Differs(reason) => write!(f, "pass  {engine:<4}  {case}  differs: {reason}"),
            Outcome::JavaScriptOnly(reason) => {
                write!(f, "----  {engine:<4}  {case}  js only: {reason}")
            }
            Outcome::Failed(why) => write!(f, "FAIL  {engine:<4}  {case}  {why}"),
        }
    }
}

fn outcome(case: &Case<'_>, engine: &mut dyn Engine) -> Outcome {
    let expected = (case.expected)(engine.name());
    if let Expected::JavaScriptOnly(reason) = expected {
        return Outcome::JavaScriptOnly(reason);
    }
    match ((case.check)(engine), expected) {
        (Err(why), _) => Outcome::Failed(why),
        (Ok(()), Expected::Differs(reason)) => Outcome::Differs(reason),
        (Ok(()), _) => Outcome::Same,
    }
}
