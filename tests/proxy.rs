//! A connection may break at any byte: a call is then done or told, and nobody gets another's.
//!
//! The long versions are `make test-faults`.

use rudder_session_tests::faults::offsets::Method;
use rudder_session_tests::faults::{Extent, cuts, offsets};

macro_rules! with_each_method {
    ($($law:ident $scenario:path;)*) => {
        with_each_method!(@with scripts Script $($law $scenario;)*);
        with_each_method!(@with watch Watch $($law $scenario;)*);
    };
    (@with $name:ident $method:ident $($law:ident $scenario:path;)*) => {
        mod $name {
            use super::*;
            $(#[test]
            fn $law() {
                $scenario(Extent::SHORT, Method::$method);
            })*
        }
    };
}

with_each_method! {
    a_fault_at_any_byte_leaves_one_whole_record_and_a_usable_store offsets::single_operations;
    a_fault_at_any_byte_of_a_batch_reaches_those_whom_it_concerns offsets::one_batch;
    random_faults_under_load_mix_nothing_lose_nothing_and_revive_nothing cuts::random_cuts;
}
