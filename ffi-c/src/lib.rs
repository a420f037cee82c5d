//! The engine as a C library: `librudder_session`.
//!
//! ```text
//!   status     what a call came to, as a pinned number
//!   buffer     rsess_buf (owned), rsess_slice (borrowed)
//!   codec      rsess_codec: cookie value <-> payload or session id
//!   store      rsess_store: in memory, in a file, or in Redis
//!   record     session id <-> payload through a store, in one step
//!   update     a payload onto what was loaded: nobody's write is lost, no logout is undone
//!   figures    what a store has done so far
//!   payload    the record of a session, as JSON text
//!   cookie     the Cookie and Set-Cookie headers, the secret of an application
//!   clock      the system's time, for callers who have no better one
//!   version    which library this is
//!   home       which process an object belongs to
//!   boundary   every raw pointer that comes in or goes out, and the one `catch_unwind`
//! ```
//!
//! Modules are flat and free of macros and `cfg`: cbindgen sees neither, and what it does not
//! see is not in the header. Their doc comments are written for readers of C, since they become
//! `include/rudder_session.h`. Each function translates arguments, calls the engine once and
//! translates what comes back; it decides nothing about sessions.

// C names are what this crate is for.
#![allow(non_camel_case_types)]

mod boundary;
pub mod buffer;
pub mod clock;
pub mod codec;
#[cfg(test)]
mod contract;
pub mod cookie;
pub mod figures;
mod home;
pub mod payload;
pub mod record;
pub mod status;
pub mod store;
pub mod update;
pub mod version;
