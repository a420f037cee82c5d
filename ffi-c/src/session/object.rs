//! Is the session object: what it says of itself, and who has its state at the moment.
//!
//! ```text
//!   rsess_session { engine, slot }   slot: Here  --take--> Away     with a call that waits
//!                                          Away  --drop--> Here     or Poisoned, after a panic
//! ```
//!
//! What is in a state is `state`'s to know.

use std::mem;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::boundary::{borrowed, boundary, peek, take_back_shared};
use crate::buffer::rsess_buf;
use crate::engine::rsess_engine;
use crate::out::Out;
use crate::state::State;
use crate::status::rsess_status::{self, *};

/// The session of one request.
///
/// Calls may come from any thread, one after the other or at once. While a commit is under way,
/// or a call that asks for the sessions of its user, every other call but rsess_session_free
/// answers RSESS_ERR_IN_USE.
pub struct rsess_session {
    pub(crate) engine: Arc<rsess_engine>,
    slot: Mutex<Slot>,
}

/// Frees a session. NULL is a no-op. What was not committed is lost.
///
/// A commit that is under way in a queue goes on, and is completed there.
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - No call that uses it is running; rsess_queue_commit has returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_free(session: *mut rsess_session) {
    let _ = boundary(|| {
        // SAFETY: NULL, or made by `lend_shared` and not yet taken back, as the caller promises.
        drop(unsafe { take_back_shared(session) });
        Ok(())
    });
}

/// Returns whether the session is new: nothing was stored for it yet. False for NULL, and while
/// a commit is under way.
///
/// # Safety
///
/// `session` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_is_fresh(session: *const rsess_session) -> bool {
    // SAFETY: `session` is NULL or live, as the caller promises.
    let session = unsafe { peek(session) };
    session.is_some_and(|it| it.with(|state| Ok(state.is_fresh())).unwrap_or(false))
}

/// Returns whether a commit has something to save. False for NULL, and while a commit is under
/// way.
///
/// # Safety
///
/// `session` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_is_dirty(session: *const rsess_session) -> bool {
    // SAFETY: `session` is NULL or live, as the caller promises.
    let session = unsafe { peek(session) };
    session.is_some_and(|it| it.with(|state| Ok(state.is_dirty())).unwrap_or(false))
}

/// Returns why the client's cookie did not give the session: for logs and figures, never for the
/// client.
///
/// Returns:
/// - RSESS_OK if it did, or there was none
/// - RSESS_ERR_BAD_SIGNATURE, RSESS_ERR_EXPIRED, RSESS_ERR_LEGACY, RSESS_ERR_MALFORMED,
///   RSESS_ERR_UNSIGNED if it was refused
/// - RSESS_NOT_FOUND if it was good, but its session is over
/// - RSESS_ERR_INVALID_ARGUMENT if `session` is NULL
/// - RSESS_ERR_IN_USE, RSESS_ERR_POISONED
///
/// # Safety
///
/// `session` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_refusal(session: *const rsess_session) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        match session.with(|state| Ok(state.refusal()))? {
            RSESS_OK => Ok(()),
            refusal => Err(refusal),
        }
    })
}

/// Reads the id of the session: a bearer secret, which must stay out of logs.
///
/// On RSESS_OK, `*id_out` is a new buffer, which the caller hands to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if the id that came in a cookie with its data can name no record
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `id_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_id(
    session: *const rsess_session,
    id_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `id_out` is NULL or writable, as the caller promises.
        let id_out = unsafe { Out::new(id_out) }?;
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;

        let id = session.with(|state| state.payload().session_id().ok_or(RSESS_NOT_FOUND))?;

        id_out.write(id.as_str().into());
        Ok(())
    })
}

/// Where the state of a session is.
enum Slot {
    Here(Box<State>),
    /// With a commit, or another call that waits for a store.
    Away,
    /// Lost in a panic.
    Poisoned,
}

impl rsess_session {
    pub(crate) fn new(engine: Arc<rsess_engine>, state: State) -> Arc<Self> {
        Arc::new(Self { engine, slot: Mutex::new(Slot::Here(Box::new(state))) })
    }

    pub(super) fn with<R>(
        &self,
        work: impl FnOnce(&mut State) -> Result<R, rsess_status>,
    ) -> Result<R, rsess_status> {
        let mut slot = self.slot.lock().map_err(|_| RSESS_ERR_POISONED)?;
        match &mut *slot {
            Slot::Here(state) => work(state),
            Slot::Away => Err(RSESS_ERR_IN_USE),
            Slot::Poisoned => Err(RSESS_ERR_POISONED),
        }
    }

    /// Takes the state for a call that waits; it comes back when what this returns is dropped.
    pub(crate) fn take(self: Arc<Self>) -> Result<Taken, rsess_status> {
        let mut slot = self.slot.lock().map_err(|_| RSESS_ERR_POISONED)?;
        match mem::replace(&mut *slot, Slot::Away) {
            Slot::Here(state) => {
                drop(slot);
                Ok(Taken { state: Some(state), session: self })
            }
            Slot::Away => Err(RSESS_ERR_IN_USE),
            Slot::Poisoned => {
                *slot = Slot::Poisoned;
                Err(RSESS_ERR_POISONED)
            }
        }
    }
}

/// The state of a session while it is committed, or a store is asked for it.
pub(crate) struct Taken {
    session: Arc<rsess_session>,
    state: Option<Box<State>>,
}

impl Taken {
    pub(crate) fn engine(&self) -> Arc<rsess_engine> {
        Arc::clone(&self.session.engine)
    }

    pub(crate) fn state(&mut self) -> Result<&mut State, rsess_status> {
        self.state.as_deref_mut().ok_or(RSESS_ERR_POISONED)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Ok(mut slot) = self.session.slot.lock() else { return };
        *slot = match self.state.take() {
            Some(state) if !thread::panicking() => Slot::Here(state),
            _ => Slot::Poisoned,
        };
    }
}

/// The header promises that a session may go from thread to thread.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<rsess_session>();
};
