//! Engines and sessions in the hands of a caller who passes NULL, or what is no value, and after a
//! panic: all is refused, and nothing is freed twice.

use std::ffi::CStr;
use std::ptr::{null, null_mut};

use rudder_session_core::store::{Reply, Request};
use rudder_session_core::{Store, StoreError, UnixMillis};

use super::LAST_DATE;
use super::calls::{c, written};
use super::engines::*;
use crate::buffer::rsess_buf;
use crate::commit::*;
use crate::config::*;
use crate::engine::*;
use crate::error::*;
use crate::session::*;
use crate::status::rsess_category;
use crate::status::rsess_status::{self, *};

#[test]
fn a_panic_poisons_the_session_and_the_engine_in_use_and_frees_stay_safe() {
    struct Panicking;
    impl Store for Panicking {
        fn call(&self, _: Request, _: UnixMillis) -> Result<Reply, StoreError> {
            panic!("on purpose")
        }
    }
    let engine = CEngine::over(Panicking);
    let session = engine.load("", 0).expect("a session");
    session.put("n", "1");

    assert_eq!(session.commit(0).0, RSESS_ERR_PANIC);

    assert_eq!(session.commit(0).0, RSESS_ERR_POISONED);
    assert_eq!(session.put("n", "2"), RSESS_ERR_POISONED);
    assert_eq!(session.get("n"), Err(RSESS_ERR_POISONED));
    assert_eq!(engine.load("", 0).err().map(|it| it.status), Some(RSESS_ERR_POISONED));
}

#[test]
fn values_and_instants_that_are_none_are_refused() {
    let engine = CEngine::memory();
    let session = engine.load("", LAST_DATE).expect("a session");

    assert_eq!(session.put("a", "{"), RSESS_ERR_NOT_JSON);
    assert_eq!(session.flash("a", ""), RSESS_ERR_NOT_JSON);
    assert_eq!(session.is(), (true, false, RSESS_OK));
    let told = engine.load("", LAST_DATE + 1).err().expect("a refusal");
    assert_eq!(told.status, RSESS_ERR_INVALID_ARGUMENT);
    assert_eq!(session.commit(LAST_DATE + 1), (RSESS_ERR_INVALID_ARGUMENT, None));
}

#[test]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one reason for a whole table, above it")]
fn null_is_refused_by_sessions_engines_and_configurations_and_freed_without_harm() {
    let engine = CEngine::memory();
    let session = engine.load("", 0).expect("a session");
    let config = configured(&[]).expect("a configuration");
    let (e, s) = (engine.0.cast_const(), session.0.cast_const());
    let (a, one) = c("a");
    let mut buf = rsess_buf::EMPTY;
    let buf = &raw mut buf;
    let mut place = null_mut::<rsess_session>();
    let place = &raw mut place;
    let (no_s, no_e) = (null::<rsess_session>(), null::<rsess_engine>());
    let no_err = null_mut::<*mut rsess_error>();

    // SAFETY, for all of them: NULL is allowed everywhere, and the rest is alive.
    let calls: [(&str, &dyn Fn() -> rsess_status); 24] = [
        ("config_new", &|| unsafe { rsess_config_new(null_mut()) }),
        ("set config", &|| unsafe { rsess_config_set(null(), a, one, a, one, no_err) }),
        ("set key", &|| unsafe { rsess_config_set(config, null(), one, a, one, no_err) }),
        ("set value", &|| unsafe { rsess_config_set(config, a, one, null(), one, no_err) }),
        ("engine_new config", &|| unsafe { rsess_engine_new(null(), place.cast(), no_err) }),
        ("engine_new out", &|| unsafe { rsess_engine_new(config, null_mut(), no_err) }),
        ("share engine", &|| unsafe { rsess_engine_share(null(), place.cast()) }),
        ("share out", &|| unsafe { rsess_engine_share(e, null_mut()) }),
        ("figures engine", &|| unsafe { rsess_engine_figures(no_e, null_mut()) }),
        ("load engine", &|| unsafe { rsess_session_load(no_e, a, one, 0, place, no_err) }),
        ("load header", &|| unsafe { rsess_session_load(e, null(), one, 0, place, no_err) }),
        ("load out", &|| unsafe { rsess_session_load(e, a, one, 0, null_mut(), no_err) }),
        ("get session", &|| unsafe { rsess_session_get(no_s, a, one, buf) }),
        ("get key", &|| unsafe { rsess_session_get(s, null(), one, buf) }),
        ("get out", &|| unsafe { rsess_session_get(s, a, one, null_mut()) }),
        ("put session", &|| unsafe { rsess_session_put(no_s, a, one, a, one) }),
        ("put value", &|| unsafe { rsess_session_put(s, a, one, null(), one) }),
        ("forget session", &|| unsafe { rsess_session_forget(no_s, a, one) }),
        ("clear session", &|| unsafe { rsess_session_clear(no_s) }),
        ("flash value", &|| unsafe { rsess_session_flash(s, a, one, null(), one) }),
        ("id out", &|| unsafe { rsess_session_id(s, null_mut()) }),
        ("refusal session", &|| unsafe { rsess_session_refusal(no_s) }),
        ("commit session", &|| unsafe { rsess_session_commit(no_s, 0, buf, no_err) }),
        ("commit out", &|| unsafe { rsess_session_commit(s, 0, null_mut(), no_err) }),
    ];
    for (name, call) in calls {
        assert_eq!(call(), RSESS_ERR_INVALID_ARGUMENT, "{name}");
    }
    unsafe { rsess_config_free(config) };
    unsafe { rsess_config_free(null_mut()) };
    unsafe { rsess_engine_free(null_mut()) };
    unsafe { rsess_session_free(null_mut()) };
    unsafe { rsess_error_free(null_mut()) };
    assert!(
        !unsafe { rsess_session_is_dirty(null()) } && !unsafe { rsess_session_is_fresh(null()) }
    );
    assert_eq!(unsafe { rsess_error_status(null()) }, RSESS_OK);
    assert_eq!(unsafe { rsess_error_category(null()) }, rsess_category::RSESS_CATEGORY_NONE);
    assert!(!unsafe { rsess_error_is_retryable(null()) });
    let message = unsafe { rsess_error_message(null()) };
    assert_eq!(unsafe { CStr::from_ptr(message) }, c"");
    assert_eq!(session.put("a", "1"), RSESS_OK);
    assert_eq!(unsafe { rsess_session_clear(s) }, RSESS_OK);
    let cleared = written(|out| unsafe { rsess_session_data(s, out) });
    assert_eq!(cleared, (RSESS_OK, Some("{}".to_owned())));
}
