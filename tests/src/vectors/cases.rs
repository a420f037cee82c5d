//! Reads the cases of a file of vectors.
//!
//! ```text
//!   { meta, sign: [..], verify: {..}, cookie_persist: [..], cookie_load: [..],
//!     redis_persist: [..], redis_load: [..], redis_destroy: [..], set_cookie: [..],
//!     set_cookie_throws: [..], parse_cookie: [..], secret: [..] }
//! ```
//!
//! Fields that are not known are left alone: they are about the session layer in JavaScript. A
//! section that is not known makes a case that fails, so that nothing is passed over in silence.

use super::engine::{Answer, Engine};
use super::{input, rules};
use crate::js::{self, Value};
use crate::redis_server::RedisServer;

/// One case: what is expected of an engine, and a way to find out.
pub struct Case<'a> {
    /// `section / name`
    pub name: String,
    /// What is expected of the engine with this name.
    pub expected: Box<dyn Fn(&str) -> Expected + 'a>,
    /// Asks the engine; an error says what was not as expected.
    pub check: Box<Check<'a>>,
}

/// Asks an engine; an error says what was not as expected.
pub type Check<'a> = dyn Fn(&mut dyn Engine) -> Result<(), String> + 'a;

/// How an engine should behave, compared with the original.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Expected {
    /// As the original.
    Same,
    /// Not as the original, on purpose: why, and what we do instead.
    Differs(String),
    /// The case is about values that only JavaScript has.
    JavaScriptOnly(String),
}

/// All cases of `file`; those of Redis run against `server`.
pub fn read<'a>(file: &'a Value, server: &'a RedisServer) -> Vec<Case<'a>> {
    let Value::Object(sections) = file else {
        return vec![broken("file", "it is no object".to_owned())];
    };
    let reader = Reader { meta: file.get("meta").unwrap_or(&Value::Null), server };
    let mut cases = Vec::new();
    for section in sections.keys() {
        let content = file.get(&section).unwrap_or(&Value::Null);
        let read_one: fn(Reader<'a>, &'a Value, String) -> Case<'a> = match &*section {
            "meta" => continue,
            "sign" => Reader::sign,
            "verify" => {
                cases.extend(reader.verify(content));
                continue;
            }
            "cookie_persist" => Reader::cookie_persist,
            "cookie_load" => Reader::cookie_load,
            "redis_persist" => Reader::redis_persist,
            "redis_load" => Reader::redis_load,
            "redis_destroy" => {
                cases.push(reader.redis_destroy(content));
                continue;
            }
            "set_cookie" => Reader::set_cookie,
            "set_cookie_throws" => Reader::set_cookie_throws,
            "parse_cookie" => Reader::parse_cookie,
            "secret" => Reader::secret,
            _ => {
                cases.push(broken(&section, "no such section is known".to_owned()));
                continue;
            }
        };
        if !matches!(content, Value::Array(_)) {
            cases.push(broken(&section, "it is no list of cases".to_owned()));
        }
        for (at, case) in content.elements().iter().enumerate() {
            cases.push(read_one(reader, case, name(&section, case, at)));
        }
    }
    cases
}

/// A case's own name, or all of it if it has none.
pub(super) fn name(section: &str, case: &Value, at: usize) -> String {
    let own = case.get("name").filter(|_| section != "parse_cookie").and_then(Value::text);
    let shown = own.unwrap_or_else(|| case.to_string().chars().take(120).collect());
    format!("{section} / {} {shown}", at + 1)
}

pub(super) fn broken<'a>(name: &str, why: String) -> Case<'a> {
    Case {
        name: name.to_owned(),
        expected: Box::new(|_| Expected::Same),
        check: Box::new(move |_| Err(why.clone())),
    }
}

pub(super) fn case<'a>(
    name: String,
    difference: Option<&'static str>,
    check: impl Fn(&mut dyn Engine) -> Result<(), String> + 'a,
) -> Case<'a> {
    let expected = difference.map_or(Expected::Same, |reason| Expected::Differs(reason.to_owned()));
    Case { name, expected: Box::new(move |_| expected.clone()), check: Box::new(check) }
}

/// What the readers of all sections need.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) meta: &'a Value,
    pub(super) server: &'a RedisServer,
}

impl<'a> Reader<'a> {
    pub(super) fn secret_of(self, it: &Value) -> Vec<u8> {
        input::text(it, "secret").or_else(|| input::text(self.meta, "secret")).unwrap_or_default()
    }
}

pub(super) fn no(field: &str) -> String {
    format!("the case has no {field}")
}

/// Why a signed text that the original accepts is refused.
pub(super) fn signed_difference(secret: &[u8], signed: &[u8]) -> Option<&'static str> {
    let signature = signed.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    rules::secret(secret).or_else(|| rules::signature(signature))
}

pub(super) fn parse(json: &[u8]) -> Result<Value, String> {
    let text = str::from_utf8(json).map_err(|_| "not UTF-8")?;
    js::parse(text).map_err(|_| format!("not JSON: {text:.200}"))
}

pub(super) fn expect_text(answer: Answer) -> Result<Vec<u8>, String> {
    match answer {
        Answer::Text(text) => Ok(text),
        other => Err(format!("expected a text, got {other:?}")),
    }
}

pub(super) fn expect_refusal(answer: &Answer) -> Result<(), String> {
    match answer {
        Answer::Refused(_) => Ok(()),
        other => Err(format!("expected a refusal, got {other:?}")),
    }
}
