//! Any bytes as what a Redis answers, on a socket of this machine.
//!
//! ```text
//!   input    what is called, then the replies to the first, second, .. command, divided by 0xff
//! ```
//!
//! After the last reply the server hangs up; if the first byte is 0xff it keeps silent instead.
//!
//! | law |
//! |---|
//! | a call ends by its deadline, whatever comes |
//! | a session that is served is that of the id that was asked for, out of bytes that came |
//! | another's record is none, and counted |
//! | a create that succeeded was told so: the replies hold a status or a number |
//! | after all of it, a good server is served by at once; on a busy machine within three deadlines |

#![no_main]

use std::io::{BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use rudder_session::{Payload, RedisConfig, RedisStore, SessionId, Store, StoreError};
use rudder_session_tests::faults::samples::{NOW, an_hour, id};
use rudder_session_tests::resp::{bulk, read_command};

/// Of a call, and how much later a busy machine may notice.
const DEADLINE: Duration = Duration::from_millis(250);
const SLACK: Duration = Duration::from_secs(2);

/// How long the server waits for another command before it hangs up.
const PATIENCE: Duration = Duration::from_millis(5);

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

fuzz_target!(|input: &[u8]| {
    let Some((&call, bytes)) = input.split_first() else { return };
    let (ours, another) = (id("ours"), Payload::new(&id("another")));
    let mine = Payload::new(&ours);
    let replies: Vec<Vec<u8>> = bytes.split(|byte| *byte == 0xff).map(<[u8]>::to_vec).collect();
    SERVER.answer(replies, call == 0xff);
    let store = SERVER.store();

    let started_at = Instant::now();
    match call % 8 {
        0 | 1 => {
            if let Ok(Some(payload)) = store.load(&ours, NOW) {
                assert!(payload.belongs_to(&ours));
                assert!(bytes.windows(4).any(|it| it == b"ours") || bytes.contains(&b'\\'));
            }
        }
        2 => {
            if store.create(&mine, an_hour(), NOW) == Ok(true) {
                assert!(bytes.contains(&b'+') || bytes.contains(&b':') || bytes.contains(&b'$'));
            }
        }
        3 => drop(store.update(&mine, &mine, an_hour(), NOW)),
        4 => drop(store.update(&mine, &another, an_hour(), NOW)),
        5 => drop(store.touch(&ours, an_hour(), NOW)),
        6 => drop(store.destroy_session(&ours, NOW)),
        _ => drop(store.regenerate(&mine, &another, an_hour(), NOW)),
    }
    let calls_at_most = 8;
    assert!(started_at.elapsed() < DEADLINE * calls_at_most + SLACK);

    let incidents = store.incidents();
    SERVER.answer(vec![bulk(another.as_json().as_bytes())], false);
    assert_eq!(served(&store, &ours), Ok(None));
    assert_eq!(store.incidents().foreign_records, incidents.foreign_records + 1);
    SERVER.answer(vec![bulk(mine.as_json().as_bytes())], false);
    assert_eq!(served(&store, &ours), Ok(Some(mine)));
});

/// What a good server answers. A call may come too late where other processes take the processor.
fn served(store: &RedisStore, id: &SessionId) -> Result<Option<Payload>, StoreError> {
    let mut loads = (0..3).map(|_| store.load(id, NOW));
    loads.find(|it| *it != Err(StoreError::TimedOut)).unwrap_or(Err(StoreError::TimedOut))
}

/// What connections are answered.
#[derive(Clone, Default)]
struct Script {
    /// A connection that was made for another script hangs up.
    number: usize,
    replies: Vec<Vec<u8>>,
    /// Whether a connection stays open after the last reply.
    stays: bool,
}

struct Server {
    script: Arc<Mutex<Script>>,
    url: String,
}

impl Server {
    fn start() -> Self {
        let name = format!("rudder-session-fuzz-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _absent = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("a socket");
        let script = Arc::<Mutex<Script>>::default();
        thread::spawn({
            let script = Arc::clone(&script);
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let script = Arc::clone(&script);
                    thread::spawn(move || serve(stream, &script));
                }
            }
        });
        Self { script, url: format!("redis+unix://{}", path.display()) }
    }

    fn answer(&self, replies: Vec<Vec<u8>>, stays: bool) {
        let mut script = self.script.lock().expect("nobody panics in here");
        *script = Script { number: script.number + 1, replies, stays };
    }

    fn store(&self) -> RedisStore {
        let url = self.url.clone();
        let config =
            RedisConfig { url, pool_size: 1, deadline: DEADLINE, ..RedisConfig::default() };
        RedisStore::new(config).expect("legal")
    }
}

fn serve(stream: UnixStream, script: &Mutex<Script>) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    let current = || script.lock().expect("nobody panics in here").number;
    let Script { number, replies, stays } = script.lock().expect("nobody panics in here").clone();
    let mut is_asked = || matches!(read_command(&mut reader), Ok(Some(_))) && current() == number;
    for reply in replies {
        if !is_asked() || writer.write_all(&reply).is_err() {
            return;
        }
        // Of half a reply the client waits for the rest: it is to know soon that none comes.
        if !stays && writer.set_read_timeout(Some(PATIENCE)).is_err() {
            return;
        }
    }
    while stays && is_asked() {}
}
