//! Finds a cookie in a `Cookie` header, writes a `Set-Cookie` header, finds the secret.
//!
//! ```text
//!   a=1; sid=VALUE; b=2   --find-->   VALUE
//!   VALUE   --set_cookie-->   sid=VALUE; Path=/; Max-Age=7200; SameSite=lax; HttpOnly
//! ```

use std::ffi::{c_char, c_int};

use rudder_session_core::cookie::{self, CookieConfig, SameSite, SetCookie};
use rudder_session_core::{ConfigError, Lifetime, secret};

use crate::boundary::{borrowed, boundary, bytes, optional_text, text};
use crate::buffer::{rsess_buf, rsess_slice};
use crate::out::Out;
use crate::status::rsess_status;

/// Whether a cookie is sent with requests from other sites.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum rsess_same_site {
    /// With top-level navigation only.
    RSESS_SAME_SITE_LAX = 0,
    /// With every request. Browsers demand Secure with it, so that is always written.
    RSESS_SAME_SITE_NONE = 1,
    /// Never.
    RSESS_SAME_SITE_STRICT = 2,
}

/// What the cookie of a session is called, and whom it is sent to.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rsess_cookie_config {
    /// The cookie's name.
    pub name: rsess_slice,
    /// The path it is sent for, and all below it; "/" for the whole site.
    pub path: rsess_slice,
    /// One of rsess_same_site.
    pub same_site: c_int,
    /// Whether it is sent over TLS only.
    pub secure: bool,
    /// Whether scripts in the page cannot read it. Should be true.
    pub http_only: bool,
}

/// Finds the value of the first cookie called `name` in a Cookie header.
///
/// On RSESS_OK, `*value_out` is a slice of `header`: nothing is allocated, nothing is to be
/// freed, and it is good for as long as `header` is. Values are not decoded. An empty value
/// means the same to a session as none. `header` may hold any bytes.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_NOT_FOUND if there is no such cookie
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `header` is NULL, or valid for reads of `header_len` bytes.
/// - `name` is NULL, or valid for reads of `name_len` bytes.
/// - `value_out` is NULL, or valid for writes of one rsess_slice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_cookie_find(
    header: *const c_char,
    header_len: usize,
    name: *const c_char,
    name_len: usize,
    value_out: *mut rsess_slice,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `value_out` is NULL or writable, as the caller promises.
        let value_out = unsafe { Out::new(value_out) }?;
        // SAFETY: `header` is NULL or readable for `header_len`, as the caller promises.
        let header = unsafe { bytes(header, header_len) }?;
        // SAFETY: `name` is NULL or readable for `name_len`, as the caller promises.
        let name = unsafe { bytes(name, name_len) }?;

        let value = cookie::find(header, name).ok_or(rsess_status::RSESS_NOT_FOUND)?;

        value_out.write(value.into());
        Ok(())
    })
}

/// Writes a Set-Cookie header that sets the cookie of a session.
///
/// `value` is one that a codec made, and is written as it stands. `lifetime_minutes` may be
/// a fraction; the browser is told it in seconds, as Max-Age.
///
/// On RSESS_OK, `*header_out` is a new buffer with what follows "Set-Cookie: ", without a
/// line end; the caller hands it to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_COOKIE_NAME, RSESS_ERR_CONFIG_COOKIE_PATH,
///   RSESS_ERR_CONFIG_COOKIE_PREFIX, RSESS_ERR_CONFIG_COOKIE_SAME_SITE,
///   RSESS_ERR_CONFIG_LIFETIME if that setting is refused
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, a text is not UTF-8,
///   or `value` holds ; or a control character, with which it would end too early
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `config` is NULL, or valid for reads of one rsess_cookie_config, whose slices are NULL
///   or valid for reads of their `len` bytes.
/// - `value` is NULL, or valid for reads of `value_len` bytes.
/// - `header_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_set_cookie(
    config: *const rsess_cookie_config,
    value: *const c_char,
    value_len: usize,
    lifetime_minutes: f64,
    header_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `header_out` is NULL or writable, as the caller promises.
        let header_out = unsafe { Out::new(header_out) }?;
        // SAFETY: `value` is NULL or readable for `value_len`, as the caller promises.
        let value = unsafe { text(value, value_len) }?;
        // SAFETY: `config` is as `writer` asks for, as the caller promises.
        let writer = unsafe { writer(config, lifetime_minutes) }?;
        if value.bytes().any(|byte| byte == b';' || byte.is_ascii_control()) {
            return Err(rsess_status::RSESS_ERR_INVALID_ARGUMENT);
        }

        header_out.write(writer.header(value).into());
        Ok(())
    })
}

/// Writes a Set-Cookie header that makes the browser forget the cookie of a session.
///
/// Pass what rsess_set_cookie was called with: a browser matches cookies by name and path.
///
/// On RSESS_OK, `*header_out` is a new buffer with what follows "Set-Cookie: ", without a
/// line end; the caller hands it to rsess_buf_free.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_CONFIG_... as rsess_set_cookie
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not
///   UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `config` is NULL, or valid for reads of one rsess_cookie_config, whose slices are NULL
///   or valid for reads of their `len` bytes.
/// - `header_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_set_cookie_removal(
    config: *const rsess_cookie_config,
    lifetime_minutes: f64,
    header_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `header_out` is NULL or writable, as the caller promises.
        let header_out = unsafe { Out::new(header_out) }?;
        // SAFETY: `config` is as `writer` asks for, as the caller promises.
        let writer = unsafe { writer(config, lifetime_minutes) }?;

        header_out.write(writer.removal().into());
        Ok(())
    })
}

/// Finds the secret that a RudderJS application signs with, from what it is configured with.
///
/// `configured` is the session secret and `app_key` the value of APP_KEY; NULL with length 0
/// stands for one that is not set. The first is taken if it says anything, else the second
/// without one "base64:" in front; both without white space around them. The text behind
/// "base64:" is the secret as it stands: it is not decoded. Reads no environment.
///
/// On RSESS_OK, `*secret_out` is a new buffer, which the caller hands to rsess_buf_free. If
/// neither is set it holds "change-me-in-production", which rsess_codec_new refuses.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or a text is not
///   UTF-8
/// - RSESS_ERR_PANIC
///
/// # Safety
///
/// - `configured` is NULL, or valid for reads of `configured_len` bytes.
/// - `app_key` is NULL, or valid for reads of `app_key_len` bytes.
/// - `secret_out` is NULL, or valid for writes of one rsess_buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_secret_resolve(
    configured: *const c_char,
    configured_len: usize,
    app_key: *const c_char,
    app_key_len: usize,
    secret_out: *mut rsess_buf,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `secret_out` is NULL or writable, as the caller promises.
        let secret_out = unsafe { Out::new(secret_out) }?;
        // SAFETY: NULL or readable for `configured_len`, as the caller promises.
        let configured = unsafe { optional_text(configured, configured_len) }?;
        // SAFETY: NULL or readable for `app_key_len`, as the caller promises.
        let app_key = unsafe { optional_text(app_key, app_key_len) }?;

        secret_out.write(secret::resolve(configured, app_key).into());
        Ok(())
    })
}

/// # Safety
///
/// `config` is NULL, or valid for reads of one rsess_cookie_config, whose slices are NULL or
/// valid for reads of their `len` bytes.
unsafe fn writer(
    config: *const rsess_cookie_config,
    lifetime_minutes: f64,
) -> Result<SetCookie, rsess_status> {
    // SAFETY: this function's own condition.
    let config = unsafe { borrowed(config) }?;
    // SAFETY: this function's own condition.
    let name = unsafe { text(config.name.ptr, config.name.len) }?;
    // SAFETY: this function's own condition.
    let path = unsafe { text(config.path.ptr, config.path.len) }?;
    let config = CookieConfig {
        name: name.to_owned(),
        path: path.to_owned(),
        same_site: same_site(config.same_site)?,
        secure: config.secure,
        http_only: config.http_only,
    };
    Ok(SetCookie::new(&config, Lifetime::from_minutes(lifetime_minutes)?)?)
}

fn same_site(number: c_int) -> Result<SameSite, ConfigError> {
    const LAX: c_int = rsess_same_site::RSESS_SAME_SITE_LAX as c_int;
    const NONE: c_int = rsess_same_site::RSESS_SAME_SITE_NONE as c_int;
    const STRICT: c_int = rsess_same_site::RSESS_SAME_SITE_STRICT as c_int;
    match number {
        LAX => Ok(SameSite::Lax),
        NONE => Ok(SameSite::None),
        STRICT => Ok(SameSite::Strict),
        _ => Err(ConfigError::InvalidSameSite),
    }
}
