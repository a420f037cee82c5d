//! Makes the way between a client and a server longer, and no narrower.
//!
//! ```text
//!   client --requests--> taken in at once, sent on half a round trip later --> server
//!          <--replies--- sent on half a round trip later, taken in at once <--
//! ```
//!
//! Bytes are taken in while others still wait for their time, so a client that sends more before
//! it has a reply gets more through, as over a real network.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A longer way to a server on this machine.
pub struct SlowLink {
    shared: Arc<Shared>,
    port: u16,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    server_port: u16,
    half: Duration,
    request_bytes: AtomicUsize,
    stopped: AtomicBool,
}

impl SlowLink {
    /// A way to `server_port` that is `round_trip` longer than the direct one, and on Linux some
    /// 0.1 ms more: a thread sleeps a little longer than it is told.
    pub fn start(server_port: u16, round_trip: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            server_port,
            half: round_trip / 2,
            request_bytes: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { shared, port, acceptor: Some(acceptor) }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many bytes of requests were taken in so far.
    pub fn request_bytes(&self) -> usize {
        self.shared.request_bytes.load(Ordering::SeqCst)
    }
}

/// Connections that are open stay until one of their ends goes.
impl Drop for SlowLink {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _wakes_the_acceptor = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        let Ok(client) = client else { break };
        let Ok(server) = TcpStream::connect(("127.0.0.1", shared.server_port)) else { continue };
        let halves = client.try_clone().and_then(|it| Ok((it, server.try_clone()?)));
        let Ok((client_again, server_again)) = halves else { continue };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
        }
        let counting = Arc::clone(shared);
        carry(client, server, shared.half, move |count| {
            counting.request_bytes.fetch_add(count, Ordering::SeqCst);
        });
        carry(server_again, client_again, shared.half, |_| {});
    }
}

/// Takes in bytes on one thread, and sends them on by another when their time has come.
fn carry(
    mut from: TcpStream,
    mut to: TcpStream,
    delay: Duration,
    taken: impl Fn(usize) + Send + 'static,
) {
    let (under_way, arriving) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            taken(count);
            if under_way.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in arriving {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets, and a connection to it over a longer way.
    fn echo(round_trip: Duration) -> (SlowLink, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut writer = stream.try_clone().expect("a descriptor");
            let _ = std::io::copy(&mut stream, &mut writer);
        });
        let link = SlowLink::start(port, round_trip);
        let client = TcpStream::connect(("127.0.0.1", link.port())).expect("it accepts");
        (link, client)
    }

    #[test]
    fn nothing_comes_back_before_a_round_trip_and_all_of_it_in_order() {
        let round_trip = Duration::from_millis(20);
        let (_link, mut client) = echo(round_trip);
        let sent: Vec<u8> = (0..200_000_u32).map(|it| it as u8).collect();

        let started_at = Instant::now();
        let mut writer = client.try_clone().expect("a descriptor");
        let writing = thread::spawn({
            let sent = sent.clone();
            move || writer.write_all(&sent)
        });
        let mut seen = vec![0; sent.len()];
        client.read_exact(&mut seen[..1]).expect("a first byte");
        let first_after = started_at.elapsed();
        client.read_exact(&mut seen[1..]).expect("the others");

        assert!(seen == sent);
        assert!(first_after >= round_trip, "{first_after:?}");
        assert!(writing.join().is_ok_and(|it| it.is_ok()));
    }

    #[test]
    fn more_is_taken_in_while_the_first_bytes_are_under_way() {
        // Nothing comes out at the other end while this test runs.
        let (link, mut client) = echo(Duration::from_secs(3600));
        let give_up_at = Instant::now() + Duration::from_secs(60);

        for round in 1..=3 {
            client.write_all(b"hello").expect("it reads");
            while link.request_bytes() < round * 5 {
                assert!(Instant::now() < give_up_at, "{} bytes", link.request_bytes());
                thread::yield_now();
            }
        }
    }
}
