//! Runs this program under callgrind, and reads what that writes.
//!
//! ```text
//!   fn=(12) sha2::sha256::soft::compress      a name is spelled out once, then its number does
//!   4 118                                     line, instructions of the function itself
//!   cfn=(14)
//!   calls=3 0
//!   4 999                                     what was called took that: not of itself
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cases;

/// Instructions of a call, on average over the shortest batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) all: f64,
    /// Without those of the hash function.
    pub(crate) besides_hashing: f64,
}

/// What was counted where.
pub(crate) struct Counted {
    /// What counts depend on besides the code, such as `rustc` and its version.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) cases: Vec<(String, Count)>,
}

/// Counts every case.
pub(crate) fn count() -> Result<Counted, String> {
    let folder = Folder::new()?;
    let program = std::env::current_exe().map_err(|err| err.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no", "--compress-strings=yes"])
        .arg(format!("--toggle-collect={}", cases::COUNTED))
        .arg(format!("--dump-after={}", cases::COUNTED))
        .arg(format!("--callgrind-out-file={}", folder.0.join("dump").display()))
        .arg(program)
        .arg("cases")
        .output()
        .map_err(|err| format!("valgrind does not start: {err}"))?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }

    let mut environment = versions();
    let mut cases = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["features", features] => environment.push(("features".into(), features.into())),
            ["case", name, calls] => {
                let calls = calls.parse().map_err(|_| format!("no number: {line}"))?;
                let before = cases.len() * cases::BATCHES;
                let batch = |number| read(&folder.0.join(format!("dump.{number}")), calls);
                let batches: Result<Vec<_>, _> =
                    (before + 1..=before + cases::BATCHES).map(batch).collect();
                let shortest = batches?.into_iter().min_by(|a, b| a.all.total_cmp(&b.all));
                cases.push((name.to_owned(), shortest.ok_or("no batch")?));
            }
            _ => return Err(format!("unexpected: {line}")),
        }
    }
    Ok(Counted { environment, cases })
}

fn versions() -> Vec<(String, String)> {
    let first_line = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        let text = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
        text.ok().and_then(|it| it.lines().next().map(str::to_owned)).unwrap_or_default()
    };
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    vec![
        ("rustc".to_owned(), first_line(&rustc, "--version")),
        ("valgrind".to_owned(), first_line("valgrind", "--version")),
        ("libc".to_owned(), first_line("ldd", "--version")),
    ]
}

fn read(path: &Path, calls: f64) -> Result<Count, String> {
    let text = std::fs::read_to_string(path).map_err(|err| format!("{}: {err}", path.display()))?;
    let (mut all, mut hashing) = (0, 0);
    let mut names = HashMap::new();
    let (mut hashes, mut of_a_callee) = (false, false);
    for line in text.lines() {
        if let Some(function) = line.strip_prefix("fn=") {
            hashes = is_hash(resolve(&mut names, function));
        } else if let Some(function) = line.strip_prefix("cfn=") {
            resolve(&mut names, function);
        } else if line.starts_with("calls=") {
            of_a_callee = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
            if !std::mem::take(&mut of_a_callee) {
                all += cost;
                hashing += if hashes { cost } else { 0 };
            }
        }
    }
    if all == 0 {
        return Err(format!("{}: no instruction", path.display()));
    }
    Ok(Count { all: all as f64 / calls, besides_hashing: (all - hashing) as f64 / calls })
}

/// The name behind `(12) name` or a later `(12)`.
fn resolve<'a>(names: &mut HashMap<&'a str, &'a str>, function: &'a str) -> &'a str {
    match function.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(function).copied().unwrap_or_default(),
    }
}

fn is_hash(function: &str) -> bool {
    function.starts_with("sha2::")
}

/// Removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("guard-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|err| format!("{}: {err}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
