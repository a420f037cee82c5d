//! What a vector may ask of an implementation, whatever language it is reached through.
//!
//! All texts are bytes, as they would come over a wire. Time is an argument.

/// What an implementation says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Done; the text that came out, empty if there is none to give.
    Text(Vec<u8>),
    /// There is none: no such cookie, no such record.
    None,
    /// Refused, or failed: the name of the reason.
    Refused(String),
}

/// The settings of a cookie as a configuration spells them, good or bad.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// The cookie's name.
    pub name: Vec<u8>,
    /// The path it is sent for.
    pub path: Vec<u8>,
    /// `sameSite`, any text.
    pub same_site: String,
    /// `secure`
    pub secure: bool,
    /// `httpOnly`
    pub http_only: bool,
    /// `lifetime`, any number.
    pub lifetime_minutes: f64,
}

/// An implementation of the engine.
pub trait Engine {
    /// What its lines in a report start with.
    fn name(&self) -> &'static str;

    /// Signs `value` with `secret`.
    fn sign(&mut self, secret: &[u8], value: &[u8]) -> Answer;

    /// The part of `signed` that `secret` vouches for.
    fn verify(&mut self, secret: &[u8], signed: &[u8]) -> Answer;

    /// A payload as a cookie value that is good until `expires_at_ms`.
    fn encode(&mut self, secret: &[u8], payload: &[u8], expires_at_ms: f64) -> Answer;

    /// The payload in a cookie value.
    fn decode(&mut self, secret: &[u8], value: &[u8], now_ms: f64, reject_legacy: bool) -> Answer;

    /// The session id in a cookie value.
    fn decode_id(&mut self, secret: &[u8], value: &[u8]) -> Answer;

    /// The first cookie called `name` in a header.
    fn find_cookie(&mut self, header: &[u8], name: &[u8]) -> Answer;

    /// A `Set-Cookie` header.
    fn set_cookie(&mut self, settings: &CookieSettings, value: &[u8]) -> Answer;

    /// The secret to sign with.
    fn resolve_secret(&mut self, configured: Option<&[u8]>, app_key: Option<&[u8]>) -> Answer;

    /// Saves a payload in Redis.
    fn save(&mut self, redis: &Redis<'_>, payload: &[u8], ttl_seconds: u64) -> Answer;

    /// Loads a payload from Redis.
    fn load(&mut self, redis: &Redis<'_>, id: &[u8]) -> Answer;

    /// Destroys a record in Redis.
    fn destroy(&mut self, redis: &Redis<'_>, id: &[u8]) -> Answer;
}

/// Which Redis, and what stands before an id there.
#[derive(Clone, Copy, Debug)]
pub struct Redis<'a> {
    /// `redis://..`
    pub url: &'a str,
    /// The prefix of record names.
    pub prefix: &'a str,
}

/// How long a call to Redis may take: these cases are not about time.
pub const DEADLINE_MS: u32 = 10_000;
