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
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use object::{member, spread, with_member};
pub(crate) use spelling::{
    canonical_key, key_is, push_member, push_string, push_unit, same, unescape, utf16,
};
pub(crate) use tokens::{plain_bytes, plain_end, starts_at, word_at};

use tokens::{key_end, literal_end, number_end, space_end, string_end};

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
