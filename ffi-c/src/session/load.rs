//! Finds the session that a request belongs to.
//!
//! ```text
//!   Cookie header --locate--> here, or in the store --admit--> its user has not ended it
//!                 otherwise   a fresh one
//! ```
//!
//! Waits for the store; the load that does not is `operation`'s.

use std::ffi::c_char;

use rudder_session_core::users::Standing;
use rudder_session_core::{SessionId, UnixMillis};

use super::object::rsess_session;
use crate::boundary::{bytes, lend_shared, share};
use crate::clock::instant;
use crate::engine::{Parts, Place, rsess_engine};
use crate::error::{Failure, explained, rsess_error};
use crate::out::Out;
use crate::state::{Located, State};
use crate::status::rsess_status::{self, *};
use crate::work::Work;

/// Loads the session that a request belongs to, or starts a fresh one.
///
/// `cookie_header` is what the client sent after "Cookie: ", of any content; NULL with length 0
/// if it sent none. `now_unix_ms` is milliseconds since the Unix epoch. A cookie value that is
/// refused, or that leads to no session any more, gives a fresh session under a new id: that is
/// ordinary traffic, and RSESS_OK. A fresh session in which nothing is put is never stored.
///
/// With users the list of its user is asked, too. A session that has been ended leads to none: its
/// record is removed, and the session is fresh.
///
/// Blocks with the drivers file and redis, and with such a store of users, as the store does; see
/// rsess_queue_load for a caller that must not.
///
/// On RSESS_OK, `*session_out` is a new session, which the caller owns and hands to
/// rsess_session_free. It has a share of the engine. On an error `*error_out` says what went
/// wrong, and the caller hands it to rsess_error_free; `error_out` may be NULL.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_STORE_... if the store cannot say: the session may be alive, so do not start a
///   fresh one
/// - RSESS_ERR_RANDOMNESS if a fresh session finds no random bytes for its id
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `now_unix_ms` is more
///   than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `engine` is NULL, or came from this library and the caller has not yet freed its share.
/// - `cookie_header` is NULL, or valid for reads of `header_len` bytes.
/// - `session_out` and `error_out` are NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_load(
    engine: *const rsess_engine,
    cookie_header: *const c_char,
    header_len: usize,
    now_unix_ms: u64,
    session_out: *mut *mut rsess_session,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `session_out` is NULL or writable, as the caller promises.
        let session_out = unsafe { Out::new(session_out) }?;
        // SAFETY: `engine` is NULL or live, as the caller promises.
        let engine = unsafe { share(engine) }?;
        // SAFETY: `cookie_header` is NULL or readable for `header_len`, as the caller promises.
        let header = unsafe { bytes(cookie_header, header_len) }?;
        let now = instant(now_unix_ms)?;

        let state = engine.call(|parts| load(parts, header, now))?;

        session_out.write(lend_shared(rsess_session::new(engine, state)));
        Ok(())
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

fn load(parts: &Parts, header: &[u8], now: UnixMillis) -> Result<State, Failure> {
    match (State::locate(parts, header, now)?, &parts.place) {
        (Located::Here(state), _) => admit(parts, *state, None, now),
        (Located::InStore(id, origin), Place::Store(store)) => {
            let work = Work::Resume { id: id.clone(), timeouts: parts.timeouts };
            let resumed = work.perform(store.enter()?, now);
            let state = State::resumed(resumed, origin, parts.format.id_kind())?;
            admit(parts, state, Some(id), now)
        }
        // There is no store that an id could be in.
        (Located::InStore(..), Place::Cookie) => Err(RSESS_ERR_POISONED.into()),
    }
}

/// Lets in what was found under the id `record`, or in the cookie, unless its user has ended it.
fn admit(
    parts: &Parts,
    mut state: State,
    record: Option<SessionId>,
    now: UnixMillis,
) -> Result<State, Failure> {
    let Some(users) = &parts.users else { return Ok(state) };
    if let Some(question) = users.question(state.payload(), now) {
        let standing = users.sessions(&parts.place)?.check(state.payload(), now);
        if users.answered(&question, standing)? == Standing::Over {
            if let (Some(id), Place::Store(store)) = (record, &parts.place) {
                // Should it stay, it lets nobody in.
                let _ = Work::Destroy { id }.perform(store.enter()?, now);
            }
            return State::after_the_end(parts.format.id_kind());
        }
    }
    state.note_live(now);
    Ok(state)
}
