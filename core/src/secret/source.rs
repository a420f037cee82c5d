//! Reads secrets from where an operator keeps them.
//!
//! ```text
//!   text                 the secret itself
//!   environment NAME     one secret
//!   file                 one in each line, the newest first
//!                 each without white space around it, and with the source's end, if it has one
//! ```
//!
//! Nothing is watched: who has changed a file says so, see [`Rotating`](crate::Rotating).

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::{env, fmt};

use zeroize::Zeroizing;

use crate::text::trim_js;
use crate::time::UnixMillis;

/// Where one secret is, or several.
///
/// ```
/// use rudder_session::secret::{SecretError, SecretSource};
///
/// let text = SecretSource::text("0123456789abcdef0123456789abcdef");
/// assert_eq!(text.read()?[0].expose(), "0123456789abcdef0123456789abcdef");
///
/// let absent = SecretSource::env("NOBODY_HAS_SET_THIS");
/// assert_eq!(absent.read().unwrap_err(), SecretError::Absent);
/// # Ok::<(), SecretError>(())
/// ```
#[derive(Clone)]
pub struct SecretSource {
    place: Place,
    until: Option<UnixMillis>,
}

impl SecretSource {
    /// The environment variable `name`.
    pub fn env(name: impl Into<String>) -> Self {
        Self::at(Place::Env(name.into()))
    }

    /// The file at `path`, with a secret in each line, the newest first. Empty lines are none.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::File(path.into()))
    }

    /// The secret itself, as it stands: white space around it belongs to it.
    pub fn text(secret: impl Into<String>) -> Self {
        Self::at(Place::Text(Zeroizing::new(secret.into())))
    }

    /// The same, of which nothing is accepted after `until`.
    pub fn until(self, until: UnixMillis) -> Self {
        Self { until: Some(until), ..self }
    }

    /// Reads what is there now: at least one secret.
    ///
    /// # Errors
    ///
    /// Each variant of [`SecretError`].
    pub fn read(&self) -> Result<Vec<Secret>, SecretError> {
        let secret =
            |text: &str| Secret { text: Zeroizing::new(text.to_owned()), until: self.until };
        let text = match &self.place {
            Place::Text(text) => return Ok(vec![secret(text)]),
            Place::Env(name) => read_env(name)?,
            Place::File(path) => read_file(path)?,
        };
        let lines = match &self.place {
            Place::File(_) => text.split('\n').map(trim_js).filter(|it| !it.is_empty()).collect(),
            _ => vec![trim_js(&text)],
        };
        if lines.iter().all(|line| line.is_empty()) {
            return Err(SecretError::Empty);
        }
        Ok(lines.into_iter().map(secret).collect())
    }

    /// Whether reading again may give something else.
    pub(crate) fn can_change(&self) -> bool {
        !matches!(self.place, Place::Text(_))
    }

    fn at(place: Place) -> Self {
        Self { place, until: None }
    }
}

/// Names the kind of the place and nothing else: a name may be a secret that was misplaced.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Env(_) => "env",
            Place::File(_) => "file",
            Place::Text(_) => "text",
        };
        f.debug_struct("SecretSource").field("place", &place).field("until", &self.until).finish()
    }
}

/// A secret that was read; wiped when dropped.
pub struct Secret {
    text: Zeroizing<String>,
    until: Option<UnixMillis>,
}

impl Secret {
    /// The secret.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The last instant at which it verifies; no end if there is none.
    pub fn until(&self) -> Option<UnixMillis> {
        self.until
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A secret could not be read from its source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment has no such variable.
    #[error("environment has no variable of that name")]
    Absent,

    /// There is nothing but white space.
    #[error("there is no secret in it")]
    Empty,

    /// What is there is not UTF-8.
    #[error("secret is not text in UTF-8")]
    NotText,

    /// The file has more than 64 KiB: it is another one.
    #[error("file of secrets has more than 64 KiB")]
    TooLarge,

    /// The file cannot be read.
    #[error("file of secrets cannot be read: {0}")]
    Unreadable(io::ErrorKind),
}

#[derive(Clone)]
enum Place {
    Env(String),
    File(PathBuf),
    Text(Zeroizing<String>),
}

fn read_env(name: &str) -> Result<Zeroizing<String>, SecretError> {
    let value = env::var_os(name).ok_or(SecretError::Absent)?;
    value.into_string().map(Zeroizing::new).map_err(|_| SecretError::NotText)
}

fn read_file(path: &PathBuf) -> Result<Zeroizing<String>, SecretError> {
    let unreadable = |error: io::Error| SecretError::Unreadable(error.kind());
    // One byte more than may be, and at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES + 1));
    let mut file = File::open(path).map_err(unreadable)?.take(MAX_FILE_BYTES as u64 + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(SecretError::TooLarge);
    }
    let text = str::from_utf8(&bytes).map_err(|_| SecretError::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

const MAX_FILE_BYTES: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is read from a file with these bytes.
    fn read(bytes: &[u8]) -> Result<Vec<String>, SecretError> {
        let number = std::thread::current().id();
        let path = env::temp_dir().join(format!("secrets-{}-{number:?}", std::process::id()));
        fs::write(&path, bytes).expect("it is writable");
        let secrets = SecretSource::file(&path).read();
        fs::remove_file(&path).expect("it is there");
        secrets.map(|it| it.iter().map(|secret| secret.expose().to_owned()).collect())
    }

    #[test]
    fn a_file_has_a_secret_in_each_line() {
        assert_eq!(read(b"new\nold"), Ok(vec!["new".to_owned(), "old".to_owned()]));
        assert_eq!(read("\u{feff} new \r\n\r\n\told\r\n".as_bytes()).map(|it| it.len()), Ok(2));
        assert_eq!(read("\u{feff}new\r\n".as_bytes()), Ok(vec!["new".to_owned()]));
        assert_eq!(read(&[b'x'; MAX_FILE_BYTES]).map(|it| it[0].len()), Ok(MAX_FILE_BYTES));
    }

    #[test]
    fn what_is_no_list_of_secrets_is_refused() {
        assert_eq!(read(b""), Err(SecretError::Empty));
        assert_eq!(read(b" \r\n\n"), Err(SecretError::Empty));
        assert_eq!(read(b"new\n\xff"), Err(SecretError::NotText));
        assert_eq!(read(&[b'x'; MAX_FILE_BYTES + 1]), Err(SecretError::TooLarge));

        let refused = |path| SecretSource::file(path).read().map(drop).unwrap_err();
        let absent = env::temp_dir().join("no such folder").join("secrets");
        assert_eq!(refused(absent), SecretError::Unreadable(io::ErrorKind::NotFound));
        assert!(matches!(refused(env::temp_dir()), SecretError::Unreadable(_)));
    }

    #[test]
    fn a_variable_is_one_secret() {
        // Cargo sets it, and an environment is not to be written to beside other threads.
        let name = SecretSource::env("CARGO_PKG_NAME").until(UnixMillis::new(5));
        let secrets = name.read().expect("it is set");

        assert_eq!(secrets.len(), 1);
        assert_eq!(secrets[0].expose(), env!("CARGO_PKG_NAME"));
        assert_eq!(secrets[0].until(), Some(UnixMillis::new(5)));
        for name in ["", "=", "A=B", "NUL\0"] {
            assert_eq!(SecretSource::env(name).read().map(drop), Err(SecretError::Absent));
        }
    }

    #[test]
    fn nothing_shows_what_a_source_is() {
        let text = SecretSource::text("tell-nobody");
        let secret = text.read().expect("it is there");

        for shown in [
            format!("{text:?} {secret:?}"),
            format!("{:?}", SecretSource::file("tell-nobody")),
            format!("{:?}", SecretSource::env("tell-nobody")),
        ] {
            assert!(!shown.contains("tell-nobody"), "{shown}");
        }
    }
}
