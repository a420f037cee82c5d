//! Runs batches of requests on the tables of a session file, as one transaction each.
//!
//! Each transaction also removes some records that have expired: more than it can have added, so
//! the file never falls behind, and few enough that nobody waits for it.
//!
//! What the tables are is `opening`'s, what a row is, `row`'s.

use std::sync::Arc;
use std::time::Instant;

use redb::{ReadableTable, Table};

use super::database::{Database, broken};
use super::opening::{EXPIRY, RECORDS};
use super::row::Row;
use crate::batch::{Backend, Job};
use crate::error::StoreError;
use crate::events;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::store::{Found, Reply, Request};
use crate::time::{Ttl, UnixMillis};

/// Runs batches against a [`Database`].
pub(super) struct Transactions {
    database: Arc<Database>,
}

impl Transactions {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    fn commit(&self, requests: &[&(Request, UnixMillis)]) -> Result<Vec<Outcome>, StoreError> {
        let (outcomes, collected) = self.database.write(|transaction| {
            let mut tables = Tables {
                records: transaction.open_table(RECORDS).map_err(broken)?,
                expiry: transaction.open_table(EXPIRY).map_err(broken)?,
            };
            let outcomes = requests
                .iter()
                .map(|(request, now)| tables.step(request, *now))
                .collect::<Result<Vec<_>, _>>()?;
            let collected = match requests.last() {
                Some((_, now)) => tables.collect_expired(*now, 2 * requests.len() + 8)?,
                None => 0,
            };
            Ok((outcomes, collected))
        })?;
        if collected > 0 {
            events::records_collected(collected);
        }
        Ok(outcomes)
    }
}

/// Removes up to `most` records that expired before `now`, in a commit of their own; how many.
pub(super) fn remove_expired(
    database: &Arc<Database>,
    now: UnixMillis,
    most: usize,
) -> Result<usize, StoreError> {
    database.write(|transaction| {
        let mut tables = Tables {
            records: transaction.open_table(RECORDS).map_err(broken)?,
            expiry: transaction.open_table(EXPIRY).map_err(broken)?,
        };
        tables.collect_expired(now, most)
    })
}

/// What one request of a batch comes to; an error here is the request's own, and the others of
/// the batch go on.
type Outcome = Result<Reply, StoreError>;

impl Backend for Transactions {
    type Request = (Request, UnixMillis);
    type Reply = Reply;

    fn run(&self, batch: Vec<Job<Self::Request, Reply>>, _: Instant) {
        let requests: Vec<_> = batch.iter().map(|job| &job.request).collect();
        match self.commit(&requests) {
            Ok(outcomes) => batch.into_iter().zip(outcomes).for_each(|(job, it)| job.finish(it)),
            Err(error) => batch.into_iter().for_each(|job| job.finish(Err(error.clone()))),
        }
    }
}

struct Tables<'a> {
    records: Table<'a, &'static str, &'static [u8]>,
    expiry: Table<'a, (u64, &'static str), ()>,
}

impl Tables<'_> {
    fn step(&mut self, request: &Request, now: UnixMillis) -> Result<Outcome, StoreError> {
        Ok(Ok(match request {
            Request::Create { payload, ttl } => {
                let Some(id) = payload.session_id() else { return Ok(Err(StoreError::InvalidId)) };
                let absent = self.alive(&id, now)?.is_none();
                if absent {
                    self.put(&id, payload, *ttl, now)?;
                }
                Reply::Create(absent)
            }
            Request::Destroy { id } => {
                self.delete(id.as_str())?;
                Reply::Destroy
            }
            // Read from a snapshot, without a transaction of their own.
            Request::Inspect { .. } | Request::Load { .. } => {
                return Ok(Err(StoreError::Protocol));
            }
            Request::Remove { id, expected } => {
                let found = self.compare(id, expected, now)?;
                if found == Found::Expected {
                    self.delete(id.as_str())?;
                }
                Reply::Remove(found)
            }
            Request::Replace { expected, payload, ttl } => {
                let Some(id) = payload.session_id() else { return Ok(Err(StoreError::InvalidId)) };
                let found = self.compare(&id, expected, now)?;
                if found == Found::Expected {
                    self.put(&id, payload, *ttl, now)?;
                }
                Reply::Replace(found)
            }
            Request::Save { payload, ttl } => {
                let Some(id) = payload.session_id() else { return Ok(Err(StoreError::InvalidId)) };
                self.put(&id, payload, *ttl, now)?;
                Reply::Save
            }
            Request::Touch { id, ttl } => {
                let json = self.alive(id, now)?;
                if let Some(json) = &json {
                    self.write(id, json, *ttl, now)?;
                }
                Reply::Touch(json.is_some())
            }
        }))
    }

    fn compare(
        &self,
        id: &SessionId,
        expected: &str,
        now: UnixMillis,
    ) -> Result<Found, StoreError> {
        Ok(match self.alive(id, now)? {
            None => Found::Gone,
            Some(json) if json == expected => Found::Expected,
            Some(json) => Found::Changed(json),
        })
    }

    /// The record of the session `id`, if it has not expired.
    fn alive(&self, id: &SessionId, now: UnixMillis) -> Result<Option<String>, StoreError> {
        let row = self.records.get(id.as_str()).map_err(broken)?;
        let row = row.as_ref().and_then(|row| Row::read(id.as_str(), row.value()));
        Ok(row.filter(|row| row.left(now).is_some()).map(|row| row.json.to_owned()))
    }

    fn put(
        &mut self,
        id: &SessionId,
        payload: &Payload,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.write(id, payload.as_json(), ttl, now)
    }

    fn write(
        &mut self,
        id: &SessionId,
        json: &str,
        ttl: Ttl,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let id = id.as_str();
        let row = Row { expires_at: now.plus(ttl).as_f64(), json };
        let before = self.records.insert(id, row.to_bytes(id).as_slice()).map_err(broken)?;
        let before = before.and_then(|it| Row::read(id, it.value()).map(|it| it.key()));
        let key = row.key();
        if before == Some(key) {
            return Ok(());
        }
        if let Some(before) = before {
            self.expiry.remove((before, id)).map_err(broken)?;
        }
        self.expiry.insert((key, id), ()).map_err(broken)?;
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<(), StoreError> {
        let before = self.records.remove(id).map_err(broken)?;
        let key = before.and_then(|it| Row::read(id, it.value()).map(|row| row.key()));
        if let Some(key) = key {
            self.expiry.remove((key, id)).map_err(broken)?;
        }
        Ok(())
    }

    /// Removes up to `most` records that expired before `now`, the oldest first; how many.
    fn collect_expired(&mut self, now: UnixMillis, most: usize) -> Result<usize, StoreError> {
        let until = now.as_f64().max(0.0) as u64;
        let due = self.expiry.range(..(until, "")).map_err(broken)?.take(most);
        let due = due
            .map(|entry| {
                entry.map(|(key, _)| {
                    let (key, id) = key.value();
                    (key, id.to_owned())
                })
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(broken)?;
        for (key, id) in &due {
            self.expiry.remove((*key, id.as_str())).map_err(broken)?;
            // A damaged row does not say when it ends, and may have left its place here to a
            // record that was written since.
            let row = self.records.get(id.as_str()).map_err(broken)?;
            let other_key = row.and_then(|row| {
                Row::read(id, row.value()).map(|row| row.key()).filter(|other| other != key)
            });
            if other_key.is_none() {
                self.records.remove(id.as_str()).map_err(broken)?;
            }
        }
        Ok(due.len())
    }
}
