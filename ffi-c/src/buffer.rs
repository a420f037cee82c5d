//! Carries bytes over the boundary: owned by the caller, or borrowed from the caller.
//!
//! ```text
//!   rsess_buf     ptr --> | contents .. | 0 | spare |     owned: goes back through rsess_buf_free
//!                         <----- len --->
//!                         <---------- cap --------->
//!   rsess_slice   ptr --> somewhere in what the caller passed in; never freed
//! ```

use std::ffi::c_char;
use std::mem::ManuallyDrop;
use std::ptr;

use crate::boundary::boundary;
use crate::out::Out;

/// Bytes that the library made and the caller owns. Hand it to rsess_buf_free once.
///
/// Behind the contents there is one NUL byte that len does not count, so ptr can be
/// passed on as a C string if the contents hold no NUL themselves.
///
/// Read the fields; do not change them. {NULL, 0, 0} is an empty buffer that needs no free.
#[repr(C)]
#[derive(Debug)]
pub struct rsess_buf {
    /// The first byte.
    pub ptr: *mut c_char,
    /// Bytes of contents.
    pub len: usize,
    /// Bytes of memory; the library's own business.
    pub cap: usize,
}

/// Bytes that belong to somebody else: a view into what the caller passed in, or passes in.
///
/// There is no NUL at the end.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rsess_slice {
    /// The first byte; NULL if there is none.
    pub ptr: *const c_char,
    /// Bytes.
    pub len: usize,
}

/// Frees the contents of a buffer and empties it.
///
/// NULL is a no-op, and so is an empty buffer: to free one twice does no harm, to free
/// a copy of one does.
///
/// # Safety
///
/// - `buf` is NULL, or valid for reads and writes of one rsess_buf.
/// - `*buf` is {NULL, 0, 0}, or as the library filled it in and not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_buf_free(buf: *mut rsess_buf) {
    // Freeing bytes does not panic, and there is nobody to tell.
    let _ = boundary(|| {
        // SAFETY: `buf` is NULL or writable, as the caller promises.
        let place = unsafe { Out::new(buf) }?;
        // SAFETY: `Out` has refused NULL; so `buf` is readable, as the caller promises.
        let taken = unsafe { buf.read() };
        place.write(rsess_buf::EMPTY);
        if !taken.ptr.is_null() {
            // SAFETY: not NULL, so these are the parts of a `Vec<u8>` that `From` took apart,
            // unchanged and not yet freed, as the caller promises.
            drop(unsafe { Vec::from_raw_parts(taken.ptr.cast::<u8>(), taken.len, taken.cap) });
        }
        Ok(())
    });
}

impl rsess_buf {
    pub(crate) const EMPTY: Self = Self { ptr: ptr::null_mut(), len: 0, cap: 0 };
}

impl From<String> for rsess_buf {
    fn from(text: String) -> Self {
        let mut bytes = text.into_bytes();
        let len = bytes.len();
        bytes.reserve_exact(1);
        bytes.push(0);
        let mut bytes = ManuallyDrop::new(bytes);
        Self { ptr: bytes.as_mut_ptr().cast(), len, cap: bytes.capacity() }
    }
}

impl From<&str> for rsess_buf {
    fn from(text: &str) -> Self {
        let mut copy = String::with_capacity(text.len() + 1);
        copy.push_str(text);
        copy.into()
    }
}

impl From<&[u8]> for rsess_slice {
    fn from(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr().cast(), len: bytes.len() }
    }
}

#[cfg(test)]
impl rsess_buf {
    /// What the buffer holds, after a check of the NUL behind it. Frees it.
    pub(crate) fn take(mut self) -> String {
        // SAFETY: made by `From`, which leaves a NUL behind the contents.
        let bytes = unsafe { crate::boundary::bytes(self.ptr, self.len + 1) }.expect("filled in");
        let (nul, contents) = bytes.split_last().expect("at least the NUL");
        assert_eq!(*nul, 0);
        let text = String::from_utf8(contents.to_vec()).expect("UTF-8");
        // SAFETY: filled in by the library, and freed here only.
        unsafe { rsess_buf_free(&raw mut self) };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_end_in_a_nul_that_is_not_counted() {
        for text in ["", "x", "with \0 inside"] {
            assert_eq!(rsess_buf::from(text).take(), text);
            assert_eq!(rsess_buf::from(text.to_owned()).take(), text);
        }
    }

    #[test]
    fn a_buffer_that_is_freed_twice_is_empty() {
        let mut buf = rsess_buf::from("contents");

        // SAFETY: filled in by the library.
        unsafe { rsess_buf_free(&raw mut buf) };
        // SAFETY: empty by now.
        unsafe { rsess_buf_free(&raw mut buf) };

        assert_eq!((buf.ptr, buf.len, buf.cap), (ptr::null_mut(), 0, 0));
    }

    #[test]
    fn freeing_null_does_nothing() {
        // SAFETY: NULL is allowed.
        unsafe { rsess_buf_free(ptr::null_mut()) };
    }
}
