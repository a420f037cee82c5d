//! Text that passes through the codec without being walked over comes out as text that was: the
//! same payload, the same expiry, the same refusals.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use rudder_session::{
    CookieCodec, DecodeError, KeyRing, LegacyCookies, Payload, UnixMillis, cookie,
};
use rudder_session_tests::json_text::{json_text, nearly_json, object_text, string_text};

proptest! {
    // What fails is printed in its smallest form; a file of seeds would only grow.
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_a_key_signed_is_decoded_to_the_same_payload_or_refused_alike(
        envelope in envelope(),
        now in prop_oneof![Just(17), 0_u64..30],
        legacy in select(vec![LegacyCookies::Accept, LegacyCookies::Reject]),
    ) {
        let (codec, now) = (codec(), UnixMillis::new(now));
        let value = codec.sign(&base64_simd::URL_SAFE_NO_PAD.encode_to_string(&envelope));
        let mut text = Vec::new();

        let walked = codec.decode(&value, now, legacy);
        let cut = codec.decode_text_into(value.as_bytes(), now, legacy, &mut text);

        // What is no payload may be noticed only by whoever parses the text; that is promised.
        let read = cut.and_then(|()| {
            let text = String::from_utf8_lossy(&text);
            assert_promised_shape(&text);
            Payload::parse(text).map_err(|_| DecodeError::Malformed)
        });
        if walked == Err(DecodeError::Malformed) {
            prop_assert!(read.is_err());
        } else {
            prop_assert_eq!(read, walked);
        }
    }

    #[test]
    fn text_that_is_a_payload_is_encoded_to_what_the_payload_is(
        text in prop_oneof![payload_text(), changed(payload_text())],
    ) {
        let codec = codec();
        let mut value = Vec::new();
        let at = UnixMillis::new(17);

        let encoded = codec.encode_text_into(text.as_bytes(), at, &mut value);

        let came_back = encoded.ok().and_then(|()| {
            let value = str::from_utf8(&value).expect("ASCII");
            assert_eq!(codec.decode(value, UnixMillis::new(18), LegacyCookies::Accept).ok(), None);
            codec.decode(value, at, LegacyCookies::Reject).ok()
        });
        prop_assert_eq!(came_back, Payload::parse(text).ok());
    }

    #[test]
    fn canonical_text_is_encoded_to_the_same_bytes_as_its_payload(
        text in canonical_text(),
        at in prop_oneof![-8_640_000_000_000_000_i64..=8_640_000_000_000_000, -99_i64..99],
    ) {
        let codec = codec();
        let at = UnixMillis::from_f64(at as f64).expect("in range");
        let payload = Payload::parse(text.as_str()).expect("a payload");
        let (mut value, mut decoded) = (Vec::new(), Vec::new());

        codec.encode_text_into(text.as_bytes(), at, &mut value).expect("a payload");
        let outcome = codec.decode_text_into(&value, at, LegacyCookies::Reject, &mut decoded);

        prop_assert_eq!(value, codec.encode(&payload, at).into_bytes());
        prop_assert_eq!(outcome, Ok(()));
        prop_assert_eq!(decoded, text.into_bytes());
    }

    #[test]
    fn bytes_and_text_are_signed_and_verified_alike(text in ".*", cut in any::<Index>()) {
        let codec = codec();
        let mut signed = Vec::new();
        codec.sign_into(text.as_bytes(), &mut signed);

        prop_assert_eq!(&signed, &codec.sign(&text).into_bytes());
        prop_assert_eq!(codec.verify_bytes(&signed), Ok(text.as_bytes()));
        let cut = &signed[..cut.index(signed.len())];
        let verified = codec.verify_bytes(cut);
        prop_assert!(verified.is_err());
        if let Ok(cut) = str::from_utf8(cut) {
            prop_assert_eq!(codec.verify(cut).err(), verified.err());
        }
    }
}

/// Bytes that are not UTF-8 read as U+FFFD, by us and by JavaScript.
#[test]
fn a_payload_that_is_not_utf8_is_carried_for_javascript_to_read() {
    let codec = codec();
    let json = b"{\"id\":\"a\",\"data\":{\"k\":\"\xff\"},\"flash_next\":{},\"exp\":17}";
    let value = codec.sign(&base64_simd::URL_SAFE_NO_PAD.encode_to_string(json));
    let (at, mut text) = (UnixMillis::new(17), Vec::new());

    let walked = codec.decode(&value, at, LegacyCookies::Reject).expect("a payload");
    codec.decode_text_into(value.as_bytes(), at, LegacyCookies::Reject, &mut text).expect("signed");

    assert_eq!(walked.as_json(), String::from_utf8_lossy(&text));
}

#[test]
fn the_last_of_two_expiries_counts_however_they_are_spelled() {
    let codec = codec();
    let start = r#"{"id":"a","data":{"exp":1},"flash_next":{"exp":1}"#;
    for (end, expires_at) in [
        (r#","exp":5,"exp":17}"#, 17),
        (r#","exp":17,"\u0065xp":5}"#, 5),
        (r#","\u0065xp":5,"exp":17}"#, 17),
        (r#","exp":"5","exp":17}"#, 17),
        (r#","data":{},"exp":17}"#, 17),
        (r#","exp":17 }"#, 17),
        (r#","exp":1.7e1}"#, 17),
    ] {
        let text = base64_simd::URL_SAFE_NO_PAD.encode_to_string(format!("{start}{end}"));
        let value = codec.sign(&text);
        let decode = |now| {
            let legacy = LegacyCookies::Reject;
            codec.decode_text_into(value.as_bytes(), UnixMillis::new(now), legacy, &mut Vec::new())
        };

        assert_eq!(decode(expires_at), Ok(()), "{end}");
        assert_eq!(decode(expires_at + 1), Err(DecodeError::Expired), "{end}");
    }
}

#[test]
fn a_cookie_is_found_among_very_many() {
    let header = "a=1;".repeat(100_000) + "sid=x" + &";sid=y".repeat(100_000);

    assert_eq!(cookie::find(header.as_bytes(), b"sid"), Some(&b"x"[..]));
    assert_eq!(cookie::find(header.as_bytes(), b"b"), None);
}

fn codec() -> CookieCodec {
    CookieCodec::new(KeyRing::from_secrets(["key"]).expect("legal"))
}

/// What `decode_text_into` promises of any text that it gives.
fn assert_promised_shape(text: &str) {
    assert!(text.starts_with(r#"{"id":""#) && text.ends_with('}'), "{text}");
    assert!(text.contains(r#"","data":{"#), "{text}");
}

/// A payload in the spelling of `JSON.stringify`, or nearly so: values are in any spelling.
fn canonical_text() -> impl Strategy<Value = String> {
    ("[a-z0-9-]{0,4}", object_text(), object_text()).prop_map(|(id, data, flash)| {
        format!(r#"{{"id":"{id}","data":{data},"flash_next":{flash}}}"#)
    })
}

/// A payload in many spellings, and some that only look like one.
fn payload_text() -> impl Strategy<Value = String> {
    let odd = (string_text(), json_text(), json_text(), nearly_json()).prop_map(
        |(id, data, flash, more)| {
            format!(r#"{{"id":{id},"data":{data},"flash_next":{flash},"more":{{"a":{more}}}}}"#)
        },
    );
    prop_oneof![canonical_text(), odd]
}

/// An envelope, its end in many spellings.
fn envelope() -> impl Strategy<Value = String> {
    let end = prop_oneof![
        4 => (0_u64..30).prop_map(|exp| format!(r#","exp":{exp}}}"#)),
        1 => nearly_json().prop_map(|exp| format!(r#","exp":{exp}}}"#)),
        1 => (string_text(), 0_u64..30).prop_map(|(key, exp)| format!(",{key}:{exp}}}")),
        1 => (0_u64..30).prop_map(|exp| format!(r#","id":5,"exp":{exp}}}"#)),
        1 => (0_u64..30).prop_map(|exp| format!(r#","a\\","exp":{exp}}}"#)),
        1 => select(vec!["}", "", ",\"exp\":017}", ",\"exp\":17}}", ",\"exp\":17} "])
            .prop_map(str::to_owned),
    ];
    let whole = (payload_text(), end)
        .prop_map(|(payload, end)| format!("{}{end}", &payload[..payload.len() - 1]))
        .boxed();
    prop_oneof![3 => whole.clone(), 2 => changed(whole)]
}

/// Text with a piece of it gone, doubled, or replaced by something that means something.
fn changed(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let piece =
        select(vec!["", "\"", "\\", ",", "}", "{", ":", "0", ",\"exp\":5", "\"exp\":", " "]);
    (text, any::<Index>(), any::<Index>(), piece).prop_map(|(text, at, len, piece)| {
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let end = (at + len.index(3)).min(chars.len());
        chars.splice(at..end, piece.chars());
        chars.into_iter().collect()
    })
}
