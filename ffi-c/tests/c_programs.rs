//! C and C++ programs compile against the header, link with the library, and do their job.

mod redis_server;
mod toolchain;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use redis_server::RedisServer;
use toolchain::{Language, expect_success, header_path, library, link};

const EXAMPLE_PRINTS: &str = "\
signed and verified
encoded and decoded
Set-Cookie: sid=...; Path=/; Max-Age=7200; SameSite=lax; HttpOnly; Secure
created, loaded and touched
updated and merged
flashed and taken
regenerated
Set-Cookie: sid=; Path=/; Max-Age=7200; SameSite=lax; HttpOnly; Secure; Max-Age=0
destroyed
1 merged, 1 came too late, 0 foreign
";

const FORK_PRINTS: &str = "\
a child was kept out of a store in use
the parent went on
";

#[test]
fn the_example_keeps_a_session_in_memory() {
    let library = library();
    let program = link(Language::C, "c99", &example(), &library.shared_link_line());

    let output = Command::new(program).output().expect("a program");

    expect_success("session", &output);
    assert_eq!(String::from_utf8_lossy(&output.stdout), EXAMPLE_PRINTS);
}

#[test]
fn the_example_keeps_a_session_in_redis_through_the_static_library() {
    let library = library();
    let program = link(Language::C, "c99", &example(), &library.static_link_line());
    let redis = RedisServer::start();

    let output = Command::new(program).arg(redis.url()).output().expect("a program");

    expect_success("session redis", &output);
    assert_eq!(String::from_utf8_lossy(&output.stdout), EXAMPLE_PRINTS);
    let figures = redis.ask("INFO commandstats");
    // Created twice and regenerated once; logged out once, besides what was removed in scripts.
    for figure in ["cmdstat_set:calls=", "cmdstat_get:calls=", "cmdstat_expire:calls=1,"] {
        assert!(figures.contains(figure), "{figure} is not in\n{figures}");
    }
    assert_eq!(redis.ask("DBSIZE"), ":0\r\n+OK\r\n");
}

#[test]
fn the_example_keeps_a_session_in_a_file_that_the_next_run_opens_again() {
    let library = library();
    let program = link(Language::C, "c99", &example(), &library.shared_link_line());
    let file = FileForTest::new("example");

    for _ in 0..2 {
        let output = Command::new(&program).arg(&file.0).output().expect("a program");
        expect_success("session file", &output);
        assert_eq!(String::from_utf8_lossy(&output.stdout), EXAMPLE_PRINTS);
    }
    assert!(file.0.exists());
}

#[test]
fn a_store_made_before_a_fork_serves_every_child_and_one_in_use_no_child() {
    let program = link(Language::C, "c99", &fork_program(), &library().shared_link_line());
    let redis = RedisServer::start();

    let output = Command::new(program).arg(redis.url()).output().expect("a program");

    expect_success("fork redis", &output);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(printed, format!("each child saw its own sessions\n{FORK_PRINTS}"));
    // Four children and twice the parent, 300 sessions each.
    assert_eq!(redis.ask("DBSIZE"), ":1800\r\n+OK\r\n");
}

#[test]
fn a_signal_of_the_host_ends_no_call() {
    let program = link(Language::C, "c99", &signals_program(), &library().shared_link_line());
    let redis = RedisServer::start();

    let mut command = Command::new(program);
    let output = command.arg(redis.url()).arg(redis.process_id().to_string()).output();

    let output = output.expect("a program");
    expect_success("signals", &output);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        printed,
        "200 signals, and the answer all the same
"
    );
}

#[test]
fn a_file_store_stays_with_the_process_that_made_it() {
    let program = link(Language::C, "c99", &fork_program(), &library().shared_link_line());
    let file = FileForTest::new("fork");

    let output = Command::new(program).arg(&file.0).output().expect("a program");

    expect_success("fork file", &output);
    assert_eq!(String::from_utf8_lossy(&output.stdout), FORK_PRINTS);
}

#[test]
fn no_message_of_a_file_store_tells_its_path() {
    let program = link(Language::C, "c99", &example(), &library().shared_link_line());
    let file = FileForTest::new("secret-place");
    fs::write(&file.0, "something else").expect("a writable directory");

    let output = Command::new(program).arg(&file.0).output().expect("a program");

    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, "file store: RSESS_ERR_FILE_FOREIGN, not RSESS_OK\n");
    assert_eq!(fs::read(&file.0).expect("still there"), b"something else");
}

#[test]
fn the_example_fails_with_a_named_status_when_redis_is_out_of_reach() {
    let library = library();
    let program = link(Language::C, "c99", &example(), &library.shared_link_line());

    let output = Command::new(program).arg("redis+unix:///nowhere/socket").output().expect("it");

    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, "create: RSESS_ERR_STORE_UNREACHABLE, not RSESS_OK (try again later)\n");
}

#[test]
fn a_cpp_program_calls_the_library_by_its_c_names() {
    let library = library();
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("version.cpp");
    fs::write(&source, CPP_PROGRAM).expect("a writable directory");
    let program = link(Language::Cpp, "c++11", &source, &library.shared_link_line());

    let output = Command::new(program).output().expect("a program");

    expect_success("version", &output);
    assert_eq!(String::from_utf8_lossy(&output.stdout), env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_shared_library_exports_what_the_header_declares_and_nothing_else() {
    let library = library();

    let mut nm = Command::new("nm");
    nm.args(["-D", "--defined-only", "--format=posix"]).arg(&library.shared);
    let output = nm.output().expect("nm on the PATH");

    expect_success("nm", &output);
    let listing = String::from_utf8(output.stdout).expect("UTF-8");
    let exported: BTreeSet<&str> =
        listing.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let header = fs::read_to_string(header_path()).expect("a header");
    assert_eq!(exported, declared(&header));
}

/// The names of the functions that a header declares.
fn declared(header: &str) -> BTreeSet<&str> {
    let code = header.lines().filter(|line| !line.starts_with([' ', '/', '#', '}']));
    code.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next()).collect()
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/session.c")
}

fn fork_program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/fork.c")
}

fn signals_program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/signals.c")
}

/// The path of a file that is not there when a test starts, nor when it has ended.
struct FileForTest(PathBuf);

impl FileForTest {
    fn new(name: &str) -> Self {
        let name = format!("{name}-{}.redb", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for FileForTest {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const CPP_PROGRAM: &str = r#"
#include <cstdio>
#include "rudder_session.h"

int main() {
    std::fputs(rsess_version(), stdout);
    return 0;
}
"#;
