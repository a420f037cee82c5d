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

use std::io::{self, Cursor, Write};

use base64_simd::{AppendBase64Encode, URL_SAFE_NO_PAD};

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

/// An envelope that is ready to be written.
pub(crate) struct Unwritten<'a> {
    /// The body in whole groups of three bytes: encoded from where it is.
    head: &'a [u8],
    /// What follows, in a small buffer.
    tail: [u8; TAIL_LEN],
    tail_len: usize,
}

impl<'a> Unwritten<'a> {
    /// The envelope of a payload without its closing brace, which is accepted until `expires_at`.
    pub(crate) fn new(body: &'a [u8], expires_at: UnixMillis) -> Self {
        let (head, rest) = body.split_at(body.len() / 3 * 3);
        let mut tail = Cursor::new([0; TAIL_LEN]);
        // Cannot fail: the longest instant takes 24 characters, and the buffer is made for that.
        let written = tail
            .write_all(rest)
            .and_then(|()| tail.write_all(EXP_FIELD))
            .and_then(|()| write_instant(expires_at, &mut tail))
            .and_then(|()| tail.write_all(b"}"));
        debug_assert!(written.is_ok());
        let tail_len = tail.position() as usize;
        Self { head, tail: tail.into_inner(), tail_len }
    }

    /// Characters that [`append_to`](Self::append_to) writes.
    pub(crate) fn encoded_len(&self) -> usize {
        URL_SAFE_NO_PAD.encoded_length(self.head.len() + self.tail_len)
    }

    /// Writes the envelope as base64url.
    pub(crate) fn append_to(&self, text: &mut impl AppendBase64Encode) {
        URL_SAFE_NO_PAD.encode_append(self.head, text);
        URL_SAFE_NO_PAD.encode_append(&self.tail[..self.tail_len], text);
    }
}

/// A payload without its closing brace, if it is spelled `{"id":"..","data":{` and so on to `}`,
/// as we and `JSON.stringify` spell it. What is between is not looked at.
pub(crate) fn canonical_body(payload_json: &[u8]) -> Option<&[u8]> {
    let body = payload_json.strip_suffix(b"}")?;
    is_canonical(body).then_some(body)
}

/// Reads the base64url text of an envelope.
///
/// Bytes that are not UTF-8 become U+FFFD, as they do when JavaScript decodes them.
pub(crate) fn decode(text: &[u8]) -> Result<Envelope, DecodeError> {
    parse(URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| DecodeError::Malformed)?)
}

/// Reads the base64url text of an envelope: puts the text of its payload into `payload_json`, and
/// returns its `exp`.
///
/// An envelope in the canonical spelling is not walked over, not even to see if it is UTF-8:
/// whoever signed it vouches for it. What comes out has a [`canonical_body`] in any case.
pub(crate) fn decode_text(
    text: &[u8],
    payload_json: &mut Vec<u8>,
) -> Result<Option<f64>, DecodeError> {
    payload_json.clear();
    URL_SAFE_NO_PAD.decode_append(text, payload_json).map_err(|_| DecodeError::Malformed)?;
    if let Some((body_len, exp)) = canonical_end(payload_json) {
        payload_json.truncate(body_len);
        payload_json.push(b'}');
        return Ok(Some(exp));
    }
    // A copy, so that the buffer stays with its owner.
    let Envelope { payload, exp } = parse(payload_json.to_vec())?;
    payload_json.clear();
    payload_json.extend_from_slice(payload.as_json().as_bytes());
    Ok(exp)
}

fn parse(json: Vec<u8>) -> Result<Envelope, DecodeError> {
    let json = String::from_utf8(json)
        .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned());
    let (payload, exp) = Payload::parse_with_exp(json).map_err(|_| DecodeError::Malformed)?;
    Ok(Envelope { payload, exp })
}

/// The length of the body, and the `exp`, of an envelope in the canonical spelling.
///
/// If the text is JSON at all, this `exp` is the one that counts: the last brace closes the whole
/// object, the digits before it are a number, and the quote after the comma opens the last key:
/// it is not escaped, and one that closed a string would have no letters behind it.
fn canonical_end(json: &[u8]) -> Option<(usize, f64)> {
    let inner = json.strip_suffix(b"}")?;
    let digits = inner.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, digits) = inner.split_at(inner.len() - digits);
    let body = before.strip_suffix(EXP_FIELD)?;
    // JSON knows no leading zeros; and numbers up to this length are exact or round alike.
    if !(1..=MAX_EXP_DIGITS).contains(&digits.len()) || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let exp = digits.iter().fold(0, |exp: u64, digit| exp * 10 + u64::from(digit - b'0'));
    is_canonical(body).then_some((body.len(), exp as f64))
}

/// Whether text is spelled as [`canonical_body`] wants it, but for the last brace.
fn is_canonical(body: &[u8]) -> bool {
    let Some(after) = body.strip_prefix(ID_START) else { return false };
    let Some(id_len) = memchr::memchr2(b'"', b'\\', after) else { return false };
    after[id_len..].starts_with(DATA_START)
}

const ID_START: &[u8] = b"{\"id\":\"";
const DATA_START: &[u8] = b"\",\"data\":{";
const EXP_FIELD: &[u8] = b",\"exp\":";

/// Digits of the latest instant that JavaScript has a date for.
const MAX_EXP_DIGITS: usize = 16;

/// Two bytes of the payload, `,"exp":`, the longest instant, and `}`.
const TAIL_LEN: usize = 2 + EXP_FIELD.len() + 24 + 1;

/// Writes an instant as `JSON.stringify` does.
fn write_instant(at: UnixMillis, out: &mut impl Write) -> io::Result<()> {
    let millis = at.as_f64();
    // Whole numbers by far the most, and writing them as integers is cheaper.
    if millis.fract() == 0.0 {
        out.write_all(itoa::Buffer::new().format(millis as i64).as_bytes())
    } else {
        write!(out, "{millis}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_as_json_stringify_writes_it() {
        let shown = |millis| {
            let mut text = Vec::new();
            write_instant(UnixMillis::from_f64(millis).expect("in range"), &mut text)
                .expect("a vector takes all");
            String::from_utf8(text).expect("ASCII")
        };

        assert_eq!(shown(1_700_000_000_000.0), "1700000000000");
        assert_eq!(shown(1_700_000_000_000.25), "1700000000000.25");
        assert_eq!(shown(-0.0), "0");
        assert_eq!(shown(-8.64e15), "-8640000000000000");
        assert_eq!(shown(1.000_000_000_000_000_2), "1.0000000000000002");
    }

    fn encode(payload_json: &str, expires_at: UnixMillis) -> String {
        let mut text = String::new();
        Unwritten::new(&payload_json.as_bytes()[..payload_json.len() - 1], expires_at)
            .append_to(&mut text);
        text
    }

    #[test]
    fn payloads_of_every_length_round_trip() {
        let mut read = Vec::new();
        for len in 0..64 {
            let json = format!(r#"{{"id":"{}","data":{{}},"flash_next":{{}}}}"#, "x".repeat(len));
            let payload = Payload::parse(json.as_str()).expect("a payload");

            for millis in [0.0, 1_700_000_000_000.0, -8.64e15, -1_234_567_890_123.062_5] {
                let at = UnixMillis::from_f64(millis).expect("in range");
                let text = encode(&json, at);

                let envelope = decode(text.as_bytes()).expect("an envelope");
                assert_eq!((envelope.payload, envelope.exp), (payload.clone(), Some(millis)));
                assert_eq!(decode_text(text.as_bytes(), &mut read), Ok(Some(millis)));
                assert_eq!(read, json.as_bytes());
            }
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        let good = encode(r#"{"id":"a","data":{},"flash_next":{}}"#, UnixMillis::new(1));

        assert!(decode(good.as_bytes()).is_ok());
        for bad in [
            format!("{good}="),
            format!("{good}=="),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{}.{}", &good[..8], &good[8..]),
            format!("{good}A"),
        ] {
            let both =
                [decode(bad.as_bytes()).err(), decode_text(bad.as_bytes(), &mut Vec::new()).err()];
            assert_eq!(both, [Some(DecodeError::Malformed); 2], "{bad}");
        }
    }

    /// The text without its end, and the `exp`, if they are taken without walking.
    fn cut(json: &str) -> Option<(&str, f64)> {
        canonical_end(json.as_bytes()).map(|(len, exp)| (&json[..len], exp))
    }

    #[test]
    fn only_a_canonical_envelope_is_cut_without_walking() {
        let body = r#"{"id":"a","data":{"n":1},"flash_next":{}"#;

        assert_eq!(cut(&format!(r#"{body},"exp":17}}"#)), Some((body, 17.0)));
        assert_eq!(cut(&format!(r#"{body},"exp":0}}"#)), Some((body, 0.0)));
        assert_eq!(
            cut(&format!(r#"{body},"exp":9007199254740993}}"#)),
            Some((body, 2_f64.powi(53)))
        );
        for end in [
            "}",
            r#","exp":}"#,
            r#","exp":017}"#,
            r#","exp":00}"#,
            r#","exp":-17}"#,
            r#","exp":1.5}"#,
            r#","exp":1e3}"#,
            r#","exp":12345678901234567}"#,
            r#","exp": 17}"#,
            r#","exp":17 }"#,
            r#","exp":17} "#,
            r#","exp":"17"}"#,
            r#","exp":null}"#,
            r#", "exp":17}"#,
            r#"},"exp":17"#,
            r#","other":17}"#,
            r#","a\"exp":17}"#,
            r#","\"exp":17}"#,
            r#","a,\"exp":17}"#,
            r#"{"exp":17}"#,
            r#","exp":17,"more":{}}"#,
        ] {
            assert_eq!(cut(&format!("{body}{end}")), None, "{end}");
        }
        for start in [
            r#" {"id":"a","data":{}"#,
            r#"{ "id":"a","data":{}"#,
            r#"{"id":1,"data":{}"#,
            r#"{"id":"a\u0062","data":{}"#,
            r#"{"id":"a","flash_next":{}"#,
            r#"{"id":"a","data":[]"#,
            r#"{"id":"a"#,
            "{",
            "",
        ] {
            assert_eq!(cut(&format!(r#"{start},"exp":17}}"#)), None, "{start}");
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
