//! The sessions of users: each promise of `devices` and `engine_users`, with every driver.

mod arguments;
mod devices;
mod faults;
mod questions;
mod vectors;

use serde_json::Value;

use super::SECRET;
use super::calls::{c, filled};
use super::engines::{CEngine, CSession, Told, explained};
use super::files::Folder;
use super::redis_server::RedisServer;
use crate::devices::*;
use crate::engine_users::*;
use crate::error::rsess_error;
use crate::status::rsess_status::{self, *};

impl CSession {
    fn sign_in(&self, user: &str, label: &str, now: u64) -> Told {
        let ((user, user_len), (label, len)) = (c(user), c(label));
        // SAFETY: session, texts and the place for the error are alive.
        explained(|out| unsafe {
            rsess_session_sign_in(self.0, user, user_len, label, len, now, out)
        })
    }

    fn sign_out(&self, now: u64) -> rsess_status {
        // SAFETY: session and the place for the error are alive.
        explained(|out| unsafe { rsess_session_sign_out(self.0, now, out) }).status
    }

    fn devices(&self, now: u64) -> Result<Value, rsess_status> {
        // SAFETY: session and the places for the results are alive.
        let call = |buf, out| unsafe { rsess_session_devices(self.0, now, buf, out) };
        let text = filled(|buf| explained(|out| call(buf, out)).status)?;
        Ok(serde_json::from_str(&text).expect("JSON"))
    }

    fn revoke(&self, handle: &str, now: u64) -> rsess_status {
        let (handle, len) = c(handle);
        // SAFETY: session, handle and the place for the error are alive.
        explained(|out| unsafe { rsess_session_revoke(self.0, handle, len, now, out) }).status
    }

    fn revoke_others(&self, now: u64) -> Result<usize, rsess_status> {
        // SAFETY: session and the places for the results are alive.
        counted(|count, out| unsafe { rsess_session_revoke_others(self.0, now, count, out) })
    }

    fn revoke_all(&self, now: u64) -> Result<usize, rsess_status> {
        // SAFETY: session and the places for the results are alive.
        counted(|count, out| unsafe { rsess_session_revoke_all(self.0, now, count, out) })
    }

    /// The handle that the list has for this session.
    fn handle(&self, now: u64) -> String {
        let devices = self.devices(now).expect("a list");
        let own = devices.as_array().expect("an array").iter().find(|it| it["current"] == true);
        own.expect("listed")["handle"].as_str().expect("a text").to_owned()
    }
}

impl CEngine {
    fn user_devices(&self, user: &str, now: u64) -> Result<Value, rsess_status> {
        let (user, len) = c(user);
        // SAFETY: engine, user and the places for the results are alive.
        let call =
            |buf, out| unsafe { rsess_engine_user_devices(self.0, user, len, now, buf, out) };
        let text = filled(|buf| explained(|out| call(buf, out)).status)?;
        Ok(serde_json::from_str(&text).expect("JSON"))
    }

    fn user_revoke(&self, user: &str, handle: &str, now: u64) -> rsess_status {
        let ((user, user_len), (handle, len)) = (c(user), c(handle));
        // SAFETY: engine, texts and the place for the error are alive.
        let call = |out| unsafe {
            rsess_engine_user_revoke(self.0, user, user_len, handle, len, now, out)
        };
        explained(call).status
    }

    fn user_revoke_all(&self, user: &str, now: u64) -> Result<usize, rsess_status> {
        let (user, len) = c(user);
        // SAFETY: engine, user and the places for the results are alive.
        counted(|count, out| unsafe {
            rsess_engine_user_revoke_all(self.0, user, len, now, count, out)
        })
    }

    /// A session of a user, with the cookie that the next request has.
    fn signed_in(&self, user: &str, label: &str, now: u64) -> (CSession, String) {
        let session = self.load("", now).expect("a session");
        assert_eq!(session.sign_in(user, label, now).status, RSESS_OK);
        let cookie = session.cookie(now);
        (session, cookie)
    }

    /// Whether a cookie leads to its session.
    fn is_live(&self, cookie: &str, now: u64) -> bool {
        let session = self.load(cookie, now).expect("the store can say");
        match session.is() {
            (false, _, RSESS_OK) => true,
            (true, false, RSESS_NOT_FOUND) => false,
            other => panic!("{other:?}"),
        }
    }
}

/// Calls a function that counts. An error must leave the place for the count alone.
fn counted(
    call: impl FnOnce(*mut usize, *mut *mut rsess_error) -> rsess_status,
) -> Result<usize, rsess_status> {
    let mut count = 77;
    match explained(|out| call(&raw mut count, out)).status {
        RSESS_OK => Ok(count),
        status => {
            assert_eq!(count, 77, "written on {status:?}");
            Err(status)
        }
    }
}

const COMMON: [(&str, &str); 3] = [("secret", SECRET), ("cookie.name", "sid"), ("users", "true")];

fn engine(settings: &[(&str, &str)]) -> CEngine {
    CEngine::new(&[&COMMON[..], settings].concat()).expect("an engine")
}

/// Tries a promise with each driver, in each format.
fn with_every_engine(promise: impl Fn(&str, &CEngine)) {
    let redis = RedisServer::start();
    let url = redis.url();
    let folder = Folder::new();
    let paths = ["v1", "v2", "index"].map(|name| folder.path(name));
    let (driver, users_store) = ("driver", "users.store.driver");
    let (memory, v2) = ((users_store, "memory"), ("format", "v2"));
    let cookie = (driver, "cookie");
    let index_url = ("users.store.redis.url", url.as_str());
    let index_prefix = ("users.store.redis.prefix", "index:");
    let index_file = ("users.store.file.path", paths[2].as_str());
    let (file, on_redis) = ((driver, "file"), (driver, "redis"));
    let url = ("redis.url", url.as_str());
    let in_file = |at: usize| ("file.path", paths[at].as_str());
    let engines: [(&str, &[(&str, &str)]); 10] = [
        ("cookie, index in memory", &[cookie, memory]),
        ("cookie, index in redis", &[cookie, (users_store, "redis"), index_url, index_prefix]),
        (
            "cookie, v2, sealed, index in a file",
            &[cookie, v2, ("encrypt", "true"), (users_store, "file"), index_file],
        ),
        ("memory", &[(driver, "memory")]),
        ("memory, index in another", &[(driver, "memory"), memory]),
        ("memory, v2", &[(driver, "memory"), v2]),
        ("file", &[file, in_file(0)]),
        ("file, v2", &[file, in_file(1), v2]),
        ("redis", &[on_redis, url]),
        ("redis, v2", &[on_redis, url, v2, ("redis.prefix", "v2:")]),
    ];
    for (name, settings) in engines {
        promise(name, &engine(settings));
    }
}

/// What a list is that has nobody in it.
fn nobody() -> Result<Value, rsess_status> {
    Ok(Value::Array(Vec::new()))
}
