//! Carries the record of a session: who it is, what it holds, what it tells the next request.
//!
//! ```text
//!   {"id":"3f2b..","data":{"user":"alice"},"flash_next":{"saved":true}}
//!    id_json ~~~~~  data_json ~~~~~~~~~~~~  flash_next_json ~~~~~~~~~~
//! ```
//!
//! The text is the payload: always these three fields in this order, their values verbatim as
//! the application's own serialiser wrote them. Nothing is parsed that is not asked for, and a
//! value that nobody edits leaves as the bytes that came in.
//!
//! After the three, and only where an option needs them, come more, which every edit keeps:
//!
//! ```text
//!   ,"created_at":1700000000000                             when the session began, Unix ms
//!   ,"user":{"index":"utF8..","handle":"AQ..","epoch":0}    the mark of a user who is signed in
//!   ,"moved_to":"9c1d..","moved_until":1700000030000        a forwarding record: the session is
//!                                                           there by now, this leads until then
//! ```
//!
//! This file knows no key, no clock and no store.

mod extra;
mod mark;

use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::PayloadError;
use crate::json::{self, Kind, Value};
use crate::session_id::SessionId;
use crate::typed;
use extra::{ExtraField, end_of_extra_fields, extra_fields};
pub(crate) use mark::{MAX_WHOLE, whole};
pub use mark::{SessionHandle, UserMark};

/// The record `{ id, data, flash_next }` of a session.
///
/// ```
/// use rudder_session::{Payload, SessionId};
///
/// let mut payload = Payload::new(&SessionId::random()?);
/// payload.put("user", &"alice")?;
/// payload.flash("saved", &true)?;
///
/// assert_eq!(payload.get::<String>("user")?.as_deref(), Some("alice"));
/// assert_eq!(payload.data_json(), r#"{"user":"alice"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Payload {
    text: String,
    id: Range<usize>,
    data: Range<usize>,
    flash_next: Range<usize>,
}

impl Payload {
    /// Levels of arrays and objects that a value may have that is put or flashed. What comes from
    /// a cookie or a store may have more: it is carried on.
    ///
    /// More than `JSON.stringify` writes with the stack that Node has as a rule, which is some
    /// thousand levels.
    pub const MAX_DEPTH: usize = 10_000;

    /// An empty payload for the session `id`.
    pub fn new(id: &SessionId) -> Self {
        let mut id_json = String::with_capacity(id.as_str().len() + 2);
        json::push_string(&mut id_json, id.as_str());
        Self::assemble(&id_json, "{}", "{}", "")
    }

    /// Takes JSON text for a payload, if it is an object whose `id` is a string.
    ///
    /// All that `JSON.parse` accepts is accepted. A `data` or `flash_next` that is missing or no
    /// object becomes one, as spreading it in JavaScript would make one: `null` and numbers an
    /// empty one, an array or a string one with its elements under their indices. Other fields
    /// are dropped, but for `created_at` if it is an instant, `user` if it is a mark, and
    /// `moved_to` and `moved_until` if they are an id and an instant.
    ///
    /// # Errors
    ///
    /// [`PayloadError::NotAPayload`] for any other text.
    ///
    /// ```
    /// use rudder_session::Payload;
    ///
    /// let payload = Payload::parse(r#" {"data": {"n":1e400}, "id": "a"} "#)?;
    /// assert_eq!(payload.as_json(), r#"{"id":"a","data":{"n":1e400},"flash_next":{}}"#);
    /// assert!(Payload::parse(r#"{"id":5}"#).is_err());
    /// # Ok::<(), rudder_session::PayloadError>(())
    /// ```
    pub fn parse(text: impl Into<String>) -> Result<Self, PayloadError> {
        Self::parse_with_exp(text.into()).map(|(payload, _)| payload)
    }

    /// The payload in `text`, and its field `exp` if that is a number.
    pub(crate) fn parse_with_exp(text: String) -> Result<(Self, Option<f64>), PayloadError> {
        let mut found: [Option<Value>; FIELDS.len()] = Default::default();
        let is_object = json::members(&text, |key, value| {
            let key = json::unescape(key);
            if let Some(field) = FIELDS.iter().position(|name| key.as_deref() == Some(name)) {
                // Of fields with the same name the last one counts, as in JavaScript.
                found[field] = Some(value);
            }
        });
        is_object.ok().filter(|is| *is).ok_or(PayloadError::NotAPayload)?;
        let [id, data, flash_next, exp, created_at, user, moved_to, moved_until] = found;
        let id = id.filter(|it| it.kind == Kind::String).ok_or(PayloadError::NotAPayload)?;
        let exp = exp.and_then(|it| number(&text, &it));
        let extra = extra_fields(&text, [created_at, user, moved_to, moved_until]);

        if let (Some(data), Some(flash_next)) = (&data, &flash_next)
            && data.kind == Kind::Object
            && flash_next.kind == Kind::Object
            && text.starts_with(ID_FIELD)
            && id.range.start == ID_FIELD.len()
            && text.get(id.range.end..data.range.start) == Some(DATA_FIELD)
            && text.get(data.range.end..flash_next.range.start) == Some(FLASH_NEXT_FIELD)
            && let Some(end) = end_of_extra_fields(&text, flash_next.range.end, &extra)
        {
            let (data, flash_next) = (data.range.clone(), flash_next.range.clone());
            drop(extra);
            let mut text = text;
            text.truncate(end);
            text.push('}');
            return Ok((Self { text, id: id.range, data, flash_next }, exp));
        }
        let mut extra_text = String::new();
        for ExtraField { field, value, .. } in extra.into_iter().flatten() {
            extra_text.push_str(field);
            extra_text.push_str(&value);
        }
        let (data, flash_next) = (json::spread(&text, data), json::spread(&text, flash_next));
        let payload = Self::assemble(&text[id.range], &data, &flash_next, &extra_text);
        Ok((payload, exp))
    }

    /// The whole record, as stores keep it.
    pub fn as_json(&self) -> &str {
        &self.text
    }

    /// The whole record, as stores keep it.
    pub fn into_json(self) -> String {
        self.text
    }

    /// The id as a JSON string, quotes included. A bearer secret: never log it.
    pub fn id_json(&self) -> &str {
        &self.text[self.id.clone()]
    }

    /// The id, if it can name a record; see [`SessionId::parse`].
    ///
    /// A payload from a cookie may carry any string for an id, even an empty one.
    pub fn session_id(&self) -> Option<SessionId> {
        let written = &self.text[self.id.start + 1..self.id.end - 1];
        // An id of ours is written as it is.
        SessionId::parse(written)
            .or_else(|| json::unescape(written).as_deref().and_then(SessionId::parse))
    }

    /// Whether this is the record of the session `id`.
    pub fn belongs_to(&self, id: &SessionId) -> bool {
        json::key_is(&self.text[self.id.start + 1..self.id.end - 1], id.as_str())
    }

    /// Whether this is a record of the same session as `other`.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        self.session_id().is_some_and(|id| other.belongs_to(&id))
    }

    /// The application's own keys and values, as a JSON object.
    pub fn data_json(&self) -> &str {
        &self.text[self.data.clone()]
    }

    /// The values for the next request only, as a JSON object.
    pub fn flash_next_json(&self) -> &str {
        &self.text[self.flash_next.clone()]
    }

    /// The value of `key` in the data as JSON text, verbatim.
    pub fn get_json(&self, key: &str) -> Option<&str> {
        json::member(self.data_json(), key)
    }

    /// The value of `key` in the data, read as a `T`.
    ///
    /// Two things that JavaScript can store have no place in Rust's types: half of a surrogate
    /// pair reads as U+FFFD, and a number beyond `f64` as null, which is what `JSON.stringify`
    /// would make of it. [`get_json`](Self::get_json) gives the text itself.
    ///
    /// # Errors
    ///
    /// - [`PayloadError::Mismatch`] if the value is no `T`.
    /// - [`PayloadError::TooDeep`] if it nests deeper than 128 levels.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, PayloadError> {
        self.get_json(key).map(typed::read).transpose()
    }

    /// Sets `key` in the data to `value`.
    ///
    /// A key that is there keeps its place, a new one goes last.
    ///
    /// # Errors
    ///
    /// - [`PayloadError::TooNested`] if `value` nests deeper than [`MAX_DEPTH`](Self::MAX_DEPTH).
    /// - [`PayloadError::Unserialisable`] if `value` cannot be written as JSON.
    pub fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), PayloadError> {
        self.set(Field::Data, key, &typed::write(value)?)
    }

    /// Sets `key` in the data to a value that is JSON already; it is stored verbatim.
    ///
    /// # Errors
    ///
    /// - [`PayloadError::NotJson`] if `value` is not one JSON value.
    /// - [`PayloadError::TooNested`] if it nests deeper than [`MAX_DEPTH`](Self::MAX_DEPTH).
    pub fn put_json(&mut self, key: &str, value: &str) -> Result<(), PayloadError> {
        let found = json::value(value).map_err(|_| PayloadError::NotJson)?;
        self.set(Field::Data, key, &value[found.range])
    }

    /// Removes `key` from the data; removing an absent key does nothing.
    pub fn forget(&mut self, key: &str) {
        self.edit(Field::Data, key, None);
    }

    /// Empties the data and keeps the id and the flash values.
    pub fn clear(&mut self) {
        *self = self.with_contents("{}", self.flash_next_json());
    }

    /// Sets `key` to `value` for the next request only.
    ///
    /// # Errors
    ///
    /// - [`PayloadError::TooNested`] if `value` nests deeper than [`MAX_DEPTH`](Self::MAX_DEPTH).
    /// - [`PayloadError::Unserialisable`] if `value` cannot be written as JSON.
    pub fn flash<T: Serialize + ?Sized>(
        &mut self,
        key: &str,
        value: &T,
    ) -> Result<(), PayloadError> {
        self.set(Field::FlashNext, key, &typed::write(value)?)
    }

    /// Sets `key` for the next request only to a value that is JSON already; it is stored
    /// verbatim.
    ///
    /// # Errors
    ///
    /// - [`PayloadError::NotJson`] if `value` is not one JSON value.
    /// - [`PayloadError::TooNested`] if it nests deeper than [`MAX_DEPTH`](Self::MAX_DEPTH).
    pub fn flash_json(&mut self, key: &str, value: &str) -> Result<(), PayloadError> {
        let found = json::value(value).map_err(|_| PayloadError::NotJson)?;
        self.set(Field::FlashNext, key, &value[found.range])
    }

    /// Takes out what the request before left for this one, as a JSON object.
    ///
    /// Call it once when a request starts. If the object is not empty the payload has changed
    /// and must be saved, or the same values come again.
    pub fn take_flash(&mut self) -> String {
        let taken = self.flash_next_json().to_owned();
        *self = self.with_contents(self.data_json(), "{}");
        taken
    }

    /// The same data under another id: what regenerating a session needs.
    pub fn with_id(&self, id: &SessionId) -> Self {
        let mut id_json = String::with_capacity(id.as_str().len() + 2);
        json::push_string(&mut id_json, id.as_str());
        Self::assemble(&id_json, self.data_json(), self.flash_next_json(), self.extra())
    }

    /// The same data under the id of `other`.
    pub(crate) fn with_id_of(&self, other: &Self) -> Self {
        let (id, data, flash_next) = (other.id_json(), self.data_json(), self.flash_next_json());
        Self::assemble(id, data, flash_next, self.extra())
    }

    /// This session with other data and flash values, both JSON objects already.
    pub(crate) fn with_contents(&self, data: &str, flash_next: &str) -> Self {
        Self::assemble(self.id_json(), data, flash_next, self.extra())
    }

    /// Sets `key` to a value that is JSON.
    fn set(&mut self, field: Field, key: &str, value: &str) -> Result<(), PayloadError> {
        // Each level takes two bytes, so hardly any value has to be walked over.
        if value.len() / 2 > Self::MAX_DEPTH {
            let depth = json::depth(value);
            if depth > Self::MAX_DEPTH {
                return Err(PayloadError::TooNested { depth, limit: Self::MAX_DEPTH });
            }
        }
        self.edit(field, key, Some(value));
        Ok(())
    }

    fn edit(&mut self, field: Field, key: &str, value: Option<&str>) {
        *self = match field {
            Field::Data => {
                let data = json::with_member(self.data_json(), key, value);
                self.with_contents(&data, self.flash_next_json())
            }
            Field::FlashNext => {
                let flash_next = json::with_member(self.flash_next_json(), key, value);
                self.with_contents(self.data_json(), &flash_next)
            }
        };
    }

    fn assemble(id: &str, data: &str, flash_next: &str, extra: &str) -> Self {
        let parts = [ID_FIELD, id, DATA_FIELD, data, FLASH_NEXT_FIELD, flash_next, extra, "}"];
        let id_end = ID_FIELD.len() + id.len();
        let data_start = id_end + DATA_FIELD.len();
        let data_end = data_start + data.len();
        let flash_next_start = data_end + FLASH_NEXT_FIELD.len();
        Self {
            text: parts.concat(),
            id: ID_FIELD.len()..id_end,
            data: data_start..data_end,
            flash_next: flash_next_start..flash_next_start + flash_next.len(),
        }
    }
}

/// Prints sizes only: the id is a secret, and the data are the user's.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("data_bytes", &self.data.len())
            .field("flash_next_bytes", &self.flash_next.len())
            .finish_non_exhaustive()
    }
}

const ID_FIELD: &str = "{\"id\":";
const DATA_FIELD: &str = ",\"data\":";
const FLASH_NEXT_FIELD: &str = ",\"flash_next\":";

/// The fields that are looked at; the last ones are extra, and in their order in the text.
const FIELDS: [&str; 8] =
    ["id", "data", "flash_next", "exp", "created_at", "user", "moved_to", "moved_until"];

fn number(text: &str, value: &Value) -> Option<f64> {
    // The grammar of JSON numbers is part of Rust's, and both round alike.
    (value.kind == Kind::Number).then(|| text[value.range.clone()].parse().ok()).flatten()
}

#[derive(Clone, Copy)]
enum Field {
    Data,
    FlashNext,
}

#[cfg(test)]
mod tests;
