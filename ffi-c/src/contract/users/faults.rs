//! What becomes of a session whose list, or whose record, is out of reach for a while.

use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use rudder_session_core::store::{Reply, Request};
use rudder_session_core::{MemoryConfig, MemoryStore, Store, StoreError, UnixMillis};

use super::super::engines::{CEngine, CSession};
use super::super::queues::CQueue;
use super::super::redis_server::RedisServer;
use super::{COMMON, engine};
use crate::status::rsess_status::{self, *};
use crate::status::{rsess_category, rsess_status_category};

#[test]
fn a_store_that_cannot_say_lets_nobody_in_and_nobody_out() {
    for driver in ["redis", "cookie"] {
        let redis = RedisServer::start();
        let url = redis.url();
        let prefix = if driver == "cookie" { "users.store." } else { "" };
        let keys = ["driver", "redis.url"].map(|key| format!("{prefix}{key}"));
        let settings = [(keys[0].as_str(), "redis"), (keys[1].as_str(), url.as_str())];
        let engine = engine(&settings);
        let (session, cookie) = engine.signed_in("alice", "", 0);
        let other = engine.load(&cookie, 0).expect("a session");
        let queue = CQueue::new();
        drop(redis);
        let is_down = |status: rsess_status| {
            let category = rsess_status_category(status as c_int);
            assert_eq!(category, rsess_category::RSESS_CATEGORY_SYSTEM, "{driver}: {status:?}");
        };

        is_down(engine.load(&cookie, 0).err().expect("an error").status);
        assert_eq!(queue.load(&engine, &cookie, 1, 0), RSESS_OK);
        is_down(queue.wait().status);
        is_down(session.sign_in("alice", "", 0).status);
        is_down(session.devices(0).expect_err("an error"));
        is_down(session.revoke_others(0).expect_err("an error"));
        is_down(session.revoke_all(0).expect_err("an error"));
        is_down(session.sign_out(0));
        is_down(engine.user_revoke_all("alice", 0).expect_err("an error"));
        assert_eq!(session.is(), (false, false, RSESS_OK), "as it was");
        session.destroy();
        is_down(session.commit(0).0);
        assert_eq!(queue.commit(&session, 2, 0), RSESS_OK);
        is_down(queue.wait().status);
        other.put("n", "1");
        is_down(other.commit(100_000).0);
    }
}

#[test]
fn a_record_that_could_not_be_removed_at_a_sign_out_lets_nobody_in_and_goes_later() {
    struct Keeping(MemoryStore, Arc<AtomicBool>);
    impl Store for Keeping {
        fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
            let removes = matches!(request, Request::Remove { .. } | Request::Destroy { .. });
            if removes && self.1.load(Ordering::Relaxed) {
                return Err(StoreError::TimedOut);
            }
            self.0.call(request, now)
        }
    }
    let keeps = Arc::new(AtomicBool::new(false));
    let memory = MemoryStore::new(MemoryConfig::default()).expect("legal");
    let engine = CEngine::over_with(Keeping(memory, Arc::clone(&keeps)), &COMMON[2..]);
    let (session, cookie) = engine.signed_in("alice", "", 0);
    let (other, other_cookie) = engine.signed_in("alice", "", 0);
    session.put("n", "1");
    keeps.store(true, Ordering::Relaxed);

    assert_eq!(session.sign_out(0), RSESS_OLD_REMAINS);
    assert!(!engine.is_live(&cookie, 0));
    assert_eq!(session.commit(0).0, RSESS_OLD_REMAINS);
    keeps.store(false, Ordering::Relaxed);
    assert_eq!(session.commit(0), (RSESS_OK, Some(String::new())));

    keeps.store(true, Ordering::Relaxed);
    assert_eq!(other.sign_out(0), RSESS_OLD_REMAINS);
    assert!(!engine.is_live(&other_cookie, 0), "fresh, though its record stays");
}

#[test]
fn while_a_session_waits_for_the_list_its_other_calls_do_not() {
    let gate = Gate::new();
    let engine = CEngine::over_with(gate.clone(), &COMMON[2..]);
    let session = engine.load("", 0).expect("a session");
    // As C does: the pointer goes to another thread.
    let address = session.0 as usize;

    let (signed_in, meanwhile) = thread::scope(|scope| {
        let signing_in = scope.spawn(move || {
            let session = ManuallyDrop::new(CSession(address as *mut _));
            session.sign_in("alice", "", 0).status
        });
        gate.wait_for_a_call();
        let (put, sign_out) = (session.put("n", "1"), session.sign_out(0));
        let meanwhile = [put, sign_out, session.commit(0).0];
        gate.open();
        (signing_in.join().expect("no panic"), meanwhile)
    });

    assert_eq!((signed_in, meanwhile), (RSESS_OK, [RSESS_ERR_IN_USE; 3]));
    assert_eq!(session.put("n", "1"), RSESS_OK);
}

/// A store whose calls wait until the test lets them through.
#[derive(Clone)]
struct Gate {
    state: Arc<(Mutex<Passage>, Condvar)>,
    store: Arc<MemoryStore>,
}

#[derive(Default)]
struct Passage {
    somebody_waits: bool,
    is_open: bool,
}

impl Gate {
    fn new() -> Self {
        let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
        Self { state: Arc::default(), store: Arc::new(store) }
    }

    fn wait_for_a_call(&self) {
        let (passage, changed) = &*self.state;
        let passage = passage.lock().expect("no panic");
        drop(changed.wait_while(passage, |it| !it.somebody_waits).expect("no panic"));
    }

    fn open(&self) {
        let (passage, changed) = &*self.state;
        passage.lock().expect("no panic").is_open = true;
        changed.notify_all();
    }
}

impl Store for Gate {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        let (passage, changed) = &*self.state;
        let mut passage = passage.lock().expect("no panic");
        passage.somebody_waits = true;
        changed.notify_all();
        drop(changed.wait_while(passage, |it| !it.is_open).expect("no panic"));
        self.store.call(request, now)
    }
}
