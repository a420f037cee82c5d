//! What somebody gets who reads the memory of a process, or a dump of Redis: no secret that was
//! given back, and no id that a cookie carries.
//!
//! The memory is read from the system, while the program waits: what a core dump would have.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rudder_session::store::{HashedIds, Regenerated, Updated};
use rudder_session::{
    HardenedCodec, HardenedConfig, HardenedKey, Payload, RedisConfig, RedisStore,
};
use rudder_session::{SessionId, Store, Ttl, UnixMillis};
use rudder_session_tests::redis_server::{RedisServer, TempDir};
use rudder_session_tests::resp::Reply;
use rudder_session_tests::vectors::c::compile;

#[cfg(target_os = "linux")]
#[test]
fn a_program_in_c_has_no_secret_in_its_memory_once_it_has_set_up_a_key() {
    let dir = TempDir::new();
    let program = compile("memory", dir.path());
    for format in ["v1", "v2"] {
        let mut process = Process::start(&program, format);

        process.await_step("has it");
        // Else it would be no wonder that none is found later.
        assert!(process.remembers(SECRET.as_bytes()), "{format}");
        for step in ["made", "used", "freed"] {
            process.await_step(step);

            assert!(!process.remembers(SECRET.as_bytes()), "{format}: {step}");
        }
        // HMAC's own padding of the key is the key, to whoever knows how to read it.
        for pad in [0x36, 0x5c] {
            let padded: Vec<u8> = SECRET.bytes().map(|byte| byte ^ pad).collect();
            assert!(!process.remembers(&padded), "{format}: {pad:x}");
        }
    }
}

#[test]
fn a_dump_of_redis_holds_no_id_that_a_cookie_carries_and_no_secret() {
    let server = RedisServer::start_with(&["--rdbcompression", "no"]);
    let config = RedisConfig { url: server.url(), ..RedisConfig::default() };
    let store = HashedIds::new(RedisStore::new(config).expect("legal"));
    let keys = vec![HardenedKey::new(SECRET).expect("legal")];
    let codec = HardenedCodec::new(HardenedConfig::new(keys, "sid")).expect("legal");
    let (now, ttl) = (UnixMillis::now(), Ttl::from_seconds(3600).expect("legal"));
    let [old, new] = [(); 2].map(|()| SessionId::random_256().expect("random"));
    let cookies = [&old, &new].map(|id| codec.encode_id(id, now.plus(ttl)).expect("signed"));

    // A login with a grace: a record that forwards is among those that are dumped.
    let mut payload = Payload::new(&old);
    assert_eq!(store.create(&payload, ttl, now), Ok(true));
    let base = payload.clone();
    payload.put("user", "alice-of-the-dump").expect("serialisable");
    assert_eq!(store.update(&base, &payload, ttl, now), Ok(Updated::Saved));
    let moved = payload.with_id(&new);
    let done = store.regenerate_with_grace(&payload, &moved, ttl, ttl, now);
    assert!(matches!(done, Ok(Regenerated::Done(_))));
    let dump = dump(&server);

    for secret in [old.as_str(), new.as_str(), &cookies[0], &cookies[1], SECRET] {
        assert!(!holds(&dump, secret.as_bytes()), "{secret}");
    }
    // What cannot be hidden from who reads the store, and shows that this is the dump.
    assert!(holds(&dump, b"alice-of-the-dump"));
}

#[test]
fn a_dump_of_redis_holds_the_ids_of_v1() {
    let server = RedisServer::start_with(&["--rdbcompression", "no"]);
    let config = RedisConfig { url: server.url(), ..RedisConfig::default() };
    let store = RedisStore::new(config).expect("legal");
    let id = SessionId::random().expect("random");
    let ttl = Ttl::from_seconds(3600).expect("legal");

    assert_eq!(store.create(&Payload::new(&id), ttl, UnixMillis::now()), Ok(true));

    assert!(holds(&dump(&server), id.as_str().as_bytes()));
}

/// 48 bytes that are nowhere else. Not whole in this file's program either: it is not read.
const SECRET: &str = "kept by nobody: 5f0c7a1e94d84b6c8a3e2d1f60b7c9e8";

/// A program that waits after each step.
struct Process {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(program: &std::path::Path, format: &str) -> Self {
        let mut process = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("what was compiled runs");
        let mut input = process.stdin.take().expect("it is piped");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        write!(input, "{format}\n{SECRET}").expect("it reads");
        Self { process, input, output }
    }

    /// Lets it go on, until it has done this step.
    fn await_step(&mut self, step: &str) {
        writeln!(self.input).expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        assert_eq!(line.trim_end(), step);
    }

    /// Whether these bytes are anywhere in its memory.
    fn remembers(&self, bytes: &[u8]) -> bool {
        let pid = self.process.id();
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it is ours");
        let mut memory = File::open(format!("/proc/{pid}/mem")).expect("it is ours");
        let mut seen = 0;
        let found = maps.lines().filter(|line| line.contains(" rw")).any(|line| {
            let (from, rest) = line.split_once('-').expect("a range");
            let (to, _) = rest.split_once(' ').expect("a range");
            let place = |hex| u64::from_str_radix(hex, 16).expect("a number");
            let (from, to) = (place(from), place(to));
            let mut region = vec![0; usize::try_from(to - from).expect("it fits")];
            memory.seek(SeekFrom::Start(from)).expect("a place");
            memory.read_exact(&mut region).expect("it is mapped");
            seen += region.len();
            holds(&region, bytes)
        });
        assert!(found || seen > 100_000, "its memory was not read");
        found
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What `SAVE` writes.
fn dump(server: &RedisServer) -> Vec<u8> {
    let mut client = server.client();
    assert_eq!(client.call(&["SAVE"]), Reply::Simple("OK".to_owned()));
    fs::read(server.dir().join("dump.rdb")).expect("Redis has written it")
}

fn holds(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece)
}
