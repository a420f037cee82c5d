//! Keeps every event that any code of this process makes, as a log at its most talkative would.
//!
//! ```text
//!   tracing -> Log -> "WARN rudder_session store is down error=.."      and by which thread
//! ```

use std::fmt::{self, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The log of this process, from the first call on.
pub fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    let log = LOG.get_or_init(Log::default);
    static SET: OnceLock<()> = OnceLock::new();
    SET.get_or_init(|| {
        tracing::subscriber::set_global_default(Sink(log)).expect("nobody else keeps a log");
    });
    log
}

/// Lines, and who wrote them.
#[derive(Default)]
pub struct Log(Mutex<Vec<(ThreadId, String)>>);

impl Log {
    /// All lines so far, of all threads.
    pub fn lines(&self) -> Vec<String> {
        self.lock().iter().map(|(_, line)| line.clone()).collect()
    }

    /// How many lines this thread has written so far.
    pub fn count_of_this_thread(&self) -> usize {
        let this = thread::current().id();
        self.lock().iter().filter(|(thread, _)| *thread == this).count()
    }

    /// Whether some line starts like this: level, target, text.
    pub fn has(&self, start: &str) -> bool {
        self.lock().iter().any(|(_, line)| line.starts_with(start))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(ThreadId, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Sink(&'static Log);

impl Subscriber for Sink {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let about = event.metadata();
        let mut line = Line(format!("{} {}", about.level(), about.target()));
        event.record(&mut line);
        self.0.lock().push((thread::current().id(), line.0));
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line =
            Line(format!("span {} {}", span.metadata().target(), span.metadata().name()));
        span.record(&mut line);
        self.0.lock().push((thread::current().id(), line.0));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line("span".to_owned());
        values.record(&mut line);
        self.0.lock().push((thread::current().id(), line.0));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        written.expect("a string takes all");
    }
}
