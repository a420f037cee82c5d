//! Recognises the text of a payload as `JSON.stringify` writes it, and finds the members in it.
//!
//! ```text
//!   {"id":"3f2b..","data":{"user":"zoe","cart":[1,2]},"flash_next":{}}
//!                 ^id     ^key ^end  ^value
//!   [id end, members of data, (key, key end, value end) for each of data and of flash_next]
//! ```
//!
//! A member of such text can be taken out, parsed, written again and put back, and the bytes are
//! those of parsing and writing the whole. Of another spelling that is not so: white space, `1.0`,
//! `\u0041`, a key that is there twice, keys like array indices that are not in their order.
//!
//! What is recognised is therefore proven to be JSON and to be canonical. What is not may be
//! anything, unusual canonical text included: then the whole must be parsed to know. So this is
//! for those who have a `JSON.parse` at hand; all others want a [`Payload`](crate::Payload).

use crate::json::{plain_bytes, plain_end, starts_at, word_at};

/// Finds members in one text after the other. Keeps its memory, so that no call allocates.
#[derive(Debug, Default)]
pub struct MemberFinder {
    /// Hashes of the keys of the objects that are open, the innermost last.
    keys: Vec<u64>,
    /// What is around the value at hand, from the outermost on.
    levels: Vec<Level>,
    offsets: Vec<u16>,
}

/// An array or object that is open.
#[derive(Clone, Copy, Debug)]
struct Level {
    is_object: bool,
    /// Where its keys begin in `keys`.
    first_key: usize,
    /// Its last key like an array index; after another key, none may come.
    last_index: i64,
}

/// The text is not recognised.
struct Unusual;

impl MemberFinder {
    /// A finder that has found nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the parts of the payload `text` are, in UTF-16 code units as JavaScript counts them.
    ///
    /// The first number is the closing quote of the id, the second says how many members the data
    /// have; three more for each member of the data, and then of the flash values: after the opening
    /// quote of the key, at its closing quote, after the value. No key in it has an escape or
    /// begins with a digit.
    ///
    /// `None` for text that is not recognised. Text with U+FFFD is not, since halves of surrogate
    /// pairs come out as that on the way from JavaScript; nor is text of more than 65,535 bytes.
    ///
    /// ```
    /// let mut finder = rudder_session::MemberFinder::new();
    /// let text = br#"{"id":"a","data":{"n":1},"flash_next":{}}"#;
    /// assert_eq!(finder.find(text), Some(&[8, 1, 19, 20, 23][..]));
    /// assert_eq!(finder.find(br#"{"id":"a","data":{"n":1.0},"flash_next":{}}"#), None);
    /// ```
    pub fn find(&mut self, text: &[u8]) -> Option<&[u16]> {
        if text.len() > usize::from(u16::MAX) || !self.is_usual(text) {
            return None;
        }
        if !text.is_ascii() {
            let text = str::from_utf8(text).ok().filter(|it| !it.contains('\u{fffd}'))?;
            self.count_in_code_units(text.as_bytes());
        }
        Some(&self.offsets)
    }

    fn is_usual(&mut self, text: &[u8]) -> bool {
        self.offsets.clear();
        let id_end = string_end(text, ID_FIELD.len());
        let Some(id_end) = id_end.ok().filter(|_| starts_at(text, 0, ID_FIELD)) else {
            return false;
        };
        self.offsets.extend([id_end as u16, 0]);
        let data = self.object(text, id_end, DATA_FIELD);
        self.offsets[1] = (self.offsets.len() / NUMBERS_PER_MEMBER) as u16;
        let flash_next = data.and_then(|end| self.object(text, end, FLASH_NEXT_FIELD));
        flash_next.is_ok_and(|end| end + 1 == text.len() && text[end] == b'}')
    }

    /// Notes the members of an object, which follows `field` at `at`. Returns where it ends.
    ///
    /// One loop for all levels: `continue 'member` reads a key and a value, `continue 'value` a
    /// value, and each closing bracket goes back to the level above.
    fn object(&mut self, text: &[u8], at: usize, field: &[u8]) -> Result<usize, Unusual> {
        if !starts_at(text, at, field) {
            return Err(Unusual);
        }
        let mut at = at + field.len();
        if text.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        self.keys.clear();
        self.levels.clear();
        let mut level = Level { is_object: true, first_key: 0, last_index: NO_INDEX };

        'member: loop {
            if text.get(at) != Some(&b'"') {
                return Err(Unusual);
            }
            let key = at + 1;
            let hash;
            (at, hash) = key_end(text, key)?;
            if text.get(at + 1) != Some(&b':') {
                return Err(Unusual);
            }
            self.keys.push(hash);
            let is_outermost = self.levels.is_empty();
            if text[key].is_ascii_digit() {
                // Objects put array indices before all other keys.
                let index = array_index(&text[key..at]).unwrap_or(OTHER_KEY);
                if is_outermost || (index <= level.last_index && index != OTHER_KEY) {
                    return Err(Unusual);
                }
                level.last_index = index;
            } else {
                level.last_index = OTHER_KEY;
            }
            if is_outermost {
                if text[key..at].contains(&b'\\') {
                    return Err(Unusual);
                }
                self.offsets.extend([key as u16, at as u16]);
            }
            at += 2;

            'value: loop {
                let first = *text.get(at).ok_or(Unusual)?;
                at = match first {
                    b'"' => string_end(text, at + 1)? + 1,
                    b'-' | b'0'..=b'9' => number_end(text, at)?,
                    b'{' | b'[' => {
                        let is_object = first == b'{';
                        if text.get(at + 1) != Some(&closing(is_object)) {
                            if self.levels.len() == MAX_DEPTH {
                                return Err(Unusual);
                            }
                            self.levels.push(level);
                            let first_key = self.keys.len();
                            level = Level { is_object, first_key, last_index: NO_INDEX };
                            at += 1;
                            if is_object {
                                continue 'member;
                            }
                            continue 'value;
                        }
                        at + 2
                    }
                    b't' if starts_at(text, at, b"true") => at + 4,
                    b'f' if starts_at(text, at, b"false") => at + 5,
                    b'n' if starts_at(text, at, b"null") => at + 4,
                    _ => return Err(Unusual),
                };

                loop {
                    if self.levels.is_empty() {
                        self.offsets.push(at as u16);
                    }
                    let next = *text.get(at).ok_or(Unusual)?;
                    at += 1;
                    if next == b',' {
                        if level.is_object {
                            continue 'member;
                        }
                        continue 'value;
                    }
                    if next != closing(level.is_object) || !self.are_distinct(level.first_key) {
                        return Err(Unusual);
                    }
                    self.keys.truncate(level.first_key);
                    match self.levels.pop() {
                        Some(around) => level = around,
                        None => return Ok(at),
                    }
                }
            }
        }
    }

    /// Whether no two of the keys from `first` on are the same.
    fn are_distinct(&mut self, first: usize) -> bool {
        let mut keys = &mut self.keys[first..];
        if keys.len() > MANY_KEYS {
            keys.sort_unstable();
            return keys.windows(2).all(|pair| pair[0] != pair[1]);
        }
        while let [key, rest @ ..] = keys {
            if rest.contains(key) {
                return false;
            }
            keys = rest;
        }
        true
    }

    /// Turns offsets in bytes, which ascend from the third on, into offsets in code units.
    fn count_in_code_units(&mut self, text: &[u8]) {
        let (mut byte, mut units) = (0, 0);
        let [id_end, _, members @ ..] = self.offsets.as_mut_slice() else { return };
        for offset in std::iter::once(id_end).chain(members) {
            let end = usize::from(*offset);
            units += text[byte..end].iter().map(|byte| code_units(*byte)).sum::<u16>();
            (byte, *offset) = (end, units);
        }
    }
}

/// Code units that begin with this byte of UTF-8: two if three more bytes follow.
fn code_units(byte: u8) -> u16 {
    u16::from(byte & 0xc0 != 0x80) + u16::from(byte >= 0xf0)
}

/// The closing quote of the key whose first character is at `at`, and the hash of the key.
fn key_end(text: &[u8], at: usize) -> Result<(usize, u64), Unusual> {
    if let Some(word) = word_at(text, at) {
        let len = plain_bytes(word);
        if len < 8 && text[at + len] == b'"' {
            return Ok((at + len, short_hash(word, len)));
        }
    }
    let end = string_end(text, at)?;
    Ok((end, hash(&text[at..end])))
}

/// The closing quote of the string whose first character is at `at`.
fn string_end(text: &[u8], mut at: usize) -> Result<usize, Unusual> {
    loop {
        at = plain_end(text, at);
        match text.get(at) {
            Some(b'"') => return Ok(at),
            Some(b'\\') => at = escape_end(text, at)?,
            _ => return Err(Unusual),
        }
    }
}

/// Where an escape ends that `JSON.stringify` would write, too.
fn escape_end(text: &[u8], at: usize) -> Result<usize, Unusual> {
    match &text[at + 1..] {
        [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(at + 2),
        // Control characters that have no letter.
        [b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..] => Ok(at + 6),
        [b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => Ok(at + 6),
        // Half of a surrogate pair. Two that belong together are a character, and written as such.
        [b'u', b'd', half, b'0'..=b'9' | b'a'..=b'f', b'0'..=b'9' | b'a'..=b'f', ..] => {
            match half {
                b'8' | b'9' | b'a' | b'b' if is_low_half(text, at + 6) => Err(Unusual),
                b'8' | b'9' | b'a'..=b'f' => Ok(at + 6),
                _ => Err(Unusual),
            }
        }
        _ => Err(Unusual),
    }
}

fn is_low_half(text: &[u8], at: usize) -> bool {
    matches!(text.get(at..at + 4), Some([b'\\', b'u', b'd', b'c'..=b'f']))
}

/// Where the number ends that begins at `start`, if that is its one spelling.
fn number_end(text: &[u8], start: usize) -> Result<usize, Unusual> {
    let digits_from = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let whole = start + usize::from(text[start] == b'-');
    let whole_digits = digits_from(whole);
    let mut end = whole + whole_digits;
    let leading_zero = text.get(whole) == Some(&b'0');
    let mut plain = whole_digits > 0 && (!leading_zero || whole_digits == 1);
    let mut fraction_digits = 0;
    if text.get(end) == Some(&b'.') {
        fraction_digits = digits_from(end + 1);
        end += 1 + fraction_digits;
        plain &= (1..=6).contains(&fraction_digits) && text[end - 1] != b'0';
    } else {
        // There is no -0.
        plain &= !leading_zero || whole == start;
    }
    let goes_on = matches!(text.get(end), Some(b'e' | b'E' | b'+' | b'-' | b'.'));
    // Any decimal of 15 digits is the shortest name of its number.
    if plain && !goes_on && whole_digits + fraction_digits <= 15 {
        return Ok(end);
    }

    let rest = &text[start..];
    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let number = &rest[..rest.iter().take_while(is_part).count()];
    let value: f64 = str::from_utf8(number).ok().and_then(|it| it.parse().ok()).ok_or(Unusual)?;
    let is_shortest = ryu_js::Buffer::new().format(value).as_bytes() == number;
    if is_shortest { Ok(start + number.len()) } else { Err(Unusual) }
}

/// The key as an index of an array, if it is one.
fn array_index(key: &[u8]) -> Option<i64> {
    let is_spelled_so = key == b"0" || key[0] != b'0';
    let index: u32 = str::from_utf8(key).ok().filter(|_| is_spelled_so)?.parse().ok()?;
    (index < u32::MAX).then_some(index.into())
}

/// Equal for equal keys; for others of less than eight bytes never, for longer ones hardly ever.
/// Whoever chose keys of equal hash would gain that their text is not recognised.
fn hash(key: &[u8]) -> u64 {
    let (words, rest) = key.as_chunks::<8>();
    let mut hash = 0;
    for word in words {
        let product = u128::from(hash ^ u64::from_le_bytes(*word)) * u128::from(MULTIPLIER);
        hash = (product >> 64) as u64 ^ product as u64;
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash ^ u64::from_le_bytes(last)
}

/// The first `len` bytes of `word`, less than eight. No key has a zero in it.
fn short_hash(word: u64, len: usize) -> u64 {
    word & !(u64::MAX << (len * 8))
}

fn closing(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}

const ID_FIELD: &[u8] = b"{\"id\":\"";
const DATA_FIELD: &[u8] = b"\",\"data\":{";
const FLASH_NEXT_FIELD: &[u8] = b",\"flash_next\":{";

const NUMBERS_PER_MEMBER: usize = 3;

/// Arrays and objects around a value, in an object of the payload.
const MAX_DEPTH: usize = 64;

/// From here on sorting is faster than comparing each with each.
const MANY_KEYS: usize = 64;

/// No key is there yet: any may come.
const NO_INDEX: i64 = -1;
/// More than any index.
const OTHER_KEY: i64 = i64::MAX;

/// Odd, and without a pattern: the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests;
