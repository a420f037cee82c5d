//! Names instants and lengths of time, and converts between them.
//!
//! ```text
//!   Lifetime   minutes   the configuration field     --+--> Ttl          whole seconds, for stores
//!                                                      +--> UnixMillis   instant, for `exp`
//!                                                      +--> Max-Age      seconds, for the cookie
//! ```
//!
//! Every conversion of the project is here. Nothing here reads a clock except
//! [`UnixMillis::now`], which only outermost callers use.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::ConfigError;

/// An instant: milliseconds since the Unix epoch.
///
/// Kept as the number type that writes `exp` in JavaScript, so that comparing and printing an
/// instant gives what `JSON.parse` and `JSON.stringify` give: exact for whole milliseconds up
/// to 2^53, and fractions survive (a lifetime may be a fraction of a minute).
///
/// ```
/// use rudder_session::UnixMillis;
///
/// assert!(UnixMillis::new(1_001) > UnixMillis::new(1_000));
/// assert_eq!(UnixMillis::from_f64(f64::NAN), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct UnixMillis(f64);

impl UnixMillis {
    /// The instant `millis` milliseconds after the Unix epoch.
    pub const fn new(millis: u64) -> Self {
        Self(millis as f64)
    }

    /// The instant that a JavaScript number names, or `None` for NaN and for what a JavaScript
    /// `Date` cannot hold either.
    ///
    /// Less than a millisecond from the epoch counts as the epoch itself.
    pub fn from_f64(millis: f64) -> Option<Self> {
        let in_range = millis.abs() <= 8.64e15;
        in_range.then_some(Self(if millis.abs() < 1.0 { 0.0 } else { millis }))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_f64(self) -> f64 {
        self.0
    }

    /// The last whole millisecond of it, and none before the epoch.
    pub(crate) fn whole_millis(self) -> u64 {
        // A cast keeps within the bounds of its type.
        self.0.floor() as u64
    }

    /// Reads the system's clock.
    ///
    /// For the outermost call of a program only: everything else takes time as an argument.
    /// A clock set before 1970 counts as the epoch itself.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(since_epoch.as_millis() as f64)
    }

    /// This instant, `ttl` later.
    pub fn plus(self, ttl: Ttl) -> Self {
        Self(self.0 + ttl.as_seconds() as f64 * 1000.0)
    }

    /// How long it is from this instant to `later`; `None` if that is not later.
    pub fn until(self, later: Self) -> Option<Duration> {
        let seconds = (later.0 - self.0) / 1000.0;
        let seconds = Some(seconds).filter(|it| *it > 0.0)?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// Whole seconds that a record has left, from its last save or touch.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ttl(u64);

impl Ttl {
    /// The longest TTL: 40,000 days.
    pub const MAX: Self = Self(MAX_TTL_SECONDS);

    /// A TTL of `seconds`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Ttl`] for 0, which some stores take for "for ever" and others for "gone",
    /// and for more than about a century, which some stores cannot count.
    pub fn from_seconds(seconds: u64) -> Result<Self, ConfigError> {
        if (1..=MAX_TTL_SECONDS).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(ConfigError::Ttl)
        }
    }

    /// The shortest TTL that is not shorter than `length`, but for the longest there is.
    pub fn covering(length: Duration) -> Self {
        let started = u64::from(length.subsec_nanos() > 0);
        Self(length.as_secs().saturating_add(started).clamp(1, MAX_TTL_SECONDS))
    }

    /// Whole seconds, at least 1.
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// The same as a [`Duration`].
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// How long a session lives after its last save: the configuration field, in minutes.
///
/// ```
/// use rudder_session::{Lifetime, UnixMillis};
///
/// let lifetime = Lifetime::from_minutes(0.5)?;
/// assert_eq!(lifetime.ttl().as_seconds(), 30);
/// assert_eq!(lifetime.expires_at(UnixMillis::new(1_000)), UnixMillis::new(31_000));
/// assert!(Lifetime::from_minutes(0.0).is_err());
/// # Ok::<(), rudder_session::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifetime {
    minutes: f64,
}

impl Lifetime {
    /// A lifetime of `minutes`, fractions allowed.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidLifetime`] for NaN, infinities, zero, negative numbers, and more
    /// than about a century.
    pub fn from_minutes(minutes: f64) -> Result<Self, ConfigError> {
        if minutes > 0.0 && minutes * 60.0 <= MAX_TTL_SECONDS as f64 {
            Ok(Self { minutes })
        } else {
            Err(ConfigError::InvalidLifetime)
        }
    }

    /// The TTL of a record, rounded up: a store counts whole seconds, and a session must not
    /// end before its cookie does.
    pub fn ttl(self) -> Ttl {
        Ttl((self.minutes * 60.0).ceil().max(1.0) as u64)
    }

    /// Whole milliseconds, rounded up.
    pub(crate) fn as_millis(self) -> u64 {
        (self.minutes * 60.0 * 1000.0).ceil() as u64
    }

    /// The `exp` of a cookie that is encoded at `now`.
    ///
    /// Multiplied in the order in which the JavaScript original does it, since the last bits
    /// of a fraction depend on that.
    pub fn expires_at(self, now: UnixMillis) -> UnixMillis {
        UnixMillis(now.0 + self.minutes * 60.0 * 1000.0)
    }

    /// The number for the cookie attribute `Max-Age`, in seconds; a fraction if the lifetime is.
    pub fn max_age_seconds(self) -> f64 {
        self.minutes * 60.0
    }
}

/// 40,000 days. Browsers cap cookies at 400 days; Redis overflows far later.
const MAX_TTL_SECONDS: u64 = 40_000 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_that_could_mean_for_ever_is_refused() {
        for minutes in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -1.0, 1e300] {
            assert_eq!(Lifetime::from_minutes(minutes), Err(ConfigError::InvalidLifetime));
        }
    }

    #[test]
    fn a_ttl_is_rounded_up_to_whole_seconds() {
        let seconds = |minutes| Lifetime::from_minutes(minutes).map(|it| it.ttl().as_seconds());

        assert_eq!(seconds(120.0), Ok(7200));
        assert_eq!(seconds(0.025), Ok(2));
        assert_eq!(seconds(1e-9), Ok(1));
    }

    #[test]
    fn a_ttl_covers_what_is_left_and_less_than_a_second_more() {
        let covering = |millis| Ttl::covering(Duration::from_millis(millis)).as_seconds();

        assert_eq!([0, 1, 999, 1000, 1001].map(covering), [1, 1, 1, 1, 2]);
        assert_eq!(Ttl::covering(Duration::MAX), Ttl::MAX);
    }

    #[test]
    fn there_is_no_time_until_what_is_not_later() {
        let until = |millis| UnixMillis::new(1000).until(UnixMillis::new(millis));

        assert_eq!(until(1001), Some(Duration::from_millis(1)));
        assert_eq!((until(1000), until(0)), (None, None));
    }

    #[test]
    fn a_ttl_of_zero_is_refused() {
        assert_eq!(Ttl::from_seconds(0), Err(ConfigError::Ttl));
        assert_eq!(Ttl::from_seconds(u64::MAX), Err(ConfigError::Ttl));
        assert_eq!(Ttl::from_seconds(1), Ok(Ttl(1)));
    }
}
