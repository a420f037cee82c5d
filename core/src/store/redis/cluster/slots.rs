//! Finds the slot that a record is in, and reads which node has which slots.
//!
//! ```text
//!   session:{eu}:3f2b..   CRC-16 of what stands between the first { and the next }  --mod 16384--> slot
//!   session:3f2b..        of the whole name, if there are no braces or nothing in between
//! ```
//!
//! Nothing here connects: a node's answer comes as a value.

use crc::{CRC_16_XMODEM, Crc};
use redis::Value;

use crate::error::StoreError;
use crate::store::redis::endpoint::Address;

/// Slots of every cluster.
pub(super) const SLOTS: usize = 16_384;

/// The slot of the record `name`.
pub(super) fn slot(name: &str) -> usize {
    static CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
    usize::from(CRC.checksum(tag(name).as_bytes())) % SLOTS
}

fn tag(name: &str) -> &str {
    let between = name.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    between.map(|(tag, _)| tag).filter(|tag| !tag.is_empty()).unwrap_or(name)
}

/// Slots that are together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Range {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) owner: Address,
    pub(super) replicas: Vec<Address>,
}

/// Reads what the node at `from` answers to `CLUSTER SLOTS`. Nodes whose place is not known, and
/// slots of such nodes, are left out.
///
/// # Errors
///
/// [`StoreError::Protocol`] if it is no such answer.
pub(super) fn ranges(reply: &Value, from: &Address) -> Result<Vec<Range>, StoreError> {
    let Value::Array(ranges) = reply else { return Err(StoreError::Protocol) };
    let mut known = Vec::with_capacity(ranges.len());
    for range in ranges {
        let Value::Array(parts) = range else { return Err(StoreError::Protocol) };
        let [Value::Int(first), Value::Int(last), owner, replicas @ ..] = &parts[..] else {
            return Err(StoreError::Protocol);
        };
        let number = |it: &i64| usize::try_from(*it).ok().filter(|it| *it < SLOTS);
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(StoreError::Protocol);
        };
        let Some(owner) = address(owner, from)? else { continue };
        let replicas = replicas.iter().filter_map(|it| address(it, from).transpose());
        known.push(Range { first, last, owner, replicas: replicas.collect::<Result<_, _>>()? });
    }
    Ok(known)
}

/// `host, port, ..`: no host, or an empty one, is the host that was asked.
fn address(node: &Value, from: &Address) -> Result<Option<Address>, StoreError> {
    let Value::Array(parts) = node else { return Err(StoreError::Protocol) };
    let (host, port) = match &parts[..] {
        [Value::Nil, Value::Int(port), ..] => (String::new(), *port),
        [Value::BulkString(host), Value::Int(port), ..] => {
            (String::from_utf8(host.clone()).map_err(|_| StoreError::Protocol)?, *port)
        }
        _ => return Err(StoreError::Protocol),
    };
    let port = u16::try_from(port).map_err(|_| StoreError::Protocol)?;
    let host = if host.is_empty() { from.0.clone() } else { host };
    Ok((host != "?" && port != 0).then_some((host, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: i64) -> Value {
        let id = Value::BulkString(b"07c37df".to_vec());
        Value::Array(vec![Value::BulkString(host.into()), Value::Int(port), id])
    }

    fn here() -> Address {
        ("here".to_owned(), 7000)
    }

    #[test]
    fn the_slot_is_that_of_the_first_pair_of_braces_with_something_in_it() {
        // The first two are from the specification of Redis Cluster.
        assert_eq!(slot("123456789"), 0x31c3);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{bar}{zap}"), slot("bar"));
        assert_eq!(slot("foo{{bar}}zap"), slot("{bar"));
        for whole in ["foo{}{bar}", "foo{bar", "foo}bar{", "}{", ""] {
            assert_eq!(tag(whole), whole);
        }
    }

    #[test]
    fn an_answer_says_who_has_which_slots() {
        let reply = Value::Array(vec![
            Value::Array(vec![Value::Int(0), Value::Int(100), node("a", 1), node("b", 2)]),
            Value::Array(vec![Value::Int(101), Value::Int(16_383), node("", 3)]),
            Value::Array(vec![Value::Int(7), Value::Int(7), node("?", 4)]),
        ]);

        let range = |first, last, host: &str, port, replicas| Range {
            first,
            last,
            owner: (host.to_owned(), port),
            replicas,
        };
        let expected = [
            range(0, 100, "a", 1, vec![("b".to_owned(), 2)]),
            range(101, 16_383, "here", 3, vec![]),
        ];
        assert_eq!(ranges(&reply, &here()), Ok(expected.to_vec()));
    }

    #[test]
    fn what_is_no_such_answer_is_not_believed() {
        let range =
            |first, last, node| Value::Array(vec![Value::Int(first), Value::Int(last), node]);
        for bad in [
            Value::Okay,
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![Value::Array(vec![Value::Int(1), Value::Int(2)])]),
            Value::Array(vec![range(0, 16_384, node("a", 1))]),
            Value::Array(vec![range(-1, 5, node("a", 1))]),
            Value::Array(vec![range(0, 5, node("a", 65_536))]),
            Value::Array(vec![range(0, 5, Value::Nil)]),
        ] {
            assert_eq!(ranges(&bad, &here()), Err(StoreError::Protocol), "{bad:?}");
        }
    }
}
