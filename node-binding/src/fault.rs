//! Turns the engine's errors into JavaScript errors.
//!
//! ```text
//!   ConfigError   -> code ERR_SESSION_CONFIG, message "field: what is wrong"
//!   PayloadError  -> code ERR_SESSION_PAYLOAD
//!   StoreError    -> code ERR_SESSION_STORE_*, retryable
//! ```
//!
//! The TypeScript layer tells them apart by `code` alone. The engine keeps ids, cookies, keys
//! and URLs out of its messages; so does this file.

use napi::bindgen_prelude::{Error, JsObjectValue, Object, Result};
use napi::{Env, JsError, JsValue};
use rudder_session::{ConfigError, PayloadError, StoreError};

/// An error that is not yet a JavaScript object: those can be made on their own thread only.
#[derive(Debug)]
pub(crate) struct Fault {
    code: &'static str,
    message: String,
    retryable: bool,
}

impl Fault {
    /// The store was closed before the call could run.
    pub(crate) fn closed() -> Self {
        Self::new("ERR_SESSION_STORE_CLOSED", "store is closed")
    }

    /// An argument that TypeScript should not have let through.
    pub(crate) fn argument(message: &str) -> Self {
        Self::new("ERR_SESSION_CONFIG", message)
    }

    /// Too many calls are waiting already.
    pub(crate) fn overloaded() -> Self {
        let fault = Self::new("ERR_SESSION_STORE_BUSY", "too many calls are waiting for the store");
        Self { retryable: true, ..fault }
    }

    /// A bug of ours. The panic's own message went to stderr and stays out of here.
    pub(crate) fn panicked() -> Self {
        Self::new("ERR_SESSION_STORE_INTERNAL", "the store failed in an unforeseen way")
    }

    /// What JavaScript will find under `code`.
    #[cfg(test)]
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    fn new(code: &'static str, message: impl ToString) -> Self {
        Self { code, message: message.to_string(), retryable: false }
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

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Busy => "ERR_SESSION_STORE_BUSY",
            StoreError::Disconnected | StoreError::Unreachable => "ERR_SESSION_STORE_UNREACHABLE",
            StoreError::InvalidId => "ERR_SESSION_PAYLOAD",
            StoreError::Protocol | StoreError::Rejected { .. } => "ERR_SESSION_STORE_SERVER",
            StoreError::TimedOut => "ERR_SESSION_STORE_TIMEOUT",
            StoreError::TooLarge => "ERR_SESSION_STORE_TOO_LARGE",
            _ => "ERR_SESSION_STORE_INTERNAL",
        };
        Self { retryable: error.is_retryable(), ..Self::new(code, error) }
    }
}
