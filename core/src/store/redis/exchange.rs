//! Sends a batch of requests in one round trip, and reads what comes back.
//!
//! ```text
//!   batch --> together, in one write --> replies in their order --> answers
//!             alone, one by one                                 --> or once more, elsewhere
//! ```
//!
//! A batch that writes may be followed by one `WAIT <replicas> <milliseconds>`.
//!
//! This file knows whose reply is whose, and what may be sent twice. What a request is in Redis is
//! `commands`', sockets and deadlines are `connection`'s, who gets one when is `pool`'s.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use redis::Value;

use super::commands::{Commands, Repeat};
use super::compare_and_set::Turn;
use super::connection::{Connection, Step};
use super::fault::Fault;
use super::pool::Pool;
use crate::batch::{Backend, Job};
use crate::error::StoreError;
use crate::store::{Found, Reply, Request};

/// Runs batches of requests on the connections of a pool.
pub(super) struct Exchange {
    pool: Pool,
    commands: Commands,
    /// How many replicas must have what is written before it counts as done.
    min_replicas: u32,
}

/// What one server is asked for.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) request: Request,
    /// The server has the record only in the course of a move, and must be told that we know.
    pub(super) asking: bool,
}

/// What comes of it.
#[derive(Debug)]
pub(super) enum Answer {
    Done(Reply),
    /// It was not done, or may be done twice: another server may be asked.
    Undone(Box<(Request, Fault)>),
}

impl Answer {
    /// The answer if there is no other server.
    pub(super) fn only(self) -> Result<Reply, StoreError> {
        match self {
            Self::Done(reply) => Ok(reply),
            Self::Undone(undone) => Err(undone.1.into_error()),
        }
    }
}

type Batch = Vec<Job<Call, Answer>>;

/// What is to be sent once more, on another connection.
#[derive(Default)]
struct Again {
    jobs: Batch,
    /// Replies came that were none to what was asked.
    out_of_step: bool,
}

impl Exchange {
    pub(super) fn new(pool: Pool, commands: Commands, min_replicas: u32) -> Self {
        Self { pool, commands, min_replicas }
    }

    fn try_on_one_connection(&self, batch: Batch, deadline: Instant, repeat: Repeat) -> Again {
        let mut batch = Some(batch);
        let outcome = self.pool.with(deadline, |connection| {
            Ok(self.exchange(connection, batch.take().unwrap_or_default(), deadline, repeat))
        });
        outcome.unwrap_or_else(|error| {
            // There was no connection to be had.
            let jobs = batch.into_iter().flatten();
            jobs.for_each(|job| refuse(job, Fault::Store(error.clone())));
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
        let mut packed = Vec::new();
        // What cannot go with the others waits until their replies are read.
        let mut alone = Vec::new();
        // With each, the first of two replies.
        let mut together: VecDeque<(_, Option<Result<Value, _>>)> =
            VecDeque::with_capacity(batch.len());
        let mut replies = 0;
        for job in batch {
            match self.commands.command(connection, &job.request.request) {
                Ok(Some(command)) if !job.request.asking => {
                    command.write_packed_command(&mut packed);
                    if let Request::Inspect { id } = &job.request.request {
                        self.commands.ttl_command(id).write_packed_command(&mut packed);
                        replies += 1;
                    }
                    replies += 1;
                    together.push_back((job, None));
                }
                Ok(_) => alone.push(job),
                Err(error) => job.finish(Err(error)),
            }
        }

        let mut again = Again::default();
        let mut written = Vec::new();
        let mut settle = |job: Job<Call, Answer>, outcome, again: &mut Again| match outcome {
            Ok(reply) if self.min_replicas > 0 && tells_of_a_write(&reply) => {
                written.push((job, reply));
            }
            Ok(reply) => job.finish(Ok(Answer::Done(reply))),
            Err(fault) if repeat.allows(&job.request.request, &fault) => again.jobs.push(job),
            Err(fault) => refuse(job, fault),
        };
        let pipelined = together.len() > 1;
        connection.request_each(&packed, replies, deadline, |outcome| {
            if let Some((job, first @ None)) = together.front_mut()
                && matches!(job.request.request, Request::Inspect { .. })
            {
                *first = Some(outcome);
                return Step::In;
            }
            // One job for each reply from here on, in their order.
            let Some((job, first)) = together.pop_front() else { return Step::Out };
            let meaning = match (&job.request.request, first, outcome) {
                (Request::Inspect { id }, Some(Ok(record)), Ok(left)) => {
                    self.commands.inspected(id, record, left, repeat, pipelined).map(Some)
                }
                (_, Some(Err(error)), _) | (_, _, Err(error)) => Err(error.into()),
                (request, _, Ok(reply)) => self.commands.meaning(request, reply, repeat, pipelined),
            };
            let in_step = meaning != Err(Fault::Store(StoreError::Protocol));
            match meaning.transpose() {
                Some(outcome) => settle(job, outcome, &mut again),
                None => alone.push(job),
            }
            again.out_of_step |= !in_step;
            if in_step { Step::In } else { Step::Out }
        });
        for job in alone {
            // Nothing of it has been sent on this connection, or nothing but a refused attempt.
            let outcome = if !connection.is_poisoned() {
                self.step_alone(connection, &job.request, deadline, repeat)
            } else if repeat == Repeat::Over {
                Err(StoreError::Disconnected.into())
            } else {
                again.jobs.push(job);
                continue;
            };
            if outcome == Err(Fault::Store(StoreError::Protocol)) {
                connection.poison();
            }
            settle(job, outcome, &mut again);
        }
        if !written.is_empty() {
            let outcome = replicate(connection, self.min_replicas, deadline);
            for (job, reply) in written {
                job.finish(outcome.clone().map(|()| Answer::Done(reply)));
            }
        }
        again
    }

    /// Does what takes more than one command, or another than was tried.
    fn step_alone(
        &self,
        connection: &mut Connection,
        Call { request, asking }: &Call,
        deadline: Instant,
        repeat: Repeat,
    ) -> Result<Reply, Fault> {
        let command = self.commands.command(connection, request)?;
        let mut turn = Turn { connection, deadline, asking: *asking };
        match request {
            Request::Replace { expected, payload, ttl } => {
                let name = self.commands.own_record_name(payload)?;
                let texts = (expected.as_str(), payload.as_json());
                turn.replace(&name, texts, *ttl).map(Reply::Replace)
            }
            Request::Remove { id, expected } => {
                turn.remove(&self.commands.record_name(id), expected).map(Reply::Remove)
            }
            Request::Inspect { id } => {
                let record = turn.ask(&command.ok_or(StoreError::Protocol)?)?;
                let left = turn.ask(&self.commands.ttl_command(id))?;
                self.commands.inspected(id, record, left, repeat, false)
            }
            _ => {
                let reply = turn.ask(&command.ok_or(StoreError::Protocol)?)?;
                self.commands
                    .meaning(request, reply, repeat, false)?
                    .ok_or(StoreError::Protocol.into())
            }
        }
    }
}

/// Tells whoever asked why it was not done.
fn refuse(job: Job<Call, Answer>, fault: Fault) {
    job.finish_with(|Call { request, .. }| {
        if fault.may_pass(&request) {
            Ok(Answer::Undone(Box::new((request, fault))))
        } else {
            Err(fault.into_error())
        }
    });
}

/// Whether there is something that a replica could not know yet.
fn tells_of_a_write(reply: &Reply) -> bool {
    match reply {
        Reply::Create(done) | Reply::Touch(done) => *done,
        Reply::Destroy | Reply::Save => true,
        Reply::Remove(found) | Reply::Replace(found) => *found == Found::Expected,
        Reply::Inspect(_) | Reply::Load(_) => false,
    }
}

/// Waits until `count` replicas have what was written on this connection.
///
/// The server waits until a while before the deadline, so that its answer still comes in time.
fn replicate(connection: &mut Connection, count: u32, deadline: Instant) -> Result<(), StoreError> {
    if connection.is_poisoned() {
        return Err(StoreError::NotReplicated { acknowledged: 0 });
    }
    let left = deadline.saturating_duration_since(Instant::now());
    let patience = left.saturating_sub(WAIT_MARGIN.min(left / 4));
    // Zero is for ever.
    let millis = patience.max(Duration::from_millis(1)).as_millis() as u64;
    let reply = connection.command(redis::cmd("WAIT").arg(count).arg(millis), deadline);
    let acknowledged = match reply {
        Ok(Value::Int(acknowledged)) => u32::try_from(acknowledged).unwrap_or(0),
        Err(rejected @ StoreError::Rejected { .. }) => return Err(rejected),
        // The write itself was answered.
        _ => 0,
    };
    if acknowledged >= count { Ok(()) } else { Err(StoreError::NotReplicated { acknowledged }) }
}

/// An idle server looks at its clock ten times a second (`hz`), so it may wait that much longer.
const WAIT_MARGIN: Duration = Duration::from_millis(120);

impl Backend for Exchange {
    type Request = Call;
    type Reply = Answer;

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
