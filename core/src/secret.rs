//! Finds the secrets that an application signs with.
//!
//! ```text
//!   configured secret --trim--> not empty, not the placeholder?  that
//!   APP_KEY --cut one "base64:"--> --trim--> not empty?          that
//!   neither                                                      the public placeholder
//! ```
//!
//! A host in another language that shares sessions with a RudderJS application needs exactly these
//! rules: the text after `base64:` is the key as it stands, it is not decoded. They read no
//! environment: the caller passes what it found there. A [`SecretSource`] does.

mod source;

use crate::text::trim_js;

pub use source::{Secret, SecretError, SecretSource};

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

/// Whether a secret is easy to guess: less than 32 bytes, or so few different characters that it
/// cannot have been made at random.
///
/// ```
/// use rudder_session::secret;
///
/// assert!(secret::is_weak("a pet's name"));
/// assert!(secret::is_weak("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
/// assert!(!secret::is_weak("0123456789abcdef0123456789abcdef"));
/// ```
pub fn is_weak(secret: &str) -> bool {
    // Nothing of the secret is copied.
    let is_first = |(at, character): &(usize, char)| !secret[..*at].contains(*character);
    let different = secret.char_indices().filter(is_first).take(STRONG_CHARACTERS).count();
    secret.len() < STRONG_BYTES || different < STRONG_CHARACTERS
}

const STRONG_BYTES: usize = 32;
const STRONG_CHARACTERS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_secret_goes_before_the_key_of_the_application_unless_it_is_none() {
        let key = Some("base64:key");
        for (configured, expected) in [
            (Some(" own\u{feff}"), "own"),
            (Some(" change-me-in-production "), "key"),
            (Some(" \n"), "key"),
            (None, "key"),
        ] {
            assert_eq!(resolve(configured, key), expected, "{configured:?}");
        }
        for (app_key, expected) in [
            (Some("base64:base64:key"), "base64:key"),
            (Some(" base64:key"), "base64:key"),
            (Some("base64: "), PLACEHOLDER),
            (Some(""), PLACEHOLDER),
            (None, PLACEHOLDER),
        ] {
            assert_eq!(resolve(None, app_key), expected, "{app_key:?}");
        }
    }

    #[test]
    fn a_secret_is_strong_from_32_bytes_and_8_different_characters_on() {
        let eight = "01234567".repeat(4);

        assert!(!is_weak(&eight));
        assert!(is_weak(&eight[..31]));
        assert!(is_weak(&eight.replace('7', "6")));
        assert!(is_weak(""));
        assert!(!is_weak(&"\u{e9}01234567".repeat(4)));
    }
}
