//! Says who is at fault when something goes wrong.
//!
//! ```text
//!   DecodeError    the client's bytes      ordinary traffic: answer with a fresh session
//!   ConfigError    the caller's settings   found at construction, names the field
//!   PayloadError   the caller's JSON       found before anything is signed or stored
//!   EncodeError    the caller or the system   a cookie value of the hardened format
//!   OpenError      the system              an embedded store's file
//!   StoreError     the system              store, pool, randomness: never "no session"
//!   UsersError     the caller, the user or the system   the sessions of a user
//! ```
//!
//! No message of any of them holds a key, a cookie value, a session id or session data, so
//! all are safe to log.

use crate::secret::SecretError;

/// A cookie value was refused: **the client's** bytes are at fault.
///
/// This is ordinary traffic, not a fault of the server. Answer every variant alike, with a
/// fresh session; the difference between them is for logs and tests, and must not reach the
/// client.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No key in the ring made the signature, or it is not spelled as we spell it.
    ///
    /// Tampering, or a key that was removed from the ring too early.
    #[error("signature does not match")]
    BadSignature,

    /// The signature holds, but `now` is past the expiry that was signed.
    #[error("cookie expired")]
    Expired,

    /// The signature holds and the payload is ours, but it carries no expiry.
    ///
    /// Only with [`LegacyCookies::Reject`](crate::LegacyCookies::Reject).
    #[error("cookie carries no expiry")]
    Legacy,

    /// The signature holds, but what was signed is neither a session payload nor an id.
    ///
    /// Seen in practice when two programs share a key, or when an application changed its
    /// driver: what one driver signs means nothing to the other.
    #[error("signed value is not a session")]
    Malformed,

    /// The value does not begin as those of the format that is configured do.
    ///
    /// Only of a [`HardenedCodec`](crate::HardenedCodec): a value of v1 that is not, or no longer,
    /// to be accepted, or one of another kind.
    #[error("cookie value is of another format")]
    OtherFormat,

    /// There is no `.` to divide the value from its signature.
    #[error("cookie value is not signed")]
    Unsigned,
}

/// A value of the hardened format could not be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The id is not one of 256 bits: see [`SessionId::random_256`](crate::SessionId::random_256).
    #[error("session id is not one of 256 bits")]
    InvalidId,

    /// The text to be signed is no payload.
    #[error(transparent)]
    Payload(#[from] PayloadError),

    /// The operating system gave no random bytes, which encryption needs.
    #[error("operating system gave no random bytes")]
    Randomness,
}

/// A setting was refused: **the caller's** configuration is at fault.
///
/// Found when a key ring, a store or a cookie is constructed, never later.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The nodes of a cluster have one database, number 0.
    #[error("redis cluster has no database but 0")]
    ClusterDatabase,

    /// A server is found by sentinels or by the other nodes of its cluster, not by both.
    #[error("redis cluster nodes and sentinels exclude each other")]
    ClusterWithSentinels,

    /// A deadline of zero would refuse every call.
    #[error("deadline must be longer than zero")]
    Deadline,

    /// An empty key signs nothing that a stranger could not sign too.
    #[error("secret must not be empty")]
    EmptyKey,

    /// Without a key nothing can be signed.
    #[error("secret must name at least one key")]
    EmptyKeyRing,

    /// There is no certificate authority to trust: the PEM text holds none, or the system has
    /// none.
    #[error("redis ca must hold at least one certificate in PEM")]
    InvalidCa,

    /// A node of a cluster is named by its host, and its port if that is not 6379.
    #[error("redis cluster node must be host or host:port")]
    InvalidClusterNode,

    /// The cookie name is not a token of RFC 6265.
    #[error("cookie name must be one or more visible ASCII characters without separators")]
    InvalidCookieName,

    /// The cookie path could end the attribute, or does not start with a slash.
    #[error("cookie path must start with / and hold no ; and no control character")]
    InvalidCookiePath,

    /// The `__Host-` or `__Secure-` prefix asks for attributes that are not set.
    #[error("cookie name has a prefix whose rules the other cookie settings break")]
    InvalidCookiePrefix,

    /// A lifetime is a finite number of minutes above zero, at most 400 days times 100.
    #[error("lifetime must be a finite number of minutes above 0")]
    InvalidLifetime,

    /// The URL of the Redis server does not parse.
    #[error("redis url must be redis[s]://[user:password@]host[:port][/db] or redis+unix:///path")]
    InvalidRedisUrl,

    /// `SameSite` is one of `lax`, `strict` and `none`, in lower case.
    #[error("cookie sameSite must be lax, strict or none")]
    InvalidSameSite,

    /// A sentinel is named by its host, and its port if that is not 26379.
    #[error("redis sentinel must be host or host:port")]
    InvalidSentinel,

    /// A bound of zero would hold nothing.
    #[error("memory bound must be above 0")]
    MemoryBound,

    /// The placeholder is public: whoever reads the documentation can sign with it.
    #[error("secret is the public placeholder; set one of your own")]
    PlaceholderSecret,

    /// Padding goes up to whole multiples of 1 to 4,096 bytes.
    #[error("padding must be to a multiple of 1 to 4096 bytes")]
    Padding,

    /// A pool needs between 1 and 1,024 connections.
    #[error("pool size must be 1 to 1024 connections")]
    PoolSize,

    /// Sessions would end with the secret that signs them, and none could be made any more.
    #[error("secret that signs cannot have an end: only retired ones have")]
    PrimaryEnds,

    /// A share is a number from 0 to 1.
    #[error("touch share must be a number from 0 to 1")]
    TouchShare,

    /// A TTL is at least one second, and small enough for every store.
    #[error("ttl must be 1 to 3456000000 seconds")]
    Ttl,

    /// A secret could not be read from where it should be.
    #[error("{0}")]
    UnreadableSecret(SecretError),
}

impl ConfigError {
    /// The name of the setting that is at fault, as the configuration spells it.
    pub fn field(&self) -> &'static str {
        match self {
            Self::ClusterDatabase => "redis.url",
            Self::ClusterWithSentinels | Self::InvalidClusterNode => "redis.cluster",
            Self::Deadline => "redis.deadline",
            Self::EmptyKey
            | Self::EmptyKeyRing
            | Self::PlaceholderSecret
            | Self::PrimaryEnds
            | Self::UnreadableSecret(_) => "secret",
            Self::InvalidCa => "redis.ca",
            Self::InvalidCookieName | Self::InvalidCookiePrefix => "cookie.name",
            Self::InvalidCookiePath => "cookie.path",
            Self::InvalidLifetime => "lifetime",
            Self::InvalidRedisUrl => "redis.url",
            Self::InvalidSentinel => "redis.sentinels",
            Self::InvalidSameSite => "cookie.sameSite",
            Self::MemoryBound => "memory.maxBytes",
            Self::Padding => "padTo",
            Self::PoolSize => "redis.poolSize",
            Self::TouchShare => "touchBelow",
            Self::Ttl => "ttl",
        }
    }
}

/// A piece of JSON was refused: **the caller's** value is at fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The value of the key does not have the shape that was asked for.
    #[error("value has another type than the one asked for")]
    Mismatch,

    /// The text is not a JSON object with an `id` that is a string.
    #[error("payload must be a JSON object whose id is a string")]
    NotAPayload,

    /// The text is not JSON.
    #[error("value is not JSON")]
    NotJson,

    /// The value nests deeper than typed reading follows.
    ///
    /// It is still carried, and can be had as text.
    #[error("value nests deeper than 128 levels")]
    TooDeep,

    /// The whole payload is longer than may be saved: see [`Limits`](crate::Limits).
    #[error("session has {bytes} bytes, more than the {limit} that it may have")]
    TooManyBytes {
        /// What it has.
        bytes: usize,
        /// What it may have.
        limit: usize,
    },

    /// The data and the flash values have more keys than may be saved: see
    /// [`Limits`](crate::Limits).
    #[error("session has {count} keys, more than the {limit} that it may have")]
    TooManyKeys {
        /// What they have.
        count: usize,
        /// What they may have.
        limit: usize,
    },

    /// A value nests deeper than may be saved: see [`Limits`](crate::Limits).
    #[error("value has {depth} levels of arrays and objects, more than the {limit} it may have")]
    TooNested {
        /// What it has.
        depth: usize,
        /// What it may have.
        limit: usize,
    },

    /// The value cannot be written as JSON.
    ///
    /// A map whose keys are not strings, or a `Serialize` that failed.
    #[error("value cannot be written as JSON")]
    Unserialisable,
}

/// The file of an embedded store could not be opened; it is left as it is, but for a repair that
/// was begun in one that had not been closed in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is one of ours, but something else has changed it.
    #[error("session file is damaged")]
    Damaged,

    /// The file is something else, or of another version.
    #[error("file exists, and is not a session file of this version")]
    Foreign,

    /// Another process has the file open, or this one has already.
    #[error("session file is in use")]
    InUse,

    /// The system does not let us: no such folder, no permission, no space.
    #[error("session file cannot be opened: {0}")]
    Io(std::io::ErrorKind),
}

impl OpenError {
    /// Whether opening the same file may succeed later, with nothing changed on the caller's
    /// side.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::InUse)
    }
}

/// A store could not do what it was asked for: **the system** is at fault.
///
/// Never treat one of these as "no session": the user's session may be alive and well in a
/// store that is out of reach for a second.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// All connections of the pool were in use until the deadline.
    #[error("no connection of the pool came free within the deadline")]
    Busy,

    /// Other requests changed the session again and again while this one tried to.
    #[error("session was changed by others too often in a row")]
    Conflict,

    /// The connection ended in the middle of a call.
    ///
    /// A write may or may not have been done.
    #[error("connection to the store was lost during the call")]
    Disconnected,

    /// The payload's id cannot name a record.
    ///
    /// See [`SessionId::parse`](crate::SessionId::parse) for what can.
    #[error("payload has an id that cannot name a record")]
    InvalidId,

    /// The write is done, but fewer replicas have it than were asked for.
    ///
    /// If its server is lost before they have, so is the write.
    #[error("write is done, but only {acknowledged} replicas acknowledged it in time")]
    NotReplicated {
        /// How many replicas are known to have it.
        acknowledged: u32,
    },

    /// More calls wait for the store than may.
    #[error("too many calls are waiting for the store")]
    Overloaded,

    /// The store sent a reply that does not belong to what was asked.
    #[error("store sent a reply that makes no sense here")]
    Protocol,

    /// The operating system gave no random bytes.
    #[error("operating system gave no random bytes")]
    Randomness,

    /// The store answered with an error; `code` is its first word, such as `WRONGTYPE`.
    ///
    /// `CLUSTERDOWN` also if no node of a cluster is found that has the record.
    #[error("store refused the command: {code}")]
    Rejected {
        /// The error's first word. The rest is left out: it may quote what was sent.
        code: String,
    },

    /// The file of an embedded store could not be read or written: a full or failing disk, or a
    /// file that something else has written into.
    #[error("file of the store could not be read or written")]
    Storage,

    /// The call did not end within its deadline.
    ///
    /// A write may or may not have been done.
    #[error("store did not answer within the deadline")]
    TimedOut,

    /// The payload is larger than the whole store may grow.
    #[error("payload is larger than the store's bound")]
    TooLarge,

    /// No connection could be made.
    #[error("store is out of reach")]
    Unreachable,

    /// The server could not prove who it is: its certificate is of no authority that is trusted,
    /// for another name, or out of date; or it does not speak TLS.
    #[error("server of the store could not prove who it is")]
    Untrusted,
}

impl StoreError {
    /// Whether the same call may succeed later, with nothing changed on the caller's side.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy
            | Self::Conflict
            | Self::Disconnected
            | Self::NotReplicated { .. }
            | Self::Overloaded
            | Self::TimedOut
            | Self::Unreachable => true,
            Self::Rejected { code } => {
                let passing =
                    ["BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "OOM", "READONLY", "TRYAGAIN"];
                passing.contains(&code.as_str())
            }
            Self::InvalidId
            | Self::Protocol
            | Self::Randomness
            | Self::Storage
            | Self::TooLarge
            | Self::Untrusted => false,
        }
    }
}

/// The sessions of a user could not be listed, ended or added to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// What names the user is not 1 to 256 bytes: **the caller's** fault.
    #[error("user key must be 1 to 256 bytes")]
    InvalidUser,

    /// Nobody is signed in to the session, or it has been ended in the meantime.
    #[error("nobody is signed in to the session")]
    NotSignedIn,

    /// The store cannot say, or could not be told: **the system** is at fault.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// The user has as many sessions as may be.
    ///
    /// Only with [`WhenFull::Refuse`](crate::users::WhenFull::Refuse).
    #[error("user has as many sessions as may be")]
    TooManySessions,
}
