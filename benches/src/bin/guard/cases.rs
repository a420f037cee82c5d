//! What is counted: every path that a request takes without I/O.
//!
//! ```text
//!   <operation>/<bytes>    bytes of the id (36) or of the payload
//! ```
//!
//! Runs under callgrind, which counts inside [`counted`] only, and writes a dump whenever that
//! returns: [`BATCHES`] for each case. What a case is called is printed in the order of the dumps.

use std::hint::black_box;

use rudder_session::store::Updated;
use rudder_session::{
    CookieCodec, DecodeError, LegacyCookies, MemoryStore, Payload, SessionId, Store, Ttl,
};
use rudder_session_benches::{ID_BYTES, NOW, codec, payload, session, text};

/// Where callgrind counts.
pub(crate) const COUNTED: &str = "guard::cases::counted";

const PAYLOAD_BYTES: [usize; 3] = [170, 1024, 3072];

pub(crate) fn run_all() {
    println!("features\t{}", features());
    let codec = codec();
    for len in [ID_BYTES].into_iter().chain(PAYLOAD_BYTES) {
        signatures(&codec, len);
    }
    ids(&codec);
    for len in PAYLOAD_BYTES {
        envelopes(&codec, len);
        payloads(len);
        stores(len);
    }
}

/// What the code that chooses its instructions at run time chooses from.
fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("ssse3", is_x86_feature_detected!("ssse3")),
        ("sse4.1", is_x86_feature_detected!("sse4.1")),
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("sha", is_x86_feature_detected!("sha")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: [(&str, bool); 0] = [];
    let found: Vec<_> = found.into_iter().filter(|it| it.1).map(|it| it.0).collect();
    format!("{} {}", std::env::consts::ARCH, found.join(" ")).trim_end().to_owned()
}

fn signatures(codec: &CookieCodec, len: usize) {
    let value = text(len);
    let signed = codec.sign(&value);
    let forged = {
        let (last, others) = signed.as_bytes().split_last().expect("not empty");
        let last = if *last == b'A' { "E" } else { "A" };
        format!("{}{last}", str::from_utf8(others).expect("ASCII"))
    };
    assert_eq!(codec.verify(&signed), Ok(&*value));
    assert_eq!(codec.verify(&forged), Err(DecodeError::BadSignature));

    case("sign", len, CALLS, || codec.sign(black_box(&value)));
    case("verify", len, CALLS, || codec.verify(black_box(&signed)).is_ok());
    case("refuse", len, CALLS, || codec.verify(black_box(&forged)).is_ok());
}

fn ids(codec: &CookieCodec) {
    let id = SessionId::parse(&text(ID_BYTES)).expect("legal");
    let value = codec.encode_id(&id);
    assert_eq!(codec.decode_id(&value), Ok(id.clone()));

    case("encode_id", ID_BYTES, CALLS, || codec.encode_id(black_box(&id)));
    case("decode_id", ID_BYTES, CALLS, || codec.decode_id(black_box(&value)));
}

fn envelopes(codec: &CookieCodec, len: usize) {
    let payload = payload(len);
    let value = codec.encode(&payload, NOW);
    let json = payload.as_json().as_bytes();
    let (mut written, mut read) = (Vec::new(), Vec::new());
    assert_eq!(codec.decode(&value, NOW, LegacyCookies::Reject), Ok(payload.clone()));
    assert_eq!(codec.encode_text_into(json, NOW, &mut written), Ok(()));
    assert_eq!(written, value.as_bytes());
    let decoded = codec.decode_text_into(&written, NOW, LegacyCookies::Reject, &mut read);
    assert_eq!((decoded, &*read), (Ok(()), json));

    case("encode", len, CALLS, || codec.encode(black_box(&payload), NOW));
    case("decode", len, CALLS, || {
        codec.decode(black_box(&value), NOW, LegacyCookies::Reject).is_ok()
    });
    case("encode_text", len, CALLS, || {
        codec.encode_text_into(black_box(json), NOW, &mut written).is_ok()
    });
    case("decode_text", len, CALLS, || {
        let value = black_box(value.as_bytes());
        codec.decode_text_into(value, NOW, LegacyCookies::Reject, &mut read).is_ok()
    });
}

fn payloads(len: usize) {
    let mut changed = session_of_a_known_id(len);
    assert_eq!(changed.get::<u32>("visits"), Ok(Some(1)));

    case("get", len, CALLS, || changed.get::<u32>(black_box("visits")).is_ok());
    case("put", len, CALLS, || changed.put(black_box("visits"), &black_box(3_u32)).is_ok());
    assert_eq!(changed.get_json("visits"), Some("3"));
}

fn stores(len: usize) {
    let store = MemoryStore::new(Default::default()).expect("legal");
    let ttl = Ttl::from_seconds(7200).expect("legal");
    let loaded = session_of_a_known_id(len);
    let id = loaded.session_id().expect("a legal id");
    let (mut stale, mut changed) = (loaded.clone(), loaded.clone());
    stale.put("visits", &0_u32).expect("serialisable");
    changed.put("visits", &2_u32).expect("serialisable");
    let mut late = stale.clone();
    late.put("seen", &true).expect("serialisable");
    assert_eq!(store.save(&loaded, ttl, NOW), Ok(()));

    case("memory_load", len, STORE_CALLS, || {
        assert!(store.load(black_box(&id), NOW).is_ok_and(|it| it.is_some()));
    });
    case("memory_save", len, STORE_CALLS, || {
        assert_eq!(store.save(black_box(&loaded), ttl, NOW), Ok(()));
    });
    let (mut base, mut next) = (&loaded, &changed);
    case("memory_update", len, STORE_CALLS, || {
        assert_eq!(store.update(black_box(base), next, ttl, NOW), Ok(Updated::Saved));
        std::mem::swap(&mut base, &mut next);
    });
    case("memory_merge", len, STORE_CALLS, || {
        let updated = store.update(black_box(&stale), &late, ttl, NOW);
        assert!(matches!(updated, Ok(Updated::Merged(_))));
    });
}

/// Another id could be one instruction more to copy or to hash.
fn session_of_a_known_id(len: usize) -> Payload {
    session(len).with_id(&SessionId::parse(&text(ID_BYTES)).expect("legal"))
}

/// What a batch meets by chance, such as a store that tidies up because a third of a second has
/// passed, makes it longer; so the shortest counts.
pub(crate) const BATCHES: usize = 5;

const CALLS: u32 = 20;

/// Every so many calls the store tidies up, and its hashes begin with another number each time.
const STORE_CALLS: u32 = 640;

fn case<T>(operation: &str, bytes: usize, calls: u32, mut work: impl FnMut() -> T) {
    // The first call may set something up.
    black_box(work());
    for _ in 0..BATCHES {
        counted(calls, &mut || {
            black_box(work());
        });
    }
    println!("case\t{operation}/{bytes}\t{calls}");
}

/// Not generic, so that there is one function of that name.
#[inline(never)]
fn counted(calls: u32, work: &mut dyn FnMut()) {
    for _ in 0..calls {
        work();
    }
}
