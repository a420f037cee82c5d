//! The engine as Rust calls it.

use std::time::Duration;

use rudder_session::cookie::{self, CookieConfig, SameSite, SetCookie};
use rudder_session::{CookieCodec, KeyRing, LegacyCookies, Lifetime, Payload, RedisConfig};
use rudder_session::{RedisStore, SessionId, Store, Ttl, UnixMillis, secret};

use super::engine::{Answer, CookieSettings, DEADLINE_MS, Engine, Redis};

/// The engine as Rust calls it.
pub struct RustEngine;

impl Engine for RustEngine {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn sign(&mut self, secret: &[u8], value: &[u8]) -> Answer {
        answer(|| Ok(codec(secret)?.sign(str::from_utf8(value)?)))
    }

    fn verify(&mut self, secret: &[u8], signed: &[u8]) -> Answer {
        answer(|| Ok(codec(secret)?.verify(str::from_utf8(signed)?)?.to_owned()))
    }

    fn encode(&mut self, secret: &[u8], payload: &[u8], expires_at_ms: f64) -> Answer {
        answer(|| {
            let payload = Payload::parse(str::from_utf8(payload)?)?;
            let expires_at = UnixMillis::from_f64(expires_at_ms).ok_or("no instant")?;
            Ok(codec(secret)?.encode(&payload, expires_at))
        })
    }

    fn decode(&mut self, secret: &[u8], value: &[u8], now_ms: f64, reject_legacy: bool) -> Answer {
        answer(|| {
            let legacy = if reject_legacy { LegacyCookies::Reject } else { LegacyCookies::Accept };
            let now = UnixMillis::from_f64(now_ms).ok_or("no instant")?;
            let payload = codec(secret)?.decode(str::from_utf8(value)?, now, legacy)?;
            Ok(payload.as_json().to_owned())
        })
    }

    fn decode_id(&mut self, secret: &[u8], value: &[u8]) -> Answer {
        answer(|| Ok(codec(secret)?.decode_id(str::from_utf8(value)?)?.as_str().to_owned()))
    }

    fn find_cookie(&mut self, header: &[u8], name: &[u8]) -> Answer {
        cookie::find(header, name).map_or(Answer::None, |value| Answer::Text(value.to_vec()))
    }

    fn set_cookie(&mut self, settings: &CookieSettings, value: &[u8]) -> Answer {
        let config = || -> Fallible<CookieConfig> {
            Ok(CookieConfig {
                name: String::from_utf8(settings.name.clone())?,
                path: String::from_utf8(settings.path.clone())?,
                same_site: SameSite::parse(&settings.same_site)?,
                secure: settings.secure,
                http_only: settings.http_only,
            })
        };
        answer(|| {
            let lifetime = Lifetime::from_minutes(settings.lifetime_minutes)?;
            Ok(SetCookie::new(&config()?, lifetime)?.header(str::from_utf8(value)?))
        })
    }

    fn resolve_secret(&mut self, configured: Option<&[u8]>, app_key: Option<&[u8]>) -> Answer {
        answer(|| {
            let configured = configured.map(str::from_utf8).transpose()?;
            let app_key = app_key.map(str::from_utf8).transpose()?;
            Ok(secret::resolve(configured, app_key).to_owned())
        })
    }

    fn save(&mut self, redis: &Redis<'_>, payload: &[u8], ttl_seconds: u64) -> Answer {
        answer(|| {
            let payload = Payload::parse(str::from_utf8(payload)?)?;
            store(redis)?.save(&payload, Ttl::from_seconds(ttl_seconds)?, UnixMillis::now())?;
            Ok(String::new())
        })
    }

    fn load(&mut self, redis: &Redis<'_>, id: &[u8]) -> Answer {
        let loaded = outcome(|| Ok(store(redis)?.load(&parse_id(id)?, UnixMillis::now())?));
        match loaded {
            Ok(Some(payload)) => Answer::Text(payload.as_json().into()),
            Ok(None) => Answer::None,
            Err(error) => error,
        }
    }

    fn destroy(&mut self, redis: &Redis<'_>, id: &[u8]) -> Answer {
        answer(|| {
            store(redis)?.destroy(&parse_id(id)?)?;
            Ok(String::new())
        })
    }
}

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn answer(work: impl FnOnce() -> Fallible<String>) -> Answer {
    outcome(work).map_or_else(|refused| refused, |text| Answer::Text(text.into_bytes()))
}

fn outcome<T>(work: impl FnOnce() -> Fallible<T>) -> Result<T, Answer> {
    work().map_err(|error| {
        // The setting's name is what a case may ask for.
        let field = error.downcast_ref::<rudder_session::ConfigError>().map(|it| it.field());
        Answer::Refused(format!("{} {error:?}", field.unwrap_or_default()))
    })
}

fn codec(secret: &[u8]) -> Fallible<CookieCodec> {
    Ok(CookieCodec::new(KeyRing::from_secrets([secret])?))
}

fn store(redis: &Redis<'_>) -> Fallible<RedisStore> {
    let deadline = Duration::from_millis(DEADLINE_MS.into());
    let (url, prefix) = (redis.url.to_owned(), redis.prefix.to_owned());
    Ok(RedisStore::new(RedisConfig {
        url,
        prefix,
        pool_size: 1,
        deadline,
        ..RedisConfig::default()
    })?)
}

fn parse_id(id: &[u8]) -> Fallible<SessionId> {
    Ok(SessionId::parse(str::from_utf8(id)?).ok_or("InvalidId")?)
}
