//! Plays a node of a cluster that says what a test wants, and counts what it is asked.

use std::sync::{Arc, Mutex, OnceLock};

use rudder_session::RedisConfig;
use rudder_session_tests::resp::bulk;
use rudder_session_tests::scripted_server::{Answering, ScriptedServer, Step};

use super::sessions::LONG;

/// A server that plays one node, and counts what it is asked.
pub(super) struct Node {
    pub(super) server: ScriptedServer,
    /// The number of the connection, and the first word of the command.
    pub(super) asked: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Node {
    /// One that says that it has all slots, whatever else it `says`.
    pub(super) fn with_all_slots(
        says: impl Fn(&[&[u8]]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::start(says, |_, answering| vec![Step::Answer(answering)])
    }

    /// One that refuses the first write, and does all others.
    pub(super) fn once(refusal: &str) -> Self {
        let refusal = Mutex::new(Some(refusal.to_owned()));
        Self::with_all_slots(move |words| {
            let refusal = || refusal.lock().expect("no panic").take().map(String::into_bytes);
            (words[0] == b"SET").then(refusal).flatten()
        })
    }

    /// One whose connections do what `script` says of each.
    pub(super) fn playing(
        script: impl FnMut(usize, Answering) -> Vec<Step> + Send + 'static,
    ) -> Self {
        Self::start(|_| None, script)
    }

    fn start(
        says: impl Fn(&[&[u8]]) -> Option<Vec<u8>> + Send + Sync + 'static,
        mut script: impl FnMut(usize, Answering) -> Vec<Step> + Send + 'static,
    ) -> Self {
        let port = Arc::new(OnceLock::new());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answering = {
            let (port, asked, says) = (Arc::clone(&port), Arc::clone(&asked), Arc::new(says));
            move |number| -> Answering {
                let (port, asked, says) =
                    (Arc::clone(&port), Arc::clone(&asked), Arc::clone(&says));
                Arc::new(move |words| {
                    let verb = String::from_utf8_lossy(words[0]).into_owned();
                    asked.lock().expect("no panic").push((number, verb));
                    if let Some(answer) = says(words) {
                        return Some(answer);
                    }
                    match words {
                        [b"CLUSTER", b"SLOTS"] => {
                            // No host is the one that was asked.
                            let port: u16 = *port.wait();
                            Some(
                                format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:{port}\r\n")
                                    .into(),
                            )
                        }
                        [b"ASKING"] => Some(b"+OK\r\n".to_vec()),
                        _ => None,
                    }
                })
            }
        };
        let server = ScriptedServer::start(move |number| script(number, answering(number)));
        port.set(server.port()).expect("once");
        Self { server, asked }
    }

    pub(super) fn place(&self) -> String {
        format!("127.0.0.1:{}", self.server.port())
    }

    pub(super) fn config(&self) -> RedisConfig {
        let (url, cluster_nodes) = (self.server.url(), vec![self.place()]);
        RedisConfig { url, cluster_nodes, deadline: LONG, ..RedisConfig::default() }
    }

    /// How often a command that begins with `verb` came.
    pub(super) fn asked(&self, verb: &str) -> usize {
        self.asked.lock().expect("no panic").iter().filter(|it| it.1 == verb).count()
    }
}

/// Answers of a server that runs no scripts and has one record, `value`; with `moved`, it says so
/// when that is to be set within a transaction.
pub(super) fn watching(
    value: &str,
    moved: Option<String>,
) -> impl Fn(&[&[u8]]) -> Option<Vec<u8>> + Send + Sync + 'static {
    let value = bulk(value.as_bytes());
    move |words| {
        Some(match words {
            [b"GET", _] => value.clone(),
            [b"WATCH", _] | [b"MULTI"] => b"+OK\r\n".to_vec(),
            [b"SET", _, _, b"EX", _] => match &moved {
                Some(moved) => moved.clone().into_bytes(),
                None => b"+QUEUED\r\n".to_vec(),
            },
            [b"EXEC"] if moved.is_some() => b"-EXECABORT Transaction discarded\r\n".to_vec(),
            [b"EXEC"] => b"*1\r\n+OK\r\n".to_vec(),
            // Knows less than the node that names it.
            [b"CLUSTER", ..] if moved.is_none() => b"-ERR not now\r\n".to_vec(),
            // SET .. IFEQ, EVALSHA
            [b"SET" | b"EVALSHA", ..] => b"-ERR syntax error\r\n".to_vec(),
            _ => return None,
        })
    }
}
