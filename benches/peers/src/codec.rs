//! What a cookie costs before any I/O, next to others and to what nobody can do without.
//!
//! ```text
//!   hmac             hmac + sha2 with the key set up once, over the same bytes: no dot, no base64
//!   hmac, base64     the same and base64-simd, which encoding and decoding cannot do without
//!   ring, aws-lc-rs  their HMAC with the key set up once, and base64-simd: what an application
//!                    would write by hand
//!   SignedJar        the cookie crate's; it signs the name with the value, and sets up the key
//!                    for each cookie. `get` is from a jar that is there, `header` from the text
//!                    of a Cookie header, which makes the jar
//! ```

use std::hint::black_box;

use base64_simd::URL_SAFE_NO_PAD;
use cookie::CookieJar;
use hmac::{Hmac, KeyInit, Mac};
use rudder_session::{CookieCodec, KeyRing, LegacyCookies, UnixMillis};
use sha2::Sha256;

use crate::pairs::Pairs;
use crate::payloads;

const SECRET: &str = "test-secret-32-chars-exactly!!xx";
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);
const ID: &str = "3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f";

pub(crate) fn compare(pairs: &mut Pairs<'_>) {
    let ring = KeyRing::from_secrets([SECRET]).expect("legal");
    let codec = CookieCodec::new(ring);
    for len in [ID.len(), 170, 1024, 3072] {
        let value: String = ID.chars().cycle().take(len).collect();
        signatures(pairs, &codec, &value);
        signed_jar(pairs, &codec, &value);
    }
    // No browser takes the larger ones: they show how the cost grows.
    for len in [100, 170, 1024, 3072, 10_000, 100_000, 1_000_000] {
        let is_wanted = |it: &&str| (pairs.wants)(&format!("codec/{it}/{len}/hmac, base64"));
        // The largest takes seconds to make.
        if ["encode", "decode", "encode_text", "decode_text"].iter().any(is_wanted) {
            envelopes(pairs, &codec, len);
        }
    }
}

fn signatures(pairs: &mut Pairs<'_>, codec: &CookieCodec, value: &str) {
    let len = value.len();
    let signed = codec.sign(value);
    let [verify, sign] = ["verify", "sign"].map(|it| format!("codec/{it}/{len}"));

    let bare = Bare::new();
    assert_eq!(URL_SAFE_NO_PAD.encode_to_string(bare.mac(value.as_bytes())), signed[len + 1..]);
    pairs.compare(
        &verify,
        "hmac",
        || codec.verify(black_box(&signed)),
        || bare.mac(black_box(value.as_bytes())),
    );
    pairs.compare(
        &sign,
        "hmac",
        || codec.sign(black_box(value)),
        || bare.mac(black_box(value.as_bytes())),
    );

    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    let by_ring = || sign_by(black_box(value), |bytes| ring::hmac::sign(&key, bytes));
    let verified_by_ring = || {
        verified_by(black_box(&signed), |bytes, mac| ring::hmac::verify(&key, bytes, mac).is_ok())
    };
    assert_eq!((by_ring(), verified_by_ring()), (signed.clone(), Some(value)));
    pairs.compare(&verify, "ring", || codec.verify(black_box(&signed)), verified_by_ring);
    pairs.compare(&sign, "ring", || codec.sign(black_box(value)), by_ring);

    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let by_aws = || sign_by(black_box(value), |bytes| aws_lc_rs::hmac::sign(&key, bytes));
    let verified_by_aws = || {
        verified_by(black_box(&signed), |bytes, mac| {
            aws_lc_rs::hmac::verify(&key, bytes, mac).is_ok()
        })
    };
    assert_eq!((by_aws(), verified_by_aws()), (signed.clone(), Some(value)));
    pairs.compare(&verify, "aws-lc-rs", || codec.verify(black_box(&signed)), verified_by_aws);
    pairs.compare(&sign, "aws-lc-rs", || codec.sign(black_box(value)), by_aws);
}

/// Both give text of their own.
fn signed_jar(pairs: &mut Pairs<'_>, codec: &CookieCodec, value: &str) {
    let len = value.len();
    let key = cookie::Key::from(SECRET.repeat(2).as_bytes());
    let (mut jar, mut written) = (CookieJar::new(), CookieJar::new());
    jar.signed_mut(&key).add_original(("sid", value.to_owned()));
    written.signed_mut(&key).add(("sid", value.to_owned()));
    let in_the_jar = jar.get("sid").map(|it| it.value().to_owned()).expect("it is there");
    let signed = codec.sign(value);
    assert_eq!(jar.signed(&key).get("sid").as_ref().map(cookie::Cookie::value), Some(value));
    assert_eq!(written.get("sid").map(cookie::Cookie::value), Some(&*in_the_jar));

    pairs.compare(
        &format!("codec/get/{len}"),
        "SignedJar",
        || codec.verify(black_box(&signed)).map(str::to_owned),
        || jar.signed(&key).get(black_box("sid")),
    );
    pairs.compare(
        &format!("codec/add/{len}"),
        "SignedJar",
        || codec.sign(black_box(value)),
        || written.signed_mut(&key).add(("sid", black_box(value).to_owned())),
    );

    let [our_header, their_header] =
        [&signed, &in_the_jar].map(|it| format!("theme=dark; sid={it}; lang=en"));
    let from_our_header = || {
        let found = rudder_session::cookie::find(black_box(our_header.as_bytes()), b"sid")?;
        let verified = codec.verify(str::from_utf8(found).ok()?);
        verified.ok().map(str::to_owned)
    };
    let from_their_header = || {
        let mut jar = CookieJar::new();
        for cookie in cookie::Cookie::split_parse(black_box(&*their_header)) {
            jar.add_original(cookie.ok()?.into_owned());
        }
        jar.signed(&key).get("sid")
    };
    assert_eq!(from_our_header().as_deref(), Some(value));
    assert_eq!(from_their_header().as_ref().map(cookie::Cookie::value), Some(value));
    pairs.compare(&format!("codec/header/{len}"), "SignedJar", from_our_header, from_their_header);
}

fn envelopes(pairs: &mut Pairs<'_>, codec: &CookieCodec, len: usize) {
    let payload = payloads::shop(len);
    let json = payload.as_json().as_bytes();
    let value = codec.encode(&payload, NOW);
    let (text, _) = value.rsplit_once('.').expect("it is signed");
    let envelope = URL_SAFE_NO_PAD.decode_to_vec(text).expect("base64url");
    let bare = Bare::new();
    let (mut written, mut read) = (Vec::new(), Vec::new());
    assert_eq!(codec.encode_text_into(json, NOW, &mut written), Ok(()));
    assert_eq!(written, value.as_bytes());
    assert_eq!(codec.decode(&value, NOW, LegacyCookies::Reject).as_ref(), Ok(&payload));
    let decoded = codec.decode_text_into(&written, NOW, LegacyCookies::Reject, &mut read);
    assert_eq!((decoded, &*read), (Ok(()), json));

    let bare_encode = || {
        let text = URL_SAFE_NO_PAD.encode_to_string(black_box(&envelope));
        (bare.mac(text.as_bytes()), text)
    };
    let bare_decode = || {
        let mac = bare.mac(black_box(text.as_bytes()));
        (mac, URL_SAFE_NO_PAD.decode_to_vec(text))
    };
    assert_eq!((bare_encode().1, bare_decode().1.ok().as_ref()), (text.into(), Some(&envelope)));
    let [encode, decode] = ["encode", "decode"].map(|it| format!("codec/{it}/{len}"));
    pairs.compare(&encode, "hmac, base64", || codec.encode(black_box(&payload), NOW), bare_encode);
    pairs.compare(
        &decode,
        "hmac, base64",
        || codec.decode(black_box(&value), NOW, LegacyCookies::Reject),
        bare_decode,
    );
    let [encode, decode] = ["encode_text", "decode_text"].map(|it| format!("codec/{it}/{len}"));
    pairs.compare(
        &encode,
        "hmac, base64",
        || codec.encode_text_into(black_box(json), NOW, &mut written),
        bare_encode,
    );
    pairs.compare(
        &decode,
        "hmac, base64",
        || {
            let value = black_box(value.as_bytes());
            codec.decode_text_into(value, NOW, LegacyCookies::Reject, &mut read)
        },
        bare_decode,
    );
}

/// HMAC-SHA256 and nothing else.
struct Bare(Hmac<Sha256>);

impl Bare {
    fn new() -> Self {
        Self(Hmac::new_from_slice(SECRET.as_bytes()).expect("any length"))
    }

    fn mac(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

fn sign_by<M: AsRef<[u8]>>(value: &str, mac: impl Fn(&[u8]) -> M) -> String {
    let mut signed = String::with_capacity(value.len() + 44);
    signed.push_str(value);
    signed.push('.');
    URL_SAFE_NO_PAD.encode_append(mac(value.as_bytes()), &mut signed);
    signed
}

fn verified_by(signed: &str, is_made: impl Fn(&[u8], &[u8]) -> bool) -> Option<&str> {
    let (value, signature) = signed.rsplit_once('.')?;
    let mut mac = [0; 32];
    let out = base64_simd::AsOut::as_out(mac.as_mut_slice());
    // A signature of another length does not fit, or leaves zeros.
    URL_SAFE_NO_PAD.decode(signature.as_bytes().get(..43)?, out).ok()?;
    is_made(value.as_bytes(), &mac).then_some(value)
}
