//! Names a session: makes random ids, parses ids, and keeps them out of logs.
//!
//! An id is a bearer secret: whoever has it is the user. So its `Debug` prints no character
//! of it, it has no `Display`, and equality is the only comparison that it offers.

use std::fmt;

use crate::error::StoreError;

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
    fn debug_prints_no_character_of_the_id() {
        let id = SessionId::parse("abcdef").expect("legal");

        assert_eq!(format!("{id:?}"), "SessionId(***)");
    }
}
