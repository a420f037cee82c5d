//! All stores under load for as long as wanted, while the memory of this process is watched.
//!
//! ```text
//!   redis           the load of cuts, behind a proxy that breaks connections
//!   file, memory    one thread each, that saves, loads and destroys the same sessions
//!   watcher         looks at the memory, sixty times
//! ```
//!
//! After the first fifth whatever is made at first use is there, and buffers have grown to their
//! size. Of the second fifth and of the last one the median counts, since the threads of the proxy,
//! and pages that the allocator keeps, come and go.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rudder_session::{FileConfig, FileStore, MemoryConfig, MemoryStore, Store};

use super::Extent;
use super::cuts::Run;
use super::offsets::Method;
use super::samples::{NOW, an_hour, id, stamped, writer_of};
use crate::random::Random;
use crate::redis_server::TempDir;

const SAMPLES: usize = 60;

/// For so long.
pub fn soak(extent: Extent, lasts: Duration) -> String {
    let folder = TempDir::new();
    let path = folder.path().join("soak.redb");
    let file = FileStore::open(FileConfig::at(&path)).expect("new");
    let memory =
        MemoryStore::new(MemoryConfig { max_bytes: 1 << 20, ..Default::default() }).expect("legal");
    let run = Run::new(extent, Method::Script);
    let started_at = Instant::now();
    let is_over = || started_at.elapsed() >= lasts;
    let (samples, calls, shown) = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&path, started_at, lasts));
        let embedded = [&file as &dyn Store, &memory].map(|store| {
            let random = Random::new(extent.seed);
            scope.spawn(move || serve(store, random, &is_over))
        });
        let shown = run.until(&|_| is_over());
        let calls = embedded.map(|it| it.join().expect("no panic"));
        (watcher.join().expect("no panic"), calls, shown)
    });

    let fifths = [0, 1, 2, 3, 4].map(|it| it * SAMPLES / 5..(it + 1) * SAMPLES / 5);
    let memory = fifths.clone().map(|fifth| median(&samples[fifth], |it| it.resident_kib));
    let size = fifths.map(|fifth| median(&samples[fifth], |it| it.file_kib));
    let [of_file, of_memory] = calls;
    let shown = format!(
        "{} s; redis: {shown}; {of_file} calls of file, {of_memory} of memory; RSS by fifths of the \
        time {memory:?} KiB, file {size:?} KiB",
        lasts.as_secs()
    );
    assert!(calls.iter().all(|calls| *calls > 1000), "{shown}: nothing was tested");
    assert!(memory[4] <= memory[1] + memory[1] / 10 + 4 * 1024, "{shown}: memory grows");
    assert!(size[4] <= size[1] + size[1] / 10 + 1024, "{shown}: the file grows");
    shown
}

struct Sample {
    resident_kib: usize,
    file_kib: usize,
}

fn watch(path: &Path, started_at: Instant, lasts: Duration) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(SAMPLES);
    for number in 0..SAMPLES {
        let due = lasts * number as u32 / SAMPLES as u32;
        thread::sleep(due.saturating_sub(started_at.elapsed()));
        let file_bytes = std::fs::metadata(path).expect("it is there").len();
        samples.push(Sample { resident_kib: resident_kib(), file_kib: file_bytes as usize / 1024 });
    }
    samples
}

fn median(samples: &[Sample], of: fn(&Sample) -> usize) -> usize {
    let mut values: Vec<_> = samples.iter().map(of).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// Two hundred sessions that one thread saves, loads and destroys; how many calls that were.
fn serve(store: &dyn Store, mut random: Random, is_over: &dyn Fn() -> bool) -> usize {
    let mut last: Vec<Option<u64>> = vec![None; 200];
    let mut calls = 0;
    while !is_over() {
        let session = random.below(last.len());
        let own = id(&format!("embedded-{session}"));
        calls += 1;
        match random.below(10) {
            0 => {
                store.destroy(&own).expect("destroyed");
                last[session] = None;
            }
            1..5 => {
                let number = calls as u64;
                store.save(&stamped(&own, 0, number), an_hour(), NOW).expect("saved");
                last[session] = Some(number);
            }
            _ => {
                let loaded = store.load(&own, NOW).expect("loaded");
                assert_eq!(loaded.map(|it| writer_of(&own, &it).1), last[session]);
            }
        }
    }
    calls
}

/// What this process has in memory.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is Linux");
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).expect("it is said");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
