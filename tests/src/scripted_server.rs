//! Plays a Redis server that misbehaves on purpose, at exactly the byte where it is told to.
//!
//! ```text
//!   connection 0   [ReadCommand, Send(half a reply), Reset]
//!   connection 1   [Obey]                                      like a Redis, until the end
//! ```
//!
//! Each connection plays the script that the test gives for its number. All of them share one
//! memory of records, so a test can tell whose value an answer is. [`Gate`]s let the test and the
//! server wait for each other, so that nobody needs to sleep.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::resp::{bulk, read_command};

/// One thing that a connection does.
pub enum Step {
    /// Answers each command as it is told, and like a Redis where it is told nothing, until the
    /// client goes away.
    Answer(Answering),
    /// Waits until the gate is open. Reads nothing meanwhile.
    Await(Gate),
    /// Reads and forgets until the client goes away.
    Listen,
    /// Answers like a Redis until the client goes away.
    Obey,
    /// Answers like a Redis until so many bytes are sent, then stops in the middle of a reply.
    ObeyFor(usize),
    /// Opens a gate.
    Open(Gate),
    /// Reads one whole command and gives no answer.
    ReadCommand,
    /// Ends the connection with a RST, as a crash or a firewall does.
    Reset,
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes one by one with a pause after each, until the client goes away.
    Trickle(Vec<u8>, Duration),
}

/// What to answer to a command, as bytes on the wire.
pub type Answering = Arc<dyn Fn(&[&[u8]]) -> Option<Vec<u8>> + Send + Sync>;

/// Something that one thread waits for and another one makes happen.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets everybody through, now and later.
    pub fn open(&self) {
        *self.0.0.lock().expect("nobody panics in here") = true;
        self.0.1.notify_all();
    }

    /// Waits until the gate is open.
    pub fn wait(&self) {
        let is_open = self.0.0.lock().expect("nobody panics in here");
        let (is_open, _) = self
            .0
            .1
            .wait_timeout_while(is_open, OUTER_GUARD, |is_open| !*is_open)
            .expect("nobody panics in here");
        assert!(*is_open, "what the test waits for did not happen");
    }
}

/// A server that plays scripts.
pub struct ScriptedServer {
    shared: Arc<Shared>,
    port: u16,
    acceptor: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// Starts a server; `script` gives what the connection with each number does, from 0.
    pub fn start(script: impl FnMut(usize) -> Vec<Step> + Send + 'static) -> Self {
        let listener = listener(128);
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared::default());
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared, script)
        });
        Self { shared, port, acceptor: Some(acceptor) }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Puts a record into the memory that all connections share.
    pub fn plant(&self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.shared.records().insert(name.into(), value.into());
    }

    /// The record of a name.
    pub fn record(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.shared.records().get(name).cloned()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _wakes_the_acceptor = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// An address of this machine that lets nobody connect and refuses nobody: as if packets went
/// nowhere.
pub struct Nowhere {
    listener: TcpListener,
    _fillers: Vec<Socket>,
}

impl Nowhere {
    /// Makes one: its queue of connections that nobody accepts is full.
    #[expect(clippy::new_without_default, reason = "making a socket is no default")]
    pub fn new() -> Self {
        let listener = listener(0);
        let address = listener.local_addr().expect("bound").into();
        let fillers = (0..4).map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.set_nonblocking(true).expect("a socket");
            // It is under way or waits: either fills the queue.
            let _ = socket.connect(&address);
            socket
        });
        let _fillers = fillers.collect();
        Self { listener, _fillers }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.listener.local_addr().expect("bound"))
    }
}

/// How long anything may take before the test is called off: no measure of speed.
const OUTER_GUARD: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Shared {
    records: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

impl Shared {
    fn records(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Vec<u8>>> {
        self.records.lock().expect("nobody panics in here")
    }

    fn answer(&self, command: &[Vec<u8>]) -> Vec<u8> {
        let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        let count = |found: bool| format!(":{}\r\n", u8::from(found)).into_bytes();
        match &*words {
            [b"GET", name] => {
                self.records().get(*name).map_or_else(|| b"$-1\r\n".to_vec(), |value| bulk(value))
            }
            [b"SET", name, value, b"EX", _] => {
                self.records().insert(name.to_vec(), value.to_vec());
                b"+OK\r\n".to_vec()
            }
            [b"SET", name, value, b"EX", _, b"NX"] => {
                if self.records().contains_key(*name) {
                    return b"$-1\r\n".to_vec();
                }
                self.records().insert(name.to_vec(), value.to_vec());
                b"+OK\r\n".to_vec()
            }
            [b"EXPIRE", name, _] => count(self.records().contains_key(*name)),
            [b"DEL", name] => count(self.records().remove(*name).is_some()),
            [b"AUTH", ..] | [b"SELECT", _] => b"+OK\r\n".to_vec(),
            _ => b"-ERR unknown command\r\n".to_vec(),
        }
    }
}

/// A second descriptor of a connection that is still played, to end it when the server ends.
type Handle = Arc<Mutex<Option<TcpStream>>>;

fn listener(backlog: i32) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    // Small, so that a client that writes to a server that does not read soon has to wait.
    socket.set_recv_buffer_size(16 * 1024).expect("a socket");
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any_port.into()).expect("a free port");
    socket.listen(backlog).expect("a free port");
    socket.into()
}

fn accept(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    mut script: impl FnMut(usize) -> Vec<Step>,
) {
    let mut players: Vec<(Handle, JoinHandle<()>)> = Vec::new();
    for (number, stream) in listener.incoming().enumerate() {
        let Ok(stream) = stream else { break };
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        shared.connections.store(number + 1, Ordering::SeqCst);
        players.retain(|(_, player)| !player.is_finished());
        let steps = script(number);
        let handle = Handle::new(Mutex::new(stream.try_clone().ok()));
        let player = std::thread::spawn({
            let (shared, handle) = (Arc::clone(shared), Arc::clone(&handle));
            move || {
                // An error is a client that went away, which ends the script.
                let _ = play(stream, steps, &shared);
                // The last descriptor: closing it is what the client sees.
                drop(handle.lock().expect("nobody panics in here").take());
            }
        });
        players.push((handle, player));
    }
    for (handle, player) in players {
        if let Some(stream) = &*handle.lock().expect("nobody panics in here") {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        let _ = player.join();
    }
}

fn play(stream: TcpStream, steps: Vec<Step>, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    for step in steps {
        match step {
            Step::Answer(answering) => {
                while let Some(command) = read_command(&mut reader)? {
                    let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
                    let reply = answering(&words).unwrap_or_else(|| shared.answer(&command));
                    writer.write_all(&reply)?;
                }
            }
            Step::Await(gate) => gate.wait(),
            Step::Listen => {
                io::copy(&mut reader, &mut io::sink())?;
            }
            Step::Obey => obey(&mut reader, &mut writer, usize::MAX, shared)?,
            Step::ObeyFor(bytes) => obey(&mut reader, &mut writer, bytes, shared)?,
            Step::Open(gate) => gate.open(),
            Step::ReadCommand => {
                read_command(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            }
            Step::Reset => {
                SockRef::from(&writer).set_linger(Some(Duration::ZERO))?;
                return Ok(());
            }
            Step::Send(bytes) => writer.write_all(&bytes)?,
            Step::Trickle(bytes, pause) => {
                for byte in bytes {
                    writer.write_all(&[byte])?;
                    // The pause is the fault that is played, nobody waits for anything here.
                    std::thread::sleep(pause);
                }
            }
        }
    }
    Ok(())
}

fn obey(
    reader: &mut BufReader<impl Read>,
    writer: &mut TcpStream,
    mut budget: usize,
    shared: &Shared,
) -> io::Result<()> {
    while budget > 0
        && let Some(command) = read_command(reader)?
    {
        let reply = shared.answer(&command);
        let sent = reply.len().min(budget);
        writer.write_all(&reply[..sent])?;
        budget -= sent;
    }
    Ok(())
}
