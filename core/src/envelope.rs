//! Wraps a payload and its expiry into text that fits a cookie, and unwraps it.
//!
//! ```text
//!   {"id":..,"data":{..},"flash_next":{..}}  +  exp
//!   {"id":..,"data":{..},"flash_next":{..},"exp":1700007200000}      JSON, UTF-8
//!   eyJpZCI6Ii4uIiwi..                                               base64url, no padding
//! ```
//!
//! Knows no key and no clock. Whoever unwraps has verified a signature first; what is signed may
//! still be no envelope, if two programs share a key.

use std::io::{Cursor, Write};

use base64_simd::URL_SAFE_NO_PAD;

use crate::error::DecodeError;
use crate::payload::Payload;
use crate::time::UnixMillis;

/// A payload, and the instant after which it is refused.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) payload: Payload,
    /// `None` for a legacy cookie. May be any number that JSON can spell, infinity included.
    pub(crate) exp: Option<f64>,
}

/// Writes `payload` and `expires_at` as base64url, into text with room for `extra` more bytes.
pub(crate) fn encode(payload: &Payload, expires_at: UnixMillis, extra: usize) -> String {
    let json = payload.as_json().as_bytes();
    // The payload is encoded from where it is: its end, and what follows, goes through a small
    // buffer, cut so that what stands before it is whole groups of three bytes.
    let body = &json[..json.len() - 1];
    let (head, rest) = body.split_at(body.len() / 3 * 3);
    let mut tail = Cursor::new([0; TAIL_LEN]);
    // Cannot fail: the longest instant takes 18 characters, and the buffer is made for that.
    let written = tail
        .write_all(rest)
        .and_then(|()| write!(tail, ",\"exp\":{}}}", Exp(expires_at)))
        .map(|()| tail.position() as usize);
    debug_assert!(written.is_ok());
    let tail = &tail.get_ref()[..written.unwrap_or_default()];

    let len = URL_SAFE_NO_PAD.encoded_length(head.len() + tail.len());
    let mut text = String::with_capacity(len + extra);
    URL_SAFE_NO_PAD.encode_append(head, &mut text);
    URL_SAFE_NO_PAD.encode_append(tail, &mut text);
    text
}

/// Reads the base64url text of an envelope.
///
/// Bytes that are not UTF-8 become U+FFFD, as they do when JavaScript decodes them.
pub(crate) fn decode(text: &str) -> Result<Envelope, DecodeError> {
    let bytes = URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| DecodeError::Malformed)?;
    let json = String::from_utf8(bytes)
        .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned());
    let (payload, exp) = Payload::parse_with_exp(json).map_err(|_| DecodeError::Malformed)?;
    Ok(Envelope { payload, exp })
}

/// Two bytes of the payload, `,"exp":`, the longest instant, and `}`.
const TAIL_LEN: usize = 2 + 7 + 24 + 1;

/// An instant as `JSON.stringify` writes it.
struct Exp(UnixMillis);

impl std::fmt::Display for Exp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = self.0.as_f64();
        // Whole numbers by far the most, and writing them as integers is cheaper.
        if millis.fract() == 0.0 { write!(f, "{}", millis as i64) } else { write!(f, "{millis}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_as_json_stringify_writes_it() {
        let shown = |millis| Exp(UnixMillis::from_f64(millis).expect("in range")).to_string();

        assert_eq!(shown(1_700_000_000_000.0), "1700000000000");
        assert_eq!(shown(1_700_000_000_000.25), "1700000000000.25");
        assert_eq!(shown(-0.0), "0");
        assert_eq!(shown(-8.64e15), "-8640000000000000");
        assert_eq!(shown(1.000_000_000_000_000_2), "1.0000000000000002");
    }

    #[test]
    fn payloads_of_every_length_round_trip() {
        for len in 0..64 {
            let text = format!(r#"{{"id":"{}","data":{{}},"flash_next":{{}}}}"#, "x".repeat(len));
            let payload = Payload::parse(text).expect("a payload");

            for millis in [0.0, 1_700_000_000_000.0, -8.64e15, -1_234_567_890_123.062_5] {
                let at = UnixMillis::from_f64(millis).expect("in range");
                let envelope = decode(&encode(&payload, at, 0)).expect("an envelope");

                assert_eq!(envelope.payload, payload);
                assert_eq!(envelope.exp, Some(millis));
            }
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        let good =
            encode(&Payload::parse(r#"{"id":"a"}"#).expect("a payload"), UnixMillis::new(1), 0);

        assert!(decode(&good).is_ok());
        for bad in [
            format!("{good}="),
            format!("{good}=="),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{}.{}", &good[..8], &good[8..]),
            format!("{good}A"),
        ] {
            assert_eq!(decode(&bad).map(|_| ()), Err(DecodeError::Malformed), "{bad}");
        }
    }

    #[test]
    fn stray_bits_in_the_last_character_are_refused() {
        // "ew" is `{`; its last character carries four bits that must be zero.
        for text in ["ex", "ey", "e_"] {
            assert!(URL_SAFE_NO_PAD.decode_to_vec(text).is_err(), "{text}");
        }
    }
}
