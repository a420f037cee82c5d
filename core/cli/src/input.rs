//! Reads secrets and cookies from where other users of the machine do not see them.

use std::io::Read;
use std::path::PathBuf;
use std::{env, io};

use clap::Args;
use rudder_session::secret::{Secret, SecretError, SecretSource};

use crate::report::CommandError;

/// Where the secrets are.
#[derive(Args)]
pub(crate) struct SecretOptions {
    /// Read the secrets from a file: one a line, the one that signs first
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    secret_file: Option<PathBuf>,
    /// Read the secret from an environment variable
    #[arg(long, value_name = "NAME", default_value = "SESSION_SECRET")]
    secret_env: String,
}

impl SecretOptions {
    /// The secrets, the one that signs first.
    pub(crate) fn read(&self) -> Result<Vec<Secret>, CommandError> {
        let (source, place) = match &self.secret_file {
            Some(file) => (SecretSource::file(file), file.display().to_string()),
            None => (SecretSource::env(self.secret_env.as_str()), self.secret_env.clone()),
        };
        source.read().map_err(|error| match error {
            SecretError::Absent | SecretError::Empty => CommandError::Absent("secret"),
            _ => CommandError::Secrets(place, error),
        })
    }

    /// Whether there is anything to read.
    pub(crate) fn is_given(&self) -> bool {
        self.secret_file.is_some() || env::var_os(&self.secret_env).is_some()
    }
}

/// The argument, or standard input if that is `-`; without white space around it.
pub(crate) fn argument_or_stdin(argument: &str) -> Result<String, CommandError> {
    if argument != "-" {
        return Ok(argument.trim().to_owned());
    }
    let mut text = String::new();
    io::stdin().take(MAX_INPUT_BYTES).read_to_string(&mut text).map_err(CommandError::Input)?;
    Ok(text.trim().to_owned())
}

/// A header is much shorter.
const MAX_INPUT_BYTES: u64 = 1 << 20;
