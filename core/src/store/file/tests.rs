use std::fs;
use std::path::Path;
use std::time::Instant;

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
    let mut payload = Payload::new(&id);
    payload.put("user", "alice").unwrap();
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
fn a_file_of_a_later_version_is_refused() {
    let folder = Folder::new();
    drop(open(&folder.file()).unwrap());
    let file = redb::Database::create(folder.file()).unwrap();
    let transaction = file.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    transaction.open_table(meta).unwrap().insert("format", 3).unwrap();
    transaction.commit().unwrap();
    drop(file);

    assert_eq!(open(&folder.file()).err(), Some(OpenError::Foreign));
}

#[test]
fn a_file_of_format_1_is_converted_with_all_its_sessions() {
    let folder = Folder::new();
    let sessions: Vec<_> = (0..100).map(|_| payload()).collect();
    let file = redb::Database::create(folder.file()).unwrap();
    let transaction = file.begin_write().unwrap();
    let table = redb::TableDefinition::<&str, &[u8]>::new("sessions");
    let expiry = redb::TableDefinition::<(u64, &str), ()>::new("expiry");
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    transaction.open_table(meta).unwrap().insert("format", 1).unwrap();
    for (id, payload) in &sessions {
        let ends_at = NOW.plus(ttl(60)).as_f64();
        let row = [&ends_at.to_le_bytes(), payload.as_json().as_bytes()].concat();
        transaction.open_table(table).unwrap().insert(id.as_str(), row.as_slice()).unwrap();
        let key = (ends_at as u64, id.as_str());
        transaction.open_table(expiry).unwrap().insert(key, ()).unwrap();
    }
    transaction.commit().unwrap();
    drop(file);

    let converted = open(&folder.file()).unwrap();
    let count = converted.database.count();
    drop(converted);
    let store = open(&folder.file()).unwrap();

    assert_eq!(count, (100, 100));
    for (id, payload) in &sessions {
        assert_eq!(store.load(id, NOW).unwrap().as_ref(), Some(payload));
        assert_eq!(store.load(id, NOW.plus(ttl(60))), Ok(None));
    }
}

#[test]
fn a_file_can_be_opened_again_although_its_store_went_in_the_middle_of_a_flush() {
    let folder = Folder::new();
    let config = FileConfig { durability: Durability::Eventual, ..FileConfig::at(folder.file()) };
    for _ in 0..10 {
        let store = FileStore::open(config.clone()).unwrap();
        // The store and its batches have one each; whoever flushes has another. A flush that was
        // over before this thread looked is followed by another one.
        let is_flushing = || Arc::strong_count(&store.database) == 3;
        while !is_flushing() {
            store.save(&payload().1, ttl(60), NOW).unwrap();
            let saved_at = Instant::now();
            while !is_flushing() && saved_at.elapsed() < Duration::from_millis(300) {
                std::thread::yield_now();
            }
        }
        drop(store);

        assert_eq!(FileStore::open(config.clone()).err(), None);
    }
}

/// Changes one letter of the session's payload, wherever it lies in the file: it is JSON still.
fn damage(path: &Path, payload: &Payload) {
    let mut bytes = fs::read(path).unwrap();
    let text = payload.as_json().as_bytes();
    let in_alice = payload.as_json().find("alice").unwrap();
    let places = (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text));
    let places: Vec<_> = places.collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + in_alice] ^= 1;
    }
    fs::write(path, bytes).unwrap();
}

fn open_unchecked(path: &Path) -> FileStore {
    FileStore::open(FileConfig { check_on_open: false, ..FileConfig::at(path) }).unwrap()
}

#[test]
fn a_file_that_was_changed_is_damaged_and_left_as_it_is() {
    let folder = Folder::new();
    let (_, payload) = payload();
    open(&folder.file()).unwrap().save(&payload, ttl(60), NOW).unwrap();
    damage(&folder.file(), &payload);
    let before = fs::read(folder.file()).unwrap();

    assert_eq!(open(&folder.file()).err(), Some(OpenError::Damaged));
    assert!(fs::read(folder.file()).unwrap() == before, "it was written to");
}

#[test]
fn a_payload_with_a_changed_byte_is_none_and_counted() {
    let folder = Folder::new();
    let ((id, damaged), (other, whole)) = (payload(), payload());
    let store = open(&folder.file()).unwrap();
    store.save(&damaged, ttl(60), NOW).unwrap();
    store.save(&whole, ttl(60), NOW).unwrap();
    drop(store);
    damage(&folder.file(), &damaged);

    let store = open_unchecked(&folder.file());

    assert_eq!(store.load(&id, NOW), Ok(None));
    assert_eq!(store.load(&other, NOW), Ok(Some(whole)));
    assert_eq!(store.incidents().unreadable_records, 1);
}

#[test]
fn what_a_damaged_record_leaves_in_the_order_of_expiry_ends_nobody_elses_session() {
    let folder = Folder::new();
    let (id, damaged) = payload();
    open(&folder.file()).unwrap().save(&damaged, ttl(5), NOW).unwrap();
    damage(&folder.file(), &damaged);
    let store = open_unchecked(&folder.file());

    assert_eq!(store.create(&damaged, ttl(60), NOW), Ok(true));
    store.save(&payload().1, ttl(60), NOW.plus(ttl(10))).unwrap();

    assert_eq!(store.load(&id, NOW.plus(ttl(10))), Ok(Some(damaged)));
    assert_eq!(store.database.count(), (2, 2));
}

#[test]
fn a_damaged_record_is_collected_when_its_time_has_come() {
    let folder = Folder::new();
    let (_, damaged) = payload();
    open(&folder.file()).unwrap().save(&damaged, ttl(5), NOW).unwrap();
    damage(&folder.file(), &damaged);
    let store = open_unchecked(&folder.file());

    store.save(&payload().1, ttl(60), NOW.plus(ttl(10))).unwrap();

    assert_eq!(store.database.count(), (1, 1));
}

#[test]
fn after_a_panic_on_the_file_every_call_is_refused_until_it_is_opened_again() {
    let folder = Folder::new();
    let (id, payload) = payload();
    let store = open(&folder.file()).unwrap();
    store.save(&payload, ttl(60), NOW).unwrap();

    let panicked = store.database.write(|_| -> Result<(), _> { panic!("as redb may") });

    assert_eq!(panicked, Err(StoreError::Storage));
    assert_eq!(store.load(&id, NOW), Err(StoreError::Storage));
    assert_eq!(store.save(&payload, ttl(60), NOW), Err(StoreError::Storage));
    drop(store);
    assert_eq!(open(&folder.file()).unwrap().load(&id, NOW), Ok(Some(payload)));
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
