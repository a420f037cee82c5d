//! What a stranger sends costs no memory: a refused cookie allocates nothing, however long it
//! is, and one that a key did sign costs no more than a small multiple of its own length.

use rudder_session::{CookieCodec, DecodeError, KeyRing, LegacyCookies, Payload, SessionId};
use rudder_session::{HardenedCodec, HardenedConfig, HardenedKey, UnixMillis, cookie};
use rudder_session_tests::allocations::{Allocations, Counting, count};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_cookie_that_no_key_signed_allocates_nothing() {
    let codec = codec();
    for len in LENGTHS {
        let value = codec.encode(&payload(&"x".repeat(len)), NOW);
        for bad in [
            "a".repeat(value.len()),
            ".".repeat(value.len()),
            value.replace(".", ".A"),
            value[..value.len() - 1].to_owned(),
            format!("{value}="),
            format!("A{value}"),
            "\u{1f36a}".repeat(value.len()),
        ] {
            let (refused, allocations) = count(|| {
                let decoded = codec.decode(&bad, NOW, LegacyCookies::Accept).err();
                (decoded, codec.decode_id(&bad).err(), codec.verify(&bad).err())
            });

            let reasons = [refused.0, refused.1, refused.2];
            assert!(reasons.iter().all(|reason| {
                matches!(reason, Some(DecodeError::BadSignature | DecodeError::Unsigned))
            }));
            assert_eq!(allocations, Allocations::default(), "{} bytes", bad.len());
        }
    }
}

#[test]
fn verifying_allocates_nothing() {
    let codec = codec();
    for len in LENGTHS {
        let text = "x".repeat(len);
        let signed = codec.sign(&text);

        let (verified, allocations) = count(|| codec.verify(&signed) == Ok(&text));

        assert!(verified);
        assert_eq!(allocations, Allocations::default());
    }
}

#[test]
fn signing_allocates_its_result_and_nothing_else() {
    let codec = codec();
    for len in LENGTHS {
        let text = "x".repeat(len);

        let (signed, allocations) = count(|| codec.sign(&text));

        assert_eq!((allocations.calls, allocations.bytes), (1, signed.len()));
    }
}

#[test]
fn encoding_allocates_its_result_and_nothing_else() {
    let codec = codec();
    for len in LENGTHS {
        let payload = payload(&"x".repeat(len));

        let (value, allocations) = count(|| codec.encode(&payload, NOW));

        assert_eq!((allocations.calls, allocations.bytes), (1, value.len()));
    }
}

#[test]
fn the_hardened_format_allocates_no_more_than_v1() {
    let codec = hardened(None);
    let (mut value, mut text) = (Vec::with_capacity(BUFFER), Vec::with_capacity(BUFFER));
    for len in LENGTHS {
        let payload = payload(&"x".repeat(len));

        let (encoded, allocations) = count(|| codec.encode(&payload, NOW).expect("signed"));
        assert_eq!((allocations.calls, allocations.bytes), (1, encoded.len()));

        let (decoded, allocations) = count(|| {
            let encoded = codec.encode_text_into(payload.as_json().as_bytes(), NOW, &mut value);
            (encoded, codec.decode_text_into(&value, NOW, &mut text))
        });
        assert!(decoded.0.is_ok() && decoded.1.is_ok());
        assert_eq!(text, payload.as_json().as_bytes());
        assert_eq!(allocations, Allocations::default(), "{len} bytes");
    }
}

#[test]
fn a_hardened_value_of_a_key_that_is_not_ours_allocates_nothing() {
    for seal in [None, Some(64)] {
        let (codec, stranger) = (hardened(seal), other_hardened(seal));
        for len in LENGTHS {
            let value = stranger.encode(&payload(&"x".repeat(len)), NOW).expect("random bytes");
            for bad in [value.as_str(), &value[..value.len() - 1], &value[1..], "v2p.", "v2s.AAAA"]
            {
                let (refused, allocations) =
                    count(|| (codec.decode(bad, NOW).is_err(), codec.decode_id(bad, NOW).is_err()));

                assert_eq!(refused, (true, true));
                assert_eq!(allocations, Allocations::default(), "{len} bytes");
            }
        }
    }
}

/// More than a value of the longest payload here takes.
const BUFFER: usize = 2 * 1024 * 1024;

fn hardened(seal_padded_to: Option<usize>) -> HardenedCodec {
    hardened_with("test-secret-32-chars-exactly!!xx", seal_padded_to)
}

fn other_hardened(seal_padded_to: Option<usize>) -> HardenedCodec {
    hardened_with("another-secret-of-32-characters!", seal_padded_to)
}

fn hardened_with(secret: &str, seal_padded_to: Option<usize>) -> HardenedCodec {
    let keys = vec![HardenedKey::new(secret).expect("legal")];
    let config = HardenedConfig { seal_padded_to, ..HardenedConfig::new(keys, "sid") };
    HardenedCodec::new(config).expect("legal")
}

#[test]
fn decoding_what_we_wrote_allocates_less_than_its_length() {
    let codec = codec();
    for (len, is_stamped) in LENGTHS.into_iter().flat_map(|len| [(len, false), (len, true)]) {
        let mut payload = payload(&"x".repeat(len));
        if is_stamped {
            payload.set_created_at(NOW);
        }
        let value = codec.encode(&payload, NOW);

        let (decoded, allocations) =
            count(|| codec.decode(&value, NOW, LegacyCookies::Reject).expect("our own"));

        assert_eq!(decoded, payload);
        assert_eq!(allocations.calls, 1);
        assert!(allocations.bytes < value.len(), "{allocations:?} for {}", value.len());
    }
}

#[test]
fn text_passes_through_used_buffers_without_an_allocation() {
    let codec = codec();
    for len in LENGTHS {
        let payload = payload(&"x".repeat(len));
        let (mut value, mut text, mut signed) = (Vec::new(), Vec::new(), Vec::new());
        let mut round_trip = || {
            let json = payload.as_json().as_bytes();
            codec.encode_text_into(json, NOW, &mut value).expect("a payload");
            codec.decode_text_into(&value, NOW, LegacyCookies::Reject, &mut text).expect("ours");
            codec.sign_into(&text, &mut signed);
            codec.verify_bytes(&signed) == Ok(json)
        };
        assert!(round_trip());

        let (came_back, allocations) = count(&mut round_trip);

        assert!(came_back);
        assert_eq!(allocations, Allocations::default(), "{len} bytes");
    }
}

#[test]
fn a_refused_cookie_leaves_the_buffers_as_large_as_they_were() {
    let codec = codec();
    let (mut value, mut text) = (Vec::new(), Vec::new());
    codec.encode_text_into(payload("x").as_json().as_bytes(), NOW, &mut value).expect("a payload");
    codec.decode_text_into(&value, NOW, LegacyCookies::Reject, &mut text).expect("ours");
    let malformed = codec.sign(&base64_simd::URL_SAFE_NO_PAD.encode_to_string("{"));

    for bad in [malformed.as_bytes(), b"unsigned", &value[1..]] {
        let refused = codec.decode_text_into(bad, NOW, LegacyCookies::Reject, &mut text);
        assert!(refused.is_err());
    }
    let (decoded, allocations) =
        count(|| codec.decode_text_into(&value, NOW, LegacyCookies::Reject, &mut text));

    assert_eq!((decoded, allocations), (Ok(()), Allocations::default()));
}

#[test]
fn an_expired_or_malformed_cookie_allocates_less_than_its_length() {
    let codec = codec();
    for len in LENGTHS {
        let json = format!(r#"{{"id":"a","data":"{}"#, "x".repeat(len));
        let unfinished = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&json);
        for value in [
            codec.encode(&payload(&"x".repeat(len)), UnixMillis::new(1)),
            codec.sign(&unfinished),
            codec.sign(&"?".repeat(len + 1)),
        ] {
            let (refused, allocations) =
                count(|| codec.decode(&value, NOW, LegacyCookies::Reject).err());

            assert!(matches!(refused, Some(DecodeError::Expired | DecodeError::Malformed)));
            assert!(allocations.bytes <= value.len(), "{allocations:?} for {}", value.len());
        }
    }
}

/// Another spelling than ours is written anew; that is as bad as it gets for a payload that
/// JavaScript wrote.
#[test]
fn decoding_another_spelling_allocates_at_most_three_times_its_length() {
    let codec = codec();
    for len in LENGTHS {
        let json = format!(r#"{{"data":{{"a":"{}"}},"id":"a"}}"#, "x".repeat(len));
        let value = codec.sign(&base64_simd::URL_SAFE_NO_PAD.encode_to_string(json));

        let (decoded, allocations) =
            count(|| codec.decode(&value, NOW, LegacyCookies::Accept).is_ok());

        assert!(decoded);
        assert!(allocations.bytes <= 3 * value.len(), "{allocations:?} for {}", value.len());
    }
}

/// The worst that a key can sign: `data` that is a string, which JavaScript spreads into one
/// member for each of its code units.
#[test]
fn decoding_the_worst_payload_holds_at_most_forty_times_its_length() {
    let codec = codec();
    for len in [0, 64, 1024, 3072, 100_000] {
        for unit in ["x", "\\n", "\u{e9}", "\u{1f36a}", "\\ud800"] {
            let json = format!(r#"{{"id":"a","data":"{}"}}"#, unit.repeat(len));
            let value = codec.sign(&base64_simd::URL_SAFE_NO_PAD.encode_to_string(json));

            let (decoded, allocations) =
                count(|| codec.decode(&value, NOW, LegacyCookies::Accept).is_ok());

            assert!(decoded);
            let limit = 40 * value.len();
            assert!(allocations.peak_bytes <= limit, "{allocations:?} for {}", value.len());
        }
    }
}

#[test]
fn finding_a_cookie_allocates_nothing() {
    let header = format!("{}sid=x", "a=1; ".repeat(10_000));

    let (found, allocations) = count(|| cookie::find(header.as_bytes(), b"sid"));

    assert_eq!(found, Some(&b"x"[..]));
    assert_eq!(allocations, Allocations::default());
}

/// From nothing to what no cookie has room for.
const LENGTHS: [usize; 5] = [0, 64, 1024, 3072, 1 << 20];
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn codec() -> CookieCodec {
    // Three keys: a refusal has tried them all.
    CookieCodec::new(KeyRing::from_secrets(["new", "older", "oldest"]).expect("legal"))
}

fn payload(text: &str) -> Payload {
    let id = SessionId::parse("3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f").expect("legal");
    let mut payload = Payload::new(&id);
    payload.put("text", text).expect("serialisable");
    payload
}
