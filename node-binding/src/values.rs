//! Makes JavaScript values of what is answered, in as few calls of Node as there are.
//!
//! ```text
//!   text             a string; one byte a character if all of it is ASCII, which is cheapest
//!   Answer           a string, a boolean, null, undefined, or the object of a fault
//!   Settled          the arguments ticket, answer, ticket, answer, ..; very many in one array
//! ```
//!
//! Knows no call. The `unsafe` that it takes is all here.

use std::ptr;

use napi::bindgen_prelude::{Error, JsValuesTupleIntoVec, Null, Result, Status, ToNapiValue};
use napi::sys;

use crate::answers::{Answer, Settled};
use crate::fault::StoreFault;

/// Makes a string of text that is UTF-8; what is not becomes U+FFFD. `env` must be that of a call
/// that is under way.
pub(crate) fn string(env: sys::napi_env, text: &[u8]) -> Made {
    if text.is_ascii() {
        return latin1_string(env, text);
    }
    let mut value = ptr::null_mut();
    let (from, len) = (text.as_ptr().cast(), text.len() as isize);
    // SAFETY: `text` is readable for its length, and Node copies it; `env` is good.
    let status = unsafe { sys::napi_create_string_utf8(env, from, len, &mut value) };
    made(status, value)
}

/// Makes a string of characters that are a byte each. `env` is as for [`string`].
pub(crate) fn latin1_string(env: sys::napi_env, text: &[u8]) -> Made {
    let mut value = ptr::null_mut();
    let (from, len) = (text.as_ptr().cast(), text.len() as isize);
    // SAFETY: as for `string`; a byte of any value is a character of Latin-1.
    let status = unsafe { sys::napi_create_string_latin1(env, from, len, &mut value) };
    made(status, value)
}

/// Makes a string of these code units, which need be no text. `env` is as for [`string`].
pub(crate) fn utf16_string(env: sys::napi_env, units: &[u16]) -> Made {
    let mut value = ptr::null_mut();
    let (from, len) = (units.as_ptr(), units.len() as isize);
    // SAFETY: as for `string`.
    let status = unsafe { sys::napi_create_string_utf16(env, from, len, &mut value) };
    made(status, value)
}

/// A value that Node has made, or what it answered instead.
pub(crate) type Made = std::result::Result<sys::napi_value, sys::napi_status>;

fn made(status: sys::napi_status, value: sys::napi_value) -> Made {
    if status == sys::Status::napi_ok { Ok(value) } else { Err(status) }
}

fn refused(status: sys::napi_status) -> Error {
    Error::from_status(Status::from(status))
}

impl ToNapiValue for Answer {
    unsafe fn to_napi_value(env: sys::napi_env, answer: Self) -> Result<sys::napi_value> {
        match answer {
            Self::Text(text) => string(env, text.as_bytes()).map_err(refused),
            // SAFETY: `env` is good, as the caller promises. So it is below.
            Self::Done => unsafe { <()>::to_napi_value(env, ()) },
            // SAFETY: as above.
            Self::None => unsafe { Null::to_napi_value(env, Null) },
            // SAFETY: as above.
            Self::Flag(flag) => unsafe { bool::to_napi_value(env, flag) },
            // SAFETY: as above.
            Self::Fault(fault) => unsafe { StoreFault::to_napi_value(env, fault.into()) },
        }
    }
}

/// Arguments, since to set an element of an array costs more than to make a value.
impl JsValuesTupleIntoVec for Settled {
    fn into_vec(self, env: sys::napi_env) -> Result<Vec<sys::napi_value>> {
        let are_many = self.0.len() > MOST_ARGUMENTS / 2;
        let mut values = Vec::with_capacity(2 * self.0.len());
        for (ticket, answer) in self.0 {
            // SAFETY: napi calls this with the `env` of the call that it is about to make.
            values.push(unsafe { u32::to_napi_value(env, ticket) }?);
            // SAFETY: as above.
            values.push(unsafe { Answer::to_napi_value(env, answer) }?);
        }
        Ok(if are_many { vec![array(env, &values)?] } else { values })
    }
}

/// `env` is as for [`string`], and that of the values.
fn array(env: sys::napi_env, values: &[sys::napi_value]) -> Result<sys::napi_value> {
    let mut array = ptr::null_mut();
    // SAFETY: `env` is good.
    let status = unsafe { sys::napi_create_array_with_length(env, values.len(), &mut array) };
    made(status, array).map_err(refused)?;
    for (at, value) in (0..).zip(values) {
        // SAFETY: `env` is good; `array` was made here, and `value` belongs to the same call.
        let status = unsafe { sys::napi_set_element(env, array, at, *value) };
        made(status, *value).map_err(refused)?;
    }
    Ok(array)
}

/// Arguments are on the stack, and that has an end.
const MOST_ARGUMENTS: usize = 1024;
