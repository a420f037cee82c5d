//! Stores in a file: opening it, and what it is when that is refused.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use super::PAYLOAD;
use super::calls::CStore;
use crate::status::rsess_status::*;

/// A folder of its own for each test, removed at its end.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("rsess-contract-{}-{count}", process::id()));
        fs::create_dir_all(&path).expect("a writable directory");
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    pub(super) fn store(&self) -> CStore {
        CStore::file(&self.path("sessions.redb"), 0, 0).expect("a store")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn sessions_in_a_file_outlive_the_store_with_either_durability() {
    for durability in [0, 1] {
        let folder = Folder::new();
        let path = folder.path("sessions \u{e9}.redb");

        let store = CStore::file(&path, durability, 3_600_000).expect("a store");
        assert_eq!(store.create(PAYLOAD, 60, 0), RSESS_OK);
        drop(store);
        let store = CStore::file(&path, durability, 0).expect("the same file");

        assert_eq!(store.load(b"a", 59_999).as_deref(), Ok(PAYLOAD));
        assert_eq!(store.load(b"a", 60_000), Err(RSESS_NOT_FOUND));
    }
}

#[test]
fn a_file_that_cannot_be_opened_says_why_and_is_left_as_it_is() {
    let folder = Folder::new();
    let (open, text) = (folder.path("sessions.redb"), folder.path("text"));
    let _store = folder.store();
    fs::write(&text, "something else").expect("a writable directory");
    let refused = |path: &str| CStore::file(path, 0, 0).err();

    assert_eq!(refused(&open), Some(RSESS_ERR_FILE_IN_USE));
    assert_eq!(refused(&text), Some(RSESS_ERR_FILE_FOREIGN));
    assert_eq!(refused(&folder.path("no/folder")), Some(RSESS_ERR_FILE_IO));
    assert_eq!(refused(&folder.path("a\0b")), Some(RSESS_ERR_FILE_IO));
    assert_eq!(refused(""), Some(RSESS_ERR_INVALID_ARGUMENT));
    assert_eq!(fs::read(&text).expect("still there"), b"something else");
    assert!(!Path::new(&folder.path("a")).exists(), "a path ended at its NUL");
}

#[test]
fn a_file_of_ours_that_is_damaged_is_named_so() {
    let folder = Folder::new();
    let path = folder.path("sessions.redb");
    drop(folder.store());
    let mut bytes = fs::read(&path).expect("a file");
    // Behind the magic number at its start, which says whose file it is.
    bytes[64..4096].fill(0xff);
    fs::write(&path, &bytes).expect("a writable directory");

    assert_eq!(CStore::file(&path, 0, 0).err(), Some(RSESS_ERR_FILE_DAMAGED));
    assert_eq!(fs::read(&path).expect("still there"), bytes);
}

#[test]
fn a_setting_of_a_file_store_that_is_wrong_is_named_and_no_file_is_made() {
    let folder = Folder::new();
    let path = folder.path("sessions.redb");

    for durability in [-1, 2, i32::MAX] {
        let refused = CStore::file(&path, durability, 0).err();
        assert_eq!(refused, Some(RSESS_ERR_CONFIG_DURABILITY));
    }
    assert_eq!(CStore::file(&path, 0, 3_600_001).err(), Some(RSESS_ERR_CONFIG_DEADLINE));
    assert!(!Path::new(&path).exists());
}
