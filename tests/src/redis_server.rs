//! Starts the system's `redis-server` for one test, and ends it with the test.
//!
//! ```text
//!   temp dir / redis.sock     unix socket
//!   127.0.0.1 : free port     TCP
//!   no persistence, no config file, nothing left behind
//! ```
//!
//! It can be stopped, killed and started again, as servers are.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::resp::{Client, Monitor, Reply};

/// A Redis server of one's own.
pub struct RedisServer {
    process: Child,
    port: u16,
    dir: TempDir,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Starts a server that lets everybody in.
    pub fn start() -> Self {
        let server = Self::start_with(&[]);
        assert_eq!(server.client().call(&["PING"]), Reply::Simple("PONG".to_owned()));
        server
    }

    /// Starts a server with more arguments, such as `["--requirepass", "hunter2"]`.
    ///
    /// Returns when it is ready, which it says itself.
    pub fn start_with(arguments: &[&str]) -> Self {
        // Between looking for a free port and using it somebody else may take it.
        for _ in 0..10 {
            let dir = TempDir::new();
            let port = free_port();
            let arguments: Vec<_> = arguments.iter().map(|&it| it.to_owned()).collect();
            if let Some(process) = spawn_until_ready(port, dir.path(), &arguments) {
                return Self { process, port, dir, arguments };
            }
        }
        panic!("redis-server does not start; run it by hand with {arguments:?} to see why");
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its URL over TCP.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its URL over the unix socket.
    pub fn unix_url(&self) -> String {
        format!("redis+unix://{}", self.dir.path().join("redis.sock").display())
    }

    /// A plain client, which knows nothing of the engine.
    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    /// Stops the process as a debugger does (SIGSTOP): it accepts, and answers nothing.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    /// Lets a stopped process go on (SIGCONT).
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    /// Ends the process at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it is ours");
    }

    /// Starts it again after a [`kill`](Self::kill), on the same port and in the same directory.
    pub fn restart(&mut self) {
        let started = spawn_until_ready(self.port, self.dir.path(), &self.arguments);
        self.process = started.expect("its port is still free");
    }

    /// Has the process end with this one, however this one ends. For servers in a static, which is
    /// never dropped.
    pub fn end_with_this_process(&self) {
        end_with_this_process(&self.process, &self.dir);
    }

    fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.process.id());
        let status = Command::new("sh").args(["-c", &command]).status().expect("a shell");
        assert!(status.success(), "{command}");
    }

    /// Listens to the commands that arrive.
    pub fn monitor(&self) -> Monitor {
        Monitor::start(self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Nothing to be done about a process that has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Has a shell wait for the end of this process, to end `process` and remove `dir` then.
pub(crate) fn end_with_this_process(process: &Child, dir: &TempDir) {
    let last_will = format!("read -r _; kill -9 {}; rm -rf '{}'", process.id(), dir.0.display());
    let shell = Command::new("sh")
        .args(["-c", &last_will])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    // Its input ends when nobody has the other end any more.
    std::mem::forget(shell);
}

/// Asks again and again: servers do not say by themselves when they are so far.
pub fn await_that(mut so_far: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !so_far() {
        assert!(Instant::now() < until, "the servers do not get ready");
        // Leaves the processor to those who are waited for.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A port of 127.0.0.1 that nobody listens to.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// A directory that is gone when dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    /// Makes an empty directory.
    #[expect(clippy::new_without_default, reason = "making a directory is no default")]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rudder-session-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `None` if it ends instead of getting ready.
fn spawn_until_ready(port: u16, dir: &Path, arguments: &[String]) -> Option<Child> {
    let mut process = spawn(port, dir, arguments);
    let stdout = process.stdout.take().expect("its output is piped");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    if lines.any(|line| line.contains("Ready to accept connections")) {
        // It must be able to go on talking, or it stops at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        return Some(process);
    }
    process.wait().expect("it has ended");
    None
}

fn spawn(port: u16, dir: &Path, arguments: &[String]) -> Child {
    let spawned = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--unixsocket", "redis.sock", "--save", "", "--appendonly", "no"])
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    spawned.unwrap_or_else(|err| {
        panic!("redis-server does not start ({err}): apt-get install redis-server")
    })
}
