//! The laws of asking: whichever way a request takes to a store, the answer is the same one.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread;

use rudder_session::store::{self, Metered, Regenerated, Request, Resumed, Submission, Updated};
use rudder_session::{Payload, Store, StoreError, UnixMillis};

use super::sessions::{NOW, a_minute, grace, id, idle_for_a_minute, payload};
use super::subject::Subject;

pub(super) fn every_way_to_ask_gives_the_same_answer(subject: &Subject) {
    let stored = payload("a", r#"{"n":1}"#);
    subject.save(&stored);
    let load = || Request::Load { id: id("a") };
    let expected = Ok(store::Reply::Load(Some(stored.clone())));

    assert_eq!(subject.store.call(load(), NOW), expected);

    let (answer, answered) = mpsc::channel();
    subject.store.submit(load(), NOW, Box::new(move |it| answer.send(it).expect("heard")));
    assert_eq!(answered.recv().expect("one answer"), expected);

    assert_eq!(block_on(subject.store.start(load(), NOW)), expected);

    let shared = || Arc::clone(&subject.store);
    let changed = payload("a", r#"{"n":2}"#);
    let updated =
        answer_to(|done| store::submit_update(shared(), &stored, &changed, a_minute(), NOW, done));
    assert_eq!(updated, Ok(Updated::Saved));

    let moved = changed.with_id(&id("b"));
    let done = answer_to(|done| {
        store::submit_regenerate(shared(), &changed, &moved, a_minute(), NOW, done);
    });
    assert_eq!(done, Ok(Regenerated::Done(moved.clone())));

    let again = moved.with_id(&id("c"));
    let done = answer_to(|done| {
        let (ttl, grace) = (a_minute(), grace());
        store::submit_regenerate_with_grace(shared(), &moved, &again, ttl, grace, NOW, done);
    });
    assert_eq!(done, Ok(Regenerated::Done(again)));

    let timeouts = idle_for_a_minute();
    let resumed = answer_to(|done| {
        store::submit_resume(shared(), &id("b"), &timeouts, NOW, done);
    });
    assert_eq!(resumed, Ok(Resumed::Moved(moved)));

    let destroyed = answer_to(|done| store::submit_destroy_session(shared(), &id("b"), NOW, done));
    assert_eq!(destroyed, Ok(()));
    for name in ["a", "b", "c"] {
        assert_eq!(subject.store.inspect(&id(name), NOW), Ok(None), "{name}");
    }
}

pub(super) fn what_is_submitted_together_is_answered_each_for_itself(subject: &Subject) {
    let store = Metered::new(Borrowed(subject));
    let sessions: Vec<_> =
        (0..100).map(|n| payload(&format!("s{n}"), &format!(r#"{{"n":{n}}}"#))).collect();
    let all = |requests: Vec<Request>| {
        let (answer, answers) = mpsc::channel();
        let count = requests.len();
        let submissions = requests.into_iter().enumerate().map(|(at, request)| {
            let answer = answer.clone();
            let done: store::Done =
                Box::new(move |outcome| answer.send((at, outcome)).expect("heard"));
            Submission { request, now: NOW, done }
        });
        store.submit_all(submissions.collect());
        drop(answer);
        let mut outcomes: Vec<_> = answers.iter().collect();
        outcomes.sort_by_key(|(at, _)| *at);
        assert!(outcomes.iter().map(|(at, _)| *at).eq(0..count), "one answer for each");
        outcomes.into_iter().map(|(_, outcome)| outcome).collect::<Vec<_>>()
    };
    let saves = sessions.iter().cloned();
    let saves = saves.map(|payload| Request::Save { payload, ttl: a_minute() }).collect();
    let loads = (0..110).map(|n| Request::Load { id: id(&format!("s{n}")) }).collect();

    assert_eq!(all(saves), vec![Ok(store::Reply::Save); 100]);
    let expected = sessions.iter().map(|it| Ok(store::Reply::Load(Some(it.clone()))));
    let absent = vec![Ok(store::Reply::Load(None)); 10];
    assert_eq!(all(loads), expected.chain(absent).collect::<Vec<_>>());
    assert_eq!(all(Vec::new()), []);
    assert_eq!((store.figures().save.calls, store.figures().load.calls), (100, 110));
}

pub(super) fn an_update_onto_a_text_is_an_update_onto_what_it_says(subject: &Subject) {
    let store = &subject.store;
    let onto = |base: &str, payload: &Payload| {
        answer_to(|done| {
            let (base, payload) = (base.to_owned(), payload.clone());
            let first = store::update_submission(store, base, payload, a_minute(), NOW, done);
            store.submit_all(first.into_iter().collect());
        })
    };
    let base = payload("a", r#"{"n":1}"#);
    let ours = payload("a", r#"{"n":1,"ours":1}"#);
    subject.save(&base);

    assert_eq!(onto(base.as_json(), &ours), Ok(Updated::Saved));

    // By now the record is another one than the base.
    let both = payload("a", r#"{"n":1,"ours":1,"more":1}"#);
    let more = payload("a", r#"{"n":1,"more":1}"#);
    assert_eq!(onto(base.as_json(), &more), Ok(Updated::Merged(both.clone())));

    for wrong in ["", "null", r#"{"id":"a""#, r#"{"id":"b","data":{},"flash_next":{}}"#] {
        assert_eq!(onto(wrong, &ours), Err(StoreError::InvalidId), "{wrong}");
    }
    let nameless = Payload::parse(r#"{"id":""}"#).expect("a payload");
    assert_eq!(onto(nameless.as_json(), &nameless), Err(StoreError::InvalidId));
    assert_eq!(store.load(&id("a"), NOW), Ok(Some(both)));

    // A session keeps the instant at which it began, in whatever spelling the base has it.
    let mut began = payload("c", "{}");
    began.set_created_at(UnixMillis::new(5));
    subject.save(&began);
    let mut expected = payload("c", r#"{"n":2}"#);
    expected.set_created_at(UnixMillis::new(5));
    assert_eq!(
        onto(began.as_json(), &payload("c", r#"{"n":2}"#)),
        Ok(Updated::Merged(expected.clone()))
    );
    assert_eq!(store.load(&id("c"), NOW), Ok(Some(expected)));

    store.destroy(&id("a")).expect("a reply");
    assert_eq!(onto(base.as_json(), &ours), Ok(Updated::Gone));
}

pub(super) fn a_meter_changes_no_answer(subject: &Subject) {
    let metered = Metered::new(Borrowed(subject));

    assert_eq!(metered.load(&id("a"), NOW), Ok(None));
    assert_eq!(metered.save(&payload("a", "{}"), a_minute(), NOW), Ok(()));
    assert_eq!(metered.touch(&id("a"), a_minute(), NOW), Ok(true));
    assert_eq!(metered.load(&id("a"), NOW), Ok(Some(payload("a", "{}"))));
    assert!(metered.inspect(&id("a"), NOW).is_ok_and(|it| it.is_some()));
    assert_eq!(metered.destroy(&id("a")), Ok(()));
    let bad = Payload::parse(r#"{"id":""}"#).expect("a payload");
    assert_eq!(metered.save(&bad, a_minute(), NOW), Err(StoreError::InvalidId));

    let figures = metered.figures();
    let counts = [figures.load, figures.save, figures.touch, figures.inspect, figures.destroy]
        .map(|operation| (operation.calls, operation.errors));
    assert_eq!(counts, [(2, 0), (2, 1), (1, 0), (1, 0), (1, 0)]);
}

/// The one answer that `submit` sends to the callback it is given.
fn answer_to<T: Send + 'static>(submit: impl FnOnce(Box<dyn FnOnce(T) + Send>)) -> T {
    let (answer, answered) = mpsc::channel();
    submit(Box::new(move |it| answer.send(it).expect("heard")));
    let first = answered.recv().expect("one answer");
    assert!(answered.recv().is_err(), "a second answer");
    first
}

/// The smallest runtime there is: polls when woken.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Borrowed<'a>(&'a Subject);

impl Store for Borrowed<'_> {
    fn call(&self, request: Request, now: UnixMillis) -> Result<store::Reply, StoreError> {
        self.0.store.call(request, now)
    }

    fn submit_all(&self, submissions: Vec<Submission>) {
        self.0.store.submit_all(submissions);
    }
}
