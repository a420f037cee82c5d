//! Says which library this is.

use std::ffi::{CStr, c_char};

/// Returns the version of the library that is running, such as "0.1.0".
///
/// The text is static, NUL-terminated, and never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rsess_version() -> *const c_char {
    VERSION.as_ptr()
}

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version holds no NUL"),
    };
