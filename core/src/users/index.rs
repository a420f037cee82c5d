//! The index of a user's sessions as a value: what it says, and how each change leaves it.
//!
//! ```text
//!   "epoch"        a whole number, absent: 0           sessions of an earlier one are over
//!   "h.<handle>"   {"created","until","epoch","label"}  a session
//!   "s.<handle>"   an instant                           when it was last seen
//!   "r.<handle>"   an instant                           it is over; remembered until then
//! ```
//!
//! Pure: no store, no clock. What cannot be read never lets anybody in: an epoch is later than
//! every other then, an entry is over, and an end stands. What another version has put there
//! stays.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::UserSession;
use crate::json::{self, Kind};
use crate::payload::{MAX_WHOLE, Payload, SessionHandle, UserMark, whole};
use crate::session_id::SessionId;
use crate::time::{Lifetime, Ttl, UnixMillis};

/// What is the same for all that is done in one call: instants and lengths in whole milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) now: u64,
    /// How long an entry lasts after its session was seen, and the end of a session is kept.
    pub(super) kept: u64,
    pub(super) seen_every: u64,
}

impl Times {
    pub(super) fn new(lifetime: Lifetime, seen_every: Duration, now: UnixMillis) -> Self {
        let millis = |length: Duration| Ttl::MAX.as_duration().min(length).as_millis() as u64;
        let seen_every = millis(seen_every);
        let kept = lifetime.as_millis() + 2 * seen_every;
        Self { now: now.whole_millis(), kept, seen_every }
    }

    /// The TTL of an index that is written now: it outlives all that it names.
    pub(super) fn ttl(self) -> Ttl {
        Ttl::covering(Duration::from_millis(self.kept))
    }
}

/// What an index says of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It knows nothing of a session that may be alive: it has been lost, and is to be mended.
    Heal,
    Live {
        /// It was seen so long ago that the index should learn of it.
        seen_is_due: bool,
    },
    Over,
}

/// An entry that can be read, of the session that it is about.
struct Entry<'a> {
    created: u64,
    until: u64,
    epoch: u64,
    /// As it is written, between its quotes.
    label: &'a str,
}

/// The members of the data of an index record, by their keys as they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Index(BTreeMap<String, String>);

impl Index {
    pub(super) fn of(record: &Payload) -> Self {
        let mut found = BTreeMap::new();
        let data = record.data_json();
        // Cannot fail: a payload's data have been walked when it was made.
        let _ = json::members(data, |written, value| {
            let key = json::canonical_key(written).into_owned();
            found.insert(key, data[value.range].to_owned());
        });
        Self(found)
    }

    /// What takes the place of an index that the store has lost.
    pub(super) fn lost(mark: &UserMark) -> Self {
        let mut index = Self::default();
        if mark.epoch() > 0 {
            index.set_epoch(mark.epoch());
        }
        index
    }

    /// The record under the id of the index.
    pub(super) fn to_record(&self, id: &SessionId) -> Payload {
        let mut data = String::from("{");
        for (key, value) in &self.0 {
            json::push_member(&mut data, key, value);
        }
        data.push('}');
        Payload::new(id).with_contents(&data, "{}")
    }

    pub(super) fn verdict(&self, mark: &UserMark, times: Times) -> Verdict {
        let handle = mark.handle();
        if self.is_revoked(handle) {
            return Verdict::Over;
        }
        match self.entry(handle) {
            Some(Some(entry)) if entry.epoch >= self.epoch() => {
                let seen = self.seen(handle);
                let is_old = |seen| times.now.saturating_sub(seen) > times.seen_every;
                Verdict::Live { seen_is_due: seen.is_none_or(is_old) }
            }
            Some(_) => Verdict::Over,
            None if mark.epoch() < self.epoch() => Verdict::Over,
            None => Verdict::Heal,
        }
    }

    /// Whether there is an entry that has not been ended, for all we can read of it.
    pub(super) fn may_be_revoked(&self, handle: &SessionHandle) -> bool {
        self.0.contains_key(&key(ENTRY, handle)) && !self.is_revoked(handle)
    }

    pub(super) fn is_revoked(&self, handle: &SessionHandle) -> bool {
        self.0.contains_key(&key(END, handle))
    }

    pub(super) fn is_live(&self, handle: &SessionHandle, times: Times) -> bool {
        !self.is_revoked(handle)
            && self.entry(handle).flatten().is_some_and(|entry| {
                entry.epoch >= self.epoch() && self.lasts_until(handle, &entry, times) >= times.now
            })
    }

    /// The sessions that are alive: the one that was seen last comes first.
    pub(super) fn live(&self, current: Option<&SessionHandle>, times: Times) -> Vec<UserSession> {
        let mut found = Vec::new();
        for handle in self.handles(ENTRY).filter(|it| self.is_live(it, times)) {
            let Some(entry) = self.entry(&handle).flatten() else { continue };
            let (created, label) = (entry.created, entry.label());
            let seen = self.seen(&handle).unwrap_or(created);
            let current = current == Some(&handle);
            found.push(UserSession { handle, created, seen, label, current });
        }
        found.sort_by(|a, b| {
            (b.seen, b.created).cmp(&(a.seen, a.created)).then_with(|| a.handle.cmp(&b.handle))
        });
        found
    }

    /// An epoch that cannot be read is later than every other.
    pub(super) fn epoch(&self) -> u64 {
        self.0.get(EPOCH).map_or(0, |value| whole(value).unwrap_or(MAX_WHOLE))
    }

    /// All sessions of an earlier epoch are over; returns the new one, which is the time.
    ///
    /// An index that was lost counts from 0 again, and a mark may be of any epoch before that: the
    /// time is later than all of them.
    pub(super) fn begin_epoch(&mut self, times: Times) -> u64 {
        let epoch = (self.epoch() + 1).max(times.now).min(MAX_WHOLE);
        self.set_epoch(epoch);
        epoch
    }

    pub(super) fn enter(&mut self, handle: &SessionHandle, epoch: u64, label: &str, times: Times) {
        let Times { now, kept, .. } = times;
        let mut entry =
            format!(r#"{{"created":{now},"until":{},"epoch":{epoch},"label":"#, now + kept);
        json::push_string(&mut entry, &clean(label));
        entry.push('}');
        self.0.insert(key(ENTRY, handle), entry);
        self.note_seen(handle, times);
    }

    pub(super) fn note_seen(&mut self, handle: &SessionHandle, times: Times) {
        self.0.insert(key(SEEN, handle), times.now.to_string());
    }

    pub(super) fn revoke(&mut self, handle: &SessionHandle, times: Times) {
        self.forget(handle);
        self.0.insert(key(END, handle), (times.now + times.kept).to_string());
    }

    /// Ends every session but one, as far as the index names them.
    pub(super) fn revoke_all_but(&mut self, spared: Option<&SessionHandle>, times: Times) {
        let ended: Vec<_> = self.handles(ENTRY).filter(|it| Some(it) != spared).collect();
        for handle in ended.iter().filter(|it| !self.is_revoked(it)).cloned().collect::<Vec<_>>() {
            self.revoke(&handle, times);
        }
    }

    /// Ends the sessions that were seen longest ago until no more than `most` are alive; never
    /// that of `spared`.
    pub(super) fn keep_at_most(&mut self, most: usize, spared: &SessionHandle, times: Times) {
        if self.handles(ENTRY).count() <= most {
            return;
        }
        let live = self.live(Some(spared), times);
        let excess = live.len().saturating_sub(most);
        for session in live.iter().rev().filter(|it| !it.current).take(excess) {
            self.revoke(&session.handle, times);
        }
    }

    /// Puts the entry of a session into a later epoch, or makes one.
    pub(super) fn lift(&mut self, handle: &SessionHandle, epoch: u64, times: Times) {
        match self.0.get_mut(&key(ENTRY, handle)) {
            Some(entry) => {
                *entry = json::with_member(entry, EPOCH, Some(&epoch.to_string()));
            }
            None => self.enter(handle, epoch, "", times),
        }
    }

    /// Takes out what is past, and what an end has made needless. For each write.
    pub(super) fn prune(&mut self, times: Times) {
        for handle in self.handles(END).collect::<Vec<_>>() {
            self.forget(&handle);
            let end = self.0.get(&key(END, &handle)).and_then(|it| whole(it));
            if end.is_some_and(|end| end < times.now) {
                self.0.remove(&key(END, &handle));
            }
        }
        for handle in self.handles(ENTRY).collect::<Vec<_>>() {
            let entry = self.entry(&handle).flatten();
            if entry.is_some_and(|it| self.lasts_until(&handle, &it, times) < times.now) {
                self.forget(&handle);
            }
        }
        for handle in self.handles(SEEN).collect::<Vec<_>>() {
            if !self.0.contains_key(&key(ENTRY, &handle)) {
                self.0.remove(&key(SEEN, &handle));
            }
        }
        if self.handles(END).count() > MAX_ENDS {
            self.fold_ends(times);
        }
    }

    /// Puts a new epoch in the place of all ends: what is alive is lifted into it, and what is
    /// not named is over without an end of its own.
    fn fold_ends(&mut self, times: Times) {
        if self.epoch() == MAX_WHOLE {
            return;
        }
        let live = self.live(None, times);
        let epoch = self.begin_epoch(times);
        for session in &live {
            self.lift(&session.handle, epoch, times);
        }
        for handle in self.handles(END).collect::<Vec<_>>() {
            self.0.remove(&key(END, &handle));
        }
    }

    fn forget(&mut self, handle: &SessionHandle) {
        self.0.remove(&key(ENTRY, handle));
        self.0.remove(&key(SEEN, handle));
    }

    fn set_epoch(&mut self, epoch: u64) {
        self.0.insert(EPOCH.to_owned(), epoch.to_string());
    }

    /// `None` if there is no entry, `Some(None)` if it cannot be read.
    fn entry(&self, handle: &SessionHandle) -> Option<Option<Entry<'_>>> {
        self.0.get(&key(ENTRY, handle)).map(|value| Entry::parse(value))
    }

    fn seen(&self, handle: &SessionHandle) -> Option<u64> {
        self.0.get(&key(SEEN, handle)).and_then(|value| whole(value))
    }

    fn lasts_until(&self, handle: &SessionHandle, entry: &Entry<'_>, times: Times) -> u64 {
        entry.until.max(self.seen(handle).map_or(0, |seen| seen.saturating_add(times.kept)))
    }

    /// The handles that have a member of this kind.
    fn handles(&self, kind: &'static str) -> impl Iterator<Item = SessionHandle> + '_ {
        let from_first = self.0.range(kind.to_owned()..);
        let keys = from_first.map(|(key, _)| key).map_while(move |key| key.strip_prefix(kind));
        keys.filter_map(SessionHandle::parse)
    }
}

impl<'a> Entry<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let (mut created, mut until, mut epoch, mut label) = (None, None, None, None);
        // What is no object has no members; an error cannot be, its text has been walked.
        let _ = json::members(value, |key, found| {
            let text = &value[found.range];
            if json::key_is(key, "created") {
                created = whole(text);
            } else if json::key_is(key, "until") {
                until = whole(text);
            } else if json::key_is(key, EPOCH) {
                epoch = whole(text);
            } else if json::key_is(key, "label") {
                label = (found.kind == Kind::String).then(|| &text[1..text.len() - 1]);
            }
        });
        Some(Self { created: created?, until: until?, epoch: epoch?, label: label? })
    }

    /// Half of a surrogate pair, which another implementation may have written, is U+FFFD.
    fn label(&self) -> String {
        let text = json::unescape(self.label);
        let lossy = || String::from_utf16_lossy(&json::utf16(self.label).collect::<Vec<_>>());
        clean(&text.map_or_else(lossy, Cow::into_owned))
    }
}

/// A label without control characters, no longer than it may be.
fn clean(label: &str) -> String {
    label.chars().filter(|it| !it.is_control()).take(MAX_LABEL_CHARS).collect()
}

fn key(kind: &str, handle: &SessionHandle) -> String {
    [kind, handle.as_str()].concat()
}

const EPOCH: &str = "epoch";
const ENTRY: &str = "h.";
const SEEN: &str = "s.";
const END: &str = "r.";

const MAX_LABEL_CHARS: usize = 64;

/// Ends that an index holds before they are folded into an epoch. Whoever signs in and out all
/// day makes no record that grows without bound.
const MAX_ENDS: usize = 1000;
