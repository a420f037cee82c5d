//! What a request pays for its cookie before any I/O.
//!
//! ```text
//!   codec/<operation>/<bytes>    bytes of the id (36) or of the payload
//!   codec/v2_<operation>/..    the same in the hardened format, signed or sealed
//!   mac/<operation>/<bytes>      the same bytes through hmac + sha2, or through base64-simd,
//!                                alone: what no codec can do without
//!   payload/<operation>/<bytes>  reading and changing a payload
//! ```
//!
//! `codec/encode` signs four bytes of base64 for each three of payload, and so does
//! `mac/sign_and_base64`: the difference between the two is ours.

use std::hint::black_box;

use base64_simd::URL_SAFE_NO_PAD;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use rudder_session::{DecodeError, LegacyCookies, Origin, Payload, SessionId};
use rudder_session_benches::{ID_BYTES, NOW, PAYLOAD_BYTES, SECRET};
use rudder_session_benches::{codec, codec_after_two_rotations, hardened_codec, payload, text};
use serde::Deserialize;
use sha2::Sha256;

fn sign_and_verify(c: &mut Criterion) {
    let (codec, rotated) = (codec(), codec_after_two_rotations());
    for len in [ID_BYTES].into_iter().chain(PAYLOAD_BYTES) {
        let value = text(len);
        let signed = codec.sign(&value);
        // Only one bit is wrong, so that nothing is refused before the hash is computed.
        let forged = format!("{value}.{}", flip_first_bit(&signed[len + 1..]));
        assert_eq!(codec.verify(&signed), Ok(&*value));
        assert_eq!(rotated.verify(&signed), Ok(&*value));
        for codec in [&codec, &rotated] {
            assert_eq!(codec.verify(&forged), Err(DecodeError::BadSignature));
        }

        run(c, "codec/sign", len, || codec.sign(black_box(&value)));
        run(c, "codec/verify", len, || codec.verify(black_box(&signed)));
        run(c, "codec/verify_with_the_third_key", len, || rotated.verify(black_box(&signed)));
        run(c, "codec/refuse", len, || codec.verify(black_box(&forged)));
        run(c, "codec/refuse_with_three_keys", len, || rotated.verify(black_box(&forged)));
    }
}

/// The signature with its first bit flipped.
fn flip_first_bit(signature: &str) -> String {
    let mut mac = URL_SAFE_NO_PAD.decode_to_vec(signature).expect("base64url");
    mac[0] ^= 0x80;
    URL_SAFE_NO_PAD.encode_to_string(mac)
}

fn encode_and_decode(c: &mut Criterion) {
    let codec = codec();
    let id = SessionId::parse(&text(ID_BYTES)).expect("legal");
    let value = codec.encode_id(&id);
    assert_eq!(codec.decode_id(&value), Ok(id.clone()));

    run(c, "codec/encode_id", ID_BYTES, || codec.encode_id(black_box(&id)));
    run(c, "codec/decode_id", ID_BYTES, || codec.decode_id(black_box(&value)));
    for len in PAYLOAD_BYTES {
        let payload = payload(len);
        let value = codec.encode(&payload, NOW);
        // A bench that measures a refusal looks splendid and means nothing.
        assert_eq!(codec.decode(&value, NOW, LegacyCookies::Reject), Ok(payload.clone()));

        run(c, "codec/encode", len, || codec.encode(black_box(&payload), NOW));
        let rotated = codec_after_two_rotations();
        assert_eq!(rotated.decode(&value, NOW, LegacyCookies::Reject), Ok(payload.clone()));
        run(c, "codec/decode_with_the_third_key", len, || {
            rotated.decode(black_box(&value), NOW, LegacyCookies::Reject)
        });
        run(c, "codec/decode", len, || codec.decode(black_box(&value), NOW, LegacyCookies::Reject));
    }
}

fn hardened(c: &mut Criterion) {
    let id = SessionId::random_256().expect("the machine has randomness");
    let codec = hardened_codec(None);
    let value = codec.encode_id(&id, NOW).expect("of 256 bits");
    assert_eq!(codec.decode_id(&value, NOW), Ok((id.clone(), Origin::Primary)));
    run(c, "codec/v2_encode_id", ID_BYTES, || codec.encode_id(black_box(&id), NOW));
    run(c, "codec/v2_decode_id", ID_BYTES, || codec.decode_id(black_box(&value), NOW));

    for (codec, encode, decode) in [
        (codec, "codec/v2_encode", "codec/v2_decode"),
        (hardened_codec(Some(1)), "codec/v2_seal", "codec/v2_unseal"),
    ] {
        for len in PAYLOAD_BYTES {
            let payload = payload(len);
            let value = codec.encode(&payload, NOW).expect("the machine has randomness");
            assert_eq!(codec.decode(&value, NOW), Ok((payload.clone(), Origin::Primary)));

            run(c, encode, len, || codec.encode(black_box(&payload), NOW));
            run(c, decode, len, || codec.decode(black_box(&value), NOW));
        }
    }
}

fn mac(c: &mut Criterion) {
    let state = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    let sign = |message: &[u8]| {
        let mut mac = state.clone();
        mac.update(message);
        mac.finalize().into_bytes()
    };
    for len in [ID_BYTES].into_iter().chain(PAYLOAD_BYTES) {
        let message = text(len);
        let signature = URL_SAFE_NO_PAD.encode_to_string(sign(message.as_bytes()));
        assert_eq!(codec().sign(&message), format!("{message}.{signature}"));

        run(c, "mac/cached", len, || sign(black_box(message.as_bytes())));
        run(c, "mac/fresh", len, || {
            let mut mac = Hmac::<Sha256>::new_from_slice(black_box(SECRET.as_bytes()));
            if let Ok(mac) = &mut mac {
                mac.update(message.as_bytes());
            }
            mac.map(|mac| mac.finalize().into_bytes())
        });
        let encoded = URL_SAFE_NO_PAD.encode_to_string(&message);
        let decoded = URL_SAFE_NO_PAD.decode_to_vec(&encoded);
        assert_eq!(decoded.as_deref().ok(), Some(message.as_bytes()));
        run(c, "mac/base64_encode", len, || {
            URL_SAFE_NO_PAD.encode_to_string(black_box(message.as_bytes()))
        });
        run(c, "mac/base64_decode", len, || URL_SAFE_NO_PAD.decode_to_vec(black_box(&encoded)));
        run(c, "mac/sign_and_base64", len, || {
            let text = URL_SAFE_NO_PAD.encode_to_string(black_box(message.as_bytes()));
            (sign(text.as_bytes()), text)
        });
    }
}

/// What the payloads here hold, read as a type by simd-json.
#[derive(Deserialize)]
struct Item {
    sku: String,
    #[serde(rename = "name")]
    _name: String,
    count: u32,
    #[serde(rename = "price")]
    _price: f64,
}

fn payloads(c: &mut Criterion) {
    for len in PAYLOAD_BYTES {
        let mut payload = payload(len);
        payload.put("visits", &1_u32).expect("serialisable");
        let len = payload.as_json().len();
        assert_eq!(payload.get_json("visits"), Some("1"));
        assert_eq!(payload.get::<u32>("visits"), Ok(Some(1)));
        let mut changed = payload.clone();
        changed.put("visits", &2_u32).expect("serialisable");
        assert_eq!(changed.get_json("visits"), Some("2"));

        let text = payload.as_json().to_owned();
        assert_eq!(Payload::parse(&*text), Ok(payload.clone()));
        run(c, "payload/parse", len, || Payload::parse(black_box(&*text)));
        if payload.get_json("cart0").is_some() {
            let cart = payload.get::<Vec<Item>>("cart0").expect("items").expect("it is there");
            assert_eq!((cart.len(), &*cart[0].sku, cart[0].count), (1, "A-1047", 2));
            run(c, "payload/get_struct", len, || payload.get::<Vec<Item>>(black_box("cart0")));
        }
        run(c, "payload/get_json", len, || payload.get_json(black_box("visits")).map(str::len));
        run(c, "payload/get_u32", len, || payload.get::<u32>(black_box("visits")));
        run(c, "payload/put_u32", len, || changed.put(black_box("visits"), &black_box(3_u32)));
    }
}

fn run<T>(c: &mut Criterion, group: &str, bytes: usize, mut work: impl FnMut() -> T) {
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| bencher.iter(&mut work));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = sign_and_verify, encode_and_decode, hardened, mac, payloads
}
criterion_main!(benches);
