//! Reads and writes a socket until a deadline, however often bytes trickle.
//!
//! A socket's own time limit is for one read or write, and starts anew with each; so it is set
//! anew, to what is left, before each.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use redis::ConnectionAddr;
use socket2::{SockRef, TcpKeepalive};

/// A connected socket; errors of the kind `TimedOut` mean that the deadline has passed.
pub(super) struct Socket {
    kind: Kind,
    deadline: Instant,
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
            ConnectionAddr::Unix(path) => {
                Kind::Unix(std::os::unix::net::UnixStream::connect(path)?)
            }
            // Refused when the store was made.
            _ => return Err(ErrorKind::Unsupported.into()),
        };
        Ok(Self { kind, deadline })
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
        self.socket().set_read_timeout(Some(remaining(self.deadline)?))?;
        let outcome = match &mut self.kind {
            Kind::Tcp(stream) => stream.read(into),
            #[cfg(unix)]
            Kind::Unix(stream) => stream.read(into),
        };
        outcome.map_err(timed_out)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket().set_write_timeout(Some(remaining(self.deadline)?))?;
        let outcome = match &mut self.kind {
            Kind::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Kind::Unix(stream) => stream.write(bytes),
        };
        outcome.map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

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

const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);

/// Time left until `deadline`, never zero: a socket takes zero for "no limit".
fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// A socket's time limit ends a call with one of two errors, depending on the system.
fn timed_out(err: io::Error) -> io::Error {
    if err.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { err }
}
