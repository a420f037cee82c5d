//! Models JSON as JavaScript sees it: `JSON.parse` into a value, `JSON.stringify` out of it.
//!
//! ```text
//!   text --parse--> Value --to_string--> the text that JSON.stringify would write
//! ```
//!
//! Integer-like keys come first in rising order, of duplicate keys the last value counts at the
//! first one's place, strings are UTF-16 and may hold halves of surrogate pairs, `1e400` is
//! `Infinity` and is written `null`, and numbers are printed as JavaScript prints them.
//!
//! Written apart from the engine's own walker, so that each can accuse the other. It recurses:
//! [`deep`] gives it a stack for texts that nest without measure.

use std::fmt::{self, Write};

/// A value that JSON can spell, as JavaScript holds it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Any number, infinities included.
    Number(f64),
    /// UTF-16 code units, which need not pair up.
    String(Vec<u16>),
    /// `[..]`
    Array(Vec<Value>),
    /// `{..}`
    Object(Object),
}

/// The own properties of an object, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Vec<(Vec<u16>, Value)>);

/// The text is not JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SyntaxError;

/// What `JSON.parse(text)` gives.
///
/// # Errors
///
/// [`SyntaxError`] where JavaScript throws one.
pub fn parse(text: &str) -> Result<Value, SyntaxError> {
    let mut parser = Parser { rest: text };
    let value = parser.value()?;
    parser.white_space();
    if parser.rest.is_empty() { Ok(value) } else { Err(SyntaxError) }
}

/// Runs `work` on a thread whose stack bears texts of many thousand levels.
pub fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(1 << 30).spawn_scoped(scope, work);
        match thread.expect("a thread").join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

impl Value {
    /// A string value.
    pub fn string(text: &str) -> Self {
        Self::String(text.encode_utf16().collect())
    }

    /// `this[key]` of an object; `None` where JavaScript says `undefined`.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The elements of an array, and none of anything else.
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }

    /// The text of a string; halves of surrogate pairs become U+FFFD, as they do in UTF-8.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::String(units) => Some(String::from_utf16_lossy(units)),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether it is `true`.
    pub fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }

    /// What `{...(this ?? {})}` gives.
    pub fn spread(&self) -> Object {
        let mut object = Object::default();
        match self {
            Self::Object(own) => return own.clone(),
            Self::Array(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    object.put(&at.to_string(), element.clone());
                }
            }
            Self::String(units) => {
                for (at, unit) in units.iter().enumerate() {
                    object.put(&at.to_string(), Self::String(vec![*unit]));
                }
            }
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
        }
        object
    }
}

impl Object {
    /// `object[key]`; `None` where JavaScript says `undefined`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let key: Vec<u16> = key.encode_utf16().collect();
        self.0.iter().find(|(own, _)| *own == key).map(|(_, value)| value)
    }

    /// Sets an own property, at its old place if it has one.
    pub fn put(&mut self, key: &str, value: Value) {
        self.put_units(key.encode_utf16().collect(), value);
    }

    /// `delete object[key]`
    pub fn delete(&mut self, key: &str) {
        let key: Vec<u16> = key.encode_utf16().collect();
        self.0.retain(|(own, _)| *own != key);
    }

    /// The keys as text, in the order in which they were made.
    pub fn keys(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(key, _)| String::from_utf16_lossy(key))
    }

    fn put_units(&mut self, key: Vec<u16>, value: Value) {
        match self.0.iter_mut().find(|(own, _)| *own == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }
}

/// As `JSON.stringify` writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) if number.is_finite() => {
                f.write_str(ryu_js::Buffer::new().format_finite(*number))
            }
            Self::Number(_) => f.write_str("null"),
            Self::String(units) => write_string(f, units),
            Self::Array(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if at == 0 { '[' } else { ',' })?;
                }
                f.write_str(if elements.is_empty() { "[]" } else { "]" })
            }
            Self::Object(object) => write!(f, "{object}"),
        }
    }
}

/// As `JSON.stringify` writes it.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut members: Vec<_> = self.0.iter().collect();
        // Stable, so that all other keys stay as they were made.
        members.sort_by_key(|(key, _)| array_index(key).unwrap_or(u32::MAX));
        f.write_char('{')?;
        for (at, (key, value)) in members.into_iter().enumerate() {
            if at > 0 {
                f.write_char(',')?;
            }
            write_string(f, key)?;
            write!(f, ":{value}")?;
        }
        f.write_char('}')
    }
}

/// The number that a key is an array index for: digits without a leading zero, below 2^32 - 1.
fn array_index(key: &[u16]) -> Option<u32> {
    let text = String::from_utf16(key).ok()?;
    let number: u32 = text.parse().ok()?;
    (number < u32::MAX && number.to_string() == text).then_some(number)
}

fn write_string(f: &mut fmt::Formatter<'_>, units: &[u16]) -> fmt::Result {
    f.write_char('"')?;
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok('"') => f.write_str("\\\"")?,
            Ok('\\') => f.write_str("\\\\")?,
            Ok('\u{8}') => f.write_str("\\b")?,
            Ok('\u{c}') => f.write_str("\\f")?,
            Ok('\n') => f.write_str("\\n")?,
            Ok('\r') => f.write_str("\\r")?,
            Ok('\t') => f.write_str("\\t")?,
            Ok(c) if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
            Ok(c) => f.write_char(c)?,
            Err(half) => write!(f, "\\u{:04x}", half.unpaired_surrogate())?,
        }
    }
    f.write_char('"')
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn white_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, token: &str) -> bool {
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn value(&mut self) -> Result<Value, SyntaxError> {
        self.white_space();
        if self.take("{") {
            return self.object();
        }
        if self.take("[") {
            return self.array();
        }
        if self.take("\"") {
            return self.string().map(Value::String);
        }
        for (word, value) in
            [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))]
        {
            if self.take(word) {
                return Ok(value);
            }
        }
        self.number()
    }

    fn object(&mut self) -> Result<Value, SyntaxError> {
        let mut object = Object::default();
        self.white_space();
        if self.take("}") {
            return Ok(Value::Object(object));
        }
        loop {
            self.white_space();
            if !self.take("\"") {
                return Err(SyntaxError);
            }
            let key = self.string()?;
            self.white_space();
            if !self.take(":") {
                return Err(SyntaxError);
            }
            object.put_units(key, self.value()?);
            self.white_space();
            if self.take("}") {
                return Ok(Value::Object(object));
            }
            if !self.take(",") {
                return Err(SyntaxError);
            }
        }
    }

    fn array(&mut self) -> Result<Value, SyntaxError> {
        let mut elements = Vec::new();
        self.white_space();
        if self.take("]") {
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            self.white_space();
            if self.take("]") {
                return Ok(Value::Array(elements));
            }
            if !self.take(",") {
                return Err(SyntaxError);
            }
        }
    }

    fn string(&mut self) -> Result<Vec<u16>, SyntaxError> {
        let mut units = Vec::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next().ok_or(SyntaxError)? {
                '"' => break,
                '\\' => match chars.next().ok_or(SyntaxError)? {
                    'b' => units.push(0x08),
                    'f' => units.push(0x0c),
                    'n' => units.push(0x0a),
                    'r' => units.push(0x0d),
                    't' => units.push(0x09),
                    c @ ('"' | '\\' | '/') => units.push(c as u16),
                    'u' => {
                        let mut unit = 0;
                        for _ in 0..4 {
                            let digit = chars.next().and_then(|c| c.to_digit(16));
                            unit = unit * 16 + digit.ok_or(SyntaxError)?;
                        }
                        units.push(unit as u16);
                    }
                    _ => return Err(SyntaxError),
                },
                c if c < ' ' => return Err(SyntaxError),
                c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
        self.rest = chars.as_str();
        Ok(units)
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let start = self.rest;
        self.take("-");
        if !self.take("0") {
            self.digits()?;
        }
        if self.take(".") {
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            let _sign = self.take("+") || self.take("-");
            self.digits()?;
        }
        let spelled = &start[..start.len() - self.rest.len()];
        spelled.parse().map(Value::Number).map_err(|_| SyntaxError)
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let after = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let found = after.len() < self.rest.len();
        self.rest = after;
        found.then_some(()).ok_or(SyntaxError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> String {
        parse(text).expect(text).to_string()
    }

    /// Each pair was made by `JSON.stringify(JSON.parse(text))` of Node 20.
    #[test]
    fn texts_come_out_as_node_writes_them() {
        for (text, expected) in [
            (
                "[1e21,1e20,-0,1.5,1e-7,1E400,-1e400]",
                "[1e+21,100000000000000000000,0,1.5,1e-7,null,null]",
            ),
            (
                "[9007199254740993,123456789012345678901234567890]",
                "[9007199254740992,1.2345678901234568e+29]",
            ),
            (r#"{"b":1,"2":1,"a":2,"1":2,"b":3}"#, r#"{"1":2,"2":1,"b":3,"a":2}"#),
            (
                r#"{"4294967295":1,"4294967294":2,"01":3,"-1":4}"#,
                r#"{"4294967294":2,"4294967295":1,"01":3,"-1":4}"#,
            ),
            (r#"{"__proto__":{"a":1}}"#, r#"{"__proto__":{"a":1}}"#),
            (r#""\ud800 \ud83c\udf6a \u0000\/\u007f""#, "\"\\ud800 \u{1f36a} \\u0000/\u{7f}\""),
            (r#" [ { } , [ ] , "\b\f\n\r\t\"\\" ] "#, r#"[{},[],"\b\f\n\r\t\"\\"]"#),
        ] {
            assert_eq!(seen(text), expected);
        }
    }

    #[test]
    fn spreading_gives_what_javascript_gives() {
        let spread = |text| parse(text).expect(text).spread().to_string();

        assert_eq!(spread("null"), "{}");
        assert_eq!(spread("5"), "{}");
        assert_eq!(spread(r#"["a",{}]"#), r#"{"0":"a","1":{}}"#);
        assert_eq!(spread("\"a\u{1f36a}\""), r#"{"0":"a","1":"\ud83c","2":"\udf6a"}"#);
    }
}
