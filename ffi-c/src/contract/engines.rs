//! Engines, sessions and configurations as tests call them: through the exported functions.

use std::ffi::CStr;
use std::ptr::{self, null_mut};
use std::sync::Arc;

use rudder_session_core::cookie::{CookieConfig, SetCookie};
use rudder_session_core::{Lifetime, Limits, Store, Timeouts};

use super::SECRET;
use super::calls::{c, filled};
use super::redis_server::RedisServer;
use crate::boundary::lend_shared;
use crate::buffer::rsess_buf;
use crate::commit::*;
use crate::config::*;
use crate::engine::*;
use crate::error::*;
use crate::figures::*;
use crate::format::Format;
use crate::home::Home;
use crate::session::*;
use crate::status::rsess_status::{self, *};
use crate::users::Users;

/// Calls a function that may explain itself; it must do so exactly when somebody is at fault.
pub(super) fn explained(call: impl FnOnce(*mut *mut rsess_error) -> rsess_status) -> Told {
    let mut error = null_mut();
    let status = call(&raw mut error);
    assert_eq!(!error.is_null(), status.is_error(), "{status:?}");
    if error.is_null() {
        return Told { status, message: String::new() };
    }
    // SAFETY: made by the library, and not yet freed.
    assert_eq!(unsafe { rsess_error_status(error) }, status);
    // SAFETY: as above.
    let message = unsafe { rsess_error_message(error) };
    // SAFETY: a text that ends in NUL, and is copied before the error is freed.
    let message = unsafe { CStr::from_ptr(message) };
    let message = message.to_str().expect("UTF-8").to_owned();
    // SAFETY: as above.
    unsafe { rsess_error_free(error) };
    Told { status, message }
}

#[derive(Debug, Eq, PartialEq)]
pub(super) struct Told {
    pub(super) status: rsess_status,
    pub(super) message: String,
}

/// Sets settings one after the other; what the first that is refused was told.
pub(super) fn configured(settings: &[(&str, &str)]) -> Result<*mut rsess_config, Told> {
    let mut config = null_mut();
    // SAFETY: the place for the result is alive.
    assert_eq!(unsafe { rsess_config_new(&raw mut config) }, RSESS_OK);
    for (key, value) in settings {
        let ((key, key_len), (value, len)) = (c(*key), c(*value));
        // SAFETY: config, texts and the place for the error are alive.
        let told =
            explained(|out| unsafe { rsess_config_set(config, key, key_len, value, len, out) });
        if told.status != RSESS_OK {
            // SAFETY: made above, and freed here only.
            unsafe { rsess_config_free(config) };
            return Err(told);
        }
    }
    Ok(config)
}

/// What gives each Redis of the settings time on a machine that is busy.
fn patience(settings: &[(&str, &str)]) -> Vec<String> {
    let of_redis = settings.iter().filter_map(|(key, _)| key.strip_suffix("redis.url"));
    of_redis.map(|place| format!("{place}redis.deadlineMs")).collect()
}

pub(super) struct CEngine(pub(super) *mut rsess_engine);

// SAFETY: the header promises that an engine serves any number of threads at once.
unsafe impl Sync for CEngine {}

impl CEngine {
    pub(super) fn new(settings: &[(&str, &str)]) -> Result<Self, Told> {
        let patience = patience(settings);
        let patience: Vec<_> = patience.iter().map(|key| (key.as_str(), "10000")).collect();
        let config = configured(&[&patience, settings].concat())?;
        let mut engine = null_mut();
        // SAFETY: config and the places for the results are alive.
        let told = explained(|out| unsafe { rsess_engine_new(config, &raw mut engine, out) });
        // SAFETY: made above, and freed here only.
        unsafe { rsess_config_free(config) };
        if told.status == RSESS_OK { Ok(Self(engine)) } else { Err(told) }
    }

    pub(super) fn memory() -> Self {
        Self::new(&[("secret", SECRET), ("driver", "memory"), ("cookie.name", "sid")])
            .expect("an engine")
    }

    /// An engine over a store of Rust's.
    pub(super) fn over(store: impl Store + 'static) -> Self {
        Self::over_with(store, &[])
    }

    /// The same, with what the settings say of users.
    pub(super) fn over_with(store: impl Store + 'static, settings: &[(&str, &str)]) -> Self {
        let config_object = configured(&[&[("secret", SECRET)], settings].concat()).expect("legal");
        // SAFETY: made above, and freed below only.
        let settings = unsafe { &*config_object }.settings().expect("not poisoned");
        let users = Users::open(&settings).expect("legal");
        let format = Format::new(&settings).expect("legal");
        drop(settings);
        // SAFETY: made above, and freed here only.
        unsafe { rsess_config_free(config_object) };
        let lifetime = Lifetime::from_minutes(120.0).expect("legal");
        let config = CookieConfig { secure: true, ..CookieConfig::default() };
        Self(lend_shared(Arc::new(rsess_engine::new(Parts {
            format,
            cookie_name: "sid".to_owned(),
            set_cookie: SetCookie::new(&config, lifetime).expect("legal"),
            timeouts: Timeouts::idle(lifetime),
            limits: Limits::default(),
            place: Place::Store(HomeStore::new(Box::new(store), Home::of_the_first())),
            users,
        }))))
    }

    pub(super) fn load(&self, header: &str, now: u64) -> Result<CSession, Told> {
        let (header, len) = c(header);
        let mut session = ptr::dangling_mut();
        // SAFETY: engine, header and the places for the results are alive.
        let told = explained(|out| unsafe {
            rsess_session_load(self.0, header, len, now, &raw mut session, out)
        });
        if told.status == RSESS_OK {
            return Ok(CSession(session));
        }
        assert_eq!(session, ptr::dangling_mut(), "written on {told:?}");
        Err(told)
    }

    pub(super) fn reload(&self) -> Told {
        // SAFETY: the engine and the place for the error are alive.
        explained(|out| unsafe { rsess_engine_reload(self.0, out) })
    }

    pub(super) fn has_weak_secret(&self) -> bool {
        // SAFETY: the engine is alive.
        unsafe { rsess_engine_has_weak_secret(self.0) }
    }

    pub(super) fn figures(&self) -> rsess_figures {
        let mut figures = rsess_figures { size: size_of::<rsess_figures>(), ..Default::default() };
        // SAFETY: engine and the place for the result are alive.
        assert_eq!(unsafe { rsess_engine_figures(self.0, &raw mut figures) }, RSESS_OK);
        figures
    }
}

impl Drop for CEngine {
    fn drop(&mut self) {
        // SAFETY: made by the library, and freed here only.
        unsafe { rsess_engine_free(self.0) };
    }
}

pub(super) struct CSession(pub(super) *mut rsess_session);

impl CSession {
    pub(super) fn get(&self, key: &str) -> Result<String, rsess_status> {
        let (key, len) = c(key);
        // SAFETY: session, key and the place for the result are alive.
        filled(|out| unsafe { rsess_session_get(self.0, key, len, out) })
    }

    pub(super) fn get_flash(&self, key: &str) -> Result<String, rsess_status> {
        let (key, len) = c(key);
        // SAFETY: session, key and the place for the result are alive.
        filled(|out| unsafe { rsess_session_get_flash(self.0, key, len, out) })
    }

    pub(super) fn put(&self, key: &str, value: &str) -> rsess_status {
        let ((key, key_len), (value, len)) = (c(key), c(value));
        // SAFETY: session and texts are alive.
        unsafe { rsess_session_put(self.0, key, key_len, value, len) }
    }

    pub(super) fn flash(&self, key: &str, value: &str) -> rsess_status {
        let ((key, key_len), (value, len)) = (c(key), c(value));
        // SAFETY: session and texts are alive.
        unsafe { rsess_session_flash(self.0, key, key_len, value, len) }
    }

    pub(super) fn forget(&self, key: &str) -> rsess_status {
        let (key, len) = c(key);
        // SAFETY: session and key are alive.
        unsafe { rsess_session_forget(self.0, key, len) }
    }

    pub(super) fn keep(&self, key: &str) -> rsess_status {
        let (key, len) = c(key);
        // SAFETY: session and key are alive.
        unsafe { rsess_session_keep(self.0, key, len) }
    }

    pub(super) fn data(&self) -> String {
        // SAFETY: session and the place for the result are alive.
        filled(|out| unsafe { rsess_session_data(self.0, out) }).expect("the data")
    }

    pub(super) fn id(&self) -> String {
        // SAFETY: session and the place for the result are alive.
        filled(|out| unsafe { rsess_session_id(self.0, out) }).expect("an id")
    }

    /// Fresh, dirty, and why the cookie was refused.
    pub(super) fn is(&self) -> (bool, bool, rsess_status) {
        // SAFETY: the session is alive.
        let is_fresh = unsafe { rsess_session_is_fresh(self.0) };
        // SAFETY: the session is alive.
        let is_dirty = unsafe { rsess_session_is_dirty(self.0) };
        // SAFETY: the session is alive.
        (is_fresh, is_dirty, unsafe { rsess_session_refusal(self.0) })
    }

    pub(super) fn regenerate(&self) -> rsess_status {
        // SAFETY: the session is alive.
        unsafe { rsess_session_regenerate(self.0) }
    }

    pub(super) fn destroy(&self) -> rsess_status {
        // SAFETY: the session is alive.
        unsafe { rsess_session_destroy(self.0) }
    }

    /// What the commit came to, and the header that it gave, "" for none.
    pub(super) fn commit(&self, now: u64) -> (rsess_status, Option<String>) {
        let mut header = rsess_buf { ptr: null_mut(), len: 77, cap: 0 };
        // SAFETY: session and the places for the results are alive.
        let told =
            explained(|out| unsafe { rsess_session_commit(self.0, now, &raw mut header, out) });
        if header.ptr.is_null() {
            return (told.status, (header.len == 0).then(String::new));
        }
        (told.status, Some(header.take()))
    }

    /// Commits, and makes the Cookie header of the next request of it.
    pub(super) fn cookie(&self, now: u64) -> String {
        let (status, header) = self.commit(now);
        assert_eq!(status, RSESS_OK);
        let header = header.expect("written");
        header.split(';').next().expect("a cookie").to_owned()
    }
}

impl Drop for CSession {
    fn drop(&mut self) {
        // SAFETY: made by the library, and freed here only.
        unsafe { rsess_session_free(self.0) };
    }
}

/// Tries a promise with each driver, in each format.
pub(super) fn with_every_engine(promise: impl Fn(&str, &CEngine)) {
    let redis = RedisServer::start();
    let url = redis.url();
    let folder = super::files::Folder::new();
    let path = folder.path("engine.redb");
    let common = [("secret", SECRET), ("cookie.name", "sid")];
    let v2 = [("format", "v2")].as_slice();
    for (name, driver, setting, format) in [
        ("cookie", "cookie", None, [].as_slice()),
        ("memory", "memory", None, &[]),
        ("file", "file", Some(("file.path", path.as_str())), &[]),
        ("redis", "redis", Some(("redis.url", url.as_str())), &[]),
        ("cookie, v2", "cookie", None, v2),
        ("cookie, v2, sealed", "cookie", None, &[v2[0], ("encrypt", "true"), ("padTo", "64")]),
        ("memory, v2", "memory", None, v2),
        ("file, v2", "file", Some(("file.path", path.as_str())), v2),
        ("redis, v2", "redis", Some(("redis.url", url.as_str())), v2),
    ] {
        let mut settings = [&common[..], format].concat();
        settings.push(("driver", driver));
        settings.extend(setting);
        promise(name, &CEngine::new(&settings).expect(name));
    }
}
