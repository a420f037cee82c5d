//! Remembers for a while which sessions were live, so that not each load asks the store.
//!
//! ```text
//!   index, handle --> until when
//! ```
//!
//! Only of this process: what another one ends is live here for as long.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rudder_session_core::{SessionHandle, SessionId, UnixMillis, UserMark};

/// The verdicts of an engine.
pub(crate) struct Verdicts {
    span_ms: f64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    until_ms: HashMap<(SessionId, SessionHandle), f64>,
    /// How many times something was ended.
    ends: u64,
}

impl Verdicts {
    /// A verdict is good for so many milliseconds; 0 for not at all.
    pub(crate) fn new(span_ms: f64) -> Self {
        Self { span_ms, state: Mutex::default() }
    }

    pub(crate) fn has(&self, mark: &UserMark, now: UnixMillis) -> bool {
        if self.span_ms == 0.0 {
            return false;
        }
        let until = self.lock().until_ms.get(&name(mark)).copied();
        // Either way of a clock that was moved.
        until.is_some_and(|until| {
            let left = until - now.as_f64();
            left > 0.0 && left <= self.span_ms
        })
    }

    /// A point in time for [`put`](Self::put).
    pub(crate) fn ends(&self) -> u64 {
        self.lock().ends
    }

    /// Keeps the verdict of a session that is live, unless something was ended since `asked`.
    pub(crate) fn put(&self, mark: &UserMark, now: UnixMillis, asked: u64) {
        let mut state = self.lock();
        if self.span_ms == 0.0 || state.ends != asked {
            return;
        }
        if state.until_ms.len() >= MOST {
            state.until_ms.clear();
        }
        state.until_ms.insert(name(mark), now.as_f64() + self.span_ms);
    }

    /// Forgets those of a user: some were ended.
    pub(crate) fn forget(&self, index: &SessionId) {
        let mut state = self.lock();
        state.ends += 1;
        state.until_ms.retain(|(own, _), _| own != index);
    }

    /// Nothing that panics happens while it is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(mark: &UserMark) -> (SessionId, SessionHandle) {
    (mark.index().clone(), mark.handle().clone())
}

/// Whoever comes after so many asks, and everybody with them.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(user: &str) -> UserMark {
        let index = SessionId::user_index(user).expect("legal");
        UserMark::new(&index, &SessionHandle::random().expect("random"), 0).expect("legal")
    }

    fn at(ms: u64) -> UnixMillis {
        UnixMillis::new(ms)
    }

    #[test]
    fn a_verdict_is_good_for_its_span_and_for_no_other_session() {
        let (verdicts, laptop) = (Verdicts::new(1000.0), mark("alice"));

        verdicts.put(&laptop, at(5000), verdicts.ends());

        assert!(verdicts.has(&laptop, at(5000)) && verdicts.has(&laptop, at(5999)));
        assert!(!verdicts.has(&laptop, at(6000)));
        assert!(!verdicts.has(&laptop, at(4999)), "the clock was put back");
        assert!(!verdicts.has(&mark("alice"), at(5000)));
    }

    #[test]
    fn an_end_forgets_the_sessions_of_that_user_and_of_no_other() {
        let (verdicts, alices, bobs) = (Verdicts::new(1000.0), mark("alice"), mark("bob"));
        verdicts.put(&alices, at(0), verdicts.ends());
        verdicts.put(&bobs, at(0), verdicts.ends());

        verdicts.forget(alices.index());

        assert!(!verdicts.has(&alices, at(0)));
        assert!(verdicts.has(&bobs, at(0)));
    }

    #[test]
    fn a_verdict_that_was_asked_for_before_an_end_is_not_kept() {
        let (verdicts, laptop) = (Verdicts::new(1000.0), mark("alice"));
        let asked = verdicts.ends();

        verdicts.forget(laptop.index());
        verdicts.put(&laptop, at(0), asked);

        assert!(!verdicts.has(&laptop, at(0)));
    }

    #[test]
    fn no_more_verdicts_are_kept_than_may_be() {
        let verdicts = Verdicts::new(1000.0);

        for _ in 0..=MOST {
            verdicts.put(&mark("alice"), at(0), 0);
        }

        assert_eq!(verdicts.lock().until_ms.len(), 1);
    }
}
