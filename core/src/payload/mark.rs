//! The mark of a session that somebody is signed in to: it points at the index of the user's
//! sessions, and at its own entry there.
//!
//! ```text
//!   {"index":"utF8R..","handle":"AQEB..","epoch":3}
//!     index    44 characters: the id of the index record
//!     handle   22 characters: 16 random bytes, which open nothing
//!     epoch    that of the index when the session was signed in
//! ```
//!
//! What the index says of it is `users`'s.

use std::fmt;

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

use crate::error::StoreError;
use crate::json::{self, Kind};
use crate::session_id::SessionId;

/// Points from a session at its entry in the index of its user; see
/// [`UserSessions`](crate::users::UserSessions).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserMark {
    index: SessionId,
    handle: SessionHandle,
    epoch: u64,
}

impl UserMark {
    /// A mark; `None` if `index` is not the id of an index or `epoch` is not below 2^53.
    pub fn new(index: &SessionId, handle: &SessionHandle, epoch: u64) -> Option<Self> {
        let is_legal = index.is_user_index() && epoch <= MAX_WHOLE;
        is_legal.then(|| Self { index: index.clone(), handle: handle.clone(), epoch })
    }

    /// The id of the record that is the index of the user's sessions.
    pub fn index(&self) -> &SessionId {
        &self.index
    }

    /// The name of the session among those of its user.
    pub fn handle(&self) -> &SessionHandle {
        &self.handle
    }

    /// The epoch of the index when the session was signed in.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Reads the mark that a JSON object is; `None` of anything else.
    pub(super) fn parse(object: &str) -> Option<Self> {
        let text = |key| {
            let written = json::member(object, key)?.strip_prefix('"')?.strip_suffix('"')?;
            json::unescape(written)
        };
        let index = SessionId::parse(&text("index")?)?;
        let handle = SessionHandle::parse(&text("handle")?)?;
        Self::new(&index, &handle, whole(json::member(object, "epoch")?)?)
    }

    /// The mark as it is spelled in a payload.
    pub(super) fn to_json(&self) -> String {
        let Self { index, handle, epoch } = self;
        format!(
            r#"{{"index":"{}","handle":"{}","epoch":{epoch}}}"#,
            index.as_str(),
            handle.as_str()
        )
    }
}

/// Names a session among those of its user, and opens none: a page may show it.
///
/// 16 random bytes in base64url, 22 characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionHandle(Box<str>);

impl SessionHandle {
    /// Makes a handle that no other session has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Randomness`] if the operating system gives no random bytes.
    pub fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; HANDLE_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| StoreError::Randomness)?;
        Ok(Self(URL_SAFE_NO_PAD.encode_to_string(bytes).into_boxed_str()))
    }

    /// Takes `text` for a handle if it is spelled as one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; HANDLE_BYTES];
        let fits = text.len() == URL_SAFE_NO_PAD.encoded_length(HANDLE_BYTES);
        let decoded =
            fits && URL_SAFE_NO_PAD.decode(text.as_bytes(), bytes.as_mut_slice().as_out()).is_ok();
        decoded.then(|| Self(text.into()))
    }

    /// The handle itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The whole number from 0 to 2^53 - 1 that a JSON value is, however it is spelled.
pub(crate) fn whole(value: &str) -> Option<u64> {
    if json::value(value).ok()?.kind != Kind::Number {
        return None;
    }
    // The grammar of JSON numbers is part of Rust's, and both round alike.
    let number: f64 = value.parse().ok()?;
    let is_whole = number.fract() == 0.0 && (0.0..=MAX_WHOLE as f64).contains(&number);
    is_whole.then_some(number as u64)
}

/// The greatest number up to which JavaScript counts one by one.
pub(crate) const MAX_WHOLE: u64 = (1 << 53) - 1;

const HANDLE_BYTES: usize = 16;
