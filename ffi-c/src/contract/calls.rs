//! The exported functions as safe Rust: arguments that live, and results that are checked.
//!
//! Each wrapper fills the places for results in beforehand, and stops the test if a call that
//! failed has written there.

use std::ffi::c_char;
use std::ptr::{self, null, null_mut};

use crate::buffer::{rsess_buf, rsess_slice};
use crate::codec::*;
use crate::figures::*;
use crate::record::*;
use crate::status::rsess_status::{self, RSESS_MERGED, RSESS_OK, RSESS_OLD_REMAINS};
use crate::store::*;
use crate::update::*;

/// A pointer and a length, as C passes a text.
pub(super) fn c(text: &(impl AsRef<[u8]> + ?Sized)) -> (*const c_char, usize) {
    let slice = rsess_slice::from(text.as_ref());
    (slice.ptr, slice.len)
}

/// Calls a function that fills in a buffer. An error must leave the buffer alone.
pub(super) fn filled(
    call: impl FnOnce(*mut rsess_buf) -> rsess_status,
) -> Result<String, rsess_status> {
    let mut buf = rsess_buf { ptr: null_mut(), len: 77, cap: 0 };
    match call(&raw mut buf) {
        RSESS_OK => Ok(buf.take()),
        status => {
            assert_eq!((buf.ptr, buf.len, buf.cap), (null_mut(), 77, 0), "written on {status:?}");
            Err(status)
        }
    }
}

/// The same for a function that has a result with other statuses than RSESS_OK, and with some
/// of them none: what it came to, and what it wrote.
pub(super) fn written(
    call: impl FnOnce(*mut rsess_buf) -> rsess_status,
) -> (rsess_status, Option<String>) {
    let mut buf = rsess_buf { ptr: null_mut(), len: 77, cap: 0 };
    let status = call(&raw mut buf);
    let is_untouched = (buf.ptr, buf.len, buf.cap) == (null_mut(), 77, 0);
    (status, (!is_untouched).then(|| buf.take()))
}

pub(super) struct Codec(pub(super) *mut rsess_codec);

impl Codec {
    pub(super) fn new(secrets: &[&str]) -> Result<Self, rsess_status> {
        let slices: Vec<_> = secrets.iter().map(|it| rsess_slice::from(it.as_bytes())).collect();
        let mut codec = ptr::dangling_mut();
        // SAFETY: the slices and the place for the result are alive.
        let status = unsafe { rsess_codec_new(slices.as_ptr(), slices.len(), &raw mut codec) };
        if status == RSESS_OK {
            return Ok(Self(codec));
        }
        assert_eq!(codec, ptr::dangling_mut(), "written on {status:?}");
        Err(status)
    }

    pub(super) fn sign(&self, value: &[u8]) -> Result<String, rsess_status> {
        let (value, len) = c(value);
        // SAFETY: codec, value and the place for the result are alive.
        filled(|out| unsafe { rsess_codec_sign(self.0, value, len, out) })
    }

    pub(super) fn verify<'a>(&self, signed: &'a [u8]) -> Result<&'a [u8], rsess_status> {
        let (text, len) = c(signed);
        let mut value = rsess_slice { ptr: null(), len: 77 };
        // SAFETY: codec, text and the place for the result are alive.
        let status = unsafe { rsess_codec_verify(self.0, text, len, &raw mut value) };
        if status != RSESS_OK {
            assert_eq!((value.ptr, value.len), (null(), 77), "written on {status:?}");
            return Err(status);
        }
        assert_eq!(value.ptr, text, "a slice of what was passed in");
        Ok(&signed[..value.len])
    }

    pub(super) fn encode(&self, payload: &[u8], expires_at: u64) -> Result<String, rsess_status> {
        let (payload, len) = c(payload);
        // SAFETY: codec, payload and the place for the result are alive.
        filled(|out| unsafe { rsess_codec_encode(self.0, payload, len, expires_at, out) })
    }

    pub(super) fn decode(
        &self,
        value: &[u8],
        now: u64,
        reject_legacy: bool,
    ) -> Result<String, rsess_status> {
        let (value, len) = c(value);
        // SAFETY: codec, value and the place for the result are alive.
        filled(|out| unsafe { rsess_codec_decode(self.0, value, len, now, reject_legacy, out) })
    }

    pub(super) fn encode_id(&self, id: &[u8]) -> Result<String, rsess_status> {
        let (id, len) = c(id);
        // SAFETY: codec, id and the place for the result are alive.
        filled(|out| unsafe { rsess_codec_encode_id(self.0, id, len, out) })
    }

    pub(super) fn decode_id(&self, value: &[u8]) -> Result<String, rsess_status> {
        let (value, len) = c(value);
        // SAFETY: codec, value and the place for the result are alive.
        filled(|out| unsafe { rsess_codec_decode_id(self.0, value, len, out) })
    }
}

// SAFETY: what the header promises, and this file tries.
unsafe impl Sync for Codec {}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: made by `rsess_codec_new`, and freed here only.
        unsafe { rsess_codec_free(self.0) };
    }
}

pub(super) struct CStore(pub(super) *mut rsess_store);

impl CStore {
    pub(super) fn memory(max_bytes: u64) -> Self {
        let mut store = null_mut();
        // SAFETY: the place for the result is alive.
        let status = unsafe { rsess_store_new_memory(max_bytes, &raw mut store) };
        assert_eq!(status, RSESS_OK);
        Self(store)
    }

    pub(super) fn redis(url: &str, pool_size: u32, deadline_ms: u32) -> Result<Self, rsess_status> {
        let (url, len) = c(url);
        let mut store = null_mut();
        let (none, size, ms) = (null(), pool_size, deadline_ms);
        // SAFETY: the URL and the place for the result are alive.
        match unsafe { rsess_store_new_redis(url, len, none, 0, none, 0, size, ms, &raw mut store) }
        {
            RSESS_OK => Ok(Self(store)),
            status => Err(status),
        }
    }

    pub(super) fn file(
        path: &str,
        durability: i32,
        deadline_ms: u32,
    ) -> Result<Self, rsess_status> {
        let (path, len) = c(path);
        let mut store = ptr::dangling_mut();
        // SAFETY: the path and the place for the result are alive.
        match unsafe { rsess_store_new_file(path, len, durability, deadline_ms, &raw mut store) } {
            RSESS_OK => Ok(Self(store)),
            status => {
                assert_eq!(store, ptr::dangling_mut(), "written on {status:?}");
                Err(status)
            }
        }
    }

    pub(super) fn create(&self, payload: &str, ttl: u64, now: u64) -> rsess_status {
        let (payload, len) = c(payload);
        // SAFETY: store and payload are alive.
        unsafe { rsess_store_create(self.0, payload, len, ttl, now) }
    }

    /// What the update came to, and the payload that it gave back.
    pub(super) fn update(
        &self,
        base: &str,
        payload: &str,
        ttl: u64,
        now: u64,
    ) -> (rsess_status, Option<String>) {
        let ((base, base_len), (payload, len)) = (c(base), c(payload));
        let (status, merged) = written(|out| {
            // SAFETY: store, payloads and the place for the result are alive.
            unsafe { rsess_store_update(self.0, base, base_len, payload, len, ttl, now, out) }
        });
        assert_eq!(merged.is_some(), status == RSESS_MERGED, "{status:?}");
        (status, merged)
    }

    /// What the regenerate came to, and the payload that it gave back.
    pub(super) fn regenerate(
        &self,
        base: &str,
        payload: &str,
        ttl: u64,
        now: u64,
    ) -> (rsess_status, Option<String>) {
        let ((base, base_len), (payload, len)) = (c(base), c(payload));
        let (status, stored) = written(|out| {
            // SAFETY: store, payloads and the place for the result are alive.
            unsafe { rsess_store_regenerate(self.0, base, base_len, payload, len, ttl, now, out) }
        });
        let is_stored = matches!(status, RSESS_OK | RSESS_OLD_REMAINS);
        assert_eq!(stored.is_some(), is_stored, "{status:?}");
        (status, stored)
    }

    pub(super) fn load(&self, id: &[u8], now: u64) -> Result<String, rsess_status> {
        let (id, len) = c(id);
        // SAFETY: store, id and the place for the result are alive.
        filled(|out| unsafe { rsess_store_load(self.0, id, len, now, out) })
    }

    pub(super) fn save(&self, payload: &[u8], ttl: u64, now: u64) -> rsess_status {
        let (payload, len) = c(payload);
        // SAFETY: store and payload are alive.
        unsafe { rsess_store_save(self.0, payload, len, ttl, now) }
    }

    pub(super) fn touch(&self, id: &[u8], ttl: u64, now: u64) -> rsess_status {
        let (id, len) = c(id);
        // SAFETY: store and id are alive.
        unsafe { rsess_store_touch(self.0, id, len, ttl, now) }
    }

    pub(super) fn destroy(&self, id: &[u8]) -> rsess_status {
        let (id, len) = c(id);
        // SAFETY: store and id are alive.
        unsafe { rsess_store_destroy(self.0, id, len) }
    }

    pub(super) fn figures(&self) -> Result<rsess_figures, rsess_status> {
        let mut figures = rsess_figures { size: size_of::<rsess_figures>(), ..Default::default() };
        let before = figures;
        // SAFETY: store and the place for the result are alive.
        match unsafe { rsess_store_figures(self.0, &raw mut figures) } {
            RSESS_OK => Ok(figures),
            status => {
                assert_eq!(figures, before, "written on {status:?}");
                Err(status)
            }
        }
    }
}

// SAFETY: what the header promises, and these tests try.
unsafe impl Sync for CStore {}

impl Drop for CStore {
    fn drop(&mut self) {
        // SAFETY: made by the library, and freed here only.
        unsafe { rsess_store_free(self.0) };
    }
}
