//! Loads and saves payloads through a store.
//!
//! ```text
//!   id --load--> payload    payload --save--> record    id --touch--> TTL anew    id --destroy-->
//! ```
//!
//! Calls block; a host with an event loop makes them from a thread of its own.

use std::ffi::c_char;
use std::time::Duration;

use rudder_session_core::{
    MemoryConfig, MemoryStore, Payload, RedisConfig, RedisStore, SessionId, Store, Ttl,
};

use crate::boundary::{Guarded, Out, borrowed, boundary, lend, optional_text, take_back, text};
use crate::buffer::rsess_buf;
use crate::clock::instant;
use crate::status::rsess_status;

/// A home for payloads on the server: in this process, or in Redis.
///
/// One store may serve any number of threads at once. Calls block: those of a Redis store
/// for its deadline at most, the wait for a connection of the pool included.
///
/// After a fork, use a store only in the process that used it first: it has threads and
/// connections from its first call on. One that was made but not used yet may be used by
/// every process.
pub struct rsess_store(pub(crate) Guarded<Box<dyn Store>>);

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

        store_out.write(lend(rsess_store(Guarded::new(Box::new(store)))));
        Ok(())
    })
}

/// Makes a store in Redis or Valkey. Connects when it is first used: this needs no server.
///
/// `url` is redis://[user:password@]host[:port][/database] or redis+unix:///path/to/socket.
/// `prefix` goes before the id to name a record; NULL with length 0 stands for "session:",
/// a pointer with length 0 for no prefix. `pool_size` is the most connections at a time,
/// up to 1,024; 0 stands for 8. `deadline_ms` is how long one call may take, in
/// milliseconds, up to an hour; 0 stands for 500.
///
/// On RSESS_OK, `*store_out` is a new store, which the caller owns and hands to
/// rsess_store_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_REDIS_URL, RSESS_ERR_CONFIG_POOL_SIZE, RSESS_ERR_CONFIG_DEADLINE
///   if that setting is refused
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not
///   UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `url` is NULL, or valid for reads of `url_len` bytes.
/// - `prefix` is NULL, or valid for reads of `prefix_len` bytes.
/// - `store_out` is NULL, or valid for writes of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_new_redis(
    url: *const c_char,
    url_len: usize,
    prefix: *const c_char,
    prefix_len: usize,
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
        let mut config = RedisConfig { url: url.to_owned(), ..RedisConfig::default() };
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

        store_out.write(lend(rsess_store(Guarded::new(Box::new(store)))));
        Ok(())
    })
}

/// Frees a store, and closes its connections. NULL is a no-op.
///
/// Records in Redis stay there; those in memory are gone.
///
/// # Safety
///
/// - `store` is NULL, or came from rsess_store_new_memory or rsess_store_new_redis and is
///   not yet freed.
/// - No call that uses it is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_free(store: *mut rsess_store) {
    let _ = boundary(|| {
        // SAFETY: NULL, or made by `lend`, alive and unused, as the caller promises.
        drop(unsafe { take_back(store) });
        Ok(())
    });
}

/// Reads the payload of a session.
///
/// A record that carries another id than its own is never handed out: it counts as none,
/// see rsess_store_foreign_records. `now_unix_ms` is milliseconds since the Unix epoch; a
/// memory store judges expiry by it, Redis has a clock of its own.
///
/// On RSESS_OK, `*payload_out` is a new buffer with the JSON text
/// {"id":..,"data":{..},"flash_next":{..}}, which the caller hands to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such record, or no longer
/// - RSESS_ERR_STORE_... if the store cannot say; the session may be alive
/// - RSESS_ERR_INVALID_ID if `id` is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `id` is not UTF-8,
///   or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from rsess_store_new_memory or rsess_store_new_redis and is
///   not yet freed.
/// - `id` is NULL, or valid for reads of `id_len` bytes.
/// - `payload_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_load(
    store: *const rsess_store,
    id: *const c_char,
    id_len: usize,
    now_unix_ms: u64,
    payload_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `payload_out` is NULL or writable, as the caller promises.
        let payload_out = unsafe { Out::new(payload_out) }?;
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `id` is NULL or readable for `id_len`, as the caller promises.
        let id = session_id(unsafe { text(id, id_len) }?)?;
        let now = instant(now_unix_ms)?;

        let payload = store.0.call(|store| Ok(store.load(&id, now)?))?;

        payload_out.write(payload.ok_or(rsess_status::RSESS_NOT_FOUND)?.as_json().into());
        Ok(())
    })
}

/// Writes a payload under its own id, in place of what is there, and starts its TTL anew.
///
/// `payload_json` is an object with "id", "data" and "flash_next"; what they hold is stored
/// verbatim. The record lives for `ttl_seconds` from now on. `now_unix_ms` is milliseconds
/// since the Unix epoch.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_STORE_... if the write may not have been done. It may have been all the
///   same: the answer can get lost.
/// - RSESS_ERR_NOT_A_PAYLOAD if `payload_json` is not an object whose "id" is a string
/// - RSESS_ERR_INVALID_ID if that id is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_TOO_LARGE if the payload is larger than the bound of a memory store
/// - RSESS_ERR_CONFIG_TTL if `ttl_seconds` is 0 or more than 3,456,000,000
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `payload_json` is
///   not UTF-8, or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from rsess_store_new_memory or rsess_store_new_redis and is
///   not yet freed.
/// - `payload_json` is NULL, or valid for reads of `payload_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_save(
    store: *const rsess_store,
    payload_json: *const c_char,
    payload_len: usize,
    ttl_seconds: u64,
    now_unix_ms: u64,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `payload_json` is NULL or readable for `payload_len`, as the caller promises.
        let payload_json = unsafe { text(payload_json, payload_len) }?;
        let ttl = Ttl::from_seconds(ttl_seconds)?;
        let now = instant(now_unix_ms)?;

        store.0.call(|store| {
            let payload = Payload::parse(payload_json)?;
            Ok(store.save(&payload, ttl, now)?)
        })
    })
}

/// Starts the TTL of a record anew, and leaves its payload as it is.
///
/// The record lives for `ttl_seconds` from now on. `now_unix_ms` is milliseconds since the
/// Unix epoch.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such record, or no longer
/// - RSESS_ERR_STORE_... if the store cannot say
/// - RSESS_ERR_INVALID_ID if `id` is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_CONFIG_TTL if `ttl_seconds` is 0 or more than 3,456,000,000
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, `id` is not UTF-8,
///   or `now_unix_ms` is more than 8,640,000,000,000,000
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from rsess_store_new_memory or rsess_store_new_redis and is
///   not yet freed.
/// - `id` is NULL, or valid for reads of `id_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_touch(
    store: *const rsess_store,
    id: *const c_char,
    id_len: usize,
    ttl_seconds: u64,
    now_unix_ms: u64,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `id` is NULL or readable for `id_len`, as the caller promises.
        let id = session_id(unsafe { text(id, id_len) }?)?;
        let ttl = Ttl::from_seconds(ttl_seconds)?;
        let now = instant(now_unix_ms)?;

        let found = store.0.call(|store| Ok(store.touch(&id, ttl, now)?))?;

        found.then_some(()).ok_or(rsess_status::RSESS_NOT_FOUND)
    })
}

/// Removes the record of a session. To remove what is not there succeeds.
///
/// Returns:
/// - RSESS_OK: there is no such record any more
/// - RSESS_ERR_STORE_... if it may still be there. Do not swallow this: somebody logged out.
/// - RSESS_ERR_INVALID_ID if `id` is not 1 to 128 of A-Z a-z 0-9 - and _
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or `id` is not UTF-8
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from rsess_store_new_memory or rsess_store_new_redis and is
///   not yet freed.
/// - `id` is NULL, or valid for reads of `id_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_destroy(
    store: *const rsess_store,
    id: *const c_char,
    id_len: usize,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;
        // SAFETY: `id` is NULL or readable for `id_len`, as the caller promises.
        let id = session_id(unsafe { text(id, id_len) }?)?;

        store.0.call(|store| Ok(store.destroy(&id)?))
    })
}

/// Counts the records met so far that carried another id than the one asked for.
///
/// They are never handed out. Above zero, something is badly wrong: replies reach the wrong
/// caller, or somebody else writes into the store. Raise an alarm.
///
/// On RSESS_OK, `*count_out` is the count.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be
/// - RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from rsess_store_new_memory or rsess_store_new_redis and is
///   not yet freed.
/// - `count_out` is NULL, or valid for writes of one uint64_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_foreign_records(
    store: *const rsess_store,
    count_out: *mut u64,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `count_out` is NULL or writable, as the caller promises.
        let count_out = unsafe { Out::new(count_out) }?;
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;

        count_out.write(store.0.call(|store| Ok(store.incidents().foreign_records))?);
        Ok(())
    })
}

fn session_id(text: &str) -> Result<SessionId, rsess_status> {
    SessionId::parse(text).ok_or(rsess_status::RSESS_ERR_INVALID_ID)
}

/// The header promises that a store may be shared between threads.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<rsess_store>();
};
