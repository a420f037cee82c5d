//! Whatever bytes come in, nothing panics: what we signed comes back as it was, what we did not
//! sign is refused, and JSON is what `JSON.parse` says it is.

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use rudder_session::{CookieCodec, DecodeError, KeyRing, LegacyCookies, MemberFinder, Payload};
use rudder_session::{HardenedCodec, HardenedConfig, HardenedKey, Origin};
use rudder_session::{PayloadError, SessionId, UnixMillis, cookie};
use rudder_session_tests::js;
use rudder_session_tests::json_text::{
    json_text, key, nearly_json, number_text, object_text, string_text, white_space,
};

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn decoding_what_was_encoded_gives_the_same_bytes_for_any_json_and_any_key(
        id in string_text(),
        data in object_text(),
        flash_next in object_text(),
        key in prop::collection::vec(any::<u8>(), 1..200),
        expires_at in 0_u64..8_640_000_000_000_000,
    ) {
        let codec = codec(&key);
        let text = format!(r#"{{"id":{id},"data":{data},"flash_next":{flash_next}}}"#);
        let payload = Payload::parse(text.as_str()).expect("a payload");

        let value = codec.encode(&payload, UnixMillis::new(expires_at));
        let decode = |now| codec.decode(&value, UnixMillis::new(now), LegacyCookies::Reject);

        prop_assert_eq!(payload.as_json(), &text);
        let decoded = decode(expires_at).expect("our own cookie");
        prop_assert_eq!(decoded.as_json(), &text);
        prop_assert_eq!(decode(expires_at + 1), Err(DecodeError::Expired));
    }

    #[test]
    fn a_hardened_value_gives_the_same_bytes_and_no_other_text_is_one(
        id in string_text(),
        data in object_text(),
        secret in prop::collection::vec(any::<u8>(), 1..200),
        name in "[a-zA-Z_-]{1,80}",
        seal_padded_to in select(vec![None, Some(1), Some(100)]),
        expires_at in 0_u64..8_640_000_000_000_000,
        junk in prop_oneof!["v2[psi]\\.[A-Za-z0-9_-]{0,200}", ".{0,100}"],
        cut in any::<Index>(),
        byte in any::<u8>(),
    ) {
        let key = HardenedKey::new(&secret).expect("legal");
        let config = HardenedConfig { seal_padded_to, ..HardenedConfig::new(vec![key], name) };
        let codec = HardenedCodec::new(config).expect("legal");
        let payload = Payload::parse(format!(r#"{{"id":{id},"data":{data}}}"#)).expect("a payload");
        let now = UnixMillis::new(expires_at);
        let mut text = Vec::new();

        let value = codec.encode(&payload, now).expect("random bytes");

        prop_assert_eq!(codec.decode(&value, now), Ok((payload, Origin::Primary)));
        let late = codec.decode(&value, UnixMillis::new(expires_at + 1));
        prop_assert_eq!(late, Err(DecodeError::Expired));
        let mut changed = value.clone().into_bytes();
        let place = cut.index(changed.len());
        changed[place] = byte;
        if changed != value.as_bytes() {
            prop_assert!(codec.decode_text_into(&changed, now, &mut text).is_err());
        }
        let cut_off = &value.as_bytes()[..place];
        prop_assert!(codec.decode_text_into(cut_off, now, &mut text).is_err());
        prop_assert!(codec.decode(&junk, now).is_err());
        prop_assert!(codec.decode_id(&junk, now).is_err());
    }

    #[test]
    fn members_are_found_only_in_text_that_is_a_payload_as_it_stands(
        id in string_text(),
        data in prop_oneof![object_text(), nearly_json()],
        flash_next in object_text(),
        cut in any::<Index>(),
        byte in any::<u8>(),
    ) {
        let text = format!(r#"{{"id":{id},"data":{data},"flash_next":{flash_next}}}"#);
        let mut bytes = text.clone().into_bytes();
        let place = cut.index(bytes.len());
        let mut finder = MemberFinder::new();

        for text in [text.as_bytes(), &text.as_bytes()[..place]] {
            let is_found = finder.find(text).is_some();
            let text = str::from_utf8(text).unwrap_or_default();
            let is_whole = Payload::parse(text).is_ok_and(|payload| payload.as_json() == text);
            prop_assert!(!is_found || is_whole);
        }
        bytes[place] = byte;
        let is_found = finder.find(&bytes).is_some();
        let parsed = String::from_utf8(bytes).ok().and_then(|it| Payload::parse(it).ok());
        prop_assert!(!is_found || parsed.is_some());
    }

    #[test]
    fn a_payload_in_any_spelling_is_what_javascript_makes_of_it(
        id in string_text(),
        data in json_text(),
        flash_next in json_text(),
        order in Just(["id", "data", "flash_next", "exp"]).prop_shuffle(),
        space in white_space(),
    ) {
        let value = |field: &str| match field {
            "id" => &id,
            "data" => &data,
            "flash_next" => &flash_next,
            _ => "5",
        };
        let members = order.map(|field| format!("{space}\"{field}\"{space}:{}", value(field)));
        let text = format!("{space}{{{}{space}}}{space}", members.join(&format!("{space},")));

        let payload = Payload::parse(text.as_str()).expect("a payload");

        let seen = js::parse(&text).expect("JSON");
        let spread = |field| seen.get(field).expect("it is there").spread().to_string();
        let shown = |text| js::parse(text).expect("JSON").to_string();
        prop_assert_eq!(shown(payload.data_json()), spread("data"));
        prop_assert_eq!(shown(payload.flash_next_json()), spread("flash_next"));
        prop_assert_eq!(payload.id_json(), id.trim_matches([' ', '\t', '\n', '\r']));
        // Once spelled our way, it stays as it is.
        prop_assert_eq!(Payload::parse(payload.as_json()), Ok(payload.clone()));
    }

    #[test]
    fn the_extra_fields_of_a_record_are_kept_verbatim_if_they_are_what_they_should_be(
        created_at in prop_oneof![number_text(), json_text()],
        moved_to in prop_oneof!["\"[A-Za-z0-9_-]{1,40}\"", json_text()],
        moved_until in prop_oneof![number_text(), json_text()],
        fields in subsequence(vec!["created_at", "moved_to", "moved_until", "exp", "x"], 0..=5)
            .prop_shuffle(),
    ) {
        let value = |field: &str| match field {
            "created_at" => &created_at,
            "moved_to" => &moved_to,
            "moved_until" => &moved_until,
            _ => "5",
        };
        let member = |field: &&str| format!(",\"{field}\":{}", value(field));
        let extra: String = fields.iter().map(member).collect();
        let text = format!(r#"{{"id":"a","data":{{}},"flash_next":{{}}{extra}}}"#);

        let payload = Payload::parse(text.as_str()).expect("a payload");

        let is_instant = |text: &str| {
            let seen = js::parse(text).expect("JSON");
            matches!(seen, js::Value::Number(it) if it.abs() <= 8.64e15)
        };
        let is_id = |text: &str| {
            let inside = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
            inside.and_then(SessionId::parse).is_some()
        };
        let moves = fields.contains(&"moved_to") && fields.contains(&"moved_until")
            && is_id(&moved_to) && is_instant(&moved_until);
        let kept = |field: &&str| match *field {
            "created_at" => fields.contains(field) && is_instant(&created_at),
            _ => moves,
        };
        let in_order = ["created_at", "moved_to", "moved_until"];
        let expected: String = in_order.iter().filter(|it| kept(it)).map(member).collect();
        let expected = format!(r#"{{"id":"a","data":{{}},"flash_next":{{}}{expected}}}"#);
        prop_assert_eq!(payload.as_json(), &expected);
        prop_assert_eq!(payload.is_forwarding(), moves);
        prop_assert_eq!(payload.created_at().is_some(), kept(&"created_at"));
        // Once spelled our way, it stays as it is, in a cookie too.
        prop_assert_eq!(Payload::parse(expected), Ok(payload.clone()));
        let value = codec(b"key").encode(&payload, NOW);
        prop_assert_eq!(codec(b"key").decode(&value, NOW, LegacyCookies::Reject), Ok(payload));
    }

    #[test]
    fn json_is_what_json_parse_takes_for_json(text in nearly_json()) {
        let mut payload = Payload::parse(r#"{"id":"a"}"#).expect("a payload");

        let accepted = payload.put_json("key", &text).is_ok();

        prop_assert_eq!(accepted, js::parse(&text).is_ok(), "{}", text);
        // A second opinion, which is stricter in four known ways.
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(_) => prop_assert!(accepted, "serde_json takes {}", text),
            Err(_) if !accepted => {}
            Err(error) => {
                let reason = error.to_string();
                let is_known = ["out of range", "surrogate", "hex escape", "recursion limit"]
                    .iter()
                    .any(|known| reason.contains(known));
                prop_assert!(is_known, "serde_json refuses {}: {}", text, reason);
            }
        }
    }

    #[test]
    fn edits_do_what_they_do_to_an_object_in_javascript(
        data in object_text(),
        edits in prop::collection::vec((key(), prop::option::of(json_text())), 0..12),
    ) {
        let mut payload =
            Payload::parse(format!(r#"{{"id":"a","data":{data}}}"#)).expect("a payload");
        let mut model = js::parse(&data).expect("JSON").spread();

        for (key, value) in &edits {
            match value {
                Some(value) => {
                    payload.put_json(key, value).expect("JSON");
                    model.put(key, js::parse(value).expect("JSON"));
                }
                None => {
                    payload.forget(key);
                    model.delete(key);
                }
            }
        }

        let shown = |text| js::parse(text).expect("JSON").to_string();
        prop_assert_eq!(shown(payload.data_json()), model.to_string());
        for (key, _) in &edits {
            let got = payload.get_json(key).map(shown);
            prop_assert_eq!(got, model.get(key).map(ToString::to_string));
        }
        prop_assert_eq!(payload.id_json(), "\"a\"");
        prop_assert_eq!(payload.flash_next_json(), "{}");
    }

    #[test]
    fn any_bytes_as_a_cookie_value_are_refused(bytes in any_bytes()) {
        let text = String::from_utf8_lossy(&bytes);

        refused_by_all(&text)?;
    }

    #[test]
    fn a_cookie_with_any_piece_replaced_is_refused(
        from in any::<Index>(),
        to in any::<Index>(),
        piece in any_bytes(),
    ) {
        let value = a_cookie();
        let (from, to) = (from.index(value.len()), to.index(value.len()));
        let (from, to) = (from.min(to), from.max(to));
        let bytes = [&value.as_bytes()[..from], &piece, &value.as_bytes()[to..]].concat();
        let changed = String::from_utf8_lossy(&bytes);
        prop_assume!(changed != value);

        refused_by_all(&changed)?;
    }

    #[test]
    fn a_made_up_signature_is_refused(mac in any::<[u8; 32]>()) {
        refused_by_all(&with_signature(mac))?;
    }

    #[test]
    fn signed_text_of_any_kind_is_decoded_or_refused_but_never_a_panic(
        text in prop_oneof![
            ".*",
            json_text(),
            any_bytes().prop_map(|bytes| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)),
            nearly_json().prop_map(|it| base64_simd::URL_SAFE_NO_PAD.encode_to_string(it)),
        ]
    ) {
        let codec = codec(b"key");
        let signed = codec.sign(&text);

        prop_assert_eq!(codec.verify(&signed), Ok(&*text));
        prop_assert_eq!(codec.decode_id(&signed).ok(), SessionId::parse(&text));
        match codec.decode(&signed, NOW, LegacyCookies::Accept) {
            Ok(payload) => prop_assert_eq!(Payload::parse(payload.as_json()), Ok(payload)),
            Err(error) => {
                prop_assert!(matches!(error, DecodeError::Malformed | DecodeError::Expired));
            }
        }
    }

    #[test]
    fn any_text_is_a_payload_exactly_if_it_is_an_object_whose_id_is_a_string(
        text in prop_oneof![
            nearly_json(),
            nearly_json().prop_map(|it| format!(r#"{{"id":"x","data":{it}}}"#)),
            json_text().prop_map(|it| format!(r#"{{"id":{it}}}"#)),
            ".*",
        ]
    ) {
        let seen = js::parse(&text).ok();
        let has_id = seen.is_some_and(|it| matches!(it.get("id"), Some(js::Value::String(_))));

        let parsed = Payload::parse(text.as_str());

        prop_assert_eq!(parsed.is_ok(), has_id, "{}", text);
        if let Err(error) = parsed {
            prop_assert_eq!(error, PayloadError::NotAPayload);
        }
    }

    #[test]
    fn a_header_of_any_bytes_is_searched_without_harm(
        header in any_bytes(),
        name in any_bytes(),
    ) {
        if let Some(value) = cookie::find(&header, &name) {
            prop_assert!(value.is_empty() || header.windows(value.len()).any(|it| it == value));
        }
    }

    #[test]
    fn a_cookie_is_found_where_javascript_finds_it(
        header in "([a-c= ;\t\u{a0}\u{feff}\"]|\u{85}|sid){0,24}",
        name in select(vec!["sid", "a", "", " "]),
    ) {
        let trim = |text: &str| {
            let is_space = |c: char| c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}');
            text.trim_matches(is_space).to_owned()
        };
        let mut pairs = header.split(';').filter_map(|pair| pair.split_once('='));
        let expected = pairs.find(|(key, _)| trim(key) == name).map(|(_, value)| trim(value));

        let found = cookie::find(header.as_bytes(), name.as_bytes());

        prop_assert_eq!(found, expected.as_deref().map(str::as_bytes));
    }
}

#[test]
fn changing_any_one_byte_of_a_cookie_refuses_it() {
    let value = a_cookie();
    assert!(codec(b"key").decode(&value, NOW, LegacyCookies::Reject).is_ok());
    for at in 0..value.len() {
        for other in 0..=u8::MAX {
            let mut bytes = value.clone().into_bytes();
            if bytes[at] == other {
                continue;
            }
            bytes[at] = other;

            // What is not UTF-8 has no way in.
            if let Ok(changed) = str::from_utf8(&bytes) {
                refused_by_all(changed).unwrap_or_else(|err| panic!("{at} {other}: {err}"));
            }
        }
    }
}

#[test]
fn a_signature_of_32_like_bytes_is_refused() {
    for byte in 0..=u8::MAX {
        let refused = refused_by_all(&with_signature([byte; 32]));

        refused.unwrap_or_else(|err| panic!("{byte}: {err}"));
    }
}

#[test]
fn dropping_or_doubling_any_one_byte_of_a_cookie_refuses_it() {
    let value = a_cookie();
    for at in 0..value.len() {
        let mut shorter = value.clone();
        shorter.remove(at);
        let mut longer = value.clone();
        longer.insert(at, char::from(value.as_bytes()[at]));

        for changed in [shorter, longer] {
            refused_by_all(&changed).unwrap_or_else(|err| panic!("{at}: {err}"));
        }
    }
}

#[test]
fn a_hundred_thousand_levels_are_carried_and_refused_by_types_only() {
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    let text = format!(r#"{{"id":"a","data":{{"deep":{nested}}},"flash_next":{{}}}}"#);
    let payload = Payload::parse(text.as_str()).expect("a payload");
    let codec = codec(b"key");

    let value = codec.encode(&payload, NOW);

    let decoded = codec.decode(&value, NOW, LegacyCookies::Reject).expect("our own");
    assert_eq!(decoded.as_json(), text);
    let typed = decoded.get::<serde_json::Value>("deep");
    assert_eq!(typed, Err(PayloadError::TooDeep));
}

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn config(cases: u32) -> ProptestConfig {
    // What fails is printed in its smallest form; a file of seeds would only grow.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn codec(key: &[u8]) -> CookieCodec {
    CookieCodec::new(KeyRing::from_secrets([key]).expect("legal"))
}

fn a_cookie() -> String {
    let payload = Payload::parse(r#"{"id":"3f2b8c1e","data":{"user":"alice"},"flash_next":{}}"#);
    codec(b"key").encode(&payload.expect("a payload"), NOW)
}

/// A cookie value of ours, with a signature of somebody else's making.
fn with_signature(mac: [u8; 32]) -> String {
    let value = a_cookie();
    let (text, _) = value.rsplit_once('.').expect("a signature");
    format!("{text}.{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(mac))
}

fn refused_by_all(value: &str) -> Result<(), TestCaseError> {
    let codec = codec(b"key");
    let decoded = codec.decode(value, NOW, LegacyCookies::Accept);
    let refused = |error: Option<DecodeError>| {
        matches!(error, Some(DecodeError::BadSignature | DecodeError::Unsigned))
    };
    prop_assert!(refused(codec.verify(value).err()));
    prop_assert!(refused(codec.decode_id(value).err()));
    prop_assert!(refused(decoded.err()));
    Ok(())
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let some = prop::collection::vec(any::<u8>(), 0..300);
    // Bytes that mean something here come up often enough only if they are asked for.
    let telling = prop::collection::vec(select(b"AZaz09-_.=;{}\"\\: \0\xff\xc3".to_vec()), 0..100);
    prop_oneof![some, telling, ".*".prop_map(String::into_bytes)]
}
