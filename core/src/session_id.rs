//! Names a session: makes random ids, parses ids, and keeps them out of logs.
//!
//! An id is a bearer secret: whoever has it is the user. So its `Debug` prints no character
//! of it, it has no `Display`, and equality is the only comparison that it offers.
//!
//! ```text
//!   3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f              36 characters: a version 4 UUID
//!   Yk3v-8Q..                                         43: 32 random bytes, of the hardened format
//!   hRz1..                                            44: the hash of one of those, as a store sees it
//!   utF8..                                            44: no session, but the index of a user's
//! ```

use std::fmt;

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

use crate::error::StoreError;
use crate::mac::sha256;

/// The random name of a session.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct SessionId(Box<str>);

impl SessionId {
    /// The most characters that an id may have.
    pub const MAX_LEN: usize = 128;

    /// Makes an id nobody can guess: a version 4 UUID, 122 random bits.
    ///
    /// # Errors
    ///
    /// [`StoreError::Randomness`] if the operating system gives no random bytes.
    pub fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| StoreError::Randomness)?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;

        let mut text = String::with_capacity(36);
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        Ok(Self(text.into_boxed_str()))
    }

    /// Makes an id of 256 random bits, as the hardened format has them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Randomness`] if the operating system gives no random bytes.
    pub fn random_256() -> Result<Self, StoreError> {
        let mut bytes = [0; HARDENED_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| StoreError::Randomness)?;
        Ok(Self::of_bytes(&bytes))
    }

    /// The id of the hardened format that these bytes are.
    pub(crate) fn of_bytes(bytes: &[u8; HARDENED_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode_to_string(bytes).into_boxed_str())
    }

    /// The bytes of an id of the hardened format; `None` of any other.
    pub(crate) fn to_bytes(&self) -> Option<[u8; HARDENED_BYTES]> {
        hardened_bytes(self.0.as_bytes())
    }

    /// What a store knows an id of the hardened format by: an `h`, and its hash. `None` of any
    /// other id, the result of this among them.
    pub(crate) fn hashed(&self) -> Option<Self> {
        self.to_bytes()?;
        let mut text = String::with_capacity(1 + HARDENED_LEN);
        text.push('h');
        URL_SAFE_NO_PAD.encode_append(sha256(self.0.as_bytes()), &mut text);
        Some(Self(text.into_boxed_str()))
    }

    /// The id of the record that is the index of the sessions of `user`, whatever the application
    /// names its users by; `None` unless that is 1 to 256 bytes. See
    /// [`UserSessions`](crate::users::UserSessions).
    ///
    /// A hash, under no key: the same on every host, and after every rotation of secrets.
    ///
    /// ```
    /// use rudder_session::SessionId;
    ///
    /// let index = SessionId::user_index("alice").expect("a legal key");
    /// assert!(index.is_user_index());
    /// assert_eq!(index.as_str(), "utF8Rb_BxwqHtIEWCnrkgaj4OSt_UrgKIzL_VMvZ_xRA");
    /// ```
    pub fn user_index(user: &str) -> Option<Self> {
        if !(1..=MAX_USER_LEN).contains(&user.len()) {
            return None;
        }
        let mut text = String::with_capacity(1 + HARDENED_LEN);
        text.push(USER_INDEX);
        let hash = sha256(&[USER_INDEX_PURPOSE, user.as_bytes()].concat());
        URL_SAFE_NO_PAD.encode_append(hash, &mut text);
        Some(Self(text.into_boxed_str()))
    }

    /// Whether this is the id of an index of somebody's sessions, which no session has.
    ///
    /// Decoding refuses a cookie that names one, and [`resume`](crate::Store::resume) finds
    /// nothing there. Whoever takes ids out of cookies in another way has to ask this.
    pub fn is_user_index(&self) -> bool {
        self.0.strip_prefix(USER_INDEX).is_some_and(|it| hardened_bytes(it.as_bytes()).is_some())
    }

    /// Takes `text` for an id if it could name a record: 1 to 128 of `A-Z a-z 0-9 - _`.
    ///
    /// Every id that we make is a UUID, but a roll-out may meet ids that others made; anything
    /// that could be a path, a command or a whole other record is refused before a store sees
    /// it.
    ///
    /// ```
    /// use rudder_session::SessionId;
    ///
    /// assert!(SessionId::parse("3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f").is_some());
    /// assert!(SessionId::parse("../../etc/passwd").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        (fits && text.bytes().all(legal)).then(|| Self(text.into()))
    }

    /// The id itself. Never log it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(***)")
    }
}

/// The bytes that the text of an id of the hardened format spells; `None` of any other text.
pub(crate) fn hardened_bytes(text: &[u8]) -> Option<[u8; HARDENED_BYTES]> {
    let mut bytes = [0; HARDENED_BYTES];
    let fits = text.len() == HARDENED_LEN;
    let decoded = fits && URL_SAFE_NO_PAD.decode(text, bytes.as_mut_slice().as_out()).is_ok();
    decoded.then_some(bytes)
}

/// Random bytes of an id of the hardened format, and the characters that they take.
pub(crate) const HARDENED_BYTES: usize = 32;
const HARDENED_LEN: usize = URL_SAFE_NO_PAD.encoded_length(HARDENED_BYTES);

/// Bytes of what an application names a user by, at most.
const MAX_USER_LEN: usize = 256;
const USER_INDEX: char = 'u';
const USER_INDEX_PURPOSE: &[u8] = b"rudder-session/user-index/v1\0";

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_id_is_a_version_4_uuid() {
        let id = SessionId::random().expect("the test machine has randomness");
        let text = id.as_str().as_bytes();

        assert_eq!(text.len(), 36);
        assert_eq!((text[8], text[13], text[18], text[23]), (b'-', b'-', b'-', b'-'));
        assert_eq!(text[14], b'4');
        assert!(b"89ab".contains(&text[19]));
        assert_eq!(SessionId::parse(id.as_str()), Some(id));
    }

    #[test]
    fn a_thousand_random_ids_are_all_different() {
        let ids: std::collections::HashSet<_> =
            (0..1000).map(|_| SessionId::random()).map(Result::unwrap).collect();

        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn text_that_could_be_anything_but_an_id_is_refused() {
        let long = "a".repeat(129);
        for text in ["", "a b", "../x", "a/b", "a\0b", "a\nb", "a.b", "caf\u{e9}", "a:b", &long] {
            assert_eq!(SessionId::parse(text), None);
        }
        assert!(SessionId::parse(&long[..128]).is_some());
    }

    #[test]
    fn only_ids_of_the_hardened_format_are_hashed_and_a_hash_is_none() {
        let id = SessionId::of_bytes(&[7; 32]);
        let hashed = id.hashed().expect("one of the hardened format");

        assert_eq!((id.as_str().len(), hashed.as_str().len()), (43, 44));
        assert_eq!(SessionId::parse(id.as_str()).as_ref(), Some(&id));
        assert_eq!(id.to_bytes(), Some([7; 32]));
        assert_eq!(hashed.hashed(), None);
        assert_eq!(SessionId::random().expect("random").hashed(), None);
        // 43 characters with stray bits in the last one: no 32 bytes are spelled so.
        assert_eq!(SessionId::parse(&"_".repeat(43)).expect("legal").hashed(), None);
    }

    #[test]
    fn debug_prints_no_character_of_the_id() {
        let id = SessionId::parse("abcdef").expect("legal");

        assert_eq!(format!("{id:?}"), "SessionId(***)");
    }
}
