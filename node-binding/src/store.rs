//! Loads and saves through a store, without blocking JavaScript.
//!
//! ```text
//!   redis    call -> IoThreads -> Store (blocks there) -> promise
//!   memory   call -> Store (a lookup)                  -> promise
//! ```
//!
//! Promises are settled with napi's deferred, which keeps the process alive while it is pending
//! and is harmless when the environment ends first.

// Doc comments below are JSDoc: napi copies them into `native.d.ts` as they are.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Object, PromiseRaw, Result, ToNapiValue};
use napi::{JsDeferred, JsValue};
use napi_derive::napi;
use rudder_session::store::{Metered, OperationFigures, StoreFigures};
use rudder_session::{
    MemoryConfig, MemoryStore, Payload, RedisConfig, RedisStore, SessionId, Store, StoreError, Ttl,
};

use crate::codec::instant;
use crate::fault::Fault;
use crate::threads::{Admission, IoThreads};

/// Settings of a store in this process.
#[napi(object)]
pub struct MemoryOptions {
    /// Bytes of sessions that are kept; the least recently used ones go first.
    pub max_bytes: f64,
}

/// Settings of a store in Redis.
#[napi(object)]
pub struct RedisOptions {
    /// `redis://[user:password@]host[:port][/database]` or `redis+unix:///path`.
    pub url: String,
    /// Goes before the session id to name a record. May be empty.
    pub prefix: String,
    /// Connections, and threads that use them: 1 to 1024.
    pub pool_size: u32,
    /// Milliseconds that one call may take, the wait for a connection included.
    pub deadline_ms: u32,
}

/// What one operation of a store did so far.
#[napi(object)]
pub struct StoreOperation {
    /// Calls that ended, in whatever way.
    pub calls: f64,
    /// Calls that ended in an error.
    pub errors: f64,
    /// Microseconds that half of the calls did not exceed; an upper bound, a power of two.
    pub p50_micros: f64,
    /// The same for 99 of 100 calls.
    pub p99_micros: f64,
}

/// What a store did so far.
#[napi(object)]
pub struct StoreStats {
    pub load: StoreOperation,
    pub save: StoreOperation,
    pub touch: StoreOperation,
    pub destroy: StoreOperation,
    /// Records that carried another id than the one asked for. Never served; raise an alarm.
    pub foreign_records: f64,
    /// Calls that wait or run.
    pub pending: f64,
}

/// A home for payloads on the server.
///
/// Calls return promises and never occupy the thread pool of libuv. A promise rejects with an
/// error whose `code` begins with `ERR_SESSION_STORE_` and whose `retryable` says whether the
/// same call may succeed later.
#[napi]
pub struct NativeStore {
    /// Shared with the jobs that run; `None` once closed, so that connections end with the last.
    store: Mutex<Option<SharedStore>>,
    /// `None` for a store whose calls do not block.
    threads: Option<IoThreads>,
    /// Promises that are not settled yet.
    pending: Arc<AtomicUsize>,
}

type SharedStore = Arc<Metered<Box<dyn Store>>>;

#[napi]
impl NativeStore {
    /// A store in the memory of this process.
    ///
    /// @throws An error with the code `ERR_SESSION_CONFIG`.
    #[napi(factory, catch_unwind)]
    pub fn memory(env: Env, options: MemoryOptions) -> Result<Self> {
        // A cast from a float saturates: nonsense becomes 0, which the engine refuses.
        let config = MemoryConfig { max_bytes: options.max_bytes as u64 };
        let store = MemoryStore::new(config).map_err(|it| Fault::from(it).into_error(env))?;
        Ok(Self { store: shared(Box::new(store)), threads: None, pending: Arc::default() })
    }

    /// A store in Redis. Connects when it is first used.
    ///
    /// @throws An error with the code `ERR_SESSION_CONFIG`.
    #[napi(factory, catch_unwind)]
    pub fn redis(env: Env, options: RedisOptions) -> Result<Self> {
        let config = RedisConfig {
            url: options.url,
            ca_pem: None,
            sentinels: Vec::new(),
            prefix: options.prefix,
            pool_size: options.pool_size,
            deadline: Duration::from_millis(u64::from(options.deadline_ms)),
        };
        let threads = IoThreads::new(options.pool_size as usize);
        let store = RedisStore::new(config).map_err(|it| Fault::from(it).into_error(env))?;
        env.add_env_cleanup_hook(threads.closer(), |close| close())?;
        Ok(Self { store: shared(Box::new(store)), threads: Some(threads), pending: Arc::default() })
    }

    /// Reads a payload.
    ///
    /// @param id The session id; one that could not name a record is answered with `null`.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    /// @returns The payload as JSON text, or `null` if there is none, or no longer.
    #[napi(catch_unwind, ts_return_type = "Promise<string | null>")]
    pub fn load<'env>(&self, env: &'env Env, id: String, now_ms: f64) -> Result<Object<'env>> {
        let now = instant(*env, now_ms)?;
        self.call(env, move |store| {
            let Some(id) = SessionId::parse(&id) else { return Ok(None) };
            let payload = store.load(&id, now)?;
            Ok(payload.map(|payload| payload.as_json().to_owned()))
        })
    }

    /// Writes a payload under its own id, in place of what is there, and starts its TTL anew.
    ///
    /// @param payloadJson An object with `id`, `data` and `flash_next`, as JSON text.
    /// @param ttlSeconds More than 0; rounded up to whole seconds.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn save<'env>(
        &self,
        env: &'env Env,
        payload_json: String,
        ttl_seconds: f64,
        now_ms: f64,
    ) -> Result<Object<'env>> {
        let payload =
            Payload::parse(payload_json).map_err(|it| Fault::from(it).into_error(*env))?;
        let ttl = ttl(*env, ttl_seconds)?;
        let now = instant(*env, now_ms)?;
        self.call(env, move |store| store.save(&payload, ttl, now))
    }

    /// Starts the TTL of a record anew.
    ///
    /// @param ttlSeconds More than 0; rounded up to whole seconds.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    /// @returns Whether there is such a record.
    #[napi(catch_unwind, ts_return_type = "Promise<boolean>")]
    pub fn touch<'env>(
        &self,
        env: &'env Env,
        id: String,
        ttl_seconds: f64,
        now_ms: f64,
    ) -> Result<Object<'env>> {
        let ttl = ttl(*env, ttl_seconds)?;
        let now = instant(*env, now_ms)?;
        self.call(env, move |store| {
            SessionId::parse(&id).map_or(Ok(false), |id| store.touch(&id, ttl, now))
        })
    }

    /// Removes a record. To remove what is absent succeeds; a rejection means that the record
    /// may still be there.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn destroy<'env>(&self, env: &'env Env, id: String) -> Result<Object<'env>> {
        self.call(env, move |store| SessionId::parse(&id).map_or(Ok(()), |id| store.destroy(&id)))
    }

    /// What the store did so far. All zeros once it is closed.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<StoreStats> {
        let figures = match &*self.lock() {
            Some(store) => store.figures(),
            None => StoreFigures::default(),
        };
        Ok(StoreStats {
            load: operation(&figures.load),
            save: operation(&figures.save),
            touch: operation(&figures.touch),
            destroy: operation(&figures.destroy),
            foreign_records: figures.incidents.foreign_records as f64,
            pending: self.pending.load(Ordering::Relaxed) as f64,
        })
    }

    /// Ends threads and connections. Calls that run are finished; those that wait, and those
    /// that come, reject with `ERR_SESSION_STORE_CLOSED`. Twice is as good as once.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        self.lock().take();
        if let Some(threads) = &self.threads {
            threads.close();
        }
        Ok(())
    }
}

impl NativeStore {
    fn call<'env, T>(
        &self,
        env: &'env Env,
        work: impl FnOnce(&dyn Store) -> std::result::Result<T, StoreError> + Send + 'static,
    ) -> Result<Object<'env>>
    where
        T: ToNapiValue + Send + 'static,
    {
        let store = self.lock().clone();
        let work = move || attempt(store.as_deref(), work);

        let Some(threads) = &self.threads else {
            let settled: PromiseRaw<'_, T> = match work() {
                Ok(value) => PromiseRaw::resolve(env, value)?,
                Err(fault) => PromiseRaw::reject(env, fault.into_error(*env))?,
            };
            return Ok(Object::from_raw(env.raw(), settled.raw()));
        };

        let (deferred, promise) = env.create_deferred()?;
        self.pending.fetch_add(1, Ordering::Relaxed);
        let pending = Arc::clone(&self.pending);
        threads.submit(move |admission| {
            let outcome = match admission {
                Admission::Run => work(),
                Admission::Closed => Err(Fault::closed()),
                Admission::Full => Err(Fault::overloaded()),
            };
            // Before it settles: whoever was answered must not find the call pending still.
            pending.fetch_sub(1, Ordering::Relaxed);
            settle(deferred, outcome);
        });
        Ok(promise)
    }

    fn lock(&self) -> MutexGuard<'_, Option<SharedStore>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls the store. A panic in there is an outcome too, or its promise would stay pending.
fn attempt<T>(
    store: Option<&Metered<Box<dyn Store>>>,
    work: impl FnOnce(&dyn Store) -> std::result::Result<T, StoreError>,
) -> std::result::Result<T, Fault> {
    let store = store.ok_or_else(Fault::closed)?;
    catch_unwind(AssertUnwindSafe(|| work(store)))
        .map_err(|_| Fault::panicked())?
        .map_err(Fault::from)
}

type Resolver<T> = Box<dyn FnOnce(Env) -> Result<T>>;

/// From any thread. The error becomes a JavaScript object on JavaScript's thread.
fn settle<T: ToNapiValue + Send + 'static>(
    deferred: JsDeferred<T, Resolver<T>>,
    outcome: std::result::Result<T, Fault>,
) {
    deferred.resolve(Box::new(move |env| outcome.map_err(|fault| fault.into_error(env))));
}

fn shared(store: Box<dyn Store>) -> Mutex<Option<SharedStore>> {
    Mutex::new(Some(Arc::new(Metered::new(store))))
}

fn ttl(env: Env, seconds: f64) -> Result<Ttl> {
    // A cast from a float saturates: nonsense becomes 0, which the engine refuses.
    Ttl::from_seconds((seconds.ceil() as u64).min(MAX_TTL_SECONDS))
        .map_err(|it| Fault::from(it).into_error(env))
}

/// 40,000 days, the most that the engine counts. What should live longer lives as long as that.
const MAX_TTL_SECONDS: u64 = 40_000 * 86_400;

fn operation(figures: &OperationFigures) -> StoreOperation {
    StoreOperation {
        calls: figures.calls as f64,
        errors: figures.errors as f64,
        p50_micros: figures.latency_quantile(0.50).as_micros() as f64,
        p99_micros: figures.latency_quantile(0.99).as_micros() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Metered<Box<dyn Store>> {
        Metered::new(Box::new(MemoryStore::new(MemoryConfig::default()).expect("legal")))
    }

    #[test]
    fn a_store_that_panics_is_a_fault_and_not_an_unsettled_promise() {
        let outcome = attempt::<()>(Some(&memory()), |_| panic!("on purpose"));

        assert_eq!(outcome.unwrap_err().code(), "ERR_SESSION_STORE_INTERNAL");
    }

    #[test]
    fn a_closed_store_is_a_fault() {
        let outcome = attempt(None, |_| Ok(()));

        assert_eq!(outcome.unwrap_err().code(), "ERR_SESSION_STORE_CLOSED");
    }

    #[test]
    fn an_error_of_the_store_keeps_its_kind() {
        let outcome = attempt::<()>(Some(&memory()), |_| Err(StoreError::TimedOut));

        assert_eq!(outcome.unwrap_err().code(), "ERR_SESSION_STORE_TIMEOUT");
    }
}
