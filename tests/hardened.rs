//! Hardened cookie values are what `DESIGN.md` says, byte for byte: a program in Python that has
//! no code in common with the engine made the vectors, and reads what the engine makes.
//!
//! The same vectors go through C (`ffi-c/tests/hardened.rs`), the Node addon and the fallback in
//! JavaScript (`node-binding/test/hardened-codec.test.ts`).

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rudder_session::store::{Done, HashedIds, Reply, Request};
use rudder_session::{
    HardenedCodec, HardenedConfig, HardenedKey, MemoryConfig, MemoryStore, Origin, Payload,
    SessionId, Store, StoreError, Ttl, UnixMillis,
};
use rudder_session_trace as _;
use serde_json::{Value, json};

const VECTORS: &str = include_str!("vectors/v2.json");
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/v2.py");

#[test]
fn the_vectors_are_what_the_program_in_python_makes() {
    assert_eq!(python("vectors", ""), VECTORS);
}

#[test]
fn signed_payloads_of_the_vectors_are_made_and_read() {
    for case in cases("signed") {
        let (codec, payload) = (codec(&case, None), payload(&case));
        let at = expires_at(&case);

        assert_eq!(codec.encode(&payload, at).as_deref(), Ok(text(&case, "value")));
        let decoded = codec.decode(text(&case, "value"), at);
        assert_eq!(decoded, Ok((payload, Origin::Primary)));
    }
}

#[test]
fn sealed_payloads_of_the_vectors_are_read() {
    for case in cases("sealed") {
        // However it was padded: a codec need not know.
        for pad_to in [1, 64] {
            let decoded =
                codec(&case, Some(pad_to)).decode(text(&case, "value"), expires_at(&case));

            assert_eq!(decoded, Ok((payload(&case), Origin::Primary)));
        }
    }
}

#[test]
fn ids_of_the_vectors_are_made_and_read_and_stored_under_their_hashes() {
    for case in cases("ids") {
        let (codec, at) = (codec(&case, None), expires_at(&case));
        let id = SessionId::parse(text(&case, "id")).expect("legal");

        assert_eq!(codec.encode_id(&id, at).as_deref(), Ok(text(&case, "value")));
        assert_eq!(codec.decode_id(text(&case, "value"), at), Ok((id.clone(), Origin::Primary)));

        let inner = Arc::new(MemoryStore::new(MemoryConfig::default()).expect("legal"));
        let store = HashedIds::new(Shared(Arc::clone(&inner)));
        let ttl = Ttl::from_seconds(60).expect("legal");
        store.save(&Payload::new(&id), ttl, at).expect("saved");
        let record_id = SessionId::parse(text(&case, "record_id")).expect("legal");
        assert_eq!(inner.load(&record_id, at), Ok(Some(Payload::new(&record_id))));
    }
}

#[test]
fn what_the_vectors_say_is_refused_is_refused() {
    let case =
        json!({ "secret": "0123456789abcdef0123456789abcdef", "cookie_name": "rudderjs_session" });
    let codec = codec(&case, None);
    let now = UnixMillis::new(1_700_000_000_000);

    let refused = cases("refused");
    assert_eq!(refused.len(), 18);
    for case in refused {
        assert!(codec.decode(text(&case, "value"), now).is_err(), "{}", text(&case, "why"));
        assert!(codec.decode_id(text(&case, "value"), now).is_err(), "{}", text(&case, "why"));
    }
}

#[test]
fn changing_any_one_byte_of_a_vector_refuses_it() {
    for (section, seal) in [("signed", None), ("sealed", Some(1)), ("ids", None)] {
        for case in cases(section) {
            let (codec, value) = (codec(&case, seal), text(&case, "value"));
            // The long ones at some places only: each try decodes the whole.
            let step = if value.len() > 1000 { 97 } else { 1 };
            for at in (0..value.len()).step_by(step) {
                for by in [1, 2, 0x20] {
                    let mut changed = value.as_bytes().to_vec();
                    changed[at] ^= by;
                    let changed = String::from_utf8(changed).expect("ASCII");

                    let now = expires_at(&case);
                    assert!(codec.decode(&changed, now).is_err(), "{section} {at}");
                    assert!(codec.decode_id(&changed, now).is_err(), "{section} {at}");
                }
            }
        }
    }
}

#[test]
fn the_program_in_python_reads_what_the_engine_makes() {
    let (mut asked, mut expected) = (String::new(), Vec::new());
    let mut ask = |kind: &str, case: &Value, value: String, answer: &str| {
        let line = json!({
            "secrets": ["not this one", case["secret"]],
            "cookie_name": case["cookie_name"],
            "value": value,
        });
        asked.push_str(&format!("{line}\n"));
        expected.push(json!({ "kind": kind, "text": answer, "expires_at": case["expires_at"] }));
    };
    for case in cases("signed") {
        let (payload, at) = (payload(&case), expires_at(&case));
        let signed = codec(&case, None).encode(&payload, at).expect("signed");
        ask("v2p.", &case, signed, payload.as_json());
        for pad_to in [1, 16, 4096] {
            let sealed = codec(&case, Some(pad_to)).encode(&payload, at).expect("random bytes");
            ask("v2s.", &case, sealed, payload.as_json());
        }
        let id = SessionId::random_256().expect("random bytes");
        let named = codec(&case, None).encode_id(&id, at).expect("of 256 bits");
        ask("v2i.", &case, named, id.as_str());
    }

    let answers = python("read", &asked);

    let answers: Vec<Value> =
        answers.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers, expected);
}

/// Runs the program on some input, and returns what it prints.
fn python(command: &str, input: &str) -> String {
    let mut program = Command::new("python3")
        .args(["-B", PROGRAM, command])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = program.stdin.take().expect("it is piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = program.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads all");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn cases(section: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).expect("JSON");
    let cases = vectors[section].as_array().expect("a list").clone();
    assert!(!cases.is_empty());
    cases
}

fn codec(case: &Value, seal_padded_to: Option<usize>) -> HardenedCodec {
    let keys = vec![HardenedKey::new(text(case, "secret")).expect("legal")];
    let config = HardenedConfig::new(keys, text(case, "cookie_name"));
    HardenedCodec::new(HardenedConfig { seal_padded_to, ..config }).expect("legal")
}

fn payload(case: &Value) -> Payload {
    Payload::parse(text(case, "payload")).expect("a payload")
}

fn expires_at(case: &Value) -> UnixMillis {
    UnixMillis::new(case["expires_at"].as_u64().expect("a number"))
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().expect("a text")
}

/// A store that somebody else looks into.
struct Shared(Arc<MemoryStore>);

impl Store for Shared {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        self.0.call(request, now)
    }

    fn submit(&self, request: Request, now: UnixMillis, done: Done) {
        self.0.submit(request, now, done);
    }
}
