//! Knows which node has which slot, as far as anybody told.
//!
//! ```text
//!   CLUSTER SLOTS, asked of one node after the other --> install: all slots
//!   MOVED                                            --> learn: one slot
//! ```
//!
//! A node is kept, with its connections, as long as it has slots.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::nobody_has_it;
use super::slots::{Range, SLOTS, ranges};
use crate::error::StoreError;
use crate::store::incidents::RecordCheck;
use crate::store::redis::connection::Connection;
use crate::store::redis::endpoint::{Address, Endpoint};
use crate::store::redis::node::{Node, Usage};

/// A node that records are asked for, and where it is.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) address: Address,
    pub(super) node: Node,
}

/// What is known of a cluster.
pub(super) struct Map {
    endpoint: Endpoint,
    usage: Usage,
    records: Arc<RecordCheck>,
    /// Of each slot; `None` if it is nobody's, or nothing is known yet.
    owners: Vec<Option<Arc<Member>>>,
    members: HashMap<Address, Arc<Member>>,
    replicas: Vec<Address>,
    /// Refused calls of nodes that are gone.
    past_refusals: u64,
}

impl Map {
    pub(super) fn new(endpoint: Endpoint, usage: Usage, records: Arc<RecordCheck>) -> Self {
        Self {
            endpoint,
            usage,
            records,
            owners: vec![None; SLOTS],
            members: HashMap::new(),
            replicas: Vec::new(),
            past_refusals: 0,
        }
    }

    pub(super) fn owner(&self, slot: usize) -> Option<&Arc<Member>> {
        self.owners.get(slot)?.as_ref()
    }

    /// The node at `address`, whether it is known to have slots or not.
    pub(super) fn member(&mut self, address: Address) -> Arc<Member> {
        let Self { endpoint, usage, records, .. } = self;
        let member = self.members.entry(address).or_insert_with_key(|address| {
            let node = Node::new(&endpoint.at(address), usage, records);
            Arc::new(Member { address: address.clone(), node })
        });
        Arc::clone(member)
    }

    /// Takes down who has one slot.
    pub(super) fn learn(&mut self, slot: usize, owner: Arc<Member>) {
        if let Some(place) = self.owners.get_mut(slot) {
            *place = Some(owner);
        }
    }

    /// Takes down who has all slots, and forgets the nodes that have none.
    pub(super) fn install(&mut self, ranges: Vec<Range>) {
        self.owners.fill(None);
        self.replicas.clear();
        let mut in_use = HashMap::new();
        for Range { first, last, owner, replicas } in ranges {
            let owner = self.member(owner);
            for slot in first..=last {
                self.learn(slot, Arc::clone(&owner));
            }
            self.replicas.extend(replicas);
            in_use.insert(owner.address.clone(), owner);
        }
        for (address, member) in std::mem::replace(&mut self.members, in_use) {
            if !self.members.contains_key(&address) {
                self.past_refusals += member.node.refusals();
            }
        }
    }

    /// Calls that were refused without asking a server.
    pub(super) fn refusals(&self) -> u64 {
        let present = self.members.values().map(|member| member.node.refusals());
        self.past_refusals + present.sum::<u64>()
    }

    /// Whom to ask who has which slots: everybody that was ever named, each once.
    pub(super) fn sources(&self) -> Vec<Address> {
        let mut sources: Vec<Address> = Vec::new();
        let named = self.members.keys().chain(&self.replicas).chain(&self.endpoint.nodes);
        for address in named {
            if !sources.contains(address) {
                sources.push(address.clone());
            }
        }
        sources
    }
}

/// Asks the nodes at `sources` in turn who has which slots; the first that knows decides.
///
/// # Errors
///
/// What the last of them said.
pub(super) fn read(
    sources: &[Address],
    endpoint: &Endpoint,
    deadline: Instant,
) -> Result<Vec<Range>, StoreError> {
    let mut outcome = Err(StoreError::Unreachable);
    for (asked, source) in sources.iter().enumerate() {
        // One that does not answer leaves time for the others.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = (sources.len() - asked) as u32;
        outcome = ask(source, endpoint, Instant::now() + left / share);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn ask(source: &Address, endpoint: &Endpoint, deadline: Instant) -> Result<Vec<Range>, StoreError> {
    let mut connection = Connection::open(&endpoint.at(source), deadline)?;
    let reply = connection.command(redis::cmd("CLUSTER").arg("SLOTS"), deadline)?;
    let ranges = ranges(&reply, source)?;
    if ranges.is_empty() {
        // It left the cluster, or has not joined it.
        return Err(nobody_has_it());
    }
    Ok(ranges)
}
