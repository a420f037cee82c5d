//! Holds everything that the requests of an application share.
//!
//! ```text
//!   rsess_config --rsess_engine_new--> rsess_engine = keys, cookie, timeouts, store, users
//!                                        ^   ^   ^
//!                     the caller --------+   |   +-------- operations of queues
//!                                        sessions
//! ```
//!
//! Each of them owns a share, so an engine may be freed in any order and from any thread: it ends
//! with the last share. What a request does with it is `session`'s and `queue`'s.

use std::mem;
use std::sync::Arc;

use rudder_session_core::cookie::SetCookie;
use rudder_session_core::store::{HashedIds, Metered, StoreFigures};
use rudder_session_core::{Limits, Store, Timeouts};

use crate::boundary::{Guarded, borrowed, boundary, lend_shared, peek, share, take_back_shared};
use crate::config::{Driver, Settings, rsess_config};
use crate::error::{Failure, explained, rsess_error};
use crate::figures::{FIRST_SIZE, rsess_figures};
use crate::format::Format;
use crate::home::Home;
use crate::out::{Out, SizedOut};
use crate::status::rsess_status::{self, *};
use crate::users::Users;

/// Keys, cookie, timeouts, store and users of an application: everything that its requests share.
///
/// Immutable but for its keys (see rsess_engine_reload), counted, and good for any number of threads
/// at once. It belongs to one process, as
/// its store does: with the driver cookie to all, with memory and redis to the process that uses
/// it first (so it may be made before a fork), with file to the process that made it. In any
/// other process what needs the store answers RSESS_ERR_FORKED, and the last free closes nothing.
/// The same holds for the store in users.store, whatever the driver is.
pub struct rsess_engine {
    parts: Guarded<Parts>,
}

/// Makes an engine from its settings.
///
/// Connects to nothing and starts no thread until it is used, but opens the file with the driver
/// file. `config` is read, not kept.
///
/// On RSESS_OK, `*engine_out` is a new engine, of which the caller owns one share and hands it to
/// rsess_engine_free. On an error `*error_out` says which setting is at fault; the caller hands
/// it to rsess_error_free. `error_out` may be NULL.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_... if a setting is refused, or one is missing
/// - RSESS_ERR_CONFIG_SECRET_UNREADABLE if a secret cannot be read from its file or variable
/// - RSESS_ERR_FILE_... if the file cannot be opened
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `config` is NULL, or came from rsess_config_new and is not yet freed.
/// - `engine_out` and `error_out` are NULL, or valid for writes of one pointer.
/// - With secretEnv no other thread writes to the environment meanwhile, as setenv does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_engine_new(
    config: *const rsess_config,
    engine_out: *mut *mut rsess_engine,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `engine_out` is NULL or writable, as the caller promises.
        let engine_out = unsafe { Out::new(engine_out) }?;
        // SAFETY: `config` is NULL or live, as the caller promises.
        let config = unsafe { borrowed(config) }?;

        let engine = rsess_engine::open(&*config.settings()?)?;

        engine_out.write(lend_shared(Arc::new(engine)));
        Ok(())
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Reads the secrets anew from their files and environment variables: secretFile, secretEnv.
///
/// Nothing watches them: a program calls this when it has put another secret in front of a file,
/// or has been told so by a signal. Waits for other reloads only: calls under way go on with the
/// keys that they began with. After an error the keys stay what they were. If neither setting was used
/// there is nothing to read, which is no error.
///
/// What retired secrets have signed is accepted until it expires or until secretUntil, and what is
/// saved is signed with the new one. Each process has keys of its own, and reloads them itself.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_SECRET_UNREADABLE if a secret cannot be read from its file or variable
/// - RSESS_ERR_CONFIG_SECRET, RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER if one of them is refused
/// - RSESS_ERR_INVALID_ARGUMENT if `engine` is NULL
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `engine` is NULL, or came from this library and the caller has not yet freed its share.
/// - `error_out` is NULL, or valid for writes of one pointer.
/// - With secretEnv no other thread writes to the environment meanwhile, as setenv does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_engine_reload(
    engine: *const rsess_engine,
    error_out: *mut *mut rsess_error,
) -> rsess_status {
    let body = || {
        // SAFETY: `engine` is NULL or live, as the caller promises.
        let engine = unsafe { borrowed(engine) }?;

        engine.call(|parts| Ok(parts.format.reload()?))
    };
    // SAFETY: `error_out` is NULL or writable, as the caller promises.
    unsafe { explained(error_out, body) }
}

/// Returns whether one of the secrets in use is easy to guess: it has less than 32 bytes, or fewer
/// than eight different characters. False for NULL.
///
/// For a warning when a program starts: whoever finds the secret out is every user. The library
/// itself prints nothing.
///
/// # Safety
///
/// `engine` is NULL, or came from this library and the caller has not yet freed its share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_engine_has_weak_secret(engine: *const rsess_engine) -> bool {
    // SAFETY: `engine` is NULL or live, as the caller promises.
    let engine = unsafe { peek(engine) };
    engine.is_some_and(|it| it.call(|parts| Ok(parts.format.has_weak_secret())).unwrap_or(false))
}

/// Makes one more share of an engine, for a part of the program that frees it by itself.
///
/// On RSESS_OK, `*engine_out` is the same engine, of which the caller owns one share more and
/// hands it to rsess_engine_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL
///
/// # Safety
///
/// - `engine` is NULL, or came from this library and the caller has not yet freed its share.
/// - `engine_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_engine_share(
    engine: *const rsess_engine,
    engine_out: *mut *mut rsess_engine,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `engine_out` is NULL or writable, as the caller promises.
        let engine_out = unsafe { Out::new(engine_out) }?;
        // SAFETY: `engine` is NULL or live, as the caller promises.
        let engine = unsafe { share(engine) }?;

        engine_out.write(lend_shared(engine));
        Ok(())
    })
}

/// Gives back one share of an engine; with the last one it closes its file or its connections.
/// NULL is a no-op.
///
/// Sessions and operations under way have shares of their own: they go on.
///
/// # Safety
///
/// - `engine` is NULL, or came from this library and the caller has not yet freed this share.
/// - No call that was given this share is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_engine_free(engine: *mut rsess_engine) {
    let _ = boundary(|| {
        // SAFETY: NULL, or made by `lend_shared` and not yet taken back, as the caller promises.
        drop(unsafe { take_back_shared(engine) });
        Ok(())
    });
}

/// Reads the figures of an engine's store, as rsess_store_figures does.
///
/// With the driver cookie all of them are 0. What is asked for the lists of users is counted with
/// the rest, unless they are in a store of their own.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL, or the size cannot be that of an
///   rsess_figures
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `engine` is NULL, or came from this library and the caller has not yet freed its share.
/// - `figures_out` is NULL, or valid for reads of its first field, and for reads and writes
///   of as many bytes as that says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_engine_figures(
    engine: *const rsess_engine,
    figures_out: *mut rsess_figures,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `figures_out` is NULL, or readable and writable as the caller promises.
        let figures_out = unsafe { SizedOut::new(figures_out, FIRST_SIZE) }?;
        // SAFETY: `engine` is NULL or live, as the caller promises.
        let engine = unsafe { borrowed(engine) }?;

        let figures = engine.parts.call(|parts| match &parts.place {
            Place::Cookie => Ok(StoreFigures::default()),
            Place::Store(store) => Ok(store.enter()?.figures()),
        })?;

        let size = figures_out.size();
        figures_out.write(&rsess_figures { size, ..figures.into() });
        Ok(())
    })
}

/// What an engine is made of.
pub(crate) struct Parts {
    pub(crate) format: Format,
    pub(crate) cookie_name: String,
    pub(crate) set_cookie: SetCookie,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) place: Place,
    pub(crate) users: Option<Users>,
}

impl Parts {
    pub(crate) fn users(&self) -> Result<&Users, Failure> {
        self.users.as_ref().ok_or_else(|| {
            Failure::new(RSESS_ERR_CONFIG_NO_USERS, "users: must be true for this call")
        })
    }
}

/// Where payloads live between requests.
pub(crate) enum Place {
    Cookie,
    Store(HomeStore),
}

pub(crate) type SharedStore = Arc<Metered<Box<dyn Store>>>;

/// A store, and the process that it belongs to.
pub(crate) struct HomeStore {
    /// Always there, until it is dropped.
    store: Option<SharedStore>,
    home: Home,
}

impl HomeStore {
    pub(crate) fn new(store: Box<dyn Store>, home: Home) -> Self {
        Self { store: Some(Arc::new(Metered::new(store))), home }
    }

    /// The store, unless it belongs to another process.
    pub(crate) fn enter(&self) -> Result<&SharedStore, rsess_status> {
        self.home.enter()?;
        self.store.as_ref().ok_or(RSESS_ERR_POISONED)
    }
}

impl Drop for HomeStore {
    fn drop(&mut self) {
        // To close what belongs to another process would write into that one's file, or say
        // goodbye on its connections.
        if self.home.is_elsewhere() {
            mem::forget(self.store.take());
        }
    }
}

impl rsess_engine {
    fn open(settings: &Settings) -> Result<Self, Failure> {
        let format = Format::new(settings)?;
        let timeouts = settings.timeouts()?;
        let set_cookie = SetCookie::new(&settings.cookie, settings.lifetime)?;
        settings.users.check(settings.driver)?;
        // Last: a file that was opened for nothing would be in use for a moment.
        let place = Place::open(settings)?;
        let users = Users::open(settings)?;
        Ok(Self::new(Parts {
            format,
            cookie_name: settings.cookie.name.clone(),
            set_cookie,
            timeouts,
            limits: settings.limits,
            place,
            users,
        }))
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Guarded::new(parts) }
    }

    /// Gives the parts to `work`, unless an earlier call panicked.
    pub(crate) fn call<R>(
        &self,
        work: impl FnOnce(&Parts) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        self.parts.call_explained(work)
    }

    /// Lets no more calls through, after a panic on a thread of the store's.
    pub(crate) fn poison(&self) {
        self.parts.poison();
    }
}

impl Place {
    fn open(settings: &Settings) -> Result<Self, Failure> {
        let Driver::Store(kind) = settings.driver else { return Ok(Self::Cookie) };
        let (store, home) = settings.store.open(kind)?;
        let store = if settings.format.is_v2 { Box::new(HashedIds::new(store)) } else { store };
        Ok(Self::Store(HomeStore::new(store, home)))
    }
}

/// The header promises that an engine may be shared between threads.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<rsess_engine>();
};
