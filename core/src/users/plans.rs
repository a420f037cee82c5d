//! What each call makes of the index that turns out to be there.
//!
//! A plan is made again whenever another writer was first. What it has told before is kept: of a
//! write that the store has made twice, the first outcome is the one that counts.

use super::change::{Change, Plan};
use super::index::{Index, Times, Verdict};
use super::{Standing, UserSessionsConfig, WhenFull};
use crate::error::UsersError;
use crate::payload::{SessionHandle, UserMark};
use crate::session_id::SessionId;
use crate::store::procedure::Next;
use crate::time::UnixMillis;

/// The epoch of the new entry.
type Entered = Result<u64, UsersError>;
/// Whether the session was alive.
type Revoked = Result<bool, UsersError>;
/// How many sessions were alive.
type Ended = Result<usize, UsersError>;

pub(super) fn enter(
    config: &UserSessionsConfig,
    id: &SessionId,
    handle: &SessionHandle,
    old: Option<&SessionHandle>,
    label: &str,
    now: UnixMillis,
) -> Next<Change<Entered>, Entered> {
    let (times, when_full) = (times(config, now), config.when_full);
    let most = config.max_sessions.map_or(MOST, |it| usize::from(it.get()));
    let (handle, old, label) = (handle.clone(), old.cloned(), label.to_owned());
    Change::start(id, times, move |index| {
        let mut index = index.unwrap_or_default();
        if let Some(old) = &old {
            index.revoke(old, times);
        }
        let epoch = index.epoch();
        index.enter(&handle, epoch, &label, times);
        let may_refuse = when_full == WhenFull::Refuse && most <= MOST;
        if may_refuse && index.live(None, times).len() > most {
            return Plan::Leave(Err(UsersError::TooManySessions));
        }
        index.keep_at_most(most.min(MOST), &handle, times);
        Plan::Write(index, Ok(epoch))
    })
}

pub(super) fn ask(
    config: &UserSessionsConfig,
    mark: &UserMark,
    now: UnixMillis,
) -> Next<Change<Standing>, Standing> {
    let (times, mark) = (times(config, now), mark.clone());
    let id = mark.index().clone();
    Change::start(&id, times, move |index| {
        let mut index = index.unwrap_or_else(|| Index::lost(&mark));
        match index.verdict(&mark, times) {
            Verdict::Over => Plan::Leave(Standing::Over),
            Verdict::Live { seen_is_due: false } => Plan::Leave(Standing::Live),
            Verdict::Live { seen_is_due: true } => {
                index.note_seen(mark.handle(), times);
                Plan::TryToWrite(index, Standing::Live)
            }
            Verdict::Heal => {
                index.enter(mark.handle(), mark.epoch(), "", times);
                index.keep_at_most(MOST, mark.handle(), times);
                Plan::Write(index, Standing::Live)
            }
        }
    })
}

pub(super) fn end(
    config: &UserSessionsConfig,
    mark: &UserMark,
    now: UnixMillis,
) -> Next<Change<()>, ()> {
    let (times, mark) = (times(config, now), mark.clone());
    let id = mark.index().clone();
    Change::start(&id, times, move |index| {
        let mut index = index.unwrap_or_else(|| Index::lost(&mark));
        if index.is_revoked(mark.handle()) {
            return Plan::Leave(());
        }
        index.revoke(mark.handle(), times);
        Plan::Write(index, ())
    })
}

pub(super) fn end_one(
    config: &UserSessionsConfig,
    id: &SessionId,
    handle: &SessionHandle,
    asked_by: Option<&UserMark>,
    now: UnixMillis,
) -> Next<Change<Revoked>, Revoked> {
    let (times, handle, asked_by) = (times(config, now), handle.clone(), asked_by.cloned());
    let mut was_live = false;
    Change::start(id, times, move |index| {
        let Some(mut index) = index else { return Plan::Leave(Ok(was_live)) };
        let is_over = |mark| index.verdict(mark, times) == Verdict::Over;
        // Who has just been seen alive may have ended itself, in a write that was made twice.
        if !was_live && asked_by.as_ref().is_some_and(is_over) {
            return Plan::Leave(Err(UsersError::NotSignedIn));
        }
        if !index.may_be_revoked(&handle) {
            return Plan::Leave(Ok(was_live));
        }
        was_live |= index.is_live(&handle, times);
        index.revoke(&handle, times);
        Plan::Write(index, Ok(was_live))
    })
}

/// Who asks may be spared.
pub(super) fn end_all(
    config: &UserSessionsConfig,
    id: &SessionId,
    asked_by: Option<(&UserMark, IsSpared)>,
    now: UnixMillis,
) -> Next<Change<Ended>, Ended> {
    let times = times(config, now);
    let is_spared = matches!(asked_by, Some((_, IsSpared::Yes)));
    let asked_by = asked_by.map(|(mark, _)| mark.clone());
    let mut ended = 0;
    Change::start(id, times, move |index| {
        let lost = || asked_by.as_ref().map(Index::lost).unwrap_or_default();
        let mut index = index.unwrap_or_else(lost);
        let is_over = |mark| index.verdict(mark, times) == Verdict::Over;
        // Who is not spared may have ended itself, in a write that was made twice.
        if (is_spared || ended == 0) && asked_by.as_ref().is_some_and(is_over) {
            return Plan::Leave(Err(UsersError::NotSignedIn));
        }
        let spared = asked_by.as_ref().filter(|_| is_spared).map(UserMark::handle);
        let live = index.live(spared, times);
        index.revoke_all_but(spared, times);
        let epoch = index.begin_epoch(times);
        if let Some(handle) = spared {
            index.lift(handle, epoch, times);
        }
        ended = ended.max(live.iter().filter(|it| !it.current).count());
        Plan::Write(index, Ok(ended))
    })
}

/// Whether the session that asks for the end of all goes on.
#[derive(Clone, Copy)]
pub(super) enum IsSpared {
    No,
    Yes,
}

pub(super) fn times(config: &UserSessionsConfig, now: UnixMillis) -> Times {
    Times::new(config.lifetime, config.seen_every, now)
}

/// Sessions that an index names at most, so that it stays small.
const MOST: usize = 1000;
