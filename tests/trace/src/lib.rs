//! Hears every event that any code of this process makes, as a log at its most talkative would.
//!
//! ```text
//!   tracing --+
//!             +--> "WARN rudder_session store is down error=.."
//!   log ------+      --> Log      from the first call of `log` on: for tests that judge events
//!                    --> stderr   with SESSION_TEST_TRACE set: "[trace] thread: WARN .."
//! ```
//!
//! What is linked with this crate and started with that variable prints from its first moment on,
//! and first of all that it does; `use rudder_session_trace as _` is enough. The output of all
//! tests is searched for secrets by `tests/output/search.py`, which sets the variable.

use std::env;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, ThreadId};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The log of this process, from the first call on.
pub fn log() -> &'static Log {
    KEEPS.store(true, Ordering::SeqCst);
    listen();
    &LOG
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

static LOG: Log = Log(Mutex::new(Vec::new()));
static KEEPS: AtomicBool = AtomicBool::new(false);
static PRINTS: AtomicBool = AtomicBool::new(false);

ctor::declarative::ctor! {
    // Unsafe to the crate `ctor`, as the standard library promises nothing before `main`. On the
    // platforms that the tests run on its environment, its atomics and its unbuffered stderr are
    // good from the start; and a panic would be the end of a test program, and nothing worse.
    #[ctor(unsafe)]
    fn print_if_asked() {
        if env::var_os("SESSION_TEST_TRACE").is_some() {
            PRINTS.store(true, Ordering::SeqCst);
            listen();
            let program = env::current_exe().unwrap_or_default();
            print(&format!("on in {}", program.display()));
        }
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Sink).expect("nobody else listens");
        log::set_logger(&Sink).expect("nobody else listens");
        log::set_max_level(log::LevelFilter::Trace);
    });
}

struct Sink;

impl Sink {
    fn write(line: String) {
        if PRINTS.load(Ordering::SeqCst) {
            let thread = thread::current();
            print(&format!("{}: {line}", thread.name().unwrap_or("a thread")));
        }
        if KEEPS.load(Ordering::SeqCst) {
            LOG.lock().push((thread::current().id(), line));
        }
    }
}

/// One line, in one piece, which the capture of a test does not keep.
fn print(text: &str) {
    let line = format!("[trace] {}\n", text.replace('\n', "\\n"));
    // Nobody may be there any more to read it.
    let _ = io::stderr().write_all(line.as_bytes());
}

impl Subscriber for Sink {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let about = event.metadata();
        let mut line = Line(format!("{} {}", about.level(), about.target()));
        event.record(&mut line);
        Self::write(line.0);
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let about = span.metadata();
        let mut line = Line(format!("span {} {}", about.target(), about.name()));
        span.record(&mut line);
        Self::write(line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line("span".to_owned());
        values.record(&mut line);
        Self::write(line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What speaks the older way: the pool of connections.
impl log::Log for Sink {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        Self::write(format!("{} {} {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
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
