//! Loads and commits sessions without blocking: for event loops.
//!
//! ```text
//!   rsess_queue_load, rsess_queue_commit --> the store
//!                                              |
//!   poll(descriptor), rsess_queue_drain <------+     never a callback, never a foreign thread
//! ```
//!
//! One queue for each event loop, any number of operations in each. How a completion gets from
//! the store to the host is `completions`'s.

use std::ffi::{c_char, c_int};
use std::mem;
use std::ptr::null_mut;
use std::time::Duration;

use crate::boundary::{borrowed, boundary, bytes, lend, lend_shared, share, take_back};
use crate::buffer::{rsess_buf, rsess_buf_free};
use crate::clock::instant;
use crate::commit::optional_buf;
use crate::completions::{Completions, Done};
use crate::engine::rsess_engine;
use crate::error::{Failure, explained, rsess_error, rsess_error_free};
use crate::home::Home;
use crate::operation::{Committing, Given, Loading, begin_commit, begin_load};
use crate::out::{Out, OutArray};
use crate::session::{rsess_session, rsess_session_free};
use crate::state::Committed;
use crate::status::rsess_status::{self, *};

/// Operations that are under way, and what became of those that are done.
///
/// Any thread may submit, drain and cancel, at once too; one queue for each event loop is the
/// use that it is made for. It belongs to the process that made it: in any other one every call
/// answers RSESS_ERR_FORKED, and rsess_queue_free does nothing.
pub struct rsess_queue {
    completions: Completions<Given>,
    home: Home,
}

/// What an operation of a queue was.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum rsess_operation {
    /// rsess_queue_load.
    RSESS_OPERATION_LOAD = 1,
    /// rsess_queue_commit.
    RSESS_OPERATION_COMMIT = 2,
}

/// An operation that is done. What is in it belongs to whoever drained it: hand it to
/// rsess_completion_free, or free its parts, or keep some of them and set those to NULL.
#[repr(C)]
#[derive(Debug)]
pub struct rsess_completion {
    /// As it was submitted.
    pub tag: u64,
    /// What the same call would have returned if it had waited; or RSESS_ERR_CANCELLED, or
    /// RSESS_ERR_STORE_TIMED_OUT.
    pub status: rsess_status,
    /// One of rsess_operation.
    pub operation: c_int,
    /// After a load that came to RSESS_OK: a session, for rsess_session_free. Else NULL.
    pub session: *mut rsess_session,
    /// After a commit: the cookie to send, as rsess_session_commit gives it. Else empty.
    pub set_cookie: rsess_buf,
    /// If somebody is at fault: what went wrong, for rsess_error_free. Else NULL.
    pub error: *mut rsess_error,
}

/// Makes a queue.
///
/// On RSESS_OK, `*queue_out` is a new queue, which the caller owns and hands to
/// rsess_queue_free. `error_out` may be NULL.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_TOO_LARGE if the process has as many files open as it may
/// - RSESS_ERR_INVALID_ARGUMENT if `queue_out` is NULL
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// `queue_out` and `error_out` are NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_queue_new(
    queue_out: *mut *mut rsess_queue,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `queue_out` is NULL or writable, as the caller promises.
        let queue_out = unsafe { Out::new(queue_out) }?;

        let completions = Completions::new().map_err(|_| {
            Failure::new(RSESS_ERR_TOO_LARGE, "no more files can be opened in this process")
        })?;

        queue_out.write(lend(rsess_queue { completions, home: Home::here() }));
        Ok(())
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Frees a queue. NULL is a no-op.
///
/// Operations that are under way go on without it, and what they come to is thrown away: a write
/// that was submitted may or may not be done. Completions that were not drained are freed.
///
/// # Safety
///
/// - `queue` is NULL, or came from rsess_queue_new and is not yet freed.
/// - No call that uses it is running, and nobody polls its descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_queue_free(queue: *mut rsess_queue) {
    let _ = boundary(|| {
        // SAFETY: NULL, or made by `lend`, alive and unused, as the caller promises.
        let queue = unsafe { take_back(queue) };
        // In a forked child its thread is not there to be waited for.
        mem::forget(queue.filter(|queue| queue.home.is_elsewhere()));
        Ok(())
    });
}

/// Reads the descriptor of a queue: readable while there are completions to drain.
///
/// For poll, epoll, kqueue, libuv or asyncio, which wait until it can be read. Only
/// rsess_queue_drain reads from it. It belongs to the queue: do not close it, and take it out of
/// the event loop before rsess_queue_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL
/// - RSESS_ERR_FORKED
///
/// # Safety
///
/// - `queue` is NULL, or came from rsess_queue_new and is not yet freed.
/// - `descriptor_out` is NULL, or valid for writes of one int.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_queue_descriptor(
    queue: *const rsess_queue,
    descriptor_out: *mut c_int,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `descriptor_out` is NULL or writable, as the caller promises.
        let descriptor_out = unsafe { Out::new(descriptor_out) }?;
        // SAFETY: `queue` is NULL or live, as the caller promises.
        let completions = unsafe { borrowed(queue) }?.enter()?;

        descriptor_out.write(completions.descriptor());
        Ok(())
    })
}

/// Does what rsess_session_load does, without blocking.
///
/// `tag` is any number that no operation of this queue has, from its submission until its
/// completion is drained. `deadline_ms` is how long it may take, in milliseconds; 0 for as long
/// as the store's own deadline lets it. `cookie_header` is read during the call only.
///
/// On RSESS_OK the operation is under way, or done already, and one completion with its tag will
/// come, whatever happens. On any other status there will be none. `error_out` may be NULL.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_IN_USE if an operation with that tag is not drained yet
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `now_unix_ms` is more
///   than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED
///
/// # Safety
///
/// - `queue` is NULL, or came from rsess_queue_new and is not yet freed.
/// - `engine` is NULL, or came from this library and the caller has not yet freed its share.
/// - `cookie_header` is NULL, or valid for reads of `header_len` bytes.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_queue_load(
    queue: *const rsess_queue,
    engine: *const rsess_engine,
    cookie_header: *const c_char,
    header_len: usize,
    now_unix_ms: u64,
    tag: u64,
    deadline_ms: u32,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `queue` is NULL or live, as the caller promises.
        let completions = unsafe { borrowed(queue) }?.enter()?;
        // SAFETY: `engine` is NULL or live, as the caller promises.
        let engine = unsafe { share(engine) }?;
        // SAFETY: `cookie_header` is NULL or readable for `header_len`, as the caller promises.
        let header = unsafe { bytes(cookie_header, header_len) }?;
        let now = instant(now_unix_ms)?;

        let operation = rsess_operation::RSESS_OPERATION_LOAD as c_int;
        let ticket = completions.start(tag, operation, timeout(deadline_ms))?;
        // From here on the completion tells how it ends, even if that is a panic.
        let _ = boundary(|| {
            begin_load(Loading { ticket: Some(ticket), engine }, header, now);
            Ok(())
        });
        Ok(())
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Does what rsess_session_commit does, without blocking.
///
/// `tag` and `deadline_ms` are as in rsess_queue_load. Until the store has answered, the session
/// answers RSESS_ERR_IN_USE, after the completion of an operation that was cancelled or has timed
/// out, too. It may be freed at any time.
///
/// On RSESS_OK the operation is under way, or done already, and one completion with its tag will
/// come, whatever happens. On any other status there will be none. `error_out` may be NULL.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_IN_USE if an operation with that tag is not drained yet, or another commit of
///   this session is under way
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `now_unix_ms` is more
///   than 8,640,000,000,000,000
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `queue` is NULL, or came from rsess_queue_new and is not yet freed.
/// - `session` is NULL, or came from this library and is not yet freed.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_queue_commit(
    queue: *const rsess_queue,
    session: *const rsess_session,
    now_unix_ms: u64,
    tag: u64,
    deadline_ms: u32,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `queue` is NULL or live, as the caller promises.
        let completions = unsafe { borrowed(queue) }?.enter()?;
        // SAFETY: `session` is NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        let now = instant(now_unix_ms)?;

        let taken = session.take()?;
        let engine = taken.engine();
        let operation = rsess_operation::RSESS_OPERATION_COMMIT as c_int;
        let ticket = completions.start(tag, operation, timeout(deadline_ms))?;
        // From here on the completion tells how it ends, even if that is a panic.
        let _ = boundary(|| {
            begin_commit(Committing { ticket: Some(ticket), engine, taken: Some(taken) }, now);
            Ok(())
        });
        Ok(())
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Takes completions out of a queue. Never blocks.
///
/// On RSESS_OK, `*count_out` is how many of the `capacity` places at `completions_out` were
/// written, from the first one on: 0 if nothing is done. What was there is overwritten, and not
/// freed. While more are left, the descriptor stays readable.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC
///
/// # Safety
///
/// - `queue` is NULL, or came from rsess_queue_new and is not yet freed.
/// - `completions_out` is NULL, or valid for writes of `capacity` rsess_completion.
/// - `count_out` is NULL, or valid for writes of one size_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_queue_drain(
    queue: *const rsess_queue,
    completions_out: *mut rsess_completion,
    capacity: usize,
    count_out: *mut usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `completions_out` is NULL or writable, as the caller promises.
        let completions_out = unsafe { OutArray::new(completions_out, capacity) }?;
        // SAFETY: `count_out` is NULL or writable, as the caller promises.
        let count_out = unsafe { Out::new(count_out) }?;
        // SAFETY: `queue` is NULL or live, as the caller promises.
        let completions = unsafe { borrowed(queue) }?.enter()?;

        let drained = completions.drain(completions_out.capacity());
        let drained: Vec<rsess_completion> = drained.into_iter().map(Into::into).collect();

        count_out.write(completions_out.write(drained));
        Ok(())
    })
}

/// Completes an operation now, with RSESS_ERR_CANCELLED. Its completion still has to be drained.
///
/// What it has asked the store for may or may not be done.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such operation, or it is completed already
/// - RSESS_ERR_INVALID_ARGUMENT if `queue` is NULL
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC
///
/// # Safety
///
/// `queue` is NULL, or came from rsess_queue_new and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_queue_cancel(queue: *const rsess_queue, tag: u64) -> rsess_status {
    boundary(|| {
        // SAFETY: `queue` is NULL or live, as the caller promises.
        let completions = unsafe { borrowed(queue) }?.enter()?;

        if completions.cancel(tag) { Ok(()) } else { Err(RSESS_NOT_FOUND) }
    })
}

/// Frees what is in a completion, and empties it. NULL is a no-op.
///
/// Parts that the caller wants to keep are taken out before: copy the pointer, and set it to
/// NULL (the buffer: to {NULL, 0, 0}) in the completion.
///
/// # Safety
///
/// - `completion` is NULL, or valid for reads and writes of one rsess_completion.
/// - Its parts are as the library filled them in and not yet freed, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_completion_free(completion: *mut rsess_completion) {
    let _ = boundary(|| {
        // SAFETY: `completion` is NULL or readable, as the caller promises.
        let rsess_completion { tag, status, operation, session, error, .. } =
            *unsafe { borrowed(completion.cast_const()) }?;
        // SAFETY: NULL or alive, and the caller's to free.
        unsafe { rsess_session_free(session) };
        // SAFETY: NULL or alive, and the caller's to free.
        unsafe { rsess_error_free(error) };
        // SAFETY: not NULL, so writable, as the caller promises.
        let set_cookie = unsafe { &raw mut (*completion).set_cookie };
        // SAFETY: a buffer of the library's, or an empty one.
        unsafe { rsess_buf_free(set_cookie) };
        // SAFETY: `completion` is writable, as the caller promises.
        let place = unsafe { Out::new(completion) }?;
        place.write(rsess_completion {
            tag,
            status,
            operation,
            session: null_mut(),
            set_cookie: rsess_buf::EMPTY,
            error: null_mut(),
        });
        Ok(())
    });
}

impl rsess_queue {
    fn enter(&self) -> Result<&Completions<Given>, rsess_status> {
        self.home.enter()?;
        Ok(&self.completions)
    }
}

fn timeout(deadline_ms: u32) -> Option<Duration> {
    (deadline_ms != 0).then(|| Duration::from_millis(deadline_ms.into()))
}

impl From<Done<Given>> for rsess_completion {
    fn from(Done { tag, operation, outcome }: Done<Given>) -> Self {
        let mut completion = Self {
            tag,
            status: RSESS_OK,
            operation,
            session: null_mut(),
            set_cookie: rsess_buf::EMPTY,
            error: null_mut(),
        };
        match outcome {
            Ok(Given::Session(session)) => completion.session = lend_shared(session),
            Ok(Given::Committed(Committed { status, set_cookie })) => {
                completion.status = status;
                completion.set_cookie = optional_buf(set_cookie);
            }
            Err(failure) => {
                completion.status = failure.status;
                completion.error = failure.into_error();
            }
        }
        completion
    }
}
