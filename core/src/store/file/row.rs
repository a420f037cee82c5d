//! Lays out one record as the bytes of its row, and tells when they are no longer what was written.
//!
//! ```text
//!   id -> checksum (4) + expires_at (8) + record as JSON
//!
//!   checksum     CRC-32 of the id, expires_at and the record, little endian
//!   expires_at   f64, Unix ms, little endian
//! ```
//!
//! redb looks at its own checksums when a file is opened, not at each read: what rots on the disk
//! meanwhile would come out. The id is part of the sum, so a row that got under another session's
//! id is no row either.

use std::time::Duration;

use crate::time::UnixMillis;

/// A record as it lies in the table.
pub(super) struct Row<'a> {
    pub(super) expires_at: f64,
    pub(super) json: &'a str,
}

impl<'a> Row<'a> {
    /// The row of the session `id`, unless something has changed its bytes.
    pub(super) fn read(id: &str, bytes: &'a [u8]) -> Option<Self> {
        let (sum, row) = bytes.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*sum) != checksum(id, row) {
            return None;
        }
        Self::read_unchecked(row)
    }

    /// A row without its checksum, as files of format 1 have them.
    pub(super) fn read_unchecked(row: &'a [u8]) -> Option<Self> {
        let (expires_at, json) = row.split_first_chunk::<8>()?;
        let json = std::str::from_utf8(json).ok()?;
        Some(Self { expires_at: f64::from_le_bytes(*expires_at), json })
    }

    pub(super) fn to_bytes(&self, id: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(12 + self.json.len());
        bytes.extend([0; 4]);
        bytes.extend(self.expires_at.to_le_bytes());
        bytes.extend(self.json.as_bytes());
        let sum = checksum(id, &bytes[4..]);
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// How long it lives; `None` if it has expired.
    pub(super) fn left(&self, now: UnixMillis) -> Option<Duration> {
        now.until(UnixMillis::from_f64(self.expires_at)?)
    }

    /// Where it stands in the order of expiry: never before it has expired.
    pub(super) fn key(&self) -> u64 {
        self.expires_at.ceil().max(0.0) as u64
    }
}

fn checksum(id: &str, row: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id.as_bytes());
    hasher.update(row);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_any_one_bit_changed_is_none() {
        let row = Row { expires_at: 1234.5, json: r#"{"id":"a","data":{},"flash_next":{}}"# };
        let written = row.to_bytes("a");
        let read = Row::read("a", &written).map(|it| (it.expires_at, it.json));
        assert_eq!(read, Some((row.expires_at, row.json)));

        for bit in 0..written.len() * 8 {
            let mut changed = written.clone();
            changed[bit / 8] ^= 1 << (bit % 8);

            assert!(Row::read("a", &changed).is_none(), "bit {bit}");
        }
        for len in 0..written.len() {
            assert!(Row::read("a", &written[..len]).is_none(), "{len} bytes");
        }
    }

    #[test]
    fn a_row_under_another_id_is_none() {
        let row = Row { expires_at: 1234.5, json: r#"{"id":"a","data":{},"flash_next":{}}"# };

        assert!(Row::read("b", &row.to_bytes("a")).is_none());
    }
}
