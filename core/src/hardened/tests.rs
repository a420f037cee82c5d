//! What a hardened value is bound to, and what it is not accepted as.

use super::layout::TAG_LEN;
use super::*;
use crate::{CookieCodec, KeyRing};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OLD: &str = "fedcba9876543210fedcba9876543210";
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);
const LATER: UnixMillis = UnixMillis::new(1_700_000_000_001);

fn key(secret: &str) -> HardenedKey {
    HardenedKey::new(secret).expect("legal")
}

fn config(secrets: &[&str]) -> HardenedConfig {
    HardenedConfig::new(secrets.iter().map(|it| key(it)).collect(), "sid")
}

fn codec(config: HardenedConfig) -> HardenedCodec {
    HardenedCodec::new(config).expect("legal")
}

fn signing(secrets: &[&str]) -> HardenedCodec {
    codec(config(secrets))
}

fn sealing(secrets: &[&str], pad_to: usize) -> HardenedCodec {
    codec(HardenedConfig { seal_padded_to: Some(pad_to), ..config(secrets) })
}

fn id() -> SessionId {
    SessionId::of_bytes(&std::array::from_fn(|at| at as u8))
}

fn payload(data_len: usize) -> Payload {
    let mut payload = Payload::new(&id());
    payload.put("text", &"x".repeat(data_len)).expect("text");
    payload
}

fn encoded(codec: &HardenedCodec, payload: &Payload) -> String {
    codec.encode(payload, NOW).expect("random bytes")
}

/// Of `tests/vectors/v2.json`, which a program in Python makes.
#[test]
fn one_value_of_each_kind_is_what_another_program_makes_of_it() {
    const NAME: &str = "rudderjs_session";
    const ID: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let keys = || vec![key(SECRET)];
    let signing = codec(HardenedConfig::new(keys(), NAME));
    let sealing =
        codec(HardenedConfig { seal_padded_to: Some(1), ..HardenedConfig::new(keys(), NAME) });
    let id = SessionId::parse(ID).expect("legal");
    let payload = Payload::new(&id);

    let of_payload = "v2p.eyJpZCI6IkFBRUNBd1FGQmdjSUNRb0xEQTBPRHhBUkVoTVVGUllYR0JrYUd4d2RIaDgi\
        LCJkYXRhIjp7fSwiZmxhc2hfbmV4dCI6e319AAABi8_laAA4yW1b6ICXNbmN1O_f3OCWZvFcAPRtJDw6pvsAMrqw\
        HU1G4cU";
    assert_eq!(signing.encode(&payload, NOW).as_deref(), Ok(of_payload));
    let of_id = "v2i.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAAGLz-VoADjJbVtw9Xh_yUApkPpW\
        TqFMvtSeNwedHFUcMB3fiRwiR4jq1g";
    assert_eq!(signing.encode_id(&id, NOW).as_deref(), Ok(of_id));
    let sealed = "v2s.ovC__xawzH1FSDHw2qN26-_d1E27sreX1eepXsqbv_GrUWGiUP7tiWWY6JP0iNZ99aEqtkyk3\
        -LqSCnZ4XkGfF1Uv-kU7XqlAl5zyIaGoX5HrxWOnbVPxeSQKZb1NgqTPFgee601QwAAAYvP5WgAOMltW7X2zkezn\
        5Of4CiC5xX-L7E";
    assert_eq!(sealing.decode(sealed, NOW), Ok((payload, Origin::Primary)));
}

#[test]
fn payloads_of_every_length_come_back_signed_and_sealed() {
    for (codec, tag) in [
        (signing(&[SECRET]), "v2p."),
        (sealing(&[SECRET], 1), "v2s."),
        (sealing(&[SECRET], 64), "v2s."),
    ] {
        for len in (0..70).chain([1000, 4000]) {
            let payload = payload(len);
            let value = encoded(&codec, &payload);
            let mut text = Vec::new();

            assert!(value.starts_with(tag));
            assert_eq!(codec.decode(&value, NOW), Ok((payload.clone(), Origin::Primary)));
            assert_eq!(codec.decode(&value, LATER), Err(DecodeError::Expired));
            assert_eq!(
                codec.decode_text_into(value.as_bytes(), NOW, &mut text),
                Ok(Origin::Primary)
            );
            assert_eq!(text, payload.as_json().as_bytes());
        }
    }
}

#[test]
fn changing_any_one_character_of_a_value_refuses_it() {
    let signing = signing(&[SECRET]);
    let sealing = sealing(&[SECRET], 16);
    let id_value = signing.encode_id(&id(), NOW).expect("of 256 bits");
    let refused = |value: &str| {
        [
            signing.decode(value, NOW).err(),
            sealing.decode(value, NOW).err(),
            signing.decode_id(value, NOW).err(),
        ]
    };

    for value in [encoded(&signing, &payload(5)), encoded(&sealing, &payload(5)), id_value] {
        for at in 0..value.len() {
            for other in ["A", "b", "_", "-", ".", "=", "", "AA", "\u{e9}"] {
                let changed = [&value[..at], other, &value[at + 1..]].concat();
                if changed != value {
                    assert!(refused(&changed).iter().all(Option::is_some), "{changed}");
                }
            }
        }
        for len in 0..value.len() {
            assert!(refused(&value[..len]).iter().all(Option::is_some), "{len}");
        }
    }
}

#[test]
fn changing_any_one_bit_of_what_is_encoded_refuses_it() {
    let signing = signing(&[SECRET]);
    let sealing = sealing(&[SECRET], 16);
    for (codec, value) in
        [(&signing, encoded(&signing, &payload(5))), (&sealing, encoded(&sealing, &payload(5)))]
    {
        let (tag, text) = value.split_at(TAG_LEN);
        let bytes = URL_SAFE_NO_PAD.decode_to_vec(text).expect("base64url");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let value = [tag, &URL_SAFE_NO_PAD.encode_to_string(&changed)].concat();

            assert_eq!(codec.decode(&value, NOW), Err(DecodeError::BadSignature), "bit {bit}");
        }
    }
}

#[test]
fn a_value_is_bound_to_the_name_of_its_cookie() {
    let other = |seal| {
        codec(HardenedConfig {
            cookie_name: "sie".to_owned(),
            seal_padded_to: seal,
            ..config(&[SECRET])
        })
    };
    let (signing, sealing) = (signing(&[SECRET]), sealing(&[SECRET], 1));
    let id_value = signing.encode_id(&id(), NOW).expect("of 256 bits");

    let refused = Some(DecodeError::BadSignature);
    assert_eq!(other(None).decode(&encoded(&signing, &payload(1)), NOW).err(), refused);
    assert_eq!(other(Some(1)).decode(&encoded(&sealing, &payload(1)), NOW).err(), refused);
    assert_eq!(other(None).decode_id(&id_value, NOW).err(), refused);
}

#[test]
fn no_value_of_one_kind_passes_for_another_even_with_its_tag_changed() {
    let (signing, sealing) = (signing(&[SECRET]), sealing(&[SECRET], 1));
    let values = [
        encoded(&signing, &payload(40)),
        encoded(&sealing, &payload(40)),
        signing.encode_id(&id(), NOW).expect("of 256 bits"),
    ];

    for (own, value) in values.iter().enumerate() {
        for (kind, tag) in ["v2p.", "v2s.", "v2i."].into_iter().enumerate() {
            let value = [tag, &value[TAG_LEN..]].concat();
            let accepted = [
                signing.decode(&value, NOW).is_ok(),
                sealing.decode(&value, NOW).is_ok(),
                signing.decode_id(&value, NOW).is_ok(),
            ];
            let expected = std::array::from_fn(|decoder| decoder == own && kind == own);
            assert_eq!(accepted, expected, "{own} {kind}");
        }
    }
}

#[test]
fn a_value_of_v1_is_accepted_until_the_date_and_never_after() {
    let v1 = CookieCodec::new(KeyRing::from_secrets([SECRET]).expect("legal"));
    let uuid = SessionId::random().expect("random");
    let (value, id_value) = (v1.encode(&payload(3), LATER), v1.encode_id(&uuid));
    for seal_padded_to in [None, Some(1)] {
        let until = |accept_v1_until| {
            codec(HardenedConfig { accept_v1_until, seal_padded_to, ..config(&[OLD, SECRET]) })
        };

        assert_eq!(until(Some(NOW)).decode(&value, NOW), Ok((payload(3), Origin::V1)));
        assert_eq!(until(Some(NOW)).decode_id(&id_value, NOW), Ok((uuid.clone(), Origin::V1)));
        for (codec, now) in [(until(Some(NOW)), LATER), (until(None), NOW)] {
            assert_eq!(codec.decode(&value, now), Err(DecodeError::OtherFormat));
            assert_eq!(codec.decode_id(&id_value, now), Err(DecodeError::OtherFormat));
        }
    }
}

#[test]
fn what_has_a_tag_is_never_read_as_a_value_of_v1_though_a_key_signed_it_there() {
    let v1 = CookieCodec::new(KeyRing::from_secrets([SECRET]).expect("legal"));
    let envelope = v1.encode(&payload(1), LATER);
    let codec = codec(HardenedConfig { accept_v1_until: Some(NOW), ..config(&[SECRET]) });
    for tag in ["v2p.", "v2i.", "v2s."] {
        let value = v1.sign(&format!("{tag}{}", &envelope[..envelope.len() - 44]));

        assert!(v1.verify(&value).is_ok());
        assert!(codec.decode(&value, NOW).is_err(), "{tag}");
        assert!(codec.decode_id(&value, NOW).is_err(), "{tag}");
    }
    let refused = codec.decode(&v1.sign("v2i.abc"), NOW);
    assert_eq!(refused, Err(DecodeError::OtherFormat));
}

#[test]
fn legacy_cookies_of_v1_are_refused_if_they_are_to_be() {
    let v1 = CookieCodec::new(KeyRing::from_secrets([SECRET]).expect("legal"));
    let value = v1.sign(&URL_SAFE_NO_PAD.encode_to_string(payload(1).as_json()));
    let with =
        |legacy| codec(HardenedConfig { accept_v1_until: Some(NOW), legacy, ..config(&[SECRET]) });

    let accepted = with(LegacyCookies::Accept).decode(&value, NOW);
    assert_eq!(accepted, Ok((payload(1), Origin::V1)));
    assert_eq!(with(LegacyCookies::Reject).decode(&value, NOW), Err(DecodeError::Legacy));
}

#[test]
fn a_decoder_of_v1_accepts_no_hardened_value() {
    let v1 = CookieCodec::new(KeyRing::from_secrets([SECRET]).expect("legal"));
    let codec = signing(&[SECRET]);
    for value in [encoded(&codec, &payload(9)), codec.encode_id(&id(), NOW).expect("of 256 bits")] {
        let decoded = v1.decode(&value, NOW, LegacyCookies::Accept);

        assert!(matches!(decoded, Err(DecodeError::BadSignature | DecodeError::Unsigned)));
        assert!(v1.decode_id(&value).is_err());
    }
}

#[test]
fn what_a_retired_key_made_is_accepted_and_told_apart_until_its_end() {
    let (old, old_sealing) = (signing(&[OLD]), sealing(&[OLD], 1));
    let id_value = old.encode_id(&id(), LATER).expect("of 256 bits");
    let value = old.encode(&payload(1), LATER).expect("random bytes");
    let sealed = old_sealing.encode(&payload(1), LATER).expect("random bytes");
    let rotated = |seal_padded_to| {
        let keys = vec![key(SECRET), key(OLD).until(NOW)];
        codec(HardenedConfig { seal_padded_to, ..HardenedConfig::new(keys, "sid") })
    };

    assert_eq!(rotated(None).decode(&value, NOW), Ok((payload(1), Origin::Retired)));
    assert_eq!(rotated(Some(8)).decode(&sealed, NOW), Ok((payload(1), Origin::Retired)));
    assert_eq!(rotated(None).decode_id(&id_value, NOW), Ok((id(), Origin::Retired)));
    assert_eq!(rotated(None).decode(&value, LATER), Err(DecodeError::BadSignature));
    assert_eq!(rotated(Some(8)).decode(&sealed, LATER), Err(DecodeError::BadSignature));
    assert_eq!(rotated(None).decode_id(&id_value, LATER), Err(DecodeError::BadSignature));
}

#[test]
fn what_a_retired_key_made_in_v1_ends_with_the_key() {
    let v1 = CookieCodec::new(KeyRing::from_secrets([OLD]).expect("legal"));
    let value = v1.encode(&payload(1), LATER);
    let keys = vec![key(SECRET), key(OLD).until(NOW)];
    let config =
        HardenedConfig { accept_v1_until: Some(LATER), ..HardenedConfig::new(keys, "sid") };
    let codec = codec(config);

    assert_eq!(codec.decode(&value, NOW), Ok((payload(1), Origin::V1)));
    assert_eq!(codec.decode(&value, LATER), Err(DecodeError::BadSignature));
}

#[test]
fn keys_that_share_an_id_are_all_tried() {
    let mut two = signing(&[SECRET, OLD]);
    let old = signing(&[OLD]);
    two.primary.id = old.primary.id;

    let value = old.encode_id(&id(), NOW).expect("of 256 bits");
    assert_eq!(two.decode_id(&value, NOW), Ok((id(), Origin::Retired)));
    let mut sealed = sealing(&[SECRET, OLD], 1);
    sealed.primary.id = old.primary.id;
    let value = encoded(&sealing(&[OLD], 1), &payload(7));
    assert_eq!(sealed.decode(&value, NOW), Ok((payload(7), Origin::Retired)));
}

#[test]
fn what_a_key_signed_that_is_no_payload_is_malformed() {
    let codec = signing(&[SECRET]);
    for body in [&b"[]"[..], b"{}", b"", b"{\"id\":1}", b"{\"id\":\"\xff\"", b"x"] {
        let mut value = String::new();
        let trailer = layout::trailer(NOW, codec.primary.id);
        append_signed(&codec.primary.payload, Kind::Payload, body, trailer, &mut value);

        assert_eq!(codec.decode(&value, NOW), Err(DecodeError::Malformed));
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_read_as_in_v1_however_the_payload_is_spelled() {
    let codec = signing(&[SECRET]);
    let read = Payload::parse("{\"id\":\"a\u{fffd}\"}").expect("a payload");
    for body in [
        &b"{\"id\":\"a\xff\",\"data\":{},\"flash_next\":{}}"[..],
        b"{\"id\":\"a\xff\" }",
        b"{\"data\":null,\"id\":\"a\xff\"}",
    ] {
        let mut value = String::new();
        let trailer = layout::trailer(NOW, codec.primary.id);
        append_signed(&codec.primary.payload, Kind::Payload, body, trailer, &mut value);

        assert_eq!(codec.decode(&value, NOW), Ok((read.clone(), Origin::Primary)));
    }
}

#[test]
fn a_payload_in_another_spelling_is_signed_and_read_in_ours() {
    let codec = signing(&[SECRET]);
    let (mut value, mut text) = (Vec::new(), Vec::new());
    let spelling = br#" {"data":{"n":1}, "id":"a"} "#;

    codec.encode_text_into(spelling, NOW, &mut value).expect("a payload");

    assert_eq!(codec.decode_text_into(&value, NOW, &mut text), Ok(Origin::Primary));
    assert_eq!(text, br#"{"id":"a","data":{"n":1},"flash_next":{}}"#);
    let refused = codec.encode_text_into(b"[]", NOW, &mut value);
    assert_eq!(refused, Err(EncodeError::Payload(crate::PayloadError::NotAPayload)));
}

#[test]
fn padding_hides_all_but_a_multiple_of_the_length() {
    let codec = sealing(&[SECRET], 256);
    let lengths: std::collections::HashSet<_> =
        (0..150).map(|len| encoded(&codec, &payload(len)).len()).collect();

    assert_eq!(lengths.len(), 1);
    let shortest = encoded(&sealing(&[SECRET], 1), &payload(0)).len();
    assert_eq!(encoded(&sealing(&[SECRET], 1), &payload(3)).len(), shortest + 4);
}

#[test]
fn no_two_seals_of_a_payload_are_alike() {
    let codec = sealing(&[SECRET], 1);
    let values: std::collections::HashSet<_> =
        (0..100).map(|_| encoded(&codec, &payload(1))).collect();

    assert_eq!(values.len(), 100);
}

#[test]
fn keys_are_derived_once_and_never_with_a_value() {
    use crate::mac::tests::DERIVED;
    let before = DERIVED.get();
    let codecs = [signing(&["one", "another"]), sealing(&["one", "another"], 1)];
    let derived = DERIVED.get();

    for codec in &codecs {
        let value = encoded(codec, &payload(10));
        assert!(codec.decode(&value, NOW).is_ok());
        let id = SessionId::random_256().expect("random");
        let value = codec.encode_id(&id, NOW).expect("signed");
        assert_eq!(codec.decode_id(&value, NOW), Ok((id, Origin::Primary)));
    }

    assert!(derived > before);
    assert_eq!(DERIVED.get(), derived);
}

#[test]
fn a_fraction_of_a_millisecond_is_not_lost() {
    let codec = signing(&[SECRET]);
    let at = UnixMillis::from_f64(10.25).expect("in range");
    let value = codec.encode(&payload(1), at).expect("signed");

    assert!(codec.decode(&value, UnixMillis::new(11)).is_ok());
    assert_eq!(codec.decode(&value, UnixMillis::new(12)), Err(DecodeError::Expired));
    let before_all = UnixMillis::from_f64(-5.0).expect("in range");
    let value = codec.encode(&payload(1), before_all).expect("signed");
    assert_eq!(codec.decode(&value, UnixMillis::new(1)), Err(DecodeError::Expired));
}

#[test]
fn an_id_of_another_kind_is_not_signed() {
    let codec = signing(&[SECRET]);
    let uuid = SessionId::random().expect("random");

    assert_eq!(codec.encode_id(&uuid, NOW), Err(EncodeError::InvalidId));
    let hashed = id().hashed().expect("of 256 bits");
    assert_eq!(codec.encode_id(&hashed, NOW), Err(EncodeError::InvalidId));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |config| HardenedCodec::new(config).map(|_| ()).unwrap_err();
    let named = |cookie_name| HardenedConfig { cookie_name, ..config(&[SECRET]) };
    let padded = |pad_to| HardenedConfig { seal_padded_to: Some(pad_to), ..config(&[SECRET]) };

    assert_eq!(refused(config(&[])), ConfigError::EmptyKeyRing);
    assert_eq!(refused(named(String::new())), ConfigError::InvalidCookieName);
    assert_eq!(refused(named("x".repeat(65_536))), ConfigError::InvalidCookieName);
    assert_eq!(refused(padded(0)), ConfigError::Padding);
    assert_eq!(refused(padded(4097)), ConfigError::Padding);
    assert_eq!(HardenedKey::new("").unwrap_err(), ConfigError::EmptyKey);
    let placeholder = HardenedKey::new(crate::secret::PLACEHOLDER).unwrap_err();
    assert_eq!(placeholder, ConfigError::PlaceholderSecret);
}

#[test]
fn debug_prints_nothing_of_a_key() {
    let shown = format!("{:?} {:?}", signing(&[SECRET, OLD]), config(&[SECRET]));

    assert!(!shown.contains("0123") && !shown.contains("fedc"), "{shown}");
}
