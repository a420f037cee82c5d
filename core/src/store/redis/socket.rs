//! Reads and writes a socket until a deadline, however often bytes trickle.
//!
//! A socket's own time limit is for one read or write, and starts anew with each; so it is never
//! longer than what is left, and when it has passed, what is left by then is waited for. So is after
//! a signal: where there is a time limit, the system begins no read anew by itself, whatever the
//! host has asked of its handlers, and to stop a process and have it go on is a signal, too.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};
#[cfg(unix)]
use std::{os::fd::OwnedFd, path::Path};

use redis::ConnectionAddr;
#[cfg(unix)]
use socket2::{Domain, SockAddr, Type};
use socket2::{SockRef, TcpKeepalive};

/// A connected socket; errors of the kind `TimedOut` mean that the deadline has passed.
pub(super) struct Socket {
    kind: Kind,
    deadline: Instant,
    /// The time limits that are set for one read and for one write.
    read_limit: Duration,
    write_limit: Duration,
}

enum Kind {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

impl Socket {
    pub(super) fn connect(addr: &ConnectionAddr, deadline: Instant) -> io::Result<Self> {
        let kind = match addr {
            ConnectionAddr::Tcp(host, port) => Kind::Tcp(connect_tcp(host, *port, deadline)?),
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => Kind::Unix(connect_unix(path, deadline)?),
            // Refused when the store was made.
            _ => return Err(ErrorKind::Unsupported.into()),
        };
        let (read_limit, write_limit) = (Duration::MAX, Duration::MAX);
        Ok(Self { kind, deadline, read_limit, write_limit })
    }

    /// When what comes next must be done.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Whether a read would wait: no bytes are there, and the other end is still open.
    pub(super) fn is_quiet(&self) -> bool {
        let peek = || self.socket().peek(&mut [MaybeUninit::uninit(); 1]);
        self.without_waiting(peek).is_err_and(|err| err.kind() == ErrorKind::WouldBlock)
    }

    /// Runs `io`, which ends with `WouldBlock` where it would wait.
    pub(super) fn without_waiting<T>(&self, io: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.socket().set_nonblocking(true)?;
        let outcome = io();
        self.socket().set_nonblocking(false)?;
        outcome
    }

    /// Reads what is there already.
    pub(super) fn read_now(&self, into: &mut [u8]) -> io::Result<usize> {
        self.without_waiting(|| match &self.kind {
            Kind::Tcp(stream) => (&mut &*stream).read(into),
            #[cfg(unix)]
            Kind::Unix(stream) => (&mut &*stream).read(into),
        })
    }

    fn socket(&self) -> SockRef<'_> {
        match &self.kind {
            Kind::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Kind::Unix(stream) => SockRef::from(stream),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let limit = limit(self.read_limit, remaining(self.deadline)?);
            if limit != self.read_limit {
                self.socket().set_read_timeout(Some(limit))?;
                self.read_limit = limit;
            }
            let outcome = match &mut self.kind {
                Kind::Tcp(stream) => stream.read(into),
                #[cfg(unix)]
                Kind::Unix(stream) => stream.read(into),
            };
            if !outcome.as_ref().is_err_and(is_too_early) {
                return outcome;
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let limit = limit(self.write_limit, remaining(self.deadline)?);
            if limit != self.write_limit {
                self.socket().set_write_timeout(Some(limit))?;
                self.write_limit = limit;
            }
            let outcome = match &mut self.kind {
                Kind::Tcp(stream) => stream.write(bytes),
                #[cfg(unix)]
                Kind::Unix(stream) => stream.write(bytes),
            };
            if !outcome.as_ref().is_err_and(is_too_early) {
                return outcome;
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A time limit for one read or write while `left` is left: the one that is `set`, unless it is
/// longer, or so short that the wait would be cut to pieces.
///
/// To set one is a system call, so it is made to do for the calls after this one too.
fn limit(set: Duration, left: Duration) -> Duration {
    if set <= left && set >= left / 8 {
        return set;
    }
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    let as_it_is = left.max(SHORTEST_LIMIT);
    millis.checked_ilog2().map_or(as_it_is, |power| Duration::from_millis(1 << power))
}

/// What a system counts a time limit in. Less is cut to zero by `socket2`, and zero is "no limit":
/// a read that begins in the last microsecond of its call would then wait for ever.
const SHORTEST_LIMIT: Duration =
    if cfg!(windows) { Duration::from_millis(1) } else { Duration::from_micros(1) };

fn connect_tcp(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for addr in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&addr, remaining(deadline)?) {
            Ok(tcp) => {
                // Without it, a small write waits for the acknowledgement of the one before.
                tcp.set_nodelay(true)?;
                let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER);
                SockRef::from(&tcp).set_tcp_keepalive(&keepalive)?;
                return Ok(tcp);
            }
            Err(err) => last = err,
        }
    }
    Err(last)
}

/// Connecting waits while as many others do as the server lets wait.
#[cfg(unix)]
fn connect_unix(path: &Path, deadline: Instant) -> io::Result<std::os::unix::net::UnixStream> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let addr = SockAddr::unix(path)?;
    loop {
        socket.set_write_timeout(Some(remaining(deadline)?.max(SHORTEST_LIMIT)))?;
        match socket.connect(&addr) {
            Ok(()) => return Ok(OwnedFd::from(socket).into()),
            Err(err) if is_too_early(&err) => {}
            Err(err) => return Err(err),
        }
    }
}

const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);

/// Time left until `deadline`, never zero: a socket takes zero for "no limit".
fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Whether a read or write ended though its deadline may not be here: by the socket's time limit,
/// which is one of two errors, depending on the system, or by a signal.
fn is_too_early(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_time_limit_is_never_longer_than_what_is_left() {
        for set in [0, 1, 3, 250, 500, 4000].map(Duration::from_millis) {
            for left in [1, 999, 1_000, 1_001, 499_999, 500_000, 3_600_000_000] {
                let left = Duration::from_micros(left);

                let limit = limit(set, left);

                assert!(limit <= left && limit >= left / 8, "{set:?} {left:?} {limit:?}");
            }
        }
    }

    #[test]
    fn less_than_a_system_counts_is_still_a_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let socket = SockRef::from(&stream);

        for nanos in [1, 500, 999, 1_000, 999_999] {
            for set in [Duration::MAX, Duration::from_millis(500)] {
                let limit = limit(set, Duration::from_nanos(nanos));
                socket.set_read_timeout(Some(limit)).expect("legal");

                assert!(socket.read_timeout().expect("told").is_some(), "{nanos} ns");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn connecting_to_a_server_that_accepts_nobody_ends_at_the_deadline() {
        let folder = std::env::temp_dir().join(format!("rudder-connect-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("full.sock");
        let full = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        full.bind(&SockAddr::unix(&path).expect("short")).expect("free");
        full.listen(0).expect("bound");
        let addr = ConnectionAddr::Unix(path);
        let deadline = || Instant::now() + Duration::from_millis(50);

        // The first ones wait to be accepted.
        let waiting: Vec<_> = (0..4).map(|_| Socket::connect(&addr, deadline())).collect();

        std::fs::remove_dir_all(&folder).expect("ours");
        let refused = waiting.iter().filter_map(|it| it.as_ref().err()).map(io::Error::kind);
        let refused: Vec<_> = refused.collect();
        assert!(!refused.is_empty() && refused.iter().all(|it| *it == ErrorKind::TimedOut));
    }

    #[test]
    fn a_time_limit_does_for_the_next_call_too() {
        let left = Duration::from_millis(500);
        let first = limit(Duration::MAX, left);

        for passed in [0, 1, 100].map(Duration::from_millis) {
            assert_eq!(limit(first, left - passed), first);
        }
    }

    #[test]
    fn a_read_ends_at_the_deadline_and_not_before() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let addr = ConnectionAddr::Tcp(addr.ip().to_string(), addr.port());
        // No power of two, so one time limit is not enough.
        let deadline = Instant::now() + Duration::from_millis(50);
        let mut socket = Socket::connect(&addr, deadline).expect("it listens");

        let outcome = socket.read(&mut [0; 1]).map_err(|err| err.kind());

        assert_eq!(outcome, Err(ErrorKind::TimedOut));
        assert!(Instant::now() >= deadline);
    }
}
