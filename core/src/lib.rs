//! HTTP sessions as an engine: signs, verifies, encodes, loads and saves.
//!
//! ```text
//! in    cookie value -> verify -> decode -> Payload                 the session is in the cookie
//!                              -> SessionId -> store.load -> Payload            it is in a store
//! out   Payload -> encode -> sign -> cookie value
//!       Payload -> store.update; SessionId -> sign -> cookie value
//! ```
//!
//! [`CookieCodec`] is the pure half: no clock, no I/O. ([`HardenedCodec`] has a safer format.) A [`Store`] is the other half: in memory
//! ([`MemoryStore`]), in a file ([`FileStore`]) or in Redis ([`RedisStore`]). The formats on the wire are those of
//! `@rudderjs/session`, byte for byte; `DESIGN.md` describes them.
//!
//! Errors are sorted by who is at fault: [`DecodeError`] the client, [`ConfigError`] and
//! [`PayloadError`] the caller, [`StoreError`] the system.
//!
//! # A request from end to end
//!
//! ```
//! use rudder_session::{CookieCodec, KeyRing, Lifetime, MemoryConfig, MemoryStore, Payload};
//! use rudder_session::{SessionId, Store, UnixMillis, cookie, store::Updated};
//!
//! let codec = CookieCodec::new(KeyRing::from_secrets(["0123456789abcdef0123456789abcdef"])?);
//! let store = MemoryStore::new(MemoryConfig::default())?;
//! let lifetime = Lifetime::from_minutes(120.0)?;
//! let now = UnixMillis::now();
//!
//! // Login: a new session, saved, and its id signed for the browser.
//! let id = SessionId::random()?;
//! let mut session = Payload::new(&id);
//! session.put("user", &"alice")?;
//! store.create(&session, lifetime.ttl(), now)?;
//! let header = format!("theme=dark; sid={}", codec.encode_id(&id));
//!
//! // The next request brings the cookie back.
//! let value = cookie::find(header.as_bytes(), b"sid").expect("sent");
//! let id = codec.decode_id(std::str::from_utf8(value)?)?;
//! let loaded = store.load(&id, now)?.expect("saved");
//! assert_eq!(loaded.get::<String>("user")?.as_deref(), Some("alice"));
//!
//! // Saving goes onto what was loaded: it merges with what others wrote meanwhile, and never
//! // brings back a session that was logged out.
//! let mut session = loaded.clone();
//! session.put("visits", &1)?;
//! assert_eq!(store.update(&loaded, &session, lifetime.ttl(), now)?, Updated::Saved);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod batch;
mod canonical;
mod codec;
pub mod cookie;
mod envelope;
mod error;
mod events;
mod hardened;
mod json;
mod key_ring;
mod limits;
mod mac;
mod merge;
mod payload;
mod rotating;
pub mod secret;
mod session_id;
mod signature;
pub mod store;
mod text;
mod time;
mod timeouts;
mod typed;
pub mod users;

#[cfg(test)]
use rudder_session_trace as _;

pub use canonical::MemberFinder;
pub use codec::{CookieCodec, LegacyCookies};
pub use error::{
    ConfigError, DecodeError, EncodeError, OpenError, PayloadError, StoreError, UsersError,
};
pub use hardened::{HardenedCodec, HardenedConfig, HardenedKey, Origin};
pub use key_ring::{Key, KeyRing};
pub use limits::Limits;
pub use payload::{Payload, SessionHandle, UserMark};
pub use rotating::{Current, Rotating};
pub use session_id::SessionId;
pub use store::{
    Durability, FileConfig, FileStore, MemoryConfig, MemoryStore, RedisConfig, RedisStore, Store,
};
pub use time::{Lifetime, Ttl, UnixMillis};
pub use timeouts::Timeouts;
pub use users::{UserSessions, UserSessionsConfig};
