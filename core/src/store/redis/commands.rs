//! Sends requests as Redis commands, a batch in one round trip, and reads what comes back.
//!
//! ```text
//!   Save      SET <prefix><id> {"id":..,"data":{..},"flash_next":{..}} EX <seconds>
//!   Create    the same, NX
//!   Replace   see compare_and_set
//!   Load      GET <prefix><id>
//!   Touch     EXPIRE <prefix><id> <seconds>
//!   Destroy   DEL <prefix><id>
//!   Remove    see compare_and_set
//! ```
//!
//! This file knows commands and what their replies mean. Sockets and deadlines are
//! `connection`'s, who gets one when is `pool`'s.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use redis::{Cmd, Value};

use super::compare_and_set;
use super::connection::{Connection, Step, accepted};
use super::pool::Pool;
use crate::batch::{Backend, Job};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::store::incidents::{Record, RecordCheck};
use crate::store::{Reply, Request};
use crate::time::Ttl;

/// Runs batches of requests on the connections of a pool.
pub(super) struct Commands {
    pool: Pool,
    prefix: String,
    records: Arc<RecordCheck>,
}

type Batch = Vec<Job<Request, Reply>>;

impl Commands {
    pub(super) fn new(pool: Pool, prefix: String, records: Arc<RecordCheck>) -> Self {
        Self { pool, prefix, records }
    }

    /// Sends a batch and answers it; gives back what may and should be sent once more.
    fn exchange(&self, connection: &mut Connection, batch: Batch, deadline: Instant) -> Batch {
        let mut packed = Vec::new();
        // What cannot go with the others waits until their replies are read.
        let mut alone = Vec::new();
        let mut together = VecDeque::with_capacity(batch.len());
        for job in batch {
            match self.command(connection, &job.request) {
                Ok(Some(command)) => {
                    command.write_packed_command(&mut packed);
                    together.push_back(job);
                }
                Ok(None) => alone.push(job),
                Err(error) => job.finish(Err(error)),
            }
        }

        let mut again = Vec::new();
        connection.request_each(&packed, together.len(), deadline, |outcome| {
            // One job for each reply, in their order.
            let Some(job) = together.pop_front() else { return Step::Out };
            let (meaning, step) = match outcome {
                Ok(reply) => self.meaning(&job.request, reply),
                Err(error) => (Err(error), Step::In),
            };
            match meaning {
                Ok(Some(reply)) => job.finish(Ok(reply)),
                Ok(None) => alone.push(job),
                Err(StoreError::Disconnected) if job.request.is_repeatable() => again.push(job),
                Err(error) => job.finish(Err(error)),
            }
            step
        });
        for job in alone {
            if connection.is_poisoned() {
                again.push(job);
                continue;
            }
            let outcome = self.step_alone(connection, &job.request, deadline);
            job.finish(outcome);
        }
        again
    }

    /// The one command that does what `request` asks for; `None` if it takes more than one.
    fn command(
        &self,
        connection: &Connection,
        request: &Request,
    ) -> Result<Option<Cmd>, StoreError> {
        let mut command = Cmd::with_capacity(3, 128);
        match request {
            Request::Create { payload, ttl } => {
                let mut command = self.set(payload, *ttl)?;
                command.arg("NX");
                return Ok(Some(command));
            }
            Request::Save { payload, ttl } => return self.set(payload, *ttl).map(Some),
            Request::Replace { expected, payload, ttl } => {
                let name = self.own_record_name(payload)?;
                let texts = (expected.as_str(), payload.as_json());
                let methods = connection.methods;
                return Ok(compare_and_set::replace_command(methods, &name, texts, *ttl));
            }
            Request::Remove { .. } => return Ok(None),
            Request::Destroy { id } => command.arg("DEL").arg(self.record_name(id)),
            Request::Load { id } => command.arg("GET").arg(self.record_name(id)),
            Request::Touch { id, ttl } => {
                command.arg("EXPIRE").arg(self.record_name(id)).arg(ttl.as_seconds())
            }
        };
        Ok(Some(command))
    }

    /// What the reply to [`command`](Self::command) says, nothing if the server cannot do it in
    /// that way; and whether it is a reply to that command at all.
    fn meaning(
        &self,
        request: &Request,
        reply: Value,
    ) -> (Result<Option<Reply>, StoreError>, Step) {
        let reply = match (request, reply) {
            (Request::Replace { expected, .. }, reply) => {
                let found = compare_and_set::replaced(reply, expected);
                return in_step(found.map(|found| found.map(Reply::Replace)));
            }
            (_, error @ Value::ServerError(_)) => return in_step(accepted(error).map(|_| None)),
            (Request::Create { .. }, Value::Okay) => Reply::Create(true),
            (Request::Create { .. }, Value::Nil) => Reply::Create(false),
            (Request::Destroy { .. }, Value::Int(_)) => Reply::Destroy,
            (Request::Load { .. }, Value::Nil) => Reply::Load(None),
            (Request::Load { id }, Value::BulkString(bytes)) => {
                let record = self.records.look(id, Some(as_javascript_reads(bytes)));
                // It may be the answer to somebody else's question, and so may the next ones.
                let foreign = matches!(record, Record::Foreign);
                let step = if foreign { Step::Out } else { Step::In };
                return (Ok(Some(Reply::Load(record.own()))), step);
            }
            (Request::Save { .. }, Value::Okay) => Reply::Save,
            (Request::Touch { .. }, Value::Int(count)) => Reply::Touch(count == 1),
            _ => return in_step(Err(StoreError::Protocol)),
        };
        in_step(Ok(Some(reply)))
    }

    /// Does what takes more than one command, or another than was tried.
    fn step_alone(
        &self,
        connection: &mut Connection,
        request: &Request,
        deadline: Instant,
    ) -> Result<Reply, StoreError> {
        match request {
            Request::Replace { expected, payload, ttl } => {
                let name = self.own_record_name(payload)?;
                let texts = (expected.as_str(), payload.as_json());
                compare_and_set::replace(connection, &name, texts, *ttl, deadline)
                    .map(Reply::Replace)
            }
            Request::Remove { id, expected } => {
                let name = self.record_name(id);
                compare_and_set::remove(connection, &name, expected, deadline).map(Reply::Remove)
            }
            _ => Err(StoreError::Protocol),
        }
    }

    fn set(&self, payload: &Payload, ttl: Ttl) -> Result<Cmd, StoreError> {
        let (name, json) = (self.own_record_name(payload)?, payload.as_json());
        let mut command = Cmd::with_capacity(6, json.len() + name.len() + 64);
        command.arg("SET").arg(name).arg(json).arg("EX").arg(ttl.as_seconds());
        Ok(command)
    }

    fn record_name(&self, id: &SessionId) -> String {
        [&self.prefix, id.as_str()].concat()
    }

    fn own_record_name(&self, payload: &Payload) -> Result<String, StoreError> {
        payload.session_id().map(|id| self.record_name(&id)).ok_or(StoreError::InvalidId)
    }
}

/// An outcome that says whether its reply was one to what was asked.
fn in_step<T>(outcome: Result<T, StoreError>) -> (Result<T, StoreError>, Step) {
    let step = if matches!(outcome, Err(StoreError::Protocol)) { Step::Out } else { Step::In };
    (outcome, step)
}

/// Bytes that are not UTF-8 become U+FFFD.
fn as_javascript_reads(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned())
}

impl Backend for Commands {
    type Request = Request;
    type Reply = Reply;

    fn run(&self, batch: Batch, deadline: Instant) {
        // Jobs that met a dead connection get one more try on another.
        let mut tries = 2;
        let mut rest = batch;
        while !rest.is_empty() {
            let mut batch = std::mem::take(&mut rest);
            let outcome = if tries > 0 {
                self.pool.with(deadline, |connection| {
                    Ok(self.exchange(connection, std::mem::take(&mut batch), deadline))
                })
            } else {
                Err(StoreError::Disconnected)
            };
            tries -= 1;
            match outcome {
                Ok(again) => rest = again,
                Err(error) => batch.into_iter().for_each(|job| job.finish(Err(error.clone()))),
            }
        }
    }
}
