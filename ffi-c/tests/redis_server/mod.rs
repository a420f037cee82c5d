//! Starts a Redis server for one test, and ends it with the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A server on a Unix socket of its own, without persistence.
pub(crate) struct RedisServer {
    process: Child,
    /// Kept open, or the server could not log any more.
    _log: BufReader<ChildStdout>,
    dir: PathBuf,
}

impl RedisServer {
    /// Starts it, and waits until it accepts connections.
    pub(crate) fn start() -> Self {
        // Not the target directory: the path of a socket is 107 bytes long at most.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(format!("rsess-ffi-{}-{}", name.0, name.1));
        std::fs::create_dir_all(&dir).expect("a place for the socket");
        let mut process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(dir.join("socket"))
            .arg("--dir")
            .arg(&dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need redis-server on the PATH");
        let mut log = BufReader::new(process.stdout.take().expect("piped"));
        let mut all = String::new();
        // "Ready", or "now ready", as the kind of socket has it.
        while !all.contains("eady to accept connections") {
            let read = log.read_line(&mut all).expect("a log in UTF-8");
            assert!(read > 0, "redis-server ended before it was ready:\n{all}");
        }
        Self { process, _log: log, dir }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.dir.join("socket").display())
    }

    #[allow(dead_code, reason = "not wanted by every test program")]
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// All that the server answers to a command, as it comes over the wire.
    pub(crate) fn ask(&self, command: &str) -> String {
        let mut socket = UnixStream::connect(self.dir.join("socket")).expect("a running server");
        write!(socket, "{command}\r\nQUIT\r\n").expect("a running server");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has seen then.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
