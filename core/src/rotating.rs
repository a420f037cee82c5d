//! Exchanges the keys of a codec while threads use it.
//!
//! ```text
//!   sources --read--> secrets --make--> a codec for each stretch of time between ends
//!                                         | at(now)
//!   reload() puts others in their place   v
//!                                       the codec of now
//! ```
//!
//! The secrets themselves are wiped when the codecs are made. Knows no format.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use crate::error::ConfigError;
use crate::events;
use crate::secret::{self, Secret, SecretSource};
use crate::time::UnixMillis;

/// A codec with keys from sources that are read again on request; retired ones come to their end
/// by themselves.
///
/// `C` is a codec of either format. Good for any number of threads at once: none of them waits
/// for another, and who reloads waits for other reloads only.
///
/// ```
/// use rudder_session::secret::SecretSource;
/// use rudder_session::{ConfigError, CookieCodec, KeyRing, Rotating, SessionId, UnixMillis};
///
/// let day_one = UnixMillis::new(1_700_000_000_000);
/// let sources = vec![
///     SecretSource::text("new-secret-of-32-random-bytes!!!"),
///     SecretSource::text("the-old-one-0123456789abcdef").until(day_one),
/// ];
/// let codec = Rotating::open(sources, |secrets| {
///     let ring = KeyRing::from_secrets(secrets.iter().map(|it| it.expose()))?;
///     Ok(CookieCodec::new(ring))
/// })?;
///
/// let id = SessionId::random()?;
/// let old = CookieCodec::new(KeyRing::from_secrets(["the-old-one-0123456789abcdef"])?);
/// let value = old.encode_id(&id);
/// assert_eq!(codec.at(day_one).decode_id(&value), Ok(id));
/// assert!(codec.at(UnixMillis::now()).decode_id(&value).is_err());
///
/// codec.reload()?; // reads files and variables anew; on an error the keys stay what they are
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Rotating<C> {
    /// None if reading them again gives the same: no secret stays in memory then.
    sources: Vec<SecretSource>,
    make: Box<Make<C>>,
    stages: ArcSwap<Stages<C>>,
    /// Held from reading to exchanging, or what was read first could come last.
    reloading: Mutex<()>,
}

impl<C> Rotating<C> {
    /// Reads all sources, and has `make` set up a codec: of all secrets, and of those that are
    /// left after each end. The first secret signs, all verify.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::UnreadableSecret`] if a source cannot be read.
    /// - [`ConfigError::PrimaryEnds`] if the first secret has an end.
    /// - [`ConfigError::EmptyKeyRing`] if there is no source.
    /// - Those of `make`.
    pub fn open(
        sources: Vec<SecretSource>,
        make: impl Fn(&[Secret]) -> Result<C, ConfigError> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let stages = Stages::read(&sources, &make)?;
        let can_change = sources.iter().any(SecretSource::can_change);
        Ok(Self {
            sources: if can_change { sources } else { Vec::new() },
            make: Box::new(make),
            stages: ArcSwap::from_pointee(stages),
            reloading: Mutex::default(),
        })
    }

    /// Reads all sources anew, after a reload that is under way. Whoever uses a codec meanwhile goes
    /// on with the keys that it began with.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open). The keys stay what they are then.
    pub fn reload(&self) -> Result<(), ConfigError> {
        if !self.sources.is_empty() {
            let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
            self.stages.store(Arc::new(Stages::read(&self.sources, &*self.make)?));
        }
        Ok(())
    }

    /// The codec that verifies at `now`. It signs, too.
    pub fn at(&self, now: UnixMillis) -> Current<C> {
        let stages = self.stages.load();
        // The last one has no end.
        let index = stages.ends.iter().take_while(|end| **end < now).count();
        Current { stages, index }
    }

    /// A codec that signs, as all of them do alike: no key that signs comes to an end.
    pub fn to_sign(&self) -> Current<C> {
        let stages = self.stages.load();
        let index = stages.ends.len();
        Current { stages, index }
    }

    /// Whether one of the secrets in use is easy to guess, see [`secret::is_weak`].
    pub fn has_weak_secret(&self) -> bool {
        self.stages.load().has_weak_secret
    }
}

impl<C> fmt::Debug for Rotating<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotating").field("sources", &self.sources).finish_non_exhaustive()
    }
}

/// A codec in use: it stays what it is while this is held.
pub struct Current<C> {
    stages: Guard<Arc<Stages<C>>>,
    index: usize,
}

impl<C> Deref for Current<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.stages.codecs[self.index]
    }
}

impl<C> fmt::Debug for Current<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current(..)")
    }
}

type Make<C> = dyn Fn(&[Secret]) -> Result<C, ConfigError> + Send + Sync;

/// One codec more than there are ends: each is of the secrets that are good up to its end.
struct Stages<C> {
    codecs: Vec<C>,
    /// Ascending, in milliseconds.
    ends: Vec<UnixMillis>,
    has_weak_secret: bool,
}

impl<C> Stages<C> {
    fn read(sources: &[SecretSource], make: &Make<C>) -> Result<Self, ConfigError> {
        let mut secrets = Vec::new();
        for source in sources {
            secrets.extend(source.read().map_err(ConfigError::UnreadableSecret)?);
        }
        let primary = secrets.first().ok_or(ConfigError::EmptyKeyRing)?;
        if primary.until().is_some() {
            return Err(ConfigError::PrimaryEnds);
        }
        let has_weak_secret = secrets.iter().any(|it| secret::is_weak(it.expose()));

        let mut ends: Vec<_> = secrets.iter().filter_map(Secret::until).collect();
        ends.sort_unstable_by(|a, b| a.as_f64().total_cmp(&b.as_f64()));
        ends.dedup();
        let mut codecs = vec![make(&secrets)?];
        for end in &ends {
            secrets.retain(|it| it.until().is_none_or(|until| until > *end));
            codecs.push(make(&secrets)?);
        }
        if has_weak_secret {
            events::weak_secret();
        }
        Ok(Self { codecs, ends, has_weak_secret })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::{env, fs, thread};

    use super::*;
    use crate::secret::SecretError;

    /// A codec that is the texts of its secrets.
    fn texts(secrets: &[Secret]) -> Result<Vec<String>, ConfigError> {
        Ok(secrets.iter().map(|it| it.expose().to_owned()).collect())
    }

    fn until(text: &str, end: u64) -> SecretSource {
        SecretSource::text(text).until(UnixMillis::new(end))
    }

    #[test]
    fn each_secret_verifies_up_to_its_end_and_the_first_signs_for_ever() {
        let sources = vec![SecretSource::text("a"), until("b", 20), until("c", 10), until("d", 20)];
        let codec = Rotating::open(sources, texts).expect("legal");

        for (now, expected) in
            [(0, "abcd"), (10, "abcd"), (11, "abd"), (20, "abd"), (21, "a"), (u64::MAX, "a")]
        {
            assert_eq!(codec.at(UnixMillis::new(now)).concat(), expected, "{now}");
        }
        assert_eq!(codec.to_sign().concat(), "a");
    }

    #[test]
    fn what_can_sign_nothing_is_refused() {
        let refused = |sources| Rotating::open(sources, texts).map(drop).unwrap_err();

        assert_eq!(refused(vec![]), ConfigError::EmptyKeyRing);
        assert_eq!(refused(vec![until("a", 10)]), ConfigError::PrimaryEnds);
        let absent = vec![SecretSource::env("NOBODY_HAS_SET_THIS")];
        assert_eq!(refused(absent), ConfigError::UnreadableSecret(SecretError::Absent));
        let make = |_: &[Secret]| Err::<(), _>(ConfigError::PlaceholderSecret);
        let error = Rotating::open(vec![SecretSource::text("a")], make).map(drop);
        assert_eq!(error, Err(ConfigError::PlaceholderSecret));
    }

    #[test]
    fn a_reload_reads_anew_and_an_error_leaves_the_keys_as_they_are() {
        let path = env::temp_dir().join(format!("rotating-{}", std::process::id()));
        fs::write(&path, "old\n").expect("it is writable");
        let sources = vec![SecretSource::file(&path), until("text", 10)];
        let codec = Rotating::open(sources, texts).expect("legal");
        let in_use = codec.at(UnixMillis::new(0));
        let now = || codec.at(UnixMillis::new(0)).join(" ");
        assert_eq!(now(), "old text");

        fs::write(&path, "new\nold\n").expect("it is writable");
        assert_eq!(now(), "old text");
        assert_eq!(codec.reload(), Ok(()));
        assert_eq!(now(), "new old text");
        assert_eq!(codec.to_sign()[0], "new");

        fs::write(&path, "\n").expect("it is writable");
        assert_eq!(codec.reload(), Err(ConfigError::UnreadableSecret(SecretError::Empty)));
        fs::remove_file(&path).expect("it is there");
        assert!(codec.reload().is_err());
        assert_eq!(now(), "new old text");
        assert_eq!(in_use.join(" "), "old text");
    }

    #[test]
    fn secrets_that_are_given_as_text_are_not_kept() {
        let codec = Rotating::open(vec![SecretSource::text("a")], texts).expect("legal");

        assert!(codec.sources.is_empty());
        assert_eq!(codec.reload(), Ok(()));
        assert_eq!(codec.to_sign().concat(), "a");
    }

    #[test]
    fn a_secret_that_is_easy_to_guess_is_told_of() {
        let strong = "0123456789abcdef0123456789abcdef";
        let has_weak = |sources| Rotating::open(sources, texts).expect("legal").has_weak_secret();

        assert!(!has_weak(vec![SecretSource::text(strong)]));
        assert!(has_weak(vec![SecretSource::text(strong), SecretSource::text("retired")]));
    }

    #[test]
    fn threads_see_one_set_of_keys_or_the_other() {
        let numbers = Mutex::new(0..);
        let make = move |_: &[Secret]| {
            let number: u64 = numbers.lock().expect("nobody panics").next().expect("endless");
            Ok([number, number])
        };
        // A variable that cargo sets: what is made of it differs all the same.
        let sources = vec![SecretSource::env("CARGO_PKG_NAME")];
        let codec = Rotating::open(sources, make).expect("legal");

        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut before = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        let [first, second] = *codec.at(UnixMillis::new(0));
                        assert!(first == second && first >= before);
                        before = first;
                    }
                });
            }
            for _ in 0..1000 {
                codec.reload().expect("it is set");
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(*codec.to_sign(), [1000, 1000]);
    }

    #[test]
    fn of_two_reloads_at_once_none_reads_before_the_other_is_done() {
        let overlaps = Arc::new(AtomicBool::new(false));
        let is_busy = AtomicBool::new(false);
        let make = {
            let overlaps = Arc::clone(&overlaps);
            move |_: &[Secret]| {
                overlaps.fetch_or(is_busy.swap(true, Ordering::SeqCst), Ordering::SeqCst);
                thread::yield_now();
                is_busy.store(false, Ordering::SeqCst);
                Ok(())
            }
        };
        let codec = Rotating::open(vec![SecretSource::env("CARGO_PKG_NAME")], make).expect("legal");

        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| codec.reload().expect("it is set")));
            }
        });

        assert!(!overlaps.load(Ordering::SeqCst));
    }
}
