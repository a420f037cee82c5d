//! Queues: what was submitted comes back once, and nobody is called from a foreign thread.

use std::mem;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex};

use rudder_session_core::store::{Done, Reply, Request};
use rudder_session_core::{Store, StoreError, UnixMillis};
use socket2::SockRef;

use super::SECRET;
use super::calls::c;
use super::engines::{CEngine, CSession, explained};
use super::redis_server::RedisServer;
use crate::buffer::rsess_buf;
use crate::queue::*;
use crate::status::rsess_status::{self, *};

pub(super) struct CQueue(*mut rsess_queue);

/// A completion, with its parts in hands that free them.
pub(super) struct Completed {
    tag: u64,
    pub(super) status: rsess_status,
    pub(super) session: Option<CSession>,
    pub(super) set_cookie: String,
    pub(super) has_error: bool,
}

impl CQueue {
    pub(super) fn new() -> Self {
        let mut queue = null_mut();
        // SAFETY: the places for the results are alive.
        let told = explained(|out| unsafe { rsess_queue_new(&raw mut queue, out) });
        assert_eq!(told.status, RSESS_OK);
        Self(queue)
    }

    pub(super) fn load(
        &self,
        engine: &CEngine,
        header: &str,
        tag: u64,
        deadline_ms: u32,
    ) -> rsess_status {
        let (header, len) = c(header);
        let call = |out| {
            // SAFETY: queue, engine, header and the place for the error are alive.
            unsafe { rsess_queue_load(self.0, engine.0, header, len, 0, tag, deadline_ms, out) }
        };
        explained(call).status
    }

    pub(super) fn commit(&self, session: &CSession, tag: u64, deadline_ms: u32) -> rsess_status {
        // SAFETY: queue, session and the place for the error are alive.
        let call = |out| unsafe { rsess_queue_commit(self.0, session.0, 0, tag, deadline_ms, out) };
        explained(call).status
    }

    fn cancel(&self, tag: u64) -> rsess_status {
        // SAFETY: the queue is alive.
        unsafe { rsess_queue_cancel(self.0, tag) }
    }

    fn drain(&self) -> Vec<Completed> {
        let mut places: [mem::MaybeUninit<rsess_completion>; 2] =
            [const { mem::MaybeUninit::uninit() }; 2];
        let mut all = Vec::new();
        loop {
            let mut count = 77;
            let start = places.as_mut_ptr().cast();
            // SAFETY: queue and places are alive.
            let status = unsafe { rsess_queue_drain(self.0, start, 2, &raw mut count) };
            assert_eq!(status, RSESS_OK);
            for place in &mut places[..count] {
                // SAFETY: written by the call.
                let completion = unsafe { place.assume_init_mut() };
                let session = mem::replace(&mut completion.session, null_mut());
                let session = (!session.is_null()).then(|| CSession(session));
                let set_cookie = mem::replace(&mut completion.set_cookie, rsess_buf::EMPTY);
                let set_cookie =
                    if set_cookie.ptr.is_null() { String::new() } else { set_cookie.take() };
                all.push(Completed {
                    tag: completion.tag,
                    status: completion.status,
                    session,
                    set_cookie,
                    has_error: !completion.error.is_null(),
                });
                // SAFETY: as the library filled it in, but for what was taken out.
                unsafe { rsess_completion_free(completion) };
                assert!(completion.error.is_null() && completion.session.is_null());
            }
            if count < 2 {
                return all;
            }
        }
    }

    /// Waits as an event loop does, for one completion and no more.
    pub(super) fn wait(&self) -> Completed {
        let mut descriptor = -1;
        // SAFETY: queue and place are alive.
        let status = unsafe { rsess_queue_descriptor(self.0, &raw mut descriptor) };
        assert_eq!(status, RSESS_OK);
        // SAFETY: open for as long as the queue is, which is longer than this.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let copy = UnixStream::from(descriptor.try_clone_to_owned().expect("a descriptor"));
        loop {
            // The byte is the library's to read, so it is only looked at.
            copy.set_nonblocking(false).expect("a socket");
            SockRef::from(&copy).peek(&mut [mem::MaybeUninit::uninit()]).expect("a byte");
            copy.set_nonblocking(true).expect("a socket");
            if let Some(completed) = self.drain().pop() {
                return completed;
            }
        }
    }
}

impl Drop for CQueue {
    fn drop(&mut self) {
        // SAFETY: made by the library, and freed here only.
        unsafe { rsess_queue_free(self.0) };
    }
}

/// A store whose answers the test gives.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Vec<Done>>>);

impl Held {
    fn answer(&self, reply: Result<Reply, StoreError>) {
        let done = self.0.lock().expect("no panic").pop().expect("a request");
        done(reply);
    }
}

impl Store for Held {
    fn call(&self, _: Request, _: UnixMillis) -> Result<Reply, StoreError> {
        Err(StoreError::Protocol)
    }

    fn submit(&self, _: Request, _: UnixMillis, done: Done) {
        self.0.lock().expect("no panic").push(done);
    }
}

#[test]
fn a_request_goes_through_a_queue_from_its_cookie_to_its_cookie() {
    let redis = RedisServer::start();
    let url = redis.url();
    for settings in [
        vec![("driver", "redis"), ("redis.url", url.as_str())],
        vec![("driver", "memory")],
        vec![("driver", "cookie")],
    ] {
        let all = [settings, vec![("secret", SECRET), ("cookie.name", "sid")]].concat();
        let (engine, queue) = (CEngine::new(&all).expect("an engine"), CQueue::new());

        assert_eq!(queue.load(&engine, "", 1, 0), RSESS_OK);
        let first = queue.wait().session.expect("a session");
        first.put("n", "1");
        assert_eq!(queue.commit(&first, 2, 1000), RSESS_OK);
        let committed = queue.wait();
        assert_eq!((committed.tag, committed.status), (2, RSESS_OK));
        let cookie = committed.set_cookie.split(';').next().expect("a cookie");

        assert_eq!(queue.load(&engine, cookie, 3, 1000), RSESS_OK);
        let loaded = queue.wait();
        assert_eq!((loaded.tag, loaded.status), (3, RSESS_OK));
        assert_eq!(loaded.session.expect("a session").get("n").as_deref(), Ok("1"));
        assert!(queue.drain().is_empty());
    }
}

#[test]
fn a_session_is_in_use_until_the_store_has_answered_its_commit() {
    let store = Held::default();
    let (engine, queue) = (CEngine::over(store.clone()), CQueue::new());
    let session = engine.load("", 0).expect("a session");
    session.put("n", "1");

    assert_eq!(queue.commit(&session, 1, 0), RSESS_OK);
    assert_eq!(queue.commit(&session, 2, 0), RSESS_ERR_IN_USE);
    assert_eq!(session.put("n", "2"), RSESS_ERR_IN_USE);
    assert_eq!(session.commit(0), (RSESS_ERR_IN_USE, None));
    assert!(queue.drain().is_empty());
    store.answer(Ok(Reply::Create(true)));

    let completed = queue.wait();
    assert_eq!((completed.tag, completed.status), (1, RSESS_OK));
    assert!(completed.set_cookie.starts_with("sid="));
    assert_eq!(session.put("n", "2"), RSESS_OK);
}

#[test]
fn a_tag_is_refused_while_it_is_in_use_and_leaves_the_session_alone() {
    let store = Held::default();
    let (engine, queue) = (CEngine::over(store.clone()), CQueue::new());
    let [one, two] = [1, 2].map(|_| engine.load("", 0).expect("a session"));
    one.put("n", "1");
    two.put("n", "1");

    assert_eq!(queue.commit(&one, 1, 0), RSESS_OK);
    assert_eq!(queue.commit(&two, 1, 0), RSESS_ERR_IN_USE);
    assert_eq!(queue.load(&engine, "", 1, 0), RSESS_ERR_IN_USE);

    assert_eq!(two.put("n", "2"), RSESS_OK);
}

#[test]
fn a_cancelled_operation_is_completed_at_once_and_its_answer_thrown_away() {
    let store = Held::default();
    let (engine, queue) = (CEngine::over(store.clone()), CQueue::new());
    let session = engine.load("", 0).expect("a session");
    session.put("n", "1");
    queue.commit(&session, 1, 0);

    assert_eq!(queue.cancel(1), RSESS_OK);
    assert_eq!(queue.cancel(1), RSESS_NOT_FOUND);

    let completed = queue.wait();
    assert_eq!((completed.status, completed.has_error), (RSESS_ERR_CANCELLED, true));
    assert_eq!(session.put("n", "2"), RSESS_ERR_IN_USE, "the store has not answered");
    store.answer(Ok(Reply::Create(true)));
    assert!(queue.drain().is_empty());
    assert_eq!(session.put("n", "2"), RSESS_OK);
}

#[test]
fn a_store_that_does_not_answer_is_waited_for_until_the_deadline() {
    let store = Held::default();
    let (engine, queue) = (CEngine::over(store), CQueue::new());
    let session = engine.load("", 0).expect("a session");
    session.put("n", "1");

    assert_eq!(queue.commit(&session, 1, 1), RSESS_OK);

    let completed = queue.wait();
    assert_eq!((completed.tag, completed.status), (1, RSESS_ERR_STORE_TIMED_OUT));
}

#[test]
fn a_session_and_a_queue_may_be_freed_in_the_middle_of_a_commit() {
    let store = Held::default();
    let (engine, queue) = (CEngine::over(store.clone()), CQueue::new());
    let [one, two] = [1, 2].map(|_| engine.load("", 0).expect("a session"));
    one.put("n", "1");
    two.put("n", "1");
    queue.commit(&one, 1, 0);
    queue.commit(&two, 2, 3_600_000);

    drop(one);
    drop(engine);
    store.answer(Ok(Reply::Create(true)));
    assert_eq!(queue.wait().tag, 2);
    drop(queue);
    store.answer(Ok(Reply::Create(true)));

    assert_eq!(two.put("n", "2"), RSESS_OK);
}

#[test]
fn a_panic_on_a_thread_of_the_stores_completes_the_operation_and_poisons() {
    struct Panicking;
    impl Store for Panicking {
        fn call(&self, _: Request, _: UnixMillis) -> Result<Reply, StoreError> {
            panic!("on purpose")
        }
        fn submit(&self, _: Request, _: UnixMillis, done: Done) {
            let thread = std::thread::spawn(move || {
                let _done = done;
                panic!("on purpose, elsewhere")
            });
            let _ = thread.join();
        }
    }
    let (engine, queue) = (CEngine::over(Panicking), CQueue::new());
    let session = engine.load("", 0).expect("a session");
    session.put("n", "1");

    assert_eq!(queue.commit(&session, 1, 0), RSESS_OK);

    let completed = queue.wait();
    assert_eq!((completed.status, completed.has_error), (RSESS_ERR_PANIC, true));
    assert_eq!(session.put("n", "2"), RSESS_ERR_POISONED);
    assert_eq!(engine.load("", 0).err().map(|it| it.status), Some(RSESS_ERR_POISONED));
    assert_eq!(queue.load(&engine, "", 2, 0), RSESS_OK);
    assert_eq!(queue.wait().status, RSESS_ERR_POISONED);
}

#[test]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one reason for a whole table, above it")]
fn null_is_refused_by_queues_and_freed_without_harm() {
    let (engine, queue) = (CEngine::memory(), CQueue::new());
    let (q, e) = (queue.0.cast_const(), engine.0.cast_const());
    let (no_q, no_err) = (null::<rsess_queue>(), null_mut());
    let mut place = mem::MaybeUninit::<rsess_completion>::uninit();
    let place = place.as_mut_ptr();
    let mut count = 0;
    let count = &raw mut count;

    // SAFETY, for all of them: NULL is allowed everywhere, and the rest is alive.
    let calls: [(&str, &dyn Fn() -> rsess_status); 11] = [
        ("new", &|| unsafe { rsess_queue_new(null_mut(), no_err) }),
        ("descriptor queue", &|| unsafe { rsess_queue_descriptor(no_q, &raw mut *Box::new(0)) }),
        ("descriptor out", &|| unsafe { rsess_queue_descriptor(q, null_mut()) }),
        ("load queue", &|| unsafe { rsess_queue_load(no_q, e, null(), 0, 0, 1, 0, no_err) }),
        ("load engine", &|| unsafe { rsess_queue_load(q, null(), null(), 0, 0, 1, 0, no_err) }),
        ("load header", &|| unsafe { rsess_queue_load(q, e, null(), 1, 0, 1, 0, no_err) }),
        ("commit session", &|| unsafe { rsess_queue_commit(q, null(), 0, 1, 0, no_err) }),
        ("drain queue", &|| unsafe { rsess_queue_drain(no_q, place, 1, count) }),
        ("drain out", &|| unsafe { rsess_queue_drain(q, null_mut(), 1, count) }),
        ("drain count", &|| unsafe { rsess_queue_drain(q, place, 1, null_mut()) }),
        ("cancel", &|| unsafe { rsess_queue_cancel(no_q, 1) }),
    ];
    for (name, call) in calls {
        assert_eq!(call(), RSESS_ERR_INVALID_ARGUMENT, "{name}");
    }
    unsafe { rsess_queue_free(null_mut()) };
    unsafe { rsess_completion_free(null_mut()) };
}
