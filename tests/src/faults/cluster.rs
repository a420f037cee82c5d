//! A cluster in motion: slots go from node to node, masters are killed and replicas take over.
//!
//! No acknowledged update is lost, no answer is another session's, and service returns by itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rudder_session::{RedisConfig, RedisStore, Store};

use super::Extent;
use super::callers::{Calling, call_during};
use super::offsets::Method;
use super::races::race;
use super::samples::{NOW, an_hour, id, stamped};
use crate::clusters::{Cluster, MASTERS};
use crate::random::Random;
use crate::resp::Reply;

/// Slots of all sessions move at random while many threads update, regenerate and destroy these.
/// None of the calls fails.
pub fn moving_slots(extent: Extent, method: Method) -> String {
    let cluster = Cluster::start();
    let user = match method {
        Method::Script => "",
        Method::Watch => cluster.without_scripts(),
    };
    let store = store(&cluster, user, 0, Duration::from_secs(60));
    let (ended, moves) = (AtomicBool::new(false), AtomicUsize::new(0));

    let shown = thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(extent.seed);
            while !ended.load(Ordering::SeqCst) {
                move_a_slot(&cluster, &mut random);
                moves.fetch_add(1, Ordering::SeqCst);
            }
        });
        let _ended = EndsWhenDropped(&ended);
        race(extent, &store)
    });

    let (moves, redirects) = (moves.into_inner(), store.incidents().redirects);
    assert!(moves > 10 && redirects > 10, "{moves} moves, {redirects} redirects");
    format!("{moves} slots moved, {redirects} redirects; {shown}")
}

/// Of one call while nodes come and go.
const DEADLINE: Duration = Duration::from_secs(1);

/// Masters are killed or stopped in turn while many threads call, and each time a replica takes
/// over; a write counts as done when a replica has it.
pub fn fail_overs(extent: Extent) -> String {
    let mut cluster = Cluster::start_with_fail_over();
    let store = store(&cluster, "", 1, DEADLINE);
    let calling = Calling { callers: 64, keeps: true, rest: Duration::from_millis(20) };
    let served = Duration::from_secs(30);
    let mut random = Random::new(extent.seed);
    let times = extent.pick(2, 8);

    let tally = call_during(&store, calling, |stage| {
        for time in 0..times {
            stage.everybody_is_served(served);
            // Of each pair one is the master.
            let pair = random.below(MASTERS);
            let is_master = |node: usize| cluster.is_master(node);
            let (master, replica) =
                if is_master(pair) { (pair, pair + MASTERS) } else { (pair + MASTERS, pair) };
            let is_killed = time % 2 == 0;
            if is_killed {
                cluster.kill(master);
            } else {
                cluster.nodes[master].stop();
            }
            cluster.await_promotion(replica);
            stage.everybody_is_served(served);
            if is_killed {
                cluster.restart_as_replica(master);
            } else {
                cluster.nodes[master].go_on();
                cluster.await_replica(master);
            }
        }
        stage.everybody_is_served(served);
    });

    let limit = DEADLINE + extent.slack();
    assert!(tally.worst <= limit, "a call took {:?}", tally.worst);
    for caller in 0..64 {
        let own = id(&format!("after-{caller}"));
        let payload = stamped(&own, caller, 0);
        assert_eq!(store.save(&payload, an_hour(), NOW), Ok(()));
        assert_eq!(store.load(&own, NOW), Ok(Some(payload)));
    }
    let incidents = store.incidents();
    assert_eq!((incidents.foreign_records, incidents.unreadable_records), (0, 0));
    format!(
        "{times} fail-overs; {} calls done, {} failed ({} at once), {} redirects; \
        worst call {} ms; 0 acknowledged writes lost",
        tally.done,
        tally.failed(),
        tally.failed_at_once,
        incidents.redirects,
        tally.worst.as_millis()
    )
}

fn move_a_slot(cluster: &Cluster, random: &mut Random) {
    // One with something in it.
    let from = random.below(MASTERS);
    let Reply::Bulk(name) = cluster.client(from).call(&["RANDOMKEY"]) else { return };
    let slot = cluster.slot(&String::from_utf8(name).expect("our names are text"));
    // What lies there may be left of a slot that it had.
    if cluster.owner(slot, from) != Some(from) {
        return;
    }
    let to = (from + 1 + random.below(MASTERS - 1)) % MASTERS;
    cluster.move_slot(slot, from, to);
}

fn store(cluster: &Cluster, user: &str, min_replicas: u32, deadline: Duration) -> RedisStore {
    let nodes = cluster.addresses();
    let url = format!("redis://{user}{}", nodes[0]);
    let cluster_nodes = nodes[1..].to_vec();
    let defaults = RedisConfig::default();
    RedisStore::new(RedisConfig { url, cluster_nodes, min_replicas, deadline, ..defaults })
        .expect("legal")
}

struct EndsWhenDropped<'a>(&'a AtomicBool);

impl Drop for EndsWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
