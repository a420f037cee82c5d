//! Reads the cases of the codec, of cookies and of secrets: all that needs no server.

use super::cases::{Case, Expected, Reader, broken, case, expect_refusal, expect_text, name, no};
use super::cases::{parse, signed_difference};
use super::engine::{Answer, CookieSettings, Engine};
use super::{input, rules};
use crate::js::Value;

impl<'a> Reader<'a> {
    pub(super) fn sign(self, it: &'a Value, name: String) -> Case<'a> {
        let secret = self.secret_of(it);
        let Some(value) = input::text(it, "value") else { return broken(&name, no("value")) };
        let difference = rules::secret(&secret);
        case(name, difference, move |engine| {
            let answer = engine.sign(&secret, &value);
            if difference.is_some() {
                return expect_refusal(&answer);
            }
            let signed = expect_text(answer)?;
            let tail = signed.strip_prefix(&*value).and_then(|rest| rest.strip_prefix(b"."));
            let signature = tail.ok_or("it is not the value, a dot and a signature")?;
            if let Some(expected) = input::text(it, "signature") {
                input::same(&expected, signature)?;
            }
            // Where the value holds half of a pair, only the signature can be told in JSON.
            if it.get("signature").is_none() || it.get("signed").is_some() {
                input::compare(it, "signed", &signed)?;
            }
            input::same(&value, &expect_text(engine.verify(&secret, &signed))?)
        })
    }

    pub(super) fn verify(self, section: &'a Value) -> Vec<Case<'a>> {
        let mut cases = Vec::new();
        let Value::Object(parts) = section else {
            return vec![broken("verify", "it is no object".to_owned())];
        };
        for part in parts.keys() {
            let content = section.get(&part).unwrap_or(&Value::Null);
            // Other lists are spellings of the value or the secret that all cases share.
            let is_case = |it: &&Value| matches!(it, Value::Object(_));
            for (at, it) in content.elements().iter().filter(is_case).enumerate() {
                let name = name(&format!("verify {part}"), it, at);
                cases.push(match &*part {
                    "cases" => self.verify_signature(section, it, name),
                    "whole" => self.verify_whole(section, it, name),
                    _ => broken(&name, "no such part is known".to_owned()),
                });
            }
        }
        cases
    }

    fn verify_signature(self, section: &'a Value, it: &'a Value, name: String) -> Case<'a> {
        let value = input::text(it, "value").or_else(|| input::text(section, "value"));
        let (Some(value), Some(signature)) = (value, input::text(it, "signature")) else {
            return broken(&name, no("value or signature"));
        };
        let signed = [&*value, b".", &*signature].concat();
        self.verify_one(section, it, name, signed, Some(value))
    }

    fn verify_whole(self, section: &'a Value, it: &'a Value, name: String) -> Case<'a> {
        // A request without a cookie is one that is refused.
        let signed = input::text(it, "cookie").unwrap_or_default();
        let value = input::text(it, "value");
        self.verify_one(section, it, name, signed, value)
    }

    fn verify_one(
        &self,
        section: &'a Value,
        it: &'a Value,
        name: String,
        signed: Vec<u8>,
        value: Option<Vec<u8>>,
    ) -> Case<'a> {
        let secret = input::text(it, "secret")
            .or_else(|| input::text(section, "secret"))
            .unwrap_or_else(|| self.secret_of(it));
        let accepted = it.get("accepted").is_some_and(Value::is_true);
        let difference = accepted.then(|| signed_difference(&secret, &signed)).flatten();
        case(name, difference, move |engine| {
            let answer = engine.verify(&secret, &signed);
            if !accepted || difference.is_some() {
                return expect_refusal(&answer);
            }
            let verified = expect_text(answer)?;
            input::same(value.as_deref().ok_or("the case names no value")?, &verified)
        })
    }

    pub(super) fn cookie_persist(self, it: &'a Value, name: String) -> Case<'a> {
        let Some(json) = input::text(it, "json").or_else(|| json_of(it)) else {
            let what = it.get("js").and_then(Value::text).unwrap_or_default();
            let reason = format!("there is no JSON to encode after {what}");
            return Case {
                name,
                expected: Box::new(move |_| Expected::JavaScriptOnly(reason.clone())),
                check: Box::new(|_| Ok(())),
            };
        };
        let Some((payload, exp)) = split_exp(&json) else {
            return broken(&name, "its json does not end with an exp".to_owned());
        };
        let secret = self.secret_of(it);
        let difference = rules::secret(&secret)
            .or_else(|| (exp.abs() > 8.64e15 || exp.is_nan()).then_some(NO_INSTANT));
        let is_whole = exp.fract() == 0.0 && exp >= 0.0;
        let expected = move |engine: &str| match difference {
            Some(reason) => Expected::Differs(reason.to_owned()),
            None if engine == "c" && !is_whole => Expected::Differs(WHOLE_MILLIS.to_owned()),
            None => Expected::Same,
        };
        let check = move |engine: &mut dyn Engine| {
            if engine.name() == "c" && !is_whole && difference.is_none() {
                let value = expect_text(engine.encode(&secret, &payload, exp.ceil().max(0.0)))?;
                let decoded = engine.decode(&secret, &value, exp.floor().max(0.0), true);
                return input::same(&payload, &expect_text(decoded)?);
            }
            let answer = engine.encode(&secret, &payload, exp);
            if difference.is_some() {
                return expect_refusal(&answer);
            }
            let value = expect_text(answer)?;
            input::compare(it, "cookie", &value)?;
            // And what we wrote, we read: whole, verbatim, and until its last millisecond.
            let decoded = engine.decode(&secret, &value, exp, true);
            input::same(&payload, &expect_text(decoded)?)
        };
        Case { name, expected: Box::new(expected), check: Box::new(check) }
    }

    pub(super) fn cookie_load(self, it: &'a Value, name: String) -> Case<'a> {
        let secret = self.secret_of(it);
        // A request without a cookie is one that is refused.
        let cookie = input::text(it, "cookie").unwrap_or_default();
        let now = it.get("now_ms").or_else(|| self.meta.get("now_ms")).and_then(Value::number);
        let Some(now) = now else { return broken(&name, no("now_ms")) };
        let reject_legacy = it.get("reject_legacy").is_some_and(Value::is_true);
        let accepted = it.get("accepted").is_some_and(Value::is_true);
        let difference = accepted
            .then(|| {
                let envelope = cookie.get(..cookie.len().saturating_sub(44)).unwrap_or_default();
                signed_difference(&secret, &cookie).or_else(|| rules::envelope(envelope))
            })
            .flatten();
        case(name, difference, move |engine| {
            let answer = engine.decode(&secret, &cookie, now, reject_legacy);
            if !accepted || difference.is_some() {
                return expect_refusal(&answer);
            }
            let payload = parse(&expect_text(answer)?)?;
            let text_of = |field| payload.get(field).map(Value::to_string).unwrap_or_default();
            let id = payload.get("id").and_then(Value::text).unwrap_or_default();
            let (data, flash) = (text_of("data"), text_of("flash_next"));
            for (field, actual) in [("id", &id), ("data_json", &data), ("flash_json", &flash)] {
                if field == "data_json" || input::says(it, field) {
                    input::compare(it, field, actual.as_bytes())?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn set_cookie(self, it: &'a Value, name: String) -> Case<'a> {
        let settings = settings_of(it);
        let difference = rules::cookie(&settings);
        case(name, difference, move |engine| {
            let answer = engine.set_cookie(&settings, b"<value>");
            if difference.is_some() {
                return expect_refusal(&answer);
            }
            input::compare(it, "text", &expect_text(answer)?)
        })
    }

    pub(super) fn set_cookie_throws(self, it: &'a Value, name: String) -> Case<'a> {
        let settings = settings_of(it);
        let message = it.get("throws").and_then(Value::text).unwrap_or_default();
        let named = ["name", "path", "sameSite"].into_iter().find(|field| {
            message.contains(&format!("cookie {field}"))
                || message.contains(&format!("Invalid {field}"))
        });
        case(name, None, move |engine| {
            let answer = engine.set_cookie(&settings, b"<value>");
            expect_refusal(&answer)?;
            let Answer::Refused(reason) = answer else { return Ok(()) };
            let reason = reason.to_ascii_lowercase().replace('_', "");
            match named.map(str::to_ascii_lowercase) {
                Some(field) if !reason.contains(&field) => {
                    Err(format!("{reason} does not name {field}"))
                }
                _ => Ok(()),
            }
        })
    }

    pub(super) fn parse_cookie(self, it: &'a Value, name: String) -> Case<'a> {
        let header = input::text(it, "header").unwrap_or_default();
        let Some(cookie_name) = input::text(it, "name") else { return broken(&name, no("name")) };
        case(name, None, move |engine| {
            let answer = engine.find_cookie(&header, &cookie_name);
            if input::text(it, "value").is_some() || it.get("value_len").is_some() {
                return input::compare(it, "value", &expect_text(answer)?);
            }
            if answer == Answer::None { Ok(()) } else { Err(format!("found {answer:?}")) }
        })
    }

    pub(super) fn secret(self, it: &'a Value, name: String) -> Case<'a> {
        let configured = input::text(it, "configured");
        let app_key = input::text(it, "APP_KEY").or_else(|| input::text(it, "app_key"));
        case(name, None, move |engine| {
            let answer = engine.resolve_secret(configured.as_deref(), app_key.as_deref());
            let secret = expect_text(answer)?;
            input::compare(it, "effective", &secret)?;
            // What the original warns of when it boots, we refuse to sign with.
            let signed = engine.sign(&secret, b"x");
            match it.get("boot_notice").and_then(Value::number) {
                Some(notices) if notices > 0.0 => expect_refusal(&signed),
                _ => expect_text(signed).map(drop),
            }
        })
    }
}

const NO_INSTANT: &str =
    "an exp that is no instant comes of a lifetime that is refused at construction";
const WHOLE_MILLIS: &str = "C takes an expiry in whole milliseconds, so the caller rounds it up";

/// The JSON that the cookie of a case carries, for a case that gives no other.
fn json_of(it: &Value) -> Option<Vec<u8>> {
    let cookie = input::text(it, "cookie")?;
    let envelope = cookie.get(..cookie.len().checked_sub(44)?)?;
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(envelope).ok()
}

/// The payload and the `exp` of an envelope; NaN for an `exp` that is null.
fn split_exp(json: &[u8]) -> Option<(Vec<u8>, f64)> {
    let json = str::from_utf8(json).ok()?;
    let (payload, exp) = json.rsplit_once(",\"exp\":")?;
    let exp = match exp.strip_suffix('}')? {
        "null" => f64::NAN,
        number => number.parse().ok()?,
    };
    Some((format!("{payload}}}").into_bytes(), exp))
}

/// The settings of a case over the defaults; the text "undefined" stands for what it says.
fn settings_of(it: &Value) -> CookieSettings {
    let config = it.get("config").unwrap_or(&Value::Null);
    let cookie = |field: &str| config.get("cookie").and_then(|cookie| cookie.get(field));
    let text = |field, default: &str| {
        cookie(field).map_or(Some(default.to_owned()), Value::text).unwrap_or_default()
    };
    let flag = |field, default| cookie(field).map_or(default, is_truthy);
    let lifetime_minutes = match config.get("lifetime") {
        None => 120.0,
        Some(Value::Null) => 0.0,
        Some(Value::String(_)) => {
            let text = config.get("lifetime").and_then(Value::text).unwrap_or_default();
            text.parse().unwrap_or(f64::NAN)
        }
        Some(other) => other.number().unwrap_or(f64::NAN),
    };
    CookieSettings {
        name: text("name", "sid").into_bytes(),
        path: text("path", "/").into_bytes(),
        same_site: text("sameSite", "lax"),
        secure: flag("secure", false),
        http_only: flag("httpOnly", true),
        lifetime_minutes,
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => *number != 0.0 && !number.is_nan(),
        Value::String(_) => !matches!(value.text().as_deref(), Some("" | "undefined")),
        Value::Array(_) | Value::Object(_) => true,
    }
}
