//! The Node addon: a thin layer over [`rudder_session`].
//!
//! ```text
//!   codec     NativeCodec: synchronous calls
//!   store     StoreCalls: submits calls to a store
//!   answers   brings the answers to JavaScript's thread, many at a time
//!   options   how a store is set up
//!   stats     what a store did
//!   fault     errors of the engine as JavaScript errors with a `code`
//! ```
//!
//! Nothing here knows cookie headers, flash or dirtiness, nor makes a promise: that is
//! TypeScript. Every exported function catches panics, and no call occupies a thread of libuv.

mod answers;
mod codec;
mod fault;
mod options;
mod stats;
mod store;
