//! Any bytes under a good signature, read as the envelope of a session, against a model of what
//! JavaScript makes of them.
//!
//! | law |
//! |---|
//! | it is a session exactly if it is JSON of an object whose `id` is a string |
//! | it has expired exactly if `exp` is a number and `now` is past it; else it is as good as any |
//! | without a number in `exp` it is a legacy cookie |
//! | `id`, `data` and `flash_next` are those that JavaScript sees |
//! | decoding into a buffer gives the same; but what is spelled as ours is not walked over |
//! | what was decoded, encoded again, is the same session |
//! | bytes that are not base64url are refused |

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rudder_session::{CookieCodec, DecodeError, KeyRing, LegacyCookies, Payload, UnixMillis};
use rudder_session_tests::js;

static CODEC: LazyLock<CookieCodec> =
    LazyLock::new(|| CookieCodec::new(KeyRing::from_secrets(["the key"]).expect("legal")));

const NOW: f64 = 1_700_000_000_000.0;

fuzz_target!(|input: &[u8]| {
    let now = UnixMillis::from_f64(NOW).expect("an instant");
    let signed = CODEC.sign(&base64_simd::URL_SAFE_NO_PAD.encode_to_string(input));
    let text = String::from_utf8_lossy(input);
    let seen =
        js::parse(&text).ok().filter(|it| matches!(it.get("id"), Some(js::Value::String(_))));

    let decoded = CODEC.decode(&signed, now, LegacyCookies::Accept);
    let strict = CODEC.decode(&signed, now, LegacyCookies::Reject);
    let mut buffer = Vec::new();
    let buffered =
        CODEC.decode_text_into(signed.as_bytes(), now, LegacyCookies::Accept, &mut buffer);

    let Some(seen) = seen else {
        assert_eq!(decoded, Err(DecodeError::Malformed));
        assert!(buffered.is_err() || input.starts_with(br#"{"id":""#));
        return;
    };
    let exp = seen.get("exp").and_then(js::Value::number);
    if exp.is_some_and(|exp| NOW > exp) {
        assert_eq!(decoded, Err(DecodeError::Expired));
        assert_eq!(strict, Err(DecodeError::Expired));
        assert_eq!(buffered, Err(DecodeError::Expired));
        return;
    }
    let payload = decoded.expect("a session");
    match exp {
        Some(_) => assert_eq!(strict.as_ref(), Ok(&payload)),
        None => assert_eq!(strict, Err(DecodeError::Legacy)),
    }
    assert_eq!(buffered, Ok(()));
    assert_eq!(Payload::parse(String::from_utf8_lossy(&buffer)), Ok(payload.clone()));
    assert_is_what_javascript_sees(&payload, &seen);

    let again = CODEC.encode(&payload, now);
    assert_eq!(CODEC.decode(&again, now, LegacyCookies::Reject), Ok(payload));
    if let Ok(text) = str::from_utf8(input)
        && base64_simd::URL_SAFE_NO_PAD.check(input).is_err()
    {
        let decoded = CODEC.decode(&CODEC.sign(text), now, LegacyCookies::Accept);
        assert_eq!(decoded, Err(DecodeError::Malformed));
    }
});

fn assert_is_what_javascript_sees(payload: &Payload, seen: &js::Value) {
    let shown = |text| js::parse(text).expect("JSON").to_string();
    let spread = |field| seen.get(field).map(|it| it.spread().to_string());
    let spread = |field| spread(field).unwrap_or_else(|| "{}".to_owned());
    assert_eq!(shown(payload.data_json()), spread("data"));
    assert_eq!(shown(payload.flash_next_json()), spread("flash_next"));
    assert_eq!(Some(shown(payload.id_json())), seen.get("id").map(ToString::to_string));
}
