//! Scenarios in which something goes wrong, each in a short and a long version.
//!
//! ```text
//!   outage      the server is stopped, killed, paused, or throws everybody out
//!   refusals    the server is there, and answers with errors
//!   offsets     a connection breaks at each byte of each operation
//!   cuts        many threads, and connections that break at random
//!   soak        the same for as long as wanted, the other stores too; memory stays flat
//!   cluster     slots move and nodes are killed while many threads call
//!   races       many threads update, regenerate and destroy the same sessions
//!   crash       a process that writes into a file store is killed
//!   damage      the file itself is cut short or changed
//!   timing      somebody measures how long a refusal takes
//! ```
//!
//! A scenario panics where it fails, and otherwise says what it saw. `cargo test` runs short versions
//! of most, `make test-faults` the long ones.

pub mod callers;
pub mod cluster;
pub mod crash;
pub mod cuts;
pub mod damage;
pub mod offsets;
pub mod outage;
pub mod races;
pub mod refusals;
pub mod samples;
pub mod soak;
pub mod timing;

use std::time::Duration;

/// How much a scenario does, and with which random numbers.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// All that is random follows from it, but for the order in which threads run.
    pub seed: u64,
    /// Whether to run the long version, on a machine that does little else: deadlines are then
    /// held to the millisecond.
    pub is_long: bool,
}

impl Extent {
    /// For a test among others, on a machine that may be busy.
    pub const SHORT: Self = Self { seed: 0x5eed, is_long: false };

    /// The value for this extent.
    pub fn pick<T>(self, short: T, long: T) -> T {
        if self.is_long { long } else { short }
    }

    /// How much later than its deadline a call may end. What the engine promises in the long
    /// version; in the short one a guard against calls that hang, and no measure.
    fn slack(self) -> Duration {
        self.pick(Duration::from_secs(2), Duration::from_millis(50))
    }
}
