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

use super::Payload;
use super::mark::UserMark;
use crate::json::{Kind, Value};
use crate::session_id::SessionId;
use crate::time::UnixMillis;

impl Payload {
    /// When the session began, if that was noted: see [`set_created_at`](Self::set_created_at).
    pub fn created_at(&self) -> Option<UnixMillis> {
        self.extra_field(CREATED_AT_FIELD).and_then(instant)
    }

    /// Whether `text` begins as another payload of this session does, and has nothing that this
    /// one would [inherit](Self::inheriting); without a walk over it.
    pub(crate) fn is_plainly_of(&self, text: &str) -> bool {
        let has = |part| memchr::memmem::find(text.as_bytes(), part).is_some();
        text.starts_with(&self.text[..self.id.end])
            && !has(b"created_at".as_slice())
            && (!has(MARK_START) || self.user_mark().is_some())
    }

    /// Notes when the session began, in whole milliseconds.
    ///
    /// Only an absolute timeout needs it: [`Timeouts::stamp`](crate::Timeouts::stamp) is what a
    /// host calls. Without it, the record is byte for byte what `@rudderjs/session` writes.
    ///
    /// ```
    /// use rudder_session::{Payload, UnixMillis};
    ///
    /// let mut payload = Payload::parse(r#"{"id":"a"}"#)?;
    /// payload.set_created_at(UnixMillis::new(5));
    ///
    /// let json = r#"{"id":"a","data":{},"flash_next":{},"created_at":5}"#;
    /// assert_eq!(payload.as_json(), json);
    /// # Ok::<(), rudder_session::PayloadError>(())
    /// ```
    pub fn set_created_at(&mut self, at: UnixMillis) {
        self.set_extra(CREATED_AT_FIELD, &whole_millis(at).to_string());
    }

    /// Whose session it is, if somebody is signed in to it: see
    /// [`UserSessions`](crate::users::UserSessions).
    pub fn user_mark(&self) -> Option<UserMark> {
        self.extra_field(USER_FIELD).and_then(UserMark::parse)
    }

    /// Notes whose session it is. No edit of the data takes that out again, and no save of a
    /// payload that lacks it.
    ///
    /// ```
    /// use rudder_session::{Payload, SessionHandle, SessionId, UserMark};
    ///
    /// let index = SessionId::user_index("alice").expect("a legal key");
    /// let handle = SessionHandle::parse("AQEBAQEBAQEBAQEBAQEBAQ").expect("16 bytes");
    /// let mark = UserMark::new(&index, &handle, 0).expect("the id of an index");
    /// let mut payload = Payload::parse(r#"{"id":"a"}"#)?;
    ///
    /// payload.set_user_mark(&mark);
    ///
    /// assert_eq!(payload.user_mark(), Some(mark));
    /// # Ok::<(), rudder_session::PayloadError>(())
    /// ```
    pub fn set_user_mark(&mut self, mark: &UserMark) {
        self.set_extra(USER_FIELD, &mark.to_json());
    }

    /// This payload, with what no request may take out of `other`: the earlier of the two
    /// instants of creation, and the mark of a user if it has none of its own.
    pub(crate) fn inheriting(mut self, other: &Self) -> Self {
        if self.user_mark().is_none()
            && let Some(mark) = other.user_mark()
        {
            self.set_user_mark(&mark);
        }
        self.created_no_later_than(other)
    }

    /// This payload, with the earlier of the two instants of creation.
    fn created_no_later_than(mut self, other: &Self) -> Self {
        if let Some(other) = other.created_at()
            && self.created_at().is_none_or(|own| other < own)
        {
            self.set_created_at(other);
        }
        self
    }

    /// Whether this is a forwarding record: what a session left under its old id when it was
    /// regenerated with grace. It is no session itself.
    pub fn is_forwarding(&self) -> bool {
        self.moved_to().is_some()
    }

    /// Where a forwarding record leads, or has led.
    pub(crate) fn moved_to(&self) -> Option<SessionId> {
        self.extra_field(MOVED_TO_FIELD).and_then(quoted_id)
    }

    /// The instant from which a forwarding record leads nowhere any more.
    pub(crate) fn moved_until(&self) -> Option<UnixMillis> {
        self.extra_field(MOVED_UNTIL_FIELD).and_then(instant)
    }

    /// Where the session is by now, if this is a forwarding record whose grace is not over.
    pub(crate) fn leads_to(&self, now: UnixMillis) -> Option<SessionId> {
        let until = self.moved_until()?;
        self.moved_to().filter(|_| now < until)
    }

    /// The record that takes the place of the session `old`, and leads to `new` until `until`.
    pub(crate) fn forwarding(old: &SessionId, new: &SessionId, until: UnixMillis) -> Self {
        let until = whole_millis(until).to_string();
        let extra = [MOVED_TO_FIELD, "\"", new.as_str(), "\"", MOVED_UNTIL_FIELD, &until].concat();
        let record = Self::new(old);
        Self::assemble(record.id_json(), "{}", "{}", &extra)
    }

    /// The fields after the three, from the comma on.
    pub(super) fn extra(&self) -> &str {
        &self.text[self.flash_next.end..self.text.len() - 1]
    }

    /// The value of one of the fields after the three, verbatim.
    fn extra_field(&self, field: &str) -> Option<&str> {
        value_in(self.extra(), field)
    }

    fn set_extra(&mut self, changed: &str, value: &str) {
        let mut extra = String::new();
        for field in EXTRA_FIELDS {
            let value = if field == changed { Some(value) } else { self.extra_field(field) };
            if let Some(value) = value {
                extra.push_str(field);
                extra.push_str(value);
            }
        }
        let (id, data, flash_next) = (self.id_json(), self.data_json(), self.flash_next_json());
        *self = Self::assemble(id, data, flash_next, &extra);
    }
}

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
fn value_in<'a>(extra: &'a str, field: &str) -> Option<&'a str> {
    let start = memchr::memmem::find(extra.as_bytes(), field.as_bytes())? + field.len();
    let rest = &extra[start..];
    let end = match rest.starts_with('{') {
        true => rest.find('}')? + 1,
        false => rest.find(',').unwrap_or(rest.len()),
    };
    Some(&rest[..end])
}

fn instant(number: &str) -> Option<UnixMillis> {
    number.parse().ok().and_then(UnixMillis::from_f64)
}

fn whole_millis(at: UnixMillis) -> i64 {
    at.as_f64().floor() as i64
}

fn quoted_id(string: &str) -> Option<SessionId> {
    string.strip_prefix('"')?.strip_suffix('"').and_then(SessionId::parse)
}

const CREATED_AT_FIELD: &str = ",\"created_at\":";
const USER_FIELD: &str = ",\"user\":";
const MOVED_TO_FIELD: &str = ",\"moved_to\":";
const MOVED_UNTIL_FIELD: &str = ",\"moved_until\":";

/// In their order in the text.
const EXTRA_FIELDS: [&str; 4] = [CREATED_AT_FIELD, USER_FIELD, MOVED_TO_FIELD, MOVED_UNTIL_FIELD];

/// How a field that is a mark begins.
const MARK_START: &[u8] = b",\"user\":{\"index\":\"u";
