//! Equipment for the laws that hold across crates, each of which has a file of its own beside
//! this crate's manifest.
//!
//! ```text
//!   redis_server     a real redis-server of one's own, gone when dropped
//!   sentinels        a master, its replica, and three sentinels that watch them
//!   clusters         three masters, a replica of each, and slots that move
//!   tls_server       a real redis-server with TLS, and the authority that vouches for it
//!   scripted_server  a server that misbehaves on purpose, at the byte where it is told to
//!   newer_redis      a server that compares and sets by itself
//!   proxy            spoils what passes between a client and a real server
//!   slow_link        makes the way to a server longer, and no narrower
//!   faults           what goes wrong then, in a short and a long version
//!   random           numbers that are the same in each run
//!   resp             the wire protocol of both, in a few lines
//!   json_text        any JSON in any spelling, and what is nearly JSON
//!   js               what JSON.parse and JSON.stringify would make of a text
//!   allocations      counts what a piece of code allocates
//!   vectors          recorded cases, run through Rust and through C
//! ```
//!
//! Nothing here is meant for anything but tests: it panics where a test should fail. With
//! SESSION_TEST_TRACE set, whatever is linked with it prints every event that anybody makes.

pub mod allocations;
pub mod clusters;
pub mod faults;
pub mod js;
pub mod json_text;
pub mod newer_redis;
pub mod proxy;
pub mod random;
pub mod redis_server;
pub mod resp;
pub mod scripted_server;
pub mod sentinels;
pub mod slow_link;
pub mod tls_server;
pub mod vectors;

use rudder_session_trace as _;
