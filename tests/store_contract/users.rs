//! The laws of the sessions of a user: they hold in every store alike.

use std::collections::HashSet;
use std::num::NonZero;
use std::thread;

use rudder_session::store::{Reply, Request, Resumed};
use rudder_session::users::{Standing, UserSessions, UserSessionsConfig};
use rudder_session::{Payload, SessionId, Store, UserMark};

use super::sessions::{NOW, a_minute, after, idle_for_a_minute, minutes};
use super::subject::Subject;

pub(super) fn the_sessions_of_a_user_are_listed_and_ended(subject: &Subject) {
    let (users, user) = (users(subject), SessionId::random().expect("random"));
    let user = user.as_str();
    let [laptop, phone, tablet] =
        ["laptop", "phone", "tablet"].map(|it| signed_in(&users, user, it));
    let handle = |it: &Payload| it.user_mark().expect("marked").handle().clone();

    let listed = users.list_of(&phone, NOW).expect("told");
    let labels: HashSet<_> = listed.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(labels, HashSet::from(["laptop", "phone", "tablet"]));
    let current: Vec<_> = listed.iter().filter(|it| it.current).map(|it| &it.label).collect();
    assert_eq!(current, ["phone"]);

    assert_eq!(users.revoke_of(&phone, &handle(&tablet), NOW), Ok(true));
    assert_eq!(users.revoke_of(&phone, &handle(&tablet), NOW), Ok(false));
    assert_eq!(standings(&users, [&laptop, &phone, &tablet]), [true, true, false]);

    assert_eq!(users.revoke_others(&phone, NOW), Ok(1));
    assert_eq!(standings(&users, [&laptop, &phone, &tablet]), [false, true, false]);

    users.sign_out(&phone, NOW).expect("written");
    assert_eq!(standings(&users, [&laptop, &phone, &tablet]), [false, false, false]);

    let again = signed_in(&users, user, "again");
    assert_eq!(users.revoke_all(user, NOW), Ok(1));
    assert_eq!(users.check(&again, NOW), Ok(Standing::Over));
    let later = signed_in(&users, user, "later");
    assert_eq!(users.check(&later, NOW), Ok(Standing::Live));
    assert_eq!(users.list(user, NOW).expect("told").len(), 1);
}

pub(super) fn an_index_that_was_lost_is_mended_by_the_sessions_that_are_used(subject: &Subject) {
    let (users, user) = (users(subject), SessionId::random().expect("random"));
    let [laptop, phone] = ["laptop", "phone"].map(|it| signed_in(&users, user.as_str(), it));
    let index = SessionId::user_index(user.as_str()).expect("legal");
    subject.store.destroy(&index).expect("lost");

    assert_eq!(users.check(&laptop, NOW), Ok(Standing::Live));

    let label = |it: rudder_session::users::UserSession| it.label;
    let labels = users.list(user.as_str(), NOW).expect("told").into_iter().map(label);
    assert_eq!(labels.collect::<Vec<_>>(), [""]);
    assert_eq!(users.revoke_others(&laptop, NOW), Ok(0));
    assert_eq!(standings(&users, [&laptop, &phone]), [true, false]);
}

pub(super) fn a_session_is_seen_again_after_a_while(subject: &Subject) {
    let (users, user) = (users(subject), SessionId::random().expect("random"));
    let laptop = signed_in(&users, user.as_str(), "laptop");
    let seen = |at| {
        assert_eq!(users.check(&laptop, at), Ok(Standing::Live));
        users.list(user.as_str(), NOW).expect("told")[0].seen as f64
    };

    assert_eq!(seen(after(60_000)), NOW.as_f64());
    assert_eq!(seen(after(60_001)), after(60_001).as_f64());
    assert_eq!(seen(after(120_000)), after(60_001).as_f64());
}

pub(super) fn a_session_that_is_over_is_none_and_its_record_goes(subject: &Subject) {
    let (users, user) = (users(subject), SessionId::random().expect("random"));
    let laptop = signed_in(&users, user.as_str(), "laptop");
    let id = SessionId::random().expect("random");
    let laptop = laptop.with_id(&id);
    subject.store.create(&laptop, a_minute(), NOW).expect("created");
    let timeouts = idle_for_a_minute();
    assert!(matches!(users.resume(&id, &timeouts, NOW), Ok(Resumed::Session { .. })));

    users.revoke_all(user.as_str(), NOW).expect("written");

    assert_eq!(users.resume(&id, &timeouts, NOW), Ok(Resumed::None));
    let answer = subject.store.call(Request::Load { id }, NOW);
    assert_eq!(answer, Ok(Reply::Load(None)));
}

pub(super) fn threads_that_sign_in_leave_no_more_than_may_be(subject: &Subject) {
    let user = SessionId::random().expect("random");
    let mut config = UserSessionsConfig::new(minutes(1.0));
    config.max_sessions = NonZero::new(5);
    let users = UserSessions::new(&subject.store, config);

    let sessions: Vec<_> = thread::scope(|scope| {
        let sign_in = || signed_in(&users, user.as_str(), "");
        let threads: Vec<_> = (0..20).map(|_| scope.spawn(sign_in)).collect();
        threads.into_iter().map(|it| it.join().expect("no panic")).collect()
    });

    let live = |it: &&Payload| users.check(it, NOW) == Ok(Standing::Live);
    assert_eq!(sessions.iter().filter(live).count(), 5);
    assert_eq!(users.list(user.as_str(), NOW).expect("told").len(), 5);
}

pub(super) fn what_was_revoked_is_over_whatever_threads_do_meanwhile(subject: &Subject) {
    let (users, user) = (users(subject), SessionId::random().expect("random"));
    let user = user.as_str();
    let sessions: Vec<_> = (0..8).map(|n| signed_in(&users, user, &n.to_string())).collect();
    let later = after(60_001);

    let new: Vec<_> = thread::scope(|scope| {
        let mut new = Vec::new();
        for session in &sessions {
            scope.spawn(|| users.check(session, later).expect("told"));
            scope.spawn(|| users.sign_out(session, NOW).expect("written"));
            new.push(scope.spawn(|| signed_in(&users, user, "new")));
        }
        new.into_iter().map(|it| it.join().expect("no panic")).collect()
    });

    for session in &sessions {
        assert_eq!(users.check(session, later), Ok(Standing::Over));
    }
    for session in &new {
        assert_eq!(users.check(session, later), Ok(Standing::Live));
    }
}

fn users(subject: &Subject) -> UserSessions<&dyn Store> {
    UserSessions::new(&*subject.store, UserSessionsConfig::new(minutes(1.0)))
}

/// A session with the mark of a sign-in; its record is nobody's concern here.
fn signed_in<S: Store>(users: &UserSessions<S>, user: &str, label: &str) -> Payload {
    let mut session = Payload::new(&SessionId::random().expect("random"));
    let mark: UserMark = users.sign_in(&session, user, label, NOW).expect("signed in");
    session.set_user_mark(&mark);
    session
}

fn standings<const N: usize>(
    users: &UserSessions<&dyn Store>,
    sessions: [&Payload; N],
) -> [bool; N] {
    sessions.map(|it| users.check(it, NOW).expect("told") == Standing::Live)
}
