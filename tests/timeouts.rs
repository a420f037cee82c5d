//! A session ends when it should: so long after its last request, and so long after it began,
//! whatever the numbers, and whatever the clock that wrote them.

use std::time::Duration;

use proptest::prelude::*;
use rudder_session::UnixMillis;
use rudder_session::store::{Metered, Resumed};
use rudder_session::{Lifetime, MemoryConfig, MemoryStore, Payload, SessionId, Store, Timeouts};
use rudder_session_trace as _;

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn no_answer_reaches_past_a_timeout(
        idle in minutes(),
        absolute in minutes(),
        created_at in prop::option::of(instant()),
        now in instant(),
    ) {
        let timeouts = Timeouts::idle(lifetime(idle)).with_absolute(lifetime(absolute));
        let session = created(created_at);
        let began = created_at.unwrap_or(now).min(now);
        let absolute_end = began + absolute * 60.0 * 1000.0;
        let end = absolute_end.min(now + idle * 60.0 * 1000.0);

        let ttl = timeouts.ttl(&session, at(now));
        let expires_at = timeouts.expires_at(&session, at(now));

        let over = absolute_end <= now;
        prop_assert_eq!(timeouts.is_over(&session, at(now)), over);
        prop_assert_eq!((ttl.is_none(), expires_at.is_none()), (over, over));
        if let (Some(ttl), Some(expires_at)) = (ttl, expires_at) {
            prop_assert_eq!(expires_at.as_f64(), end);
            // The largest numbers are rounded to whole milliseconds, twice.
            let more = at(now).plus(ttl).as_f64() - end;
            prop_assert!(more > -3.0 && more < 1003.0, "{} ms", more);
        }
    }

    #[test]
    fn without_an_absolute_timeout_the_ttl_is_the_idle_timeout(
        idle in minutes(),
        created_at in prop::option::of(instant()),
        now in instant(),
        share in 0.0..=1.0,
    ) {
        let timeouts = Timeouts::idle(lifetime(idle)).with_touch_below(share).expect("legal");
        let mut session = created(created_at);
        let before = session.clone();

        prop_assert_eq!(timeouts.ttl(&session, at(now)), Some(lifetime(idle).ttl()));
        let expires_at = timeouts.expires_at(&session, at(now));
        prop_assert_eq!(expires_at, Some(lifetime(idle).expires_at(at(now))));
        prop_assert!(!timeouts.is_over(&session, at(now)));
        timeouts.stamp(&mut session, at(now));
        prop_assert_eq!(session, before);
    }

    #[test]
    fn a_stamp_is_there_afterwards_never_later_than_now_and_stays(
        created_at in prop::option::of(instant()),
        now in instant(),
        later in 0.0..1e9,
    ) {
        let timeouts = Timeouts::idle(lifetime(1.0)).with_absolute(lifetime(1.0));
        let mut session = created(created_at);

        timeouts.stamp(&mut session, at(now));
        let stamped = session.clone();
        timeouts.stamp(&mut session, at(now + later));

        let expected = created_at.filter(|it| *it <= now).unwrap_or(now.floor());
        prop_assert_eq!(stamped.created_at(), Some(at(expected)));
        prop_assert_eq!(session, stamped);
    }

    #[test]
    fn a_touch_is_due_exactly_below_the_share(
        share in 0.0..=1.0,
        left in 0_u64..10_000_000,
        seconds in 1_u64..10_000,
        now in instant(),
    ) {
        let timeouts = Timeouts::idle(lifetime(seconds as f64 / 60.0));
        let timeouts = timeouts.with_touch_below(share).expect("legal");
        let ttl = timeouts.ttl(&created(None), at(now)).expect("it is not over");

        let due = timeouts.is_touch_due(&created(None), Duration::from_millis(left), at(now));

        let threshold = share * ttl.as_seconds() as f64 * 1000.0;
        prop_assume!((left as f64 - threshold).abs() > 1e-3);
        prop_assert_eq!(due, (left as f64) < threshold);
    }

    /// Requests come to a store at random times.
    #[test]
    fn a_session_lives_as_long_as_it_is_used_and_no_longer_than_it_may(
        idle in 5_u64..120,
        absolute in prop::option::of(5_u64..400),
        share in 0.0..=1.0,
        // In hundredths of the idle timeout.
        gaps in prop::collection::vec(0_u64..130, 1..40),
    ) {
        let mut timeouts = Timeouts::idle(lifetime(idle as f64));
        timeouts = timeouts.with_touch_below(share).expect("legal");
        if let Some(absolute) = absolute {
            timeouts = timeouts.with_absolute(lifetime(absolute as f64));
        }
        let store = Metered::new(MemoryStore::new(MemoryConfig::default()).expect("legal"));
        let id = SessionId::parse("a").expect("legal");
        let (idle, end) = (idle * 60_000, absolute.map(|it| it * 60_000));
        let mut session = Payload::new(&id);
        timeouts.stamp(&mut session, at(0.0));
        let ttl = timeouts.ttl(&session, at(0.0)).expect("it begins");
        store.create(&session, ttl, at(0.0)).expect("in memory");

        let mut now = 0;
        for gap in gaps {
            let gap = gap * idle / 100;
            now += gap;
            let over = end.is_some_and(|end| end <= now);
            let resumed = store.resume(&id, &timeouts, at(now as f64)).expect("in memory");

            match resumed {
                Resumed::Session { payload, touched } => {
                    prop_assert!(gap < idle && !over, "served {} ms after", gap);
                    prop_assert_eq!(payload, session.clone());
                    prop_assert!(touched.is_ok());
                }
                Resumed::None => {
                    let share_of_idle = (share * idle as f64) as u64;
                    prop_assert!(gap >= share_of_idle || over, "gone {} ms after", gap);
                    break;
                }
                Resumed::Expired => {
                    // A TTL is rounded up to a whole second.
                    prop_assert!(over && now - end.unwrap_or_default() < 1000);
                    break;
                }
                Resumed::Moved(_) => prop_assert!(false, "nobody regenerates it"),
            }
        }

        // Before each touch but the last, the rest of the idle timeout had to pass.
        let spared = (1.0 - share) * idle as f64;
        let touches = store.figures().touch.calls.saturating_sub(1);
        prop_assert!(touches as f64 * spared <= now as f64 + 1.0, "{} touches", touches);
    }
}

fn config(cases: u32) -> ProptestConfig {
    // What fails is printed in its smallest form; a file of seeds would only grow.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn minutes() -> impl Strategy<Value = f64> {
    prop_oneof![0.001..10.0, (1_u32..100_000).prop_map(f64::from)]
}

/// Milliseconds around now, and so close to each other that sessions of some minutes end.
fn instant() -> impl Strategy<Value = f64> {
    let near = 1_700_000_000_000.0..1_700_001_000_000.0;
    prop_oneof![near.clone(), near.prop_map(f64::floor), 0.0..8.64e15]
}

fn lifetime(minutes: f64) -> Lifetime {
    Lifetime::from_minutes(minutes).expect("legal")
}

fn at(millis: f64) -> UnixMillis {
    UnixMillis::from_f64(millis).expect("in range")
}

fn created(at: Option<f64>) -> Payload {
    let field = at.map(|at| format!(r#","created_at":{at}"#)).unwrap_or_default();
    Payload::parse(format!(r#"{{"id":"a"{field}}}"#)).expect("a payload")
}
