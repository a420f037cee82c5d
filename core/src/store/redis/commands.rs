//! Says requests as Redis commands, and what their replies mean.
//!
//! ```text
//!   Save      SET <prefix><id> {"id":..,"data":{..},"flash_next":{..}} EX <seconds>
//!   Create    the same, NX
//!   Replace   see compare_and_set
//!   Load      GET <prefix><id>
//!   Inspect   GET <prefix><id>, PTTL <prefix><id>
//!   Touch     EXPIRE <prefix><id> <seconds>
//!   Destroy   DEL <prefix><id>
//!   Remove    see compare_and_set
//! ```
//!
//! This file sends nothing: `exchange` does.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};

use super::compare_and_set::{self, as_javascript_reads};
use super::connection::Connection;
use super::fault::{Fault, done};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::store::incidents::{Record, RecordCheck};
use crate::store::{Found, Inspected, Reply, Request};
use crate::time::Ttl;

/// The language of one server and one prefix.
pub(super) struct Commands {
    prefix: String,
    records: Arc<RecordCheck>,
}

impl Commands {
    pub(super) fn new(prefix: String, records: Arc<RecordCheck>) -> Self {
        Self { prefix, records }
    }

    /// The one command that does what `request` asks for; `None` if it takes more than one.
    pub(super) fn command(
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
            Request::Inspect { id } | Request::Load { id } => {
                command.arg("GET").arg(self.record_name(id))
            }
            Request::Touch { id, ttl } => {
                command.arg("EXPIRE").arg(self.record_name(id)).arg(ttl.as_seconds())
            }
        };
        Ok(Some(command))
    }

    /// What the reply to [`command`](Self::command) says, nothing if the server cannot do it in
    /// that way; [`StoreError::Protocol`] if it answers something else, for all we know.
    pub(super) fn meaning(
        &self,
        request: &Request,
        reply: Value,
        repeat: Repeat,
        pipelined: bool,
    ) -> Result<Option<Reply>, Fault> {
        if let Request::Replace { expected, payload, .. } = request {
            let found = compare_and_set::replaced(reply, expected)?;
            if let Some(Found::Changed(text)) = &found
                && repeat != Repeat::Over
                && !Payload::parse(text.as_str()).is_ok_and(|it| it.id_json() == payload.id_json())
            {
                return Err(StoreError::Protocol.into());
            }
            return Ok(found.map(Reply::Replace));
        }
        let meaning = match (request, done(reply)?) {
            (Request::Create { .. }, Value::Okay) => Reply::Create(true),
            (Request::Create { .. }, Value::Nil) => Reply::Create(false),
            (Request::Destroy { .. }, Value::Int(_)) => Reply::Destroy,
            (Request::Load { id }, reply) => {
                let record = self.record(id, reply, repeat, pipelined)?;
                Reply::Load(record.filter(|payload| !payload.is_forwarding()))
            }
            (Request::Save { .. }, Value::Okay) => Reply::Save,
            (Request::Touch { .. }, Value::Int(count)) => Reply::Touch(count == 1),
            _ => return Err(StoreError::Protocol.into()),
        };
        Ok(Some(meaning))
    }

    /// What the two replies to an [`Request::Inspect`] say.
    pub(super) fn inspected(
        &self,
        id: &SessionId,
        record: Value,
        left: Value,
        repeat: Repeat,
        pipelined: bool,
    ) -> Result<Reply, Fault> {
        let payload = self.record(id, done(record)?, repeat, pipelined)?;
        let left = match done(left)? {
            // It went between the two commands.
            Value::Int(-2) => return Ok(Reply::Inspect(None)),
            Value::Int(millis) => Duration::from_millis(u64::try_from(millis).unwrap_or_default()),
            _ => return Err(StoreError::Protocol.into()),
        };
        Ok(Reply::Inspect(payload.map(|payload| Inspected { payload, left })))
    }

    /// The record of the session `id` that a reply to `GET` carries.
    fn record(
        &self,
        id: &SessionId,
        reply: Value,
        repeat: Repeat,
        pipelined: bool,
    ) -> Result<Option<Payload>, StoreError> {
        let bytes = match reply {
            Value::Nil => return Ok(None),
            Value::BulkString(bytes) => bytes,
            _ => return Err(StoreError::Protocol),
        };
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
        Ok(self.records.serve(record))
    }

    fn set(&self, payload: &Payload, ttl: Ttl) -> Result<Cmd, StoreError> {
        let (name, json) = (self.own_record_name(payload)?, payload.as_json());
        let mut command = Cmd::with_capacity(6, json.len() + name.len() + 64);
        command.arg("SET").arg(name).arg(json).arg("EX").arg(ttl.as_seconds());
        Ok(command)
    }

    /// The second command of an inspection.
    pub(super) fn ttl_command(&self, id: &SessionId) -> Cmd {
        let mut command = redis::cmd("PTTL");
        command.arg(self.record_name(id));
        command
    }

    pub(super) fn record_name(&self, id: &SessionId) -> String {
        [&self.prefix, id.as_str()].concat()
    }

    pub(super) fn own_record_name(&self, payload: &Payload) -> Result<String, StoreError> {
        payload.session_id().map(|id| self.record_name(&id)).ok_or(StoreError::InvalidId)
    }
}

/// What may be sent once more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Repeat {
    /// What met a connection that was dead or out of step.
    Allowed,
    /// What met one that was out of step.
    InDoubt,
    /// Nothing.
    Over,
}

impl Repeat {
    pub(super) fn allows(self, request: &Request, fault: &Fault) -> bool {
        match fault {
            Fault::Store(StoreError::Disconnected) => {
                self == Self::Allowed && request.is_repeatable()
            }
            Fault::Store(StoreError::Protocol) => self != Self::Over && request.is_repeatable(),
            // Certainly not done, and after a fail-over another server is the one to ask.
            Fault::Store(StoreError::Rejected { code }) => {
                self == Self::Allowed && code == "READONLY"
            }
            _ => false,
        }
    }
}
