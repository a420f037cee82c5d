//! Starts a Redis Cluster: three masters, and a replica of each.
//!
//! ```text
//!   node 0   slots     0 ..  5460   <-- node 3 replicates
//!   node 1   slots  5461 .. 10922   <-- node 4
//!   node 2   slots 10923 .. 16383   <-- node 5
//! ```
//!
//! Slots can be moved, in one piece or step by step, and nodes killed. A node that is lost leaves the
//! slots of the others in service (`cluster-require-full-coverage no`).

use std::sync::LazyLock;

use crate::redis_server::{RedisServer, await_that, free_port};
use crate::resp::{Client, Reply};

/// How many masters there are at first, and how many replicas.
pub const MASTERS: usize = 3;

/// A cluster of one's own; all nodes end when it is dropped.
pub struct Cluster {
    /// The nodes, masters first.
    pub nodes: Vec<RedisServer>,
    ids: Vec<String>,
}

impl Cluster {
    /// Starts the nodes; returns when all of them know of all, and the replicas are in step.
    ///
    /// No replica takes over: on a busy machine a node that is only slow would count as lost.
    pub fn start() -> Self {
        Self::with_node_timeout("600000")
    }

    /// The same, but a replica takes over soon after its master is lost.
    pub fn start_with_fail_over() -> Self {
        // Not so short that a busy machine looks like a loss at once.
        Self::with_node_timeout("1500")
    }

    /// After so many milliseconds a node counts as lost.
    fn with_node_timeout(millis: &str) -> Self {
        let nodes: Vec<_> = (0..2 * MASTERS).map(|_| start_node(millis)).collect();
        let ids = nodes.iter().map(|it| it.client().call(&["CLUSTER", "MYID"]).text()).collect();
        let cluster = Self { nodes, ids };
        for number in 0..MASTERS {
            let share = |of: usize| (of * 16_384 + 1) / MASTERS;
            let (first, last) = (share(number).to_string(), (share(number + 1) - 1).to_string());
            cluster.tell(number, &["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
        for (number, node) in cluster.nodes.iter().enumerate() {
            // Each of its own from the start, or they have to agree on who changes.
            cluster.tell(number, &["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            let bus = node.client().call(&["CONFIG", "GET", "cluster-port"]);
            let Reply::Array(bus) = bus else { panic!("no setting: {bus:?}") };
            let port = node.port().to_string();
            cluster.tell(0, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus[1].text()]);
        }
        cluster.await_all(|info| info.contains("cluster_known_nodes:6\r\n"));
        for number in 0..MASTERS {
            let master = &cluster.ids[number];
            await_that(|| {
                let replicate = ["CLUSTER", "REPLICATE", master];
                is_ok(&cluster.client(MASTERS + number).call(&replicate))
            });
        }
        cluster.await_all(|info| info.contains("cluster_state:ok"));
        // Not before it is known to all is a replica one that can take over.
        for number in 0..MASTERS {
            cluster.await_replica(MASTERS + number);
            let replicas = ["CLUSTER", "REPLICAS", &cluster.ids[number]];
            for node in &cluster.nodes {
                await_that(
                    || matches!(node.client().call(&replicas), Reply::Array(found) if found.len() == 1),
                );
            }
        }
        cluster
    }

    /// A cluster that all tests of a process have in common, and that nobody harms.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Cluster> = LazyLock::new(|| {
            let cluster = Cluster::start();
            cluster.nodes.iter().for_each(RedisServer::end_with_this_process);
            cluster
        });
        &SHARED
    }

    /// `host:port` of each node.
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect()
    }

    /// A plain client of one node.
    pub fn client(&self, number: usize) -> Client {
        self.nodes[number].client()
    }

    /// The slot that the record `name` is in, as the servers see it.
    pub fn slot(&self, name: &str) -> usize {
        let reply = self.client(0).call(&["CLUSTER", "KEYSLOT", name]);
        let Reply::Integer(slot) = reply else { panic!("no slot: {reply:?}") };
        slot as usize
    }

    /// The node that has `slot`, as node `witness` sees it.
    pub fn owner(&self, slot: usize, witness: usize) -> Option<usize> {
        let reply = self.nodes[witness].client().call(&["CLUSTER", "SLOTS"]);
        let Reply::Array(ranges) = reply else { panic!("no ranges: {reply:?}") };
        let owner = ranges.iter().find_map(|range| {
            let Reply::Array(parts) = range else { return None };
            let [Reply::Integer(first), Reply::Integer(last), Reply::Array(owner), ..] = &parts[..]
            else {
                return None;
            };
            (*first..=*last).contains(&(slot as i64)).then(|| owner[2].text())
        })?;
        self.ids.iter().position(|id| *id == owner)
    }

    /// What is stored under `name`, wherever it is.
    pub fn record(&self, name: &str) -> Option<String> {
        self.nodes.iter().find_map(|node| {
            // Replicas, and masters of other slots, say MOVED.
            let reply =
                Client::try_connect(node.port()).and_then(|mut it| it.try_call(&["GET", name]));
            match reply {
                Ok(Reply::Bulk(bytes)) => Some(String::from_utf8(bytes).expect("text")),
                _ => None,
            }
        })
    }

    /// Moves a slot with all that is in it.
    pub fn move_slot(&self, slot: usize, from: usize, to: usize) {
        self.begin_move(slot, from, to);
        self.move_records(slot, from, to);
        self.end_move(slot, to);
    }

    /// Opens a slot to a move: what is not at `from` any more is to be looked for at `to`.
    pub fn begin_move(&self, slot: usize, from: usize, to: usize) {
        let slot = slot.to_string();
        self.tell(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.ids[from]]);
        self.tell(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.ids[to]]);
    }

    /// Moves the records of a slot that is open to it.
    pub fn move_records(&self, slot: usize, from: usize, to: usize) {
        let slot = slot.to_string();
        let mut client = self.client(from);
        loop {
            let names = client.call(&["CLUSTER", "GETKEYSINSLOT", &slot, "10"]);
            let Reply::Array(names) = names else { panic!("no records: {names:?}") };
            if names.is_empty() {
                return;
            }
            names.iter().for_each(|name| self.move_record(&name.text(), from, to));
        }
    }

    /// Moves one record of a slot that is open to a move.
    pub fn move_record(&self, name: &str, from: usize, to: usize) {
        let port = self.nodes[to].port().to_string();
        let migrate = ["MIGRATE", "127.0.0.1", &port, name, "0", "10000", "REPLACE"];
        let moved = self.client(from).call(&migrate);
        // It may have been destroyed since.
        assert!(matches!(moved.text().as_str(), "OK" | "NOKEY"), "{moved:?}");
    }

    /// Closes a slot that was open to a move: it is `to`'s. Returns when all masters see it so.
    pub fn end_move(&self, slot: usize, to: usize) {
        let slot = slot.to_string();
        // The new owner first, or nobody has it for a moment.
        for number in std::iter::once(to).chain((0..MASTERS).filter(|it| *it != to)) {
            self.tell(number, &["CLUSTER", "SETSLOT", &slot, "NODE", &self.ids[to]]);
        }
        // A move that begins before everybody knows the number of this one may get the same number,
        // and two owners.
        await_that(|| (1..MASTERS).all(|number| self.view(number) == self.view(0)));
    }

    /// Who has which slots, and since when, as node `witness` sees it.
    fn view(&self, witness: usize) -> Vec<String> {
        let nodes = self.client(witness).call(&["CLUSTER", "NODES"]).text();
        let masters = nodes.lines().filter(|line| line.contains("master")).map(|line| {
            let fields: Vec<_> = line.split(' ').collect();
            // Name and epoch, then the slots; not those that are open to a move.
            let slots = fields[8..].iter().filter(|it| !it.starts_with('['));
            [&fields[0], &fields[6]].into_iter().chain(slots).copied().collect::<Vec<_>>().join(" ")
        });
        let mut masters: Vec<_> = masters.collect();
        masters.sort();
        masters
    }

    /// Lets a user in at each node who may run the commands that a store needs, and no scripts; the
    /// part of a URL that says so.
    pub fn without_scripts(&self) -> &'static str {
        let setting = "ACL SETUSER sessions on >secret ~session:* resetchannels \
            +get +set +del +expire +pttl +watch +unwatch +multi +exec +cluster|slots +asking +wait";
        for number in 0..self.nodes.len() {
            self.tell(number, &setting.split(' ').collect::<Vec<_>>());
        }
        "sessions:secret@"
    }

    /// Whether node `number` says that it is a master.
    pub fn is_master(&self, number: usize) -> bool {
        let role = self.client(number).try_call(&["ROLE"]);
        role.is_ok_and(|reply| reply.text().starts_with("master"))
    }

    /// Kills node `number`.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].kill();
    }

    /// Starts node `number` again; returns when it is the replica of whoever has its slots now.
    pub fn restart_as_replica(&mut self, number: usize) {
        self.nodes[number].restart();
        self.await_replica(number);
    }

    /// Waits until `number` is a master.
    pub fn await_promotion(&self, number: usize) {
        await_that(|| self.is_master(number));
    }

    /// Waits until `number` is a replica that is in step.
    pub fn await_replica(&self, number: usize) {
        await_that(|| {
            let mut client = self.nodes[number].client();
            let role = client.try_call(&["ROLE"]).map(|reply| reply.text()).unwrap_or_default();
            role.starts_with("slave") && role.contains(" connected ")
        });
    }

    fn await_all(&self, is_so: impl Fn(&str) -> bool) {
        for node in &self.nodes {
            await_that(|| is_so(&node.client().call(&["CLUSTER", "INFO"]).text()));
        }
    }

    fn tell(&self, number: usize, command: &[&str]) {
        let reply = self.client(number).call(command);
        assert!(is_ok(&reply), "{command:?}: {reply:?}");
    }
}

fn is_ok(reply: &Reply) -> bool {
    *reply == Reply::Simple("OK".to_owned())
}

fn start_node(timeout_ms: &str) -> RedisServer {
    // Of its own, since the usual one, ten thousand above, may be no port at all.
    let bus = free_port().to_string();
    let arguments = [
        ["--cluster-enabled", "yes"],
        ["--cluster-port", &bus],
        ["--cluster-node-timeout", timeout_ms],
        ["--cluster-require-full-coverage", "no"],
        ["--cluster-replica-validity-factor", "0"],
        ["--cluster-allow-replica-migration", "no"],
        ["--repl-diskless-sync-delay", "0"],
    ];
    RedisServer::start_with(&arguments.concat())
}
