//! The fields of a payload after its three: which they are, and how they are spelled.
//!
//! ```text
//!   ,"created_at":1700000000000
//!   ,"user":{"index":"utF8R..","handle":"AQEB..","epoch":3}
//!   ,"moved_to":"9c1d..","moved_until":1700000030000
//! ```
//!
//! Always in this order, each at most once. No value but the mark of a user has a comma in it,
//! and none has the name of another field.

use std::borrow::Cow;
use std::ops::Range;

use super::mark::UserMark;
use crate::json::{Kind, Value};
use crate::session_id::SessionId;
use crate::time::UnixMillis;

pub(super) const CREATED_AT_FIELD: &str = ",\"created_at\":";
pub(super) const USER_FIELD: &str = ",\"user\":";
pub(super) const MOVED_TO_FIELD: &str = ",\"moved_to\":";
pub(super) const MOVED_UNTIL_FIELD: &str = ",\"moved_until\":";

/// In their order in the text.
pub(super) const EXTRA_FIELDS: [&str; 4] =
    [CREATED_AT_FIELD, USER_FIELD, MOVED_TO_FIELD, MOVED_UNTIL_FIELD];

/// How a field that is a mark begins.
pub(super) const MARK_START: &[u8] = b",\"user\":{\"index\":\"u";

/// One of the extra fields in some text: how it begins, its value there, and as we spell it.
pub(super) struct ExtraField<'a> {
    pub(super) field: &'static str,
    pub(super) range: Range<usize>,
    pub(super) value: Cow<'a, str>,
}

/// Those of the extra fields that are what they should be; a forwarding record needs both parts.
pub(super) fn extra_fields(text: &str, found: [Option<Value>; 4]) -> [Option<ExtraField<'_>>; 4] {
    let [created_at, user, moved_to, moved_until] = found;
    let verbatim = |field, value: Value| ExtraField {
        field,
        value: Cow::Borrowed(&text[value.range.clone()]),
        range: value.range,
    };
    let is_instant =
        |it: &Value| it.kind == Kind::Number && instant(&text[it.range.clone()]).is_some();
    let moved_to = moved_to.filter(|it| quoted_id(&text[it.range.clone()]).is_some());
    let [moved_to, moved_until] = match (moved_to, moved_until.filter(is_instant)) {
        (Some(to), Some(until)) => {
            [Some(verbatim(MOVED_TO_FIELD, to)), Some(verbatim(MOVED_UNTIL_FIELD, until))]
        }
        _ => [None, None],
    };
    let user = user.filter(|it| it.kind == Kind::Object).and_then(|it| {
        let json = UserMark::parse(&text[it.range.clone()])?.to_json();
        Some(ExtraField { field: USER_FIELD, range: it.range, value: Cow::Owned(json) })
    });
    let created_at = created_at.filter(is_instant).map(|it| verbatim(CREATED_AT_FIELD, it));
    [created_at, user, moved_to, moved_until]
}

/// Where the last of the extra fields ends, if they follow `end` as we would write them.
pub(super) fn end_of_extra_fields(
    text: &str,
    mut end: usize,
    extra: &[Option<ExtraField<'_>>],
) -> Option<usize> {
    for ExtraField { field, range, value } in extra.iter().flatten() {
        if text.get(end..range.start) != Some(field) || text[range.clone()] != **value {
            return None;
        }
        end = range.end;
    }
    Some(end)
}

/// The value of one of the extra fields in their text, verbatim.
pub(super) fn value_in<'a>(extra: &'a str, field: &str) -> Option<&'a str> {
    let start = memchr::memmem::find(extra.as_bytes(), field.as_bytes())? + field.len();
    let rest = &extra[start..];
    let end = match rest.starts_with('{') {
        true => rest.find('}')? + 1,
        false => rest.find(',').unwrap_or(rest.len()),
    };
    Some(&rest[..end])
}

pub(super) fn instant(number: &str) -> Option<UnixMillis> {
    number.parse().ok().and_then(UnixMillis::from_f64)
}

pub(super) fn whole_millis(at: UnixMillis) -> i64 {
    at.as_f64().floor() as i64
}

pub(super) fn quoted_id(string: &str) -> Option<SessionId> {
    string.strip_prefix('"')?.strip_suffix('"').and_then(SessionId::parse)
}
