//! Says whether the user of a store may do more in its Redis than sessions need.
//!
//! ```text
//!   ACL WHOAMI   --NOPERM--> limited: it may not even ask
//!                --name----> ACL GETUSER name --> password? commands? names of records?
//! ```
//!
//! What a user may do too little of shows in the store itself.

use redis::{Connection, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use crate::doctor::{Check, Finding};

/// `None` of a server that knows no users, as those before Redis 6.
pub(crate) fn check(connection: &mut Connection) -> Option<Check> {
    let (finding, message) = match rights(connection) {
        Ok(rights) => judged(&rights),
        Err(error) if is_refusal(&error) => {
            (Finding::Well, "the user may not ask what it may do, so it is limited".to_owned())
        }
        Err(_) => return None,
    };
    Some(Check::new("rights", finding, message))
}

/// What a user of Redis may do.
#[derive(Debug, Default)]
struct Rights {
    user: String,
    needs_no_password: bool,
    all_commands: bool,
    all_names: bool,
}

fn rights(connection: &mut Connection) -> RedisResult<Rights> {
    let user: String = redis::cmd("ACL").arg("WHOAMI").query(connection)?;
    let told: Value = redis::cmd("ACL").arg("GETUSER").arg(&user).query(connection)?;
    Ok(read(user, &told))
}

/// Reads names and values: `flags`, a list; `commands`, a text; `keys`, a text, in Redis 6 a list.
fn read(user: String, told: &Value) -> Rights {
    let mut rights = Rights { user, ..Rights::default() };
    let pairs: Vec<(String, Value)> = match told {
        Value::Map(pairs) => {
            pairs.iter().map(|(name, value)| (text(name), value.clone())).collect()
        }
        Value::Array(parts) => {
            let pairs = parts.chunks_exact(2).map(|pair| (text(&pair[0]), pair[1].clone()));
            pairs.collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in pairs {
        let words = text(&value);
        let has = |word: &str| words.split(' ').any(|it| it == word);
        match name.as_str() {
            "flags" => rights.needs_no_password = has("nopass"),
            "commands" => rights.all_commands = has("+@all"),
            "keys" => rights.all_names = has("~*") || has("*"),
            _ => {}
        }
    }
    rights
}

/// A text, or the texts of a list with blanks between them.
fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::Array(parts) | Value::Set(parts) => {
            parts.iter().map(text).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

fn judged(rights: &Rights) -> (Finding, String) {
    let Rights { needs_no_password, all_commands, all_names, .. } = rights;
    // A server may call its users whatever it likes, and this goes to a terminal.
    let user = rights.user.escape_debug();
    if *needs_no_password {
        let message = format!("{user} needs no password: whoever reaches the server is any user");
        return (Finding::Doubtful, message);
    }
    let too_many = match (all_commands, all_names) {
        (true, true) => "all commands on all names",
        (true, false) => "all commands",
        (false, true) => "the names of all records",
        (false, false) => return (Finding::Well, format!("{user} is limited")),
    };
    let message = format!("{user} may use {too_many}, and sessions need a few");
    (Finding::Doubtful, message)
}

fn is_refusal(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn found(flags: &[&str], commands: &str, keys: Value) -> (Finding, String) {
        let flags = Value::Array(flags.iter().map(|it| bulk(it)).collect());
        let told = [bulk("flags"), flags, bulk("passwords"), Value::Array(vec![])];
        let told = told.into_iter().chain([bulk("commands"), bulk(commands), bulk("keys"), keys]);
        judged(&read("app".to_owned(), &Value::Array(told.collect())))
    }

    #[test]
    fn a_name_reaches_no_terminal_as_it_is() {
        let rights = read("\u{1b}[2J".to_owned(), &Value::Nil);

        assert_eq!(judged(&rights).1, "\\u{1b}[2J is limited");
    }

    #[test]
    fn what_sessions_do_not_need_is_doubtful() {
        let own = || bulk("~session:*");
        for (flags, commands, keys, expected) in [
            (&["on", "nopass"][..], "-@all +get", own(), Finding::Doubtful),
            (&["on"], "+@all", bulk("~*"), Finding::Doubtful),
            (&["on"], "+@all", own(), Finding::Doubtful),
            (&["on"], "-@all +get +set", bulk("~session:* ~*"), Finding::Doubtful),
            // As Redis 6 tells it.
            (&["on"], "-@all +get", Value::Array(vec![bulk("*")]), Finding::Doubtful),
            (&["on"], "-@all +get +set", own(), Finding::Well),
        ] {
            let (finding, message) = found(flags, commands, keys);
            assert_eq!(finding, expected, "{message}");
            assert!(message.starts_with("app "), "{message}");
        }
    }
}
