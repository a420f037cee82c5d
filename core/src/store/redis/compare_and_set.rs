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

use super::connection::Connection;
use super::fault::{Fault, done};
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
/// more), and [`Turn::replace`] will find one that it can.
pub(super) fn replaced(reply: Value, old: &str) -> Result<Option<Found>, Fault> {
    match reply {
        Value::ServerError(error) if matches!(error.code(), "ERR" | "NOPERM" | "NOSCRIPT") => {
            Ok(None)
        }
        reply => current(done(reply)?, old).map(Some),
    }
}

/// A connection, lent until a deadline.
pub(super) struct Turn<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) deadline: Instant,
    /// The node has the record only in the course of a move, and must be told that we know.
    pub(super) asking: bool,
}

impl Turn<'_> {
    /// Sends commands in one go and gives the reply to each of them. What is one group needs to be
    /// told only once that we know.
    pub(super) fn send(&mut self, groups: &[&[&Cmd]]) -> Result<Vec<Value>, StoreError> {
        let (mut packed, mut count) = (Vec::new(), 0);
        for group in groups {
            if self.asking {
                redis::cmd("ASKING").write_packed_command(&mut packed);
            }
            group.iter().for_each(|command| command.write_packed_command(&mut packed));
            count += group.len() + usize::from(self.asking);
        }
        let mut replies = self.connection.request(&packed, count, self.deadline)?.into_iter();
        if !self.asking {
            return Ok(replies.collect());
        }
        let mut kept = Vec::with_capacity(count);
        for group in groups {
            let told = replies.next().ok_or(StoreError::Protocol)?;
            done(told).map_err(Fault::into_error)?;
            kept.extend(replies.by_ref().take(group.len()));
        }
        Ok(kept)
    }

    /// Sends `command` and gives its reply.
    pub(super) fn ask(&mut self, command: &Cmd) -> Result<Value, StoreError> {
        self.send(&[&[command]])?.pop().ok_or(StoreError::Protocol)
    }

    /// Sends `command`; `None` if the server does not know it, or not in this form.
    fn try_to(&mut self, command: &Cmd) -> Result<Option<Value>, Fault> {
        match self.ask(command)? {
            Value::ServerError(error) if matches!(error.code(), "ERR" | "NOPERM") => Ok(None),
            reply => done(reply).map(Some),
        }
    }

    /// Runs a script by its hash, or if the server has not seen it yet, by its text with what
    /// `arguments` adds; `None` if the server runs none for us.
    fn run(
        &mut self,
        by_hash: &Cmd,
        script: &LuaScript,
        arguments: impl FnOnce(&mut Cmd),
    ) -> Result<Option<Value>, Fault> {
        match self.try_to(by_hash) {
            Err(Fault::Store(StoreError::Rejected { code })) if code == "NOSCRIPT" => {
                let mut by_text = redis::cmd("EVAL");
                arguments(by_text.arg(script.text).arg(1));
                self.try_to(&by_text)
            }
            outcome => outcome,
        }
    }

    /// Puts `new` in the place of the record `name`, if that is `old`, and starts its TTL anew.
    pub(super) fn replace(
        &mut self,
        name: &str,
        (old, new): (&str, &str),
        ttl: Ttl,
    ) -> Result<Found, Fault> {
        let seconds = ttl.as_seconds();
        while let Some(command) = replace_command(self.connection.methods, name, (old, new), ttl) {
            let scripted = self.connection.methods.replace == Method::Script;
            let reply = if scripted {
                self.run(&command, &REPLACE, |eval| {
                    eval.arg(name).arg(old).arg(new).arg(seconds);
                })?
            } else {
                self.try_to(&command)?
            };
            if let Some(reply) = reply {
                return current(reply, old);
            }
            let next = if scripted { Method::Watch } else { Method::Script };
            self.connection.methods.replace = next;
        }
        let mut set = Cmd::with_capacity(5, name.len() + new.len() + 64);
        set.arg("SET").arg(name).arg(new).arg("EX").arg(seconds);
        self.watch(name, old, &set)
    }

    /// Removes the record `name`, if it is `old`.
    pub(super) fn remove(&mut self, name: &str, old: &str) -> Result<Found, Fault> {
        if self.connection.methods.remove == Method::Script {
            let mut command = redis::cmd("EVALSHA");
            command.arg(REMOVE.hash()).arg(1).arg(name).arg(old);
            let reply = self.run(&command, &REMOVE, |eval| {
                eval.arg(name).arg(old);
            })?;
            if let Some(reply) = reply {
                return current(reply, old);
            }
            self.connection.methods.remove = Method::Watch;
        }
        self.watch(name, old, redis::cmd("DEL").arg(name))
    }

    /// Runs `change` on the record `name` if it is `old`, by an optimistic transaction.
    fn watch(&mut self, name: &str, old: &str, change: &Cmd) -> Result<Found, Fault> {
        loop {
            let found = self.look(name, old);
            if let Err(Fault::Store(_)) = found {
                // It may be watched all the same.
                self.connection.poison();
                return found;
            }
            if found != Ok(Found::Expected) {
                self.connection.command(&redis::cmd("UNWATCH"), self.deadline)?;
                return found;
            }
            let executed = self.transact(change).inspect_err(|_| self.connection.poison())?;
            if executed {
                return Ok(Found::Expected);
            }
        }
    }

    /// What is in the place of the record `name`, from when on it is watched.
    fn look(&mut self, name: &str, old: &str) -> Result<Found, Fault> {
        let (mut watch, mut get) = (redis::cmd("WATCH"), redis::cmd("GET"));
        let mut replies = self.send(&[&[watch.arg(name)], &[get.arg(name)]])?.into_iter();
        let (Some(watching), Some(found)) = (replies.next(), replies.next()) else {
            return Err(StoreError::Protocol.into());
        };
        done(watching)?;
        current(done(found)?, old)
    }

    /// Runs `change` as a transaction; `false` if somebody was faster.
    fn transact(&mut self, change: &Cmd) -> Result<bool, Fault> {
        let (multi, exec) = (redis::cmd("MULTI"), redis::cmd("EXEC"));
        let mut replies = self.send(&[&[&multi, change, &exec]])?;
        let executed = replies.pop().ok_or(StoreError::Protocol)?;
        // What was refused to be queued says why; EXEC says only that something was.
        replies.into_iter().try_for_each(|queued| done(queued).map(drop))?;
        match done(executed)? {
            Value::Nil => Ok(false),
            Value::Array(mut results) => {
                done(results.pop().ok_or(StoreError::Protocol)?)?;
                Ok(true)
            }
            _ => Err(StoreError::Protocol.into()),
        }
    }
}

/// What a reply says was found in the record's place.
///
/// A native command gives what was there, nil if nothing was. A script gives 1 for done, 0 for
/// gone, and what was there if it was something else.
fn current(reply: Value, old: &str) -> Result<Found, Fault> {
    match reply {
        Value::Nil | Value::Int(0) => Ok(Found::Gone),
        Value::Int(1) => Ok(Found::Expected),
        Value::BulkString(bytes) if bytes == old.as_bytes() => Ok(Found::Expected),
        // Bytes that are not UTF-8 are read as they are loaded, and equal no text of ours.
        Value::BulkString(bytes) => Ok(Found::Changed(as_javascript_reads(bytes))),
        _ => Err(StoreError::Protocol.into()),
    }
}

/// Bytes that are not UTF-8 become U+FFFD.
pub(super) fn as_javascript_reads(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned())
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
