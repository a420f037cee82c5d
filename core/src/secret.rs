//! Finds the secret that a RudderJS application signs with.
//!
//! ```text
//!   configured secret --trim--> not empty, not the placeholder?  that
//!   APP_KEY --cut one "base64:"--> --trim--> not empty?          that
//!   neither                                                      the public placeholder
//! ```
//!
//! A host in another language that shares sessions with such an application needs exactly these
//! rules: the text after `base64:` is the key as it stands, it is not decoded. Reads no
//! environment: the caller passes what it found there.

use crate::text::trim_js;

/// The secret that applications start with: public, so no key ring takes it.
pub const PLACEHOLDER: &str = "change-me-in-production";

/// Picks the secret from the configured one and the value of `APP_KEY`.
///
/// The result is [`PLACEHOLDER`] if there is neither; [`Key::new`](crate::Key::new) refuses
/// that, so a program cannot sign with it by oversight.
///
/// ```
/// use rudder_session::secret;
///
/// assert_eq!(secret::resolve(Some(" s3cret "), None), "s3cret");
/// assert_eq!(secret::resolve(None, Some("base64:Zm9vYmFy")), "Zm9vYmFy");
/// assert_eq!(secret::resolve(None, None), secret::PLACEHOLDER);
/// ```
pub fn resolve<'a>(configured: Option<&'a str>, app_key: Option<&'a str>) -> &'a str {
    let configured = trim_js(configured.unwrap_or_default());
    if !configured.is_empty() && configured != PLACEHOLDER {
        return configured;
    }
    let app_key = app_key.unwrap_or_default();
    let app_key = trim_js(app_key.strip_prefix("base64:").unwrap_or(app_key));
    if app_key.is_empty() { PLACEHOLDER } else { app_key }
}
