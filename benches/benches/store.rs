//! What a request pays for its session in a store.
//!
//! ```text
//!   store/<operation>/<store>/<callers>    time in which each of so many threads gets one
//!                                          operation done; elem/s is operations a second
//! ```
//!
//! - `load`, `save`, `touch`: what they say.
//! - `update`: onto a record that is as it was loaded.
//! - `merge`: an update onto a record that another request has changed.
//!
//! Each caller has a session of its own, of 500 bytes, and looks at every result. `file` commits
//! to the disk before it answers, `file_eventual` does not. The Redis ones are one server:
//! `redis_tcp_1ms` is a millisecond further away, and with `redis_tcp_unbatched` each call has one
//! of eight connections to itself, so that none goes with another. How others do is in
//! `benches/peers`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use rudder_session::store::{Durability, Reply, Request, Updated};
use rudder_session::{
    FileConfig, FileStore, MemoryStore, Payload, RedisConfig, RedisStore, Store, StoreError, Ttl,
    UnixMillis,
};
use rudder_session_benches::{NOW, session};
use rudder_session_tests::redis_server::{RedisServer, TempDir};
use rudder_session_tests::slow_link::SlowLink;

const CALLERS: [usize; 4] = [1, 16, 64, 256];
const PAYLOAD_BYTES: usize = 500;

fn main() {
    let mut criterion = Criterion::default()
        // Drawing and resampling would take longer than measuring.
        .without_plots()
        .nresamples(1000)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    let callers: Vec<_> = (0..CALLERS[CALLERS.len() - 1]).map(|_| Caller::new()).collect();

    let (server, dir) = (RedisServer::start(), TempDir::new());
    let redis = |url| {
        // Nobody is to be refused however slow the machine.
        let deadline = Duration::from_secs(10);
        RedisStore::new(RedisConfig { url, deadline, ..RedisConfig::default() }).expect("legal")
    };
    let file = |name, durability| {
        let config = FileConfig { durability, ..FileConfig::at(dir.path().join(name)) };
        FileStore::open(config).expect("the directory is writable")
    };
    let link = SlowLink::start(server.port(), Duration::from_millis(1));
    let far = format!("redis://127.0.0.1:{}", link.port());
    let stores: [(&str, Arc<dyn Store>); 7] = [
        ("memory", Arc::new(MemoryStore::new(Default::default()).expect("legal"))),
        ("file", Arc::new(file("immediate", Durability::Immediate))),
        ("file_eventual", Arc::new(file("eventual", Durability::Eventual))),
        ("redis_tcp", Arc::new(redis(server.url()))),
        ("redis_unix", Arc::new(redis(server.unix_url()))),
        ("redis_tcp_1ms", Arc::new(redis(far))),
        ("redis_tcp_unbatched", Arc::new(Unbatched::new(|| redis(server.url())))),
    ];
    for (name, store) in &stores {
        let mut bench = |operation: &str, work: &(dyn Fn(&dyn Store, &Caller, u64) + Sync)| {
            // The sessions are as they were at the beginning.
            for caller in &callers {
                store.save(&caller.loaded, ttl(), NOW).expect("the store is up");
            }
            let group = format!("store/{operation}/{name}");
            run(&mut criterion, &group, &**store, &callers, work);
        };
        bench("load", &|store, caller, _| {
            let loaded = store.load(&caller.id(), NOW);
            assert_eq!(loaded.as_ref().map(Option::as_ref), Ok(Some(&caller.loaded)));
        });
        bench("save", &|store, caller, _| {
            assert_eq!(store.save(&caller.loaded, ttl(), NOW), Ok(()));
        });
        bench("touch", &|store, caller, _| {
            assert_eq!(store.touch(&caller.id(), ttl(), NOW), Ok(true));
        });
        bench("update", &|store, caller, done| {
            let (mut base, mut payload) = (&caller.loaded, &caller.changed);
            if done % 2 == 1 {
                std::mem::swap(&mut base, &mut payload);
            }
            assert_eq!(store.update(base, payload, ttl(), NOW), Ok(Updated::Saved));
        });
        bench("merge", &|store, caller, _| {
            let updated = store.update(&caller.stale, &caller.late, ttl(), NOW);
            assert!(matches!(updated, Ok(Updated::Merged(_))));
        });
    }
    criterion.final_summary();
}

/// A store with eight connections where no call goes with another.
struct Unbatched {
    stores: Vec<Mutex<RedisStore>>,
    next: AtomicUsize,
}

impl Unbatched {
    fn new(store: impl Fn() -> RedisStore) -> Self {
        let stores = (0..RedisConfig::default().pool_size).map(|_| Mutex::new(store())).collect();
        Self { stores, next: AtomicUsize::new(0) }
    }
}

impl Store for Unbatched {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.stores.len();
        self.stores[at].lock().expect("no panic").call(request, now)
    }
}

/// A session, and what becomes of it.
struct Caller {
    /// What another request loaded before.
    stale: Payload,
    /// What that request makes of it.
    late: Payload,
    loaded: Payload,
    changed: Payload,
}

impl Caller {
    fn new() -> Self {
        let loaded = session(PAYLOAD_BYTES);
        let (mut stale, mut changed) = (loaded.clone(), loaded.clone());
        stale.put("visits", &0_u32).expect("serialisable");
        changed.put("visits", &2_u32).expect("serialisable");
        let mut late = stale.clone();
        late.put("seen", &true).expect("serialisable");
        Self { stale, late, loaded, changed }
    }

    fn id(&self) -> rudder_session::SessionId {
        self.loaded.session_id().expect("a legal id")
    }
}

/// Has threads do `work` at the same time, as often as criterion wants.
///
/// `work` is told how many times this caller has done it in this call; that is an even number in
/// the end, so whoever takes turns is back where it began.
fn run(
    criterion: &mut Criterion,
    group: &str,
    store: &dyn Store,
    callers: &[Caller],
    work: &(dyn Fn(&dyn Store, &Caller, u64) + Sync),
) {
    let mut group = criterion.benchmark_group(group);
    group.sampling_mode(SamplingMode::Flat);
    for count in CALLERS {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|iterations| {
                let took = at_the_same_time(&callers[..count], |caller| {
                    for done in 0..iterations * IN_A_ROW {
                        work(store, caller, done);
                    }
                });
                took / IN_A_ROW as u32
            });
        });
    }
    group.finish();
}

/// Operations of each caller in what criterion takes for one iteration, or it would measure how
/// long threads take to start.
const IN_A_ROW: u64 = 10;

fn at_the_same_time(callers: &[Caller], work: impl Fn(&Caller) + Sync) -> Duration {
    let ready = Barrier::new(callers.len() + 1);
    thread::scope(|scope| {
        for caller in callers {
            let (ready, work) = (&ready, &work);
            scope.spawn(move || {
                ready.wait();
                work(caller);
                ready.wait();
            });
        }
        ready.wait();
        let started_at = Instant::now();
        ready.wait();
        started_at.elapsed()
    })
}

fn ttl() -> Ttl {
    Ttl::from_seconds(7200).expect("legal")
}
