//! Loads the session of a request, and reads and changes it.
//!
//! ```text
//!   Cookie header --load--> rsess_session --get, put, forget, flash..--> --commit--> Set-Cookie
//! ```
//!
//! Values are JSON text by key, carried verbatim. What it takes to save a session is `commit`'s.

use std::ffi::c_char;
use std::mem;
use std::sync::{Arc, Mutex};
use std::thread;

use rudder_session_core::users::Standing;
use rudder_session_core::{SessionId, UnixMillis};

use crate::boundary::{
    borrowed, boundary, bytes, lend_shared, peek, share, take_back_shared, text,
};
use crate::buffer::rsess_buf;
use crate::clock::instant;
use crate::engine::{Parts, Place, rsess_engine};
use crate::error::{Failure, explained, rsess_error};
use crate::out::Out;
use crate::state::{Located, State};
use crate::status::rsess_status::{self, *};
use crate::work::Work;

/// The session of one request.
///
/// Calls may come from any thread, one after the other or at once. While a commit is under way,
/// or a call that asks for the sessions of its user, every other call but rsess_session_free
/// answers RSESS_ERR_IN_USE.
pub struct rsess_session {
    pub(crate) engine: Arc<rsess_engine>,
    slot: Mutex<Slot>,
}

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

/// Reads the value of one key.
///
/// On RSESS_OK, `*value_out` is a new buffer with the value as JSON text, verbatim; the caller
/// hands it to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such key
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `key` is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_get(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_out: *mut rsess_buf,
) -> rsess_status {
    // SAFETY: the same promises.
    unsafe { value(session, key, key_len, value_out, |state, key| state.payload().get_json(key)) }
}

/// Reads all keys and values.
///
/// On RSESS_OK, `*data_out` is a new buffer with a JSON object, which the caller hands to
/// rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `data_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_data(
    session: *const rsess_session,
    data_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `data_out` is NULL or writable, as the caller promises.
        let data_out = unsafe { Out::new(data_out) }?;
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;

        let data = session.with(|state| Ok(state.payload().data_json().to_owned()))?;

        data_out.write(data.into());
        Ok(())
    })
}

/// Sets one key to a value, until it is forgotten.
///
/// `value_json` is one JSON value, such as "alice" with its quotes, 3, or [1,2]; it is kept
/// verbatim. Stored by the next commit, like every change.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_JSON if `value_json` is not one JSON value
/// - RSESS_ERR_TOO_LARGE if it has more than 10,000 levels of arrays and objects
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_json` is NULL, or valid for reads of `value_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_put(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_json: *const c_char,
    value_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;
        // SAFETY: `value_json` is NULL or readable for `value_len`, as the caller promises.
        let value = unsafe { text(value_json, value_len) }?;

        session.with(|state| Ok(state.change(|payload| payload.put_json(key, value))?))
    })
}

/// Removes one key. To remove what is not there succeeds.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `key` is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_forget(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;

        session.with(|state| {
            Ok(state.change(|payload| {
                payload.forget(key);
                Ok(())
            })?)
        })
    })
}

/// Removes all keys. The id and what was flashed stay.
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
pub unsafe extern "C" fn rsess_session_clear(session: *const rsess_session) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;

        session.with(|state| {
            Ok(state.change(|payload| {
                payload.clear();
                Ok(())
            })?)
        })
    })
}

/// Leaves a value for the next request only, which reads it with rsess_session_get_flash.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_NOT_JSON if `value_json` is not one JSON value
/// - RSESS_ERR_TOO_LARGE if it has more than 10,000 levels of arrays and objects
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_json` is NULL, or valid for reads of `value_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_flash(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_json: *const c_char,
    value_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;
        // SAFETY: `value_json` is NULL or readable for `value_len`, as the caller promises.
        let value = unsafe { text(value_json, value_len) }?;

        session.with(|state| Ok(state.change(|payload| payload.flash_json(key, value))?))
    })
}

/// Reads a value that the request before left for this one. Read or not, it is gone with the
/// next commit, unless rsess_session_keep carries it over.
///
/// On RSESS_OK, `*value_out` is a new buffer with the value as JSON text, verbatim; the caller
/// hands it to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such key
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `key` is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_get_flash(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_out: *mut rsess_buf,
) -> rsess_status {
    // SAFETY: the same promises.
    unsafe { value(session, key, key_len, value_out, |state, key| state.flash().get_json(key)) }
}

/// Reads all that the request before left for this one.
///
/// On RSESS_OK, `*flash_out` is a new buffer with a JSON object, which the caller hands to
/// rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `flash_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_all_flash(
    session: *const rsess_session,
    flash_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `flash_out` is NULL or writable, as the caller promises.
        let flash_out = unsafe { Out::new(flash_out) }?;
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;

        let flash = session.with(|state| Ok(state.flash().data_json().to_owned()))?;

        flash_out.write(flash.into());
        Ok(())
    })
}

/// Carries a value that the request before left for this one over to the next one.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such key; nothing is changed
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `key` is not UTF-8
/// - RSESS_ERR_IN_USE, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_session_keep(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;

        session.with(|state| state.keep(key))
    })
}

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

/// Writes what `read` finds to `value_out`, or answers RSESS_NOT_FOUND.
///
/// # Safety
///
/// As for rsess_session_get.
unsafe fn value(
    session: *const rsess_session,
    key: *const c_char,
    key_len: usize,
    value_out: *mut rsess_buf,
    read: for<'a> fn(&'a State, &str) -> Option<&'a str>,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `value_out` is NULL or writable, as the caller promises.
        let value_out = unsafe { Out::new(value_out) }?;
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { borrowed(session) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;

        let value =
            session.with(|state| read(state, key).map(str::to_owned).ok_or(RSESS_NOT_FOUND))?;

        value_out.write(value.into());
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

    fn with<R>(
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
