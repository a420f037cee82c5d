//! Submits calls to a store, without blocking JavaScript.
//!
//! ```text
//!   call(ticket, ..) -> Metered -> memory, and loads from a file: answered at once
//!                               -> redis, and writes to a file: answered later, see answers
//! ```
//!
//! A thin layer: what an update or a regeneration is made of is the engine's, and which of them
//! a request needs is TypeScript's.

// Doc comments below are JSDoc: napi copies them into `native.d.ts` as they are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{Either, Result};
use napi_derive::napi;
use rudder_session::store::{self, Metered, Regenerated, Reply, Request, StoreFigures, Updated};
use rudder_session::{
    FileConfig, FileStore, MemoryStore, Payload, RedisStore, SessionId, Store, StoreError, Ttl,
};

use crate::answers::{Answer, Answers, Call, Drain, Submitted};
use crate::codec::instant;
use crate::fault::Fault;
use crate::options::{FileOptions, MemoryOptions, RedisOptions};
use crate::stats::StoreStats;

/// Calls to a home for payloads on the server. `NativeStore` makes promises of them.
///
/// Each call takes a ticket: any number that no other call has at the time. It returns the
/// ticket if the answer comes later, through the `drain` that the store was made with; else the
/// answer itself. No call occupies the thread pool of libuv.
#[napi]
pub struct StoreCalls {
    place: Arc<Place>,
    answers: Arc<Answers>,
}

type SharedStore = Arc<Metered<Box<dyn Store>>>;

/// Where the store is until it is closed.
struct Place {
    store: Mutex<Option<SharedStore>>,
}

#[napi]
impl StoreCalls {
    /// A store in the memory of this process.
    ///
    /// @throws An error with the code `ERR_SESSION_CONFIG`.
    #[napi(factory, catch_unwind)]
    pub fn memory(
        env: Env,
        options: MemoryOptions,
        #[napi(ts_arg_type = "(tickets: number[], answers: unknown[]) => void")] drain: Drain<'_>,
    ) -> Result<Self> {
        let store = MemoryStore::new(options.into()).map_err(|it| Fault::from(it).into_error(env));
        Self::new(env, Place::new(store?), &drain)
    }

    /// A store in a file. Opens it, which repairs a file that was not closed in order.
    ///
    /// @throws An error with the code `ERR_SESSION_STORE_FILE`, whose message says why.
    #[napi(factory, catch_unwind)]
    pub fn file(
        env: Env,
        options: FileOptions,
        #[napi(ts_arg_type = "(tickets: number[], answers: unknown[]) => void")] drain: Drain<'_>,
    ) -> Result<Self> {
        let config = FileConfig::try_from(options)
            .map_err(|message| Fault::argument(message).into_error(env))?;
        let store = FileStore::open(config).map_err(|it| Fault::from(it).into_error(env))?;
        let place = Place::new(store);
        // Hooks run in reverse: before this one, calls under way have been waited for.
        env.add_env_cleanup_hook(Arc::downgrade(&place), |place| {
            if let Some(place) = place.upgrade() {
                place.close();
            }
        })?;
        Self::new(env, place, &drain)
    }

    /// A store in Redis. Connects when it is first used.
    ///
    /// @throws An error with the code `ERR_SESSION_CONFIG`.
    #[napi(factory, catch_unwind)]
    pub fn redis(
        env: Env,
        options: RedisOptions,
        #[napi(ts_arg_type = "(tickets: number[], answers: unknown[]) => void")] drain: Drain<'_>,
    ) -> Result<Self> {
        let store = RedisStore::new(options.into()).map_err(|it| Fault::from(it).into_error(env));
        Self::new(env, Place::new(store?), &drain)
    }

    /// Reads a payload.
    ///
    /// @param id The session id; one that could not name a record is answered with `null`.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    /// @returns The payload as JSON text, or `null` if there is none, or no longer.
    #[napi(catch_unwind, ts_return_type = "number | string | null | StoreFault")]
    pub fn load(&self, env: Env, ticket: u32, id: String, now_ms: f64) -> Result<Submitted> {
        let now = instant(env, now_ms)?;
        self.call(env, ticket, |store, call| match SessionId::parse(&id) {
            Some(id) => store.submit(Request::Load { id }, now, answer(call)),
            None => call.finish(Ok(Answer::None)),
        })
    }

    /// Writes a payload under its own id if there is no such record yet.
    ///
    /// @param payloadJson An object with `id`, `data` and `flash_next`, as JSON text.
    /// @param ttlSeconds More than 0; rounded up to whole seconds.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    /// @returns `false` if there is one, and nothing was written.
    #[napi(catch_unwind, ts_return_type = "number | boolean | StoreFault")]
    pub fn create(
        &self,
        env: Env,
        ticket: u32,
        payload_json: String,
        ttl_seconds: f64,
        now_ms: f64,
    ) -> Result<Submitted> {
        let (payload, ttl) = (payload(env, payload_json)?, ttl(env, ttl_seconds)?);
        let now = instant(env, now_ms)?;
        self.call(env, ticket, |store, call| {
            store.submit(Request::Create { payload, ttl }, now, answer(call));
        })
    }

    /// Saves what a request made of the payload that it loaded.
    ///
    /// What other requests have written meanwhile is kept: whole top-level keys are merged. A
    /// session that is gone, destroyed or expired, stays gone.
    ///
    /// @param baseJson The payload as it was loaded.
    /// @param payloadJson The same session as it is to be, under the same id.
    /// @param ttlSeconds More than 0; rounded up to whole seconds.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    /// @returns `true`: it is saved as given; `false`: it is gone, and nothing was written; a
    ///   text: it was merged, and this is what is stored now; `null`: another program has given
    ///   the session another id, with grace, and it is saved there: send the client no cookie.
    #[napi(catch_unwind, ts_return_type = "number | boolean | string | null | StoreFault")]
    pub fn update(
        &self,
        env: Env,
        ticket: u32,
        base_json: String,
        payload_json: String,
        ttl_seconds: f64,
        now_ms: f64,
    ) -> Result<Submitted> {
        let (base, payload) = (payload(env, base_json)?, payload(env, payload_json)?);
        let (ttl, now) = (ttl(env, ttl_seconds)?, instant(env, now_ms)?);
        self.call(env, ticket, |store, call| {
            store::submit_update(store, &base, &payload, ttl, now, |outcome| {
                call.finish(outcome.map(|updated| match updated {
                    Updated::Gone => Answer::Flag(false),
                    Updated::Merged(stored) => Answer::Text(stored.into_json()),
                    // The cookie for the id that this request knows must not go out again.
                    Updated::Moved(_) => Answer::None,
                    Updated::Saved => Answer::Flag(true),
                }));
            });
        })
    }

    /// Saves what a request made of the payload that it loaded, under another id. The new record
    /// is there before the old one goes.
    ///
    /// @param baseJson The payload as it was loaded.
    /// @param payloadJson The session as it is to be, under its new id.
    /// @param ttlSeconds More than 0; rounded up to whole seconds.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    /// @returns As `update` does. A fault that says `saved` means that the record under the old
    ///   id may still be there.
    #[napi(catch_unwind, ts_return_type = "number | boolean | string | StoreFault")]
    pub fn regenerate(
        &self,
        env: Env,
        ticket: u32,
        base_json: String,
        payload_json: String,
        ttl_seconds: f64,
        now_ms: f64,
    ) -> Result<Submitted> {
        let (base, payload) = (payload(env, base_json)?, payload(env, payload_json)?);
        let (ttl, now) = (ttl(env, ttl_seconds)?, instant(env, now_ms)?);
        let given = payload.as_json().to_owned();
        self.call(env, ticket, |store, call| {
            store::submit_regenerate(store, &base, &payload, ttl, now, move |outcome| {
                call.finish(outcome.map(|regenerated| match regenerated {
                    Regenerated::Gone => Answer::Flag(false),
                    Regenerated::Done(stored) if stored.as_json() == given => Answer::Flag(true),
                    Regenerated::Done(stored) => Answer::Text(stored.into_json()),
                    Regenerated::OldRemains(_, error) => Answer::Fault(Fault::old_remains(error)),
                }));
            });
        })
    }

    /// Writes a payload under its own id, whatever is there or not, and starts its TTL anew. The
    /// last write wins: `update` loses nothing.
    ///
    /// @param payloadJson An object with `id`, `data` and `flash_next`, as JSON text.
    /// @param ttlSeconds More than 0; rounded up to whole seconds.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    #[napi(catch_unwind, ts_return_type = "number | undefined | StoreFault")]
    pub fn save(
        &self,
        env: Env,
        ticket: u32,
        payload_json: String,
        ttl_seconds: f64,
        now_ms: f64,
    ) -> Result<Submitted> {
        let (payload, ttl) = (payload(env, payload_json)?, ttl(env, ttl_seconds)?);
        let now = instant(env, now_ms)?;
        self.call(env, ticket, |store, call| {
            store.submit(Request::Save { payload, ttl }, now, answer(call));
        })
    }

    /// Starts the TTL of a record anew.
    ///
    /// @param ttlSeconds More than 0; rounded up to whole seconds.
    /// @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
    /// @returns Whether there is such a record.
    #[napi(catch_unwind, ts_return_type = "number | boolean | StoreFault")]
    pub fn touch(
        &self,
        env: Env,
        ticket: u32,
        id: String,
        ttl_seconds: f64,
        now_ms: f64,
    ) -> Result<Submitted> {
        let (ttl, now) = (ttl(env, ttl_seconds)?, instant(env, now_ms)?);
        self.call(env, ticket, |store, call| match SessionId::parse(&id) {
            Some(id) => store.submit(Request::Touch { id, ttl }, now, answer(call)),
            None => call.finish(Ok(Answer::Flag(false))),
        })
    }

    /// Removes a record. To remove what is absent succeeds; a fault means that the record may
    /// still be there.
    #[napi(catch_unwind, ts_return_type = "number | undefined | StoreFault")]
    pub fn destroy(&self, env: Env, ticket: u32, id: String) -> Result<Submitted> {
        let now = instant(env, 0.0)?;
        self.call(env, ticket, |store, call| match SessionId::parse(&id) {
            Some(id) => store.submit(Request::Destroy { id }, now, answer(call)),
            None => call.finish(Ok(Answer::Done)),
        })
    }

    /// What the store did so far. All zeros once it is closed.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<StoreStats> {
        let figures =
            self.place.store().map_or_else(StoreFigures::default, |store| store.figures());
        Ok(StoreStats::new(&figures, self.answers.unsettled()))
    }

    /// Ends threads and connections. Calls that the store has by now are still answered, if it
    /// answers; those that it does not answer, and those that come, fail with
    /// `ERR_SESSION_STORE_CLOSED`. Twice is as good as once.
    ///
    /// A file with `eventual` durability is written out before this returns.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        self.answers.close();
        self.place.close();
        Ok(())
    }
}

impl StoreCalls {
    fn new(env: Env, place: Arc<Place>, drain: &Drain<'_>) -> Result<Self> {
        Ok(Self { place, answers: Answers::new(&env, drain)? })
    }

    fn call(
        &self,
        env: Env,
        ticket: u32,
        ask: impl FnOnce(SharedStore, Call),
    ) -> Result<Submitted> {
        match self.place.store() {
            Some(store) => self.answers.submit(env, ticket, |call| ask(store, call)),
            None => Ok(Either::B(Answer::Fault(Fault::closed()).into())),
        }
    }
}

impl Place {
    fn new(store: impl Store + 'static) -> Arc<Self> {
        let store: Box<dyn Store> = Box::new(store);
        Arc::new(Self { store: Mutex::new(Some(Arc::new(Metered::new(store)))) })
    }

    fn store(&self) -> Option<SharedStore> {
        self.lock().clone()
    }

    /// Lets go of the store: connections end with the last call, and a file is written out and
    /// closed when that has ended.
    fn close(&self) {
        drop(self.lock().take());
    }

    fn lock(&self) -> MutexGuard<'_, Option<SharedStore>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers `call` with the reply to the one request that was made for it.
fn answer(call: Call) -> store::Done {
    Box::new(|outcome| {
        call.finish(outcome.and_then(|reply| match reply {
            Reply::Create(flag) | Reply::Touch(flag) => Ok(Answer::Flag(flag)),
            Reply::Destroy | Reply::Save => Ok(Answer::Done),
            Reply::Load(Some(payload)) => Ok(Answer::Text(payload.into_json())),
            Reply::Load(None) => Ok(Answer::None),
            _ => Err(StoreError::Protocol),
        }));
    })
}

fn payload(env: Env, json: String) -> Result<Payload> {
    Payload::parse(json).map_err(|it| Fault::from(it).into_error(env))
}

fn ttl(env: Env, seconds: f64) -> Result<Ttl> {
    // A cast from a float saturates: nonsense becomes 0, which the engine refuses. What should
    // live longer than the engine counts lives as long as that.
    Ttl::from_seconds((seconds.ceil() as u64).min(Ttl::MAX.as_seconds()))
        .map_err(|it| Fault::from(it).into_error(env))
}
