//! Asks a clock whether a refusal tells how much of a signature was right.
//!
//! ```text
//!   one class    the first byte of the signature is wrong     measured by turns, at random
//!   the other    the last byte is wrong
//! ```
//!
//! As dudect does it (Reparaz, Balasch, Verbauwhede 2017): the measurements above a percentile are
//! left out, for several percentiles, and Welch's t says whether the means of the two classes
//! differ. Above 5 in all of three rounds means that they do. A comparison that ends at the first
//! wrong byte is measured alike, and must show: else the clock could see nothing.

use std::hint::black_box;
use std::time::Instant;

use base64_simd::URL_SAFE_NO_PAD;
use rudder_session::SessionId;
use rudder_session::{CookieCodec, HardenedCodec, HardenedConfig, HardenedKey, KeyRing, Payload};

use super::Extent;
use super::samples::NOW;
use crate::random::Random;

/// Above this in each round, the classes differ.
const DIFFERENT: f64 = 5.0;

const ROUNDS: u64 = 3;

/// What is left out: all above these shares of the measurements.
const PERCENTILES: [f64; 6] = [0.5, 0.75, 0.9, 0.95, 0.99, 1.0];

/// Verifying takes as long whichever byte of a signature is wrong.
pub fn signatures(extent: Extent) -> String {
    let measurements = extent.pick(10_000, 1_000_000);
    let mut shown = Vec::new();
    for subject in subjects() {
        let statistic = least(&subject, extent.seed, measurements);
        let name = subject.name;
        assert!(subject.leaks == (statistic > DIFFERENT), "{name}: t is {statistic:.1}");
        shown.push(format!("{name} {statistic:.1}"));
    }
    format!("t over {measurements} measurements: {}", shown.join(", "))
}

/// Something that refuses.
struct Subject {
    name: &'static str,
    /// What is before the signature, in bytes: text, or what base64url spells.
    before: Vec<u8>,
    signature: Vec<u8>,
    spell: fn(&[u8], &[u8]) -> String,
    is_accepted: Box<dyn Fn(&str) -> bool>,
    leaks: bool,
}

fn subjects() -> [Subject; 5] {
    let secret = "0123456789abcdef0123456789abcdef";
    let id = SessionId::random_256().expect("random");
    let mut payload = Payload::new(&id);
    payload.put("user", "alice").expect("serialisable");
    let hardened = |seal_padded_to| {
        let keys = vec![HardenedKey::new(secret).expect("legal")];
        let config = HardenedConfig { seal_padded_to, ..HardenedConfig::new(keys, "sid") };
        HardenedCodec::new(config).expect("legal")
    };
    let v1 = || CookieCodec::new(KeyRing::from_secrets([secret]).expect("legal"));
    let (codec, early) = (v1(), v1());
    let signed = v1().encode_id(&id);
    let (of_ids, of_payloads, sealing) = (hardened(None), hardened(None), hardened(Some(1)));
    let id_value = of_ids.encode_id(&id, NOW).expect("signed");
    let payload_value = of_payloads.encode(&payload, NOW).expect("signed");
    let sealed_value = sealing.encode(&payload, NOW).expect("sealed");
    let right = URL_SAFE_NO_PAD.decode_to_vec(&signed[signed.len() - 43..]).expect("base64url");
    [
        v1_subject("v1", &signed, false, Box::new(move |it| codec.verify(it).is_ok())),
        v2_subject("v2 id", &id_value, 32, move |it| of_ids.decode_id(it, NOW).is_ok()),
        v2_subject("v2 payload", &payload_value, 32, move |it| of_payloads.decode(it, NOW).is_ok()),
        v2_subject("v2 sealed", &sealed_value, 16, move |it| sealing.decode(it, NOW).is_ok()),
        v1_subject("compared byte by byte", &signed, true, {
            Box::new(move |it| {
                // As long as a verification takes, and then a comparison as one should not be.
                let verified = early.verify(it).is_ok();
                let given = URL_SAFE_NO_PAD.decode_to_vec(&it[it.len() - 43..]);
                verified || given.is_ok_and(|given| ends_early(&given, &right))
            })
        }),
    ]
}

fn v1_subject(
    name: &'static str,
    value: &str,
    leaks: bool,
    is_accepted: Box<dyn Fn(&str) -> bool>,
) -> Subject {
    let (before, signature) = value.rsplit_once('.').expect("signed");
    let signature = URL_SAFE_NO_PAD.decode_to_vec(signature).expect("base64url");
    let spell = |before: &[u8], signature: &[u8]| {
        let before = str::from_utf8(before).expect("text");
        format!("{before}.{}", URL_SAFE_NO_PAD.encode_to_string(signature))
    };
    Subject { name, before: before.into(), signature, spell, is_accepted, leaks }
}

fn v2_subject(
    name: &'static str,
    value: &str,
    proof_len: usize,
    is_accepted: impl Fn(&str) -> bool + 'static,
) -> Subject {
    let (tag, text) = value.split_at(4);
    let bytes = URL_SAFE_NO_PAD.decode_to_vec(text).expect("base64url");
    let (before, signature) = bytes.split_at(bytes.len() - proof_len);
    let before = [tag.as_bytes(), before].concat();
    let spell = |before: &[u8], signature: &[u8]| {
        let (tag, body) = before.split_at(4);
        let text = URL_SAFE_NO_PAD.encode_to_string([body, signature].concat());
        format!("{}{text}", str::from_utf8(tag).expect("text"))
    };
    let (signature, is_accepted) = (signature.to_vec(), Box::new(is_accepted));
    Subject { name, before, signature, spell, is_accepted, leaks: false }
}

fn ends_early(given: &[u8], right: &[u8]) -> bool {
    given.iter().zip(right).all(|(a, b)| black_box(*a) == black_box(*b))
}

/// The least of the rounds' statistics: what is there is there each time.
fn least(subject: &Subject, seed: u64, measurements: usize) -> f64 {
    assert!((subject.is_accepted)(&(subject.spell)(&subject.before, &subject.signature)));
    let round = |round| {
        let random = Random::new(seed).fork(round as usize);
        statistic(measure(subject, random, measurements))
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// The class of each measurement, and how many nanoseconds it took.
fn measure(subject: &Subject, mut random: Random, measurements: usize) -> Vec<(bool, f64)> {
    // As many of each class, made before anything is measured.
    let values = [false, true].map(|at_the_end| {
        let wrong = (0..64).map(|_| {
            let mut signature = subject.signature.clone();
            let at = if at_the_end { signature.len() - 1 } else { 0 };
            signature[at] ^= 1 + random.below(255) as u8;
            (subject.spell)(&subject.before, &signature)
        });
        wrong.collect::<Vec<_>>()
    });
    let mut place = values[0][0].clone();
    let mut measured = Vec::with_capacity(measurements);
    for _ in 0..measurements {
        let drawn = random.next();
        let class = drawn >> 63 == 1;
        // All are verified in the same place of memory.
        place.clear();
        place.push_str(&values[usize::from(class)][drawn as usize % 64]);
        let started_at = Instant::now();
        let accepted = (subject.is_accepted)(black_box(&place));
        let took = started_at.elapsed();
        assert!(!accepted);
        measured.push((class, took.as_nanos() as f64));
    }
    measured
}

/// The greatest of Welch's t over what is left of the measurements below each percentile.
fn statistic(measured: Vec<(bool, f64)>) -> f64 {
    let mut sorted: Vec<f64> = measured.iter().map(|(_, took)| *took).collect();
    sorted.sort_by(f64::total_cmp);
    let below = |share: f64| {
        let limit = sorted[((sorted.len() - 1) as f64 * share) as usize];
        let of =
            |class| measured.iter().filter(move |it| it.0 == class && it.1 <= limit).map(|it| it.1);
        welch(of(false), of(true)).abs()
    };
    PERCENTILES.into_iter().map(below).fold(0.0, f64::max)
}

fn welch(a: impl Iterator<Item = f64> + Clone, b: impl Iterator<Item = f64> + Clone) -> f64 {
    let ((mean_a, error_a), (mean_b, error_b)) = (mean(a), mean(b));
    let error = (error_a + error_b).sqrt();
    // A clock that is too coarse to see anything.
    if error == 0.0 { 0.0 } else { (mean_a - mean_b) / error }
}

/// The mean, and the square of its standard error.
fn mean(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(2) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|it| (it - mean).powi(2)).sum();
    (mean, squares / (count - 1.0) / count)
}
