//! Says what JSON text means however it is spelled, and spells as `JSON.stringify` does.
//!
//! ```text
//!   a\u0062   written between quotes        --unescape, utf16-->   ab   what it stands for
//!   a\u0062   --canonical_key-->  ab        1.0 --same as--> 1
//! ```
//!
//! JavaScript's strings may hold halves of surrogate pairs, which Rust's cannot: whatever must
//! be exact for all of them works on UTF-16 code units.

use std::borrow::Cow;

use super::tokens::{number_end, space_end, string_end};

/// Whether a key as it is written, between its quotes, spells `name`.
pub(crate) fn key_is(written: &str, name: &str) -> bool {
    // An escaped key may look like another key's name and mean something else.
    unescape(written).as_deref() == Some(name)
}

/// The string that `written`, the text between two quotes, stands for; `None` if it holds half
/// of a surrogate pair, which no Rust string can.
pub(crate) fn unescape(written: &str) -> Option<Cow<'_, str>> {
    if !written.contains('\\') {
        return Some(Cow::Borrowed(written));
    }
    let units: Vec<u16> = utf16(written).collect();
    String::from_utf16(&units).ok().map(Cow::Owned)
}

/// One spelling for all the ways to write a key, between its quotes: escaped only where it must.
pub(crate) fn canonical_key(written: &str) -> Cow<'_, str> {
    if !written.contains('\\') {
        return Cow::Borrowed(written);
    }
    let mut key = String::with_capacity(written.len());
    for unit in char::decode_utf16(utf16(written)) {
        match unit {
            Ok(c) => push_escaped(&mut key, c.encode_utf8(&mut [0; 4])),
            Err(half) => push_unit(&mut key, half.unpaired_surrogate()),
        }
    }
    Cow::Owned(key)
}

/// Whether two JSON values mean the same to JavaScript, however they are spelled; the order of
/// keys counts.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left == right || tokens(left).eq(tokens(right))
}

/// The UTF-16 code units of the string that `written` stands for: what JavaScript makes of it.
pub(crate) fn utf16(written: &str) -> impl Iterator<Item = u16> + '_ {
    let mut chars = written.chars();
    let mut low_half = None;
    std::iter::from_fn(move || {
        if let Some(unit) = low_half.take() {
            return Some(unit);
        }
        let c = match chars.next()? {
            '\\' => match chars.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits = chars.as_str().get(..4)?;
                    chars = chars.as_str()[4..].chars();
                    return u16::from_str_radix(digits, 16).ok();
                }
                other => other,
            },
            other => other,
        };
        let mut units = [0; 2];
        if let [first, second] = c.encode_utf16(&mut units) {
            low_half = Some(*second);
            return Some(*first);
        }
        Some(units[0])
    })
}

/// Appends a member to an object that is being written: `{` alone, or with members before it.
pub(crate) fn push_member(out: &mut String, written_key: &str, value: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    out.push('"');
    out.push_str(written_key);
    out.push_str("\":");
    out.push_str(value);
}

/// Appends `text` as a JSON string, quotes included, as `JSON.stringify` writes it.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    push_escaped(out, text);
    out.push('"');
}

fn push_escaped(out: &mut String, text: &str) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x0c => "\\f",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x00..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        if escape.is_empty() {
            push_unit(out, byte.into());
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

/// Appends the escape of one UTF-16 code unit, digits in lower case as `JSON.stringify` does.
pub(crate) fn push_unit(out: &mut String, unit: u16) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        out.push(char::from(b"0123456789abcdef"[usize::from(unit >> shift & 15)]));
    }
}

/// A piece of JSON text by what it means.
enum Token<'a> {
    Number(f64),
    Other(u8),
    String(&'a str),
}

impl PartialEq for Token<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => left == right,
            (Self::Other(left), Self::Other(right)) => left == right,
            (Self::String(left), Self::String(right)) => utf16(left).eq(utf16(right)),
            _ => false,
        }
    }
}

/// The tokens of text that is JSON; the letters of `true`, `false` and `null` one by one.
fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let from = space_end(bytes, at);
        match *bytes.get(from)? {
            b'"' => {
                at = string_end(bytes, from + 1)?;
                Some(Token::String(&text[from + 1..at - 1]))
            }
            b'-' | b'0'..=b'9' => {
                at = number_end(bytes, from)?;
                text[from..at].parse().ok().map(Token::Number)
            }
            other => {
                at = from + 1;
                Some(Token::Other(other))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_compared_by_what_it_means() {
        assert!(key_is("id", "id"));
        assert!(key_is(r"\u0069d", "id"));
        assert!(key_is(r"\ud83c\udf6a", "\u{1f36a}"));
        assert!(!key_is(r"\ud83c", "\u{fffd}"));
        assert!(!key_is("Id", "id"));
        assert!(key_is(r"\\", r"\"));
        assert!(!key_is(r"\\", r"\\"));
    }

    #[test]
    fn a_string_is_written_as_json_stringify_writes_it() {
        let mut out = String::new();

        push_string(&mut out, "a\"\\\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}\u{2028}\u{e9}");

        assert_eq!(out, "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\u{2028}\u{e9}\"");
    }
}
