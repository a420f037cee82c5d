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
saved, loaded and touched
Set-Cookie: sid=; Path=/; Max-Age=7200; SameSite=lax; HttpOnly; Secure; Max-Age=0
destroyed
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
    for (command, calls) in [("set", 1), ("get", 2), ("expire", 1), ("del", 1)] {
        let figure = format!("cmdstat_{command}:calls={calls},");
        assert!(figures.contains(&figure), "{figure} is not in\n{figures}");
    }
}

#[test]
fn the_example_fails_with_a_named_status_when_redis_is_out_of_reach() {
    let library = library();
    let program = link(Language::C, "c99", &example(), &library.shared_link_line());

    let output = Command::new(program).arg("redis+unix:///nowhere/socket").output().expect("it");

    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, "save: RSESS_ERR_STORE_UNREACHABLE, not RSESS_OK (try again later)\n");
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

const CPP_PROGRAM: &str = r#"
#include <cstdio>
#include "rudder_session.h"

int main() {
    std::fputs(rsess_version(), stdout);
    return 0;
}
"#;
