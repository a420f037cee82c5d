//! Fills the stores without a server with sessions, and says in Markdown what that takes.
//!
//! ```text
//!   growth [SESSIONS]     a million unless said otherwise
//!      |
//!      +-> growth memory SESSIONS BYTES      each part is a process of its own, so that none
//!      +-> growth room SESSIONS BYTES        counts the memory of another
//!      +-> growth bound SESSIONS MEBIBYTES
//!      +-> growth file SESSIONS BYTES
//!      +-> growth open SESSIONS BYTES
//! ```
//!
//! Every payload follows from its number, and each that is loaded is compared, so a store that
//! answers fast and wrong fails. Memory is that of the process, as Linux counts it. Calls in a
//! second are counted by the clock on the wall, so making and comparing payloads takes its part;
//! p50 and p99 are of the calls alone.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;

use redb::{ReadableDatabase, ReadableTableMetadata, TableDefinition};
use rudder_session::{
    Durability, FileConfig, FileStore, MemoryConfig, MemoryStore, Payload, Store, Ttl, UnixMillis,
};
use rudder_session_tests::random::{Random, scattered_id};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|it| it.parse::<u64>().ok());
    let (part, sessions, detail) = match arguments.len() {
        0 => ("all", Some(1_000_000), Some(0)),
        1 => ("all", number(0), Some(0)),
        _ => (arguments[0].as_str(), number(1), number(2)),
    };
    match (part, sessions, detail) {
        ("all", Some(sessions @ 1000..), _) => all_parts(sessions),
        ("memory", Some(sessions), Some(bytes)) => memory(Sample { bytes, sessions }),
        ("room", Some(sessions), Some(bytes)) => room(Sample { bytes, sessions }),
        ("bound", Some(sessions), Some(mebibytes)) => bound(sessions, mebibytes),
        ("file", Some(sessions), Some(bytes)) => file(Sample { bytes, sessions }),
        ("open", Some(sessions), Some(bytes)) => open(Sample { bytes, sessions }),
        _ => {
            eprintln!("usage: growth [SESSIONS], 1000 or more");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn all_parts(sessions: u64) {
    let program = std::env::current_exe().expect("it runs");
    let run = |part: &str, sessions: u64, detail: u64| {
        let arguments = [part.to_owned(), sessions.to_string(), detail.to_string()];
        let ended = Command::new(&program).args(arguments).status().expect("it is this program");
        assert!(ended.success(), "{part} failed");
    };
    let calls = "| call | threads | calls | calls/s | p50 | p99 |\n\
        | --- | ---: | ---: | ---: | ---: | ---: |";

    println!("### Memory store\n\n{sessions} sessions of 500 B, no bound.\n\n{calls}");
    run("memory", sessions, 500);
    println!(
        "\nWhat a session takes:\n\n| payload | sessions | memory | each | beyond its bytes |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: |");
    [100, 500, 2000].into_iter().for_each(|bytes| run("room", sessions / 2, bytes));
    println!("\nWith a bound, {sessions} sessions of 500 B saved one after the other:\n");
    println!("| `max_bytes` | sessions kept | memory |\n| ---: | ---: | ---: |");
    [64, 256].into_iter().for_each(|mebibytes| run("bound", sessions, mebibytes));

    println!("\n### File store\n\n{sessions} sessions of 500 B.\n\n{calls}");
    run("file", sessions, 500);
    println!("\nOpening, the file being in the system's memory:\n");
    println!("| sessions | file | with check | memory then | without | memory then |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    [64, 8, 1].into_iter().for_each(|part| run("open", sessions / part, 500));
}

fn memory(sample: Sample) {
    let store = MemoryStore::new(MemoryConfig { max_bytes: u64::MAX, ..Default::default() });
    let store = store.expect("legal");
    fill(&store, &sample, "save new");
    calls(&store, &sample, "save again", 10, save);
    calls(&store, &sample, "load", 1, load);
}

fn room(sample: Sample) {
    let store = MemoryStore::new(MemoryConfig { max_bytes: u64::MAX, ..Default::default() });
    let store = store.expect("legal");
    let before = resident_bytes();
    (0..sample.sessions).for_each(|number| save(&store, &sample.payload(number), NOW));
    let grown = resident_bytes().saturating_sub(before);

    let each = grown / sample.sessions;
    let Sample { bytes, sessions } = sample;
    let beyond = each as i64 - bytes as i64 - ID_BYTES as i64;
    println!("| {bytes} B | {sessions} | {} | {each} B | {beyond} B |", mebibytes(grown));
}

fn bound(sessions: u64, bound_mebibytes: u64) {
    let sample = Sample { bytes: 500, sessions };
    let max_bytes = bound_mebibytes << 20;
    let store = MemoryStore::new(MemoryConfig { max_bytes, ..Default::default() }).expect("legal");
    let before = resident_bytes();
    (0..sessions).for_each(|number| save(&store, &sample.payload(number), NOW));
    let grown = resident_bytes().saturating_sub(before);

    let is_kept = |number: &u64| store.load(&scattered_id(*number), NOW).expect("loaded").is_some();
    let kept = (0..sessions).filter(is_kept).count();
    assert!(is_kept(&(sessions - 1)), "the newest is dropped");
    // What the allocator needs for itself comes on top.
    assert!(grown < max_bytes + max_bytes / 10 + (8 << 20), "{grown} bytes");
    println!("| {bound_mebibytes} MiB | {kept} | {} |", mebibytes(grown));
}

fn file(sample: Sample) {
    let folder = Folder::new();
    let path = folder.0.join("sessions.redb");
    let sessions = sample.sessions;
    let before = resident_bytes();
    let more_memory = || mebibytes(resident_bytes().saturating_sub(before));

    let store = open_file(&path, Durability::Eventual, true);
    fill(&store, &sample, "`eventual`: save new");
    let after_saves = more_memory();
    calls(&store, &sample, "`eventual`: save again", 10, save);
    calls(&store, &sample, "load", 1, load);
    let after_loads = more_memory();
    drop(store);
    let full_bytes = size(&path);
    assert_eq!(rows(&path), (sessions, sessions));

    let store = open_file(&path, Durability::Immediate, false);
    calls(&store, &sample, "`immediate`: save again", 100, save);
    drop(store);

    let store = open_file(&path, Durability::Eventual, false);
    // Each write by itself adds one record and collects ten.
    let writes = sessions / 9 + 1;
    let later = NOW.plus(a_day()).plus(a_day());
    let started_at = Instant::now();
    (sessions..sessions + writes).for_each(|number| save(&store, &sample.payload(number), later));
    let collected_in = started_at.elapsed();
    drop(store);
    assert_eq!(rows(&path), (writes, writes), "nothing that has expired is left");

    println!(
        "\nThe file is {}, {} B a session. The process had {after_saves} more after the saves, \
        {after_loads} after the loads.\n\nAll of them expired: {writes} saves by one thread took \
        {:.1} s and collected all on the way, so one for each write and nine more; the file was \
        {} afterwards.",
        mebibytes(full_bytes),
        full_bytes / sessions,
        collected_in.as_secs_f64(),
        mebibytes(size(&path))
    );
}

fn open(sample: Sample) {
    let folder = Folder::new();
    let path = folder.0.join("sessions.redb");
    let store = open_file(&path, Durability::Eventual, true);
    in_threads(&store, &sample, 0..sample.sessions, 8, save);
    drop(store);

    // The cheap one first: what the other one took of memory is not given back.
    let [(fast, fast_memory), (checked, checked_memory)] = [false, true].map(|check_on_open| {
        let before = resident_bytes();
        let started_at = Instant::now();
        let store = open_file(&path, Durability::Immediate, check_on_open);
        let took = started_at.elapsed();
        let grown = resident_bytes().saturating_sub(before);
        load(&store, &sample.payload(sample.sessions - 1), NOW);
        drop(store);
        (took.as_secs_f64() * 1000.0, mebibytes(grown))
    });
    println!(
        "| {} | {} | {checked:.0} ms | {checked_memory} | {fast:.1} ms | {fast_memory} |",
        sample.sessions,
        mebibytes(size(&path)),
    );
}

/// Saves the first half by one thread, the second by eight.
fn fill(store: &dyn Store, sample: &Sample, name: &str) {
    let half = sample.sessions / 2;
    row(name, 1, in_threads(store, sample, 0..half, 1, save));
    row(name, 8, in_threads(store, sample, half..sample.sessions, 8, save));
}

/// Calls one of so many sessions, by one thread and by eight.
fn calls(store: &dyn Store, sample: &Sample, name: &str, one_of: u64, call: Call) {
    for threads in [1, 8] {
        let numbers = 0..sample.sessions / one_of;
        row(name, threads, in_threads(store, sample, numbers, threads, call));
    }
}

type Call = fn(&dyn Store, &Payload, UnixMillis);

fn save(store: &dyn Store, payload: &Payload, now: UnixMillis) {
    store.save(payload, a_day(), now).expect("saved");
}

fn load(store: &dyn Store, payload: &Payload, now: UnixMillis) {
    let id = payload.session_id().expect("it has one");
    let loaded = store.load(&id, now).expect("loaded");
    assert!(loaded.as_ref() == Some(payload), "a session is lost, or changed");
}

struct Times {
    calls_per_s: f64,
    /// Of each call, in order of length.
    nanos: Vec<u32>,
}

fn in_threads(
    store: &dyn Store,
    sample: &Sample,
    numbers: Range<u64>,
    threads: u64,
    call: Call,
) -> Times {
    let one_thread = |first: u64| -> Vec<u32> {
        let own = numbers.clone().skip(first as usize).step_by(threads as usize);
        own.map(|number| {
            let payload = sample.payload(number);
            let called_at = Instant::now();
            call(store, &payload, NOW);
            called_at.elapsed().as_nanos() as u32
        })
        .collect()
    };
    let started_at = Instant::now();
    let mut nanos: Vec<u32> = thread::scope(|scope| {
        let one_thread = &one_thread;
        let workers: Vec<_> =
            (0..threads).map(|first| scope.spawn(move || one_thread(first))).collect();
        workers.into_iter().flat_map(|it| it.join().expect("no panic")).collect()
    });
    let calls_per_s = nanos.len() as f64 / started_at.elapsed().as_secs_f64();
    nanos.sort_unstable();
    Times { calls_per_s, nanos }
}

fn row(name: &str, threads: u64, times: Times) {
    let Times { calls_per_s, nanos } = times;
    let at = |share: f64| f64::from(nanos[(nanos.len() as f64 * share) as usize]) / 1000.0;
    println!(
        "| {name} | {threads} | {} | {calls_per_s:.0} | {:.1} us | {:.1} us |",
        nanos.len(),
        at(0.50),
        at(0.99)
    );
}

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

const ID_BYTES: usize = 36;

fn a_day() -> Ttl {
    Ttl::from_seconds(24 * 3600).expect("legal")
}

struct Sample {
    /// Of each payload.
    bytes: u64,
    sessions: u64,
}

impl Sample {
    fn payload(&self, number: u64) -> Payload {
        let bytes = self.bytes as usize;
        let mut text = String::with_capacity(bytes);
        let id = scattered_id(number);
        text.push_str(&format!(r#"{{"id":"{}","data":{{"notes":""#, id.as_str()));
        let end = r#""},"flash_next":{}}"#;
        let mut filler = Random::new(number).next();
        while text.len() < bytes - end.len() {
            text.push(char::from(b'a' + (filler % 26) as u8));
            filler = filler / 26 + number;
        }
        text.push_str(end);
        assert_eq!(text.len(), bytes);
        Payload::parse(text).expect("a payload")
    }
}

fn open_file(path: &Path, durability: Durability, check_on_open: bool) -> FileStore {
    let config = FileConfig { durability, check_on_open, ..FileConfig::at(path) };
    FileStore::open(config).expect("it opens")
}

/// Rows of the tables of records and of their order of expiry.
fn rows(path: &Path) -> (u64, u64) {
    let records = TableDefinition::<&str, &[u8]>::new("records");
    let expiry = TableDefinition::<(u64, &str), ()>::new("expiry");
    let file = redb::Database::open(path).expect("nobody has it open");
    let snapshot = file.begin_read().expect("it reads");
    let records = snapshot.open_table(records).expect("it is there").len();
    let expiry = snapshot.open_table(expiry).expect("it is there").len();
    (records.expect("it reads"), expiry.expect("it reads"))
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).expect("it is there").len()
}

/// What this process has in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is Linux");
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).expect("it is said");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / (1 << 20) as f64)
}

/// A folder that goes when this does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("rudder-growth-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the system lets us");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
