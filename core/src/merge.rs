//! Brings the writes of two requests to one session together.
//!
//! ```text
//!   base     what our request loaded          {"a":1,"b":1,"c":1}
//!   ours     what our request wants saved     {"a":2,"b":1,"d":4}       put a, forget c, put d
//!   theirs   what is stored by now            {"a":1,"b":3,"c":1}       somebody put b
//!   merged                                    {"a":2,"b":3,"d":4}
//! ```
//!
//! Whole top-level keys of the data and of the flash values: what we changed is ours, everything
//! else is theirs. Values are never merged into each other: half of one request's cart with half
//! of another's is a cart that nobody put together. They stay verbatim.
//!
//! Pure, and ignorant of stores: when to merge, and how often, is theirs.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::json;
use crate::payload::Payload;

/// Applies the changes from `base` to `ours` to `theirs`.
///
/// The result has the id of `theirs`: a session that was given another id in the meantime keeps
/// that. It was created at the earliest of the instants that any of the three notes: no request
/// makes a session younger. The mark of a user is a member like the others, but for that none takes
/// it out.
pub(crate) fn merge(base: &Payload, ours: &Payload, theirs: &Payload) -> Payload {
    let data = merge_objects(base.data_json(), ours.data_json(), theirs.data_json(), Removal::Wins);
    // What we took out was for us; what stands there under the same name is for the next one.
    let flash_next = merge_objects(
        base.flash_next_json(),
        ours.flash_next_json(),
        theirs.flash_next_json(),
        Removal::LosesToChange,
    );
    let mut merged = theirs.with_contents(&data, &flash_next).inheriting(ours).inheriting(base);
    if let Some(mark) = ours.user_mark().filter(|mark| base.user_mark().as_ref() != Some(mark)) {
        merged.set_user_mark(&mark);
    }
    merged
}

/// What becomes of a key that we removed and somebody else changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Removal {
    Wins,
    LosesToChange,
}

fn merge_objects<'a>(
    base: &'a str,
    ours: &'a str,
    theirs: &'a str,
    removal: Removal,
) -> Cow<'a, str> {
    if base == theirs {
        return Cow::Borrowed(ours);
    }
    if base == ours {
        return Cow::Borrowed(theirs);
    }
    let (base, ours, theirs) = (Members::of(base), Members::of(ours), Members::of(theirs));
    let differ = |before: Option<&str>, after: Option<&str>| match (before, after) {
        (Some(before), Some(after)) => !json::same(before, after),
        (before, after) => before.is_some() != after.is_some(),
    };
    let changed_by_us = |key: &str| differ(base.get(key), ours.get(key));
    let kept_for_them = |key: &str, value: &str| {
        let taken_out = ours.get(key).is_none() && removal == Removal::LosesToChange;
        taken_out && differ(base.get(key), Some(value))
    };

    let mut out = String::from("{");
    for (key, value) in theirs.in_order() {
        let theirs = !changed_by_us(key) || kept_for_them(key, value);
        let value = if theirs { Some(value) } else { ours.get(key) };
        if let Some(value) = value {
            json::push_member(&mut out, key, value);
        }
    }
    for (key, value) in ours.in_order() {
        if theirs.get(key).is_none() && changed_by_us(key) {
            json::push_member(&mut out, key, value);
        }
    }
    out.push('}');
    Cow::Owned(out)
}

/// The members of an object as JavaScript sees them: one for each key, the last value at the
/// place of the first.
struct Members<'a> {
    order: Vec<Cow<'a, str>>,
    values: HashMap<Cow<'a, str>, &'a str>,
}

impl<'a> Members<'a> {
    fn of(object: &'a str) -> Self {
        let mut members = Self { order: Vec::new(), values: HashMap::new() };
        // Cannot fail: a payload's objects have been walked when it was made.
        let _ = json::members(object, |written, value| {
            let key = json::canonical_key(written);
            if members.values.insert(key.clone(), &object[value.range]).is_none() {
                members.order.push(key);
            }
        });
        members
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.values.get(key).copied()
    }

    fn in_order(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.order.iter().filter_map(|key| self.get(key).map(|value| (key.as_ref(), value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{SessionHandle, UserMark};
    use crate::session_id::SessionId;

    fn merged(base: &str, ours: &str, theirs: &str) -> String {
        merge_objects(base, ours, theirs, Removal::Wins).into_owned()
    }

    #[test]
    fn of_two_marks_the_one_that_we_have_set_counts_and_none_is_taken_out() {
        let marked = |epoch: Option<u64>| {
            let mut payload = Payload::new(&SessionId::parse("a").expect("legal"));
            if let Some(epoch) = epoch {
                let index = SessionId::user_index("alice").expect("a legal key");
                let handle = SessionHandle::parse("AQEBAQEBAQEBAQEBAQEBAQ").expect("16 bytes");
                payload.set_user_mark(&UserMark::new(&index, &handle, epoch).expect("legal"));
            }
            payload
        };
        let merged = |base, ours, theirs| {
            let merged = merge(&marked(base), &marked(ours), &marked(theirs));
            merged.user_mark().map(|it| it.epoch())
        };

        for (base, ours, theirs, expected) in [
            (None, None, None, None),
            (None, Some(1), None, Some(1)),
            (None, None, Some(1), Some(1)),
            (None, Some(1), Some(2), Some(1)),
            (Some(1), Some(1), Some(2), Some(2)),
            (Some(1), Some(2), Some(1), Some(2)),
            (Some(1), None, None, Some(1)),
            (Some(1), None, Some(2), Some(2)),
        ] {
            assert_eq!(merged(base, ours, theirs), expected, "{base:?} {ours:?} {theirs:?}");
        }
    }

    #[test]
    fn a_message_that_we_took_out_does_not_take_a_new_one_with_it() {
        let flash = |base: &str, ours: &str, theirs: &str| {
            let payload = |flash: &str| {
                Payload::parse(format!(r#"{{"id":"a","data":{{}},"flash_next":{flash}}}"#))
            };
            let [base, ours, theirs] = [base, ours, theirs].map(|it| payload(it).expect("JSON"));
            merge(&base, &ours, &theirs).flash_next_json().to_owned()
        };

        assert_eq!(flash(r#"{"n":1}"#, "{}", r#"{"n":2}"#), r#"{"n":2}"#);
        assert_eq!(flash(r#"{"n":1}"#, r#"{"o":3}"#, r#"{"n":2}"#), r#"{"n":2,"o":3}"#);
        assert_eq!(flash(r#"{"n":1}"#, "{}", r#"{"n":1,"p":4}"#), r#"{"p":4}"#);
        assert_eq!(flash(r#"{"n":1}"#, r#"{"n":3}"#, r#"{"n":2}"#), r#"{"n":3}"#);
    }

    #[test]
    fn a_merge_makes_no_session_younger() {
        let created = |at: Option<u64>| {
            let field = at.map(|at| format!(r#","created_at":{at}"#)).unwrap_or_default();
            Payload::parse(format!(r#"{{"id":"a"{field}}}"#)).expect("a payload")
        };
        for (base, ours, theirs) in [
            (Some(1), Some(2), Some(3)),
            (Some(1), None, None),
            (None, Some(1), Some(2)),
            (None, Some(2), Some(1)),
            (None, None, Some(1)),
        ] {
            let merged = merge(&created(base), &created(ours), &created(theirs));
            assert_eq!(merged, created(Some(1)), "{base:?} {ours:?} {theirs:?}");
        }
        assert_eq!(merge(&created(None), &created(None), &created(None)), created(None));
    }

    #[test]
    fn what_we_changed_is_ours_and_everything_else_is_theirs() {
        let base = r#"{"a":1,"b":1,"c":1}"#;
        let ours = r#"{"a":2,"b":1,"d":4}"#;

        assert_eq!(merged(base, ours, r#"{"a":1,"b":3,"c":1}"#), r#"{"a":2,"b":3,"d":4}"#);
        assert_eq!(merged(base, ours, r#"{"e":5}"#), r#"{"e":5,"a":2,"d":4}"#);
        assert_eq!(merged(base, ours, base), ours);
        assert_eq!(merged(base, base, r#"{"x":9}"#), r#"{"x":9}"#);
    }

    #[test]
    fn a_key_that_both_removed_stays_removed_and_one_that_both_put_is_ours() {
        assert_eq!(merged(r#"{"a":1}"#, "{}", "{}"), "{}");
        assert_eq!(merged("{}", r#"{"a":1}"#, r#"{"a":2,"b":3}"#), r#"{"a":1,"b":3}"#);
        assert_eq!(merged(r#"{"a":1}"#, r#"{"a":2}"#, r#"{"b":3}"#), r#"{"b":3,"a":2}"#);
        assert_eq!(merged(r#"{"a":1}"#, r#"{}"#, r#"{"a":5}"#), "{}");
    }

    #[test]
    fn a_value_that_was_only_spelled_anew_is_not_a_change() {
        let base = r#"{"a":{ "x" : [1.0, "\u0041"] },"n":1e2}"#;
        let ours = r#"{"a":{"x":[1,"A"]},"n":100,"p":1}"#;
        let theirs = r#"{"a":7,"n":8}"#;

        assert_eq!(merged(base, ours, theirs), r#"{"a":7,"n":8,"p":1}"#);
    }

    #[test]
    fn keys_are_compared_by_what_they_mean() {
        assert_eq!(merged(r#"{"\u0061":1}"#, r#"{"a":2}"#, r#"{"a":1,"b":1}"#), r#"{"a":2,"b":1}"#);
        assert_eq!(
            merged(r#"{"\uD800":1}"#, r#"{"\ud800":2}"#, r#"{"\ud800":1,"b":1}"#),
            r#"{"\ud800":2,"b":1}"#
        );
    }

    #[test]
    fn of_duplicate_keys_the_last_counts() {
        assert_eq!(
            merged(r#"{"a":1}"#, r#"{"a":0,"a":2}"#, r#"{"a":5,"b":6,"a":1}"#),
            r#"{"a":2,"b":6}"#
        );
    }
}
