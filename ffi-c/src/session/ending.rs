//! Ends the id of a session, or the session itself.
//!
//! ```text
//!   regenerate   another id, the same data
//!   destroy      nothing
//! ```
//!
//! Both are done by the next commit, of which this knows nothing.

use super::object::rsess_session;
use crate::boundary::{borrowed, boundary};
use crate::status::rsess_status;

/// Gives the session a fresh id and keeps its data.
///
/// Call it whenever privileges change (login, logout, another role), or an id that was planted
/// before stays good afterwards. The session moves when it is committed: its new record is there
/// before the old one goes. With the driver cookie there is no record, and the old cookie stays
/// good until the expiry that is signed into it.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_RANDOMNESS if the operating system gives no random bytes
/// - RSESS_ERR_INVALID_ARGUMENT if `session` is NULL
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// `session` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_regenerate(session: *const rsess_session) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;

        session.with(|state| Ok(state.regenerate()?))
    })
}

/// Has the next commit end the session: it removes the record, and gives the header that makes the
/// browser forget the cookie. What is put in the meantime is lost. If somebody is signed in, the
/// commit takes the session out of the user's list first.
///
/// With the driver cookie there is no record: a copy of the cookie stays good until its expiry,
/// unless somebody was signed in.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if `session` is NULL
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// `session` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_destroy(session: *const rsess_session) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;

        session.with(|state| {
            state.end();
            Ok(())
        })
    })
}
