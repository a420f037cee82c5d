//! Collects the settings of an engine, by name.
//!
//! ```text
//!   rsess_config_set(config, "redis.url", "redis://..")  --rsess_engine_new-->  rsess_engine
//! ```
//!
//! Settings are text with names of text, so that a program of any language can pass its own
//! configuration through, and so that a setting that is new does not change the ABI. A name that
//! is not known is refused: a misspelled "cookie.secure" must not go unnoticed. What the settings
//! mean together is `engine`'s to check.

use std::ffi::c_char;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard};

use rudder_session_core::cookie::{CookieConfig, SameSite};
use rudder_session_core::secret::SecretSource;
use rudder_session_core::{Key, LegacyCookies, Lifetime, Limits, Timeouts, UnixMillis};

use crate::boundary::{borrowed, boundary, lend, take_back, text};
use crate::clock::instant;
use crate::error::{Failure, explained, rsess_error};
use crate::format::FormatSettings;
use crate::out::Out;
use crate::status::rsess_status::{self, *};
use crate::store_settings::{StoreKind, StoreSettings};
use crate::users::UsersSettings;

/// The settings of an engine. Made empty, filled in with rsess_config_set, read by
/// rsess_engine_new, which copies what it needs: it may be freed right after.
///
/// Holds secrets; their bytes are wiped from memory when it is freed.
pub struct rsess_config(Mutex<Settings>);

/// Makes a configuration in which every setting has its default.
///
/// On RSESS_OK, `*config_out` is a new configuration, which the caller owns and hands to
/// rsess_config_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if `config_out` is NULL
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// `config_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_config_new(config_out: *mut *mut rsess_config) -> rsess_status {
    boundary(|| {
        // SAFETY: `config_out` is NULL or writable, as the caller promises.
        let config_out = unsafe { Out::new(config_out) }?;

        config_out.write(lend(rsess_config(Mutex::default())));
        Ok(())
    })
}

/// Sets one setting. To set it again replaces it, unless it may be set more than once.
///
/// ```text
/// driver               where sessions live: cookie, memory, file, redis; cookie unless set
/// secret               signs cookies. One of these three must be set. They may be set more than
///                      once: the first secret signs, all verify
/// secretEnv            the environment variable that a secret is in
/// secretFile           the file that secrets are in, one in each line, the newest first
/// secretUntil          of what was set last of these three: the last instant at which it
///                      verifies, milliseconds since the Unix epoch; no end unless set. The first
///                      secret can have none
/// format               v1, v2: v1 is that of @rudderjs/session, v2 the hardened one, whose
///                      cookies are bound to their name, expiry and purpose, and whose records
///                      do not show the session ids; v1 unless set
/// acceptV1Until        with format v2: the last instant at which cookies of v1 are read,
///                      milliseconds since the Unix epoch; never unless set
/// encrypt              true, false: with format v2 and the driver cookie: whether clients cannot
///                      read what is in the cookie; false unless set
/// padTo                with encrypt: the length that the cookie shows is a multiple of this
///                      many bytes, 1 to 4096; 1 unless set
/// lifetime             minutes that a session lives, may be a fraction; 120 unless set
/// absoluteLifetime     minutes after which a session ends whatever happens in it; none unless
///                      set
/// touchBelow           0 to 1: a request that changes nothing starts the lifetime anew if less
///                      than this share of it is left; 0.5 unless set. Not with the driver
///                      cookie
/// rejectLegacyCookies  true, false: refuse cookies without expiry, with the driver cookie;
///                      false unless set
/// cookie.name          the cookie's name; rudderjs_session unless set
/// cookie.path          the path it is sent for; / unless set
/// cookie.sameSite      lax, strict, none; lax unless set
/// cookie.secure        true, false: sent over TLS only; true unless set
/// cookie.httpOnly      true, false: hidden from scripts; true unless set
/// limits.maxBytes      bytes that a session may have when it is saved; 16777216 unless set
/// limits.maxDepth      levels of arrays and objects that a value may have; 10000 unless set, and
///                      no more
/// limits.maxKeys       keys that a session may have, flash values included; 10000 unless set
/// memory.maxBytes      bytes to keep, the least used sessions go first; 67108864 unless set
/// file.path            the file. Must be set with the driver file
/// file.durability      immediate, eventual: see rsess_durability; immediate unless set
/// file.deadlineMs      milliseconds that one call may wait for the disk; 5000 unless set
/// redis.url            redis[s]://[user:password@]host[:port][/db] or redis+unix:///path;
///                      redis://127.0.0.1:6379 unless set
/// redis.prefix         goes before the id to name a record; session: unless set
/// redis.ca             with rediss: the authorities to trust, in PEM; those of the system
///                      unless set
/// redis.sentinels      host:port of a sentinel. May be set more than once
/// redis.clusterNodes   host:port of a node of a cluster. May be set more than once
/// redis.minReplicas    replicas that must have a write before it is done; 0 unless set
/// redis.poolSize       connections at a time to one server, 1 to 1024; 8 unless set
/// redis.deadlineMs     milliseconds that one step of the store may take; 500 unless set
/// users                true, false: whether each user's sessions are listed, so that they can be
///                      ended; see rsess_session_sign_in. false unless set. Wanted by all below
/// users.maxSessions    sessions that a user may have at a time; 1000 unless set, which is the
///                      most in any case
/// users.whenFull       end-oldest, refuse: whether a sign-in that is one too many ends the
///                      session that was not seen for longest, or is refused; end-oldest unless
///                      set
/// users.seenEverySeconds   how exactly it is noted when a session was last seen: a write each
///                      time; 60 unless set
/// users.checkEverySeconds  how long a process takes a session for live without asking the store
///                      again; at most users.seenEverySeconds; 0 unless set: each load asks
/// users.store.driver   memory, file, redis: where the lists are; where the sessions are unless
///                      set. Must be set with the driver cookie, which has no store
/// users.store...       memory.maxBytes, file.path and all others of that store, as above
/// ```
///
/// The names are those of the Node package, and so are the defaults but for cookie.secure,
/// redis.poolSize and touchBelow. Nothing is read from the environment but what secretEnv names, and
/// that, as the file, by rsess_engine_new and rsess_engine_reload. There is no users.key: who the
/// user is only rsess_session_sign_in says.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_UNKNOWN_KEY if there is no such setting
/// - RSESS_ERR_CONFIG_VALUE if the setting takes no such value
/// - RSESS_ERR_CONFIG_... if that setting is refused by itself; what depends on other settings
///   is refused by rsess_engine_new
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not UTF-8
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `config` is NULL, or came from rsess_config_new and is not yet freed.
/// - `key` is NULL, or valid for reads of `key_len` bytes.
/// - `value` is NULL, or valid for reads of `value_len` bytes.
/// - `error_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_config_set(
    config: *const rsess_config,
    key: *const c_char,
    key_len: usize,
    value: *const c_char,
    value_len: usize,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `config` is NULL or live, as the caller promises.
        let config = unsafe { borrowed(config) }?;
        // SAFETY: `key` is NULL or readable for `key_len`, as the caller promises.
        let key = unsafe { text(key, key_len) }?;
        // SAFETY: `value` is NULL or readable for `value_len`, as the caller promises.
        let value = unsafe { text(value, value_len) }?;

        config.settings()?.set(key, value)
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Frees a configuration. NULL is a no-op.
///
/// # Safety
///
/// - `config` is NULL, or came from rsess_config_new and is not yet freed.
/// - No call that uses it is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_config_free(config: *mut rsess_config) {
    let _ = boundary(|| {
        // SAFETY: NULL, or made by `lend`, alive and unused, as the caller promises.
        drop(unsafe { take_back(config) });
        Ok(())
    });
}

impl rsess_config {
    pub(crate) fn settings(&self) -> Result<MutexGuard<'_, Settings>, rsess_status> {
        self.0.lock().map_err(|_| RSESS_ERR_POISONED)
    }
}

/// Where sessions live.
#[derive(Clone, Copy)]
pub(crate) enum Driver {
    Cookie,
    Store(StoreKind),
}

/// All settings. Without `Debug`: they hold secrets.
pub(crate) struct Settings {
    pub(crate) driver: Driver,
    pub(crate) secrets: Vec<SecretSource>,
    pub(crate) format: FormatSettings,
    pub(crate) lifetime: Lifetime,
    pub(crate) legacy: LegacyCookies,
    pub(crate) limits: Limits,
    pub(crate) cookie: CookieConfig,
    pub(crate) store: StoreSettings,
    pub(crate) users: UsersSettings,
    absolute: Option<Lifetime>,
    touch_below: f64,
}

impl Default for Settings {
    fn default() -> Self {
        let lifetime = Lifetime::from_minutes(120.0).expect("a legal number");
        let cookie = CookieConfig {
            name: "rudderjs_session".to_owned(),
            secure: true,
            ..CookieConfig::default()
        };
        Self {
            driver: Driver::Cookie,
            secrets: Vec::new(),
            format: FormatSettings::default(),
            lifetime,
            legacy: LegacyCookies::Accept,
            limits: Limits::default(),
            cookie,
            store: StoreSettings::default(),
            users: UsersSettings::default(),
            absolute: None,
            touch_below: Timeouts::TOUCH_BELOW,
        }
    }
}

impl Settings {
    fn set(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        match key {
            "absoluteLifetime" => self.absolute = Some(minutes(key, value)?),
            "acceptV1Until" => self.format.accept_v1_until = Some(unix_ms(key, value)?),
            "cookie.httpOnly" => self.cookie.http_only = parsed(key, value)?,
            "cookie.name" => self.cookie.name = value.to_owned(),
            "cookie.path" => self.cookie.path = value.to_owned(),
            "cookie.sameSite" => self.cookie.same_site = SameSite::parse(value)?,
            "cookie.secure" => self.cookie.secure = parsed(key, value)?,
            "driver" => self.driver = driver(value)?,
            "encrypt" => self.format.encrypt = parsed(key, value)?,
            "format" => self.format.is_v2 = is_v2(value)?,
            "lifetime" => self.lifetime = minutes(key, value)?,
            "limits.maxBytes" => self.limits.max_bytes = limit(key, value)?,
            "limits.maxDepth" => self.limits.max_depth = limit(key, value)?,
            "limits.maxKeys" => self.limits.max_keys = limit(key, value)?,
            "padTo" => self.format.pad_to = Some(parsed(key, value)?),
            "rejectLegacyCookies" => {
                let reject: bool = parsed(key, value)?;
                self.legacy = if reject { LegacyCookies::Reject } else { LegacyCookies::Accept };
            }
            "secret" => {
                Key::new(value)?;
                self.secrets.push(SecretSource::text(value));
            }
            "secretEnv" => self.secrets.push(SecretSource::env(filled(key, value)?)),
            "secretFile" => self.secrets.push(SecretSource::file(filled(key, value)?)),
            "secretUntil" => {
                let until = unix_ms(key, value)?;
                let secret =
                    self.secrets.pop().ok_or_else(|| refused(key, "must follow a secret"))?;
                self.secrets.push(secret.until(until));
            }
            "touchBelow" => {
                let share = parsed(key, value)?;
                Timeouts::idle(self.lifetime).with_touch_below(share)?;
                self.touch_below = share;
            }
            "users" => self.users.set_on(parsed(key, value)?),
            _ => match key.strip_prefix("users.") {
                Some(name) => self.users.set(key, name, value)?,
                None => self.store.set(key, key, value)?,
            },
        }
        Ok(())
    }

    pub(crate) fn timeouts(&self) -> Result<Timeouts, Failure> {
        let timeouts = Timeouts::idle(self.lifetime).with_touch_below(self.touch_below)?;
        Ok(self.absolute.map_or(timeouts, |it| timeouts.with_absolute(it)))
    }
}

pub(crate) fn parsed<T: FromStr>(key: &str, value: &str) -> Result<T, Failure> {
    value.parse().map_err(|_| refused(key, "must be a number in range, or true or false"))
}

fn filled<'a>(key: &str, value: &'a str) -> Result<&'a str, Failure> {
    if value.is_empty() { Err(refused(key, "must not be empty")) } else { Ok(value) }
}

fn limit(key: &str, value: &str) -> Result<usize, Failure> {
    let limit: NonZeroUsize =
        value.parse().map_err(|_| refused(key, "must be a whole number above 0"))?;
    Ok(limit.get())
}

fn minutes(key: &str, value: &str) -> Result<Lifetime, Failure> {
    let minutes = value.parse().map_err(|_| refused(key, "must be a number of minutes"))?;
    Ok(Lifetime::from_minutes(minutes)?)
}

fn unix_ms(key: &str, value: &str) -> Result<UnixMillis, Failure> {
    let why = "must be milliseconds since the Unix epoch";
    instant(value.parse().map_err(|_| refused(key, why))?).map_err(|_| refused(key, why))
}

fn is_v2(value: &str) -> Result<bool, Failure> {
    match value {
        "v1" => Ok(false),
        "v2" => Ok(true),
        _ => Err(refused("format", "must be v1 or v2")),
    }
}

fn driver(value: &str) -> Result<Driver, Failure> {
    if value == "cookie" {
        return Ok(Driver::Cookie);
    }
    let kind = store_kind(value);
    kind.map(Driver::Store)
        .ok_or_else(|| refused("driver", "must be cookie, memory, file or redis"))
}

pub(crate) fn store_kind(value: &str) -> Option<StoreKind> {
    match value {
        "file" => Some(StoreKind::File),
        "memory" => Some(StoreKind::Memory),
        "redis" => Some(StoreKind::Redis),
        _ => None,
    }
}

/// Names the setting and not the value, which may be anything.
pub(crate) fn refused(key: &str, why: &str) -> Failure {
    Failure::new(RSESS_ERR_CONFIG_VALUE, format!("{key}: {why}"))
}

/// Does not say which: a program that changes places passes a secret for a key.
pub(crate) fn unknown_key() -> Failure {
    Failure::new(RSESS_ERR_CONFIG_UNKNOWN_KEY, "there is no setting of that name")
}

/// A configuration, like everything else, may go from thread to thread.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<rsess_config>();
};
