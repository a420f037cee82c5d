//! Says why a server did not do what it was asked, and whether another one would.
//!
//! ```text
//!   -MOVED 3999 127.0.0.1:6381    that node is the one to ask, from now on
//!   -ASK 3999 127.0.0.1:6381      that node is the one to ask, this once
//!   -CLUSTERDOWN ..               nobody, for the time being
//! ```

use redis::{ServerError, Value};

use super::endpoint::Address;
use crate::error::StoreError;
use crate::store::Request;

/// Why a request was not done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// Another node has the record. Nothing was done.
    Elsewhere(Redirect),
    Store(StoreError),
}

/// The node that another one names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Redirect {
    /// It has the record for good, and not only in the course of a move.
    pub(super) is_for_good: bool,
    /// Empty for the host that the answer came from.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Redirect {
    fn parse(error: &ServerError) -> Option<Self> {
        let is_for_good = match error.code() {
            "MOVED" => true,
            "ASK" => false,
            _ => return None,
        };
        // The number of the slot is nothing new. The host may be IPv6, colons and all.
        let (_slot, place) = error.details()?.split_once(' ')?;
        let (host, port) = place.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        // A node that does not know the other's name says so with this mark.
        (host != "?").then(|| Self { is_for_good, host: host.to_owned(), port })
    }

    /// The named node, as seen from the one at `from`.
    pub(super) fn address(&self, from: &Address) -> Address {
        let host = if self.host.is_empty() { &from.0 } else { &self.host };
        (host.clone(), self.port)
    }
}

impl Fault {
    /// What the caller is told if nobody else is asked.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Elsewhere(redirect) => {
                let code = if redirect.is_for_good { "MOVED" } else { "ASK" };
                StoreError::Rejected { code: code.to_owned() }
            }
            Self::Store(error) => error,
        }
    }

    /// Whether a cluster may be asked for `request` once more: it was certainly not done, or may
    /// be done twice.
    pub(super) fn may_pass(&self, request: &Request) -> bool {
        match self {
            Self::Elsewhere(_) | Self::Store(StoreError::Unreachable) => true,
            Self::Store(StoreError::Disconnected) => request.is_repeatable(),
            Self::Store(StoreError::Rejected { code }) => {
                // A redirect is among them if it names no place that can be read.
                let passing = [
                    "ASK",
                    "CLUSTERDOWN",
                    "LOADING",
                    "MASTERDOWN",
                    "MOVED",
                    "READONLY",
                    "TRYAGAIN",
                ];
                passing.contains(&code.as_str())
            }
            Self::Store(_) => false,
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A reply that is no error reply.
pub(super) fn done(reply: Value) -> Result<Value, Fault> {
    match reply {
        Value::ServerError(error) => Err(match Redirect::parse(&error) {
            Some(redirect) => Fault::Elsewhere(redirect),
            None => Fault::Store(StoreError::Rejected { code: error_code(error.code()) }),
        }),
        reply => Ok(reply),
    }
}

/// The first word of an error reply, if it is a code: anything else may quote what was sent.
fn error_code(word: &str) -> String {
    let is_code = word.len() <= 32 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if is_code { word.to_owned() } else { "ERR".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Fault {
        let bytes = format!("-{line}\r\n");
        let reply = redis::parse_redis_value(bytes.as_bytes()).expect("a reply");
        done(reply).expect_err("an error")
    }

    fn redirect(is_for_good: bool, host: &str, port: u16) -> Fault {
        Fault::Elsewhere(Redirect { is_for_good, host: host.to_owned(), port })
    }

    #[test]
    fn a_redirect_names_a_node_whatever_its_host_looks_like() {
        assert_eq!(read("MOVED 1 127.0.0.1:6381"), redirect(true, "127.0.0.1", 6381));
        assert_eq!(read("ASK 16383 node-2.example:1"), redirect(false, "node-2.example", 1));
        assert_eq!(read("MOVED 1 2001:db8::1:6381"), redirect(true, "2001:db8::1", 6381));
        let Fault::Elsewhere(same_host) = read("MOVED 1 :6381") else { panic!("a redirect") };
        assert_eq!(same_host.address(&("here".to_owned(), 1)), ("here".to_owned(), 6381));
    }

    #[test]
    fn a_redirect_to_no_place_is_an_error_of_the_server() {
        for line in
            ["MOVED", "MOVED 1", "MOVED 1 h", "MOVED 1 h:", "MOVED 1 h:0", "MOVED 1 h:99999"]
        {
            let error = StoreError::Rejected { code: "MOVED".to_owned() };
            assert_eq!(read(line), Fault::Store(error), "{line}");
        }
        assert_eq!(
            read("ASK 1 ?:6379"),
            Fault::Store(StoreError::Rejected { code: "ASK".to_owned() })
        );
    }

    #[test]
    fn of_an_error_only_the_code_is_kept() {
        for (line, code) in [("OOM x", "OOM"), ("secret-123 x", "ERR"), ("ERR 'SET k v'", "ERR")] {
            let error = StoreError::Rejected { code: code.to_owned() };
            assert_eq!(read(line), Fault::Store(error), "{line}");
        }
    }
}
