//! Walks JSON text without building anything from it.
//!
//! Accepts exactly what `JSON.parse` accepts: lone-surrogate escapes, `1e400`, integers of any
//! length, duplicate keys, any depth. Two parsers of the field refuse some of these, which is
//! why user data is walked over here and carried verbatim, and neither parsed nor written again
//! on its way through.
//!
//! ```text
//!   {"id":"..","data":{..}}   members(text, |key, value| ..)
//!    ~~~~ ~~~~                 key: between the quotes; value: from first to last byte
//! ```
//!
//! No recursion, and no allocation up to 64 levels of nesting (one bit a level after that), so
//! hostile depth costs nothing but its own length. This file knows nothing of sessions.

use std::ops::Range;

mod object;
mod spelling;

pub(crate) use object::{member, spread, with_member};
pub(crate) use spelling::{
    canonical_key, key_is, push_member, push_string, push_unit, same, unescape, utf16,
};

/// The text is not JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NotJson;

/// What the first byte of a value says of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Array,
    /// `true`, `false` or `null`.
    Literal,
    Number,
    Object,
    String,
}

/// A value inside some text: its bytes from first to last, white space around it left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
}

/// Calls `visit` with each member of the object that `text` is: its key as it is written,
/// between the quotes, and its value.
///
/// `Ok(false)` if the text is JSON, but no object.
pub(crate) fn members<'a>(
    text: &'a str,
    mut visit: impl FnMut(&'a str, Value),
) -> Result<bool, NotJson> {
    let mut walker = Walker::new(text);
    walker.white_space();
    if walker.peek() != Some(b'{') {
        walker.whole_value()?;
        return Ok(false);
    }
    walker.at += 1;
    walker.white_space();
    if !walker.take(b'}') {
        loop {
            let key = walker.key()?;
            let value = walker.value()?;
            visit(&text[key], value);
            walker.white_space();
            if walker.take(b'}') {
                break;
            }
            walker.expect(b',')?;
            walker.white_space();
        }
    }
    walker.end()?;
    Ok(true)
}

/// Calls `visit` with each element of the array that `text` is known to be.
pub(crate) fn elements(text: &str, mut visit: impl FnMut(Value)) -> Result<(), NotJson> {
    let mut walker = Walker::new(text);
    walker.white_space();
    walker.expect(b'[')?;
    walker.white_space();
    if !walker.take(b']') {
        loop {
            visit(walker.value()?);
            walker.white_space();
            if walker.take(b']') {
                break;
            }
            walker.expect(b',')?;
        }
    }
    walker.end()
}

/// Finds the one value that `text` is, white space around it left out.
pub(crate) fn value(text: &str) -> Result<Value, NotJson> {
    Walker::new(text).whole_value()
}

/// How many arrays and objects stand around the innermost value of `text`, which is JSON.
pub(crate) fn depth(text: &str) -> usize {
    let mut walker = Walker::new(text);
    // An error ends the walk early; text that is not JSON has no depth to speak of.
    let _ = walker.value();
    walker.deepest
}

struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    deepest: usize,
}

impl<'a> Walker<'a> {
    fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, deepest: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        self.take(byte).then_some(()).ok_or(NotJson)
    }

    fn white_space(&mut self) {
        self.at = space_end(self.bytes, self.at);
    }

    fn end(&mut self) -> Result<(), NotJson> {
        self.white_space();
        (self.at == self.bytes.len()).then_some(()).ok_or(NotJson)
    }

    fn whole_value(&mut self) -> Result<Value, NotJson> {
        let value = self.value()?;
        self.end()?;
        Ok(value)
    }

    /// A key, the white space after it, and the colon. Returns what is between the quotes.
    fn key(&mut self) -> Result<Range<usize>, NotJson> {
        self.expect(b'"')?;
        let from = self.at;
        let end = string_end(self.bytes, from).ok_or(NotJson)?;
        self.at = end;
        self.white_space();
        self.expect(b':')?;
        Ok(from..end - 1)
    }

    fn value(&mut self) -> Result<Value, NotJson> {
        self.white_space();
        let from = self.at;
        let kind = match self.peek().ok_or(NotJson)? {
            b'"' => Kind::String,
            b'[' => Kind::Array,
            b'{' => Kind::Object,
            b'f' | b'n' | b't' => Kind::Literal,
            _ => Kind::Number,
        };
        self.at = self.value_end(from).ok_or(NotJson)?;
        Ok(Value { kind, range: from..self.at })
    }

    /// Where the value ends that starts at `at`.
    ///
    /// This is where the time goes that a session takes: so `at` is a local variable, and what is
    /// called for each token is part of it (a tenth to a fifth less time).
    fn value_end(&mut self, mut at: usize) -> Option<usize> {
        let bytes = self.bytes;
        let mut open = Nesting::default();
        loop {
            // Here a value must start. Fall through once a whole one has ended.
            match bytes.get(at)? {
                b'"' => at = string_end(bytes, at + 1)?,
                b'{' => {
                    open.push(true);
                    self.deepest = self.deepest.max(open.depth);
                    at = space_end(bytes, at + 1);
                    if bytes.get(at) != Some(&b'}') {
                        at = key_end(bytes, at)?;
                        continue;
                    }
                    at += 1;
                    open.pop();
                }
                b'[' => {
                    open.push(false);
                    self.deepest = self.deepest.max(open.depth);
                    at = space_end(bytes, at + 1);
                    if bytes.get(at) != Some(&b']') {
                        continue;
                    }
                    at += 1;
                    open.pop();
                }
                b'-' | b'0'..=b'9' => at = number_end(bytes, at)?,
                b't' => at = literal_end(bytes, at, b"true")?,
                b'f' => at = literal_end(bytes, at, b"false")?,
                b'n' => at = literal_end(bytes, at, b"null")?,
                _ => return None,
            }

            // Here a value has ended: close what ends with it, or go on to the next one.
            loop {
                if open.depth == 0 {
                    return Some(at);
                }
                at = space_end(bytes, at);
                let next = *bytes.get(at)?;
                at += 1;
                if next == b',' {
                    at = space_end(bytes, at);
                    if open.in_object() {
                        at = key_end(bytes, at)?;
                    }
                    break;
                }
                if next != if open.in_object() { b'}' } else { b']' } {
                    return None;
                }
                open.pop();
            }
        }
    }
}

#[inline(always)]
fn space_end(bytes: &[u8], mut at: usize) -> usize {
    // Nearly always there is none, and one comparison says so.
    while let Some(byte) = bytes.get(at)
        && *byte <= b' '
        && matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
    {
        at += 1;
    }
    at
}

/// Where the value begins of the member whose key begins at `at`.
#[inline(always)]
fn key_end(bytes: &[u8], at: usize) -> Option<usize> {
    if *bytes.get(at)? != b'"' {
        return None;
    }
    let at = space_end(bytes, string_end(bytes, at + 1)?);
    if *bytes.get(at)? != b':' {
        return None;
    }
    Some(space_end(bytes, at + 1))
}

fn literal_end(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    starts_at(bytes, at, word).then_some(at + word.len())
}

#[inline(always)]
fn number_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    at += usize::from(bytes.get(at) == Some(&b'-'));
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits_end(bytes, at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits_end(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let has_sign = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = digits_end(bytes, at + 1 + usize::from(has_sign))?;
    }
    Some(at)
}

/// Where the digits end of which there must be one at `at`.
#[inline(always)]
fn digits_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while bytes.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    (end > at).then_some(end)
}

/// Where the string ends, quote included, that has its opening quote before `at`.
#[inline(always)]
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = plain_end(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = escape_end(bytes, at + 1)?,
            _ => return None,
        }
    }
}

/// Where the escape ends that has its backslash before `at`.
#[inline(always)]
fn escape_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => {
            let digits = bytes.get(at + 1..at + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

/// Where the first byte is, at `at` or later, that a string does not hold as it stands; or the end.
#[inline(always)]
pub(crate) fn plain_end(text: &[u8], at: usize) -> usize {
    // Most strings end in the first eight bytes; the loop for the others is a function, whose
    // registers are its own.
    match word_at(text, at).map(plain_bytes) {
        Some(8) => long_plain_end(text, at + 8),
        Some(plain) => at + plain,
        None => long_plain_end(text, at),
    }
}

#[inline(never)]
fn long_plain_end(text: &[u8], mut at: usize) -> usize {
    while let Some(word) = word_at(text, at) {
        let plain = plain_bytes(word);
        at += plain;
        if plain < 8 {
            return at;
        }
    }
    while text.get(at).is_some_and(|byte| *byte >= b' ' && !matches!(byte, b'"' | b'\\')) {
        at += 1;
    }
    at
}

/// The eight bytes from `at` on, the first one lowest, unless the text ends before.
pub(crate) fn word_at(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// How many of the eight bytes of `word`, from the first one on, a string holds as they stand.
pub(crate) fn plain_bytes(word: u64) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let less = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word & HIGH;
    // Flipping the second bit puts the quote right behind the control characters.
    let controls_and_quotes = less(word ^ (ONES * 2), b'"' - 1);
    let backslashes = less(word ^ (ONES * u64::from(b'\\')), 1);
    // A borrow can only mark bytes above a true mark, so the lowest mark is exact.
    ((controls_and_quotes | backslashes).trailing_zeros() / 8) as usize
}

/// Whether `text` goes on with `part` at `at`.
pub(crate) fn starts_at(text: &[u8], at: usize, part: &[u8]) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(part))
}

/// Which of the open brackets are those of objects, one bit each, the innermost lowest.
#[derive(Default)]
struct Nesting {
    depth: usize,
    top: u64,
    below: Vec<u64>,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.below.push(self.top);
        }
        self.top = self.top << 1 | u64::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.top >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.top = self.below.pop().unwrap_or_default();
        }
    }

    fn in_object(&self) -> bool {
        self.top & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_parse_accepts_is_accepted() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let mixed = "{\"a\":[".repeat(200) + "1" + &"]}".repeat(200);
        for text in [
            "null",
            " true ",
            "\t\r\n false",
            "0",
            "-0",
            "1e400",
            "-1.5E-7",
            "1e+21",
            "[]",
            "{}",
            "123456789012345678901234567890",
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            "\"\u{2028}\"",
            r#"{"a":1,"a":2}"#,
            r#"{"":{"":[[],{}]}}"#,
            "[1 , 2 ]",
            "{ \"a\" : 1 }",
            "\"\u{7f}\"",
            r#""\/\b\f\n\r\t\"\\\u00e9 and more than eight""#,
            &deep,
            &mixed,
        ] {
            let shown: String = text.chars().take(40).collect();
            assert!(value(text).is_ok(), "{shown}");
        }
    }

    #[test]
    fn what_json_parse_refuses_is_refused() {
        for text in [
            "",
            " ",
            "nul",
            "nulll",
            "True",
            "NaN",
            "Infinity",
            "01",
            "-",
            "+1",
            "1.",
            ".5",
            "1e",
            "1e+",
            "0x1",
            "[1,]",
            "[,1]",
            "[",
            "]",
            "[1 2]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "{,}",
            "'a'",
            "\"",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\u{1f}\"",
            "\u{feff}1",
            "1 1",
            "\u{a0}1",
            "[}",
            "{\"a\":1]",
            "\"12345678\u{0}\"",
            "\"\\u+123\"",
        ] {
            assert_eq!(value(text), Err(NotJson), "{text:?}");
        }
    }

    #[test]
    fn each_bracket_must_be_closed_by_its_own_kind_at_any_depth() {
        for depth in [1, 63, 64, 65, 127, 128, 129, 500] {
            let opening = "[{\"a\":".repeat(depth);
            let closing = "}]".repeat(depth);

            assert!(value(&format!("{opening}1{closing}")).is_ok());
            assert_eq!(value(&format!("{opening}1{}", "]}".repeat(depth))), Err(NotJson));
            assert_eq!(value(&format!("{opening}1{}", &closing[1..])), Err(NotJson));
            assert_eq!(depth * 2, super::depth(&format!("{opening}1{closing}")));
        }
    }
}
