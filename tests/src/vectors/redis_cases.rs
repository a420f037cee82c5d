//! Reads the cases that need a Redis server, and looks at what arrived there.
//!
//! Each case empties the server, listens to its commands, asks the engine, and then looks with a
//! plain client at what is stored.

use super::cases::signed_difference;
use super::cases::{Case, Reader, broken, case, expect_refusal, expect_text, no, parse};
use super::engine::{Answer, Redis};
use super::{input, rules};
use crate::js::Value;
use crate::resp::{Client, Reply};

impl<'a> Reader<'a> {
    pub(super) fn redis_persist(self, it: &'a Value, name: String) -> Case<'a> {
        let Some(payload) = input::text(it, "payload_json") else {
            return broken(&name, no("payload_json"));
        };
        let Some(ttl) = it.get("ttl_seconds").map(|it| it.number().unwrap_or(f64::NAN)) else {
            return broken(&name, no("ttl_seconds"));
        };
        let Some(id) = id_of(&payload) else { return broken(&name, no("id in payload_json")) };
        let (secret, prefix) = (self.secret_of(it), prefix_of(it));
        let refused = rules::lifetime(ttl / 60.0).or_else(|| rules::session_id(&id));
        let rounded = (ttl.fract() != 0.0)
            .then_some("a TTL is rounded up to whole seconds, since Redis refuses a fraction");
        case(name, refused.or(rounded), move |engine| {
            let mut plain = self.fresh();
            let mut monitor = self.server.monitor();
            let redis = Redis { url: &self.server.url(), prefix: &prefix };
            let saved = engine.save(&redis, &payload, ttl.ceil().max(0.0) as u64);
            let seen = monitor.seen();
            if refused.is_some() {
                expect_refusal(&saved)?;
                return if seen.is_empty() { Ok(()) } else { Err(format!("sent {seen:?}")) };
            }
            expect_text(saved)?;

            let expected = it.get("command").map(Value::elements).unwrap_or_default();
            let mut expected: Vec<String> = expected.iter().filter_map(Value::text).collect();
            let (Some(command), Some(ex)) = (expected.first_mut(), seen.first()) else {
                return Err("no command, or none expected".to_owned());
            };
            command.make_ascii_uppercase();
            if let Some(seconds) = expected.last_mut() {
                *seconds = ttl.ceil().to_string();
            }
            let sent: Vec<_> =
                ex.iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect();
            if sent != expected || seen.len() != 1 {
                return Err(format!("expected {expected:?}, sent {sent:?}"));
            }
            let record = [prefix.as_bytes(), &id].concat();
            let stored = plain.call(&[b"GET", &*record]);
            if stored != Reply::Bulk(payload.clone()) {
                return Err(format!("stored is {stored:?}"));
            }
            let left = plain.call(&[b"PTTL", &*record]);
            let limit = ttl.ceil() as i64 * 1000;
            if !matches!(left, Reply::Integer(millis) if millis > limit - 60_000 && millis <= limit)
            {
                return Err(format!("its TTL is {left:?}"));
            }
            if it.get("cookie").is_some() {
                input::compare(it, "cookie", &expect_text(engine.sign(&secret, &id))?)?;
            }
            Ok(())
        })
    }

    pub(super) fn redis_load(self, it: &'a Value, name: String) -> Case<'a> {
        let secret = self.secret_of(it);
        let cookie = input::text(it, "cookie").unwrap_or_default();
        let (stored, prefix) = (input::text(it, "stored"), prefix_of(it));
        let key_read = it.get("key_read").and_then(Value::text);
        let result = it.get("result").filter(|it| it.get("id").is_some());
        let asked = cookie.rsplitn(2, |byte| *byte == b'.').nth(1).unwrap_or_default().to_vec();

        let refused = key_read
            .is_some()
            .then(|| signed_difference(&secret, &cookie).or_else(|| rules::session_id(&asked)))
            .flatten();
        let foreign = result
            .is_some_and(|it| {
                it.get("id").and_then(Value::text).map(String::into_bytes) != Some(asked.clone())
            })
            .then_some("a record that carries another id than its own is a miss");
        let is_object = |it: &Value, field| matches!(it.get(field), Some(Value::Object(_)));
        let filled = result
            .is_some_and(|it| !is_object(it, "data") || !is_object(it, "flash_next"))
            .then_some("data and flash_next come out as objects, {} where there are none");

        case(name, refused.or(foreign).or(filled), move |engine| {
            let mut plain = self.fresh();
            if let (Some(key), Some(stored)) = (&key_read, &stored) {
                plain.call(&[b"SET", key.as_bytes(), stored]);
            }
            let mut monitor = self.server.monitor();
            let redis = Redis { url: &self.server.url(), prefix: &prefix };
            let answer = match engine.decode_id(&secret, &cookie) {
                Answer::Text(id) => engine.load(&redis, &id),
                refusal => refusal,
            };
            let seen = monitor.seen();
            let Some(key) = key_read.as_ref().filter(|_| refused.is_none()) else {
                expect_refusal(&answer)?;
                return if seen.is_empty() { Ok(()) } else { Err(format!("sent {seen:?}")) };
            };
            if seen != [[b"GET".to_vec(), key.clone().into_bytes()]] {
                return Err(format!("sent {seen:?}"));
            }
            match result.filter(|_| foreign.is_none()) {
                None if answer == Answer::None => Ok(()),
                None => Err(format!("expected none, got {answer:?}")),
                Some(result) => {
                    let payload = parse(&expect_text(answer)?)?;
                    let shown = |it: &Value| {
                        let spread = |field| it.get(field).unwrap_or(&Value::Null).spread();
                        let id = it.get("id").unwrap_or(&Value::Null);
                        format!("{id} {} {}", spread("data"), spread("flash_next"))
                    };
                    input::same(shown(result).as_bytes(), shown(&payload).as_bytes())
                }
            }
        })
    }

    pub(super) fn redis_destroy(self, section: &'a Value) -> Case<'a> {
        let id = self.meta.get("session_id").and_then(Value::text).unwrap_or_default();
        case("redis_destroy".to_owned(), None, move |engine| {
            let prefix = "session:";
            let record = format!("{prefix}{id}");
            let mut plain = self.fresh();
            plain.call(&["SET", &record, "x"]);
            let mut monitor = self.server.monitor();
            let redis = Redis { url: &self.server.url(), prefix };

            expect_text(engine.destroy(&redis, id.as_bytes()))?;

            let word = section.elements().first().and_then(Value::text).ok_or("no command")?;
            let expected = [word.to_uppercase().into_bytes(), record.clone().into_bytes()];
            let seen = monitor.seen();
            if seen != [expected] {
                return Err(format!("sent {seen:?}"));
            }
            let left = plain.call(&["EXISTS", &record]);
            if left == Reply::Integer(0) { Ok(()) } else { Err("it is still there".to_owned()) }
        })
    }

    /// A plain client of an empty Redis.
    fn fresh(self) -> Client {
        let mut plain = self.server.client();
        plain.call(&["FLUSHALL"]);
        plain
    }
}

fn id_of(payload: &[u8]) -> Option<Vec<u8>> {
    let payload = parse(payload).ok()?;
    payload.get("id")?.text().map(String::into_bytes)
}

fn prefix_of(it: &Value) -> String {
    let own = it.get("config").and_then(|config| config.get("prefix")).and_then(Value::text);
    own.unwrap_or_else(|| "session:".to_owned())
}
