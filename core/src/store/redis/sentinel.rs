//! Finds the master that a group of sentinels watches.
//!
//! ```text
//!   sentinel 1..n: SENTINEL GET-MASTER-ADDR-BY-NAME name --> host, port
//!   server there:  ROLE --> master?                      --> connection
//! ```
//!
//! Asked each time a connection is made. After a fail-over the old connections end by themselves
//! (sentinels cut them, and a server that became a replica answers READONLY, which puts the
//! connection out of use), so the next ones lead to the new master.

use std::sync::PoisonError;
use std::time::Instant;

use redis::{ConnectionAddr, Value};

use super::connection::Connection;
use super::endpoint::Endpoint;
use crate::error::StoreError;
use crate::events;

/// Connects to the master; the first sentinel that leads to one decides.
pub(super) fn open_master(
    endpoint: &Endpoint,
    deadline: Instant,
) -> Result<Connection, StoreError> {
    let mut outcome = Err(StoreError::Unreachable);
    for (asked, sentinel) in endpoint.sentinels.iter().enumerate() {
        // One that does not answer leaves time for the others.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = (endpoint.sentinels.len() - asked) as u32;
        outcome = ask(endpoint, sentinel, Instant::now() + left / share).and_then(|master| {
            let connection = open_if_master(&master, endpoint, deadline)?;
            note_master(master, endpoint);
            Ok(connection)
        });
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn note_master(master: ConnectionAddr, endpoint: &Endpoint) {
    let mut last = endpoint.master.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = last.as_ref() != Some(&master);
    let before = last.replace(master);
    drop(last);
    if is_new && before.is_some() {
        events::new_master();
    }
}

fn ask(
    endpoint: &Endpoint,
    sentinel: &ConnectionAddr,
    deadline: Instant,
) -> Result<ConnectionAddr, StoreError> {
    let ConnectionAddr::Tcp(name, _) = endpoint.info.addr() else {
        return Err(StoreError::Unreachable);
    };
    let mut connection = Connection::open_bare(sentinel, endpoint, deadline)?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    match connection.command(&question, deadline)? {
        Value::Array(parts) => match &parts[..] {
            [Value::BulkString(host), Value::BulkString(port)] => {
                let host = String::from_utf8(host.clone()).map_err(|_| StoreError::Protocol)?;
                let port = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok());
                Ok(ConnectionAddr::Tcp(host, port.ok_or(StoreError::Protocol)?))
            }
            _ => Err(StoreError::Protocol),
        },
        // It watches no master of that name.
        Value::Nil => Err(StoreError::Unreachable),
        _ => Err(StoreError::Protocol),
    }
}

/// A sentinel may not know yet what has happened: the server itself has the last word.
fn open_if_master(
    addr: &ConnectionAddr,
    endpoint: &Endpoint,
    deadline: Instant,
) -> Result<Connection, StoreError> {
    let mut connection = Connection::open_at(addr, endpoint, deadline)?;
    match connection.command(&redis::cmd("ROLE"), deadline)? {
        Value::Array(parts) => match parts.first() {
            Some(Value::BulkString(role)) if role == b"master" => Ok(connection),
            _ => Err(StoreError::Unreachable),
        },
        _ => Err(StoreError::Protocol),
    }
}
