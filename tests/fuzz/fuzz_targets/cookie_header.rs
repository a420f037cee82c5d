//! Any bytes as a `Cookie` header, and any as the name that is looked for.
//!
//! ```text
//!   input    length of the name, name, header
//! ```
//!
//! | law |
//! |---|
//! | what is found is a piece of the header, and holds no `;` |
//! | it is not found where there is no `=` |
//! | in a header that is text, it is what JavaScript's `split`, `indexOf` and `trim` find |

#![no_main]

use libfuzzer_sys::fuzz_target;
use rudder_session::cookie;

fuzz_target!(|input: &[u8]| {
    let Some((&name_len, rest)) = input.split_first() else { return };
    let (name, header) = rest.split_at(rest.len().min(usize::from(name_len) % 16));

    let found = cookie::find(header, name);

    if let Some(value) = found {
        assert!(header.as_ptr_range().contains(&value.as_ptr()) || value.is_empty());
        assert!(value.len() < header.len() && !value.contains(&b';'));
        assert!(header.contains(&b'='));
    }
    if let (Ok(name), Ok(header)) = (str::from_utf8(name), str::from_utf8(header)) {
        assert_eq!(found, find_as_javascript(header, name).map(str::as_bytes));
    }
});

fn find_as_javascript<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = header.split(';').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| trim(key) == name).map(|(_, value)| trim(value))
}

/// `String.prototype.trim`: it counts U+FEFF, and not U+0085.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}'))
}
