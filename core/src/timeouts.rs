//! Decides when a session ends: so long after its last request, and so long after it began.
//!
//! ```text
//!   created_at      request   request     request               absolute end
//!        |--idle------>|--idle-->|--idle------>|--idle-->|  .  .  .  |
//!        |--absolute------------------------------------------------>|
//! ```
//!
//! The idle timeout is the TTL of a record, which each request starts anew. A request that
//! changes nothing does that by a touch, and only when less than a share of the TTL is left:
//! most requests then cost the store one read.
//!
//! The absolute timeout counts from `created_at`, a field of the record that is there only
//! where this timeout is. Nothing extends it.
//!
//! Pure: this knows no clock and no store. `store::resume` is where it is put to use.

use std::time::Duration;

use crate::error::ConfigError;
use crate::payload::Payload;
use crate::time::{Lifetime, Ttl, UnixMillis};

/// When sessions end, and when a request that changes nothing writes that it was there.
///
/// ```
/// use rudder_session::{Lifetime, Payload, Timeouts, UnixMillis};
///
/// let timeouts = Timeouts::idle(Lifetime::from_minutes(30.0)?)
///     .with_absolute(Lifetime::from_minutes(60.0)?)
///     .with_touch_below(0.5)?;
/// let minute = |minutes: u64| UnixMillis::new(minutes * 60_000);
/// let mut session = Payload::parse(r#"{"id":"a"}"#)?;
/// timeouts.stamp(&mut session, minute(0));
///
/// let seconds = |now| timeouts.ttl(&session, now).map(|ttl| ttl.as_seconds());
/// assert_eq!(seconds(minute(10)), Some(30 * 60));
/// assert_eq!(seconds(minute(45)), Some(15 * 60));
/// assert_eq!(seconds(minute(60)), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeouts {
    idle: Lifetime,
    absolute: Option<Lifetime>,
    touch_below: f64,
}

impl Timeouts {
    /// The share of its TTL below which a session is touched, unless set.
    ///
    /// With a half, a session in constant use is written twice in an idle timeout, however many
    /// requests there are, and lives for at least half an idle timeout after each.
    pub const TOUCH_BELOW: f64 = 0.5;

    /// Sessions end `timeout` after their last request.
    pub const fn idle(timeout: Lifetime) -> Self {
        Self { idle: timeout, absolute: None, touch_below: Self::TOUCH_BELOW }
    }

    /// Sessions also end `timeout` after they began, whatever happens in them.
    pub const fn with_absolute(self, timeout: Lifetime) -> Self {
        Self { absolute: Some(timeout), ..self }
    }

    /// Sessions are touched by a request that finds less than `share` (0 to 1) of the idle timeout
    /// left of the TTL: 1 is at each request, 0 is never.
    ///
    /// The price of a smaller share: a session may end when no more than `share` of the idle
    /// timeout has passed since its last request. With 0 it is the last *save* that counts.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TouchShare`] for any other number.
    pub fn with_touch_below(self, share: f64) -> Result<Self, ConfigError> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self { touch_below: share, ..self })
        } else {
            Err(ConfigError::TouchShare)
        }
    }

    /// Notes in `payload` that the session began at `now`, if that is needed and not there.
    ///
    /// For each new session, and before each save, so that a session from before the absolute
    /// timeout was set, or one that an older version has written meanwhile, gets one too.
    ///
    /// A session that claims to begin later than now begins now.
    pub fn stamp(&self, payload: &mut Payload, now: UnixMillis) {
        if self.lacks_stamp(payload, now) {
            payload.set_created_at(now);
        }
    }

    /// Whether [`stamp`](Self::stamp) has something to note.
    pub(crate) fn lacks_stamp(&self, payload: &Payload, now: UnixMillis) -> bool {
        self.absolute.is_some() && payload.created_at().is_none_or(|at| now < at)
    }

    /// The TTL for a save or touch at `now`: the idle timeout, or what is left until the
    /// absolute one, whichever is less; `None` if the session is over.
    ///
    /// Whole seconds, rounded up: a record may outlive the absolute timeout by less than one.
    /// Whether a session is over is judged by the millisecond.
    pub fn ttl(&self, payload: &Payload, now: UnixMillis) -> Option<Ttl> {
        match self.absolute_end(payload, now) {
            None => Some(self.idle.ttl()),
            Some(end) => now.until(end).map(|left| self.idle.ttl().min(Ttl::covering(left))),
        }
    }

    /// The `exp` of a cookie that is encoded at `now`, by the same rule; `None` if the session
    /// is over.
    pub fn expires_at(&self, payload: &Payload, now: UnixMillis) -> Option<UnixMillis> {
        let idle_end = self.idle.expires_at(now);
        match self.absolute_end(payload, now) {
            Some(end) if end <= now => None,
            Some(end) if end < idle_end => Some(end),
            _ => Some(idle_end),
        }
    }

    /// Whether the absolute timeout has passed.
    ///
    /// The idle timeout is the store's to judge: past it, there is no record.
    pub fn is_over(&self, payload: &Payload, now: UnixMillis) -> bool {
        self.absolute_end(payload, now).is_some_and(|end| end <= now)
    }

    /// Whether a record that has `left` of its TTL is due for a touch.
    ///
    /// Not if it lasts until the absolute timeout already.
    pub fn is_touch_due(&self, payload: &Payload, left: Duration, now: UnixMillis) -> bool {
        let is_little = left < self.idle.ttl().as_duration().mul_f64(self.touch_below);
        let end = self.absolute_end(payload, now);
        is_little && end.is_none_or(|end| now.until(end).is_some_and(|it| left < it))
    }

    fn absolute_end(&self, payload: &Payload, now: UnixMillis) -> Option<UnixMillis> {
        let absolute = self.absolute?;
        // Whoever wrote an instant that is still to come had a wrong clock, and must not give the
        // session more time than a new one gets.
        let created_at = payload.created_at().filter(|at| *at < now).unwrap_or(now);
        Some(absolute.expires_at(created_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_is_none_is_refused() {
        let with = |share| minutes(1.0, None).with_touch_below(share).map(|it| it.touch_below);

        for share in [0.0, 0.25, 1.0] {
            assert_eq!(with(share), Ok(share));
        }
        for share in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
            assert_eq!(with(share), Err(ConfigError::TouchShare), "{share}");
        }
    }

    #[test]
    fn the_last_millisecond_before_the_absolute_end_is_the_last_that_works() {
        let timeouts = minutes(10.0, Some(1.0));
        let session = created_at(1000);

        let last = UnixMillis::new(60_999);
        assert_eq!(timeouts.ttl(&session, last).map(Ttl::as_seconds), Some(1));
        assert_eq!(timeouts.expires_at(&session, last), Some(UnixMillis::new(61_000)));
        assert!(!timeouts.is_over(&session, last));

        let end = UnixMillis::new(61_000);
        assert_eq!((timeouts.ttl(&session, end), timeouts.expires_at(&session, end)), (None, None));
        assert!(timeouts.is_over(&session, end));
    }

    #[test]
    fn without_an_absolute_timeout_nothing_is_noted_and_nothing_is_ever_over() {
        let timeouts = minutes(0.025, None);
        let mut session = Payload::parse(r#"{"id":"a"}"#).expect("a payload");
        let before = session.clone();

        timeouts.stamp(&mut session, UnixMillis::new(5));

        assert_eq!(session, before);
        let old = created_at(0);
        let now = UnixMillis::new(8_000_000_000_000_000);
        assert_eq!(timeouts.ttl(&old, now).map(Ttl::as_seconds), Some(2));
        assert_eq!(timeouts.expires_at(&old, now), Some(UnixMillis::new(8_000_000_000_001_500)));
        assert!(!timeouts.is_over(&old, now));
    }

    #[test]
    fn a_session_is_stamped_once_unless_it_claims_to_begin_later_than_now() {
        let timeouts = minutes(1.0, Some(1.0));
        let stamped = |before: Option<u64>, now| {
            let mut session = Payload::parse(r#"{"id":"a"}"#).expect("a payload");
            before.into_iter().for_each(|at| session.set_created_at(UnixMillis::new(at)));
            timeouts.stamp(&mut session, UnixMillis::new(now));
            session.created_at()
        };

        assert_eq!(stamped(None, 5), Some(UnixMillis::new(5)));
        assert_eq!(stamped(Some(4), 5), Some(UnixMillis::new(4)));
        assert_eq!(stamped(Some(5), 5), Some(UnixMillis::new(5)));
        assert_eq!(stamped(Some(6), 5), Some(UnixMillis::new(5)));
    }

    #[test]
    fn a_touch_is_due_below_the_share_of_the_idle_timeout() {
        let due = |share: f64, left_ms| {
            let timeouts = minutes(1.0, None).with_touch_below(share).expect("legal");
            let left = Duration::from_millis(left_ms);
            timeouts.is_touch_due(&created_at(0), left, UnixMillis::new(0))
        };

        assert!(!due(0.0, 0));
        assert!(due(0.5, 29_999) && !due(0.5, 30_000));
        assert!(due(1.0, 59_999) && !due(1.0, 60_000));
    }

    #[test]
    fn a_record_that_lasts_until_the_absolute_timeout_is_not_touched_any_more() {
        let timeouts = minutes(1.0, Some(1.0)).with_touch_below(1.0).expect("legal");
        let due = |left_ms| {
            let left = Duration::from_millis(left_ms);
            timeouts.is_touch_due(&created_at(0), left, UnixMillis::new(50_000))
        };

        assert!(due(9_999));
        assert!(!due(10_000));
    }

    fn minutes(idle: f64, absolute: Option<f64>) -> Timeouts {
        let lifetime = |minutes| Lifetime::from_minutes(minutes).expect("legal");
        let timeouts = Timeouts::idle(lifetime(idle));
        absolute.map_or(timeouts, |it| timeouts.with_absolute(lifetime(it)))
    }

    fn created_at(millis: u64) -> Payload {
        let mut session = Payload::parse(r#"{"id":"a"}"#).expect("a payload");
        session.set_created_at(UnixMillis::new(millis));
        session
    }
}
