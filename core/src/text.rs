//! Cuts text as JavaScript does.
//!
//! Works on bytes that need not be UTF-8: a `Cookie` header is whatever a client sent.

/// Cuts what `String.prototype.trim` cuts from both ends of `text`.
///
/// Not `str::trim`: JavaScript counts U+FEFF as white space and U+0085 not.
pub(crate) fn trim_js(text: &str) -> &str {
    text.trim_matches(|c| matches!(c, '\u{feff}') || (c.is_whitespace() && c != '\u{85}'))
}

/// [`trim_js`] for bytes that may hold anything.
pub(crate) fn trim_js_bytes(bytes: &[u8]) -> &[u8] {
    // Nearly every cookie: nothing else to cut, and no need to look at 25 spellings of that.
    let mut bytes = bytes.trim_ascii();
    if let ([b'!'..=b'~', ..], [.., b'!'..=b'~']) = (bytes, bytes) {
        return bytes;
    }
    while let Some(rest) = SPACES.iter().find_map(|space| bytes.strip_prefix(*space)) {
        bytes = rest;
    }
    while let Some(rest) = SPACES.iter().find_map(|space| bytes.strip_suffix(*space)) {
        bytes = rest;
    }
    bytes
}

/// White space of JavaScript, in UTF-8, the usual ones first. No one ends with another, so a
/// match at either end is a whole character.
const SPACES: [&[u8]; 25] = [
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b"\x0b",
    b"\x0c",
    b"\xc2\xa0",
    b"\xe1\x9a\x80",
    b"\xe2\x80\x80",
    b"\xe2\x80\x81",
    b"\xe2\x80\x82",
    b"\xe2\x80\x83",
    b"\xe2\x80\x84",
    b"\xe2\x80\x85",
    b"\xe2\x80\x86",
    b"\xe2\x80\x87",
    b"\xe2\x80\x88",
    b"\xe2\x80\x89",
    b"\xe2\x80\x8a",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xa9",
    b"\xe2\x80\xaf",
    b"\xe2\x81\x9f",
    b"\xe3\x80\x80",
    b"\xef\xbb\xbf",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_are_cut_alike_for_every_character() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = format!("{c}x{c}");

            assert_eq!(trim_js(&text).as_bytes(), trim_js_bytes(text.as_bytes()), "{c:?}");
        }
    }

    #[test]
    fn the_25_white_space_characters_of_javascript_are_cut_and_no_other() {
        let cut = (0..=u32::from(char::MAX))
            .filter_map(char::from_u32)
            .filter(|c| trim_js(&c.to_string()).is_empty())
            .count();

        assert_eq!(cut, SPACES.len());
    }
}
