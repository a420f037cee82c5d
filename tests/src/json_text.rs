//! Generates JSON text in every spelling, and text that is nearly JSON.
//!
//! What is generated is text and not values: spellings are what it is for.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::string::string_regex;

/// What JSON takes for white space, or nothing.
pub fn white_space() -> impl Strategy<Value = String> {
    string_regex("[ \t\n\r]{0,2}").expect("a pattern")
}

/// A key as a program holds it.
pub fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["a", "b", "0", "10", "__proto__", "", "\u{e9}", "\"", "\\", "\u{1f36a}"])
            .prop_map(str::to_owned),
        ".{0,6}",
    ]
}

/// Any string, with its quotes: plain characters, escapes, halves of surrogate pairs.
pub fn string_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[^\"\\\\\u{0}-\u{1f}]{1,6}",
        "\\\\u[0-9a-fA-F]{4}",
        "\\\\u[dD][89abAB][0-9a-f]{2}\\\\u[dD][c-fC-F][0-9a-f]{2}",
        "\\\\[\"\\\\/bfnrt]",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// Any number, however it is written.
pub fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,3})",
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?",
    ]
}

/// Any key, with its quotes; some come up often, so that there are duplicates.
fn key_text() -> impl Strategy<Value = String> {
    let common = vec!["\"a\"", "\"\\u0061\"", "\"b\"", "\"0\"", "\"__proto__\"", "\"\""];
    prop_oneof![select(common).prop_map(str::to_owned), string_text()]
}

/// Any JSON, in any spelling, with white space inside but not around it.
pub fn json_text() -> impl Strategy<Value = String> {
    let literal = select(vec!["null", "true", "false", "[]", "{}"]).prop_map(str::to_owned);
    let leaf = prop_oneof![literal, number_text(), string_text()];
    leaf.prop_recursive(8, 40, 5, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..5), white_space())
                .prop_map(|(elements, space)| list('[', &elements, &space, ']')),
            object_of(inner),
        ]
    })
}

/// An object, see [`json_text`].
pub fn object_text() -> impl Strategy<Value = String> {
    object_of(json_text().boxed())
}

fn object_of(value: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    (prop::collection::vec((key_text(), value), 0..5), white_space()).prop_map(
        |(members, space)| {
            let members: Vec<String> = members
                .into_iter()
                .map(|(key, value)| format!("{key}{space}:{space}{value}"))
                .collect();
            list('{', &members, &space, '}')
        },
    )
}

fn list(open: char, parts: &[String], space: &str, close: char) -> String {
    format!("{open}{space}{}{space}{close}", parts.join(&format!("{space},{space}")))
}

/// JSON, and JSON with something wrong in one or two places.
pub fn nearly_json() -> impl Strategy<Value = String> {
    let wrong = select(vec![
        "", ",", ":", "{", "}", "[", "]", "\"", "\\", "0", "-", ".", "e", "+", "x", "\u{0}", "\n",
        "\u{a0}", "\u{feff}", "null", "1", "\\u12", "//",
    ]);
    let edits = prop::collection::vec((any::<Index>(), any::<Index>(), wrong), 0..3);
    (json_text(), edits).prop_map(|(text, edits)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, len, piece) in edits {
            let at = at.index(chars.len() + 1);
            let end = (at + len.index(3)).min(chars.len());
            chars.splice(at..end, piece.chars());
        }
        chars.into_iter().collect()
    })
}
