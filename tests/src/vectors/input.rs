//! Reads the inputs and the expected outputs of a case, however the file spells them.
//!
//! ```text
//!   "value": "text"                the text itself
//!   "value_utf16": [107, 56320]    UTF-16 code units, for what JSON readers may refuse
//!   "value_repeat": ["x", 100000]  a text, so many times
//!   "value_len", "value_sha256"    of an output: its length in UTF-16, the hash of its UTF-8
//! ```
//!
//! A half of a surrogate pair becomes EF BF BD, as it does when JavaScript hashes a string.

use sha2::{Digest, Sha256};

use crate::js::Value;

/// The text that `case` gives for `field` in one of the spellings; `None` for null too.
pub fn text(case: &Value, field: &str) -> Option<Vec<u8>> {
    if let Some(text) = case.get(field).and_then(Value::text) {
        return Some(text.into_bytes());
    }
    if let Some(units) = case.get(&format!("{field}_utf16")) {
        let units = units.elements().iter().filter_map(Value::number).map(|unit| unit as u16);
        return Some(String::from_utf16_lossy(&units.collect::<Vec<_>>()).into_bytes());
    }
    let repeat = case.get(&format!("{field}_repeat"))?.elements();
    let (part, times) = (repeat.first()?.text()?, repeat.get(1)?.number()?);
    Some(part.repeat(times as usize).into_bytes())
}

/// Whether `case` says anything of `field`.
pub fn says(case: &Value, field: &str) -> bool {
    ["", "_utf16", "_repeat", "_len", "_sha256"]
        .iter()
        .any(|spelling| case.get(&format!("{field}{spelling}")).is_some())
}

/// Compares an output with all that `case` says of it under `field`.
///
/// # Errors
///
/// What is not as it should be, or that the case says nothing.
pub fn compare(case: &Value, field: &str, actual: &[u8]) -> Result<(), String> {
    let mut said_something = false;
    if let Some(expected) = text(case, field) {
        same(&expected, actual)?;
        said_something = true;
    }
    if let Some(expected) = case.get(&format!("{field}_len")).and_then(Value::number) {
        let len = String::from_utf8_lossy(actual).encode_utf16().count();
        if len as f64 != expected {
            return Err(format!("{len} characters instead of {expected}"));
        }
        said_something = true;
    }
    if let Some(expected) = case.get(&format!("{field}_sha256")).and_then(Value::text) {
        let digest: String = Sha256::digest(actual).iter().map(|b| format!("{b:02x}")).collect();
        same(expected.to_ascii_lowercase().as_bytes(), digest.as_bytes())?;
        said_something = true;
    }
    if said_something { Ok(()) } else { Err(format!("the case does not say what {field} is")) }
}

/// Compares two texts.
///
/// # Errors
///
/// Both texts, if they differ.
pub fn same(expected: &[u8], actual: &[u8]) -> Result<(), String> {
    let shown = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.chars().take(300).collect::<String>()
    };
    if expected == actual {
        Ok(())
    } else {
        Err(format!("expected {:?}, got {:?}", shown(expected), shown(actual)))
    }
}
