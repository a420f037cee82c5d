//! What a call through the C library costs, next to the same call in Rust.
//!
//! ```text
//!   ffi/<operation>/<rust or c>/<bytes>    bytes of the id (36) or of the payload
//! ```
//!
//! The shared library is loaded as any program loads it, so the difference is all of it: the call
//! through a pointer, the checks of the arguments, the guard against panics, the look at the
//! poison. It must be there: `cargo build --release -p rudder-session-ffi`.

use std::ffi::{c_char, c_int, c_void};
use std::hint::black_box;
use std::path::PathBuf;
use std::ptr::null_mut;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use libloading::Library;
use rudder_session_benches::{ID_BYTES, PAYLOAD_BYTES, SECRET, codec, text};

#[repr(C)]
struct Slice {
    ptr: *const c_char,
    len: usize,
}

type CodecNew = unsafe extern "C" fn(*const Slice, usize, *mut *mut c_void) -> c_int;
type CodecVerify = unsafe extern "C" fn(*const c_void, *const c_char, usize, *mut Slice) -> c_int;

fn verify(c: &mut Criterion) {
    let codec = codec();
    let through_c = CCodec::new();
    for len in [ID_BYTES].into_iter().chain(PAYLOAD_BYTES) {
        let value = text(len);
        let signed = codec.sign(&value);
        assert_eq!(codec.verify(&signed), Ok(&*value));
        assert_eq!(through_c.verify(&signed), Some(&*value));
        assert_eq!(through_c.verify(&signed[..signed.len() - 1]), None);

        let mut group = c.benchmark_group("ffi/verify");
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("rust", len), |b| {
            b.iter(|| codec.verify(black_box(&signed)).is_ok());
        });
        group.bench_function(BenchmarkId::new("c", len), |b| {
            b.iter(|| through_c.verify(black_box(&signed)).is_some());
        });
        group.finish();
    }
}

/// A codec of the C library's, for as long as the process runs.
struct CCodec {
    codec: *mut c_void,
    verify: CodecVerify,
}

impl CCodec {
    fn new() -> Self {
        // SAFETY: a library without initialisers that this process could mind.
        let library = unsafe { Library::new(library_path()) };
        let library = library.expect("cargo build --release -p rudder-session-ffi was not run");
        // Never unloaded: the functions below are used until the end.
        let library: &'static Library = Box::leak(Box::new(library));
        // SAFETY: the signature is the header's.
        let new = unsafe { library.get::<CodecNew>(b"rsess_codec_new") }.expect("exported");
        // SAFETY: the signature is the header's.
        let verify = unsafe { library.get::<CodecVerify>(b"rsess_codec_verify") };
        let secret = Slice { ptr: SECRET.as_ptr().cast(), len: SECRET.len() };
        let mut codec = null_mut();
        // SAFETY: one slice that lives, and a place for the result.
        assert_eq!(unsafe { new(&raw const secret, 1, &raw mut codec) }, 0);
        Self { codec, verify: *verify.expect("exported") }
    }

    fn verify<'a>(&self, signed: &'a str) -> Option<&'a str> {
        let mut value = Slice { ptr: std::ptr::null(), len: 0 };
        // SAFETY: a live codec, a text that lives, and a place for the result.
        let status = unsafe {
            (self.verify)(self.codec, signed.as_ptr().cast(), signed.len(), &raw mut value)
        };
        (status == 0).then(|| &signed[..value.len])
    }
}

/// Where cargo puts it with this bench: two directories above target/release/deps/ffi-*.
fn library_path() -> PathBuf {
    let bench = std::env::current_exe().expect("a path");
    let release = bench.ancestors().nth(2).expect("target/release");
    release.join("librudder_session.so")
}

criterion_group!(benches, verify);
criterion_main!(benches);
