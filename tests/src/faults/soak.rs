//! All stores under load for as long as wanted, while the memory of this process is watched.
//!
//! ```text
//!   redis           the load of cuts, behind a proxy that breaks connections; the server is
//!                   stopped now and then
//!   cluster         one after another: masters are killed and stopped, replicas take over
//!   file, memory    one thread each, that saves, loads and destroys the same sessions
//!   cookies         one thread, that writes and reads them while keys come and go
//!   watcher         looks at the memory, sixty times
//! ```
//!
//! No write that was acknowledged is lost, nothing that was destroyed comes back, nobody gets what
//! is another's, no call goes on and on.
//!
//! After the first fifth whatever is made at first use is there, and buffers have grown to their
//! size. Of the second fifth and of the last one the median counts, since the threads of the proxy,
//! and pages that the allocator keeps, come and go.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rudder_session::secret::{Secret, SecretSource};
use rudder_session::{
    CookieCodec, DecodeError, FileConfig, FileStore, HardenedCodec, HardenedConfig, HardenedKey,
    KeyRing, MemoryConfig, MemoryStore, Rotating, Store,
};

use super::cuts::Run;
use super::offsets::Method;
use super::samples::{NOW, an_hour, id, stamped, writer_of};
use super::{Extent, cluster};
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
    let (samples, calls, others, shown) = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&path, started_at, lasts));
        let stops = scope.spawn(|| stop_now_and_then(&run, extent, &is_over));
        let clusters = scope.spawn(|| fail_over_again_and_again(extent, &is_over));
        let cookies = scope.spawn(|| rotate(Random::new(extent.seed), &is_over));
        let embedded = [&file as &dyn Store, &memory].map(|store| {
            let random = Random::new(extent.seed);
            scope.spawn(move || serve(store, random, &is_over))
        });
        let shown = run.until(&|_| is_over());
        let calls = embedded.map(|it| it.join().expect("no panic"));
        let others = [stops, clusters, cookies].map(|it| it.join().expect("no panic"));
        (watcher.join().expect("no panic"), calls, others, shown)
    });

    let fifths = [0, 1, 2, 3, 4].map(|it| it * SAMPLES / 5..(it + 1) * SAMPLES / 5);
    let memory = fifths.clone().map(|fifth| median(&samples[fifth], |it| it.resident_kib));
    let size = fifths.map(|fifth| median(&samples[fifth], |it| it.file_kib));
    let [of_file, of_memory] = calls;
    let [stops, clusters, rotations] = others;
    let shown = format!(
        "{} s; redis: {shown}, {stops} times stopped; {clusters} clusters with two fail-overs each; \
        {of_file} calls of file, {of_memory} of memory; {rotations} keys came and went; RSS by \
        fifths of the time {memory:?} KiB, file {size:?} KiB",
        lasts.as_secs()
    );
    assert!(calls.iter().all(|calls| *calls > 1000), "{shown}: nothing was tested");
    assert!(memory[4] <= memory[1] + memory[1] / 10 + 4 * 1024, "{shown}: memory grows");
    assert!(size[4] <= size[1] + size[1] / 10 + 1024, "{shown}: the file grows");
    shown
}

/// Stops the server for longer than a deadline; how often.
fn stop_now_and_then(run: &Run, extent: Extent, is_over: &dyn Fn() -> bool) -> usize {
    let mut random = Random::new(extent.seed ^ 1);
    let mut stops = 0;
    loop {
        let rest_until = Instant::now() + Duration::from_secs(2) + random.millis(8_000);
        while Instant::now() < rest_until {
            thread::sleep(Duration::from_millis(100));
            if is_over() {
                return stops;
            }
        }
        run.stop_the_server(Duration::from_millis(150) + random.millis(850));
        stops += 1;
    }
}

/// Each time a new cluster, whose masters are killed or stopped under load; how often.
fn fail_over_again_and_again(extent: Extent, is_over: &dyn Fn() -> bool) -> usize {
    let mut clusters = 0;
    while !is_over() {
        // Much else goes on here, so deadlines are held to the second.
        cluster::fail_overs(Extent { seed: extent.seed + clusters as u64, is_long: false });
        clusters += 1;
    }
    clusters
}

/// Puts a new key in front of a file again and again, which is read anew: cookies of the keys that are still on the ring are
/// read, in both formats, and those of others are refused. How many keys that were.
fn rotate(mut random: Random, is_over: &dyn Fn() -> bool) -> usize {
    let secret = |number: usize| format!("the-secret-of-32-bytes-number-{number:08}");
    let own = id("rotated");
    let folder = TempDir::new();
    let file = folder.path().join("secrets");
    let write = |newest: usize| {
        let on_the_ring = (newest - ON_THE_RING + 1..=newest).rev().map(secret);
        let text = on_the_ring.collect::<Vec<_>>().join("\n");
        std::fs::write(&file, text).expect("it is writable");
    };
    let mut newest = ON_THE_RING;
    write(newest);
    let sources = || vec![SecretSource::file(&file)];
    let v1 = Rotating::open(sources(), |secrets| {
        Ok(CookieCodec::new(KeyRing::from_secrets(secrets.iter().map(Secret::expose))?))
    });
    let v2 = Rotating::open(sources(), |secrets| {
        let keys = secrets.iter().map(|it| HardenedKey::new(it.expose()));
        HardenedCodec::new(HardenedConfig::new(keys.collect::<Result<_, _>>()?, "sid"))
    });
    let (v1, v2) = (v1.expect("legal"), v2.expect("legal"));
    let mut made: Vec<(usize, String, String)> = Vec::new();
    while !is_over() {
        newest += 1;
        write(newest);
        v1.reload().expect("legal");
        v2.reload().expect("legal");
        let (v1, v2) = (v1.at(NOW), v2.at(NOW));

        for (number, by_v1, by_v2) in &made {
            let is_read = *number + ON_THE_RING > newest;
            assert_eq!(v1.decode_id(by_v1).as_ref() == Ok(&own), is_read, "{number} at {newest}");
            let payload = v2.decode(by_v2, NOW).map(|it| writer_of(&own, &it.0).1);
            let expected =
                if is_read { Ok(*number as u64) } else { Err(DecodeError::BadSignature) };
            assert_eq!(payload, expected, "{number} at {newest}");
        }
        let payload = stamped(&own, 0, newest as u64);
        let by_v2 = v2.encode(&payload, NOW).expect("the machine has randomness");
        made.push((newest, v1.encode_id(&own), by_v2));
        if made.len() > 2 * ON_THE_RING {
            made.remove(0);
        }
        thread::sleep(random.millis(20));
    }
    newest
}

const ON_THE_RING: usize = 3;

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
