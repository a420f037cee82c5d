//! Finds where the tokens of JSON text end.
//!
//! ```text
//!   "a\n" : -1.5e3 , true      each from its first byte: to the one behind its last
//!   ~~~~~   ~~~~~~   ~~~~
//! ```
//!
//! Strings are looked at eight bytes at a time. This file knows of no arrays and no objects.

#[inline(always)]
pub(super) fn space_end(bytes: &[u8], mut at: usize) -> usize {
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
pub(super) fn key_end(bytes: &[u8], at: usize) -> Option<usize> {
    if *bytes.get(at)? != b'"' {
        return None;
    }
    let at = space_end(bytes, string_end(bytes, at + 1)?);
    if *bytes.get(at)? != b':' {
        return None;
    }
    Some(space_end(bytes, at + 1))
}

pub(super) fn literal_end(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    starts_at(bytes, at, word).then_some(at + word.len())
}

#[inline(always)]
pub(super) fn number_end(bytes: &[u8], mut at: usize) -> Option<usize> {
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
pub(super) fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
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
