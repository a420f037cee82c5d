//! What a call costs when a thousand, a hundred thousand or a million sessions are stored.
//!
//! ```text
//!   growth/<operation>/<store>/<sessions stored>
//! ```
//!
//! Ours alone, by one caller. Every payload follows from its number, and what is loaded is
//! compared.

use std::sync::Arc;
use std::time::Instant;

use rudder_session::{
    Durability, FileConfig, FileStore, MemoryConfig, MemoryStore, Payload, RedisConfig, RedisStore,
    Store, Ttl, UnixMillis,
};
use rudder_session_tests::random::{Random, scattered_id};
use rudder_session_tests::redis_server::{RedisServer, TempDir};

use crate::report::Report;

const STORED: [u64; 3] = [1000, 100_000, 1_000_000];
const BYTES: usize = 500;
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

pub(crate) fn measure(report: &mut Report, wants: &dyn Fn(&str) -> bool) {
    for stored in STORED {
        let names = ["memory", "file_eventual", "redis"];
        let [memory, file, redis] = names.map(|store| wants(&format!("growth/{store}/{stored}")));
        if memory {
            let config = MemoryConfig { max_bytes: u64::MAX, ..MemoryConfig::default() };
            let store = MemoryStore::new(config).expect("legal");
            of_store(report, "memory", Arc::new(store), stored);
        }
        if file {
            let folder = TempDir::new();
            let durability = Durability::Eventual;
            let config = FileConfig { durability, ..FileConfig::at(folder.path().join("growth")) };
            let store = FileStore::open(config).expect("the folder is writable");
            of_store(report, "file_eventual", Arc::new(store), stored);
        }
        if redis {
            let server = RedisServer::start();
            let url = server.url();
            let store = RedisStore::new(RedisConfig { url, ..RedisConfig::default() });
            of_store(report, "redis", Arc::new(store.expect("legal")), stored);
        }
    }
}

fn of_store(report: &mut Report, name: &str, store: Arc<dyn Store>, stored: u64) {
    fill(&*store, stored);
    let mut random = Random::new(0);
    let mut next = || random.next() % stored;
    let loads = batches(1000, || {
        let number = next();
        assert!(store.load(&scattered_id(number), NOW).is_ok_and(|it| it == Some(payload(number))));
    });
    let saves = batches(200, || {
        assert_eq!(store.save(&payload(next()), a_day(), NOW), Ok(()));
    });
    report.add_alone(&format!("growth/load/{name}/{stored}"), "us", &loads);
    report.add_alone(&format!("growth/save/{name}/{stored}"), "us", &saves);
}

fn fill(store: &dyn Store, stored: u64) {
    const THREADS: u64 = 32;
    std::thread::scope(|scope| {
        for first in 0..THREADS {
            scope.spawn(move || {
                for number in (first..stored).step_by(THREADS as usize) {
                    assert_eq!(store.save(&payload(number), a_day(), NOW), Ok(()));
                }
            });
        }
    });
}

/// Microseconds of a call, making and comparing a payload included, in each of some batches.
fn batches(calls: u32, mut work: impl FnMut()) -> Vec<f64> {
    let mut batch = || {
        let started_at = Instant::now();
        (0..calls).for_each(|_| work());
        started_at.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
    };
    (0..21).map(|_| batch()).collect()
}

fn payload(number: u64) -> Payload {
    let id = scattered_id(number);
    let start = format!(r#"{{"id":"{}","data":{{"notes":""#, id.as_str());
    let end = r#""},"flash_next":{}}"#;
    let filler = "x".repeat(BYTES - start.len() - end.len());
    Payload::parse(start + &filler + end).expect("a payload")
}

fn a_day() -> Ttl {
    Ttl::from_seconds(24 * 3600).expect("legal")
}
