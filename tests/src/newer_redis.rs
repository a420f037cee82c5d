//! Plays a server that compares and sets by itself, as Redis 8.4 and Valkey 8.1 do.
//!
//! ```text
//!   SET name new IFEQ old GET EX seconds
//!     the record was `old`    --> old, and it is `new` now
//!     it was something else   --> that, and it stays
//!     there was none          --> nil, and there is none
//! ```
//!
//! What the two document, in a few lines: no server that comes with the systems of today knows it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::resp::bulk;
use crate::scripted_server::{ScriptedServer, Step};

/// Such a server.
pub struct NewerRedis {
    /// Where it is.
    pub server: ScriptedServer,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    records: HashMap<Vec<u8>, Vec<u8>>,
    seen: Vec<String>,
}

impl NewerRedis {
    /// Starts one without records.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let server = ScriptedServer::start({
            let state = Arc::clone(&state);
            move |_| {
                let state = Arc::clone(&state);
                let answering =
                    move |words: &[&[u8]]| state.lock().expect("no panic").answer(words);
                vec![Step::Answer(Arc::new(answering))]
            }
        });
        Self { server, state }
    }

    /// The commands that came since the last look, first words and options only.
    pub fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().expect("no panic").seen)
    }
}

impl State {
    fn answer(&mut self, words: &[&[u8]]) -> Option<Vec<u8>> {
        let is_word = |it: &&&[u8]| it.iter().all(u8::is_ascii_uppercase);
        let shown = words.iter().filter(is_word).map(|it| String::from_utf8_lossy(it));
        self.seen.push(shown.collect::<Vec<_>>().join(" "));
        Some(match words {
            [b"GET", name] => self.shown(name),
            [b"SET", name, new, b"EX", _] => {
                self.records.insert(name.to_vec(), new.to_vec());
                b"+OK\r\n".to_vec()
            }
            [b"SET", name, new, b"IFEQ", old, b"GET", b"EX", _] => {
                let before = self.shown(name);
                if self.is(name, old) {
                    self.records.insert(name.to_vec(), new.to_vec());
                }
                before
            }
            [b"EVALSHA", ..] => b"-NOSCRIPT No matching script. Please use EVAL.\r\n".to_vec(),
            // The script that removes is the only one with these.
            [b"EVAL", _, b"1", name, old] => {
                if self.is(name, old) {
                    self.records.remove(*name);
                    b":1\r\n".to_vec()
                } else if self.records.contains_key(*name) {
                    self.shown(name)
                } else {
                    b":0\r\n".to_vec()
                }
            }
            _ => return None,
        })
    }

    fn is(&self, name: &[u8], old: &[u8]) -> bool {
        self.records.get(name).is_some_and(|it| it == old)
    }

    fn shown(&self, name: &[u8]) -> Vec<u8> {
        self.records.get(name).map_or_else(|| b"$-1\r\n".to_vec(), |value| bulk(value))
    }
}
