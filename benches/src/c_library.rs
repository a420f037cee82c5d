//! Calls the C library as any program does: loaded when it runs, through the header's functions.
//!
//! The only file of the benches with `unsafe`: each function here is one call of the header's,
//! with text that lives longer than it.

use std::ffi::{c_char, c_int, c_void};
use std::ops::Deref;
use std::path::PathBuf;
use std::ptr::{null, null_mut};

use libloading::Library;

use crate::{NOW, SECRET};

#[repr(C)]
struct Slice {
    ptr: *const c_char,
    len: usize,
}

impl Slice {
    fn of(text: &str) -> Self {
        Self { ptr: text.as_ptr().cast(), len: text.len() }
    }
}

#[repr(C)]
struct Buf {
    ptr: *mut c_char,
    len: usize,
    cap: usize,
}

#[repr(C)]
struct CookieConfig {
    name: Slice,
    path: Slice,
    same_site: c_int,
    secure: bool,
    http_only: bool,
}

#[repr(C)]
struct Completion {
    tag: u64,
    status: c_int,
    operation: c_int,
    session: Object,
    set_cookie: Buf,
    error: Object,
}

/// Functions of the header with their types, found by their names.
macro_rules! functions {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {
        #[allow(non_snake_case)]
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl Functions {
            fn find(library: &'static Library) -> Self {
                Self {
                    $($name: {
                        // SAFETY: the types are the header's.
                        let found = unsafe { library.get(stringify!($name).as_bytes()) };
                        *found.expect(stringify!($name))
                    },)*
                }
            }
        }
    };
}

type Text = *const c_char;
type Object = *mut c_void;

functions! {
    rsess_buf_free(*mut Buf) -> ();
    rsess_codec_decode(Object, Text, usize, u64, bool, *mut Buf) -> c_int;
    rsess_codec_decode_id(Object, Text, usize, *mut Buf) -> c_int;
    rsess_codec_encode(Object, Text, usize, u64, *mut Buf) -> c_int;
    rsess_codec_encode_id(Object, Text, usize, *mut Buf) -> c_int;
    rsess_codec_new(*const Slice, usize, *mut Object) -> c_int;
    rsess_codec_sign(Object, Text, usize, *mut Buf) -> c_int;
    rsess_codec_verify(Object, Text, usize, *mut Slice) -> c_int;
    rsess_config_new(*mut Object) -> c_int;
    rsess_config_set(Object, Text, usize, Text, usize, *mut Object) -> c_int;
    rsess_cookie_find(Text, usize, Text, usize, *mut Slice) -> c_int;
    rsess_engine_new(Object, *mut Object, *mut Object) -> c_int;
    rsess_payload_get(Text, usize, Text, usize, *mut Buf) -> c_int;
    rsess_payload_put(Text, usize, Text, usize, Text, usize, *mut Buf) -> c_int;
    rsess_completion_free(*mut Completion) -> ();
    rsess_queue_drain(Object, *mut Completion, usize, *mut usize) -> c_int;
    rsess_queue_load(Object, Object, Text, usize, u64, u64, u32, *mut Object) -> c_int;
    rsess_queue_new(*mut Object, *mut Object) -> c_int;
    rsess_session_free(Object) -> ();
    rsess_session_get(Object, Text, usize, *mut Buf) -> c_int;
    rsess_session_load(Object, Text, usize, u64, *mut Object, *mut Object) -> c_int;
    rsess_set_cookie(*const CookieConfig, Text, usize, f64, *mut Buf) -> c_int;
    rsess_store_create(Object, Text, usize, u64, u64) -> c_int;
    rsess_store_destroy(Object, Text, usize) -> c_int;
    rsess_store_load(Object, Text, usize, u64, *mut Buf) -> c_int;
    rsess_store_new_memory(u64, *mut Object) -> c_int;
    rsess_store_regenerate(Object, Text, usize, Text, usize, u64, u64, *mut Buf) -> c_int;
    rsess_store_touch(Object, Text, usize, u64, u64) -> c_int;
    rsess_store_update(Object, Text, usize, Text, usize, u64, u64, *mut Buf) -> c_int;
}

/// The library with a codec, a memory store, an engine and a queue, for as long as the process
/// runs.
pub struct CLibrary {
    call: Functions,
    codec: Object,
    engine: Object,
    queue: Object,
    store: Object,
}

impl CLibrary {
    /// Loads the library that cargo has put beside this bench, and makes the objects.
    ///
    /// # Panics
    ///
    /// If it is not there.
    pub fn load() -> Self {
        // SAFETY: a library without initialisers that this process could mind.
        let library = unsafe { Library::new(library_path()) };
        let library = library.expect("cargo build --release -p rudder-session-ffi was not run");
        // Never unloaded: its functions are used until the end.
        let call = Functions::find(Box::leak(Box::new(library)));
        let secret = Slice::of(SECRET);
        // SAFETY: one slice that lives, and a place for the object.
        let codec = made(|out| unsafe { (call.rsess_codec_new)(&raw const secret, 1, out) });
        // SAFETY: a place for the object.
        let store = made(|out| unsafe { (call.rsess_store_new_memory)(64 << 20, out) });
        // SAFETY: a place for the object.
        let config = made(|out| unsafe { (call.rsess_config_new)(out) });
        let (key, value) = (Slice::of("secret"), Slice::of(SECRET));
        // SAFETY: a live configuration, and texts that live.
        let set = unsafe {
            (call.rsess_config_set)(config, key.ptr, key.len, value.ptr, value.len, null_mut())
        };
        assert_eq!(set, 0);
        // SAFETY: a live configuration, and a place for the object.
        let engine = made(|out| unsafe { (call.rsess_engine_new)(config, out, null_mut()) });
        // SAFETY: a place for the object.
        let queue = made(|out| unsafe { (call.rsess_queue_new)(out, null_mut()) });
        Self { call, codec, engine, queue, store }
    }

    /// `rsess_codec_sign`.
    pub fn sign(&self, value: &str) -> Option<Bytes<'_>> {
        let value = Slice::of(value);
        // SAFETY: a live codec, a text that lives, and a place for the result.
        self.bytes(|out| unsafe {
            (self.call.rsess_codec_sign)(self.codec, value.ptr, value.len, out)
        })
    }

    /// `rsess_codec_verify`.
    pub fn verify<'a>(&self, signed: &'a str) -> Option<&'a str> {
        let text = Slice::of(signed);
        // SAFETY: a live codec, a text that lives, and a place for the result.
        let value = slice(|out| unsafe {
            (self.call.rsess_codec_verify)(self.codec, text.ptr, text.len, out)
        })?;
        Some(&signed[..value.len])
    }

    /// `rsess_codec_encode`, to expire at [`NOW`].
    pub fn encode(&self, payload_json: &str) -> Option<Bytes<'_>> {
        let json = Slice::of(payload_json);
        // SAFETY: a live codec, a text that lives, and a place for the result.
        self.bytes(|out| unsafe {
            (self.call.rsess_codec_encode)(self.codec, json.ptr, json.len, now(), out)
        })
    }

    /// `rsess_codec_decode`, at [`NOW`].
    pub fn decode(&self, value: &str) -> Option<Bytes<'_>> {
        let value = Slice::of(value);
        // SAFETY: a live codec, a text that lives, and a place for the result.
        self.bytes(|out| unsafe {
            (self.call.rsess_codec_decode)(self.codec, value.ptr, value.len, now(), true, out)
        })
    }

    /// `rsess_codec_encode_id`.
    pub fn encode_id(&self, id: &str) -> Option<Bytes<'_>> {
        let id = Slice::of(id);
        // SAFETY: a live codec, a text that lives, and a place for the result.
        self.bytes(|out| unsafe {
            (self.call.rsess_codec_encode_id)(self.codec, id.ptr, id.len, out)
        })
    }

    /// `rsess_codec_decode_id`.
    pub fn decode_id(&self, value: &str) -> Option<Bytes<'_>> {
        let value = Slice::of(value);
        // SAFETY: a live codec, a text that lives, and a place for the result.
        self.bytes(|out| unsafe {
            (self.call.rsess_codec_decode_id)(self.codec, value.ptr, value.len, out)
        })
    }

    /// `rsess_payload_get`.
    pub fn payload_get(&self, json: &str, key: &str) -> Option<Bytes<'_>> {
        let (json, key) = (Slice::of(json), Slice::of(key));
        // SAFETY: texts that live, and a place for the result.
        self.bytes(|out| unsafe {
            (self.call.rsess_payload_get)(json.ptr, json.len, key.ptr, key.len, out)
        })
    }

    /// `rsess_payload_put`.
    pub fn payload_put(&self, json: &str, key: &str, value: &str) -> Option<Bytes<'_>> {
        let [json, key, value] = [json, key, value].map(Slice::of);
        let put = self.call.rsess_payload_put;
        // SAFETY: texts that live, and a place for the result.
        self.bytes(|out| unsafe {
            put(json.ptr, json.len, key.ptr, key.len, value.ptr, value.len, out)
        })
    }

    /// `rsess_cookie_find` of `rudderjs_session`.
    pub fn cookie_find<'a>(&self, header: &'a str) -> Option<&'a str> {
        let (text, name) = (Slice::of(header), Slice::of("rudderjs_session"));
        // SAFETY: texts that live, and a place for the result.
        let found = slice(|out| unsafe {
            (self.call.rsess_cookie_find)(text.ptr, text.len, name.ptr, name.len, out)
        })?;
        let start = found.ptr as usize - header.as_ptr() as usize;
        header.get(start..start + found.len)
    }

    /// `rsess_set_cookie` for two hours, with the settings of
    /// [`CookieConfig::default`](rudder_session::cookie::CookieConfig).
    pub fn set_cookie(&self, value: &str) -> Option<Bytes<'_>> {
        let config = CookieConfig {
            name: Slice::of("rudderjs_session"),
            path: Slice::of("/"),
            same_site: 0,
            secure: true,
            http_only: true,
        };
        let value = Slice::of(value);
        // SAFETY: a configuration and texts that live, and a place for the result.
        self.bytes(|out| unsafe {
            (self.call.rsess_set_cookie)(&raw const config, value.ptr, value.len, 120.0, out)
        })
    }

    /// `rsess_store_create` for two hours; whether it came to RSESS_OK.
    pub fn store_create(&self, json: &str) -> bool {
        let json = Slice::of(json);
        let create = self.call.rsess_store_create;
        // SAFETY: a live store, and a text that lives.
        unsafe { create(self.store, json.ptr, json.len, TTL_SECONDS, now()) == 0 }
    }

    /// `rsess_store_load`.
    pub fn store_load(&self, id: &str) -> Option<Bytes<'_>> {
        let id = Slice::of(id);
        // SAFETY: a live store, a text that lives, and a place for the result.
        self.bytes(|out| unsafe {
            (self.call.rsess_store_load)(self.store, id.ptr, id.len, now(), out)
        })
    }

    /// `rsess_store_update` for two hours; whether it came to RSESS_OK.
    pub fn store_update(&self, base_json: &str, json: &str) -> bool {
        let (base, json) = (Slice::of(base_json), Slice::of(json));
        let update = self.call.rsess_store_update;
        let merged = self.bytes(|out| {
            // SAFETY: a live store, texts that live, and a place for the result.
            unsafe {
                update(self.store, base.ptr, base.len, json.ptr, json.len, TTL_SECONDS, now(), out)
            }
        });
        merged.is_some()
    }

    /// `rsess_store_touch` for two hours; whether it came to RSESS_OK.
    pub fn store_touch(&self, id: &str) -> bool {
        let id = Slice::of(id);
        let touch = self.call.rsess_store_touch;
        // SAFETY: a live store, and a text that lives.
        unsafe { touch(self.store, id.ptr, id.len, TTL_SECONDS, now()) == 0 }
    }

    /// `rsess_store_destroy`; whether it came to RSESS_OK.
    pub fn store_destroy(&self, id: &str) -> bool {
        let id = Slice::of(id);
        // SAFETY: a live store, and a text that lives.
        unsafe { (self.call.rsess_store_destroy)(self.store, id.ptr, id.len) == 0 }
    }

    /// `rsess_store_regenerate` for two hours; whether it came to RSESS_OK.
    pub fn store_regenerate(&self, base_json: &str, json: &str) -> bool {
        let (base, json) = (Slice::of(base_json), Slice::of(json));
        let regenerate = self.call.rsess_store_regenerate;
        let stored = self.bytes(|out| {
            // SAFETY: a live store, texts that live, and a place for the result.
            unsafe {
                let (base, json) = ((base.ptr, base.len), (json.ptr, json.len));
                regenerate(self.store, base.0, base.1, json.0, json.1, TTL_SECONDS, now(), out)
            }
        });
        stored.is_some()
    }

    /// The same request by the queue: `rsess_queue_load`, `_drain`, `rsess_session_get`, and the
    /// free of the completion.
    pub fn queue_get(&self, cookie_header: &str, key: &str) -> Option<Bytes<'_>> {
        let (header, key) = (Slice::of(cookie_header), Slice::of(key));
        let load = self.call.rsess_queue_load;
        // SAFETY: a live queue and engine, and a text that lives.
        let status = unsafe {
            load(self.queue, self.engine, header.ptr, header.len, now(), 7, 0, null_mut())
        };
        let set_cookie = Buf { ptr: null_mut(), len: 0, cap: 0 };
        let mut completion = Completion {
            tag: 0,
            status: -1,
            operation: 0,
            session: null_mut(),
            set_cookie,
            error: null_mut(),
        };
        let mut count = 0;
        // SAFETY: a live queue, one place for a completion, and one for how many there were.
        let drained = unsafe {
            (self.call.rsess_queue_drain)(self.queue, &raw mut completion, 1, &raw mut count)
        };
        if (status, drained, count, completion.tag, completion.status) != (0, 0, 1, 7, 0) {
            return None;
        }
        let session = completion.session;
        // SAFETY: a live session, a text that lives, and a place for the result.
        let value = self
            .bytes(|out| unsafe { (self.call.rsess_session_get)(session, key.ptr, key.len, out) });
        // SAFETY: as it was drained, for the last time.
        unsafe { (self.call.rsess_completion_free)(&raw mut completion) };
        value
    }

    /// A request that reads one key: `rsess_session_load`, `_get`, `_free`.
    pub fn session_get(&self, cookie_header: &str, key: &str) -> Option<Bytes<'_>> {
        let (header, key) = (Slice::of(cookie_header), Slice::of(key));
        let load = self.call.rsess_session_load;
        let mut session = null_mut();
        // SAFETY: a live engine, a text that lives, and a place for the session.
        let status = unsafe {
            load(self.engine, header.ptr, header.len, now(), &raw mut session, null_mut())
        };
        if status != 0 {
            return None;
        }
        // SAFETY: a live session, a text that lives, and a place for the result.
        let value = self
            .bytes(|out| unsafe { (self.call.rsess_session_get)(session, key.ptr, key.len, out) });
        // SAFETY: the session that was just made, for the last time.
        unsafe { (self.call.rsess_session_free)(session) };
        value
    }

    fn bytes(&self, call: impl FnOnce(*mut Buf) -> c_int) -> Option<Bytes<'_>> {
        let mut buf = Buf { ptr: null_mut(), len: 0, cap: 0 };
        (call(&raw mut buf) == 0).then_some(Bytes { buf, free: self.call.rsess_buf_free, of: self })
    }
}

/// A buffer that the library filled in, freed by it when dropped.
pub struct Bytes<'a> {
    buf: Buf,
    free: unsafe extern "C" fn(*mut Buf),
    #[expect(dead_code, reason = "holds the library")]
    of: &'a CLibrary,
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.buf.ptr.is_null() {
            return &[];
        }
        // SAFETY: the library says how many bytes there are, and they live until it is freed.
        unsafe { std::slice::from_raw_parts(self.buf.ptr.cast(), self.buf.len) }
    }
}

impl Drop for Bytes<'_> {
    fn drop(&mut self) {
        // SAFETY: a buffer as the library filled it in, for the first time.
        unsafe { (self.free)(&raw mut self.buf) };
    }
}

fn made(call: impl FnOnce(*mut Object) -> c_int) -> Object {
    let mut object = null_mut();
    assert_eq!(call(&raw mut object), 0);
    object
}

fn slice(call: impl FnOnce(*mut Slice) -> c_int) -> Option<Slice> {
    let mut slice = Slice { ptr: null(), len: 0 };
    (call(&raw mut slice) == 0).then_some(slice)
}

fn now() -> u64 {
    NOW.as_f64() as u64
}

/// Where cargo puts it with a bench: two directories above target/release/deps/ffi-*.
fn library_path() -> PathBuf {
    let bench = std::env::current_exe().expect("a path");
    let release = bench.ancestors().nth(2).expect("target/release");
    release.join("librudder_session.so")
}

const TTL_SECONDS: u64 = 7200;
