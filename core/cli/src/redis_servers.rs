//! Finds the servers that have the records of a store: one, the master that sentinels watch, or the
//! masters of a cluster.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use redis::{
    Client, Connection, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, RedisResult, Value,
};
use rudder_session::RedisConfig;

use crate::report::CommandError;

/// Does something on a thread that may be left behind: no time limit of the client covers its
/// handshake.
pub(crate) fn start<T: Send + 'static>(
    work: impl FnOnce() -> RedisResult<T> + Send + 'static,
) -> Receiver<RedisResult<T>> {
    let (answer, answered) = channel();
    thread::spawn(move || {
        // Refused only when nobody waits any more.
        let _ = answer.send(work());
    });
    answered
}

/// What came of it, if that is known by `until`.
pub(crate) fn outcome<T>(
    answered: &Receiver<RedisResult<T>>,
    until: Instant,
) -> Result<T, CommandError> {
    let left = until.saturating_duration_since(Instant::now());
    let not_in_time = |_| CommandError::Redis("not in time".to_owned());
    let outcome = answered.recv_timeout(left).map_err(not_in_time)?;
    outcome.map_err(refused)
}

/// A server that has records.
#[derive(Clone)]
pub(crate) struct Server {
    /// `host:port`, if it had to be found.
    pub(crate) name: Option<String>,
    info: ConnectionInfo,
}

impl Server {
    pub(crate) fn connect(&self, timeout: Duration) -> RedisResult<Connection> {
        Client::open(self.info.clone())?.get_connection_with_timeout(timeout)
    }

    /// The server at `addr` of the same group: with the same user and password.
    fn beside(&self, addr: &ConnectionAddr) -> RedisResult<Self> {
        let (ConnectionAddr::Tcp(..), ConnectionAddr::Tcp(host, port)) = (self.info.addr(), addr)
        else {
            return Err(
                (ErrorKind::InvalidClientConfig, "only TCP leads to several servers").into()
            );
        };
        let name = Some(format!("{host}:{port}"));
        Ok(Self { name, info: self.info.clone().set_addr(addr.clone()) })
    }

    /// The master that the sentinel at `addr` knows by the name that stands for a host in the URL.
    fn watched_by(&self, addr: &ConnectionAddr, timeout: Duration) -> RedisResult<Vec<Self>> {
        let ConnectionAddr::Tcp(name, _) = self.info.addr() else {
            return Err((ErrorKind::InvalidClientConfig, "only TCP leads to sentinels").into());
        };
        // User, password and database are those of the master.
        let bare = self.info.clone().set_redis_settings(RedisConnectionInfo::default());
        let sentinel = Self { name: None, info: bare.set_addr(addr.clone()) };
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        let known: Option<(String, u16)> = question.query(&mut sentinel.connect(timeout)?)?;
        let Some((host, port)) = known else {
            return Err((ErrorKind::InvalidClientConfig, "no master of that name").into());
        };
        Ok(vec![self.beside(&ConnectionAddr::Tcp(host, port))?])
    }

    /// What it knows of the masters of its cluster.
    fn masters(&self, timeout: Duration) -> RedisResult<Vec<Self>> {
        let slots = redis::cmd("CLUSTER").arg("SLOTS").query(&mut self.connect(timeout)?)?;
        let mut owners = owners(&slots);
        if owners.is_empty() {
            // It left the cluster, or has not joined it.
            return Err((ErrorKind::InvalidClientConfig, "no node of a cluster").into());
        }
        owners.sort_unstable();
        owners.dedup();
        let beside = owners.into_iter().map(|(host, port)| {
            let host = host.unwrap_or_else(|| match self.info.addr() {
                ConnectionAddr::Tcp(host, _) => host.clone(),
                _ => String::new(),
            });
            self.beside(&ConnectionAddr::Tcp(host, port))
        });
        beside.collect()
    }
}

/// All servers of a store, if they are known by `until`.
pub(crate) fn servers(config: &RedisConfig, until: Instant) -> Result<Vec<Server>, CommandError> {
    let info = config.url.as_str().into_connection_info().map_err(refused)?;
    let named = Server { name: None, info };
    // As the store reads them.
    let addr = |host: &str, port| {
        let text = if names_a_port(host) { host.to_owned() } else { format!("{host}:{port}") };
        let info = format!("redis://{text}").into_connection_info().map_err(refused)?;
        Ok::<_, CommandError>(info.addr().clone())
    };
    let timeout = until.saturating_duration_since(Instant::now());
    let mut questions: Vec<Question> = Vec::new();
    for sentinel in &config.sentinels {
        let (named, addr) = (named.clone(), addr(sentinel, SENTINEL_PORT)?);
        questions.push(Box::new(move || named.watched_by(&addr, timeout)));
    }
    for node in &config.cluster_nodes {
        let node = named.beside(&addr(node, REDIS_PORT)?).map_err(refused)?;
        questions.push(Box::new(move || node.masters(timeout)));
    }
    if questions.is_empty() {
        return Ok(vec![named]);
    }
    if !config.cluster_nodes.is_empty() {
        questions.push(Box::new(move || named.masters(timeout)));
    }
    first_answer(questions, until)
}

type Question = Box<dyn FnOnce() -> RedisResult<Vec<Server>> + Send>;

/// Asks all at once, since some may hang; the first that knows decides.
fn first_answer(questions: Vec<Question>, until: Instant) -> Result<Vec<Server>, CommandError> {
    let (answer, answered) = channel();
    for question in questions {
        let answer = answer.clone();
        thread::spawn(move || {
            // Refused only when another was first.
            let _ = answer.send(question());
        });
    }
    drop(answer);
    let mut last = CommandError::Redis("not in time".to_owned());
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match answered.recv_timeout(left) {
            Ok(Ok(servers)) => return Ok(servers),
            Ok(Err(error)) => last = refused(error),
            // Nobody is left to answer, or no time.
            Err(_) => return Err(last),
        }
    }
}

/// Of `host`, `host:port`, `[::1]` or `[::1]:port`.
fn names_a_port(place: &str) -> bool {
    place.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|it| it.is_ascii_digit()))
        && !place.ends_with(']')
}

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Without the client's own words.
fn refused(error: RedisError) -> CommandError {
    CommandError::Redis(error.category().to_owned())
}

/// Host and port of whoever has slots: `[[first, last, [host, port, ..], ..], ..]`. No host is the
/// one that was asked.
fn owners(slots: &Value) -> Vec<(Option<String>, u16)> {
    let Value::Array(ranges) = slots else { return Vec::new() };
    let owner = |range: &Value| {
        let Value::Array(range) = range else { return None };
        let Value::Array(owner) = range.get(2)? else { return None };
        let (host, port) = match &owner[..] {
            [Value::BulkString(host), Value::Int(port), ..] => (&host[..], *port),
            [Value::Nil, Value::Int(port), ..] => (&b""[..], *port),
            _ => return None,
        };
        let host = std::str::from_utf8(host).ok()?;
        let host = Some(host.to_owned()).filter(|it| !it.is_empty());
        Some((host, u16::try_from(port).ok()?))
    };
    ranges.iter().filter_map(owner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_an_address() {
        for (place, expected) in [
            ("host:1", true),
            ("[::1]:26379", true),
            ("host", false),
            ("[::1]", false),
            ("host:port", false),
        ] {
            assert_eq!(names_a_port(place), expected, "{place}");
        }
    }

    #[test]
    fn whoever_has_slots_is_read_from_the_answer() {
        let range = |owner: Vec<Value>| {
            Value::Array(vec![Value::Int(0), Value::Int(9), Value::Array(owner)])
        };
        let host = || Value::BulkString(b"a".to_vec());
        let slots = Value::Array(vec![
            range(vec![host(), Value::Int(7000)]),
            range(vec![Value::Nil, Value::Int(7001)]),
            range(vec![Value::BulkString(Vec::new()), Value::Int(7002)]),
            range(vec![host(), Value::Int(70_000)]),
            range(Vec::new()),
            Value::Int(1),
        ]);

        let expected = [(Some("a".to_owned()), 7000), (None, 7001), (None, 7002)];
        assert_eq!(owners(&slots), expected);
        assert_eq!(owners(&Value::Nil), []);
    }
}
