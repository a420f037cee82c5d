//! A session file with any bytes changed, or cut short, is opened.
//!
//! ```text
//!   input    which file, then edits: kind, four bytes of place, a byte
//! ```
//!
//! One file was closed in order, the other copied while it was open, as after a crash.
//!
//! | law |
//! |---|
//! | it opens, or says why not; it is never told to be in use |
//! | what is no file of ours is left as it is |
//! | what opens serves each session as it was saved, or not at all |
//! | what opens takes a write, and has it after it is opened again |
//! | nothing changed: it opens, and has everything |

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rudder_session::{FileConfig, FileStore, OpenError, Payload, SessionId, Store};
use rudder_session_tests::faults::samples::{NOW, an_hour, id, stamped};

const SESSIONS: usize = 40;

static FILES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(make_files);
static PATH: LazyLock<PathBuf> = LazyLock::new(|| path("file"));

fuzz_target!(
    init: {
        // A panic of redb is caught by the store, so it must not end the process at once.
        drop(std::panic::take_hook());
        LazyLock::force(&FILES);
    },
    |input: &[u8]| {
        let Some((&which, edits)) = input.split_first() else { return };
        let good = &FILES[usize::from(which) % 2];
        let bytes = edited(good, edits);
        fs::write(&*PATH, &bytes).expect("room for a file");

        match FileStore::open(FileConfig::at(&*PATH)) {
            Ok(store) => check_opened(store, bytes == *good),
            Err(error) => {
                assert_ne!(bytes, *good, "{error}");
                assert_ne!(error, OpenError::InUse);
                if error == OpenError::Foreign {
                    assert_eq!(fs::read(&*PATH).expect("it is there"), bytes);
                }
            }
        }
    }
);

fn check_opened(store: FileStore, is_unchanged: bool) {
    for number in 0..SESSIONS {
        let (id, payload) = session(number);
        match store.load(&id, NOW) {
            Ok(Some(found)) => assert_eq!(found, payload),
            Ok(None) | Err(_) => assert!(!is_unchanged),
        }
    }
    let (id, payload) = session(SESSIONS);
    let saved = store.save(&payload, an_hour(), NOW);
    drop(store);
    assert!(saved.is_ok() || !is_unchanged);
    if saved.is_ok() {
        let store = FileStore::open(FileConfig::at(&*PATH)).expect("it was written to");
        assert_eq!(store.load(&id, NOW), Ok(Some(payload)));
    }
}

fn edited(good: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for edit in edits.chunks_exact(6).take(8) {
        let place = u32::from_le_bytes([edit[1], edit[2], edit[3], edit[4]]) as usize;
        let at = place % bytes.len().max(1);
        match edit[0] % 8 {
            0 => bytes.truncate(at),
            1 => bytes.extend(std::iter::repeat_n(edit[5], place % 8192)),
            2 => bytes.iter_mut().skip(at / 512 * 512).take(512).for_each(|it| *it = edit[5]),
            // Most of a file is zeros, which nobody reads: the next byte that is none.
            _ => {
                if let Some(byte) = bytes.iter_mut().skip(at).find(|it| **it != 0) {
                    *byte ^= edit[5];
                }
            }
        }
    }
    bytes
}

fn make_files() -> [Vec<u8>; 2] {
    let path = path("good");
    let _absent = fs::remove_file(&path);
    let store = FileStore::open(FileConfig::at(&path)).expect("a file");
    for number in 0..SESSIONS {
        let (_, payload) = session(number);
        store.save(&payload, an_hour(), NOW).expect("saved");
    }
    let open = fs::read(&path).expect("a file");
    drop(store);
    let closed = fs::read(&path).expect("a file");
    fs::remove_file(&path).expect("it is ours");
    [closed, open]
}

fn session(number: usize) -> (SessionId, Payload) {
    let id = id(&format!("session-{number}"));
    let payload = stamped(&id, number, 1);
    (id, payload)
}

/// In memory if the system has such a place: a million writes wear a disk.
fn path(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    folder.join(format!("rudder-session-fuzz-{name}-{}.redb", std::process::id()))
}
