//! Says who signed a cookie value, when it ends, and what is in it.
//!
//! Each secret is tried by itself, so that one sees which of them has signed. Nothing of a value
//! that none has signed is shown. Ids and what the session holds are left out unless asked for:
//! of data, keys and sizes are enough for most questions.

use std::fmt;

use clap::Args;
use rudder_session::{
    CookieCodec, HardenedCodec, HardenedConfig, HardenedKey, KeyRing, LegacyCookies, Payload,
    SessionId, UnixMillis, cookie,
};
use serde::Serialize;

use crate::input::{SecretOptions, argument_or_stdin};
use crate::report::{CommandError, Report, json};

#[derive(Args)]
pub(crate) struct Options {
    /// The cookie value, or with --name the whole Cookie header; `-` reads standard input, where
    /// no other user of the machine sees it
    cookie: String,
    /// The name of the cookie: to find it in a header, and for format v2, which signs the name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    secrets: SecretOptions,
    /// Show the session id and all that the session holds
    #[arg(long)]
    show: bool,
}

/// What is known of a cookie value.
#[derive(Serialize)]
pub(crate) struct Inspected {
    bytes: usize,
    format: Format,
    verdict: Verdict,
    /// Counted from 1, the one that signs.
    secret_number: Option<usize>,
    /// Unix milliseconds. None: it does not end by itself.
    expires_at: Option<f64>,
    session_id: Option<String>,
    created_at: Option<f64>,
    data: Option<Vec<Entry>>,
    payload: Option<Box<serde_json::value::RawValue>>,
}

#[derive(Clone, Copy, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    V1Id,
    V1Payload,
    V1Unknown,
    V2Id,
    V2Payload,
    V2Sealed,
}

#[derive(Clone, Copy, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Accepted,
    Expired,
    /// Signed, but neither an id nor a payload.
    Malformed,
    NotSigned,
}

/// A top-level key of the data.
#[derive(Serialize)]
struct Entry {
    key: String,
    json_bytes: usize,
}

pub(crate) fn run(options: &Options) -> Result<Inspected, CommandError> {
    let given = argument_or_stdin(&options.cookie)?;
    let name = options.name.as_deref().unwrap_or_default();
    let value = match cookie::find(given.as_bytes(), name.as_bytes()) {
        Some(value) if !name.is_empty() => String::from_utf8_lossy(value).into_owned(),
        _ => given,
    };
    let value = value.as_str();
    let now = UnixMillis::now();
    let format = format_of(value);
    if format != Format::V1Unknown && name.is_empty() {
        return Err(CommandError::Usage("--name: format v2 signs the cookie's name"));
    }
    let mut inspected = Inspected {
        bytes: value.len(),
        format,
        verdict: Verdict::NotSigned,
        secret_number: None,
        expires_at: None,
        session_id: None,
        created_at: None,
        data: None,
        payload: None,
    };
    for (number, secret) in (1..).zip(options.secrets.read()?) {
        let opened = match format {
            Format::V1Unknown => open_v1(value, secret.expose())?,
            _ => open_v2(value, format, secret.expose(), name)?,
        };
        if let Some(opened) = opened {
            inspected.secret_number = Some(number);
            inspected.describe(opened, now, options.show);
            break;
        }
    }
    Ok(inspected)
}

/// By its first bytes; what they say is believed only once it is verified.
fn format_of(value: &str) -> Format {
    match value.get(..4) {
        Some("v2i.") => Format::V2Id,
        Some("v2p.") => Format::V2Payload,
        Some("v2s.") => Format::V2Sealed,
        _ => Format::V1Unknown,
    }
}

/// What a secret has signed.
struct Opened {
    format: Format,
    expires_at: Option<f64>,
    content: Content,
}

enum Content {
    Id(SessionId),
    Payload(Payload),
    Unknown,
}

/// `None` if this secret has not signed it.
fn open_v1(value: &str, secret: &str) -> Result<Option<Opened>, CommandError> {
    let codec = CookieCodec::new(KeyRing::from_secrets([secret])?);
    let Ok(signed) = codec.verify(value) else { return Ok(None) };
    let opened = |format, expires_at, content| Some(Opened { format, expires_at, content });
    Ok(match codec.decode(value, EPOCH, LegacyCookies::Accept) {
        Ok(payload) => opened(Format::V1Payload, v1_expiry(signed), Content::Payload(payload)),
        Err(_) => match SessionId::parse(signed) {
            Some(id) => opened(Format::V1Id, None, Content::Id(id)),
            None => opened(Format::V1Unknown, None, Content::Unknown),
        },
    })
}

/// Where the payload lives in the cookie, its expiry is a member of it.
fn v1_expiry(signed: &str) -> Option<f64> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        exp: Option<f64>,
    }
    let text = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signed).ok()?;
    serde_json::from_slice::<Envelope>(&text).ok()?.exp
}

/// `None` if this secret has not made it.
fn open_v2(
    value: &str,
    format: Format,
    secret: &str,
    name: &str,
) -> Result<Option<Opened>, CommandError> {
    let mut config = HardenedConfig::new(vec![HardenedKey::new(secret)?], name);
    config.seal_padded_to = (format == Format::V2Sealed).then_some(1);
    let codec = HardenedCodec::new(config)?;
    let content = match format {
        Format::V2Id => codec.decode_id(value, EPOCH).map(|(id, _)| Content::Id(id)),
        _ => codec.decode(value, EPOCH).map(|(payload, _)| Content::Payload(payload)),
    };
    Ok(content.ok().map(|content| Opened { format, expires_at: v2_expiry(value, format), content }))
}

/// Eight bytes, before the key's id and the proof at the end.
fn v2_expiry(value: &str, format: Format) -> Option<f64> {
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(value.get(4..)?).ok()?;
    let proof_len = if format == Format::V2Sealed { 16 } else { 32 };
    let end = bytes.len().checked_sub(proof_len + 4)?;
    let millis = bytes.get(end.checked_sub(8)?..end)?.try_into().ok()?;
    Some(u64::from_be_bytes(millis) as f64)
}

impl Inspected {
    fn describe(&mut self, opened: Opened, now: UnixMillis, show: bool) {
        let Opened { format, expires_at, content } = opened;
        self.format = format;
        self.expires_at = expires_at;
        self.verdict = match content {
            Content::Unknown => Verdict::Malformed,
            _ if expires_at.is_some_and(|at| now.as_f64() > at) => Verdict::Expired,
            _ => Verdict::Accepted,
        };
        let shown = |id: SessionId| match show {
            true => id.as_str().to_owned(),
            false => format!("{} characters", id.as_str().len()),
        };
        match content {
            Content::Id(id) => self.session_id = Some(shown(id)),
            Content::Payload(payload) => {
                self.session_id = payload.session_id().map(shown);
                self.created_at = payload.created_at().map(UnixMillis::as_f64);
                self.data = Some(entries(payload.data_json()));
                if show {
                    self.payload =
                        serde_json::value::RawValue::from_string(payload.into_json()).ok();
                }
            }
            Content::Unknown => {}
        }
    }
}

fn entries(data: &str) -> Vec<Entry> {
    let members: Vec<(String, Box<serde_json::value::RawValue>)> =
        serde_json::from_str::<Members>(data).map(|members| members.0).unwrap_or_default();
    let entry = |(key, value): (String, Box<serde_json::value::RawValue>)| Entry {
        key,
        json_bytes: value.get().len(),
    };
    members.into_iter().map(entry).collect()
}

/// The members of an object in their order.
struct Members(Vec<(String, Box<serde_json::value::RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl Report for Inspected {
    fn to_json(&self) -> String {
        json(self)
    }

    fn is_well(&self) -> bool {
        self.verdict == Verdict::Accepted
    }
}

impl fmt::Display for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Accepted => "accepted",
            Verdict::Expired => "refused: it has expired",
            Verdict::Malformed => "refused: signed, but neither an id nor a payload",
            Verdict::NotSigned => "refused: none of the secrets has signed it",
        };
        let format = match self.format {
            Format::V1Id => "v1, a session id",
            Format::V1Payload => "v1, the session itself",
            Format::V1Unknown => "v1, or none of ours",
            Format::V2Id => "v2, a session id",
            Format::V2Payload => "v2, the session itself",
            Format::V2Sealed => "v2, the session itself, encrypted",
        };
        writeln!(f, "verdict      {verdict}")?;
        writeln!(f, "format       {format}")?;
        writeln!(f, "size         {} bytes", self.bytes)?;
        let Some(number) = self.secret_number else { return Ok(()) };
        writeln!(f, "signed by    secret {number}{}", if number == 1 { "" } else { " (retired)" })?;
        match self.expires_at {
            Some(at) => writeln!(f, "expires at   {at} (Unix ms)")?,
            None => writeln!(f, "expires at   not by itself")?,
        }
        if let Some(at) = self.created_at {
            writeln!(f, "created at   {at} (Unix ms)")?;
        }
        if let Some(id) = &self.session_id {
            writeln!(f, "session id   {id}")?;
        }
        for entry in self.data.iter().flatten() {
            writeln!(f, "data         {}: {} bytes of JSON", entry.key, entry.json_bytes)?;
        }
        if let Some(payload) = &self.payload {
            writeln!(f, "payload      {}", payload.get())?;
        }
        Ok(())
    }
}

/// No value has expired by then: whether one has by now is looked at afterwards.
const EPOCH: UnixMillis = UnixMillis::new(0);
