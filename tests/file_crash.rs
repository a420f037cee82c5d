//! A file store outlives the death of its process, and is honest about a file that is damaged.
//!
//! The long versions are `make test-faults`.

use std::path::Path;

use rudder_session::Durability;
use rudder_session_tests::faults::{Extent, crash, damage};

/// It has the child in it that is killed.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_faults"))
}

#[test]
fn what_was_acknowledged_as_immediate_is_there_after_a_kill() {
    crash::kills(Extent::SHORT, program(), Durability::Immediate);
}

#[test]
fn an_eventual_file_opens_after_a_kill_and_holds_whole_records_only() {
    crash::kills(Extent::SHORT, program(), Durability::Eventual);
}

#[test]
fn a_kill_while_the_file_is_made_leaves_nothing_that_is_in_the_way() {
    crash::kills_while_it_is_made(Extent::SHORT, program());
}

#[test]
fn a_second_process_is_told_that_the_file_is_in_use() {
    crash::second_process(program());
}

#[test]
fn a_file_that_was_cut_short_gives_no_wrong_payload_and_never_hangs() {
    damage::cut_short(Extent::SHORT, program());
}

#[test]
fn a_file_with_changed_bytes_gives_no_other_sessions_payload_and_never_hangs() {
    damage::changed_bytes(Extent::SHORT, program());
}
