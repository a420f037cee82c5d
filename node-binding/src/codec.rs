//! Signs and verifies, encodes and decodes, on JavaScript's own thread.
//!
//! Synchronous on purpose: no I/O, and each call is cheaper than a trip to another thread. What
//! a client sent never throws: it is refused with `null`.
//!
//! Texts pass through buffers that each thread has, so a cookie of usual size allocates nothing
//! but the JavaScript string that comes out.

// Doc comments below are JSDoc: napi copies them into `native.d.ts` as they are.

use std::cell::RefCell;
use std::rc::Rc;

use napi::Env;
use napi::bindgen_prelude::Result;
use napi_derive::napi;
use rudder_session::{CookieCodec, KeyRing, LegacyCookies, UnixMillis, cookie};
use zeroize::Zeroizing;

use crate::bound::{BoundFunction, Call, Returned, Thrown};
use crate::fault::Fault;

/// Turns payloads into cookie values and back, and signs. Immutable: one serves a whole thread.
///
/// These are plain functions, which need no `this`. A wrong type of argument throws a
/// `TypeError`; what a client sent never throws.
#[napi(object, object_from_js = false)]
pub struct NativeCodec {
    /// Signs any text: returns the text, a dot, and 43 characters of signature.
    #[napi(ts_type = "(value: string) => string")]
    pub sign: BoundFunction<CookieCodec>,
    /// Verifies a signed text: returns the text that was signed, or `null` if no key of ours
    /// signed it.
    #[napi(ts_type = "(signed: string) => string | null")]
    pub verify: BoundFunction<CookieCodec>,
    /// Encodes a payload that lives in the cookie itself.
    ///
    /// `payloadJson` is an object with `id`, `data` and `flash_next`, as JSON text. If it reads
    /// `{"id":"..","data":{` at its start and `}` at its end, as `JSON.stringify` writes it, it
    /// is signed as it stands; all else is parsed first.
    ///
    /// `expiresAtMs` is the last instant at which the value is accepted, in milliseconds since
    /// the Unix epoch.
    ///
    /// Throws an error with the code `ERR_SESSION_PAYLOAD` if text that was parsed is no payload.
    #[napi(ts_type = "(payloadJson: string, expiresAtMs: number) => string")]
    pub encode: BoundFunction<CookieCodec>,
    /// Decodes a cookie value whose payload lives in the cookie itself.
    ///
    /// `nowMs` is milliseconds since the Unix epoch, as `Date.now()` gives them; `rejectLegacy`
    /// says whether to refuse values that carry no expiry.
    ///
    /// Returns the payload as JSON text, or `null` if the value is refused. The text begins with
    /// `{"id":"..","data":{` and ends with `}`. What is between is as whoever has the key signed
    /// it, and is not walked over if it was in that spelling: text that turns out not to be JSON,
    /// or whose last `id` is no string, is a refused value, too.
    #[napi(
        ts_type = "(cookieValue: string, nowMs: number, rejectLegacy: boolean) => string | null"
    )]
    pub decode: BoundFunction<CookieCodec>,
    /// Finds the cookie called `name` in a `Cookie` header, and decodes its value.
    ///
    /// Returns `undefined` if there is no such cookie or it is empty, else what `decode` does.
    #[napi(
        ts_type = "(cookieHeader: string, name: string, nowMs: number, rejectLegacy: boolean) => \
                   string | null | undefined"
    )]
    pub load: BoundFunction<CookieCodec>,
    /// Finds the cookie called `name` in a `Cookie` header, and verifies its value.
    ///
    /// Returns `undefined` if there is no such cookie or it is empty, else what `verify` does.
    #[napi(ts_type = "(cookieHeader: string, name: string) => string | null | undefined")]
    pub load_id: BoundFunction<CookieCodec>,
}

/// Makes a codec.
///
/// @param secrets The first one signs, all of them verify. At least one; none empty.
/// @throws An error with the code `ERR_SESSION_CONFIG`.
#[napi(catch_unwind)]
pub fn create_codec(env: Env, secrets: Vec<String>) -> Result<NativeCodec> {
    // Wiped when this ends; JavaScript keeps its own.
    let secrets: Vec<_> = secrets.into_iter().map(Zeroizing::new).collect();
    let ring = KeyRing::from_secrets(secrets.iter().map(|it| it.as_bytes()));
    let ring = ring.map_err(|it| Fault::from(it).into_error(env))?;
    let codec = Rc::new(CookieCodec::new(ring));
    Ok(NativeCodec {
        sign: BoundFunction::new(&codec, sign),
        verify: BoundFunction::new(&codec, verify),
        encode: BoundFunction::new(&codec, encode),
        decode: BoundFunction::new(&codec, decode),
        load: BoundFunction::new(&codec, load),
        load_id: BoundFunction::new(&codec, load_id),
    })
}

type Outcome<'call> = std::result::Result<Returned<'call>, Thrown>;

fn sign<'call>(codec: &CookieCodec, call: &Call<'call>) -> Outcome<'call> {
    with_buffers(|Buffers { input, output, .. }| {
        call.text(0, input)?;
        codec.sign_into(input, output);
        call.return_text(output)
    })
}

fn verify<'call>(codec: &CookieCodec, call: &Call<'call>) -> Outcome<'call> {
    with_buffers(|Buffers { input, .. }| {
        call.text(0, input)?;
        match codec.verify_bytes(input) {
            Ok(value) => call.return_text(value),
            Err(_) => call.return_null(),
        }
    })
}

fn encode<'call>(codec: &CookieCodec, call: &Call<'call>) -> Outcome<'call> {
    with_buffers(|Buffers { input, output, .. }| {
        call.text(0, input)?;
        let expires_at = time(call, 1)?;
        codec.encode_text_into(input, expires_at, output).map_err(Fault::from)?;
        call.return_ascii(output)
    })
}

fn decode<'call>(codec: &CookieCodec, call: &Call<'call>) -> Outcome<'call> {
    with_buffers(|Buffers { input, output, .. }| {
        call.text(0, input)?;
        let (now, legacy) = (time(call, 1)?, legacy(call, 2)?);
        match codec.decode_text_into(input, now, legacy, output) {
            Ok(()) => call.return_text(output),
            Err(_) => call.return_null(),
        }
    })
}

fn load<'call>(codec: &CookieCodec, call: &Call<'call>) -> Outcome<'call> {
    with_buffers(|Buffers { input, name, output }| {
        call.text(0, input)?;
        call.text(1, name)?;
        let (now, legacy) = (time(call, 2)?, legacy(call, 3)?);
        let Some(value) = find(input, name) else { return Ok(call.return_undefined()) };
        match codec.decode_text_into(value, now, legacy, output) {
            Ok(()) => call.return_text(output),
            Err(_) => call.return_null(),
        }
    })
}

fn load_id<'call>(codec: &CookieCodec, call: &Call<'call>) -> Outcome<'call> {
    with_buffers(|Buffers { input, name, .. }| {
        call.text(0, input)?;
        call.text(1, name)?;
        let Some(value) = find(input, name) else { return Ok(call.return_undefined()) };
        match codec.verify_bytes(value) {
            Ok(id) => call.return_text(id),
            Err(_) => call.return_null(),
        }
    })
}

/// The value of a cookie, if there is one and it is not empty.
pub(crate) fn find<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    cookie::find(header, name).filter(|value| !value.is_empty())
}

pub(crate) fn time(call: &Call<'_>, index: usize) -> std::result::Result<UnixMillis, Thrown> {
    let unix_ms = call.number(index)?;
    UnixMillis::from_f64(unix_ms).ok_or_else(|| Fault::argument(NO_TIME).into())
}

fn legacy(call: &Call<'_>, index: usize) -> std::result::Result<LegacyCookies, Thrown> {
    let reject = call.flag(index)?;
    Ok(if reject { LegacyCookies::Reject } else { LegacyCookies::Accept })
}

/// The texts of one call.
#[derive(Default)]
pub(crate) struct Buffers {
    pub(crate) input: Vec<u8>,
    name: Vec<u8>,
    pub(crate) output: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Runs a call with the buffers of this thread. No call runs inside another.
pub(crate) fn with_buffers<T>(call: impl FnOnce(&mut Buffers) -> T) -> T {
    BUFFERS.with_borrow_mut(|buffers| {
        let result = call(buffers);
        for buffer in [&mut buffers.input, &mut buffers.name, &mut buffers.output] {
            if buffer.capacity() > KEPT_BYTES {
                *buffer = Vec::new();
            }
        }
        result
    })
}

/// The largest buffer that is kept for the next call: more than any cookie takes.
const KEPT_BYTES: usize = 64 * 1024;

const NO_TIME: &str = "time: must be a finite number";
