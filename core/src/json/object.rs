//! Reads and edits the text of a JSON object, one member at a time; all others stay verbatim.
//!
//! Takes text that has been walked over: what is no object has no members.

use std::borrow::Cow;

use super::{Kind, Value, elements, key_is, members, push_member, push_string, push_unit, utf16};

/// What `{...(value ?? {})}` gives in JavaScript, as text.
pub(crate) fn spread(text: &str, value: Option<Value>) -> Cow<'_, str> {
    let Some(value) = value else { return Cow::Borrowed("{}") };
    let found = &text[value.range];
    let mut out = String::from("{");
    match value.kind {
        Kind::Object => return Cow::Borrowed(found),
        Kind::Literal | Kind::Number => {}
        Kind::Array => {
            let mut index = 0;
            // Cannot fail: the walk that found the array has seen all of it.
            let _ = elements(found, |element| {
                push_member(&mut out, &index.to_string(), &found[element.range]);
                index += 1;
            });
        }
        Kind::String => {
            for (index, unit) in utf16(&found[1..found.len() - 1]).enumerate() {
                let mut element = String::new();
                match char::from_u32(unit.into()) {
                    Some(c) => push_string(&mut element, c.encode_utf8(&mut [0; 4])),
                    None => {
                        element.push('"');
                        push_unit(&mut element, unit);
                        element.push('"');
                    }
                }
                push_member(&mut out, &index.to_string(), &element);
            }
        }
    }
    out.push('}');
    Cow::Owned(out)
}

/// The value of `key` in `object`; of several the last, as in JavaScript.
pub(crate) fn member<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    let mut found = None;
    // An error cannot be: whoever made the object has walked its text.
    let _ = members(object, |written, value| {
        if key_is(written, key) {
            found = Some(value.range);
        }
    });
    found.map(|range| &object[range])
}

/// `object` with `key` set to `value`, or without it. Other members stay verbatim.
pub(crate) fn with_member(object: &str, key: &str, value: Option<&str>) -> String {
    let mut pending = value;
    let mut out = String::with_capacity(object.len() + key.len() + value.map_or(0, str::len) + 4);
    out.push('{');
    let _ = members(object, |written, found| {
        if !key_is(written, key) {
            push_member(&mut out, written, &object[found.range]);
        } else if let Some(value) = pending.take() {
            push_member(&mut out, written, value);
        }
    });
    if let Some(value) = pending {
        let mut quoted = String::new();
        push_string(&mut quoted, key);
        push_member(&mut out, &quoted[1..quoted.len() - 1], value);
    }
    out.push('}');
    out
}
