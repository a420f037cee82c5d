//! Takes what C passes in, hands out what C keeps, and stops panics.
//!
//! ```text
//!   pointer, length --bytes, text--> slice        NULL, alignment and length are checked here;
//!   pointer         --borrowed---->  reference    that they point at something is the caller's
//!   value --lend--> pointer --take_back--> value  what the caller owns in between
//!   Arc --lend_shared--> pointer --share--> Arc   the same, with a count of the owners
//! ```
//!
//! Knows nothing of sessions. Where results go is `out`'s. What a lifetime `'a` stands for here is the duration of the call:
//! nothing that is borrowed from the caller is kept.

use std::ffi::c_char;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::status::rsess_status::{self, RSESS_ERR_INVALID_ARGUMENT};

/// Runs the body of an exported function; a panic in it becomes a status.
///
/// Unwinding out of an `extern "C"` function would end the whole process.
pub(crate) fn boundary(body: impl FnOnce() -> Result<(), rsess_status>) -> rsess_status {
    // Unwind safe: results are written last, and the objects behind a handle are `Guarded`.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => rsess_status::RSESS_OK,
        Ok(Err(status)) => status,
        Err(panic) => {
            // Not dropped: the drop of a foreign value may panic once more.
            mem::forget(panic);
            rsess_status::RSESS_ERR_PANIC
        }
    }
}

/// A value that answers no more calls once a call on it has panicked.
///
/// The panic may have left it half changed, and other threads hold the same handle.
#[derive(Debug)]
pub(crate) struct Guarded<T> {
    inner: T,
    poisoned: AtomicBool,
}

impl<T> Guarded<T> {
    pub(crate) const fn new(inner: T) -> Self {
        Self { inner, poisoned: AtomicBool::new(false) }
    }

    /// Lets no more calls through, after a panic on a thread of the library's own.
    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Relaxed);
    }

    /// Gives the value to `work`, unless it is poisoned.
    pub(crate) fn call<R>(
        &self,
        work: impl FnOnce(&T) -> Result<R, rsess_status>,
    ) -> Result<R, rsess_status> {
        self.call_explained(work)
    }

    /// The same for work that says more about its failures than a status.
    pub(crate) fn call_explained<R, E: From<rsess_status>>(
        &self,
        work: impl FnOnce(&T) -> Result<R, E>,
    ) -> Result<R, E> {
        if self.poisoned.load(Ordering::Relaxed) {
            return Err(rsess_status::RSESS_ERR_POISONED.into());
        }
        let armed = PoisonOnDrop(&self.poisoned);
        let outcome = work(&self.inner);
        mem::forget(armed);
        outcome
    }
}

struct PoisonOnDrop<'a>(&'a AtomicBool);

impl Drop for PoisonOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The `count` values at `start`; none for a count of 0, wherever `start` points.
///
/// # Safety
///
/// `start` is NULL, misaligned, or valid for reads of `count` values during `'a`.
pub(crate) unsafe fn array<'a, T>(start: *const T, count: usize) -> Result<&'a [T], rsess_status> {
    if count == 0 {
        return Ok(&[]);
    }
    let size = count.checked_mul(size_of::<T>());
    let fits = size.is_some_and(|size| isize::try_from(size).is_ok());
    if start.is_null() || !start.is_aligned() || !fits {
        return Err(RSESS_ERR_INVALID_ARGUMENT);
    }
    // SAFETY: neither NULL nor misaligned, so readable for `count` values during `'a`, as the
    // caller promises; and no larger than Rust allows.
    Ok(unsafe { slice::from_raw_parts(start, count) })
}

/// The `len` bytes at `start`.
///
/// # Safety
///
/// `start` is NULL, or valid for reads of `len` bytes during `'a`.
pub(crate) unsafe fn bytes<'a>(start: *const c_char, len: usize) -> Result<&'a [u8], rsess_status> {
    // SAFETY: bytes have no alignment; the rest is this function's own condition.
    unsafe { array(start.cast::<u8>(), len) }
}

/// The text of `len` bytes at `start`, which the caller's own program wrote.
///
/// # Safety
///
/// `start` is NULL, or valid for reads of `len` bytes during `'a`.
pub(crate) unsafe fn text<'a>(start: *const c_char, len: usize) -> Result<&'a str, rsess_status> {
    // SAFETY: this function's own condition.
    let bytes = unsafe { bytes(start, len) }?;
    str::from_utf8(bytes).map_err(|_| RSESS_ERR_INVALID_ARGUMENT)
}

/// The same, but NULL with a length of 0 stands for no text at all.
///
/// # Safety
///
/// `start` is NULL, or valid for reads of `len` bytes during `'a`.
pub(crate) unsafe fn optional_text<'a>(
    start: *const c_char,
    len: usize,
) -> Result<Option<&'a str>, rsess_status> {
    if start.is_null() && len == 0 {
        return Ok(None);
    }
    // SAFETY: this function's own condition.
    unsafe { text(start, len) }.map(Some)
}

/// The value behind `pointer`.
///
/// # Safety
///
/// `pointer` is NULL, misaligned, or valid for reads of a `T` that nobody changes during `'a`.
pub(crate) unsafe fn borrowed<'a, T>(pointer: *const T) -> Result<&'a T, rsess_status> {
    if !pointer.is_aligned() {
        return Err(RSESS_ERR_INVALID_ARGUMENT);
    }
    // SAFETY: aligned, so NULL or readable and unchanged during `'a`, as the caller promises.
    unsafe { pointer.as_ref() }.ok_or(RSESS_ERR_INVALID_ARGUMENT)
}

/// The same, for functions that have no status to refuse NULL with.
///
/// # Safety
///
/// `pointer` is NULL, misaligned, or valid for reads of a `T` that nobody changes during `'a`.
pub(crate) unsafe fn peek<'a, T>(pointer: *const T) -> Option<&'a T> {
    // SAFETY: this function's own condition.
    unsafe { borrowed(pointer) }.ok()
}

/// Makes the caller the owner of `value`, until it comes back through [`take_back`].
pub(crate) fn lend<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes back what was lent; `None` for NULL.
///
/// # Safety
///
/// `pointer` is NULL, or came from [`lend`] and was not taken back yet, and nobody uses it.
pub(crate) unsafe fn take_back<T>(pointer: *mut T) -> Option<Box<T>> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not NULL, so it came from `Box::into_raw` and is ours alone, as the caller promises.
    Some(unsafe { Box::from_raw(pointer) })
}

/// Makes the caller one of the owners of `value`, until it comes back through
/// [`take_back_shared`].
pub(crate) fn lend_shared<T>(value: Arc<T>) -> *mut T {
    Arc::into_raw(value).cast_mut()
}

/// One more owner of what was lent.
///
/// # Safety
///
/// `pointer` is NULL, or came from [`lend_shared`] and was not taken back yet.
pub(crate) unsafe fn share<T>(pointer: *const T) -> Result<Arc<T>, rsess_status> {
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(RSESS_ERR_INVALID_ARGUMENT);
    }
    // SAFETY: not NULL, so it came from `Arc::into_raw` and the caller still owns its share.
    unsafe { Arc::increment_strong_count(pointer) };
    // SAFETY: as above; the share that this takes is the one that was added.
    Ok(unsafe { Arc::from_raw(pointer) })
}

/// Takes back what was lent; `None` for NULL.
///
/// # Safety
///
/// `pointer` is NULL, or came from [`lend_shared`] and was not taken back yet as many times as it
/// was lent.
pub(crate) unsafe fn take_back_shared<T>(pointer: *mut T) -> Option<Arc<T>> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not NULL, so it came from `Arc::into_raw`, and this share is the caller's to give.
    Some(unsafe { Arc::from_raw(pointer) })
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn what_is_shared_lives_until_the_last_owner_gives_it_back() {
        let value = Arc::new(7);
        let pointer = lend_shared(Arc::clone(&value));
        // SAFETY: lent above.
        let shared = unsafe { share(pointer) }.expect("not NULL");

        // SAFETY: lent once, and taken back once.
        drop(unsafe { take_back_shared(pointer) });

        assert_eq!((*shared, Arc::strong_count(&value)), (7, 2));
        drop(shared);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn a_panic_becomes_a_status() {
        let status = boundary(|| panic!("on purpose"));

        assert_eq!(status, rsess_status::RSESS_ERR_PANIC);
    }

    #[test]
    fn a_panic_whose_value_panics_when_dropped_becomes_a_status() {
        struct Grenade;
        impl Drop for Grenade {
            fn drop(&mut self) {
                panic!("on purpose, again");
            }
        }

        let status = boundary(|| std::panic::panic_any(Grenade));

        assert_eq!(status, rsess_status::RSESS_ERR_PANIC);
    }

    #[test]
    fn a_panic_poisons_the_value_in_use_and_no_other() {
        let used = Guarded::new(1);
        let other = Guarded::new(2);

        let status = boundary(|| used.call(|_| panic!("on purpose")));

        assert_eq!(status, rsess_status::RSESS_ERR_PANIC);
        assert_eq!(used.call(|it| Ok(*it)), Err(rsess_status::RSESS_ERR_POISONED));
        assert_eq!(other.call(|it| Ok(*it)), Ok(2));
    }

    #[test]
    fn an_error_poisons_nothing() {
        let value = Guarded::new(1);

        let outcome = value.call(|_| Err::<(), _>(rsess_status::RSESS_ERR_EXPIRED));

        assert_eq!(outcome, Err(rsess_status::RSESS_ERR_EXPIRED));
        assert_eq!(value.call(|it| Ok(*it)), Ok(1));
    }

    #[test]
    fn null_with_a_length_is_refused_and_without_one_is_empty() {
        // SAFETY: NULL is allowed.
        let refused = unsafe { bytes(ptr::null(), 1) };
        // SAFETY: NULL is allowed.
        let empty = unsafe { bytes(ptr::null(), 0) };

        assert_eq!(refused, Err(RSESS_ERR_INVALID_ARGUMENT));
        assert_eq!(empty, Ok(&b""[..]));
    }

    #[test]
    fn a_length_that_no_object_can_have_is_refused_unread() {
        let pairs = [0_u64; 2];

        // SAFETY: not what the function asks for, but the length is refused before any read.
        let text = unsafe { bytes(pairs.as_ptr().cast(), isize::MAX as usize + 1) };
        // SAFETY: as above.
        let array = unsafe { array(pairs.as_ptr(), usize::MAX / 8 + 2) };

        assert_eq!(text, Err(RSESS_ERR_INVALID_ARGUMENT));
        assert_eq!(array, Err(RSESS_ERR_INVALID_ARGUMENT));
    }

    #[test]
    fn a_misaligned_pointer_is_refused() {
        let place = [0_u64; 2];
        let odd = ptr::from_ref(&place).cast::<u8>().wrapping_add(1).cast::<u64>();

        // SAFETY: misaligned is allowed.
        let read = unsafe { borrowed(odd) };
        // SAFETY: misaligned is allowed.
        let array = unsafe { array(odd, 1) };

        assert_eq!(read, Err(RSESS_ERR_INVALID_ARGUMENT));
        assert_eq!(array, Err(RSESS_ERR_INVALID_ARGUMENT));
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        let latin1 = b"caf\xe9";

        // SAFETY: four bytes are there.
        let refused = unsafe { text(latin1.as_ptr().cast(), latin1.len()) };

        assert_eq!(refused, Err(RSESS_ERR_INVALID_ARGUMENT));
    }
}
