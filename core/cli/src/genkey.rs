//! Makes a new secret of random bytes.

use std::fmt;

use clap::{Args, ValueEnum};
use rudder_session::StoreError;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::report::{CommandError, Report, json};

#[derive(Args)]
pub(crate) struct Options {
    /// Random bytes: 32 are as many as the signature has
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(32..=1024))]
    bytes: u16,
    /// How they are written
    #[arg(long, value_enum, default_value_t = Spelling::Base64url)]
    format: Spelling,
}

#[derive(Clone, Copy, ValueEnum)]
enum Spelling {
    Base64url,
    Hex,
}

#[derive(Serialize)]
pub(crate) struct NewKey {
    secret: String,
    bits: u32,
}

pub(crate) fn run(options: &Options) -> Result<NewKey, CommandError> {
    let mut bytes = Zeroizing::new(vec![0; options.bytes.into()]);
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Randomness)?;
    let secret = match options.format {
        Spelling::Base64url => base64_simd::URL_SAFE_NO_PAD.encode_to_string(&*bytes),
        Spelling::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    Ok(NewKey { secret, bits: u32::from(options.bytes) * 8 })
}

impl Report for NewKey {
    fn to_json(&self) -> String {
        json(self)
    }

    fn is_well(&self) -> bool {
        true
    }
}

impl fmt::Display for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.secret)
    }
}
