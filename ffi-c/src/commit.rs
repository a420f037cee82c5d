//! Saves the session of a request, and says which cookie to send for it.
//!
//! ```text
//!   rsess_session --commit--> OK           saved, or nothing to save
//!                             GONE         logged out or expired meanwhile: nothing is saved
//!                             OLD_REMAINS  saved under its new id, the old record may be there
//! ```
//!
//! If somebody is signed in, the index of the user comes first: it learns of an end, and is asked
//! once more if the session has been in use for long.

use rudder_session_core::UnixMillis;

use crate::boundary::share;
use crate::buffer::rsess_buf;
use crate::clock::instant;
use crate::engine::{Parts, Place};
use crate::error::{Failure, explained, rsess_error};
use crate::out::Out;
use crate::session::rsess_session;
use crate::state::{Committed, Errand, Plan, State};
use crate::status::rsess_status::{self, *};

/// Saves a session if it has changed, and gives the cookie to send. Call it before the response
/// begins.
///
/// It is saved onto what was loaded: what other requests have written meanwhile is kept, and a
/// session that they have destroyed stays destroyed. The session can be used and committed again
/// afterwards. `now_unix_ms` is milliseconds since the Unix epoch. Blocks as rsess_session_load.
///
/// On RSESS_OK and on RSESS_OLD_REMAINS, `*set_cookie_out` is what follows "Set-Cookie: ",
/// without a line end, in a new buffer, which the caller hands to rsess_buf_free; or the empty
/// buffer {NULL, 0, 0} if there is no cookie to send. A response with a Set-Cookie should not be
/// cached: send "Cache-Control: no-store" or "Vary: Cookie" with it.
///
/// On an error `*error_out` says what went wrong, and the caller hands it to rsess_error_free;
/// `error_out` may be NULL. The session is as it was, and may be committed again.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_OLD_REMAINS: saved under its new id, but the record under the old one may still be
///   there. Send the cookie, and commit again to have it removed: until then whoever has the old
///   id gets in
/// - RSESS_GONE: nothing is saved; the user is logged out, or was away for too long
/// - RSESS_ERR_TOO_LARGE if it has more than the limits of the configuration allow, or does not
///   fit into a cookie, or into the memory store
/// - RSESS_ERR_STORE_... if it may not be saved. It may be all the same: to commit again does no
///   harm
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `now_unix_ms` is more
///   than 8,640,000,000,000,000
/// - RSESS_ERR_IN_USE if another commit of this session is under way
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `set_cookie_out` is NULL, or valid for writes of one rsess_buf.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_commit(
    session: *const rsess_session,
    now_unix_ms: u64,
    set_cookie_out: *mut rsess_buf,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `set_cookie_out` is NULL or writable, as the caller promises.
        let set_cookie_out = unsafe { Out::new(set_cookie_out) }?;
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        let now = instant(now_unix_ms)?;

        let mut taken = session.take()?;
        let engine = taken.engine();
        let state = taken.state()?;
        let committed = engine.call(|parts| commit(parts, state, now))?;

        match committed.status {
            RSESS_OK => {
                set_cookie_out.write(optional_buf(committed.set_cookie));
                Ok(())
            }
            RSESS_OLD_REMAINS => {
                set_cookie_out.write(optional_buf(committed.set_cookie));
                Err(RSESS_OLD_REMAINS.into())
            }
            status => Err(status.into()),
        }
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

fn commit(parts: &Parts, state: &mut State, now: UnixMillis) -> Result<Committed, Failure> {
    if let Some(users) = &parts.users {
        match state.errand(users, now) {
            Some(Errand::Check) => {
                let standing = users.check(&parts.place, state.payload(), now)?;
                if let Some(committed) = state.checked(standing, now) {
                    return Ok(committed);
                }
            }
            Some(Errand::SignOut) => users.sign_out(&parts.place, state.payload(), now)?,
            None => {}
        }
    }
    match (state.plan(parts, now)?, &parts.place) {
        (Plan::Answer(committed), _) => Ok(committed),
        (Plan::Ask(work), Place::Store(store)) => {
            let outcome = work.perform(store.enter()?, now);
            state.settle(parts, outcome)
        }
        // Without a store nothing is asked of one.
        (Plan::Ask(_), Place::Cookie) => Err(RSESS_ERR_POISONED.into()),
    }
}

pub(crate) fn optional_buf(text: Option<String>) -> rsess_buf {
    text.map_or(rsess_buf::EMPTY, rsess_buf::from)
}
