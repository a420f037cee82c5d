//! Finds a cookie in a `Cookie` header, and writes a `Set-Cookie` header.
//!
//! ```text
//!   a=1; sid=VALUE; b=2   --find-->   VALUE
//!   VALUE   --set_cookie-->   sid=VALUE; Path=/; Max-Age=7200; SameSite=lax; HttpOnly
//! ```
//!
//! Values are not decoded or unquoted: ours need neither. This file knows no key and no session.

use std::fmt::Write;

use crate::error::ConfigError;
use crate::text::trim_js_bytes;
use crate::time::Lifetime;

/// Finds the value of the first cookie in `header` that is called `name`, exactly.
///
/// `Some` with an empty value is a cookie without one; to a session it means the same as none.
///
/// ```
/// use rudder_session::cookie;
///
/// assert_eq!(cookie::find(b"a=1; sid=x.y; sid=z", b"sid"), Some(&b"x.y"[..]));
/// assert_eq!(cookie::find(b"xsid=1", b"sid"), None);
/// ```
pub fn find<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = Some(header);
    while let Some(pairs) = rest {
        let end = memchr::memchr(b';', pairs);
        let pair = &pairs[..end.unwrap_or(pairs.len())];
        if let Some(equals) = memchr::memchr(b'=', pair)
            && trim_js_bytes(&pair[..equals]) == name
        {
            return Some(trim_js_bytes(&pair[equals + 1..]));
        }
        rest = end.map(|end| &pairs[end + 1..]);
    }
    None
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SameSite {
    /// Sent on top-level navigation from other sites, not with their other requests.
    #[default]
    Lax,
    /// Sent with every request; browsers demand `Secure` with it, so it is always set.
    None,
    /// Never sent with a request from another site.
    Strict,
}

impl SameSite {
    /// Takes `lax`, `none` or `strict`, in lower case only.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSameSite`] for anything else: a `None` that is not understood
    /// would leave the cookie without `Secure`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        match text {
            "lax" => Ok(Self::Lax),
            "none" => Ok(Self::None),
            "strict" => Ok(Self::Strict),
            _ => Err(ConfigError::InvalidSameSite),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "lax",
            Self::None => "none",
            Self::Strict => "strict",
        }
    }
}

/// What a cookie is called and whom it is sent to, before it is checked.
///
/// The default is a cookie `sid` for the whole site, hidden from scripts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieConfig {
    /// The cookie's name. `__Host-` and `__Secure-` in front are promises that are checked.
    pub name: String,
    /// The path it is sent for, and all below it.
    pub path: String,
    /// Whether it is sent with requests from other sites.
    pub same_site: SameSite,
    /// Whether it is sent over TLS only.
    pub secure: bool,
    /// Whether scripts in the page cannot read it.
    pub http_only: bool,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self {
            name: "sid".to_owned(),
            path: "/".to_owned(),
            same_site: SameSite::Lax,
            secure: false,
            http_only: true,
        }
    }
}

/// Writes `Set-Cookie` headers for one checked configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetCookie {
    /// `name=`
    before: String,
    /// `; Path=..` and all that follows
    after: String,
}

impl SetCookie {
    /// Checks `config`, and prepares all of the header that does not change.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidCookieName`] if the name is empty or not a token of RFC 6265.
    /// - [`ConfigError::InvalidCookiePath`] if the path does not start with a slash, or holds
    ///   `;` or a control character.
    /// - [`ConfigError::InvalidCookiePrefix`] for a `__Secure-` name without `secure`, and a
    ///   `__Host-` name without `secure` or with another path than `/`.
    ///
    /// ```
    /// use rudder_session::cookie::{CookieConfig, SetCookie};
    /// use rudder_session::Lifetime;
    ///
    /// let writer = SetCookie::new(&CookieConfig::default(), Lifetime::from_minutes(120.0)?)?;
    /// let text = writer.header("VALUE");
    /// assert_eq!(text, "sid=VALUE; Path=/; Max-Age=7200; SameSite=lax; HttpOnly");
    /// # Ok::<(), rudder_session::ConfigError>(())
    /// ```
    pub fn new(config: &CookieConfig, lifetime: Lifetime) -> Result<Self, ConfigError> {
        let CookieConfig { name, path, same_site, http_only, .. } = config;
        let secure = config.secure || *same_site == SameSite::None;
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return Err(ConfigError::InvalidCookieName);
        }
        if !path.starts_with('/') || path.bytes().any(|b| b == b';' || b.is_ascii_control()) {
            return Err(ConfigError::InvalidCookiePath);
        }
        // Browsers compare the prefixes without regard to case.
        let has_prefix = |prefix: &str| {
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let host_broken = has_prefix("__Host-") && (!secure || path != "/");
        if host_broken || (has_prefix("__Secure-") && !secure) {
            return Err(ConfigError::InvalidCookiePrefix);
        }

        let max_age = lifetime.max_age_seconds();
        let mut after =
            format!("; Path={path}; Max-Age={max_age}; SameSite={}", same_site.as_str());
        after.push_str(if *http_only { "; HttpOnly" } else { "" });
        after.push_str(if secure { "; Secure" } else { "" });
        Ok(Self { before: format!("{name}="), after })
    }

    /// The text of a `Set-Cookie` header that sets the cookie to `value`.
    ///
    /// `value` is one that a codec made, and is written as it stands.
    pub fn header(&self, value: &str) -> String {
        [&self.before, value, &self.after].concat()
    }

    /// The text of a `Set-Cookie` header that makes the browser forget the cookie.
    pub fn removal(&self) -> String {
        let mut text = self.header("");
        // A later attribute of the same name wins.
        let _ = write!(text, "; Max-Age=0");
        text
    }
}

/// A `token` of RFC 7230, which RFC 6265 asks of a cookie's name.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(config: CookieConfig) -> Result<String, ConfigError> {
        SetCookie::new(&config, Lifetime::from_minutes(120.0)?).map(|it| it.header("v"))
    }

    fn named(name: &str) -> CookieConfig {
        CookieConfig { name: name.to_owned(), ..CookieConfig::default() }
    }

    #[test]
    fn same_site_none_is_always_secure() {
        let config = CookieConfig { same_site: SameSite::None, ..CookieConfig::default() };

        let expected = "sid=v; Path=/; Max-Age=7200; SameSite=none; HttpOnly; Secure";
        assert_eq!(text(config).as_deref(), Ok(expected));
    }

    #[test]
    fn nothing_that_could_end_an_attribute_gets_into_one() {
        for bad in ["", "a;b", "a b", "a\rb", "a\nb", "a=b", "a,b", "caf\u{e9}", "a\0", "a\"b"] {
            assert_eq!(text(named(bad)), Err(ConfigError::InvalidCookieName), "{bad:?}");
        }
        for bad in ["", "app", "/;", "/\r", "/\n", "/\0", "/\u{7f}"] {
            let config = CookieConfig { path: bad.to_owned(), ..CookieConfig::default() };
            assert_eq!(text(config), Err(ConfigError::InvalidCookiePath), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_is_held_to_its_promise() {
        let secure = |name: &str, path: &str| CookieConfig {
            secure: true,
            path: path.to_owned(),
            ..named(name)
        };

        assert_eq!(text(named("__Host-sid")), Err(ConfigError::InvalidCookiePrefix));
        assert_eq!(text(named("__secure-sid")), Err(ConfigError::InvalidCookiePrefix));
        assert_eq!(text(secure("__HOST-sid", "/app")), Err(ConfigError::InvalidCookiePrefix));
        assert!(text(secure("__Host-sid", "/")).is_ok());
        assert!(text(secure("__Secure-sid", "/app")).is_ok());
    }

    #[test]
    fn a_header_of_any_bytes_is_searched_without_harm() {
        assert_eq!(find(b"\xff=\xfe; sid=\xc3; ;=;", b"sid"), Some(&b"\xc3"[..]));
        assert_eq!(
            find(b"\xef\xbb\xbfsid\xc2\xa0=\xe2\x80\xa8x\xe3\x80\x80", b"sid"),
            Some(&b"x"[..])
        );
        assert_eq!(find(b"=v", b""), Some(&b"v"[..]));
        assert_eq!(find(b"sid", b"sid"), None);
    }
}
