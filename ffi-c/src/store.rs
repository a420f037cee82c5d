//! Makes stores and frees them.
//!
//! ```text
//!   rsess_store = which process it belongs to -> poison -> figures -> memory, file or Redis
//! ```
//!
//! What a store is asked for is in the modules `record`, `update` and `figures`. Calls block; a
//! host with an event loop makes them from a thread of its own.

use std::ffi::{c_char, c_int};
use std::mem;
use std::time::Duration;

use rudder_session_core::store::Metered;
use rudder_session_core::{
    Durability, FileConfig, FileStore, MemoryConfig, MemoryStore, RedisConfig, RedisStore, Store,
};

use crate::boundary::{Guarded, boundary, lend, optional_text, take_back, text};
use crate::home::Home;
use crate::out::Out;
use crate::status::rsess_status;

/// A home for payloads on the server: in this process, in a file, or in Redis.
///
/// One store may serve any number of threads at once. Calls block: those of a file store and
/// of a Redis store for the deadline at most, the wait for a connection or for the disk
/// included; an update or a regenerate is made of several such steps if other requests change
/// the session meanwhile.
///
/// A store belongs to one process. One in memory or in Redis may be made before a fork, and
/// belongs to the process that uses it first: from its first call on it has threads and
/// connections. Each child may use its own copy of one that was not used before. A file store
/// belongs to the process that made it. In any other process every call answers
/// RSESS_ERR_FORKED, and rsess_store_free does nothing.
pub struct rsess_store {
    guarded: Guarded<Metered<Box<dyn Store>>>,
    home: Home,
}

/// When a write to a file store is safe from a crash.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum rsess_durability {
    /// Before the call returns: what was acknowledged is there after any crash.
    RSESS_DURABILITY_IMMEDIATE = 0,
    /// A tenth of a second later: a crash of the machine or of the process loses at most what
    /// was acknowledged in the last tenth of a second, and never leaves half of anything. Many
    /// times faster.
    RSESS_DURABILITY_EVENTUAL = 1,
}

/// Makes a store in the memory of this process.
///
/// At `max_bytes` the sessions that were not used for longest are dropped; 0 stands for
/// 67,108,864 bytes (64 MiB).
///
/// On RSESS_OK, `*store_out` is a new store, which the caller owns and hands to
/// rsess_store_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if `store_out` is NULL
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// `store_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_new_memory(
    max_bytes: u64,
    store_out: *mut *mut rsess_store,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store_out` is NULL or writable, as the caller promises.
        let store_out = unsafe { Out::new(store_out) }?;
        let mut config = MemoryConfig::default();
        if max_bytes != 0 {
            config.max_bytes = max_bytes;
        }

        let store = MemoryStore::new(config)?;

        store_out.write(lend(rsess_store::new(store, Home::of_the_first())));
        Ok(())
    })
}

/// Makes a store in one file, without a server: opens the file, or makes it.
///
/// `path` names the file in UTF-8; its folder must be there. One store at a time has a file
/// open, in all processes together. The file is read whole and checked first, and repaired if
/// it was not closed in order, after a crash: that takes time in proportion to its size,
/// seconds for 1 GiB. `durability` is one of rsess_durability. `deadline_ms` is how long one
/// call may wait for the disk, in milliseconds, up to an hour; 0 stands for 5,000.
///
/// Make it after a fork, not before: the store belongs to the process that made it. If that
/// one ends without rsess_store_free, its children keep the file in use until they end, too.
///
/// On RSESS_OK, `*store_out` is a new store, which the caller owns and hands to
/// rsess_store_free. On any other status a file that is there is left as it was.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_FILE_IN_USE if another store has the file open, of this process or another
/// - RSESS_ERR_FILE_FOREIGN if it is not the file of a store, or of another version
/// - RSESS_ERR_FILE_DAMAGED if it is one, but cannot be repaired
/// - RSESS_ERR_FILE_IO if the system does not let us: no such folder, no permission, no space
/// - RSESS_ERR_CONFIG_DURABILITY, RSESS_ERR_CONFIG_DEADLINE if that setting is refused
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `path` is empty or
///   not UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `path` is NULL, or valid for reads of `path_len` bytes.
/// - `store_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_new_file(
    path: *const c_char,
    path_len: usize,
    durability: c_int,
    deadline_ms: u32,
    store_out: *mut *mut rsess_store,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store_out` is NULL or writable, as the caller promises.
        let store_out = unsafe { Out::new(store_out) }?;
        // SAFETY: `path` is NULL or readable for `path_len`, as the caller promises.
        let path = unsafe { text(path, path_len) }?;
        if path.is_empty() {
            return Err(rsess_status::RSESS_ERR_INVALID_ARGUMENT);
        }
        let mut config = FileConfig::at(path);
        config.durability = durability_numbered(durability)?;
        if deadline_ms > MAX_DEADLINE_MS {
            return Err(rsess_status::RSESS_ERR_CONFIG_DEADLINE);
        }
        if deadline_ms != 0 {
            config.deadline = Duration::from_millis(deadline_ms.into());
        }

        let store = FileStore::open(config)?;

        store_out.write(lend(rsess_store::new(store, Home::here())));
        Ok(())
    })
}

/// Makes a store in Redis or Valkey. Connects when it is first used: this needs no server.
///
/// `url` is redis://[user:password@]host[:port][/database], the same with rediss:// for TLS,
/// or redis+unix:///path/to/socket. `prefix` goes before the id to name a record; NULL with
/// length 0 stands for "session:", a pointer with length 0 for no prefix. `ca_pem` is for
/// TLS: the certificates of the authorities to trust, in PEM; NULL with length 0 stands for
/// those of the system. `pool_size` is the most connections at a time, up to 1,024; 0 stands
/// for 8. `deadline_ms` is how long one call may take, in milliseconds, up to an hour; 0
/// stands for 500.
///
/// On RSESS_OK, `*store_out` is a new store, which the caller owns and hands to
/// rsess_store_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_REDIS_URL, RSESS_ERR_CONFIG_CA, RSESS_ERR_CONFIG_POOL_SIZE,
///   RSESS_ERR_CONFIG_DEADLINE if that setting is refused
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not
///   UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `url` is NULL, or valid for reads of `url_len` bytes.
/// - `prefix` is NULL, or valid for reads of `prefix_len` bytes.
/// - `ca_pem` is NULL, or valid for reads of `ca_pem_len` bytes.
/// - `store_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_new_redis(
    url: *const c_char,
    url_len: usize,
    prefix: *const c_char,
    prefix_len: usize,
    ca_pem: *const c_char,
    ca_pem_len: usize,
    pool_size: u32,
    deadline_ms: u32,
    store_out: *mut *mut rsess_store,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store_out` is NULL or writable, as the caller promises.
        let store_out = unsafe { Out::new(store_out) }?;
        // SAFETY: `url` is NULL or readable for `url_len`, as the caller promises.
        let url = unsafe { text(url, url_len) }?;
        // SAFETY: `prefix` is NULL or readable for `prefix_len`, as the caller promises.
        let prefix = unsafe { optional_text(prefix, prefix_len) }?;
        // SAFETY: `ca_pem` is NULL or readable for `ca_pem_len`, as the caller promises.
        let ca_pem = unsafe { optional_text(ca_pem, ca_pem_len) }?;
        let mut config = RedisConfig {
            url: url.to_owned(),
            ca_pem: ca_pem.map(str::to_owned),
            ..RedisConfig::default()
        };
        if let Some(prefix) = prefix {
            config.prefix = prefix.to_owned();
        }
        if pool_size != 0 {
            config.pool_size = pool_size;
        }
        if deadline_ms != 0 {
            config.deadline = Duration::from_millis(deadline_ms.into());
        }

        let store = RedisStore::new(config)?;

        store_out.write(lend(rsess_store::new(store, Home::of_the_first())));
        Ok(())
    })
}

/// Frees a store, and closes its file or its connections. NULL is a no-op.
///
/// Records in a file or in Redis stay there; those in memory are gone. A file is closed when
/// this returns; a connection may be a moment later, by a thread of the store's. In a process
/// that the store does not belong to this is a no-op, so a child may free what it got from its
/// parent.
///
/// # Safety
///
/// - `store` is NULL, or came from a rsess_store_new_... function and is not yet freed.
/// - No call that uses it is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_free(store: *mut rsess_store) {
    let _ = boundary(|| {
        // SAFETY: NULL, or made by `lend`, alive and unused, as the caller promises.
        let store = unsafe { take_back(store) };
        // To close what belongs to another process would write into that one's file, or say
        // goodbye on its connections.
        mem::forget(store.filter(|store| store.home.is_elsewhere()));
        Ok(())
    });
}

impl rsess_store {
    pub(crate) fn new(store: impl Store + 'static, home: Home) -> Self {
        let store: Box<dyn Store> = Box::new(store);
        Self { guarded: Guarded::new(Metered::new(store)), home }
    }

    /// Gives the store to `work`, unless it belongs to another process or is poisoned.
    pub(crate) fn call<R>(
        &self,
        work: impl FnOnce(&Metered<Box<dyn Store>>) -> Result<R, rsess_status>,
    ) -> Result<R, rsess_status> {
        self.home.enter()?;
        self.guarded.call(work)
    }
}

fn durability_numbered(number: c_int) -> Result<Durability, rsess_status> {
    const IMMEDIATE: c_int = rsess_durability::RSESS_DURABILITY_IMMEDIATE as c_int;
    const EVENTUAL: c_int = rsess_durability::RSESS_DURABILITY_EVENTUAL as c_int;
    match number {
        IMMEDIATE => Ok(Durability::Immediate),
        EVENTUAL => Ok(Durability::Eventual),
        _ => Err(rsess_status::RSESS_ERR_CONFIG_DURABILITY),
    }
}

/// An hour, as for a Redis store.
const MAX_DEADLINE_MS: u32 = 3_600_000;

/// The header promises that a store may be shared between threads.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<rsess_store>();
};
