//! The Node addon: a thin layer over [`rudder_session`].
//!
//! ```text
//!   bound     functions with native state of their own
//!   codec     NativeCodec: synchronous calls
//!   members   finds the members of payloads in their text
//!   store     StoreCalls: submits calls to a store
//!   answers   brings the answers to JavaScript's thread, many at a time
//!   options   how a store is set up
//!   stats     what a store did
//!   values    JavaScript values of what is answered
//!   fault     errors of the engine as JavaScript errors with a `code`
//! ```
//!
//! Nothing here knows cookie headers, flash or dirtiness, nor makes a promise: that is
//! TypeScript. Every exported function catches panics, and no call occupies a thread of libuv.

#![allow(unreachable_pub, reason = "what napi exports must be `pub`")]
#![cfg_attr(test, allow(dead_code, reason = "nothing is exported from the tests"))]

mod answers;
mod bound;
mod codec;
mod fault;
mod hardened;
#[cfg_attr(test, allow(dead_code, reason = "nothing is exported from the tests"))]
#[allow(unreachable_pub, reason = "a function that napi exports must be `pub`")]
mod members;
mod options;
mod stats;
mod store;
mod values;

#[cfg(test)]
use rudder_session_trace as _;
