//! Any text in the settings. Nothing is connected to.
//!
//! ```text
//!   input    lines: URL, sentinels, nodes, PEM, cookie name, path, SameSite, secret, minutes
//! ```
//!
//! | law |
//! |---|
//! | settings of Redis are refused by name, or make a store that shows no password |
//! | a `rediss://` URL is never taken without an authority to trust |
//! | what is taken into a Set-Cookie header adds no line and no attribute; prefixes are kept |
//! | a lifetime is a finite number above 0, or refused |
//! | a secret is what a trim in JavaScript leaves; the placeholder and the empty one make no key |
//! | a key prints nothing of itself |

#![no_main]

use libfuzzer_sys::fuzz_target;
use rudder_session::cookie::{CookieConfig, SameSite, SetCookie};
use rudder_session::{ConfigError, Key, Lifetime, RedisConfig, RedisStore, secret};

fuzz_target!(|input: &[u8]| {
    let Ok(input) = str::from_utf8(input) else { return };
    let mut lines = input.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    check_redis(next(), next(), next(), next());
    let cookie = (next(), next(), next());
    let configured = next();
    check_cookie(cookie, next());
    check_secret(configured, next());
});

fn check_redis(url: &str, sentinels: &str, nodes: &str, pem: &str) {
    let list =
        |text: &str| text.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    // Always some, or the authorities of the system would be read each time.
    let ca_pem = Some(pem.to_owned());
    let (sentinels, cluster_nodes) = (list(sentinels), list(nodes));
    let url = url.to_owned();
    let config = RedisConfig { url, ca_pem, sentinels, cluster_nodes, ..RedisConfig::default() };
    let is_tls = config.url.starts_with("rediss://") || config.url.starts_with("valkeys://");

    let password = password(&config.url).map(str::to_owned);
    let shows = |shown: String| password.as_ref().is_some_and(|it| shown.contains(it));
    assert!(!shows(format!("{config:?}")));
    match RedisStore::new(config) {
        Ok(store) => {
            assert!(!is_tls || pem.contains("-----BEGIN CERTIFICATE-----"));
            assert!(!shows(format!("{store:?}")));
        }
        Err(error) => assert!(matches!(
            error,
            ConfigError::ClusterDatabase
                | ConfigError::ClusterWithSentinels
                | ConfigError::InvalidCa
                | ConfigError::InvalidClusterNode
                | ConfigError::InvalidRedisUrl
                | ConfigError::InvalidSentinel
        )),
    }
}

/// What stands between the user and the host, if it is long enough to be told from other text.
fn password(url: &str) -> Option<&str> {
    let (before, _) = url.rsplit_once('@')?;
    let (_, password) = before.rsplit_once(':')?;
    (password.len() > 12).then_some(password)
}

fn check_cookie((name, path, same_site): (&str, &str, &str), minutes: &str) {
    let minutes = minutes.parse().unwrap_or(f64::NAN);
    let lifetime = Lifetime::from_minutes(minutes);
    assert!(lifetime.is_err() || (minutes.is_finite() && minutes > 0.0));
    let Ok(lifetime) = lifetime else { return };
    assert!(lifetime.ttl().as_seconds() >= 1);
    let Ok(same_site) = SameSite::parse(same_site) else {
        assert!(!["lax", "none", "strict"].contains(&same_site));
        return;
    };
    let config = CookieConfig {
        name: name.to_owned(),
        path: path.to_owned(),
        same_site,
        secure: name.len().is_multiple_of(2),
        http_only: true,
    };
    let Ok(writer) = SetCookie::new(&config, lifetime) else { return };

    let header = writer.header("VALUE");

    let is_secure = config.secure || same_site == SameSite::None;
    assert!(!header.chars().any(|c| c.is_ascii_control()));
    assert_eq!(header.matches(';').count(), 4 + usize::from(is_secure));
    assert!(header.starts_with(&format!("{name}=VALUE; Path={path}; Max-Age=")));
    assert_eq!(header.find('='), Some(name.len()));
    assert_eq!(header.ends_with("; Secure"), is_secure);
    let lower = name.to_ascii_lowercase();
    assert!(is_secure || !(lower.starts_with("__host-") || lower.starts_with("__secure-")));
    assert!(path == "/" || !lower.starts_with("__host-"));
}

fn check_secret(configured: &str, app_key: &str) {
    let resolved = secret::resolve(Some(configured), Some(app_key));
    assert!(!resolved.is_empty());
    assert_eq!(resolved, resolved.trim_matches(['\u{feff}', ' ', '\t', '\r']));
    let is_placeholder = resolved == secret::PLACEHOLDER;
    match Key::new(resolved) {
        Ok(key) => {
            assert!(!is_placeholder);
            assert_eq!(format!("{key:?}"), "Key(***)");
        }
        Err(error) => {
            assert_eq!((error, is_placeholder), (ConfigError::PlaceholderSecret, true));
        }
    }
}
