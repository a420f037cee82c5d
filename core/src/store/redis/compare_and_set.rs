//! Changes a record in Redis only if it still is what was read.
//!
//! ```text
//!   native   SET name new IFEQ old GET EX s      Redis 8.4, Valkey 8.1
//!      |        not known there
//!   script   EVALSHA ..                          every server that lets us
//!      |        not allowed
//!   watch    WATCH, GET, compare here, MULTI, SET, EXEC
//! ```
//!
//! Each connection starts with the best method and steps down for good when its server does not
//! know it, so the finding out costs a refused command or two. Removing has no native form that says
//! why nothing was removed, and starts with the script.
//!
//! Texts are compared byte for byte. Who merges what two requests wrote is not decided here.

use std::sync::LazyLock;
use std::time::Instant;

use redis::{Cmd, Script, Value};

use super::connection::{Connection, accepted};
use crate::error::StoreError;
use crate::store::Found;
use crate::time::Ttl;

/// The methods that one connection uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Methods {
    replace: Method,
    remove: Method,
}

impl Default for Methods {
    fn default() -> Self {
        Self { replace: Method::Native, remove: Method::Script }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Method {
    Native,
    Script,
    Watch,
}

/// A replacement that one command can make.
pub(super) fn replace_command(
    methods: Methods,
    name: &str,
    (old, new): (&str, &str),
    ttl: Ttl,
) -> Option<Cmd> {
    let seconds = ttl.as_seconds();
    let mut command = Cmd::with_capacity(8, name.len() + old.len() + new.len() + 128);
    match methods.replace {
        Method::Native => {
            command.arg("SET").arg(name).arg(new).arg("IFEQ").arg(old).arg("GET");
            command.arg("EX").arg(seconds);
        }
        Method::Script => {
            command.arg("EVALSHA").arg(REPLACE.hash()).arg(1).arg(name);
            command.arg(old).arg(new).arg(seconds);
        }
        Method::Watch => return None,
    }
    Some(command)
}

/// What the reply to such a command says; `None` if the server cannot do it in this way (any
/// more), and [`replace`] will find one that it can.
pub(super) fn replaced(reply: Value, old: &str) -> Result<Option<Found>, StoreError> {
    match reply {
        Value::ServerError(error) if matches!(error.code(), "ERR" | "NOPERM" | "NOSCRIPT") => {
            Ok(None)
        }
        reply => current(accepted(reply)?, old).map(Some),
    }
}

/// Puts `new` in the place of the record `name`, if that is `old`, and starts its TTL anew.
pub(super) fn replace(
    connection: &mut Connection,
    name: &str,
    (old, new): (&str, &str),
    ttl: Ttl,
    deadline: Instant,
) -> Result<Found, StoreError> {
    while let Some(command) = replace_command(connection.methods, name, (old, new), ttl) {
        let scripted = connection.methods.replace == Method::Script;
        let reply = if scripted {
            let seconds = ttl.as_seconds();
            run(connection, &command, &REPLACE, deadline, |eval| {
                eval.arg(name).arg(old).arg(new).arg(seconds);
            })?
        } else {
            ask(connection, &command, deadline)?
        };
        if let Some(reply) = reply {
            return current(reply, old);
        }
        connection.methods.replace = if scripted { Method::Watch } else { Method::Script };
    }
    let mut set = Cmd::with_capacity(5, name.len() + new.len() + 64);
    set.arg("SET").arg(name).arg(new).arg("EX").arg(ttl.as_seconds());
    watch(connection, name, old, &set, deadline)
}

/// Removes the record `name`, if it is `old`.
pub(super) fn remove(
    connection: &mut Connection,
    name: &str,
    old: &str,
    deadline: Instant,
) -> Result<Found, StoreError> {
    if connection.methods.remove == Method::Script {
        let mut command = redis::cmd("EVALSHA");
        command.arg(REMOVE.hash()).arg(1).arg(name).arg(old);
        let reply = run(connection, &command, &REMOVE, deadline, |eval| {
            eval.arg(name).arg(old);
        })?;
        if let Some(reply) = reply {
            return current(reply, old);
        }
        connection.methods.remove = Method::Watch;
    }
    watch(connection, name, old, redis::cmd("DEL").arg(name), deadline)
}

/// What a reply says was found in the record's place.
///
/// A native command gives what was there, nil if nothing was. A script gives 1 for done, 0 for
/// gone, and what was there if it was something else.
fn current(reply: Value, old: &str) -> Result<Found, StoreError> {
    match reply {
        Value::Nil | Value::Int(0) => Ok(Found::Gone),
        Value::Int(1) => Ok(Found::Expected),
        Value::BulkString(bytes) if bytes == old.as_bytes() => Ok(Found::Expected),
        // Text that is not UTF-8 is no record of ours; to us there is none.
        Value::BulkString(bytes) => {
            Ok(String::from_utf8(bytes).map_or(Found::Gone, Found::Changed))
        }
        _ => Err(StoreError::Protocol),
    }
}

/// Sends `command`; `None` if the server does not know it, or not in this form.
fn ask(
    connection: &mut Connection,
    command: &Cmd,
    deadline: Instant,
) -> Result<Option<Value>, StoreError> {
    let mut replies = connection.request(&command.get_packed_command(), 1, deadline)?;
    let reply = replies.pop().ok_or(StoreError::Protocol)?;
    match &reply {
        Value::ServerError(error) if matches!(error.code(), "ERR" | "NOPERM") => Ok(None),
        _ => accepted(reply).map(Some),
    }
}

/// Runs a script by its hash, or if the server has not seen it yet, by its text with what
/// `arguments` adds; `None` if the server runs none for us.
fn run(
    connection: &mut Connection,
    by_hash: &Cmd,
    script: &LuaScript,
    deadline: Instant,
    arguments: impl FnOnce(&mut Cmd),
) -> Result<Option<Value>, StoreError> {
    match ask(connection, by_hash, deadline) {
        Err(StoreError::Rejected { code }) if code == "NOSCRIPT" => {
            let mut by_text = redis::cmd("EVAL");
            arguments(by_text.arg(script.text).arg(1));
            ask(connection, &by_text, deadline)
        }
        outcome => outcome,
    }
}

/// Runs `change` on the record `name` if it is `old`, by an optimistic transaction.
fn watch(
    connection: &mut Connection,
    name: &str,
    old: &str,
    change: &Cmd,
    deadline: Instant,
) -> Result<Found, StoreError> {
    loop {
        let mut look = redis::cmd("WATCH").arg(name).get_packed_command();
        look.extend(redis::cmd("GET").arg(name).get_packed_command());
        let mut replies = connection.request(&look, 2, deadline)?.into_iter();
        let (Some(watching), Some(found)) = (replies.next(), replies.next()) else {
            return Err(StoreError::Protocol);
        };
        accepted(watching)?;
        let found = current(accepted(found)?, old)?;
        if found != Found::Expected {
            connection.command(&redis::cmd("UNWATCH"), deadline)?;
            return Ok(found);
        }

        let mut transaction = redis::cmd("MULTI").get_packed_command();
        transaction.extend(change.get_packed_command());
        transaction.extend(redis::cmd("EXEC").get_packed_command());
        let mut replies = connection.request(&transaction, 3, deadline)?;
        let executed = replies.pop().ok_or(StoreError::Protocol)?;
        // What was refused to be queued says why; EXEC says only that something was.
        replies.into_iter().try_for_each(|queued| accepted(queued).map(drop))?;
        match accepted(executed)? {
            // Somebody was faster: look again.
            Value::Nil => {}
            Value::Array(mut results) => {
                accepted(results.pop().ok_or(StoreError::Protocol)?)?;
                return Ok(Found::Expected);
            }
            _ => return Err(StoreError::Protocol),
        }
    }
}

/// A script, and its hash, by which a server that has run it once knows it.
struct LuaScript {
    text: &'static str,
    compiled: LazyLock<Script>,
}

impl LuaScript {
    fn hash(&self) -> &str {
        self.compiled.get_hash()
    }
}

static REPLACE: LuaScript =
    LuaScript { text: REPLACE_TEXT, compiled: LazyLock::new(|| Script::new(REPLACE_TEXT)) };

const REPLACE_TEXT: &str = "local current = redis.call('GET', KEYS[1]) \
    if not current then return 0 end \
    if current ~= ARGV[1] then return current end \
    redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) \
    return 1";

static REMOVE: LuaScript =
    LuaScript { text: REMOVE_TEXT, compiled: LazyLock::new(|| Script::new(REMOVE_TEXT)) };

const REMOVE_TEXT: &str = "local current = redis.call('GET', KEYS[1]) \
    if not current then return 0 end \
    if current ~= ARGV[1] then return current end \
    redis.call('DEL', KEYS[1]) \
    return 1";
