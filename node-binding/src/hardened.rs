//! Makes and reads cookie values of the hardened format, on JavaScript's own thread.
//!
//! As `codec`, whose buffers these functions use. They know the name of their cookie, since it is
//! part of what is signed.

// Doc comments below are JSDoc: napi copies them into `native.d.ts` as they are.

use std::rc::Rc;

use napi::Env;
use napi::bindgen_prelude::Result;
use napi_derive::napi;
use rudder_session::{
    DecodeError, HardenedCodec, HardenedConfig, HardenedKey, LegacyCookies, Origin, UnixMillis,
};
use zeroize::Zeroizing;

use crate::bound::{BoundFunction, Call, Returned, Thrown};
use crate::codec::{Buffers, find, time, with_buffers};
use crate::fault::Fault;

/// Settings of a codec of the hardened format.
#[napi(object)]
pub struct HardenedOptions {
    /// The first one signs, all of them verify. At least one; none empty.
    pub secrets: Vec<String>,
    /// The name of the cookie. Under another name a value is refused.
    pub cookie_name: String,
    /// Whether payloads are encrypted, and the multiple of bytes that they are padded to, 1 to
    /// 4096.
    pub seal_padded_to: Option<u32>,
    /// The last instant at which values of v1 are accepted, in Unix ms; never if it is left out.
    pub accept_v1_until_ms: Option<f64>,
    /// Whether to refuse values of v1 that carry no expiry.
    pub reject_legacy: bool,
}

/// A value that was accepted, and has to be made anew: by a key that is not the first one, or in
/// the format of v1.
#[napi(object)]
pub struct OutdatedValue {
    /// What the value stands for.
    pub text: String,
    pub is_v1: bool,
}

/// Turns payloads and ids into cookie values of the hardened format, and back. Immutable: one
/// serves a whole thread.
///
/// As those of `NativeCodec` these are plain functions. `nowMs` and `expiresAtMs` are
/// milliseconds since the Unix epoch; what is refused is `null`; what has to be made anew is an
/// `OutdatedValue`.
#[napi(object, object_from_js = false)]
pub struct NativeHardenedCodec {
    /// Encodes a payload that lives in the cookie itself. See `NativeCodec.encode`.
    #[napi(ts_type = "(payloadJson: string, expiresAtMs: number) => string")]
    pub encode: BoundFunction<Codec>,
    /// Decodes a cookie value to the JSON text of its payload. See `NativeCodec.decode`.
    #[napi(ts_type = "(cookieValue: string, nowMs: number) => string | OutdatedValue | null")]
    pub decode: BoundFunction<Codec>,
    /// Finds the cookie in a `Cookie` header, and decodes its value. Returns `undefined` if there
    /// is no such cookie or it is empty.
    #[napi(ts_type = "(cookieHeader: string, nowMs: number) => \
                   string | OutdatedValue | null | undefined")]
    pub load: BoundFunction<Codec>,
    /// Encodes the id of a session that lives in a store.
    ///
    /// Throws an error with the code `ERR_SESSION_PAYLOAD` for an id that is not of 256 bits.
    #[napi(ts_type = "(id: string, expiresAtMs: number) => string")]
    pub encode_id: BoundFunction<Codec>,
    /// Decodes a cookie value to the id of a session.
    #[napi(ts_type = "(cookieValue: string, nowMs: number) => string | OutdatedValue | null")]
    pub decode_id: BoundFunction<Codec>,
    /// Finds the cookie in a `Cookie` header, and decodes its value to an id. Returns `undefined`
    /// if there is no such cookie or it is empty.
    #[napi(ts_type = "(cookieHeader: string, nowMs: number) => \
                   string | OutdatedValue | null | undefined")]
    pub load_id: BoundFunction<Codec>,
}

/// Makes a codec of the hardened format. Derives its keys, once.
///
/// @throws An error with the code `ERR_SESSION_CONFIG`.
#[napi(catch_unwind)]
pub fn create_hardened_codec(env: Env, options: HardenedOptions) -> Result<NativeHardenedCodec> {
    let codec = Codec::new(options).map_err(|fault| fault.into_error(env))?;
    let codec = Rc::new(codec);
    let bound = |body| BoundFunction::new(&codec, body);
    Ok(NativeHardenedCodec {
        encode: bound(encode),
        decode: bound(decode),
        load: bound(load),
        encode_id: bound(encode_id),
        decode_id: bound(decode_id),
        load_id: bound(load_id),
    })
}

/// What the functions of one [`NativeHardenedCodec`] share.
pub struct Codec {
    codec: HardenedCodec,
    cookie_name: String,
}

impl Codec {
    fn new(options: HardenedOptions) -> std::result::Result<Self, Fault> {
        let HardenedOptions { secrets, cookie_name, seal_padded_to, .. } = options;
        // Wiped when this ends; JavaScript keeps its own.
        let secrets: Vec<_> = secrets.into_iter().map(Zeroizing::new).collect();
        let keys = secrets.iter().map(|secret| HardenedKey::new(secret.as_bytes()));
        let accept_v1_until = match options.accept_v1_until_ms {
            None => None,
            Some(at) => Some(UnixMillis::from_f64(at).ok_or_else(|| Fault::argument(NO_DATE))?),
        };
        let legacy =
            if options.reject_legacy { LegacyCookies::Reject } else { LegacyCookies::Accept };
        let codec = HardenedCodec::new(HardenedConfig {
            keys: keys.collect::<std::result::Result<_, _>>()?,
            cookie_name: cookie_name.clone(),
            seal_padded_to: seal_padded_to.map(|it| it as usize),
            accept_v1_until,
            legacy,
        })?;
        Ok(Self { codec, cookie_name })
    }
}

type Outcome<'call> = std::result::Result<Returned<'call>, Thrown>;

fn encode<'call>(own: &Codec, call: &Call<'call>) -> Outcome<'call> {
    with_buffers(|Buffers { input, output, .. }| {
        call.text(0, input)?;
        let expires_at = time(call, 1)?;
        own.codec.encode_text_into(input, expires_at, output).map_err(Fault::from)?;
        call.return_ascii(output)
    })
}

fn encode_id<'call>(own: &Codec, call: &Call<'call>) -> Outcome<'call> {
    with_buffers(|Buffers { input, output, .. }| {
        call.text(0, input)?;
        let expires_at = time(call, 1)?;
        own.codec.encode_id_into(input, expires_at, output).map_err(Fault::from)?;
        call.return_ascii(output)
    })
}

fn decode<'call>(own: &Codec, call: &Call<'call>) -> Outcome<'call> {
    of_value(own, call, HardenedCodec::decode_text_into)
}

fn decode_id<'call>(own: &Codec, call: &Call<'call>) -> Outcome<'call> {
    of_value(own, call, HardenedCodec::decode_id_into)
}

fn load<'call>(own: &Codec, call: &Call<'call>) -> Outcome<'call> {
    of_header(own, call, HardenedCodec::decode_text_into)
}

fn load_id<'call>(own: &Codec, call: &Call<'call>) -> Outcome<'call> {
    of_header(own, call, HardenedCodec::decode_id_into)
}

/// How the engine decodes a value: to a payload or to an id.
type Decode =
    fn(&HardenedCodec, &[u8], UnixMillis, &mut Vec<u8>) -> std::result::Result<Origin, DecodeError>;

fn of_value<'call>(own: &Codec, call: &Call<'call>, decode: Decode) -> Outcome<'call> {
    with_buffers(|Buffers { input, output, .. }| {
        call.text(0, input)?;
        decoded(call, decode(&own.codec, input, time(call, 1)?, output), output)
    })
}

fn of_header<'call>(own: &Codec, call: &Call<'call>, decode: Decode) -> Outcome<'call> {
    with_buffers(|Buffers { input, output, .. }| {
        call.text(0, input)?;
        match find(input, own.cookie_name.as_bytes()) {
            Some(value) => decoded(call, decode(&own.codec, value, time(call, 1)?, output), output),
            None => Ok(call.return_undefined()),
        }
    })
}

fn decoded<'call>(
    call: &Call<'call>,
    outcome: std::result::Result<Origin, DecodeError>,
    output: &[u8],
) -> Outcome<'call> {
    match outcome {
        Ok(Origin::Primary) => call.return_text(output),
        Ok(origin) => call.return_value(OutdatedValue {
            text: String::from_utf8_lossy(output).into_owned(),
            is_v1: origin == Origin::V1,
        }),
        Err(_) => call.return_null(),
    }
}

const NO_DATE: &str = "acceptV1Until: must be a finite number";
