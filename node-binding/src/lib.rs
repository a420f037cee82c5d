//! The Node addon: a thin layer over [`rudder_session`].
//!
//! ```text
//!   codec     NativeCodec: synchronous calls
//!   store     NativeStore: calls that return promises
//!   threads   the I/O threads that a store's calls run on
//!   fault     errors of the engine as JavaScript errors with a `code`
//! ```
//!
//! Nothing here knows cookie headers, flash or dirtiness: that is TypeScript. Every exported
//! function catches panics, and no call occupies a thread of libuv.

mod codec;
mod fault;
mod store;
mod threads;
