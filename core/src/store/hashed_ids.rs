//! Keeps session ids out of a store: under and in each record is the hash of the id.
//!
//! ```text
//!   caller        {"id":"Yk3v-8Q..", ..}    43 characters, 256 random bits
//!      | ^
//!      v |
//!   store    h6Fz.. = {"id":"h6Fz..", ..}    44 characters, which lead nowhere back
//! ```
//!
//! Ids of other lengths pass as they are: UUIDs of the format of v1, whose sessions are still to
//! be found in a migration; and hashes, which is what a forwarding record in the store leads to.
//!
//! Knows no cookie. Whoever decodes cookies sees to it that no client can send a hash as an id.

use super::{Done, Found, Incidents, Inspected, Reply, Request, Store, Submission};
use crate::error::StoreError;
use crate::payload::Payload;
use crate::session_id::SessionId;
use crate::time::UnixMillis;

/// A store that does not learn the ids of 256 bits of the sessions that it keeps; see
/// [`SessionId::random_256`].
///
/// ```
/// use rudder_session::store::HashedIds;
/// use rudder_session::{MemoryConfig, MemoryStore, Payload, SessionId, Store, Ttl, UnixMillis};
///
/// let store = HashedIds::new(MemoryStore::new(MemoryConfig::default())?);
/// let (now, ttl) = (UnixMillis::new(0), Ttl::from_seconds(60)?);
/// let id = SessionId::random_256()?;
/// let payload = Payload::new(&id);
///
/// store.create(&payload, ttl, now)?;
///
/// assert_eq!(store.load(&id, now)?, Some(payload));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HashedIds<S>(S);

impl<S> HashedIds<S> {
    /// Hides ids from `store`.
    pub fn new(store: S) -> Self {
        Self(store)
    }
}

impl<S: Store> Store for HashedIds<S> {
    fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
        let Some(disguise) = Disguise::of(&request) else { return self.0.call(request, now) };
        let reply = self.0.call(disguise.hide(request), now)?;
        Ok(disguise.reveal(reply))
    }

    fn submit(&self, request: Request, now: UnixMillis, done: Done) {
        let (request, done) = disguised(request, done);
        self.0.submit(request, now, done);
    }

    fn submit_all(&self, submissions: Vec<Submission>) {
        let disguised = submissions.into_iter().map(|Submission { request, now, done }| {
            let (request, done) = disguised(request, done);
            Submission { request, now, done }
        });
        self.0.submit_all(disguised.collect());
    }

    fn incidents(&self) -> Incidents {
        self.0.incidents()
    }
}

fn disguised(request: Request, done: Done) -> (Request, Done) {
    let Some(disguise) = Disguise::of(&request) else { return (request, done) };
    let request = disguise.hide(request);
    (request, Box::new(move |reply| done(reply.map(|reply| disguise.reveal(reply)))))
}

/// The id of one request, and what the store knows it by.
struct Disguise {
    id: SessionId,
    hashed: SessionId,
}

impl Disguise {
    /// `None` for a request whose id is not to be hidden.
    fn of(request: &Request) -> Option<Self> {
        let id = request.session_id()?;
        let hashed = id.hashed()?;
        Some(Self { id, hashed })
    }

    fn hide(&self, request: Request) -> Request {
        let id = self.hashed.clone();
        let text = |text| with_id_in(text, &self.id, &self.hashed);
        match request {
            Request::Create { payload, ttl } => {
                Request::Create { payload: self.hidden(&payload), ttl }
            }
            Request::Destroy { .. } => Request::Destroy { id },
            Request::Inspect { .. } => Request::Inspect { id },
            Request::Load { .. } => Request::Load { id },
            Request::Remove { expected, .. } => Request::Remove { id, expected: text(expected) },
            Request::Replace { expected, payload, ttl } => {
                Request::Replace { expected: text(expected), payload: self.hidden(&payload), ttl }
            }
            Request::Save { payload, ttl } => Request::Save { payload: self.hidden(&payload), ttl },
            Request::Touch { ttl, .. } => Request::Touch { id, ttl },
        }
    }

    /// The record as the store is to have it. Where a forwarding record leads is hidden, too.
    fn hidden(&self, payload: &Payload) -> Payload {
        let leads_to = payload.moved_to().and_then(|id| id.hashed());
        match (leads_to, payload.moved_until()) {
            (Some(new), Some(until)) => Payload::forwarding(&self.hashed, &new, until),
            _ => payload.with_id(&self.hashed),
        }
    }

    fn reveal(&self, reply: Reply) -> Reply {
        let shown = |payload: Payload| payload.with_id(&self.id);
        let found = |found| match found {
            Found::Changed(text) => Found::Changed(with_id_in(text, &self.hashed, &self.id)),
            Found::Expected | Found::Gone => found,
        };
        match reply {
            Reply::Inspect(record) => Reply::Inspect(
                record.map(|it| Inspected { payload: shown(it.payload), left: it.left }),
            ),
            Reply::Load(payload) => Reply::Load(payload.map(shown)),
            Reply::Remove(it) => Reply::Remove(found(it)),
            Reply::Replace(it) => Reply::Replace(found(it)),
            Reply::Create(_) | Reply::Destroy | Reply::Save | Reply::Touch(_) => reply,
        }
    }
}

/// The text of a record with another id, if it begins as ours do. Other text is left as it is:
/// no record of ours is equal to it.
fn with_id_in(text: String, id: &SessionId, other: &SessionId) -> String {
    let rest = text.strip_prefix(ID_START).and_then(|rest| rest.strip_prefix(id.as_str()));
    match rest {
        Some(rest) => [ID_START, other.as_str(), rest].concat(),
        None => text,
    }
}

const ID_START: &str = "{\"id\":\"";

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::store::{MemoryConfig, MemoryStore, Regenerated, Resumed, Updated};
    use crate::time::{Lifetime, Ttl};
    use crate::timeouts::Timeouts;

    /// A store in memory that takes down what it is asked.
    struct Overheard {
        store: MemoryStore,
        requests: Mutex<Vec<String>>,
    }

    impl Store for &Overheard {
        fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
            let id = request.session_id().map(|id| id.as_str().to_owned());
            let texts = match &request {
                Request::Replace { expected, payload, .. } => {
                    [expected.as_str(), payload.as_json()].concat()
                }
                Request::Create { payload, .. } | Request::Save { payload, .. } => {
                    payload.as_json().to_owned()
                }
                Request::Remove { expected, .. } => expected.clone(),
                _ => String::new(),
            };
            self.requests.lock().expect("whole").push(format!("{id:?} {texts}"));
            self.store.call(request, now)
        }
    }

    fn overheard() -> Overheard {
        let store = MemoryStore::new(MemoryConfig::default()).expect("legal");
        Overheard { store, requests: Mutex::default() }
    }

    fn id() -> SessionId {
        SessionId::random_256().expect("random")
    }

    fn ttl() -> Ttl {
        Ttl::from_seconds(100).expect("legal")
    }

    const NOW: UnixMillis = UnixMillis::new(0);

    #[test]
    fn a_store_never_sees_an_id_in_the_whole_life_of_a_session() {
        let inner = overheard();
        let store = HashedIds::new(&inner);
        let (old, new) = (id(), id());
        let session = Payload::new(&old);
        let with = |payload: &Payload, key: &str| {
            let mut payload = payload.clone();
            payload.put(key, &1).expect("a number");
            payload
        };

        assert_eq!(store.create(&session, ttl(), NOW), Ok(true));
        let one = with(&session, "one");
        assert_eq!(store.update(&session, &one, ttl(), NOW), Ok(Updated::Saved));
        let (two, both) = (with(&session, "two"), with(&one, "two"));
        assert_eq!(store.update(&session, &two, ttl(), NOW), Ok(Updated::Merged(both.clone())));
        let moved = both.with_id(&new);
        assert_eq!(
            store.regenerate_with_grace(&both, &moved, ttl(), ttl(), NOW),
            Ok(Regenerated::Done(moved.clone()))
        );
        let timeouts = Timeouts::idle(Lifetime::from_minutes(1.0).expect("legal"));
        assert_eq!(store.resume(&old, &timeouts, NOW), Ok(Resumed::Moved(both.clone())));
        let three = with(&both, "three");
        assert_eq!(store.update(&both, &three, ttl(), NOW), Ok(Updated::Moved(three.clone())));
        assert_eq!(store.load(&new, NOW), Ok(Some(three.with_id(&new))));
        assert_eq!(store.touch(&new, ttl(), NOW), Ok(true));
        store.save(&three.with_id(&new), ttl(), NOW).expect("saved");
        store.destroy_session(&old, NOW).expect("ended");
        assert_eq!(store.load(&new, NOW), Ok(None));
        assert_eq!(store.load(&old, NOW), Ok(None));

        let requests = inner.requests.lock().expect("whole").join("\n");
        for (id, count) in [(&old, 10), (&new, 5)] {
            let hashed = id.hashed().expect("of 256 bits");
            assert!(requests.matches(hashed.as_str()).count() > count, "{requests}");
            assert!(!requests.contains(id.as_str()));
        }
    }

    #[test]
    fn a_session_of_v1_is_found_under_its_id_and_moves_to_a_hash() {
        let inner = overheard();
        let store = HashedIds::new(&inner);
        let v1 = SessionId::random().expect("random");
        let session = Payload::new(&v1);
        inner.store.create(&session, ttl(), NOW).expect("created");
        let moved = session.with_id(&id());

        assert_eq!(store.load(&v1, NOW), Ok(Some(session.clone())));
        assert_eq!(
            store.regenerate(&session, &moved, ttl(), NOW),
            Ok(Regenerated::Done(moved.clone()))
        );
        assert_eq!(store.load(&v1, NOW), Ok(None));
        let new = moved.session_id().expect("legal");
        let hashed = new.hashed().expect("of 256 bits");
        assert_eq!(inner.store.load(&new, NOW), Ok(None));
        assert_eq!(inner.store.load(&hashed, NOW), Ok(Some(moved.with_id(&hashed))));
    }

    #[test]
    fn what_is_submitted_is_hidden_like_what_is_called() {
        let inner = MemoryStore::new(MemoryConfig::default()).expect("legal");
        let store = HashedIds::new(inner);
        let (session, (tx, rx)) = (Payload::new(&id()), std::sync::mpsc::channel());
        store.save(&session, ttl(), NOW).expect("saved");
        let id = session.session_id().expect("legal");

        let tell = |tx: std::sync::mpsc::Sender<_>| -> Done {
            Box::new(move |reply| tx.send(reply).expect("heard"))
        };
        store.submit(Request::Load { id: id.clone() }, NOW, tell(tx.clone()));
        let request = Request::Inspect { id: id.clone() };
        store.submit_all(vec![Submission { request, now: NOW, done: tell(tx) }]);

        assert_eq!(rx.recv().expect("told"), Ok(Reply::Load(Some(session.clone()))));
        let Ok(Ok(Reply::Inspect(Some(inspected)))) = rx.recv() else { panic!("no record") };
        assert_eq!(inspected.payload, session);
        let hashed = id.hashed().expect("of 256 bits");
        assert_eq!(store.0.load(&hashed, NOW), Ok(Some(session.with_id(&hashed))));
    }
}
