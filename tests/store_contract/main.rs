//! Every store keeps the same promises, whatever it is made of.
//!
//! Each law runs against each store: `memory::<law>`, `file::<law>`, `redis::<law>`,
//! `redis_without_scripts::<law>` as a user who may run none, `redis_with_tls::<law>`,
//! `redis_sentinel::<law>` and `redis_cluster::<law>`, whose servers all laws have in common.
//!
//! ```text
//!   laws! { records { .. } .. }  x  subject::Subject::<store>()  ->  mod <store> { fn <law>() .. }
//! ```

mod asking;
mod records;
mod regenerate;
mod sessions;
mod subject;
mod timeouts;
mod updates;
mod users;

use rudder_session::{RedisConfig, RedisStore, Store, StoreError, UnixMillis};
use rudder_session_tests::redis_server::free_port;
use sessions::{NOW, a_minute, id, payload};
use subject::Subject;

macro_rules! laws {
    ($($group:ident { $($law:ident)* })*) => {
        laws!(@against memory $($group { $($law)* })*);
        laws!(@against file $($group { $($law)* })*);
        laws!(@against redis $($group { $($law)* })*);
        laws!(@against redis_without_scripts $($group { $($law)* })*);
        laws!(@against redis_with_tls $($group { $($law)* })*);
        laws!(@against redis_sentinel $($group { $($law)* })*);
        laws!(@against redis_cluster $($group { $($law)* })*);
    };
    (@against $store:ident $($group:ident { $($law:ident)* })*) => {
        mod $store {
            $($(#[test]
            fn $law() {
                super::$group::$law(&super::Subject::$store());
            })*)*
        }
    };
}

laws! {
    records {
        an_absent_session_is_none_and_no_error
        what_is_saved_is_loaded_verbatim
        a_save_replaces_the_whole_record
        sessions_do_not_mix
        a_destroyed_session_is_none
        destroying_an_absent_session_succeeds
        touching_an_absent_session_is_false_and_makes_none
        a_save_starts_the_ttl_anew
        a_touch_starts_the_ttl_anew_and_leaves_the_payload
        a_touch_may_also_shorten_the_ttl
        two_saves_leave_the_later_ttl_even_if_it_is_shorter
        the_longest_ttl_is_kept
        an_id_that_cannot_name_a_record_is_refused_before_anything_is_stored
        concurrent_sessions_get_their_own_payloads
        a_record_is_inspected_with_the_ttl_that_it_has_left
    }
    updates {
        a_create_never_overwrites
        a_replace_goes_onto_the_expected_record_only
        a_remove_takes_the_expected_record_only
        an_update_of_what_was_loaded_is_saved_as_given
        an_update_starts_the_ttl_anew
        parallel_updates_keep_each_others_writes
        an_update_of_what_was_destroyed_writes_nothing
        an_update_of_another_session_is_refused
        many_threads_lose_no_write_and_undo_no_logout
    }
    regenerate {
        a_regenerated_session_lives_under_its_new_id_only
        regenerating_takes_along_what_others_wrote_meanwhile
        regenerating_what_was_destroyed_leaves_nothing
        with_grace_the_old_id_leads_to_the_session_and_is_none_itself
        a_grace_ends_with_its_last_millisecond
        a_touch_of_the_old_id_does_not_prolong_the_grace
        a_write_through_the_old_id_goes_to_where_the_session_is
        a_write_through_the_old_id_after_the_grace_is_not_done
        a_session_regenerated_four_times_is_found_through_each_of_its_ids
        regenerating_through_an_old_id_leaves_the_session_as_it_was
        with_grace_too_what_others_wrote_meanwhile_moves_along
        destroying_the_new_id_ends_the_old_one
        a_session_is_destroyed_through_any_of_its_ids
        destroying_a_session_that_is_absent_succeeds
        threads_with_an_old_id_lose_no_write_and_undo_no_logout
    }
    timeouts {
        without_options_a_record_has_its_three_fields_and_no_more
        resuming_what_is_absent_gives_none
        a_session_with_much_of_its_ttl_left_is_resumed_without_a_touch
        a_session_with_little_of_its_ttl_left_is_touched
        a_session_past_its_absolute_timeout_is_destroyed_and_not_served
        a_touch_does_not_reach_past_the_absolute_timeout
        a_session_without_a_stamp_gets_one_when_it_is_first_extended
        a_request_cannot_make_a_session_younger
    }
    asking {
        every_way_to_ask_gives_the_same_answer
        what_is_submitted_together_is_answered_each_for_itself
        an_update_onto_a_text_is_an_update_onto_what_it_says
        a_meter_changes_no_answer
    }
    users {
        the_sessions_of_a_user_are_listed_and_ended
        an_index_that_was_lost_is_mended_by_the_sessions_that_are_used
        a_session_is_seen_again_after_a_while
        a_session_that_is_over_is_none_and_its_record_goes
        threads_that_sign_in_leave_no_more_than_may_be
        what_was_revoked_is_over_whatever_threads_do_meanwhile
    }
}

#[test]
fn a_store_outage_is_not_reported_as_a_missing_session() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let store = RedisStore::new(RedisConfig { url, ..RedisConfig::default() }).expect("legal");

    let error = StoreError::Unreachable;
    assert_eq!(store.load(&id("a"), NOW), Err(error.clone()));
    assert_eq!(store.save(&payload("a", "{}"), a_minute(), NOW), Err(error.clone()));
    assert_eq!(store.touch(&id("a"), a_minute(), NOW), Err(error.clone()));
    assert_eq!(store.destroy(&id("a")), Err(error));
}

#[test]
fn a_session_in_memory_ends_with_the_last_millisecond_of_its_ttl() {
    let subject = Subject::memory();
    subject.save_for(60);

    let at = |millis: u64| UnixMillis::new(1_700_000_000_000 + millis);
    assert!(subject.store.load(&id("a"), at(59_999)).is_ok_and(|it| it.is_some()));
    assert_eq!(subject.store.load(&id("a"), at(60_000)), Ok(None));
    assert_eq!(subject.store.touch(&id("a"), a_minute(), at(60_000)), Ok(false));
}
