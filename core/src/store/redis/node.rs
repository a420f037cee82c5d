//! One server: its queue, its connections, and whether it is there at all.
//!
//! ```text
//!   call, submit -> breaker -> queue for loads  -> pool
//!                           -> queue for writes -> pool     if writes wait for replicas
//! ```
//!
//! A connection that waits for replicas does nothing else meanwhile. If those are lost, all the
//! connections for writes wait, and loads must not stand behind them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::breaker::Breaker;
use super::commands::Commands;
use super::endpoint::Endpoint;
use super::exchange::{Answer, Call, Exchange};
use super::pool::Pool;
use crate::batch::{Batcher, Limits};
use crate::error::StoreError;
use crate::store::incidents::RecordCheck;

/// How a server is used, whichever it is.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    pub(super) prefix: String,
    pub(super) pool_size: u32,
    pub(super) deadline: Duration,
    pub(super) min_replicas: u32,
}

/// What is called with an outcome.
pub(super) trait Told: FnOnce(Result<Answer, StoreError>) + Send + 'static {}

impl<D: FnOnce(Result<Answer, StoreError>) + Send + 'static> Told for D {}

/// One server.
#[derive(Debug)]
pub(super) struct Node {
    loads: Batcher<Exchange>,
    /// `None` if they go with the loads.
    writes: Option<Batcher<Exchange>>,
    breaker: Arc<Breaker>,
}

impl Node {
    /// Connects to nothing, and starts no thread.
    pub(super) fn new(endpoint: &Endpoint, usage: &Usage, records: &Arc<RecordCheck>) -> Self {
        let queue = |min_replicas| {
            let pool = Pool::new(endpoint.clone(), usage.pool_size, usage.deadline);
            let prefix = usage.prefix.clone();
            let commands = Commands::new(prefix, Arc::clone(records));
            let exchange = Exchange::new(pool, commands, min_replicas);
            let leaders = usage.pool_size as usize;
            Batcher::new(exchange, Limits { leaders, batch: MAX_BATCH, queue: MAX_QUEUE })
        };
        let writes = (usage.min_replicas > 0).then(|| queue(usage.min_replicas));
        let breaker = Arc::new(Breaker::new(Instant::now()));
        Self { loads: queue(0), writes, breaker }
    }

    /// Asks and waits for the answer, until `until` or hardly later.
    pub(super) fn call(&self, call: Call, until: Instant) -> Result<Answer, StoreError> {
        let now = Instant::now();
        self.breaker.admit(now)?;
        let queue = self.queue(&call);
        let outcome = queue.call(call, until.saturating_duration_since(now));
        self.breaker.learn(&verdict(&outcome), Instant::now);
        outcome
    }

    /// Asks, and has `done` called with the answer, on whatever thread.
    pub(super) fn submit(&self, call: Call, until: Instant, done: impl Told) {
        let now = Instant::now();
        if let Some((call, done)) = self.admit(call, done, now) {
            self.queue(&call).submit(call, until.saturating_duration_since(now), done);
        }
    }

    /// Asks for several things at once.
    pub(super) fn submit_all<D>(&self, calls: impl Iterator<Item = (Call, D)>, until: Instant)
    where
        D: Told,
    {
        let now = Instant::now();
        let timeout = until.saturating_duration_since(now);
        let calls = calls.filter_map(|(call, done)| self.admit(call, done, now));
        let Some(writes) = &self.writes else {
            return self.loads.submit_all(calls, timeout);
        };
        let (loads, rest): (Vec<_>, Vec<_>) =
            calls.partition(|(call, _)| call.request.only_reads());
        self.loads.submit_all(loads.into_iter(), timeout);
        writes.submit_all(rest.into_iter(), timeout);
    }

    /// The call, and what is to be told of its outcome, unless it has been refused.
    fn admit<D>(&self, call: Call, done: D, now: Instant) -> Option<(Call, impl Told + use<D>)>
    where
        D: Told,
    {
        if let Err(error) = self.breaker.admit(now) {
            done(Err(error));
            return None;
        }
        let breaker = Arc::clone(&self.breaker);
        let learning = move |outcome| {
            breaker.learn(&verdict(&outcome), Instant::now);
            done(outcome);
        };
        Some((call, learning))
    }

    /// Calls that were refused without asking the server.
    pub(super) fn refusals(&self) -> u64 {
        self.breaker.refusals()
    }

    fn queue(&self, call: &Call) -> &Batcher<Exchange> {
        match &self.writes {
            Some(writes) if !call.request.only_reads() => writes,
            _ => &self.loads,
        }
    }
}

/// What an answer says of the server itself.
fn verdict(outcome: &Result<Answer, StoreError>) -> Result<(), StoreError> {
    match outcome {
        Ok(Answer::Done(_)) => Ok(()),
        Ok(Answer::Undone(undone)) => Err(undone.1.clone().into_error()),
        Err(error) => Err(error.clone()),
    }
}

/// Commands in one round trip: enough that the trip costs each next to nothing, and few enough
/// that the first need not wait for the last.
const MAX_BATCH: usize = 256;

/// Calls that may wait. At the speed of one server, this many are a good tenth of a second.
pub(super) const MAX_QUEUE: usize = 65_536;
