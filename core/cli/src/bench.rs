//! Measures loads and saves of a store, as many callers at once as asked for.

use std::fmt;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use rudder_session::store::Updated;
use rudder_session::{Payload, SessionId, Store, StoreError, Ttl, UnixMillis};
use serde::Serialize;

use crate::place::StoreOptions;
use crate::report::{CommandError, Report, json};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// Threads that call at the same time, each with a session of its own
    #[arg(long, default_value = "16")]
    callers: NonZero<u16>,
    /// Seconds that it takes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Bytes of JSON of a session
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    bytes: u32,
}

/// What was measured: three loads to one save, that merges.
#[derive(Serialize)]
pub(crate) struct Measured {
    callers: u16,
    bytes: u32,
    calls: usize,
    calls_per_second: f64,
    p50_us: u128,
    p99_us: u128,
    max_us: u128,
}

pub(crate) fn run(options: &Options) -> Result<Measured, CommandError> {
    let place = options.store.place()?;
    let place =
        place.ok_or(CommandError::Usage("name a store: --redis-url, --file or --memory"))?;
    let store = place.open(true)?;
    let start = Instant::now();
    let until = start + Duration::from_secs(options.seconds);

    let outcomes: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = (0..options.callers.get())
            .map(|_| scope.spawn(|| call(&*store, options.bytes, until)))
            .collect();
        let joined = callers.into_iter().map(|caller| caller.join());
        joined.map(|it| it.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let mut took = Vec::new();
    for durations in outcomes {
        took.extend(durations?);
    }
    let calls_per_second = took.len() as f64 / start.elapsed().as_secs_f64();
    took.sort_unstable();
    let quantile = |per_cent: usize| {
        took.get(took.len().saturating_sub(1) * per_cent / 100).map_or(0, Duration::as_micros)
    };
    Ok(Measured {
        callers: options.callers.get(),
        bytes: options.bytes,
        calls: took.len(),
        calls_per_second,
        p50_us: quantile(50),
        p99_us: quantile(99),
        max_us: quantile(100),
    })
}

/// One caller, until then: what each of its calls took. Its session is gone afterwards.
fn call(store: &dyn Store, bytes: u32, until: Instant) -> Result<Vec<Duration>, StoreError> {
    let id = SessionId::random()?;
    let outcome = use_session(store, &id, bytes, until);
    let gone = store.destroy(&id);
    let took = outcome?;
    gone.map(|()| took)
}

fn use_session(
    store: &dyn Store,
    id: &SessionId,
    bytes: u32,
    until: Instant,
) -> Result<Vec<Duration>, StoreError> {
    let ttl = Ttl::covering(Duration::from_secs(2 * 3600));
    let mut session = Payload::new(id);
    session.put("padding", &"x".repeat(bytes as usize)).map_err(|_| StoreError::TooLarge)?;
    store.create(&session, ttl, UnixMillis::now())?;

    let mut took = Vec::new();
    let mut at = Instant::now();
    let mut done = |took: &mut Vec<Duration>| {
        let now = Instant::now();
        took.push(now - at);
        at = now;
    };
    let mut saves = 0;
    while Instant::now() < until {
        for _ in 0..LOADS_PER_SAVE {
            if store.load(id, UnixMillis::now())?.as_ref() != Some(&session) {
                return Err(StoreError::Protocol);
            }
            done(&mut took);
        }
        saves += 1;
        let mut next = session.clone();
        next.put("saves", &saves).map_err(|_| StoreError::TooLarge)?;
        if store.update(&session, &next, ttl, UnixMillis::now())? != Updated::Saved {
            return Err(StoreError::Protocol);
        }
        session = next;
        done(&mut took);
    }
    Ok(took)
}

impl Report for Measured {
    fn to_json(&self) -> String {
        json(self)
    }

    fn is_well(&self) -> bool {
        true
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:.0} calls a second: 3 loads to 1 update", self.calls_per_second)?;
        writeln!(
            f,
            "{} callers, sessions of {} bytes, {} calls",
            self.callers, self.bytes, self.calls
        )?;
        writeln!(f, "p50 {} us, p99 {} us, at most {} us", self.p50_us, self.p99_us, self.max_us)
    }
}

const LOADS_PER_SAVE: usize = 3;
