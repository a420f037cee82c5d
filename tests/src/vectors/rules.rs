//! Says where we differ from the original on purpose, by general rules and not by case.
//!
//! Each rule looks at the *input* of a case and gives the reason, or `None` where the original's
//! behaviour is ours too. What we do instead is: refuse, at construction for settings.

use super::engine::CookieSettings;

/// Why a secret that the original signs with is refused.
pub fn secret(secret: &[u8]) -> Option<&'static str> {
    match secret {
        b"" => Some("an empty secret is refused at construction"),
        b"change-me-in-production" => Some("the public placeholder is refused at construction"),
        _ => None,
    }
}

/// Why a signature that the original's lenient decoder takes is refused.
pub fn signature(text: &[u8]) -> Option<&'static str> {
    let is_ours = text.len() == 43 && is_canonical(text);
    (!is_ours).then_some("a signature is 43 canonical base64url characters, or it is refused")
}

/// Why a signed envelope that the original's lenient decoder takes is refused.
pub fn envelope(text: &[u8]) -> Option<&'static str> {
    (!is_canonical(text)).then_some("an envelope is canonical base64url, or it is refused")
}

/// Why an id that the original would ask Redis for is refused.
pub fn session_id(id: &[u8]) -> Option<&'static str> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let can_name_a_record = (1..=128).contains(&id.len()) && id.iter().all(legal);
    (!can_name_a_record).then_some("an id that cannot name a record is refused before the store")
}

/// Why the settings of a cookie that the original writes down are refused.
pub fn cookie(settings: &CookieSettings) -> Option<&'static str> {
    let CookieSettings { name, path, same_site, secure, lifetime_minutes, .. } = settings;
    let secure = *secure || same_site == "none";
    let starts_with = |prefix: &[u8]| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if lifetime(*lifetime_minutes).is_some() {
        lifetime(*lifetime_minutes)
    } else if !["lax", "strict", "none"].contains(&same_site.as_str()) {
        Some("sameSite is lax, strict or none, or it is refused at construction")
    } else if name.is_empty() || !name.iter().all(is_token_byte) {
        Some("an empty or illegal cookie name is refused at construction")
    } else if !path.starts_with(b"/") || path.iter().any(|b| *b == b';' || b.is_ascii_control()) {
        Some("an illegal cookie path is refused at construction")
    } else if (starts_with(b"__Host-") && !(secure && path == b"/"))
        || (starts_with(b"__Secure-") && !secure)
    {
        Some("a __Host- or __Secure- name is held to its rules at construction")
    } else {
        None
    }
}

/// Why a lifetime in minutes is refused.
pub fn lifetime(minutes: f64) -> Option<&'static str> {
    let is_ours = minutes > 0.0 && minutes <= 40_000.0 * 24.0 * 60.0;
    (!is_ours).then_some("a lifetime is a finite number of minutes above 0, or it is refused")
}

/// Whether `text` is what an encoder of base64url without padding writes.
fn is_canonical(text: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = |byte: &u8| ALPHABET.iter().position(|it| it == byte);
    let last = text.last().and_then(value).unwrap_or(0);
    let stray_bits = match text.len() % 4 {
        0 => 0,
        2 => last & 0b1111,
        3 => last & 0b11,
        _ => return false,
    };
    text.iter().all(|byte| value(byte).is_some()) && stray_bits == 0
}

/// A `token` of RFC 7230.
fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid() -> CookieSettings {
        CookieSettings {
            name: b"sid".to_vec(),
            path: b"/".to_vec(),
            same_site: "lax".to_owned(),
            secure: false,
            http_only: true,
            lifetime_minutes: 120.0,
        }
    }

    #[test]
    fn no_rule_speaks_where_the_original_is_followed() {
        assert_eq!(secret(b"s"), None);
        assert_eq!(signature("A".repeat(43).as_bytes()), None);
        assert_eq!(envelope(b"ew"), None);
        assert_eq!(session_id(b"3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f"), None);
        assert_eq!(cookie(&sid()), None);
        let host = CookieSettings { name: b"__Host-s".to_vec(), secure: true, ..sid() };
        assert_eq!(cookie(&host), None);
    }

    #[test]
    fn each_deliberate_difference_has_a_rule() {
        assert!(secret(b"").is_some() && secret(b"change-me-in-production").is_some());
        for bad in [42, 44]
            .map(|len| "A".repeat(len))
            .into_iter()
            .chain(["B", "=", "+", "/", " ", "\n"].map(|last| "A".repeat(42) + last))
        {
            assert!(signature(bad.as_bytes()).is_some(), "{bad:?}");
        }
        for bad in [&b"ew=="[..], b"ex", b"e", b"e.w", b"AAA+"] {
            assert!(envelope(bad).is_some(), "{bad:?}");
        }
        for bad in [&b""[..], b"a b", b"../x", &[b'a'; 129]] {
            assert!(session_id(bad).is_some());
        }
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(lifetime(bad).is_some(), "{bad}");
        }
        for bad in [
            CookieSettings { name: b"".to_vec(), ..sid() },
            CookieSettings { name: b"a b".to_vec(), ..sid() },
            CookieSettings { name: b"__Host-sid".to_vec(), ..sid() },
            CookieSettings { path: b"app".to_vec(), ..sid() },
            CookieSettings { path: b"/\n".to_vec(), ..sid() },
            CookieSettings { same_site: "None".to_owned(), ..sid() },
            CookieSettings { lifetime_minutes: f64::NAN, ..sid() },
        ] {
            assert!(cookie(&bad).is_some(), "{bad:?}");
        }
    }
}
