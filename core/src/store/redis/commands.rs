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
use crate::store::{Found, Reply, Request};
use crate::time::Ttl;

/// Runs batches of requests on the connections of a pool.
pub(super) struct Commands {
    pool: Pool,
    prefix: String,
    records: Arc<RecordCheck>,
}

type Batch = Vec<Job<Request, Reply>>;

/// What may be sent once more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Repeat {
    /// What met a connection that was dead or out of step.
    Allowed,
    /// What met one that was out of step.
    InDoubt,
    /// Nothing.
    Over,
}

/// What is to be sent once more, on another connection.
#[derive(Default)]
struct Again {
    jobs: Batch,
    /// Replies came that were none to what was asked.
    out_of_step: bool,
}

impl Commands {
    pub(super) fn new(pool: Pool, prefix: String, records: Arc<RecordCheck>) -> Self {
        Self { pool, prefix, records }
    }

    fn try_on_one_connection(&self, batch: Batch, deadline: Instant, repeat: Repeat) -> Again {
        let mut batch = Some(batch);
        let outcome = self.pool.with(deadline, |connection| {
            Ok(self.exchange(connection, batch.take().unwrap_or_default(), deadline, repeat))
        });
        outcome.unwrap_or_else(|error| {
            // There was no connection to be had.
            let jobs = batch.into_iter().flatten();
            jobs.for_each(|job| job.finish(Err(error.clone())));
            Again::default()
        })
    }

    /// Sends a batch and answers it, but for what is to be sent again.
    ///
    /// A record that is not the session's own may be the answer to somebody else's request, or
    /// halves of two answers. Only if another connection brings it too is it what is stored.
    fn exchange(
        &self,
        connection: &mut Connection,
        batch: Batch,
        deadline: Instant,
        repeat: Repeat,
    ) -> Again {
        let is_repeated = |request: &Request, error: &StoreError| {
            match error {
                StoreError::Disconnected => repeat == Repeat::Allowed && request.is_repeatable(),
                StoreError::Protocol => repeat != Repeat::Over && request.is_repeatable(),
                // Certainly not done, and after a fail-over another server is the one to ask.
                StoreError::Rejected { code } => repeat == Repeat::Allowed && code == "READONLY",
                _ => false,
            }
        };
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

        let mut again = Again::default();
        let pipelined = together.len() > 1;
        connection.request_each(&packed, together.len(), deadline, |outcome| {
            // One job for each reply, in their order.
            let Some(job) = together.pop_front() else { return Step::Out };
            let meaning =
                outcome.and_then(|reply| self.meaning(&job.request, reply, repeat, pipelined));
            let in_step = !matches!(meaning, Err(StoreError::Protocol));
            match meaning {
                Ok(Some(reply)) => job.finish(Ok(reply)),
                Ok(None) => alone.push(job),
                Err(error) if is_repeated(&job.request, &error) => again.jobs.push(job),
                Err(error) => job.finish(Err(error)),
            }
            again.out_of_step |= !in_step;
            if in_step { Step::In } else { Step::Out }
        });
        for job in alone {
            // Nothing of it has been sent on this connection, or nothing but a refused attempt.
            let outcome = if connection.is_poisoned() {
                Err(StoreError::Disconnected)
            } else {
                self.step_alone(connection, &job.request, deadline)
            };
            match outcome {
                Err(error) if is_repeated(&job.request, &error) => again.jobs.push(job),
                outcome => job.finish(outcome),
            }
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
    /// that way; [`StoreError::Protocol`] if it answers something else, for all we know.
    fn meaning(
        &self,
        request: &Request,
        reply: Value,
        repeat: Repeat,
        pipelined: bool,
    ) -> Result<Option<Reply>, StoreError> {
        if let Request::Replace { expected, payload, .. } = request {
            let found = compare_and_set::replaced(reply, expected)?;
            if let Some(Found::Changed(text)) = &found
                && repeat != Repeat::Over
                && !Payload::parse(text.as_str()).is_ok_and(|it| it.id_json() == payload.id_json())
            {
                return Err(StoreError::Protocol);
            }
            return Ok(found.map(Reply::Replace));
        }
        let meaning = match (request, accepted(reply)?) {
            (Request::Create { .. }, Value::Okay) => Reply::Create(true),
            (Request::Create { .. }, Value::Nil) => Reply::Create(false),
            (Request::Destroy { .. }, Value::Int(_)) => Reply::Destroy,
            (Request::Load { .. }, Value::Nil) => Reply::Load(None),
            (Request::Load { id }, Value::BulkString(bytes)) => {
                let record = Record::read(id, as_javascript_reads(bytes));
                let in_doubt = match record {
                    Record::Foreign => true,
                    // Halves of two answers come where there are two.
                    Record::Unreadable => pipelined,
                    Record::Own(_) => false,
                };
                if in_doubt && repeat != Repeat::Over {
                    return Err(StoreError::Protocol);
                }
                Reply::Load(self.records.serve(record))
            }
            (Request::Save { .. }, Value::Okay) => Reply::Save,
            (Request::Touch { .. }, Value::Int(count)) => Reply::Touch(count == 1),
            _ => return Err(StoreError::Protocol),
        };
        Ok(Some(meaning))
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

/// Bytes that are not UTF-8 become U+FFFD.
fn as_javascript_reads(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned())
}

impl Backend for Commands {
    type Request = Request;
    type Reply = Reply;

    fn run(&self, batch: Batch, deadline: Instant) {
        let mut again = self.try_on_one_connection(batch, deadline, Repeat::Allowed);
        if !again.out_of_step && !again.jobs.is_empty() {
            again = self.try_on_one_connection(again.jobs, deadline, Repeat::InDoubt);
        }
        for job in again.jobs {
            // Alone, nothing can be taken for the answer to somebody else.
            self.try_on_one_connection(vec![job], deadline, Repeat::Over);
        }
    }
}
