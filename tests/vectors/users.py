"""Says what the index of a user's sessions does, by DESIGN.md alone and with nothing but Python's
library.

    users.py           prints tests/vectors/users.json

It shares no code with the engine. Times are milliseconds; records are compared as JSON values,
the texts of payloads byte by byte.
"""

import base64
import hashlib
import json
import re

MOST = 2**53 - 1
LIFETIME, SEEN_EVERY = 7_200_000, 60_000
KEPT = LIFETIME + 2 * SEEN_EVERY
NOW = 1_700_000_000_000
BOUND = 1_000


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def index_of(user):
    return "u" + b64(hashlib.sha256(b"rudder-session/user-index/v1\0" + user.encode()).digest())


def whole(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if value == int(value) and 0 <= value <= MOST else None


def epoch_of(data):
    """An epoch that cannot be read is later than every other."""
    epoch = whole(data.get("epoch", 0))
    return MOST if epoch is None else epoch


def entry_of(data, handle):
    """None if there is none, False if it is malformed."""
    if "h." + handle not in data:
        return None
    entry = data["h." + handle]
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        return False
    if any(whole(entry.get(key)) is None for key in ("created", "until", "epoch")):
        return False
    return entry


def handles(data):
    found = [re.fullmatch(r"[hsr]\.([A-Za-z0-9_-]{21}[AQgw])", key) for key in data]
    return sorted({it.group(1) for it in found if it})


def seen_of(data, handle):
    """When it was last seen: never, if that cannot be read."""
    return whole(data.get("s." + handle))


def until_of(data, handle):
    seen = seen_of(data, handle)
    until = whole(data["h." + handle]["until"])
    return until if seen is None else max(until, seen + KEPT)


def is_live(data, handle, now):
    entry = entry_of(data, handle)
    return (
        bool(entry)
        and "r." + handle not in data
        and whole(entry["epoch"]) >= epoch_of(data)
        and until_of(data, handle) >= now
    )


def check(data, mark, now):
    handle = mark["handle"]
    if data is None:
        return "heal"
    if "r." + handle in data:
        return "over"
    entry = entry_of(data, handle)
    if entry is False:
        return "over"
    if entry is None:
        return "over" if mark["epoch"] < epoch_of(data) else "heal"
    return "live" if whole(entry["epoch"]) >= epoch_of(data) else "over"


def is_seen_due(data, handle, now):
    seen = seen_of(data, handle)
    return seen is None or now - seen > SEEN_EVERY


def pruned(data, now):
    data = dict(data)
    for handle in handles(data):
        h, s, r = "h." + handle, "s." + handle, "r." + handle
        if r in data:
            # What is revoked needs no entry; a tombstone that cannot be read stays.
            data.pop(h, None)
            data.pop(s, None)
            if whole(data[r]) is not None and whole(data[r]) < now:
                del data[r]
        elif h not in data:
            data.pop(s, None)
        elif entry_of(data, handle) and until_of(data, handle) < now:
            del data[h]
            data.pop(s, None)
    return data


def listed(data, now, current=None):
    found = []
    for handle in handles(data):
        if is_live(data, handle, now):
            entry = data["h." + handle]
            seen = seen_of(data, handle)
            created = whole(entry["created"])
            found.append(
                {
                    "handle": handle,
                    "created": created,
                    "seen": created if seen is None else seen,
                    "label": entry["label"],
                    "current": handle == current,
                }
            )
    found.sort(key=lambda it: (-it["seen"], -it["created"], it["handle"]))
    return found


def label_of(text):
    return re.sub("[\x00-\x1f\x7f-\x9f]", "", text)[:64]


def revoke(data, handle, now):
    data.pop("h." + handle, None)
    data.pop("s." + handle, None)
    data["r." + handle] = now + KEPT


def enter(data, handle, epoch, label, now):
    data["h." + handle] = {"created": now, "until": now + KEPT, "epoch": epoch, "label": label}
    data["s." + handle] = now


def lost(mark):
    """What takes the place of an index that the store has lost."""
    return {"epoch": mark["epoch"]} if mark["epoch"] else {}


def sign_in(data, now, handle, label, old=None, most=None, when_full="end-oldest"):
    data = dict(data or {})
    if old is not None:
        revoke(data, old, now)
    enter(data, handle, epoch_of(data), label_of(label), now)
    live = listed(data, now)
    if most is not None and most <= BOUND and len(live) > most and when_full == "refuse":
        return None, "refused"
    others = [it["handle"] for it in reversed(live) if it["handle"] != handle]
    for it in others[: max(0, len(live) - min(most or BOUND, BOUND))]:
        revoke(data, it, now)
    return pruned(data, now), "signed in"


def do_check(data, now, mark):
    verdict = check(data, mark, now)
    if verdict == "heal":
        data = lost(mark) if data is None else dict(data)
        enter(data, mark["handle"], mark["epoch"], "", now)
        return pruned(data, now), "live"
    if verdict == "live" and is_seen_due(data, mark["handle"], now):
        return pruned({**data, "s." + mark["handle"]: now}, now), "live"
    return None, verdict


def do_revoke(data, now, handle):
    if data is None or "h." + handle not in data or "r." + handle in data:
        return None, False
    was_live = is_live(data, handle, now)
    data = dict(data)
    revoke(data, handle, now)
    return pruned(data, now), was_live


def sign_out(data, now, mark):
    if data is not None and "r." + mark["handle"] in data:
        return None, None
    if data is None:
        data = lost(mark)
    data = dict(data)
    revoke(data, mark["handle"], now)
    return pruned(data, now), None


def revoke_all(data, now, but=None):
    """Every entry, and every session that a lost index names no more."""
    if but is not None:
        if check(data, but, now) == "over":
            return None, "over"
        if data is None:
            data = lost(but)
    data = dict(data or {})
    epoch = min(max(epoch_of(data) + 1, now), MOST)
    own = but and but["handle"]
    count = sum(1 for it in listed(data, now) if it["handle"] != own)
    for handle in handles(data):
        if handle != own and "h." + handle in data and "r." + handle not in data:
            revoke(data, handle, now)
    if but is not None:
        if entry_of(data, own):
            data["h." + own] = {**data["h." + own], "epoch": epoch}
        else:
            enter(data, own, epoch, "", now)
    data["epoch"] = epoch
    return pruned(data, now), count


OPERATIONS = {
    "sign_in": sign_in,
    "check": do_check,
    "revoke": do_revoke,
    "sign_out": sign_out,
    "revoke_all": revoke_all,
    "revoke_others": lambda data, now, mark: revoke_all(data, now, but=mark),
}


def payload_text(id, data, flash_next, created_at, mark):
    fields = ['"id":' + json.dumps(id), '"data":' + data, '"flash_next":' + flash_next]
    if created_at is not None:
        fields.append('"created_at":%d' % created_at)
    if mark is not None:
        mark = (mark["index"], mark["handle"], mark["epoch"])
        fields.append('"user":{"index":"%s","handle":"%s","epoch":%d}' % mark)
    return "{" + ",".join(fields) + "}"


A, B, C, D = (b64(bytes([n]) * 16) for n in (1, 2, 3, 0xFF))
INDEX = index_of("alice")


def mark(handle, epoch=0):
    return {"index": INDEX, "handle": handle, "epoch": epoch}


def entry(created=NOW - 10_000, until=None, epoch=0, label="Firefox on Linux"):
    until = created + KEPT if until is None else until
    return {"created": created, "until": until, "epoch": epoch, "label": label}


TWO = {
    "h." + A: entry(), "s." + A: NOW - 5_000,
    "h." + B: entry(NOW - 90_000), "s." + B: NOW - 61_000,
}


def checks():
    yield "no index at all", None, mark(A)
    yield "no index at all, after an end of all sessions", None, mark(A, 3)
    yield "an empty index", {}, mark(A)
    yield "an entry of the index's epoch", TWO, mark(A)
    yield "an entry, seen long ago", TWO, mark(B)
    yield "no entry, of the index's epoch", {**TWO, "epoch": 2}, mark(C, 2)
    yield "no entry, later than the index's epoch", {**TWO, "epoch": 2}, mark(C, 3)
    yield "no entry, earlier than the index's epoch", {"epoch": 2}, mark(C, 1)
    yield "an entry earlier than the index's epoch", {**TWO, "epoch": 1}, mark(A)
    yield "an earlier entry, whatever the mark says", {**TWO, "epoch": 1}, mark(A, 1)
    yield "a later entry, an earlier mark", {"epoch": 2, "h." + A: entry(epoch=2)}, mark(A)
    yield "an entry later than the index's epoch", {"h." + A: entry(epoch=2)}, mark(A, 2)
    yield "revoked", {"r." + A: NOW + 1}, mark(A)
    yield "revoked, its instant is past", {"r." + A: NOW - 1}, mark(A)
    yield "revoked, and an entry of another writer", {**TWO, "r." + A: NOW + KEPT}, mark(A)
    yield "revoked, and a later epoch in the mark", {"r." + A: NOW + 1}, mark(A, 9)
    yield "another one is revoked", {**TWO, "r." + B: NOW + KEPT}, mark(A)
    for value in (None, True, False, "", "0", -1, 0.5, 2**53, [], {}, 1e300):
        yield "a tombstone that cannot be read", {**TWO, "r." + A: value}, mark(A)
    for value in (None, True, "", "0", -1, 0.5, 2**53, [], {}):
        yield "an epoch that cannot be read", {**TWO, "epoch": value}, mark(A)
        yield "an epoch that cannot be read, no entry", {"epoch": value}, mark(A, 5)
    yield "an epoch that cannot be read, the latest entry", {
        "epoch": None,
        "h." + A: entry(epoch=MOST),
    }, mark(A)
    yield "the greatest epoch", {"epoch": MOST}, mark(A, MOST)
    for value in (None, True, 5, "x", [], {}, [1, 2, 3]):
        yield "an entry that cannot be read", {"h." + A: value}, mark(A)
    for key in ("created", "until", "epoch", "label"):
        without = entry()
        del without[key]
        yield "an entry without its " + key, {"h." + A: without}, mark(A)
        for value in (None, -1, 0.5, [], {}, True):
            yield "an entry with another " + key, {"h." + A: {**entry(), key: value}}, mark(A)
    for key in ("created", "until", "epoch"):
        yield "an entry with text for " + key, {"h." + A: {**entry(), key: "1"}}, mark(A)
    yield (
        "a whole number with a fraction of zero",
        {"epoch": 1.0, "h." + A: entry(epoch=1.0)},
        mark(A),
    )
    yield "an entry that ends now", {"h." + A: entry(until=NOW), "s." + A: 0}, mark(A)
    yield "an entry that has ended", {"h." + A: entry(until=NOW - 1), "s." + A: 0}, mark(A)
    yield "seen exactly that long ago", {"h." + A: entry(), "s." + A: NOW - SEEN_EVERY}, mark(A)
    yield "seen longer ago", {"h." + A: entry(), "s." + A: NOW - SEEN_EVERY - 1}, mark(A)
    yield "seen later than now", {"h." + A: entry(), "s." + A: NOW + 5}, mark(A)
    yield "never seen", {"h." + A: entry()}, mark(A)
    for value in (None, "x", -1, 0.5, {}):
        yield (
            "seen at an instant that cannot be read",
            {"h." + A: entry(), "s." + A: value},
            mark(A),
        )
    yield "seen, without an entry", {"s." + A: NOW}, mark(A)
    yield (
        "another writer's members",
        {**TWO, "x": [1], "h.": 1, "r.short": 1, "__proto__": 1},
        mark(A),
    )


def prunes():
    yield "nothing to prune", TWO
    yield "an entry that ends now", {"h." + A: entry(until=NOW)}
    yield "an entry that has ended", {"h." + A: entry(until=NOW - 1), "h." + B: entry()}
    yield "seen since it was to end", {"h." + A: entry(until=NOW - 1), "s." + A: NOW - KEPT}
    yield "not seen since", {"h." + A: entry(until=NOW - 1), "s." + A: NOW - KEPT - 1}
    yield "seen, without an entry", {"s." + A: NOW, "h." + B: entry(), "s." + B: NOW}
    yield "a tombstone of now", {"r." + A: NOW}
    yield "a tombstone that is past", {"r." + A: NOW - 1, "r." + B: NOW + KEPT, "epoch": 4}
    yield "a tombstone and an entry", {**TWO, "r." + A: NOW + KEPT}
    yield "a past tombstone and an entry", {**TWO, "r." + A: NOW - 1}
    yield "what cannot be read stays", {"r." + A: "x", "h." + B: 5, "s." + B: NOW, "epoch": "x"}
    yield "an end that cannot be read takes its entry", {**TWO, "r." + A: None}
    yield "another writer's members stay", {"x": [1, {"y": None}], "h.": 1, "r.short": 1, "s.x": 1}


def lists():
    yield "none", {}, None
    yield "the newest first", TWO, B
    yield "seen together", {
        **{"h." + it: entry(NOW - n) for it, n in ((A, 5), (B, 5), (C, 4))},
        **{"s." + it: NOW for it in (A, B, C)},
    }, C
    yield "only what is live", {
        "epoch": 1,
        "h." + A: entry(),
        "h." + B: entry(epoch=1, label=""),
        "h." + C: entry(epoch=1, until=NOW - 1),
        "h." + D: entry(epoch=2),
        "r." + D: NOW + KEPT,
    }, A
    yield "an entry that ends now", {"h." + A: entry(until=NOW)}, None
    yield "an entry that is seen still", {"h." + A: entry(until=NOW - 1), "s." + A: NOW - 1}, None
    yield "never seen", {"h." + A: entry(), "s." + A: "x"}, None
    yield (
        "what cannot be read",
        {"h." + A: 5, "h." + B: entry(), "r." + B: {}, "h.x": entry()},
        None,
    )


def operations():
    tomb = NOW + KEPT - 77
    yield "the first", "sign_in", None, {"handle": A, "label": "Firefox on Linux"}
    yield "the third", "sign_in", TWO, {"handle": C, "label": ""}
    yield (
        "after an end of all",
        "sign_in",
        {"epoch": 3, "r." + B: tomb},
        {"handle": C, "label": "x"},
    )
    yield (
        "over an epoch that cannot be read",
        "sign_in",
        {"epoch": "x"},
        {"handle": C, "label": "x"},
    )
    yield "again, in the same session", "sign_in", TWO, {"handle": C, "label": "", "old": A}
    yield "full", "sign_in", TWO, {"handle": C, "label": "x", "most": 2}
    yield "over-full", "sign_in", TWO, {"handle": C, "label": "x", "most": 1}
    yield "not full", "sign_in", TWO, {"handle": C, "label": "x", "most": 3, "when_full": "refuse"}
    yield "refused", "sign_in", TWO, {"handle": C, "label": "x", "most": 2, "when_full": "refuse"}
    yield "full, in a session of it", "sign_in", TWO, {
        "handle": C, "label": "x", "old": B, "most": 2, "when_full": "refuse",
    }
    yield "full of what is over", "sign_in", {**TWO, "epoch": 1}, {
        "handle": C, "label": "x", "most": 1, "when_full": "refuse",
    }
    yield (
        "a label",
        "sign_in",
        None,
        {"handle": A, "label": "a\nb\x00\x7f\x9fc" + "\U0001f36a" * 70},
    )
    yield "live", "check", TWO, {"mark": mark(A)}
    yield "live, and seen", "check", TWO, {"mark": mark(B)}
    yield (
        "live past its end, and seen",
        "check",
        {"h." + A: entry(until=NOW - 1)},
        {"mark": mark(A)},
    )
    yield "lost", "check", None, {"mark": mark(A)}
    yield "lost, of a later epoch", "check", None, {"mark": mark(A, 3)}
    yield "lost from the index", "check", {**TWO, "epoch": 2}, {"mark": mark(C, 3)}
    yield "over", "check", {"epoch": 1}, {"mark": mark(A)}
    yield (
        "seen, and others go",
        "check",
        {**TWO, "r." + C: NOW - 1, "h." + D: entry(1)},
        {"mark": mark(B)},
    )
    yield "one", "revoke", TWO, {"handle": A}
    yield "an unknown one", "revoke", TWO, {"handle": C}
    yield "in no index", "revoke", None, {"handle": C}
    yield "a revoked one", "revoke", {**TWO, "r." + A: tomb}, {"handle": A}
    yield "one of an epoch that is over", "revoke", {**TWO, "epoch": 1}, {"handle": A}
    yield "one that cannot be read", "revoke", {"h." + A: 5}, {"handle": A}
    yield "one that has ended", "revoke", {"h." + A: entry(until=NOW - 1)}, {"handle": A}
    yield "one", "sign_out", {**TWO, "epoch": 1}, {"mark": mark(A)}
    yield "one without an entry", "sign_out", TWO, {"mark": mark(C)}
    yield "without an index", "sign_out", None, {"mark": mark(C, 2)}
    yield "a revoked one", "sign_out", {**TWO, "r." + A: tomb}, {"mark": mark(A)}
    yield "two", "revoke_all", TWO, {}
    yield "none", "revoke_all", None, {}
    yield (
        "some are over",
        "revoke_all",
        {**TWO, "epoch": 7, "h." + C: entry(epoch=7), "h." + D: 5},
        {},
    )
    yield "revoked ones stay so", "revoke_all", {**TWO, "r." + A: tomb}, {}
    yield "the greatest epoch", "revoke_all", {"epoch": MOST, "h." + A: entry(epoch=MOST)}, {}
    yield "one other", "revoke_others", TWO, {"mark": mark(A)}
    yield "none", "revoke_others", {"epoch": 2, "h." + A: entry(epoch=2)}, {"mark": mark(A)}
    yield "without an entry", "revoke_others", {**TWO, "epoch": 1}, {"mark": mark(C, 1)}
    yield "without an index", "revoke_others", None, {"mark": mark(C, 1)}
    yield "in a session that is over", "revoke_others", {**TWO, "epoch": 1}, {"mark": mark(A)}
    yield (
        "in a session that is revoked",
        "revoke_others",
        {**TWO, "r." + A: tomb},
        {"mark": mark(A)},
    )


def marks():
    """Texts of payloads: the mark that is read, None if it is none; then the field is dropped."""
    good = '{"index":"%s","handle":"%s","epoch":%s}'
    start = '{"id":"a","data":{"k":1},"flash_next":{}'
    yield start + "}"
    yield start + ',"user":' + good % (INDEX, A, 0) + "}"
    yield start + ',"user":' + good % (INDEX, A, MOST) + "}"
    yield start + ',"created_at":5,"user":' + good % (INDEX, A, 7) + "}"
    yield start + ',"user":' + good % (INDEX, A, 7) + ',"created_at":5}'
    yield (
        '{"user":{"epoch":1.0, "handle":"%s","x":[1],"index":"%s"},' % (A, INDEX)
        + '"data":{"k":1},"id":"a"}'
    )
    yield start + ',"user":1,"user":' + good % (INDEX, A, 2) + "}"
    yield start + ',"user":' + good % (INDEX, A, 2) + ',"user":1}'
    yield start + ',"us\\u0065r":' + good % (INDEX, A, "-0") + "}"
    epochs = (good % (INDEX, A, it) for it in ("null", -1))
    for value in ("null", "true", "5", '"x"', "[]", "{}", *epochs):
        yield start + ',"user":' + value + "}"
    cut = INDEX[1:]
    for index in ("", "v" + cut, "u" + cut[:-1], INDEX + "A", INDEX[:-1] + "B", "\\u0075" + cut):
        yield start + ',"user":' + good % (index, A, 0) + "}"
    for handle in ("", A[:-1], A + "A", A[:-1] + "R", A[:-1] + "+", "../../../../../etc/pass"):
        yield start + ',"user":' + good % (INDEX, handle, 0) + "}"
    for epoch in ("0.5", "9007199254740992", '"0"', "[0]", "1e400", "1e2"):
        yield start + ',"user":' + good % (INDEX, A, epoch) + "}"


def mark_in(text):
    mark = json.loads(text).get("user")
    if not isinstance(mark, dict):
        return None
    index, handle, epoch = (mark.get(key) for key in ("index", "handle", "epoch"))
    spelled = "u[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
    if not isinstance(index, str) or not re.fullmatch(spelled, index):
        return None
    if not isinstance(handle, str) or not re.fullmatch("[A-Za-z0-9_-]{21}[AQgw]", handle):
        return None
    if isinstance(epoch, float) and abs(epoch) > MOST or whole(epoch) is None:
        return None
    return {"index": index, "handle": handle, "epoch": whole(epoch)}


def marked(text):
    read = json.loads(text)
    found = mark_in(text)
    spelled = payload_text("a", '{"k":1}', "{}", read.get("created_at"), found)
    return {"text": text, "mark": found, "spelled": spelled}


def payloads():
    yield (
        "3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f",
        '{"user":"alice"}',
        '{"saved":true}',
        None,
        mark(A),
    )
    yield "a", '{"user":{"index":"x"}}', "{}", 1_700_000_000_001, mark(B, 12)
    yield "a", "{}", "{}", None, None


def vectors():
    users = ["a", "alice", "42", "user@example.com", "caf\u00e9", "\U0001f36a", " ", "x" * 256]
    labels = ["", "Firefox on Linux", " x ", "caf\u00e9" * 20]
    labels += ["a\tb\r\nc\x00\x1b[1m\x7f\x80\x9f\xa0"]
    labels += ["\U0001f36a" * 65, "x" * 64, "\n" * 80 + "y" * 65]
    times = {"lifetime_ms": LIFETIME, "seen_every_ms": SEEN_EVERY, "now": NOW}
    found = {
        **times,
        "user_index": [{"user": it, "index": index_of(it)} for it in users],
        "refused_users": ["", "x" * 257, "\u00e9" * 129],
        "labels": [{"given": it, "kept": label_of(it)} for it in labels],
        "payloads": [
            {
                **dict(zip(("id", "data", "flash_next", "created_at", "mark"), it)),
                "text": payload_text(*it),
            }
            for it in payloads()
        ],
        "marks": [marked(it) for it in marks()],
        "check": [],
        "prune": [{"name": n, "data": d, "pruned": pruned(d, NOW)} for n, d in prunes()],
        "list": [
            {"name": n, "data": d, "current": c, "list": listed(d, NOW, c)} for n, d, c in lists()
        ],
        "operations": [],
    }
    for name, data, it in checks():
        case = {"name": name, "data": data, "mark": it, "verdict": check(data, it, NOW)}
        if case["verdict"] == "live":
            case["seen_is_due"] = is_seen_due(data, it["handle"], NOW)
        found["check"].append(case)
    for name, operation, data, given in operations():
        after, outcome = OPERATIONS[operation](data, NOW, **given)
        found["operations"].append(
            {
                "name": name, "operation": operation, "given": given,
                "before": data, "after": after, "outcome": outcome,
            }
        )
    return found


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
