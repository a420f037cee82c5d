//! Takes everything expired out of a file, and gives the space back to the system.
//!
//! A store in use needs neither: each of its writes removes a few records that have expired, and
//! what they leave is used again. This is for a file that has been large for once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::transaction::remove_expired;
use super::{FileConfig, FileStore, opening};
use crate::error::{OpenError, StoreError};
use crate::events;
use crate::time::UnixMillis;

impl FileStore {
    /// Removes all records that expired before `now`; returns how many.
    ///
    /// In steps of some thousand, so that others can write in between.
    ///
    /// # Errors
    ///
    /// [`StoreError::Storage`] if the file cannot be read or written.
    pub fn remove_expired(&self, now: UnixMillis) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let some = remove_expired(&self.database, now, AT_ONCE)?;
            removed += some;
            if some < AT_ONCE {
                break;
            }
        }
        events::records_collected(removed);
        Ok(removed)
    }

    /// Makes the file as small as what is in it allows. Nobody may have it open.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open). What is in the file is as it was, whatever happens.
    pub fn compact(config: &FileConfig) -> Result<(), OpenError> {
        let mut redb = opening::open(config)?;
        let compacted = catch_unwind(AssertUnwindSafe(|| {
            // Once is not always all: what a first run has moved may leave more room.
            for _ in 0..RUNS {
                if !redb.compact()? {
                    break;
                }
            }
            Ok(())
        }));
        match compacted {
            Ok(outcome) => outcome.map_err(refusal),
            Err(_) => Err(OpenError::Damaged),
        }
    }
}

fn refusal(error: redb::CompactionError) -> OpenError {
    match error {
        redb::CompactionError::Storage(redb::StorageError::Io(error)) => {
            OpenError::Io(error.kind())
        }
        _ => OpenError::Damaged,
    }
}

/// Records that are removed in one commit.
const AT_ONCE: usize = 4096;

const RUNS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Payload;
    use crate::session_id::SessionId;
    use crate::store::Store;
    use crate::time::Ttl;

    #[test]
    fn what_has_expired_is_removed_and_its_space_is_given_back() {
        let folder = std::env::temp_dir().join(format!("rudder-collect-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let config = FileConfig::at(folder.join("sessions.redb"));
        let size = || std::fs::metadata(&config.path).expect("a file").len();
        let store = FileStore::open(config.clone()).expect("opens");
        let now = UnixMillis::new(1_000_000);
        let save = |seconds, count| {
            let ttl = Ttl::from_seconds(seconds).expect("legal");
            (0..count).for_each(|_| {
                let mut payload = Payload::new(&SessionId::random().expect("random"));
                payload.put("padding", &"x".repeat(10_000)).expect("text");
                store.save(&payload, ttl, now).expect("saved");
            });
        };
        save(10, 300);
        save(100, 5);
        let later = now.plus(Ttl::from_seconds(50).expect("legal"));

        assert_eq!(store.remove_expired(now), Ok(0));
        assert_eq!(store.remove_expired(later), Ok(300));

        assert_eq!(store.database.count(), (5, 5));
        assert_eq!(FileStore::compact(&config), Err(OpenError::InUse));
        drop(store);
        let before = size();
        FileStore::compact(&config).expect("compacted");
        assert!(size() < before / 4, "{before} bytes, and then {}", size());
        let store = FileStore::open(config.clone()).expect("opens");
        assert_eq!(store.database.count(), (5, 5));
        drop(store);
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
