//! A wrong setting is refused where it is set, by an error that names it.

use std::time::Duration;

use rudder_session::cookie::{CookieConfig, SameSite, SetCookie};
use rudder_session::{ConfigError, Key, KeyRing, Lifetime, MemoryConfig, MemoryStore, RedisConfig};
use rudder_session::{RedisStore, Ttl, secret};
use rudder_session_trace as _;

#[test]
fn a_secret_that_protects_nothing_is_refused() {
    let ring = |secrets: &[&str]| KeyRing::from_secrets(secrets).map(drop);

    names("secret", ring(&[]), ConfigError::EmptyKeyRing);
    names("secret", ring(&[""]), ConfigError::EmptyKey);
    names("secret", ring(&["good", ""]), ConfigError::EmptyKey);
    names("secret", ring(&[secret::PLACEHOLDER]), ConfigError::PlaceholderSecret);
    names("secret", ring(&["good", secret::PLACEHOLDER]), ConfigError::PlaceholderSecret);
    names("secret", Key::new([]).map(drop), ConfigError::EmptyKey);
    // What the resolving of nothing gives is not accepted either.
    names("secret", ring(&[secret::resolve(None, None)]), ConfigError::PlaceholderSecret);
    assert_eq!(ring(&["k"]), Ok(()));
}

#[test]
fn a_lifetime_that_is_no_time_is_refused() {
    let minutes = |minutes| Lifetime::from_minutes(minutes).map(drop);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -1.0, f64::MAX, 57_600_001.0]
    {
        names("lifetime", minutes(bad), ConfigError::InvalidLifetime);
    }
    for good in [f64::MIN_POSITIVE, 0.5, 120.0, 57_600_000.0] {
        assert_eq!(minutes(good), Ok(()), "{good}");
    }
}

#[test]
fn a_ttl_that_some_store_takes_for_ever_or_for_gone_is_refused() {
    let seconds = |seconds| Ttl::from_seconds(seconds).map(drop);

    names("ttl", seconds(0), ConfigError::Ttl);
    names("ttl", seconds(3_456_000_001), ConfigError::Ttl);
    names("ttl", seconds(u64::MAX), ConfigError::Ttl);
    assert_eq!((seconds(1), seconds(3_456_000_000)), (Ok(()), Ok(())));
}

#[test]
fn a_cookie_that_browsers_would_misread_is_refused() {
    let cookie = |config: CookieConfig| {
        SetCookie::new(&config, Lifetime::from_minutes(1.0).expect("legal")).map(drop)
    };
    let name = |name: &str| CookieConfig { name: name.to_owned(), ..CookieConfig::default() };
    let path = |path: &str| CookieConfig { path: path.to_owned(), ..CookieConfig::default() };

    for bad in ["", "a;b", "a\r\nSet-Cookie: b", "a=b", "a b", "a,b", "\u{e9}", "a\0"] {
        names("cookie.name", cookie(name(bad)), ConfigError::InvalidCookieName);
    }
    for bad in ["__Host-sid", "__Secure-sid", "__host-sid"] {
        names("cookie.name", cookie(name(bad)), ConfigError::InvalidCookiePrefix);
    }
    for bad in ["", "app", "/;Domain=evil", "/\r\n", "/\0", "\u{a0}/"] {
        names("cookie.path", cookie(path(bad)), ConfigError::InvalidCookiePath);
    }
    for bad in ["", "Lax", "NONE", "None", "strict ", "undefined", "lax;x", "lax\r\n"] {
        let parsed = SameSite::parse(bad).map(drop);
        names("cookie.sameSite", parsed, ConfigError::InvalidSameSite);
    }
    assert_eq!(cookie(CookieConfig::default()), Ok(()));
}

#[test]
fn a_redis_that_cannot_be_meant_is_refused_without_connecting() {
    let redis = |config: RedisConfig| RedisStore::new(config).map(drop);
    let url = |url: &str| RedisConfig { url: url.to_owned(), ..RedisConfig::default() };
    let pool = |pool_size| RedisConfig { pool_size, ..RedisConfig::default() };
    let deadline = |deadline| RedisConfig { deadline, ..RedisConfig::default() };

    for bad in
        ["", "localhost:6379", "http://localhost", "redis://", "redis://h:99999", "redis://h/x"]
    {
        names("redis.url", redis(url(bad)), ConfigError::InvalidRedisUrl);
    }
    names("redis.poolSize", redis(pool(0)), ConfigError::PoolSize);
    names("redis.poolSize", redis(pool(1025)), ConfigError::PoolSize);
    names("redis.deadline", redis(deadline(Duration::ZERO)), ConfigError::Deadline);
    names("redis.deadline", redis(deadline(Duration::MAX)), ConfigError::Deadline);
    // Nobody is there, and nobody was asked.
    assert_eq!(redis(url("redis://127.0.0.1:1")), Ok(()));
}

#[test]
fn a_cluster_that_cannot_be_meant_is_refused_without_connecting() {
    let cluster = |url: &str, node: &str, sentinels: &[&str]| {
        let (url, cluster_nodes) = (url.to_owned(), vec![node.to_owned()]);
        let sentinels = sentinels.iter().map(|&it| it.to_owned()).collect();
        let config = RedisConfig { url, cluster_nodes, sentinels, ..RedisConfig::default() };
        RedisStore::new(config).map(drop)
    };

    for bad in ["", "h:x", "redis://h", "h/1"] {
        let refused = cluster("redis://h", bad, &[]);
        names("redis.cluster", refused, ConfigError::InvalidClusterNode);
    }
    let both = cluster("redis://h", "h", &["h"]);
    names("redis.cluster", both, ConfigError::ClusterWithSentinels);
    let second = cluster("redis://h/2", "h", &[]);
    names("redis.url", second, ConfigError::ClusterDatabase);
    assert_eq!(cluster("redis://127.0.0.1:1", "127.0.0.1:2", &[]), Ok(()));
}

#[test]
fn tls_without_an_authority_to_trust_is_refused() {
    let ca_pem = Some("no certificate".to_owned());
    let config = RedisConfig { url: "rediss://h".to_owned(), ca_pem, ..RedisConfig::default() };

    names("redis.ca", RedisStore::new(config).map(drop), ConfigError::InvalidCa);
}

#[test]
fn a_memory_store_without_memory_is_refused() {
    let memory =
        MemoryStore::new(MemoryConfig { max_bytes: 0, ..MemoryConfig::default() }).map(drop);

    names("memory.maxBytes", memory, ConfigError::MemoryBound);
}

/// Checks that a setting was refused, and that both the error and its text say which one.
fn names(field: &str, outcome: Result<(), ConfigError>, expected: ConfigError) {
    let error = outcome.expect_err(field);
    assert_eq!((error, error.field()), (expected, field));

    let message = error.to_string();
    let last_word = field.rsplit('.').next().expect("a word");
    let spoken = match last_word {
        "poolSize" => "pool size",
        "maxBytes" => "memory bound",
        // Of a URL, the error may name the part that is wrong.
        "url" if expected == ConfigError::ClusterDatabase => "database",
        other => other,
    };
    assert!(message.contains(spoken), "{message:?} does not name {field}");
    assert!(!message.ends_with('.') && message.is_ascii(), "{message:?}");
}
