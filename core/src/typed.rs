//! Reads a stored JSON value as a Rust type, and writes one.
//!
//! simd-json does the work. It refuses some of what `JSON.parse` accepts and applications
//! therefore store, so a text that it refuses is mended and tried once more: the mending costs
//! nothing where nothing is wrong.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::PayloadError;
use crate::json;

/// Nesting beyond which a value is not read into a type: that recurses, and the stack is not
/// the client's to use up.
const MAX_DEPTH: usize = 128;

/// Reads `text`, which is JSON, as a `T`.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, PayloadError> {
    if json::depth(text) > MAX_DEPTH {
        return Err(PayloadError::TooDeep);
    }
    let parse = |text: &str| simd_json::serde::from_slice(&mut text.as_bytes().to_vec());
    parse(text)
        .or_else(|refusal| mended(text).map_or(Err(refusal), |text| parse(&text)))
        .map_err(|_| PayloadError::Mismatch)
}

/// Writes `value` as JSON.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<String, PayloadError> {
    simd_json::serde::to_string(value).map_err(|_| PayloadError::Unserialisable)
}

/// `text` without halves of surrogate pairs and numbers that no `f64` holds; `None` if it has
/// neither.
fn mended(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while let Some(first) = rest.chars().next() {
        let (token, replacement) = match first {
            '"' => {
                let token = &rest[..string_len(rest)];
                let written = &token[1..token.len() - 1];
                (token, json::unescape(written).is_none().then(|| well_formed(written)))
            }
            '-' | '0'..='9' => {
                let len = rest.find(|c| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'));
                let token = &rest[..len.unwrap_or(rest.len())];
                let overflows = token.parse().is_ok_and(f64::is_infinite);
                (token, overflows.then(|| "null".to_owned()))
            }
            other => (&rest[..other.len_utf8()], None),
        };
        changed |= replacement.is_some();
        out.push_str(replacement.as_deref().unwrap_or(token));
        rest = &rest[token.len()..];
    }
    changed.then_some(out)
}

/// Bytes of the JSON string that `text` starts with, quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    let closing = text.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    closing.map_or(text.len(), |at| at + 2)
}

fn well_formed(written: &str) -> String {
    let units: Vec<u16> = json::utf16(written).collect();
    let mut out = String::with_capacity(written.len());
    json::push_string(&mut out, &String::from_utf16_lossy(&units));
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_simd_json_refuses_and_javascript_stores_is_read() {
        assert_eq!(read::<String>(r#""a\ud800b\"""#), Ok("a\u{fffd}b\"".to_owned()));
        assert_eq!(read::<Vec<Option<f64>>>("[1e400,-1e999,1]"), Ok(vec![None, None, Some(1.0)]));
        assert_eq!(read::<f64>("123456789012345678901234567890"), Ok(1.234_567_890_123_456_8e29));
        assert_eq!(
            read::<BTreeMap<String, String>>(r#"{"\udc00":"\ud83c\udf6a"}"#),
            Ok(BTreeMap::from([("\u{fffd}".to_owned(), "\u{1f36a}".to_owned())]))
        );
    }

    #[test]
    fn a_value_of_another_type_is_a_mismatch() {
        assert_eq!(read::<u32>("\"5\""), Err(PayloadError::Mismatch));
        assert_eq!(read::<f64>("1e400"), Err(PayloadError::Mismatch));
    }

    #[test]
    fn depth_is_bounded_before_anything_recurses() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);

        assert!(read::<serde::de::IgnoredAny>(&nested(128)).is_ok());
        assert_eq!(
            read::<serde::de::IgnoredAny>(&nested(129)).map(|_| ()),
            Err(PayloadError::TooDeep)
        );
        assert_eq!(
            read::<serde::de::IgnoredAny>(&nested(1_000_000)).map(|_| ()),
            Err(PayloadError::TooDeep)
        );
    }

    #[test]
    fn what_cannot_be_json_is_refused() {
        let map = BTreeMap::from([(vec![1], 1)]);

        assert_eq!(write(&map), Err(PayloadError::Unserialisable));
    }
}
