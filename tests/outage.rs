//! A server that is away, or refuses, costs the calls of that time and nothing else.
//!
//! The long versions are `make test-faults`.

use rudder_session_tests::faults::{Extent, outage, refusals};

#[test]
fn every_call_ends_while_the_server_is_stopped_and_service_returns_by_itself() {
    outage::stopped_server(Extent::SHORT);
}

#[test]
fn a_server_that_is_killed_and_started_loses_nothing_that_it_acknowledged() {
    outage::killed_server(Extent::SHORT);
}

#[test]
fn a_server_that_forgot_everything_gives_nobody_anothers_session() {
    outage::forgetful_server(Extent::SHORT);
}

#[test]
fn callers_whose_connections_are_killed_go_on_with_new_ones() {
    outage::thrown_out(Extent::SHORT);
}

#[test]
fn a_pause_of_the_server_is_waited_out_until_the_deadline() {
    outage::paused_server(Extent::SHORT);
}

#[test]
fn updates_go_on_while_scripts_are_flushed() {
    outage::flushed_scripts(Extent::SHORT);
}

#[test]
fn a_server_that_is_gone_is_hardly_asked_and_its_return_is_found() {
    outage::breaker(Extent::SHORT);
}

#[test]
fn a_full_server_refuses_writes_and_serves_reads() {
    refusals::full_server();
}

#[test]
fn a_server_that_became_a_replica_is_told_and_not_used_on() {
    refusals::read_only_server();
}

#[test]
fn a_server_that_asks_for_a_password_is_an_error_and_no_absent_session() {
    refusals::locked_server();
}

#[test]
fn a_record_of_another_type_is_an_error_that_a_destroy_ends() {
    refusals::wrong_type();
}

#[test]
fn a_server_that_is_loading_is_told_and_asked_again_on_a_new_connection() {
    refusals::loading_server();
}
