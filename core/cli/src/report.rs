//! What a command found: as text, as JSON, and as an exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use rudder_session::secret::SecretError;
use rudder_session::{ConfigError, OpenError, StoreError, UsersError};
use serde::Serialize;

/// What a command found.
pub(crate) trait Report: Display {
    /// The same as one JSON object.
    fn to_json(&self) -> String;

    /// Whether all is well.
    fn is_well(&self) -> bool;

    fn exit_code(&self) -> ExitCode {
        if self.is_well() { ExitCode::SUCCESS } else { ExitCode::from(NOT_WELL) }
    }
}

/// JSON text of what is made of strings, numbers and lists only.
pub(crate) fn json(found: &impl Serialize) -> String {
    serde_json::to_string_pretty(found).unwrap_or_default()
}

/// Writes one text and the end of its last line to standard output.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    out.flush()
}

/// Why a command found nothing out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("no {0}: name it by --secret-file, --secret-env or the environment (SESSION_SECRET)")]
    Absent(&'static str),
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("standard input: {0}")]
    Input(io::Error),
    #[error("{0}: there is no such file")]
    NoFile(PathBuf),
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("standard output: {0}")]
    Output(io::Error),
    #[error("{0}: {1}")]
    ReadFile(PathBuf, io::Error),
    /// Without the client's own words: they quote what was sent.
    #[error("redis cannot be asked: {0}")]
    Redis(String),
    #[error("{0}: {1}")]
    Secrets(String, SecretError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Usage(&'static str),
    #[error("{0}")]
    Users(#[from] UsersError),
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Absent(_)
            | Self::Config(_)
            | Self::NoFile(_)
            | Self::ReadFile(..)
            | Self::Secrets(..)
            | Self::Usage(_)
            | Self::Users(UsersError::InvalidUser) => WRONG_USE,
            Self::Input(_)
            | Self::Open(_)
            | Self::Output(_)
            | Self::Redis(_)
            | Self::Store(_)
            | Self::Users(_) => UNKNOWN,
        })
    }
}

/// Exit codes; 0 is that all is well.
const NOT_WELL: u8 = 1;
const WRONG_USE: u8 = 2;
pub(crate) const UNKNOWN: u8 = 3;
