//! A process that writes into a file store is killed (SIGKILL), again and again, in the middle.
//!
//! ```text
//!   child    write -> store says done -> line on stdout -> write ..     until it is killed
//!   parent   lines -> kill -> open the file: is everything there that a line told of?
//! ```
//!
//! A kill of the process, not of the machine: what the process handed to the operating system
//! stays. What a power failure takes besides is the file format's to survive, and not played here.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rudder_session::store::Updated;
use rudder_session::{Durability, FileConfig, FileStore, OpenError, SessionId, Store};

use super::Extent;
use super::samples::{NOW, an_hour, id, stamped, writer_of};
use crate::random::Random;
use crate::redis_server::TempDir;

/// The first argument of a process that is to be the child; [`write_until_killed`] has the rest.
pub const CHILD: &str = "write-into-file";

const THREADS: usize = 8;
const SESSIONS: usize = 10;
/// Write numbers of one run start at so many times its own number.
const RUN: u64 = 1_000_000;

/// Kills `program` so many times; all runs write into one file.
pub fn kills(extent: Extent, program: &Path, durability: Durability) -> String {
    let times = extent.pick(15, 200);
    let most_acks = match durability {
        Durability::Immediate => 1_500,
        // For long enough that some of it has been made safe.
        Durability::Eventual => extent.pick(3_000, 40_000),
    };
    let folder = TempDir::new();
    let file = folder.path().join("crash.redb");
    let mut random = Random::new(extent.seed);
    let mut before: HashMap<SessionId, Option<u64>> = HashMap::new();
    let (mut acknowledged, mut lost, mut oldest_lost) = (0, 0, Duration::ZERO);
    let mut longest_open = Duration::ZERO;

    for run in 1..=times {
        let acks = write_and_kill(program, &file, durability, run, most_acks, &mut random);
        let killed_at = Instant::now();
        let store = FileStore::open(config(&file, durability)).expect("it opens after any kill");
        longest_open = longest_open.max(killed_at.elapsed());
        for thread in 0..THREADS {
            for session in 0..SESSIONS {
                let own = own_id(thread, session);
                let loaded = store.load(&own, NOW).expect("it reads after any kill");
                let found = loaded.map(|it| {
                    let (writer, number) = writer_of(&own, &it);
                    assert_eq!(writer, thread);
                    number
                });
                let first = run * RUN + 1;
                let own_acks = acks.told.get(&own).map_or(&[][..], Vec::as_slice);
                acknowledged += own_acks.len();
                let last = own_acks.len() as u64;
                // The write after the last that was told of may have been done, too.
                let reached = (0..=last + 1).rev().find(|count| match count {
                    0 => found == before.get(&own).copied().flatten(),
                    _ => found == effect(first + count - 1),
                });
                let reached = reached.unwrap_or_else(|| panic!("nobody wrote {found:?}"));
                if reached < last {
                    lost += last - reached;
                    let age = acks.killed_at - own_acks[reached as usize];
                    oldest_lost = oldest_lost.max(age);
                }
                before.insert(own, found);
            }
        }
        let incidents = store.incidents();
        assert_eq!((incidents.foreign_records, incidents.unreadable_records), (0, 0));
    }

    let shown = format!(
        "{times} kills, {acknowledged} acknowledged writes, {lost} lost; opened within {} ms",
        longest_open.as_millis()
    );
    assert!(acknowledged > 100, "{shown}: nothing was tested");
    match durability {
        Durability::Immediate => {
            assert_eq!(lost, 0, "{shown}");
            shown
        }
        Durability::Eventual => {
            let limit = extent.pick(Duration::from_secs(5), Duration::from_millis(500));
            assert!(oldest_lost < limit, "{shown}, the oldest {oldest_lost:?} before the kill");
            format!("{shown}; the oldest lost was {} ms old", oldest_lost.as_millis())
        }
    }
}

/// Kills `program` while it makes the file, or soon after.
pub fn kills_while_it_is_made(extent: Extent, program: &Path) -> String {
    let times = extent.pick(40, 500);
    let mut random = Random::new(extent.seed);
    let mut made = 0;
    // How long it takes to make one depends on what else the machine does.
    let mut window = Duration::from_millis(12);
    for _ in 0..times {
        let folder = TempDir::new();
        let file = folder.path().join("new.redb");
        let (mut child, _lines) = spawn(program, &file, Durability::Immediate, 1);
        thread::sleep(Duration::from_micros(random.below(window.as_micros() as usize) as u64));
        end(&mut child);
        let is_made = file.exists();
        made += usize::from(is_made);
        window = if is_made { window * 7 / 8 } else { window * 5 / 4 };
        assert_eq!(open(&file).err(), None, "it opens after any kill");
    }
    assert!(made > 0, "no child got so far");
    format!("{times} kills, in {made} of them there was a file; each opened")
}

/// A file that is open here is in use there, and the other way round.
pub fn second_process(program: &Path) {
    let folder = TempDir::new();
    let file = folder.path().join("shared.redb");
    let (mut child, mut lines) = spawn(program, &file, Durability::Immediate, 1);
    lines.read_line(&mut String::new()).expect("it has the file");
    assert_eq!(open(&file).err(), Some(OpenError::InUse));
    end(&mut child);

    let store = open(&file).expect("nobody has it any more");
    let (mut child, mut lines) = spawn(program, &file, Durability::Immediate, 2);
    let mut said = String::new();
    lines.read_line(&mut said).expect("it says why it ends");
    assert_eq!(said, "InUse\n");
    assert!(!child.wait().expect("it is ours").success());
    drop(store);
}

/// The child: writes, and tells of each write that is done. `arguments` are those after [`CHILD`].
pub fn write_until_killed(arguments: &[String]) -> ExitCode {
    let [file, durability, run] = arguments else { return ExitCode::from(2) };
    let durability = match durability.as_str() {
        "eventual" => Durability::Eventual,
        _ => Durability::Immediate,
    };
    let Ok(run) = run.parse::<u64>() else { return ExitCode::from(2) };
    let store = match FileStore::open(config(Path::new(file), durability)) {
        Ok(store) => store,
        Err(error) => {
            println!("{error:?}");
            return ExitCode::FAILURE;
        }
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                for number in run * RUN + 1.. {
                    for session in 0..SESSIONS {
                        write(store, thread, session, number);
                        // One piece, so that a line is whole or not there.
                        let line = format!("{thread} {session} {number}\n");
                        if std::io::stdout().write_all(line.as_bytes()).is_err() {
                            // Nobody listens: whoever was to kill this is gone.
                            std::process::exit(1);
                        }
                    }
                }
            });
        }
    });
    ExitCode::SUCCESS
}

/// The state of a record after the write of that number.
fn effect(number: u64) -> Option<u64> {
    (!number.is_multiple_of(5)).then_some(number)
}

fn write(store: &FileStore, thread: usize, session: usize, number: u64) {
    let own = own_id(thread, session);
    let payload = stamped(&own, thread, number);
    match number % 5 {
        0 => store.destroy(&own).expect("destroyed"),
        // After a save of its own.
        2 => {
            let base = stamped(&own, thread, number - 1);
            let updated = store.update(&base, &payload, an_hour(), NOW);
            assert_eq!(updated, Ok(Updated::Saved));
        }
        _ => store.save(&payload, an_hour(), NOW).expect("saved"),
    }
}

struct Acks {
    /// For each session when it was told of each write of this run.
    told: HashMap<SessionId, Vec<Instant>>,
    killed_at: Instant,
}

fn write_and_kill(
    program: &Path,
    file: &Path,
    durability: Durability,
    run: u64,
    most_acks: usize,
    random: &mut Random,
) -> Acks {
    let (mut child, mut lines) = spawn(program, file, durability, run);
    let mut told: HashMap<_, Vec<_>> = HashMap::new();
    let mut take = |line: &str, at| {
        let mut words = line.split_whitespace().map(|it| it.parse::<u64>().expect("a number"));
        let mut word = || words.next().expect("three words");
        let (thread, session, number) = (word(), word(), word());
        let own = told.entry(own_id(thread as usize, session as usize)).or_default();
        own.push(at);
        assert_eq!(number, run * RUN + own.len() as u64, "a line is missing");
    };
    let mut line = String::new();
    if random.below(4) == 0 {
        // Early: while it opens the file, or soon after.
        thread::sleep(random.millis(30));
    } else {
        for _ in 0..random.below(most_acks) {
            line.clear();
            assert_ne!(lines.read_line(&mut line).expect("it is alive"), 0, "it gave up");
            take(&line, Instant::now());
        }
    }
    end(&mut child);
    let killed_at = Instant::now();
    loop {
        line.clear();
        if lines.read_line(&mut line).expect("an end") == 0 {
            break;
        }
        take(&line, killed_at);
    }
    Acks { told, killed_at }
}

fn spawn(
    program: &Path,
    file: &Path,
    durability: Durability,
    run: u64,
) -> (Child, impl BufRead + use<>) {
    let durability = match durability {
        Durability::Eventual => "eventual",
        Durability::Immediate => "immediate",
    };
    let mut child = Command::new(program)
        .arg(CHILD)
        .arg(file)
        .args([durability, &run.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program is built");
    let stdout = child.stdout.take().expect("its output is piped");
    (child, BufReader::new(stdout))
}

fn end(child: &mut Child) {
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
}

fn own_id(thread: usize, session: usize) -> SessionId {
    id(&format!("crash-{thread}-{session}"))
}

fn config(file: &Path, durability: Durability) -> FileConfig {
    FileConfig { durability, deadline: Duration::from_secs(60), ..FileConfig::at(file) }
}

fn open(file: &Path) -> Result<FileStore, OpenError> {
    FileStore::open(config(file, Durability::Immediate))
}
