//! What a call through the C library costs, next to the same call in Rust.
//!
//! ```text
//!   ffi/<operation>/<rust or c>/<bytes>    bytes of the id (36) or of the payload
//! ```
//!
//! The shared library is loaded as any program loads it, so the difference is all of it: the call
//! through a pointer, the checks of the arguments, the guard against panics, the look at the
//! poison, and a buffer that the caller frees. It must be there:
//! `cargo build --release -p rudder-session-ffi`.
//!
//! `payload_get` and `payload_put` get JSON text in C and a parsed payload in Rust: C is charged
//! for the parsing, which is what a C program pays. `session` is a request with a cookie that
//! holds its data: load, get a key, free; in Rust the same by hand. `queue` is that request with
//! its load submitted and drained.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rudder_session::cookie::{self, CookieConfig, SetCookie};
use rudder_session::store::Regenerated;
use rudder_session::{LegacyCookies, Lifetime, MemoryConfig, MemoryStore, SessionId, Store};
use rudder_session::{Payload, Ttl};
use rudder_session_benches::c_library::CLibrary;
use rudder_session_benches::{ID_BYTES, NOW, PAYLOAD_BYTES, codec, payload, session, text};

fn codecs(c: &mut Criterion) {
    let (codec, through_c) = (codec(), CLibrary::load());
    for len in [ID_BYTES].into_iter().chain(PAYLOAD_BYTES) {
        let value = text(len);
        let signed = codec.sign(&value);
        assert_eq!(through_c.verify(&signed), Some(&*value));
        assert_eq!(through_c.verify(&signed[..signed.len() - 1]), None);
        assert_eq!(through_c.sign(&value).as_deref(), Some(signed.as_bytes()));

        both(
            c,
            "verify",
            len,
            || codec.verify(black_box(&signed)),
            || through_c.verify(black_box(&signed)),
        );
        both(
            c,
            "sign",
            len,
            || codec.sign(black_box(&value)),
            || through_c.sign(black_box(&value)),
        );
    }
    for len in PAYLOAD_BYTES {
        let payload = payload(len);
        let json = payload.as_json();
        let value = codec.encode(&payload, NOW);
        assert_eq!(through_c.encode(json).as_deref(), Some(value.as_bytes()));
        assert_eq!(through_c.decode(&value).as_deref(), Some(json.as_bytes()));

        both(
            c,
            "encode",
            len,
            || codec.encode(black_box(&payload), NOW),
            || through_c.encode(black_box(json)),
        );
        let decode = || codec.decode(black_box(&value), NOW, LegacyCookies::Reject);
        both(c, "decode", len, decode, || through_c.decode(black_box(&value)));
    }
    let id = SessionId::parse(&text(ID_BYTES)).expect("legal");
    let value = codec.encode_id(&id);
    assert_eq!(through_c.encode_id(id.as_str()).as_deref(), Some(value.as_bytes()));
    assert_eq!(through_c.decode_id(&value).as_deref(), Some(id.as_str().as_bytes()));
    both(
        c,
        "encode_id",
        ID_BYTES,
        || codec.encode_id(black_box(&id)),
        || through_c.encode_id(black_box(id.as_str())),
    );
    both(
        c,
        "decode_id",
        ID_BYTES,
        || codec.decode_id(black_box(&value)),
        || through_c.decode_id(black_box(&value)),
    );
}

fn payloads(c: &mut Criterion) {
    let through_c = CLibrary::load();
    for len in PAYLOAD_BYTES.into_iter().filter(|len| *len > ID_BYTES * 4) {
        let payload = session(len);
        let json = payload.as_json();
        let changed = || {
            let mut changed = black_box(&payload).clone();
            changed.put_json("visits", "2").map(|()| changed)
        };
        assert_eq!(through_c.payload_get(json, "visits").as_deref(), Some(&b"1"[..]));
        let put = changed().map(Payload::into_json).expect("legal");
        assert_eq!(through_c.payload_put(json, "visits", "2").as_deref(), Some(put.as_bytes()));

        both(
            c,
            "payload_get",
            len,
            || black_box(&payload).get_json("visits"),
            || through_c.payload_get(black_box(json), "visits"),
        );
        both(c, "payload_put", len, changed, || {
            through_c.payload_put(black_box(json), "visits", "2")
        });
    }
}

fn cookies(c: &mut Criterion) {
    let (codec, through_c) = (codec(), CLibrary::load());
    let value = codec.sign(&text(ID_BYTES));
    let header = format!("theme=dark; rudderjs_session={value}; lang=en");
    let find = || cookie::find(black_box(header.as_bytes()), b"rudderjs_session");
    assert_eq!(find(), Some(value.as_bytes()));
    assert_eq!(through_c.cookie_find(&header), Some(&*value));
    both(c, "cookie_find", ID_BYTES, find, || through_c.cookie_find(black_box(&header)));

    let lifetime = Lifetime::from_minutes(120.0).expect("legal");
    let config =
        CookieConfig { name: "rudderjs_session".to_owned(), secure: true, ..Default::default() };
    let written = SetCookie::new(&config, lifetime).expect("legal");
    let set = || written.header(black_box(&value));
    assert_eq!(through_c.set_cookie(&value).as_deref(), Some(set().as_bytes()));
    both(c, "set_cookie", ID_BYTES, set, || through_c.set_cookie(black_box(&value)));
}

fn stores(c: &mut Criterion) {
    let through_c = CLibrary::load();
    let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
    let ttl = Ttl::from_seconds(7200).expect("legal");
    for len in PAYLOAD_BYTES.into_iter().filter(|len| *len > ID_BYTES * 4) {
        let base = session(len);
        let id = base.session_id().expect("an id of ours");
        assert_eq!(store.create(&base, ttl, NOW), Ok(true));
        assert!(through_c.store_create(base.as_json()));
        let loaded = through_c.store_load(id.as_str());
        assert_eq!(loaded.as_deref(), Some(base.as_json().as_bytes()));

        both(
            c,
            "store_load",
            len,
            || store.load(black_box(&id), NOW),
            || through_c.store_load(black_box(id.as_str())),
        );
        // The same change again and again: the record is as it was loaded.
        assert!(through_c.store_update(base.as_json(), base.as_json()));
        both(
            c,
            "store_update",
            len,
            || store.update(black_box(&base), &base, ttl, NOW),
            || through_c.store_update(black_box(base.as_json()), base.as_json()),
        );
        assert!(through_c.store_touch(id.as_str()));
        both(
            c,
            "store_touch",
            len,
            || store.touch(black_box(&id), ttl, NOW),
            || through_c.store_touch(black_box(id.as_str())),
        );
        moved_and_destroyed(c, &store, &through_c, len);
    }
}

/// What changes the store each time, so that it takes two calls to come back to where it began.
fn moved_and_destroyed(c: &mut Criterion, store: &MemoryStore, through_c: &CLibrary, len: usize) {
    let ttl = Ttl::from_seconds(7200).expect("legal");
    let [one, two] = ["one", "two"].map(|it| SessionId::parse(it).expect("legal"));
    let [one, two] = [&one, &two].map(|id| session(len).with_id(id));
    let there_and_back = || {
        let there = store.regenerate(black_box(&one), &two, ttl, NOW);
        [there, store.regenerate(black_box(&two), &one, ttl, NOW)]
    };
    let the_same = || {
        let there = through_c.store_regenerate(black_box(one.as_json()), two.as_json());
        [there, through_c.store_regenerate(black_box(two.as_json()), one.as_json())]
    };
    assert_eq!(store.create(&one, ttl, NOW), Ok(true));
    assert!(through_c.store_create(one.as_json()));
    let done = [&two, &one].map(|it| Ok(Regenerated::Done(it.clone())));
    assert_eq!((there_and_back(), the_same()), (done, [true; 2]));
    both(c, "store_regenerate_twice", len, there_and_back, the_same);

    let id = one.session_id().expect("an id of ours");
    let gone_and_back = || {
        let gone = store.destroy(black_box(&id));
        (gone, store.create(&one, ttl, NOW))
    };
    let the_same = || {
        let gone = through_c.store_destroy(black_box(id.as_str()));
        (gone, through_c.store_create(one.as_json()))
    };
    assert_eq!((gone_and_back(), the_same()), ((Ok(()), Ok(true)), (true, true)));
    both(c, "store_destroy_create", len, gone_and_back, the_same);
    assert_eq!(store.destroy(&id), Ok(()));
    assert!(through_c.store_destroy(id.as_str()));
}

fn requests(c: &mut Criterion) {
    let (codec, through_c) = (codec(), CLibrary::load());
    for len in PAYLOAD_BYTES.into_iter().filter(|len| *len > ID_BYTES * 4) {
        let payload = session(len);
        let value = codec.encode(&payload, NOW);
        let header = format!("theme=dark; rudderjs_session={value}; lang=en");
        let by_hand = || {
            let found = cookie::find(black_box(header.as_bytes()), b"rudderjs_session")?;
            let found = str::from_utf8(found).ok()?;
            let payload = codec.decode(found, NOW, LegacyCookies::Reject).ok()?;
            payload.get_json("visits").map(str::to_owned)
        };
        assert_eq!(by_hand().as_deref(), Some("1"));
        assert_eq!(through_c.session_get(&header, "visits").as_deref(), Some(&b"1"[..]));

        both(c, "session", len, by_hand, || through_c.session_get(black_box(&header), "visits"));
        assert_eq!(through_c.queue_get(&header, "visits").as_deref(), Some(&b"1"[..]));
        both(c, "queue", len, by_hand, || through_c.queue_get(black_box(&header), "visits"));
    }
}

/// Measures the same in Rust and through C.
fn both<R, C>(
    c: &mut Criterion,
    operation: &str,
    len: usize,
    mut rust: impl FnMut() -> R,
    mut through_c: impl FnMut() -> C,
) {
    let mut group = c.benchmark_group(format!("ffi/{operation}"));
    group.throughput(Throughput::Bytes(len as u64));
    group.bench_function(BenchmarkId::new("rust", len), |b| b.iter(&mut rust));
    group.bench_function(BenchmarkId::new("c", len), |b| b.iter(&mut through_c));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = codecs, payloads, cookies, stores, requests
}
criterion_main!(benches);
