//! Keeps payloads in this process, within a bound.
//!
//! ```text
//!   id -> (payload, expires_at)     moka: concurrent, least recently used goes first
//! ```
//!
//! For one process, for tests, and for applications that may forget sessions when they restart.
//! Expiry is judged by the `now` of each call, so a test may move the clock; besides that an
//! entry is dropped when its TTL has passed on the machine's own clock, which frees memory that
//! nobody asks for again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{Found, Inspected, Reply, Request, Store};
use crate::error::{ConfigError, StoreError};
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::{Ttl, UnixMillis};

/// How much a [`MemoryStore`] may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemoryConfig {
    /// Bytes of payloads and ids, and 512 more for each entry, which is what one takes. At the
    /// bound, sessions that were not used for longest are dropped. 64 MiB by default.
    pub max_bytes: u64,
    /// Sessions. At the bound, those that were not used for longest are dropped. As many as fit
    /// into `max_bytes` by default.
    ///
    /// With both bounds an entry counts for at least `max_bytes / max_entries`, so fewer may fit
    /// than either says, and never more.
    pub max_entries: u64,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { max_bytes: 64 * 1024 * 1024, max_entries: u64::MAX }
    }
}

/// A [`Store`] in the memory of this process.
///
/// ```
/// use rudder_session::{MemoryConfig, MemoryStore, Payload, SessionId, Store, Ttl, UnixMillis};
///
/// let store = MemoryStore::new(MemoryConfig { max_bytes: 1 << 20, ..MemoryConfig::default() })?;
/// let id = SessionId::random()?;
/// store.save(&Payload::new(&id), Ttl::from_seconds(60)?, UnixMillis::new(0))?;
///
/// assert!(store.load(&id, UnixMillis::new(59_999))?.is_some());
/// assert!(store.load(&id, UnixMillis::new(60_000))?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    entries: Cache<SessionId, Entry>,
    /// The most that one entry may count for, too.
    capacity: u64,
}

impl MemoryStore {
    /// An empty store.
    ///
    /// # Errors
    ///
    /// [`ConfigError::MemoryBound`] if a bound is 0.
    pub fn new(config: MemoryConfig) -> Result<Self, ConfigError> {
        let MemoryConfig { max_bytes, max_entries } = config;
        if max_bytes == 0 || max_entries == 0 {
            return Err(ConfigError::MemoryBound);
        }
        // moka has one bound: entries that weigh so much at least are as many as there may be, and
        // one more does not fit. A weight has 32 bits.
        let least = u32::try_from(max_bytes / max_entries).unwrap_or(u32::MAX);
        let capacity = match least {
            0 => max_bytes,
            _ => max_bytes.min(max_entries.saturating_add(1).saturating_mul(least.into()) - 1),
        };
        let entries = Cache::builder()
            .max_capacity(capacity)
            .weigher(move |id: &SessionId, entry: &Entry| weight(id, &entry.payload).max(least))
            // The default policy may turn a new entry away in favour of popular ones: a user
            // who just logged in would be out again.
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(UntilTtl)
            .build();
        Ok(Self { entries, capacity })
    }

    fn entry(
        &self,
        payload: Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<(SessionId, Entry), StoreError> {
        let id = payload.session_id().ok_or(StoreError::InvalidId)?;
        if u64::from(weight(&id, &payload)) > self.capacity {
            return Err(StoreError::TooLarge);
        }
        Ok((id, Entry { payload: Arc::new(payload), ttl, expires_at: now.plus(ttl) }))
    }

    /// Looks at an entry that is alive and acts on it, in one step: no other step on the same id
    /// gets in between.
    ///
    /// All changes go this way. moka's own `insert` and `invalidate` wait for no step: one that has
    /// found its record unchanged would undo them.
    fn step(
        &self,
        id: &SessionId,
        now: UnixMillis,
        decide: impl FnOnce(Option<Entry>) -> Op<Entry>,
    ) {
        self.entries.entry_by_ref(id).and_compute_with(|current| {
            decide(current.map(moka::Entry::into_value).filter(|entry| now < entry.expires_at))
        });
    }

    /// Acts on an entry if it is `expected`.
    fn step_if(&self, id: &SessionId, now: UnixMillis, expected: &str, act: Op<Entry>) -> Found {
        let mut found = Found::Gone;
        self.step(id, now, |current| match current {
            Some(current) if current.payload.as_json() == expected => {
                found = Found::Expected;
                act
            }
            Some(current) => {
                found = Found::Changed(current.payload.as_json().to_owned());
                Op::Nop
            }
            None => Op::Nop,
        });
        found
    }
}

impl Store for MemoryStore {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        match request {
            Request::Create { payload, ttl } => {
                let (id, entry) = self.entry(payload, ttl, now)?;
                let mut created = false;
                self.step(&id, now, |current| {
                    created = current.is_none();
                    if created { Op::Put(entry) } else { Op::Nop }
                });
                Ok(Reply::Create(created))
            }
            Request::Destroy { id } => {
                self.step(&id, now, |_| Op::Remove);
                Ok(Reply::Destroy)
            }
            Request::Inspect { id } => {
                let record = self.entries.get(&id).and_then(|entry| {
                    let left = now.until(entry.expires_at)?;
                    Some(Inspected { payload: Payload::clone(&entry.payload), left })
                });
                Ok(Reply::Inspect(record))
            }
            Request::Load { id } => {
                let entry = self.entries.get(&id).filter(|entry| now < entry.expires_at);
                let session = entry.filter(|entry| !entry.payload.is_forwarding());
                Ok(Reply::Load(session.map(|entry| Payload::clone(&entry.payload))))
            }
            Request::Remove { id, expected } => {
                let found = self.step_if(&id, now, &expected, Op::Remove);
                Ok(Reply::Remove(found))
            }
            Request::Replace { expected, payload, ttl } => {
                let (id, entry) = self.entry(payload, ttl, now)?;
                let found = self.step_if(&id, now, &expected, Op::Put(entry));
                Ok(Reply::Replace(found))
            }
            Request::Save { payload, ttl } => {
                let (id, entry) = self.entry(payload, ttl, now)?;
                self.step(&id, now, |_| Op::Put(entry));
                Ok(Reply::Save)
            }
            Request::Touch { id, ttl } => {
                let mut touched = false;
                self.step(&id, now, |current| match current {
                    Some(current) => {
                        touched = true;
                        Op::Put(Entry { ttl, expires_at: now.plus(ttl), ..current })
                    }
                    None => Op::Nop,
                });
                Ok(Reply::Touch(touched))
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    payload: Arc<Payload>,
    ttl: Ttl,
    expires_at: UnixMillis,
}

/// Bytes that an entry counts for.
fn weight(id: &SessionId, payload: &Payload) -> u32 {
    let bytes = payload.as_json().len() + id.as_str().len() + ENTRY_OVERHEAD;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// What moka and the allocator add to an entry: 506 to 528 bytes of the process's memory, whatever
/// the payload (`benches/STORES.md`).
const ENTRY_OVERHEAD: usize = 512;

/// Tells moka when an entry may go: its TTL after each write.
#[derive(Debug)]
struct UntilTtl;

impl Expiry<SessionId, Entry> for UntilTtl {
    fn expire_after_create(&self, _: &SessionId, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl.as_duration())
    }

    fn expire_after_update(
        &self,
        _: &SessionId,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl.as_duration())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn up_to_bytes(max_bytes: u64) -> MemoryConfig {
        MemoryConfig { max_bytes, ..MemoryConfig::default() }
    }

    #[test]
    fn a_store_never_grows_past_its_bound() {
        let store = MemoryStore::new(up_to_bytes(100_000)).expect("legal");
        let ttl = Ttl::from_seconds(60).expect("legal");
        for _ in 0..10_000 {
            let id = SessionId::random().expect("randomness");
            store.save(&Payload::new(&id), ttl, UnixMillis::new(0)).expect("fits");
        }
        store.entries.run_pending_tasks();

        assert!(store.entries.weighted_size() <= 100_000);
        assert!(store.entries.entry_count() > 100);
    }

    #[test]
    fn a_store_never_holds_more_sessions_than_it_may() {
        for max_bytes in [u64::MAX, 1 << 20, 100_000] {
            let config = MemoryConfig { max_bytes, max_entries: 50 };
            let store = MemoryStore::new(config).expect("legal");
            let ttl = Ttl::from_seconds(60).expect("legal");
            let ids: Vec<_> = (0..1000)
                .map(|_| {
                    let id = SessionId::random().expect("randomness");
                    store.save(&Payload::new(&id), ttl, UnixMillis::new(0)).expect("fits");
                    id
                })
                .collect();
            store.entries.run_pending_tasks();

            // The newest ones.
            let kept = |id| store.load(id, UnixMillis::new(0)).expect("loaded").is_some();
            let kept: Vec<bool> = ids.iter().map(kept).collect();
            assert_eq!(kept.iter().filter(|kept| **kept).count(), 50, "{max_bytes}");
            assert!(kept[950..].iter().all(|kept| *kept), "{max_bytes}");
        }
    }

    /// What is asked for while a step is under way, and when the step is over: does it last?
    fn in_the_middle_of_a_step(request: Request) -> Option<Payload> {
        let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
        let (ttl, now) = (Ttl::from_seconds(60).expect("legal"), UnixMillis::new(0));
        let id = SessionId::parse("a").expect("legal");
        store.save(&Payload::new(&id), ttl, now).expect("fits");
        let mut changed = Payload::new(&id);
        changed.put("n", &1).expect("serialisable");
        let (_, entry) = store.entry(changed, ttl, now).expect("fits");

        let (answer, answered) = mpsc::channel();
        thread::scope(|scope| {
            store.step(&id, now, |current| {
                assert!(current.is_some());
                scope.spawn(|| answer.send(store.call(request, now)));
                // A call that does not wait for the step is through by then.
                let early = answered.recv_timeout(Duration::from_millis(200));
                assert!(early.is_err(), "got in between");
                Op::Put(entry)
            });
        });
        answered.recv().expect("an answer").expect("done");
        store.load(&id, now).expect("loaded")
    }

    #[test]
    fn a_destroy_in_the_middle_of_a_write_is_not_undone_by_it() {
        let id = SessionId::parse("a").expect("legal");

        assert_eq!(in_the_middle_of_a_step(Request::Destroy { id }), None);
    }

    #[test]
    fn a_save_in_the_middle_of_a_write_is_not_overwritten_by_it() {
        let mut payload = Payload::new(&SessionId::parse("a").expect("legal"));
        payload.put("saved", &true).expect("serialisable");
        let ttl = Ttl::from_seconds(60).expect("legal");

        let save = Request::Save { payload: payload.clone(), ttl };

        assert_eq!(in_the_middle_of_a_step(save), Some(payload));
    }

    #[test]
    fn a_payload_over_the_whole_bound_is_refused() {
        let store = MemoryStore::new(up_to_bytes(1000)).expect("legal");
        let mut payload = Payload::new(&SessionId::random().expect("randomness"));
        payload.put("big", &"x".repeat(1000)).expect("serialisable");

        let saved = store.save(&payload, Ttl::from_seconds(60).expect("legal"), UnixMillis::new(0));

        assert_eq!(saved, Err(StoreError::TooLarge));
    }

    #[test]
    fn a_bound_of_zero_is_refused() {
        let no_entries = MemoryConfig { max_entries: 0, ..MemoryConfig::default() };
        for config in [up_to_bytes(0), no_entries] {
            let refused = MemoryStore::new(config).map(|_| ());

            assert_eq!(refused, Err(ConfigError::MemoryBound));
        }
    }
}
