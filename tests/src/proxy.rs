//! Stands between a client and a real server, and spoils what passes at the byte where it is told.
//!
//! ```text
//!   client --requests--> Proxy --> server
//!          <---replies--       <--
//! ```
//!
//! A [`Strike`] is armed for whatever passes next ([`Proxy::arm`]), and strikes once; or each
//! connection gets one, and the next one whenever it has survived that ([`Proxy::start`]).
//! Everything else is passed on verbatim.
//! The proxy understands no byte of what it passes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

use crate::scripted_server::Gate;

/// Which of the two streams of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the server to the client.
    Reply,
    /// From the client to the server.
    Request,
}

/// What happens to a connection.
#[derive(Clone)]
pub enum Fault {
    /// Both sides see the end of the stream (FIN).
    Cut,
    /// Bytes wait until the gate is open, and then go on.
    Hold(Gate),
    /// Bytes wait for so long, and then go on.
    Pause(Duration),
    /// The client sees a reset (RST), as after a crash or behind a firewall.
    Reset,
    /// So many bytes go one by one with a pause before each, and then all goes on.
    Trickle(usize, Duration),
}

/// A fault, and where it strikes.
pub struct Strike {
    /// Whose bytes are counted.
    pub on: Direction,
    /// How many of them pass unharmed.
    pub after_bytes: usize,
    /// What happens then.
    pub fault: Fault,
}

/// A proxy to a server on this machine.
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy to `server_port`; `plan` says what strikes a connection next.
    pub fn start(server_port: u16, plan: impl FnMut() -> Option<Strike> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            server_port,
            armed: Mutex::default(),
            plan: Mutex::new(Box::new(plan)),
            is_calm: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            strikes: AtomicUsize::new(0),
            request_bytes: AtomicUsize::new(0),
            reply_bytes: AtomicUsize::new(0),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { shared, port, acceptor: Some(acceptor) }
    }

    /// A proxy that strikes only when it is armed.
    pub fn calm(server_port: u16) -> Self {
        Self::start(server_port, || None)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Has `strike` count what passes from now on, whatever the connection, and strike the
    /// connection that brings the last byte of the count. It replaces an earlier one.
    pub fn arm(&self, strike: Strike) {
        *lock(&self.shared.armed) = Some(strike);
    }

    /// Takes an armed strike back; `false` if it has struck.
    pub fn disarm(&self) -> bool {
        lock(&self.shared.armed).take().is_some()
    }

    /// Nothing strikes any more.
    pub fn calm_down(&self) {
        self.shared.is_calm.store(true, Ordering::SeqCst);
        self.disarm();
    }

    /// From now on connections are accepted and reset at once, or passed on again.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many faults struck so far.
    pub fn strikes(&self) -> usize {
        self.shared.strikes.load(Ordering::SeqCst)
    }

    /// How many bytes came in so far: requests, replies.
    pub fn bytes(&self) -> (usize, usize) {
        let counters = [&self.shared.request_bytes, &self.shared.reply_bytes];
        let [requests, replies] = counters.map(|it| it.load(Ordering::SeqCst));
        (requests, replies)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _wakes_the_acceptor = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

struct Shared {
    server_port: u16,
    armed: Mutex<Option<Strike>>,
    plan: Mutex<Box<dyn FnMut() -> Option<Strike> + Send>>,
    is_calm: AtomicBool,
    refuses: AtomicBool,
    stopped: AtomicBool,
    connections: AtomicUsize,
    strikes: AtomicUsize,
    request_bytes: AtomicUsize,
    reply_bytes: AtomicUsize,
}

impl Shared {
    /// Counts bytes that came in; where a fault strikes within them, and which.
    fn strike(&self, link: &Link, direction: Direction, count: usize) -> Option<(usize, Fault)> {
        let counter = match direction {
            Direction::Reply => &self.reply_bytes,
            Direction::Request => &self.request_bytes,
        };
        counter.fetch_add(count, Ordering::SeqCst);
        let own = || {
            let mut place = lock(&link.strike);
            let struck = struck(&mut place, direction, count)?;
            *place = lock(&self.plan)();
            Some(struck)
        };
        let struck = struck(&mut lock(&self.armed), direction, count).or_else(own);
        let struck = struck.filter(|_| !self.is_calm.load(Ordering::SeqCst));
        self.strikes.fetch_add(usize::from(struck.is_some()), Ordering::SeqCst);
        struck
    }
}

fn struck(
    place: &mut Option<Strike>,
    direction: Direction,
    count: usize,
) -> Option<(usize, Fault)> {
    let strike = place.as_mut().filter(|it| it.on == direction)?;
    if strike.after_bytes > count {
        strike.after_bytes -= count;
        return None;
    }
    place.take().map(|it| (it.after_bytes, it.fault))
}

/// The two halves of one connection. The last owner closes both.
struct Link {
    client: TcpStream,
    server: TcpStream,
    strike: Mutex<Option<Strike>>,
    is_reset: AtomicBool,
}

impl Link {
    fn end(&self) {
        if !self.is_reset.load(Ordering::SeqCst) {
            let _ = self.client.shutdown(Shutdown::Both);
        }
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Closing the socket will reset it, unless an end of the stream was sent before: so the
    /// other thread is woken by ending what it reads, and no more.
    fn reset(&self) {
        self.is_reset.store(true, Ordering::SeqCst);
        let _ = SockRef::from(&self.client).set_linger(Some(Duration::ZERO));
        let _ = self.client.shutdown(Shutdown::Read);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    fn pump(&self, direction: Direction, shared: &Shared) -> io::Result<()> {
        let (mut from, mut to) = match direction {
            Direction::Reply => (&self.server, &self.client),
            Direction::Request => (&self.client, &self.server),
        };
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            let mut bytes = &buffer[..count];
            if let Some((at, fault)) = shared.strike(self, direction, count) {
                to.write_all(&bytes[..at])?;
                bytes = &bytes[at..];
                match fault {
                    Fault::Cut => return Ok(()),
                    Fault::Hold(gate) => gate.wait(),
                    // The pauses are the faults that are played; nobody waits for anything here.
                    Fault::Pause(pause) => thread::sleep(pause),
                    Fault::Reset => {
                        self.reset();
                        return Err(io::ErrorKind::ConnectionReset.into());
                    }
                    Fault::Trickle(slow, pause) => {
                        let (singly, rest) = bytes.split_at(slow.min(bytes.len()));
                        for byte in singly {
                            thread::sleep(pause);
                            to.write_all(&[*byte])?;
                        }
                        bytes = rest;
                    }
                }
            }
            to.write_all(bytes)?;
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut links: Vec<Weak<Link>> = Vec::new();
    for client in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        let Ok(client) = client else { break };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let server = TcpStream::connect(("127.0.0.1", shared.server_port));
        let is_open = !shared.refuses.load(Ordering::SeqCst);
        let Some(server) = server.ok().filter(|_| is_open) else {
            let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
            continue;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let strike = Mutex::new(lock(&shared.plan)());
        let link = Arc::new(Link { client, server, strike, is_reset: AtomicBool::new(false) });
        links.retain(|it| it.strong_count() > 0);
        links.push(Arc::downgrade(&link));
        for direction in [Direction::Request, Direction::Reply] {
            let (link, shared) = (Arc::clone(&link), Arc::clone(shared));
            thread::spawn(move || match link.pump(direction, &shared) {
                Err(err) if err.kind() == io::ErrorKind::ConnectionReset => link.reset(),
                _ => link.end(),
            });
        }
    }
    links.iter().filter_map(Weak::upgrade).for_each(|link| link.end());
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets, and a connection to it through a proxy.
    fn echo() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut writer = stream.try_clone().expect("a descriptor");
            let _ = io::copy(&mut stream, &mut writer);
        });
        let proxy = Proxy::calm(port);
        let client = TcpStream::connect(("127.0.0.1", proxy.port())).expect("it accepts");
        (proxy, client)
    }

    fn strike(after_bytes: usize, fault: Fault) -> Strike {
        Strike { on: Direction::Reply, after_bytes, fault }
    }

    #[test]
    fn exactly_so_many_bytes_come_before_the_end() {
        for after_bytes in 0..=5 {
            let (proxy, mut client) = echo();
            proxy.arm(strike(after_bytes, Fault::Cut));

            client.write_all(b"hello").expect("it reads");
            let mut seen = Vec::new();
            client.read_to_end(&mut seen).expect("an end");

            assert_eq!(seen, &b"hello"[..after_bytes]);
            assert_eq!(proxy.strikes(), 1);
        }
    }

    #[test]
    fn a_reset_is_seen_as_one() {
        let (proxy, mut client) = echo();
        proxy.arm(strike(0, Fault::Reset));

        client.write_all(b"hello").expect("it reads");
        let seen = client.read(&mut [0; 8]).map_err(|err| err.kind());

        assert_eq!(seen, Err(io::ErrorKind::ConnectionReset));
    }

    #[test]
    fn what_is_held_goes_on_when_the_gate_opens() {
        let (proxy, mut client) = echo();
        let gate = Gate::default();
        proxy.arm(strike(2, Fault::Hold(gate.clone())));

        client.write_all(b"hello").expect("it reads");
        let mut seen = [0; 2];
        client.read_exact(&mut seen).expect("what came before");
        gate.open();
        let mut rest = [0; 3];
        client.read_exact(&mut rest).expect("what came after");

        assert_eq!((&seen, &rest), (b"he", b"llo"));
        assert_eq!(proxy.bytes(), (5, 5));
    }
}
