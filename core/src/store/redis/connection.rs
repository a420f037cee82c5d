//! Speaks with a Redis server over one stream, within a deadline.
//!
//! ```text
//!   redis::Cmd --packed--> stream --> redis::Parser --> redis::Value
//! ```
//!
//! The redis crate's own blocking connection sets one time limit for each read, so a server that
//! trickles bytes holds its caller for as long as it likes; and it stays "open" after half a
//! command was written, so the next command's bytes land inside the stored value. Here the
//! deadline is one instant for a whole call, and a connection is **poisoned** from the first
//! byte of a request until the last byte of its last reply: any error, any time-out, any early
//! return leaves it so, and a poisoned connection is never used again.

use std::fmt;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use redis::{ConnectionAddr, Parser, Value};

use super::compare_and_set::Methods;
use super::endpoint::Endpoint;
use super::fault::{Fault, done};
use super::sentinel;
use super::stream::Stream;
use crate::error::StoreError;

/// One connection, in step with its server unless poisoned.
pub(crate) struct Connection {
    stream: BufReader<Stream>,
    parser: Parser,
    poisoned: bool,
    /// To be asked elsewhere is an answer like another in a cluster, and a fault otherwise.
    in_cluster: bool,
    idle_since: Instant,
    /// What this server offers for comparing and setting, as far as is known.
    pub(super) methods: Methods,
}

impl Connection {
    /// Connects, authenticates and selects the database; every reply of the handshake is read.
    pub(crate) fn open(endpoint: &Endpoint, deadline: Instant) -> Result<Self, StoreError> {
        if endpoint.sentinels.is_empty() {
            Self::open_at(endpoint.info.addr(), endpoint, deadline)
        } else {
            sentinel::open_master(endpoint, deadline)
        }
    }

    /// Connects to a server that wants no password.
    pub(super) fn open_bare(
        addr: &ConnectionAddr,
        endpoint: &Endpoint,
        deadline: Instant,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            stream: buffered(Stream::connect(addr, endpoint.tls.as_ref(), deadline)?),
            parser: Parser::new(),
            poisoned: false,
            in_cluster: !endpoint.nodes.is_empty(),
            idle_since: Instant::now(),
            methods: Methods::default(),
        })
    }

    /// Connects to `addr` with the endpoint's credentials and database.
    pub(super) fn open_at(
        addr: &ConnectionAddr,
        endpoint: &Endpoint,
        deadline: Instant,
    ) -> Result<Self, StoreError> {
        let mut connection = Self::open_bare(addr, endpoint, deadline)?;
        let settings = endpoint.info.redis_settings();
        if let Some(password) = settings.password() {
            let mut auth = redis::cmd("AUTH");
            if let Some(username) = settings.username() {
                auth.arg(username);
            }
            connection.command(auth.arg(password), deadline)?;
        }
        if settings.db() != 0 {
            connection.command(redis::cmd("SELECT").arg(settings.db()), deadline)?;
        }
        Ok(connection)
    }

    /// Sends one command and reads its reply; an error reply is a [`StoreError::Rejected`].
    pub(crate) fn command(
        &mut self,
        command: &redis::Cmd,
        deadline: Instant,
    ) -> Result<Value, StoreError> {
        let mut replies = self.request(&command.get_packed_command(), 1, deadline)?;
        let reply = replies.pop().ok_or(StoreError::Protocol)?;
        done(reply).map_err(Fault::into_error)
    }

    /// Sends packed commands in one go and reads `count` replies, error replies among them.
    pub(crate) fn request(
        &mut self,
        packed: &[u8],
        count: usize,
        deadline: Instant,
    ) -> Result<Vec<Value>, StoreError> {
        let mut replies = Vec::with_capacity(count);
        self.request_each(packed, count, deadline, |reply| {
            replies.push(reply);
            Step::In
        });
        replies.into_iter().collect()
    }

    /// Sends packed commands in one go and calls `on_reply` exactly `count` times, in their
    /// order: with each reply as it is read, and with the error from where there is one.
    ///
    /// Only the meaning of a reply can tell that it is none to this request; if `on_reply` says
    /// so, the replies after it are not to be trusted either, and are not read.
    pub(crate) fn request_each(
        &mut self,
        packed: &[u8],
        count: usize,
        deadline: Instant,
        mut on_reply: impl FnMut(Result<Value, StoreError>) -> Step,
    ) {
        self.poisoned = true;
        let mut ends = false;
        let mut error = self.send(packed, deadline).err();
        for _ in 0..count {
            let outcome = match error.clone() {
                Some(error) => Err(error),
                None => self.receive(deadline),
            };
            match &outcome {
                Ok(reply) => ends |= ends_the_connection(reply, self.in_cluster),
                Err(failure) => error = Some(failure.clone()),
            }
            if on_reply(outcome) == Step::Out && error.is_none() {
                error = Some(StoreError::Disconnected);
            }
        }
        self.poisoned = ends || error.is_some();
        self.idle_since = Instant::now();
    }

    /// Puts the connection out of use.
    pub(crate) fn poison(&mut self) {
        self.poisoned = true;
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Whether the server has ended the connection, or sent bytes that nobody asked for.
    ///
    /// Asks the socket, not the server, and only after a pause or if another connection was lost
    /// since: it costs three system calls, and one that worked a moment ago rarely ended since.
    pub(crate) fn has_gone_stale(&mut self, another_lost_at: Option<Instant>) -> bool {
        let doubtful = self.idle_since.elapsed() > STALE_CHECK_AFTER
            || another_lost_at.is_some_and(|at| self.idle_since <= at);
        doubtful && !(self.stream.buffer().is_empty() && self.stream.get_mut().is_quiet())
    }

    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), StoreError> {
        let stream = self.stream.get_mut();
        stream.set_deadline(deadline);
        let sent = stream.write_all(bytes).and_then(|()| stream.flush());
        sent.map_err(|err| fault(&err))
    }

    fn receive(&mut self, deadline: Instant) -> Result<Value, StoreError> {
        self.stream.get_mut().set_deadline(deadline);
        let mut reader = Reader { stream: &mut self.stream, error: None };
        let parsed = self.parser.parse_value(&mut reader);
        match (parsed, reader.error.take()) {
            (_, Some(error)) => Err(error),
            (Ok(value), None) => Ok(value),
            (Err(err), None) if err.is_io_error() => Err(StoreError::Disconnected),
            (Err(_), None) => Err(StoreError::Protocol),
        }
    }
}

/// The parser reads little at a time, and each read is a system call; 64 KiB is as much as a
/// server sends in one go.
fn buffered(stream: Stream) -> BufReader<Stream> {
    BufReader::with_capacity(64 * 1024, stream)
}

/// Reads from a stream, and remembers what went wrong: the parser hands on less than it is told.
struct Reader<'a> {
    stream: &'a mut BufReader<Stream>,
    error: Option<StoreError>,
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let outcome = self.stream.read(into);
        match &outcome {
            Ok(0) => self.error = Some(StoreError::Disconnected),
            Err(err) => self.error = Some(fault(err)),
            Ok(_) => {}
        }
        outcome
    }
}

/// Whether a reply answers what was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    In,
    /// It answers something else: an earlier command, for all we know.
    Out,
}

/// Whether a reply says something of the server that holds for the whole connection: it is being
/// started, it became a replica, or it wants to be asked elsewhere.
fn ends_the_connection(reply: &Value, in_cluster: bool) -> bool {
    let Value::ServerError(error) = reply else { return false };
    match error.code() {
        "LOADING" | "MASTERDOWN" | "READONLY" => true,
        "ASK" | "MOVED" => !in_cluster,
        _ => false,
    }
}

/// Prints nothing that came over the wire.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("poisoned", &self.poisoned).finish_non_exhaustive()
    }
}

/// How long a connection may rest before its next use looks at the socket first.
const STALE_CHECK_AFTER: Duration = Duration::from_millis(100);

fn fault(err: &io::Error) -> StoreError {
    match err.kind() {
        ErrorKind::TimedOut => StoreError::TimedOut,
        _ => StoreError::Disconnected,
    }
}
