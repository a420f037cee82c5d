//! Makes JavaScript functions that have native state of their own.
//!
//! ```text
//!   BoundFunction { state, body } --becomes--> function          state lives as long as that
//!   function(a, b)                --enters---> body(&state, &Call [a, b])
//!                                              returns a value, or throws
//! ```
//!
//! Such a function costs a fraction of a method of a class, since nothing is looked up or
//! unwrapped: its state is a pointer that Node hands back, whatever `this` is. For calls that
//! take less time than that; everything else is better off with `#[napi]`.
//!
//! Knows no codec and no store. All of the `unsafe` that it takes is here.

use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::{Error, Result, Status, ToNapiValue, TypeName, ValueType};
use napi::{Env, JsError, sys};

use crate::fault::Fault;
use crate::values::{Made, latin1_string, string, utf16_string};

/// A function that JavaScript has not got yet.
pub(crate) struct BoundFunction<S: 'static> {
    state: Rc<S>,
    body: Body<S>,
}

/// What a function does. It runs on the thread of the JavaScript that calls it.
pub(crate) type Body<S> =
    for<'call> fn(&S, &Call<'call>) -> std::result::Result<Returned<'call>, Thrown>;

impl<S: 'static> BoundFunction<S> {
    pub(crate) fn new(state: &Rc<S>, body: Body<S>) -> Self {
        Self { state: Rc::clone(state), body }
    }
}

/// One call from JavaScript: its arguments, and the means to return something.
pub(crate) struct Call<'call> {
    env: sys::napi_env,
    /// Those that were not given are `undefined`.
    arguments: [sys::napi_value; MAX_ARGUMENTS],
    /// Values are good until the call returns.
    scope: PhantomData<&'call mut ()>,
}

/// What a call returns to JavaScript.
pub(crate) struct Returned<'call> {
    /// NULL stands for `undefined`.
    value: sys::napi_value,
    scope: PhantomData<&'call mut ()>,
}

/// Why a call throws.
#[derive(Debug)]
pub(crate) enum Thrown {
    /// The argument with this index is not of this type.
    Argument(usize, &'static str),
    Fault(Fault),
    /// Node did not do as it was asked, for want of memory in most cases.
    Node(sys::napi_status),
    Other(Error),
}

impl From<Error> for Thrown {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Fault> for Thrown {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<'call> Call<'call> {
    /// Reads a string into `text`, which loses what it held, as UTF-8. Halves of surrogate pairs
    /// become U+FFFD.
    pub(crate) fn text(&self, index: usize, text: &mut Vec<u8>) -> std::result::Result<(), Thrown> {
        text.clear();
        text.reserve(TEXT_ROOM);
        let mut len = self.read_text(index, text)?;
        // Node writes whole characters, so one was left out only if there was little room for it.
        if text.capacity() - 1 - len < LONGEST_CHARACTER {
            text.reserve(self.text_len(index)? + 1 + LONGEST_CHARACTER);
            len = self.read_text(index, text)?;
        }
        // SAFETY: Node has written that many bytes, and no more than there is capacity for.
        unsafe { text.set_len(len) };
        Ok(())
    }

    /// Reads a string.
    pub(crate) fn string(&self, index: usize) -> std::result::Result<String, Thrown> {
        self.with_text(index, str::to_owned)
    }

    /// Reads a string that is needed no longer than `read` takes.
    pub(crate) fn with_text<T>(
        &self,
        index: usize,
        read: impl FnOnce(&str) -> T,
    ) -> std::result::Result<T, Thrown> {
        TEXT.with_borrow_mut(|text| {
            self.text(index, text)?;
            let read = match str::from_utf8(text) {
                Ok(text) => read(text),
                // It cannot come to that: Node writes UTF-8.
                Err(_) => read(&String::from_utf8_lossy(text)),
            };
            if text.capacity() > 4 * TEXT_ROOM {
                *text = Vec::new();
            }
            Ok(read)
        })
    }

    pub(crate) fn number(&self, index: usize) -> std::result::Result<f64, Thrown> {
        let mut number = 0.0;
        // SAFETY: `env` and the value are those of this call; a wrong type is answered with a
        // status.
        let status =
            unsafe { sys::napi_get_value_double(self.env, self.arguments[index], &mut number) };
        argument(status, index, "a number")?;
        Ok(number)
    }

    /// A whole number from 0 to `u32::MAX`; others wrap round.
    pub(crate) fn index(&self, index: usize) -> std::result::Result<u32, Thrown> {
        let mut number = 0;
        // SAFETY: as for `number`.
        let status =
            unsafe { sys::napi_get_value_uint32(self.env, self.arguments[index], &mut number) };
        argument(status, index, "a number")?;
        Ok(number)
    }

    pub(crate) fn flag(&self, index: usize) -> std::result::Result<bool, Thrown> {
        let mut flag = false;
        // SAFETY: as for `number`.
        let status =
            unsafe { sys::napi_get_value_bool(self.env, self.arguments[index], &mut flag) };
        argument(status, index, "a boolean")?;
        Ok(flag)
    }

    /// Returns text that is UTF-8; what is not becomes U+FFFD.
    pub(crate) fn return_text(&self, text: &[u8]) -> std::result::Result<Returned<'call>, Thrown> {
        self.returned(string(self.env, text))
    }

    /// Returns text that is known to be ASCII, which is cheaper.
    pub(crate) fn return_ascii(&self, text: &[u8]) -> std::result::Result<Returned<'call>, Thrown> {
        self.returned(latin1_string(self.env, text))
    }

    /// Returns any other value.
    pub(crate) fn return_value(
        &self,
        value: impl ToNapiValue,
    ) -> std::result::Result<Returned<'call>, Thrown> {
        // SAFETY: `env` is that of this call.
        let value = unsafe { ToNapiValue::to_napi_value(self.env, value) }?;
        Ok(Returned { value, scope: PhantomData })
    }

    /// Returns the argument with this index.
    pub(crate) fn return_argument(&self, index: usize) -> Returned<'call> {
        Returned { value: self.arguments[index], scope: PhantomData }
    }

    /// The thread's JavaScript.
    pub(crate) fn env(&self) -> Env {
        Env::from_raw(self.env)
    }

    /// Returns a string of these code units, which need be no text.
    pub(crate) fn return_code_units(
        &self,
        units: &[u16],
    ) -> std::result::Result<Returned<'call>, Thrown> {
        self.returned(utf16_string(self.env, units))
    }

    pub(crate) fn return_null(&self) -> std::result::Result<Returned<'call>, Thrown> {
        let mut value = ptr::null_mut();
        // SAFETY: `env` is that of this call.
        let status = unsafe { sys::napi_get_null(self.env, &mut value) };
        self.returned(if status == sys::Status::napi_ok { Ok(value) } else { Err(status) })
    }

    pub(crate) fn return_undefined(&self) -> Returned<'call> {
        Returned { value: ptr::null_mut(), scope: PhantomData }
    }

    fn returned(&self, made: Made) -> std::result::Result<Returned<'call>, Thrown> {
        let value = made.map_err(Thrown::Node)?;
        Ok(Returned { value, scope: PhantomData })
    }

    /// Writes a string to the start of `text`, and a NUL after it: as much as there is room for.
    fn read_text(&self, index: usize, text: &mut Vec<u8>) -> std::result::Result<usize, Thrown> {
        let mut len = 0;
        let (value, room) = (self.arguments[index], text.capacity());
        // SAFETY: `text` is writable for its capacity.
        let status = unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                value,
                text.as_mut_ptr().cast(),
                room,
                &mut len,
            )
        };
        argument(status, index, "a string")?;
        Ok(len)
    }

    /// Bytes of a string in UTF-8.
    fn text_len(&self, index: usize) -> std::result::Result<usize, Thrown> {
        let mut len = 0;
        let value = self.arguments[index];
        // SAFETY: without a buffer Node writes to `len` only.
        let status = unsafe {
            sys::napi_get_value_string_utf8(self.env, value, ptr::null_mut(), 0, &mut len)
        };
        argument(status, index, "a string")?;
        Ok(len)
    }
}

/// Tells a wrong type from all that can go wrong.
fn argument(
    status: sys::napi_status,
    index: usize,
    expected: &'static str,
) -> std::result::Result<(), Thrown> {
    match status {
        sys::Status::napi_ok => Ok(()),
        sys::Status::napi_boolean_expected
        | sys::Status::napi_number_expected
        | sys::Status::napi_string_expected => Err(Thrown::Argument(index, expected)),
        other => Err(Thrown::Node(other)),
    }
}

impl Thrown {
    fn throw(self, env: sys::napi_env) {
        let env = Env::from_raw(env);
        let error = match self {
            Self::Argument(index, expected) => {
                let message = format!("argument {} must be {expected}", index + 1);
                // Fails if another exception is pending, and then that one is thrown.
                let _ = env.throw_type_error(&message, Some("ERR_INVALID_ARG_TYPE"));
                return;
            }
            Self::Fault(fault) => fault.into_error(env),
            Self::Node(status) => Error::from_status(Status::from(status)),
            Self::Other(error) => error,
        };
        // SAFETY: `env` is that of the call, which is under way.
        unsafe { JsError::from(error).throw_into(env.raw()) };
    }
}

/// What Node calls: hands the call to the function's body, and keeps panics in.
unsafe extern "C" fn enter<S: 'static>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let mut arguments = [ptr::null_mut(); MAX_ARGUMENTS];
    let mut count = MAX_ARGUMENTS;
    let mut data = ptr::null_mut();
    // SAFETY: Node calls this with an `env` and an `info` that are good for the call, and writes
    // as many arguments as `count` says.
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            &mut data,
        )
    };
    if status != sys::Status::napi_ok {
        return ptr::null_mut();
    }
    // SAFETY: `data` is what the function was made with, which `finalize` frees only when the
    // function is garbage; one that is being called is not. Nothing has a `&mut` to it.
    let function = unsafe { &*data.cast::<BoundFunction<S>>() };

    let call = Call { env, arguments, scope: PhantomData };
    let outcome =
        catch_unwind(AssertUnwindSafe(|| match (function.body)(&function.state, &call) {
            Ok(returned) => returned.value,
            Err(thrown) => {
                thrown.throw(env);
                ptr::null_mut()
            }
        }));
    outcome.unwrap_or_else(|_| {
        // SAFETY: `env` is good for the call, and both texts end in NUL. Nothing here can panic.
        unsafe { sys::napi_throw_error(env, PANIC_CODE.as_ptr(), PANIC_MESSAGE.as_ptr()) };
        ptr::null_mut()
    })
}

/// What Node calls when a function is garbage, or its thread ends.
unsafe extern "C" fn finalize<S: 'static>(
    _env: sys::napi_env,
    data: *mut c_void,
    _hint: *mut c_void,
) {
    // SAFETY: `data` came from a box of this type, and Node calls this once.
    drop(unsafe { Box::from_raw(data.cast::<BoundFunction<S>>()) });
}

impl<S: 'static> ToNapiValue for BoundFunction<S> {
    unsafe fn to_napi_value(env: sys::napi_env, bound: Self) -> Result<sys::napi_value> {
        let data = Box::into_raw(Box::new(bound)).cast::<c_void>();
        let mut function = ptr::null_mut();
        // SAFETY: `env` is good, as the caller promises; `enter` knows `data` for what it is.
        let mut status = unsafe {
            sys::napi_create_function(env, c"".as_ptr(), 0, Some(enter::<S>), data, &mut function)
        };
        if status == sys::Status::napi_ok {
            // SAFETY: `function` was just made, and so does `finalize` know `data`.
            status = unsafe {
                sys::napi_add_finalizer(
                    env,
                    function,
                    data,
                    Some(finalize::<S>),
                    ptr::null_mut(),
                    ptr::null_mut(),
                )
            };
        }
        if status != sys::Status::napi_ok {
            // SAFETY: nobody has seen the function, if there is one, and nothing finalizes it.
            drop(unsafe { Box::from_raw(data.cast::<BoundFunction<S>>()) });
            return Err(Error::from_status(Status::from(status)));
        }
        Ok(function)
    }
}

impl<S: 'static> TypeName for BoundFunction<S> {
    fn type_name() -> &'static str {
        "Function"
    }

    fn value_type() -> ValueType {
        ValueType::Function
    }
}

thread_local! {
    /// Where strings are read to.
    static TEXT: RefCell<Vec<u8>> = RefCell::default();
}

/// Of one function.
const MAX_ARGUMENTS: usize = 5;

/// Bytes that are there for a string before its length is known. V8 measures a string first if
/// there is not room for three times its characters: a cookie of 4 KiB is not measured.
const TEXT_ROOM: usize = 16 * 1024;

/// Bytes of a character in UTF-8.
const LONGEST_CHARACTER: usize = 4;

const PANIC_CODE: &CStr = c"ERR_SESSION_STORE_INTERNAL";
const PANIC_MESSAGE: &CStr = c"the addon failed in an unforeseen way";
