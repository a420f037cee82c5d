//! Turns the engine's errors into JavaScript errors.
//!
//! ```text
//!   ConfigError   -> code ERR_SESSION_CONFIG, message "field: what is wrong"
//!   PayloadError  -> code ERR_SESSION_PAYLOAD
//!   OpenError     -> code ERR_SESSION_STORE_FILE
//!   StoreError    -> code ERR_SESSION_STORE_*, retryable
//! ```
//!
//! What is wrong with an argument is thrown; what is wrong with a call is its answer. The
//! TypeScript layer tells them apart by `code` alone. The engine keeps ids, cookies, keys and
//! URLs out of its messages; so does this file.

use napi::bindgen_prelude::{Error, JsObjectValue, Object, Result};
use napi::{Env, JsError, JsValue};
use napi_derive::napi;
use rudder_session::{ConfigError, EncodeError, OpenError, PayloadError, StoreError};

/// How a call to a store failed.
#[napi(object)]
pub struct StoreFault {
    /// Begins with `ERR_SESSION_`.
    pub code: String,
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Of `regenerate` only: whether the session is saved under its new id all the same, and
    /// only the record under the old one may still be there.
    pub saved: bool,
}

/// An error that is not yet a JavaScript object: those can be made on their own thread only.
#[derive(Debug)]
pub(crate) struct Fault {
    code: &'static str,
    message: String,
    retryable: bool,
    saved: bool,
}

impl Fault {
    /// The store was closed before it answered.
    pub(crate) fn closed() -> Self {
        Self::new("ERR_SESSION_STORE_CLOSED", "store is closed")
    }

    /// An argument that TypeScript should not have let through.
    pub(crate) fn argument(message: &str) -> Self {
        Self::new("ERR_SESSION_CONFIG", message)
    }

    /// A bug of ours. The panic's own message went to stderr and stays out of here.
    pub(crate) fn panicked() -> Self {
        Self::new("ERR_SESSION_STORE_INTERNAL", "the store failed in an unforeseen way")
    }

    /// The session is saved under its new id, but the old record could not be removed.
    pub(crate) fn old_remains(error: StoreError) -> Self {
        Self { saved: true, ..Self::from(error) }
    }

    /// What JavaScript will find under `code`.
    #[cfg(test)]
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    fn new(code: &'static str, message: impl ToString) -> Self {
        Self { code, message: message.to_string(), retryable: false, saved: false }
    }

    /// The error as JavaScript sees it. Call on JavaScript's thread.
    pub(crate) fn into_error(self, env: Env) -> Error {
        let decorated = || -> Result<Error> {
            let error = Error::new(self.code, &self.message);
            let mut object: Object = JsError::from(error).into_unknown(env).coerce_to_object()?;
            object.set_named_property("retryable", self.retryable)?;
            Ok(Error::from(object.to_unknown()))
        };
        decorated().unwrap_or_else(|error| error)
    }
}

impl From<Fault> for StoreFault {
    fn from(Fault { code, message, retryable, saved }: Fault) -> Self {
        Self { code: code.to_owned(), message, retryable, saved }
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self::new("ERR_SESSION_CONFIG", format!("{}: {error}", error.field()))
    }
}

impl From<PayloadError> for Fault {
    fn from(error: PayloadError) -> Self {
        Self::new("ERR_SESSION_PAYLOAD", error)
    }
}

impl From<EncodeError> for Fault {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InvalidId => Self::new("ERR_SESSION_PAYLOAD", error),
            EncodeError::Payload(error) => error.into(),
            _ => Self::new("ERR_SESSION_STORE_INTERNAL", error),
        }
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        let retryable = error == OpenError::InUse;
        Self { retryable, ..Self::new("ERR_SESSION_STORE_FILE", error) }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Busy | StoreError::Overloaded => "ERR_SESSION_STORE_BUSY",
            StoreError::Conflict => "ERR_SESSION_STORE_CONFLICT",
            StoreError::Disconnected | StoreError::Unreachable => "ERR_SESSION_STORE_UNREACHABLE",
            StoreError::InvalidId => "ERR_SESSION_PAYLOAD",
            StoreError::NotReplicated { .. } => "ERR_SESSION_STORE_NOT_REPLICATED",
            StoreError::Protocol | StoreError::Rejected { .. } => "ERR_SESSION_STORE_SERVER",
            StoreError::Storage => "ERR_SESSION_STORE_FILE",
            StoreError::TimedOut => "ERR_SESSION_STORE_TIMEOUT",
            StoreError::TooLarge => "ERR_SESSION_STORE_TOO_LARGE",
            _ => "ERR_SESSION_STORE_INTERNAL",
        };
        Self { retryable: error.is_retryable(), ..Self::new(code, error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_and_a_busy_pool_are_one_code_and_may_be_tried_again() {
        for error in [StoreError::Busy, StoreError::Overloaded] {
            let fault = Fault::from(error);
            assert_eq!((fault.code(), fault.retryable), ("ERR_SESSION_STORE_BUSY", true));
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_one_code_and_the_message_says_what() {
        let faults =
            [Fault::from(StoreError::Storage), OpenError::InUse.into(), OpenError::Damaged.into()];

        assert!(faults.iter().all(|fault| fault.code() == "ERR_SESSION_STORE_FILE"));
        let messages = faults.each_ref().map(|fault| fault.message.as_str());
        assert_eq!(messages[1..], ["session file is in use", "session file is damaged"]);
        assert_ne!(messages[0], messages[1]);
    }
}
