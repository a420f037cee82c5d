//! Says whether a payload is small enough to be saved: in bytes, keys and nesting.
//!
//! ```text
//!   {"id":..,"data":{"a":[[1]],"b":2},"flash_next":{"c":3}}    3 keys; 2 levels
//! ```
//!
//! Keys are those of the data and of the flash values, not those inside of values. Levels are the
//! arrays and objects around what is innermost in the value of a key.
//!
//! What is written is checked, what is read is not: a session that is over a limit, since the
//! limit is new or another program has written it, is loaded and can be ended. It can be saved,
//! too, as long as it gets no larger. Text that is too short to break a limit is not walked over.

use crate::error::PayloadError;
use crate::json;
use crate::payload::Payload;

/// What a session may have at most.
///
/// ```
/// use rudder_session::{Limits, Payload, PayloadError, SessionId};
///
/// let limits = Limits { max_keys: 2, ..Limits::default() };
/// let mut session = Payload::new(&SessionId::random()?);
/// session.put("user", &"alice")?;
/// session.put("cart", &[1, 2, 3])?;
/// assert_eq!(limits.check(&session, None), Ok(()));
///
/// let loaded = session.clone();
/// session.flash("saved", &true)?;
/// let refused = Err(PayloadError::TooManyKeys { count: 3, limit: 2 });
/// assert_eq!(limits.check(&session, Some(&loaded)), refused);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of the whole record. 16 MiB by default.
    pub max_bytes: usize,
    /// Levels of arrays and objects in the value of a key. 10,000 by default.
    pub max_depth: usize,
    /// Keys of the data and of the flash values together. 10,000 by default.
    pub max_keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 16 << 20, max_depth: Payload::MAX_DEPTH, max_keys: 10_000 }
    }
}

impl Limits {
    /// Checks what is to be saved onto `base`, which is `None` for a session that is new.
    ///
    /// What is over a limit passes if `base` was over it as far.
    ///
    /// # Errors
    ///
    /// [`PayloadError::TooManyBytes`], [`PayloadError::TooManyKeys`] or
    /// [`PayloadError::TooNested`].
    pub fn check(&self, payload: &Payload, base: Option<&Payload>) -> Result<(), PayloadError> {
        let bytes = payload.as_json().len();
        let at_most = |limit: usize, measure: fn(&Payload) -> usize| {
            let found = measure(payload);
            let passes = found <= limit || base.is_some_and(|it| measure(it) >= found);
            if passes { Ok(()) } else { Err(found) }
        };
        at_most(self.max_bytes, |it| it.as_json().len())
            .map_err(|bytes| PayloadError::TooManyBytes { bytes, limit: self.max_bytes })?;
        if bytes / BYTES_PER_KEY > self.max_keys {
            at_most(self.max_keys, keys)
                .map_err(|count| PayloadError::TooManyKeys { count, limit: self.max_keys })?;
        }
        if bytes / BYTES_PER_LEVEL > self.max_depth {
            at_most(self.max_depth, depth)
                .map_err(|depth| PayloadError::TooNested { depth, limit: self.max_depth })?;
        }
        Ok(())
    }
}

fn keys(payload: &Payload) -> usize {
    let mut count = 0;
    for object in [payload.data_json(), payload.flash_next_json()] {
        // Of a payload these are objects in any case.
        let _ = json::members(object, |_, _| count += 1);
    }
    count
}

fn depth(payload: &Payload) -> usize {
    let objects = [payload.data_json(), payload.flash_next_json()];
    // Without the level of the keys themselves.
    objects.map(|it| json::depth(it).saturating_sub(1)).into_iter().max().unwrap_or_default()
}

/// `"":1` is the least that a key takes.
const BYTES_PER_KEY: usize = 4;

/// Each level is opened and closed.
const BYTES_PER_LEVEL: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(data: &str, flash_next: &str) -> Payload {
        let text = format!(r#"{{"id":"a","data":{data},"flash_next":{flash_next}}}"#);
        Payload::parse(text).expect("a payload")
    }

    fn with_keys(count: usize) -> Payload {
        let members: Vec<_> = (0..count).map(|it| format!(r#""{it}":1"#)).collect();
        payload(&format!("{{{}}}", members.join(",")), "{}")
    }

    fn nested(depth: usize) -> Payload {
        let value = "[".repeat(depth) + &"]".repeat(depth);
        payload(&format!(r#"{{"a":{value}}}"#), "{}")
    }

    #[test]
    fn each_limit_is_met_exactly() {
        for limit in [1, 2, 7, 100] {
            let limits = Limits { max_keys: limit, max_depth: limit, ..Limits::default() };

            assert_eq!(limits.check(&with_keys(limit), None), Ok(()));
            assert_eq!(limits.check(&nested(limit), None), Ok(()));
            assert_eq!(
                limits.check(&with_keys(limit + 1), None),
                Err(PayloadError::TooManyKeys { count: limit + 1, limit })
            );
            assert_eq!(
                limits.check(&nested(limit + 1), None),
                Err(PayloadError::TooNested { depth: limit + 1, limit })
            );
        }
        let (small, limit) = (with_keys(2), with_keys(2).as_json().len());
        let bytes = |max_bytes| Limits { max_bytes, ..Limits::default() }.check(&small, None);
        assert_eq!(bytes(limit), Ok(()));
        let error = PayloadError::TooManyBytes { bytes: limit, limit: limit - 1 };
        assert_eq!(bytes(limit - 1), Err(error));
    }

    #[test]
    fn the_keys_and_levels_of_flash_values_count_too() {
        let limits = Limits { max_keys: 2, max_depth: 2, ..Limits::default() };
        let refusal = |data, flash| limits.check(&payload(data, flash), None).err();

        assert_eq!(refusal(r#"{"a":1}"#, r#"{"b":[{}]}"#), None);
        assert_eq!(
            refusal(r#"{"a":1}"#, r#"{"b":2,"c":3}"#),
            Some(PayloadError::TooManyKeys { count: 3, limit: 2 })
        );
        assert_eq!(
            refusal("{}", r#"{"b":[{"c":[]}]}"#),
            Some(PayloadError::TooNested { depth: 3, limit: 2 })
        );
        // Keys inside of values are not keys of the session, brackets in strings no levels.
        assert_eq!(refusal(r#"{"a":{"b":1,"c":2,"d":3},"e":"[[[[{{{{"}"#, "{}"), None);
    }

    #[test]
    fn a_session_that_is_over_a_limit_can_be_saved_if_it_gets_no_larger() {
        let limits = Limits { max_keys: 3, max_depth: 3, max_bytes: 60 };
        let keys = |base, now| limits.check(&with_keys(now), Some(&with_keys(base))).is_ok();
        let levels = |base, now| limits.check(&nested(now), Some(&nested(base))).is_ok();

        assert_eq!([keys(5, 5), keys(5, 4), keys(5, 6), keys(3, 4)], [true, true, false, false]);
        assert_eq!([levels(5, 5), levels(5, 4), levels(5, 6)], [true, true, false]);
        let bytes = |base, now| limits.check(&text(now), Some(&text(base))).is_ok();
        assert_eq!([bytes(80, 80), bytes(80, 70), bytes(80, 81)], [true, true, false]);
    }

    fn text(len: usize) -> Payload {
        payload(&format!(r#"{{"a":"{}"}}"#, "x".repeat(len)), "{}")
    }

    #[test]
    fn depth_that_no_stack_bears_is_counted() {
        let refusal = Limits::default().check(&nested(1_000_000), None);

        let error = PayloadError::TooNested { depth: 1_000_000, limit: Payload::MAX_DEPTH };
        assert_eq!(refusal, Err(error));
    }
}
