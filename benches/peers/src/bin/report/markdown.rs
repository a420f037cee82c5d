//! Writes the report's text around its tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::Picture;
use crate::machine;
use crate::rows::Row;

/// First part of a name, heading, what is said before the table, and the command.
const CHAPTERS: [(&str, &str, &str, &str); 6] = [
    (
        "codec",
        "Cookies",
        "One call on one thread. `hmac` is the HMAC of the same bytes with the key set up once and nothing \
         else: no dot, no base64; `hmac, base64` adds the base64 of what is encoded. ring and aws-lc-rs are \
         what one would write by hand with them, with the same base64. SignedJar sets its key up for each cookie.",
        "make bench-peers PEERS=codec",
    ),
    (
        "payload",
        "Payloads",
        "`read`: the text of a session to its fields; theirs check and cut as well, with the data left as \
         text. `get_number` and `get_struct`: one key; `from a value` has parsed everything before, \
         which is not counted. `edit`: text to text with one key changed. sonic-rs `from text` stops \
         where it has found the key and does not look at what follows.",
        "make bench-peers PEERS=payload",
    ),
    (
        "stores",
        "Sessions in Redis, from Rust",
        "500 B unless the name says otherwise; `load/<callers>/+<added round trip>/<ours>/<peer>`. Ours: `call` is threads that \
         block, `start` tasks that await, `submit` one thread with callbacks. `load_and_save` is three \
         loads to one save that writes over whatever is there, as the others' do. tower-sessions and \
         actix-session parse what they load into a map, ours is text until somebody asks; r2d2, fred, the \
         multiplexed connection and redis-benchmark carry text or bytes and know no sessions.",
        "make bench-peers PEERS=load",
    ),
    (
        "growth",
        "Growth",
        "One call of ours by how many sessions are stored; loads and saves of 500 B, one caller. The Redis row is \
         a round trip on the loopback each. What a million sessions take is in [STORES.md](STORES.md).",
        "make bench-peers PEERS=growth",
    ),
    (
        "node",
        "The Node package",
        "Calls, and requests without HTTP, next to what it replaces.",
        "make bench-node",
    ),
    (
        "http",
        "HTTP servers",
        "A server in a process of its own, 64 connections from another process, each with a session of its own of some 500 B. \
         `read` answers one key, `write` counts in the session. `serverCpuUs` is processor time of \
         all threads of the server for a request; server, load and Redis share two cores, so that is \
         what requests per second follow from. Compared with `none` as well: what a session costs. What \
         they guarantee differs: express-session and @fastify/session write over whatever is there, \
         ours keeps what others wrote; iron-session and @fastify/secure-session encrypt, ours and cookie-session sign.",
        "make bench-http",
    ),
];

/// The whole report.
pub(crate) fn report(rows: &[Row], pictures: &[Picture], slower: &str) -> String {
    let mut text = String::from(
        "# What was measured\n\n\
         Written by `make bench-report` from what the benches left in `target/bench`; every row is in \
         `target/bench/report.json` too.\n\n\
         ## On what\n\n",
    );
    text += &machine::describe();
    text += METHOD;
    text += &reach(rows);
    for (first, heading, about, command) in CHAPTERS {
        let rows: Vec<_> = rows.iter().filter(|it| chapter(it) == first).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(text, "## {heading}\n\n{about}\n\n`{command}`\n\n");
        for picture in pictures.iter().filter(|it| it.file.starts_with(first)) {
            let _ = write!(text, "![{0}](report/{1})\n\n", picture.title, picture.file);
        }
        text += &table(&rows);
    }
    let flames: Vec<_> = pictures.iter().filter(|it| it.file.starts_with("flame")).collect();
    if !flames.is_empty() {
        text += "## Where the time goes\n\nSamples of `perf record`, by `make bench-flame`; as wide as the \
                 time that is spent in a function and what it calls.\n\n";
    }
    for picture in flames {
        let _ = write!(text, "![{0}](report/{1})\n\n", picture.title, picture.file);
    }
    text += "## Where we are slower\n\n";
    text += slower;
    text += "\nEvery row with a ratio below 1:\n\n";
    text += &table(&rows.iter().filter(|it| it.is_slower()).collect::<Vec<_>>());
    text.trim_end().to_owned() + "\n"
}

const METHOD: &str = "\n## How\n\n\
    Ours and theirs take turns, A B A B, in one process where they are libraries, so that what else the machine \
    does hits both. A ratio is how many times better ours is: the median of the ratios of \
    neighbours in time. The spread is from the lower to the upper quartile of those. Where the spread is larger than \
    the difference from 1 there is no ratio, only `~`. Every result is compared with what it must be, outside of the time \
    that counts where it would count; each server is one on the same machine, and nothing is pinned. On \
    a virtual machine with two cores that others use as well, absolute figures move by a fifth from run to run.\n\n";

fn chapter(row: &Row) -> &str {
    match row.parts()[0] {
        "load" | "load_and_save" => "stores",
        other => other,
    }
}

fn table(rows: &[&Row]) -> String {
    let mut text = String::from(
        "| | ours | peer | unit | ratio | spread |\n| --- | ---: | ---: | --- | ---: | ---: |\n",
    );
    for row in rows {
        let number = |it: Option<f64>| it.map_or_else(String::new, shown);
        let ratio = row.ratio.map(|it| format!("{it:.2}"));
        let unknown = if row.peer.is_some() { "~" } else { "" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            row.name,
            number(row.ours),
            number(row.peer),
            row.unit,
            ratio.as_deref().unwrap_or(unknown),
            row.spread.map_or_else(String::new, |it| format!("{it:.2}")),
        );
    }
    text + "\n"
}

fn shown(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The ratio of the medians, and the spread.
fn about(row: &Row) -> Option<(f64, f64)> {
    let (ours, peer) = (row.ours?, row.peer?);
    let ratio = if row.unit.ends_with("/s") { ours / peer } else { peer / ours };
    Some((ratio, row.spread?))
}

/// What was to be reached, by name of the row, and the least ratio.
const REACH: [(&str, &str, f64); 11] = [
    ("verify of 36 B within 1.25x of the bare HMAC", "codec/verify/36/hmac", 0.8),
    ("encode of 1 KB within 1.2x of HMAC and base64", "codec/encode/1024/hmac, base64", 1.0 / 1.2),
    ("decode of 1 KB into a payload, checked as JSON", "codec/decode/1024/hmac, base64", 1.0 / 1.2),
    ("decode of 1 KB into text", "codec/decode_text/1024/hmac, base64", 1.0 / 1.2),
    ("3x the `cookie` crate's SignedJar on get, 36 B", "codec/get/36/SignedJar", 3.0),
    ("the same from the text of a Cookie header", "codec/header/36/SignedJar", 3.0),
    ("2x tower-sessions, 64 callers, loads", "load/64/+0ms/start/tower-sessions", 2.0),
    (
        "2x tower-sessions, 64 callers, with saves",
        "load_and_save/64/+0ms/start/tower-sessions",
        2.0,
    ),
    ("2x actix-session, 64 callers, loads", "load/64/+0ms/start/actix-session", 2.0),
    ("2x actix-session, 64 callers, with saves", "load_and_save/64/+0ms/start/actix-session", 2.0),
    (
        "half of `redis-benchmark -P 32`, 256 callers",
        "load/256/+0ms/submit/redis-benchmark -P 32",
        0.5,
    ),
];

fn reach(rows: &[Row]) -> String {
    let by_name: BTreeMap<_, _> = rows.iter().map(|it| (it.name.as_str(), it)).collect();
    let mut text = String::from(
        "## What was to be reached\n\n| | wanted | reached | |\n| --- | ---: | ---: | --- |\n",
    );
    for (what, name, wanted) in REACH {
        let row = by_name.get(name);
        let verdict = match row.and_then(|it| about(it)) {
            Some((ratio, spread)) if ratio - spread >= wanted => "reached",
            Some((ratio, spread)) if ratio + spread >= wanted => "too close to tell",
            Some(_) => "missed",
            None => "not measured",
        };
        let reached = row.and_then(|it| about(it)).map_or_else(
            || "-".to_owned(),
            |(ratio, spread)| format!("{ratio:.2} (spread {spread:.2})"),
        );
        let _ = writeln!(text, "| {what} | {wanted:.2} | {reached} | {verdict} |");
    }
    text + "\nNo allocation in verify, one at most in encode and decode: a test, `tests/allocation.rs`.\n\n"
}
