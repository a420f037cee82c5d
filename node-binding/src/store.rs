//! Submits calls to a store, without blocking JavaScript.
//!
//! ```text
//!   call(ticket, ..) -> Metered -> memory, and loads from a file: answered at once
//!                               -> writes to a file: answered later, see answers
//!                    -> gathered --flush--> Metered -> redis: answered later
//! ```
//!
//! To wake another thread costs more than all the rest of a call, so those for Redis are gathered
//! until JavaScript has no more of them, and handed over together.
//!
//! A thin layer: what an update or a regeneration is made of is the engine's, and which of them
//! a request needs is TypeScript's.

// Doc comments below are JSDoc: napi copies them into `native.d.ts` as they are.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::Env;
use napi::bindgen_prelude::Result;
use napi_derive::napi;
use rudder_session::store::{
    self, HashedIds, Metered, Regenerated, Reply, Request, StoreFigures, Submission, Updated,
};
use rudder_session::{
    FileConfig, FileStore, MemoryStore, Payload, RedisStore, SessionId, Store, StoreError, Ttl,
    UnixMillis,
};

use crate::answers::{Answer, Answers, Call as Asked, Drain};
use crate::bound::{BoundFunction, Call, Returned, Thrown};
use crate::codec::time;
use crate::fault::Fault;
use crate::options::{FileOptions, MemoryOptions, RedisOptions};
use crate::stats::StoreStats;

/// Calls to a home for payloads on the server. `NativeStore` makes promises of them.
///
/// These are plain functions, which need no `this`. Each call takes a ticket: any number that no
/// other call has at the time. It returns the ticket if the answer comes later, through the
/// `drain` that the store was made with; else the answer itself. No call occupies the thread pool
/// of libuv.
///
/// `nowMs` is milliseconds since the Unix epoch, as `Date.now()` gives them; `ttlSeconds` is more
/// than 0, and rounded up to whole seconds; a payload is an object with `id`, `data` and
/// `flash_next`, as JSON text. What is none of that throws, with a `code`.
#[napi(object, object_from_js = false)]
pub struct StoreCalls {
    /// Reads a payload.
    ///
    /// Answers the payload as JSON text, or `null` if there is none, or no longer. So it does if
    /// `id` could not name a record.
    #[napi(ts_type = "(ticket: number, id: string, nowMs: number) => \
                      number | string | null | StoreFault")]
    pub load: BoundFunction<Calls>,
    /// Writes a payload under its own id if there is no such record yet.
    ///
    /// Answers `false` if there is one, and nothing was written.
    #[napi(
        ts_type = "(ticket: number, payloadJson: string, ttlSeconds: number, nowMs: number) => \
                   number | boolean | StoreFault"
    )]
    pub create: BoundFunction<Calls>,
    /// Saves what a request made of the payload that it loaded.
    ///
    /// What other requests have written meanwhile is kept: whole top-level keys are merged. A
    /// session that is gone, destroyed or expired, stays gone.
    ///
    /// `baseJson` is the payload as it was loaded, `payloadJson` the same session as it is to be.
    ///
    /// Answers `true`: it is saved as given; `false`: it is gone, and nothing was written; a
    /// text: it was merged, and this is what is stored now; `null`: another program has given the
    /// session another id, with grace, and it is saved there: send the client no cookie.
    #[napi(ts_type = "(ticket: number, baseJson: string, payloadJson: string, \
                      ttlSeconds: number, nowMs: number) => \
                      number | boolean | string | null | StoreFault")]
    pub update: BoundFunction<Calls>,
    /// Saves what a request made of the payload that it loaded, under another id: that of
    /// `payloadJson`. The new record is there before the old one goes.
    ///
    /// Answers as `update` does. A fault that says `saved` means that the record under the old
    /// id may still be there.
    #[napi(ts_type = "(ticket: number, baseJson: string, payloadJson: string, \
                      ttlSeconds: number, nowMs: number) => \
                      number | boolean | string | StoreFault")]
    pub regenerate: BoundFunction<Calls>,
    /// Writes a payload under its own id, whatever is there or not, and starts its TTL anew. The
    /// last write wins: `update` loses nothing.
    #[napi(
        ts_type = "(ticket: number, payloadJson: string, ttlSeconds: number, nowMs: number) => \
                   number | undefined | StoreFault"
    )]
    pub save: BoundFunction<Calls>,
    /// Starts the TTL of a record anew. Answers whether there is such a record.
    #[napi(ts_type = "(ticket: number, id: string, ttlSeconds: number, nowMs: number) => \
                   number | boolean | StoreFault")]
    pub touch: BoundFunction<Calls>,
    /// Removes a record. To remove what is absent succeeds; a fault means that the record may
    /// still be there.
    #[napi(ts_type = "(ticket: number, id: string) => number | undefined | StoreFault")]
    pub destroy: BoundFunction<Calls>,
    /// Hands over the calls that have been gathered. Call it soon after calls that returned
    /// their tickets, once for all of them: until then nothing comes of them. `null` if this store
    /// gathers none.
    #[napi(ts_type = "(() => void) | null")]
    pub flush: Option<BoundFunction<Calls>>,
    /// What the store did so far. All zeros once it is closed.
    #[napi(ts_type = "() => StoreStats")]
    pub stats: BoundFunction<Calls>,
    /// Ends threads and connections. Calls that the store has by now are still answered, if it
    /// answers; those that it does not answer, and those that come, fail with
    /// `ERR_SESSION_STORE_CLOSED`. Twice is as good as once.
    ///
    /// A file with `eventual` durability is written out before this returns.
    #[napi(ts_type = "() => void")]
    pub close: BoundFunction<Calls>,
}

/// Makes a store in the memory of this process.
///
/// @throws An error with the code `ERR_SESSION_CONFIG`.
#[napi(catch_unwind)]
pub fn create_memory_calls(
    env: Env,
    options: MemoryOptions,
    #[napi(ts_arg_type = "(...settled: unknown[]) => void")] drain: Drain<'_>,
) -> Result<StoreCalls> {
    let hash_ids = options.hash_ids;
    let store = MemoryStore::new(options.into()).map_err(|it| Fault::from(it).into_error(env));
    StoreCalls::new(env, Place::new(store?, hash_ids), &drain, Mode::AtOnce)
}

/// Makes a store in a file. Opens it, which repairs a file that was not closed in order.
///
/// @throws An error with the code `ERR_SESSION_STORE_FILE`, whose message says why.
#[napi(catch_unwind)]
pub fn create_file_calls(
    env: Env,
    options: FileOptions,
    #[napi(ts_arg_type = "(...settled: unknown[]) => void")] drain: Drain<'_>,
) -> Result<StoreCalls> {
    let hash_ids = options.hash_ids;
    let config = FileConfig::try_from(options)
        .map_err(|message| Fault::argument(message).into_error(env))?;
    let store = FileStore::open(config).map_err(|it| Fault::from(it).into_error(env))?;
    let place = Place::new(store, hash_ids);
    // Hooks run in reverse: before this one, calls under way have been waited for.
    env.add_env_cleanup_hook(Arc::downgrade(&place), |place| {
        if let Some(place) = place.upgrade() {
            place.close();
        }
    })?;
    StoreCalls::new(env, place, &drain, Mode::AtOnce)
}

/// Makes a store in Redis. Connects when it is first used.
///
/// @throws An error with the code `ERR_SESSION_CONFIG`.
#[napi(catch_unwind)]
pub fn create_redis_calls(
    env: Env,
    options: RedisOptions,
    #[napi(ts_arg_type = "(...settled: unknown[]) => void")] drain: Drain<'_>,
) -> Result<StoreCalls> {
    let hash_ids = options.hash_ids;
    let store = RedisStore::new(options.into()).map_err(|it| Fault::from(it).into_error(env));
    StoreCalls::new(env, Place::new(store?, hash_ids), &drain, Mode::Gather)
}

impl StoreCalls {
    fn new(env: Env, place: Arc<Place>, drain: &Drain<'_>, mode: Mode) -> Result<Self> {
        let answers = Answers::new(&env, drain)?;
        let calls = Rc::new(Calls { place, answers, mode, gathered: RefCell::default() });
        let bound = |body| BoundFunction::new(&calls, body);
        Ok(Self {
            load: bound(load),
            create: bound(create),
            update: bound(update),
            regenerate: bound(regenerate),
            save: bound(save),
            touch: bound(touch),
            destroy: bound(destroy),
            flush: (mode == Mode::Gather).then(|| bound(flush)),
            stats: bound(stats),
            close: bound(close),
        })
    }
}

/// When calls are handed to the store.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Mode {
    AtOnce,
    /// When there are many, or JavaScript has no more of them.
    Gather,
}

/// What the functions of one [`StoreCalls`] share.
pub struct Calls {
    place: Arc<Place>,
    answers: Arc<Answers>,
    mode: Mode,
    gathered: RefCell<Vec<Submission>>,
}

type SharedStore = Arc<Metered<Box<dyn Store>>>;

type Outcome<'call> = std::result::Result<Returned<'call>, Thrown>;

fn load<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    let (id, now) = (id(call, 1)?, time(call, 2)?);
    calls.ask(call, now, id.map(|id| Request::Load { id }), Answer::None)
}

fn create<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    let (payload, ttl, now) = (payload(call, 1)?, ttl(call, 2)?, time(call, 3)?);
    calls.ask(call, now, Some(Request::Create { payload, ttl }), Answer::None)
}

fn save<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    let (payload, ttl, now) = (payload(call, 1)?, ttl(call, 2)?, time(call, 3)?);
    calls.ask(call, now, Some(Request::Save { payload, ttl }), Answer::None)
}

fn touch<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    let (id, ttl, now) = (id(call, 1)?, ttl(call, 2)?, time(call, 3)?);
    calls.ask(call, now, id.map(|id| Request::Touch { id, ttl }), Answer::Flag(false))
}

fn destroy<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    // Nothing of it depends on the time.
    let now = UnixMillis::new(0);
    calls.ask(call, now, id(call, 1)?.map(|id| Request::Destroy { id }), Answer::Done)
}

fn update<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    let (base, payload) = (call.string(1)?, payload(call, 2)?);
    let (ttl, now) = (ttl(call, 3)?, time(call, 4)?);
    calls.submit(call, |store, asked| {
        let done = |outcome: std::result::Result<Updated, StoreError>| {
            asked.finish(outcome.map(|updated| match updated {
                Updated::Gone => Answer::Flag(false),
                Updated::Merged(stored) => Answer::Text(stored.into_json()),
                // The cookie for the id that this request knows must not go out again.
                Updated::Moved(_) => Answer::None,
                Updated::Saved => Answer::Flag(true),
            }));
        };
        store::update_submission(store, base, payload, ttl, now, done)
    })
}

fn regenerate<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    let (base, payload) = (payload(call, 1)?, payload(call, 2)?);
    let (ttl, now) = (ttl(call, 3)?, time(call, 4)?);
    let given = payload.as_json().to_owned();
    calls.submit(call, |store, asked| {
        let done = move |outcome: std::result::Result<Regenerated, StoreError>| {
            asked.finish(outcome.map(|regenerated| match regenerated {
                Regenerated::Gone => Answer::Flag(false),
                Regenerated::Done(stored) if stored.as_json() == given => Answer::Flag(true),
                Regenerated::Done(stored) => Answer::Text(stored.into_json()),
                Regenerated::OldRemains(_, error) => Answer::Fault(Fault::old_remains(error)),
            }));
        };
        store::submit_regenerate(Arc::clone(store), &base, &payload, ttl, now, done);
        None
    })
}

fn flush<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    calls.flush();
    Ok(call.return_undefined())
}

fn stats<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    let figures = calls.place.store().map_or_else(StoreFigures::default, |store| store.figures());
    call.return_value(StoreStats::new(&figures, calls.answers.unsettled()))
}

fn close<'call>(calls: &Calls, call: &Call<'call>) -> Outcome<'call> {
    calls.flush();
    calls.answers.close();
    calls.place.close();
    Ok(call.return_undefined())
}

impl Calls {
    /// Has one request answered; if there is none to make, by `otherwise`.
    fn ask<'call>(
        &self,
        call: &Call<'call>,
        now: UnixMillis,
        request: Option<Request>,
        otherwise: Answer,
    ) -> Outcome<'call> {
        let Some(request) = request else { return call.return_value(otherwise) };
        self.submit(call, |_, asked| {
            Some(Submission { request, now, done: Box::new(|outcome| answer(asked, outcome)) })
        })
    }

    /// Hands over what `prepare` makes of a call, now or with others; what it has handed over
    /// itself is not returned.
    fn submit<'call>(
        &self,
        call: &Call<'call>,
        prepare: impl FnOnce(&SharedStore, Asked) -> Option<Submission>,
    ) -> Outcome<'call> {
        let (env, ticket) = (call.env(), call.index(0)?);
        // Nothing that happens meanwhile calls JavaScript, and so nothing closes it.
        let place = self.place.lock();
        let Some(store) = &*place else {
            return call.return_value(Answer::Fault(Fault::closed()));
        };
        if self.mode == Mode::AtOnce {
            let answered = self.answers.submit(env, ticket, |asked| {
                if let Some(Submission { request, now, done }) = prepare(store, asked) {
                    store.submit(request, now, done);
                }
            })?;
            return match answered {
                Some(answer) => call.return_value(answer),
                None => Ok(call.return_argument(0)),
            };
        }
        let asked = self.answers.call_later(env, ticket)?;
        answered_if_it_panics(|| {
            let Some(submission) = prepare(store, asked) else { return };
            let mut gathered = self.gathered.borrow_mut();
            gathered.push(submission);
            if gathered.len() >= MANY {
                store.submit_all(std::mem::take(&mut *gathered));
            }
        });
        Ok(call.return_argument(0))
    }

    fn flush(&self) {
        let gathered = self.gathered.take();
        if let Some(store) = self.place.store()
            && !gathered.is_empty()
        {
            answered_if_it_panics(|| store.submit_all(gathered));
        }
    }
}

/// Calls that a panic loses are answered as lost. It must not be thrown too: JavaScript would
/// give the ticket to another call, and that call the answer.
fn answered_if_it_panics(hand_over: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(hand_over));
}

/// Where a store is until it is closed.
struct Place {
    store: Mutex<Option<SharedStore>>,
}

impl Place {
    fn new(store: impl Store + 'static, hash_ids: Option<bool>) -> Arc<Self> {
        let store: Box<dyn Store> =
            if hash_ids == Some(true) { Box::new(HashedIds::new(store)) } else { Box::new(store) };
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

/// Answers a call with the reply to the one request that was made for it.
fn answer(asked: Asked, outcome: std::result::Result<Reply, StoreError>) {
    asked.finish(outcome.and_then(|reply| match reply {
        Reply::Create(flag) | Reply::Touch(flag) => Ok(Answer::Flag(flag)),
        Reply::Destroy | Reply::Save => Ok(Answer::Done),
        Reply::Load(Some(payload)) => Ok(Answer::Text(payload.into_json())),
        Reply::Load(None) => Ok(Answer::None),
        _ => Err(StoreError::Protocol),
    }));
}

/// The id, if it can name a record.
fn id(call: &Call<'_>, index: usize) -> std::result::Result<Option<SessionId>, Thrown> {
    call.with_text(index, SessionId::parse)
}

fn payload(call: &Call<'_>, index: usize) -> std::result::Result<Payload, Thrown> {
    Payload::parse(call.string(index)?).map_err(|it| Fault::from(it).into())
}

fn ttl(call: &Call<'_>, index: usize) -> std::result::Result<Ttl, Thrown> {
    let seconds = call.number(index)?;
    // A cast from a float saturates: nonsense becomes 0, which the engine refuses. What should
    // live longer than the engine counts lives as long as that.
    Ttl::from_seconds((seconds.ceil() as u64).min(Ttl::MAX.as_seconds()))
        .map_err(|it| Fault::from(it).into())
}

/// Calls that are worth a batch of their own: while it is under way, JavaScript goes on.
const MANY: usize = 64;
