//! Signatures are compared by the MAC's own code, which takes as long for any wrong one, and
//! nowhere else: read from the source. What a clock says of it, `make test-faults` measures.

use std::fs;
use std::path::{Path, PathBuf};

use rudder_session_trace as _;

#[test]
fn only_the_mac_itself_compares_one() {
    let text = fs::read_to_string(top().join("core/src/mac.rs")).expect("a source file");
    let code = code_of(&text);

    let compared: Vec<_> = code.iter().map(|it| it.trim()).filter(|it| compares(it)).collect();

    assert_eq!(compared, [COMPARISON]);
    let in_constant_time = code.iter().filter(|line| line.contains("CtOutput::<")).count();
    assert_eq!(in_constant_time, 1);
}

#[test]
fn nothing_else_in_the_engine_compares_a_signature_a_seal_or_a_key() {
    let files = sources(&["core/src", "core/cli/src", "ffi-c/src", "node-binding/src"], "rs");
    assert!(files.len() > 60, "the sources are elsewhere");

    for (path, text) in files {
        for line in code_of(&text) {
            let is_secret = SECRET_WORDS.iter().any(|word| has_word(&line, word));
            let compared = is_secret && compares(&line) && line.trim() != COMPARISON;
            assert!(!compared, "{}: {line}", path.display());
            let hashes = line.contains("hmac::") || line.contains("CtOutput");
            assert!(!hashes || path.ends_with("core/src/mac.rs"), "{}: {line}", path.display());
        }
    }
}

#[test]
fn the_fallback_compares_them_with_node_s_function_for_that() {
    let mut compared = 0;
    for (path, text) in sources(&["node-binding/ts"], "ts") {
        for line in code_of(&text) {
            compared += line.matches("timingSafeEqual(").count();
            // Whether there is one at all is no secret.
            let line = line.replace("=== null", "").replace("!== null", "");
            let is_secret = SECRET_WORDS.iter().any(|word| has_word(&line, word));
            assert!(!(is_secret && compares(&line)), "{}: {line}", path.display());
        }
    }
    // One in the codec of each format.
    assert_eq!(compared, 2);
}

#[test]
fn a_comparison_is_seen_where_there_is_one() {
    for line in ["mac == given", "if a.eq(b) {", "x.starts_with(mac)", "if (a.equals(b)) {"] {
        assert!(compares(line), "{line}");
    }
    assert!(!compares("let mac = key.sign(value);") && !compares("|a| a >= b => c"));
    assert!(has_word("bytes[..] == signature[..]", "signature"));
    assert!(!has_word("signature_len == 43", "signature"));
    let code = code_of("let a = 1; // mac == b\n/// mac == b\n#[cfg(test)]\nmod tests { a == b }");
    assert_eq!(code, ["let a = 1;"]);
}

/// Of two `CtOutput`s of the `digest` crate, whose `==` takes as long for any two.
const COMPARISON: &str = "constant_time(self.sign(message)) == constant_time(*signature)";

const SECRET_WORDS: [&str; 6] = ["hmac", "mac", "proof", "seal", "secret_key", "signature"];

fn compares(line: &str) -> bool {
    let operators = ["==", "!="];
    let calls = ["eq(", "ne(", "cmp(", "equals(", "compare(", "starts_with(", "ends_with("];
    operators.iter().any(|it| line.contains(it))
        || calls.iter().any(|call| line.contains(&format!(".{call}")))
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|it| it == word)
}

/// The lines of a file without comments, up to its tests.
fn code_of(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let is_comment = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("//") || line.starts_with('*') || line.starts_with("/*")
    };
    let lines = code.lines().filter(|line| !is_comment(line));
    let without_end = |line: &str| line.split(" //").next().unwrap_or_default().to_owned();
    lines.map(without_end).filter(|line| !line.is_empty()).collect()
}

fn sources(folders: &[&str], extension: &str) -> Vec<(PathBuf, String)> {
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| top().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            left.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|it| it == extension) && !path.ends_with("tests.rs")
        {
            let text = fs::read_to_string(&path).expect("a source file");
            found.push((path, text));
        }
    }
    found
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member of the workspace")
}
