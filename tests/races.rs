//! However many threads change a session: no acknowledged update is lost, and destroy always wins.
//!
//! The long versions are `make test-faults`.

use rudder_session::Durability;
use rudder_session_tests::faults::{Extent, races};

#[test]
fn memory_loses_no_update_and_revives_no_session() {
    races::memory(Extent::SHORT);
}

#[test]
fn a_file_loses_no_update_and_revives_no_session() {
    races::file(Extent::SHORT, Durability::Eventual);
}

#[test]
fn redis_loses_no_update_and_revives_no_session() {
    races::redis_with_scripts(Extent::SHORT);
}

#[test]
fn redis_without_scripts_loses_no_update_and_revives_no_session() {
    races::redis_without_scripts(Extent::SHORT);
}
