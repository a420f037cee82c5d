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

mod spelling;

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

/// Where the first byte is, at `at` or later, that a string does not hold as it stands; or the end.
pub(crate) fn plain_end(text: &[u8], mut at: usize) -> usize {
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
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
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
        self.string_rest()?;
        let key = from..self.at - 1;
        self.white_space();
        self.expect(b':')?;
        Ok(key)
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
        self.skip_value()?;
        Ok(Value { kind, range: from..self.at })
    }

    /// Steps over one value, which starts here.
    fn skip_value(&mut self) -> Result<(), NotJson> {
        let mut open = Nesting::default();
        loop {
            // Here a value must start. Fall through once a whole one has ended.
            self.white_space();
            match self.peek().ok_or(NotJson)? {
                b'{' => {
                    self.at += 1;
                    open.push(true);
                    self.deepest = self.deepest.max(open.depth);
                    self.white_space();
                    if !self.take(b'}') {
                        self.key()?;
                        continue;
                    }
                    open.pop();
                }
                b'[' => {
                    self.at += 1;
                    open.push(false);
                    self.deepest = self.deepest.max(open.depth);
                    self.white_space();
                    if !self.take(b']') {
                        continue;
                    }
                    open.pop();
                }
                b'"' => {
                    self.at += 1;
                    self.string_rest()?;
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => return Err(NotJson),
            }

            // Here a value has ended: close what ends with it, or go on to the next one.
            loop {
                if open.depth == 0 {
                    return Ok(());
                }
                self.white_space();
                let in_object = open.in_object();
                if self.take(b',') {
                    if in_object {
                        self.white_space();
                        self.key()?;
                    }
                    break;
                }
                self.expect(if in_object { b'}' } else { b']' })?;
                open.pop();
            }
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), NotJson> {
        let found = starts_at(self.bytes, self.at, word);
        self.at += word.len();
        found.then_some(()).ok_or(NotJson)
    }

    fn number(&mut self) -> Result<(), NotJson> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > from).then_some(()).ok_or(NotJson)
    }

    /// Steps over a string whose opening quote is behind us, to after its closing quote.
    fn string_rest(&mut self) -> Result<(), NotJson> {
        loop {
            self.at = plain_end(self.bytes, self.at);
            match self.peek().ok_or(NotJson)? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                _ => return Err(NotJson),
            }
        }
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        self.at += 1;
        match self.peek().ok_or(NotJson)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                let digits = self.bytes.get(self.at + 1..self.at + 5).ok_or(NotJson)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(NotJson);
                }
                self.at += 5;
            }
            _ => return Err(NotJson),
        }
        Ok(())
    }
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
