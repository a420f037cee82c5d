use std::fs;
use std::path::Path;

use super::*;
use crate::error::OpenError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::Ttl;

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("rudder-{}", SessionId::random().unwrap().as_str());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("sessions.redb")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> Result<FileStore, OpenError> {
    FileStore::open(FileConfig::at(path))
}

fn payload() -> (SessionId, Payload) {
    let id = SessionId::random().unwrap();
    let payload = Payload::new(&id);
    (id, payload)
}

fn ttl(seconds: u64) -> Ttl {
    Ttl::from_seconds(seconds).unwrap()
}

const NOW: UnixMillis = UnixMillis::new(1_000_000);

#[test]
fn sessions_survive_a_restart_with_either_durability() {
    for durability in [Durability::Immediate, Durability::Eventual] {
        let folder = Folder::new();
        let config = FileConfig { durability, ..FileConfig::at(folder.file()) };
        let (id, payload) = payload();

        let store = FileStore::open(config.clone()).unwrap();
        store.save(&payload, ttl(60), NOW).unwrap();
        drop(store);
        let store = FileStore::open(config).unwrap();

        assert_eq!(store.load(&id, NOW), Ok(Some(payload)));
    }
}

#[test]
fn a_file_that_is_open_is_in_use() {
    let folder = Folder::new();
    let _store = open(&folder.file()).unwrap();

    assert_eq!(open(&folder.file()).err(), Some(OpenError::InUse));
}

#[test]
fn a_file_of_somebody_else_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    for content in [&b"hello"[..], &[0; 10_000], b"SQLite format 3\0and more of it"] {
        fs::write(folder.file(), content).unwrap();

        assert_eq!(open(&folder.file()).err(), Some(OpenError::Foreign));
        assert_eq!(fs::read(folder.file()).unwrap(), content);
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = Folder::new();
    let other = redb::Database::create(folder.file()).unwrap();
    let table = redb::TableDefinition::<u64, u64>::new("theirs");
    let transaction = other.begin_write().unwrap();
    transaction.open_table(table).unwrap().insert(1, 1).unwrap();
    transaction.commit().unwrap();
    drop(other);

    assert_eq!(open(&folder.file()).err(), Some(OpenError::Foreign));
}

#[test]
fn a_folder_that_is_not_there_is_an_error_of_the_system() {
    let folder = Folder::new();

    let refused = open(&folder.0.join("absent").join("sessions.redb")).err();

    assert_eq!(refused, Some(OpenError::Io(std::io::ErrorKind::NotFound)));
}

#[test]
fn what_has_expired_is_collected_by_later_writes() {
    let folder = Folder::new();
    let store = open(&folder.file()).unwrap();
    for _ in 0..50 {
        store.save(&payload().1, ttl(1), NOW).unwrap();
    }
    assert_eq!(store.database.count(), (50, 50));

    let later = NOW.plus(ttl(2));
    for _ in 0..10 {
        store.save(&payload().1, ttl(60), later).unwrap();
    }

    assert_eq!(store.database.count(), (10, 10));
}

#[test]
fn a_record_has_one_place_in_the_order_of_expiry() {
    let folder = Folder::new();
    let store = open(&folder.file()).unwrap();
    let (id, payload) = payload();

    store.save(&payload, ttl(5), NOW).unwrap();
    store.touch(&id, ttl(50), NOW).unwrap();
    store.save(&payload, ttl(10), NOW).unwrap();
    assert_eq!(store.database.count(), (1, 1));

    store.destroy(&id).unwrap();
    assert_eq!(store.database.count(), (0, 0));
}

#[test]
fn a_file_can_be_opened_again_as_soon_as_its_store_is_gone() {
    let folder = Folder::new();
    for durability in [Durability::Immediate, Durability::Eventual].repeat(10) {
        let config = FileConfig { durability, ..FileConfig::at(folder.file()) };
        let store = FileStore::open(config).unwrap();
        let (answer, answered) = std::sync::mpsc::channel();
        for _ in 0..5 {
            let (answer, payload) = (answer.clone(), payload().1);
            let done = Box::new(move |outcome| answer.send(outcome).unwrap());
            store.submit(Request::Save { payload, ttl: ttl(60) }, NOW, done);
        }
        drop(store);

        assert_eq!(answered.try_iter().collect::<Vec<_>>(), vec![Ok(Reply::Save); 5]);
    }
}
