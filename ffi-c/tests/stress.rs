//! What must not happen does not happen: under misuse, under 16 threads, after a fork, and while
//! a sanitizer or valgrind looks on.

mod redis_server;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use redis_server::RedisServer;
use toolchain::{Language, expect_success, library, link};

#[test]
fn every_misuse_that_c_defines_ends_in_a_status() {
    let program = built("misuse.c", &[]);

    let output = Command::new(program).output().expect("a program");

    expect_success("misuse", &output);
    assert_eq!(printed(&output), "16 refused\n");
}

#[test]
fn a_sanitizer_that_looks_on_finds_nothing_and_would_have() {
    let program = built("misuse.c", &["-fsanitize=address,undefined", "-g"]);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .env("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1");
        command.env("UBSAN_OPTIONS", "halt_on_error=1").output().expect("a program")
    };

    let proof = run(&["freed"]);
    let said = String::from_utf8_lossy(&proof.stderr).into_owned();
    assert!(!proof.status.success() && said.contains("heap-use-after-free"), "{said}");

    let output = run(&[]);
    expect_success("misuse under sanitizers", &output);
    assert_eq!(printed(&output), "16 refused\n");
}

#[test]
fn valgrind_finds_no_lost_byte_and_no_wrong_access() {
    let program = built("misuse.c", &[]);
    let run = |arguments: &[&str]| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--leak-check=full", "--error-exitcode=1", "--quiet"]);
        valgrind.arg("--errors-for-leak-kinds=definite,indirect,possible");
        valgrind.arg(&program).args(arguments).output().expect("valgrind on the PATH")
    };

    let proof = run(&["freed"]);
    assert_eq!(proof.status.code(), Some(1));
    let said = String::from_utf8_lossy(&proof.stderr).into_owned();
    assert!(said.contains("Invalid read"), "{said}");

    expect_success("misuse under valgrind", &run(&[]));
}

#[test]
fn sixteen_threads_share_an_engine_a_session_and_a_queue() {
    let program = built("threads.c", &["-pthread"]);

    let output = Command::new(program).arg("1000000").output().expect("a program");

    expect_success("threads", &output);
    assert_eq!(printed(&output), "1000000 operations\n");
}

#[test]
fn eight_workers_that_were_forked_after_the_engine_was_made_see_their_own_sessions_only() {
    let program = built("workers.c", &[]);
    let redis = RedisServer::start();

    let output = Command::new(program).args([&redis.url(), "10000"]).output().expect("it");

    expect_success("workers", &output);
    assert_eq!(printed(&output), "8 workers, 0 failed\n");
    // Two runs of the parent's, and one of each worker.
    assert_eq!(redis.ask("DBSIZE"), ":10\r\n+OK\r\n");
}

fn built(source: &str, options: &[&str]) -> PathBuf {
    let mut line = library().shared_link_line();
    line.extend(options.iter().map(|it| (*it).to_owned()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(source);
    link(Language::C, "c99", &source, &line)
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
