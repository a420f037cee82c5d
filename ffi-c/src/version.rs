//! Says which library this is.

use std::ffi::{CStr, c_char, c_int};

/// Returns the version of the library that is running, such as "0.1.0".
///
/// The text is static, NUL-terminated, and never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rsess_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Returns the number of the binary interface of the library that is running.
///
/// A program is good for every library with the RSESS_ABI_VERSION that it was compiled with; it
/// is also the number behind ".so". What is added at the end changes nothing.
#[unsafe(no_mangle)]
pub extern "C" fn rsess_abi_version() -> c_int {
    ABI_VERSION
}

/// One more whenever a program that was compiled before would not work any more.
const ABI_VERSION: c_int = 1;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version holds no NUL"),
    };
