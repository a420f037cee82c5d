//! The file of a file store is cut short, or some of its bytes are changed.
//!
//! Whatever it is: the store opens, or says why not; nothing hangs, panics or ends the process,
//! and no session gets a payload that nobody saved for it.
//!
//! ```text
//!   closed in order               refused, unless what was changed is in nobody's use
//!   not closed                    the same, or as it was before the last commit
//!   closed in order, unchecked    as if it were changed after it was opened, on the disk
//! ```
//!
//! In the last one redb trusts what it reads, so it may miss records and may end the process: each
//! try is a process of its own, and how often that was is said.

use std::fmt;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rudder_session::{FileConfig, FileStore, OpenError, Payload, Store};

use super::Extent;
use super::samples::{NOW, an_hour, id, stamped};
use crate::random::Random;
use crate::redis_server::TempDir;

/// The first argument of a process that is to be the child; [`probe_file`] has the rest.
pub const CHILD: &str = "probe-file";

const RECORDS: usize = 300;

const UNCHECKED: &str = "unchecked";

/// Cut at a random length.
pub fn cut_short(extent: Extent, program: &Path) -> String {
    damage(extent, program, extent.pick(20, 300), |random, bytes| {
        bytes.truncate(random.below(bytes.len()));
    })
}

/// One to four bytes changed, most of them where there is something.
pub fn changed_bytes(extent: Extent, program: &Path) -> String {
    damage(extent, program, extent.pick(60, 1000), |random, bytes| {
        for _ in 0..=random.below(4) {
            let mut at = random.below(bytes.len());
            for _ in 0..50 {
                if bytes[at] != 0 {
                    break;
                }
                at = random.below(bytes.len());
            }
            bytes[at] ^= 1 << random.below(8);
        }
    })
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    refused_damaged: usize,
    refused_foreign: usize,
    refused_io: usize,
    /// Refused, and yet written to.
    touched: usize,
    opened: usize,
    right: usize,
    none: usize,
    errors: usize,
    changed: usize,
    wrong: usize,
    writes_refused: usize,
    saves_lost: usize,
    panics: usize,
    aborts: usize,
    hangs: usize,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "refused: {} damaged, {} foreign, {} by the system, {} of them written to; opened: \
            {}, in these {} records right, {} none, {} errors, {} with changed bytes within the \
            payload, {} wrong; {} writes refused, {} lost; {} panics, {} aborts, {} hangs",
            self.refused_damaged,
            self.refused_foreign,
            self.refused_io,
            self.touched,
            self.opened,
            self.right,
            self.none,
            self.errors,
            self.changed,
            self.wrong,
            self.writes_refused,
            self.saves_lost,
            self.panics,
            self.aborts,
            self.hangs
        )
    }
}

fn damage(
    extent: Extent,
    program: &Path,
    times: usize,
    mut spoil: impl FnMut(&mut Random, &mut Vec<u8>),
) -> String {
    let folder = TempDir::new();
    let path = folder.path().join("damaged.redb");
    let (closed, open) = two_files(&path);
    let mut random = Random::new(extent.seed);
    let mut shown = Vec::new();
    for (name, original, mode) in [
        ("closed in order", &closed, "checked"),
        ("not closed", &open, "checked"),
        ("closed in order, unchecked", &closed, UNCHECKED),
    ] {
        let mut seen = Seen::default();
        for _ in 0..times {
            let mut bytes = original.clone();
            spoil(&mut random, &mut bytes);
            std::fs::write(&path, &bytes).expect("the folder is writable");
            seen.add(probe_elsewhere(program, &path, mode));
        }
        shown.push(format!("{name}: {seen}"));
        let Seen { changed, wrong, panics, hangs, .. } = seen;
        assert_eq!([changed, wrong, panics, hangs], [0; 4], "{shown:?}");
        // A repair, or a file that is trusted, is written to before it may turn out damaged.
        assert!(seen.touched == 0 || name != "closed in order", "{shown:?}");
        if mode != UNCHECKED {
            let Seen { errors, saves_lost, writes_refused, aborts, .. } = seen;
            assert_eq!([errors, saves_lost, writes_refused, aborts], [0; 4], "{shown:?}");
        }
    }
    shown.join("; ")
}

/// In a process of its own: the library below has been seen to end it.
fn probe_elsewhere(program: &Path, path: &Path, mode: &str) -> Seen {
    let mut child = Command::new(program)
        .arg(CHILD)
        .arg(path)
        .arg(mode)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program is built");
    let mut stdout = child.stdout.take().expect("its output is piped");
    let (tell, told) = channel();
    let reader = thread::spawn(move || {
        let mut said = String::new();
        let _ = stdout.read_to_string(&mut said);
        let _ = tell.send(said);
    });
    let Ok(said) = told.recv_timeout(Duration::from_secs(30)) else {
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        return Seen { hangs: 1, ..Seen::default() };
    };
    reader.join().expect("it has sent");
    let status = child.wait().expect("it is ours");
    if status.signal().is_some() {
        return Seen { aborts: 1, ..Seen::default() };
    }
    Seen::parse(&said)
}

/// The child: looks at a file, and says what it saw. `arguments` are those after [`CHILD`].
pub fn probe_file(arguments: &[String]) -> ExitCode {
    let [path, mode] = arguments else { return ExitCode::from(2) };
    let config = FileConfig { check_on_open: mode != UNCHECKED, ..FileConfig::at(path) };
    let mut seen = Seen::default();
    let ended = catch_unwind(AssertUnwindSafe(|| probe(config, &mut seen)));
    seen.panics += usize::from(ended.is_err());
    println!("{}", seen.numbers().map(|it| it.to_string()).join(" "));
    ExitCode::SUCCESS
}

/// The bytes of a file that was closed in order, and of one that was not.
fn two_files(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let store = FileStore::open(FileConfig::at(path)).expect("a new file");
    thread::scope(|scope| {
        for thread in 0..10 {
            let store = &store;
            scope.spawn(move || {
                for record in (thread..RECORDS).step_by(10) {
                    let own = id(&format!("damage-{record}"));
                    store.save(&stamped(&own, 0, record as u64), an_hour(), NOW).expect("saved");
                }
            });
        }
    });
    let open = std::fs::read(path).expect("it is there");
    drop(store);
    close(path);
    (std::fs::read(path).expect("it is there"), open)
}

/// Waits until nobody has the file open any more: that ends with the store, but its threads may
/// hold it for a moment longer.
fn close(path: &Path) {
    let started_at = Instant::now();
    while FileStore::open(FileConfig::at(path)).err() == Some(OpenError::InUse) {
        assert!(started_at.elapsed() < Duration::from_secs(10), "a dropped store has it open");
        thread::yield_now();
    }
}

fn probe(config: FileConfig, seen: &mut Seen) {
    let path = config.path.clone();
    let before = std::fs::read(&path).expect("it is there");
    let store = match FileStore::open(config) {
        Ok(store) => store,
        Err(error) => {
            match error {
                OpenError::Damaged => seen.refused_damaged += 1,
                OpenError::Foreign => seen.refused_foreign += 1,
                OpenError::Io(_) => seen.refused_io += 1,
                error => panic!("{error:?} is not what happened"),
            }
            let is_touched = std::fs::read(&path).expect("it is there") != before;
            seen.touched += usize::from(is_touched);
            return;
        }
    };
    seen.opened += 1;
    for record in 0..RECORDS {
        let own = id(&format!("damage-{record}"));
        match store.load(&own, NOW) {
            Ok(Some(payload)) if payload == stamped(&own, 0, record as u64) => seen.right += 1,
            Ok(Some(payload)) if is_the_sessions_own(&payload, record) => seen.changed += 1,
            Ok(Some(_)) => seen.wrong += 1,
            Ok(None) => seen.none += 1,
            Err(_) => seen.errors += 1,
        }
    }
    let new = stamped(&id("damage-new"), 0, 0);
    match store.save(&new, an_hour(), NOW) {
        Ok(()) => match store.load(&id("damage-new"), NOW) {
            Ok(Some(loaded)) if loaded == new => {}
            Ok(Some(_)) => seen.wrong += 1,
            Ok(None) => seen.saves_lost += 1,
            Err(_) => seen.errors += 1,
        },
        Err(_) => seen.writes_refused += 1,
    }
}

/// It differs from what was saved in the few bytes that were changed, or has lost all of its data:
/// a record whose `data` is called something else is one without any, as JavaScript reads it.
fn is_the_sessions_own(payload: &Payload, record: usize) -> bool {
    let own = id(&format!("damage-{record}"));
    let saved = stamped(&own, 0, record as u64).into_json();
    let text = payload.as_json();
    let differing = saved.bytes().zip(text.bytes()).filter(|(a, b)| a != b).count();
    let is_changed = saved.len() == text.len() && differing <= 4;
    payload.belongs_to(&own) && (is_changed || payload.data_json() == "{}")
}

impl Seen {
    fn numbers_mut(&mut self) -> [&mut usize; 15] {
        [
            &mut self.refused_damaged,
            &mut self.refused_foreign,
            &mut self.refused_io,
            &mut self.touched,
            &mut self.opened,
            &mut self.right,
            &mut self.none,
            &mut self.errors,
            &mut self.changed,
            &mut self.wrong,
            &mut self.writes_refused,
            &mut self.saves_lost,
            &mut self.panics,
            &mut self.aborts,
            &mut self.hangs,
        ]
    }

    fn numbers(mut self) -> [usize; 15] {
        self.numbers_mut().map(|it| *it)
    }

    fn parse(said: &str) -> Self {
        let mut seen = Self::default();
        let mut words = said.split_whitespace();
        for number in seen.numbers_mut() {
            *number = words.next().and_then(|it| it.parse().ok()).expect("it says all it saw");
        }
        seen
    }

    fn add(&mut self, other: Self) {
        for (sum, number) in self.numbers_mut().into_iter().zip(other.numbers()) {
            *sum += number;
        }
    }
}
