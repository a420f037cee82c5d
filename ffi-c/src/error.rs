//! Says what went wrong, in words: what the functions of an engine offer beside their status.
//!
//! ```text
//!   call(.., rsess_error **error_out) --RSESS_ERR_...--> rsess_error: status, message
//! ```
//!
//! Nothing is kept in a global or a thread-local: a host that moves a request between threads
//! would read the error of another one.

use std::borrow::Cow;
use std::ffi::{CString, c_char, c_int};

use rudder_session_core::{
    ConfigError, DecodeError, EncodeError, OpenError, PayloadError, StoreError, UsersError,
};

use crate::boundary::{boundary, lend, peek, take_back};
use crate::out::Out;
use crate::status::rsess_status::{self, *};
use crate::status::{rsess_category, rsess_status_category, rsess_status_is_retryable};

/// What went wrong in one call. Immutable, owned by the caller, readable from any thread.
pub struct rsess_error {
    status: rsess_status,
    message: CString,
}

/// Returns the status of an error, as the call that made it has returned it.
///
/// RSESS_OK for NULL, so the place for an error can be asked whether there was one.
///
/// # Safety
///
/// `error` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_error_status(error: *const rsess_error) -> rsess_status {
    // SAFETY: `error` is NULL or live, as the caller promises.
    unsafe { peek(error) }.map_or(RSESS_OK, |error| error.status)
}

/// Returns who is at fault. RSESS_CATEGORY_NONE for NULL.
///
/// # Safety
///
/// `error` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_error_category(error: *const rsess_error) -> rsess_category {
    // SAFETY: this function's own condition.
    rsess_status_category(unsafe { rsess_error_status(error) } as c_int)
}

/// Returns whether the same call may succeed later. False for NULL.
///
/// # Safety
///
/// `error` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_error_is_retryable(error: *const rsess_error) -> bool {
    // SAFETY: this function's own condition.
    rsess_status_is_retryable(unsafe { rsess_error_status(error) } as c_int)
}

/// Returns what went wrong, in English, for logs: such as "lifetime: must be a number".
///
/// NUL-terminated, in UTF-8, never NULL, and good until the error is freed; "" for NULL. It
/// holds no key, no cookie value, no session id, and nothing else that was passed in.
///
/// # Safety
///
/// `error` is NULL, or came from this library and is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_error_message(error: *const rsess_error) -> *const c_char {
    // SAFETY: `error` is NULL or live, as the caller promises.
    unsafe { peek(error) }.map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

/// Frees an error. NULL is a no-op.
///
/// # Safety
///
/// - `error` is NULL, or came from this library and is not yet freed.
/// - Nobody reads it or its message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_error_free(error: *mut rsess_error) {
    let _ = boundary(|| {
        // SAFETY: NULL, or made by `lend`, alive and unused, as the caller promises.
        drop(unsafe { take_back(error) });
        Ok(())
    });
}

/// A status, and what there is to say about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) status: rsess_status,
    message: Cow<'static, str>,
}

impl Failure {
    pub(crate) fn new(status: rsess_status, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into() }
    }

    /// The same, of a setting in a group of settings.
    pub(crate) fn within(self, group: &str) -> Self {
        Self { message: format!("{group}: {}", self.message).into(), ..self }
    }

    /// Makes the caller the owner of an error object.
    pub(crate) fn into_error(self) -> *mut rsess_error {
        let message = CString::new(self.message.into_owned()).unwrap_or_default();
        lend(rsess_error { status: self.status, message })
    }
}

/// Runs the body of an exported function that can explain why it failed.
///
/// `error_out` is written if it is not NULL and somebody is at fault; on any other status it is
/// left as it was.
///
/// # Safety
///
/// `error_out` is NULL, misaligned, or valid for writes of one pointer.
pub(crate) unsafe fn explained(
    error_out: *mut *mut rsess_error,
    body: impl FnOnce() -> Result<(), Failure>,
) -> rsess_status {
    // SAFETY: this function's own condition.
    let error_out = match unsafe { Out::optional(error_out) } {
        Ok(error_out) => error_out,
        Err(status) => return status,
    };
    let mut failure = None;
    let status = boundary(|| {
        body().map_err(|it| {
            let status = it.status;
            failure = Some(it);
            status
        })
    });
    if let Some(error_out) = error_out.filter(|_| status.is_error()) {
        let failure = failure.unwrap_or_else(|| status.into());
        error_out.write(failure.into_error());
    }
    status
}

impl From<rsess_status> for Failure {
    fn from(status: rsess_status) -> Self {
        let message = match status {
            RSESS_ERR_INVALID_ARGUMENT => {
                "a pointer is NULL or misaligned, a length is impossible, a text is not UTF-8, or \
                 an instant is no date"
            }
            RSESS_ERR_CANCELLED => "cancelled by the caller",
            RSESS_ERR_FORKED => "the object belongs to the process that this one was forked from",
            RSESS_ERR_IN_USE => "an operation on this object, or with this tag, is under way",
            RSESS_ERR_PANIC => "a bug of the library stopped this call",
            RSESS_ERR_POISONED => "a bug of the library stopped an earlier call on this object",
            RSESS_ERR_TOO_LARGE => "the session is too large for where it is kept",
            RSESS_ERR_STORE_TIMED_OUT => "the deadline has passed",
            _ => "see the status",
        };
        Self::new(status, message)
    }
}

/// For functions that have no error object.
impl From<Failure> for rsess_status {
    fn from(failure: Failure) -> Self {
        failure.status
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(error.into(), format!("{}: {error}", error.field()))
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::new(error.into(), error.to_string())
    }
}

impl From<EncodeError> for Failure {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Payload(error) => error.into(),
            EncodeError::Randomness => StoreError::Randomness.into(),
            _ => StoreError::InvalidId.into(),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let message = error.to_string();
        Self::new(error.into(), message)
    }
}

impl From<PayloadError> for Failure {
    fn from(error: PayloadError) -> Self {
        Self::new(error.into(), error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        Self::new(error.into(), message)
    }
}

impl From<UsersError> for Failure {
    fn from(error: UsersError) -> Self {
        let message = error.to_string();
        Self::new(error.into(), message)
    }
}
