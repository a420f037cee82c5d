//! The engine as a C library: `librudder_session`.
//!
//! ```text
//!   config     rsess_config: settings by name
//!   engine     rsess_engine: all that the requests of an application share
//!   session    rsess_session: the session of one request
//!   devices    the sessions of its user: sign in, list, end
//!   commit     saving it, and the Set-Cookie header for it
//!   queue      rsess_queue: the same for event loops, which do not wait
//!   engine_users  the same of any user, for administrators
//!   error      rsess_error: what went wrong, in words
//!
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
//!   users      the way to the indexes of users
//!   verdicts   who was live a moment ago
//!   store_settings  the settings of a store
//!   work       what a request asks of a store, waiting for it or not
//!   state      what a session is between its load and its commit
//!   completions  what a queue is made of
//!   operation  one load or commit of a queue, from its start to its completion
//!   causes     which status an error of the engine is
//!   boundary   every raw pointer that comes in or is lent, and the one `catch_unwind`
//!   out        where results are written
//! ```
//!
//! Modules are free of macros and `cfg`: cbindgen sees neither, nor a file that `tests/header.rs`
//! does not name, and what it does not see is not in the header. Their doc comments are written
//! for readers of C, since they become `include/rudder_session.h`. The functions of the second
//! group translate arguments, call the engine once and translate what comes back. Those of the
//! first put these steps together, once for all hosts; when a session is saved is decided in
//! `state`, by its `plan`.

// C names are what this crate is for.
#![allow(non_camel_case_types)]

mod boundary;
pub mod buffer;
mod causes;
pub mod clock;
pub mod codec;
pub mod commit;
mod completions;
pub mod config;
#[cfg(test)]
mod contract;
pub mod cookie;
pub mod devices;
pub mod engine;
pub mod engine_users;
pub mod error;
pub mod figures;
mod format;
mod home;
mod operation;
mod out;
pub mod payload;
pub mod queue;
pub mod record;
pub mod session;
mod state;
pub mod status;
pub mod store;
mod store_settings;
pub mod update;
mod users;
mod verdicts;
pub mod version;
mod work;

#[cfg(test)]
use rudder_session_trace as _;
