//! Starts a master, its replica, and three sentinels that watch the master.
//!
//! ```text
//!   sentinel 1..3 --watch--> master "mymaster" --replicates to--> replica
//! ```

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use crate::redis_server::{RedisServer, TempDir, await_that, end_with_this_process, free_port};
use crate::resp::{Client, Reply};

/// The name of the master.
pub const MASTER: &str = "mymaster";

/// A group of servers of one's own; all end when dropped.
pub struct Sentinels {
    /// The server that is the master at first; `None` once it was killed.
    pub master: Option<RedisServer>,
    /// The server that takes over.
    pub replica: RedisServer,
    sentinels: Vec<Sentinel>,
}

impl Sentinels {
    /// Starts the group; returns when the replica is in step and the sentinels know it.
    pub fn start() -> Self {
        let master = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
        let port = master.port().to_string();
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]);
        await_that(|| role(&replica).contains("connected"));
        let sentinels: Vec<_> = (0..3).map(|_| Sentinel::start(&port)).collect();
        for sentinel in &sentinels {
            await_that(|| {
                let known = |command: &[&str]| {
                    let mut client = Client::connect(sentinel.port);
                    match client.call(command) {
                        Reply::Array(found) => found.len(),
                        _ => 0,
                    }
                };
                known(&["SENTINEL", "REPLICAS", MASTER]) == 1
                    && known(&["SENTINEL", "SENTINELS", MASTER]) == 2
            });
        }
        Self { master: Some(master), replica, sentinels }
    }

    /// A group that all tests of a process have in common, and that nobody harms.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Sentinels> = LazyLock::new(|| {
            let group = Sentinels::start();
            group
                .master
                .iter()
                .chain([&group.replica])
                .for_each(RedisServer::end_with_this_process);
            for Sentinel { process, folder, .. } in &group.sentinels {
                end_with_this_process(process, folder);
            }
            group
        });
        &SHARED
    }

    /// `host:port` of each sentinel.
    pub fn addresses(&self) -> Vec<String> {
        self.sentinels.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect()
    }

    /// Kills the master, and returns when its replica is the master.
    pub fn fail_over(&mut self) {
        self.master = None;
        await_that(|| role(&self.replica).contains("master"));
    }

    /// Kills the first sentinel.
    pub fn kill_a_sentinel(&mut self) {
        self.sentinels[0].process.kill().expect("it runs");
    }
}

struct Sentinel {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Sentinel {
    fn start(master_port: &str) -> Self {
        let (folder, port) = (TempDir::new(), free_port());
        let config = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor {MASTER} 127.0.0.1 {master_port} 2\n\
             sentinel down-after-milliseconds {MASTER} 500\n\
             sentinel failover-timeout {MASTER} 5000\n"
        );
        let file = folder.path().join("sentinel.conf");
        fs::write(&file, config).expect("the temporary directory is writable");
        let mut process = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|err| panic!("no redis-server ({err}): apt-get install redis-server"));
        let stdout = process.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("Sentinel ID is")), "sentinel does not start");
        // It must be able to go on talking, or it stops at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, port, folder }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // Nothing to be done about a process that has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a server says of itself; nothing if it cuts the connection, as it does in a fail-over.
fn role(server: &RedisServer) -> String {
    server.client().try_call(&["ROLE"]).map(|reply| reply.text()).unwrap_or_default()
}
