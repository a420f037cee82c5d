//! Asks a Redis what a session store should know of it: version, clock, what it forgets. Of a
//! cluster each master is asked.
//!
//! Over connections of its own, apart from the store's. Each answer that the server's user may
//! not have is left out: no right is needed beyond those of a program that keeps sessions.

use std::time::{Duration, Instant};

use redis::{Connection, RedisResult, Value};
use rudder_session::{RedisConfig, UnixMillis};

use crate::doctor::{Check, Finding};
use crate::redis_rights;
use crate::redis_servers::{Server, outcome, servers, start};
use crate::report::CommandError;

/// All checks that the servers' answers allow, within `timeout`; none from a server that is slower.
pub(crate) fn checks(config: &RedisConfig, timeout: Duration) -> Vec<Check> {
    let until = Instant::now() + timeout;
    let Ok(servers) = servers(config, until) else { return Vec::new() };
    let asking = servers.into_iter().map(|server| {
        let (name, prefix) = (server.name.clone(), config.prefix.clone());
        (name, start(move || asked(&server, &prefix, timeout)))
    });
    // All are asked before the first is waited for.
    let asking: Vec<_> = asking.collect();
    let of_each = asking.into_iter().flat_map(|(name, answered)| {
        let checks = outcome(&answered, until).unwrap_or_else(|_| silent(name.as_deref()));
        checks.into_iter().map(move |it| it.of_server(name.as_deref()))
    });
    of_each.collect()
}

fn asked(server: &Server, prefix: &str, timeout: Duration) -> RedisResult<Vec<Check>> {
    let mut connection = server.connect(timeout)?;
    let mut checks = Vec::new();
    checks.extend(round_trip(&mut connection));
    checks.extend(clock(&mut connection));
    if let Ok(info) = redis::cmd("INFO").query::<String>(&mut connection) {
        checks.extend(of_info(&info));
    }
    checks.extend(redis_rights::check(&mut connection));
    checks.extend(ttls(&mut connection, prefix));
    Ok(checks)
}

/// Of a server that cannot be asked. One alone has been tried as a store, which says more.
fn silent(name: Option<&str>) -> Vec<Check> {
    let check = |_| Check::new("server", Finding::Wrong, "it cannot be asked".to_owned());
    name.map(check).into_iter().collect()
}

fn round_trip(connection: &mut Connection) -> Option<Check> {
    let mut micros: Vec<u128> = Vec::new();
    for _ in 0..ROUND_TRIPS {
        let start = Instant::now();
        redis::cmd("PING").query::<Value>(connection).ok()?;
        micros.push(start.elapsed().as_micros());
    }
    micros.sort_unstable();
    let median = micros.get(ROUND_TRIPS / 2)?;
    Some(Check::new(
        "round trip",
        Finding::Well,
        format!("{median} us, the median of {ROUND_TRIPS}"),
    ))
}

/// A session's expiry in Redis is by Redis's clock, that of a cookie by the program's.
fn clock(connection: &mut Connection) -> Option<Check> {
    let before = UnixMillis::now().as_f64();
    let (seconds, micros): (f64, f64) = redis::cmd("TIME").query(connection).ok()?;
    let after = UnixMillis::now().as_f64();
    let server = seconds * 1000.0 + micros / 1000.0;
    let ahead = server - (before + after) / 2.0;
    let finding = if ahead.abs() > MAX_SKEW_MS { Finding::Doubtful } else { Finding::Well };
    Some(Check::new("clock", finding, format!("{ahead:.0} ms ahead of this machine's")))
}

/// Reads the report of `INFO`.
pub(crate) fn of_info(info: &str) -> Vec<Check> {
    let field = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let mut checks = Vec::new();
    let (product, version) = match field("valkey_version") {
        Some(version) => ("Valkey", Some(version)),
        None => ("Redis", field("redis_version")),
    };
    if let Some(version) = version {
        let compares = if has_if_eq(product, version) {
            "SET IFEQ saves without a script"
        } else {
            "a script compares, which takes the server longer than SET IFEQ would"
        };
        checks.push(Check::new(
            "version",
            Finding::Well,
            format!("{product} {version}: {compares}"),
        ));
    }
    if let Some(policy) = field("maxmemory_policy") {
        let bounded = field("maxmemory").is_some_and(|bytes| bytes != "0");
        checks.push(match policy {
            "noeviction" => Check::new("eviction", Finding::Well, "none".to_owned()),
            _ if bounded => Check::new(
                "eviction",
                Finding::Doubtful,
                format!("{policy}: when memory is full, the server lets go of sessions"),
            ),
            _ => Check::new("eviction", Finding::Well, format!("{policy}, and no maxmemory")),
        });
    }
    if let Some(appends) = field("aof_enabled") {
        checks.push(match appends {
            "1" => Check::new("durability", Finding::Well, "appends to a file".to_owned()),
            // When it has last saved says nothing: a server that never saves tells its start.
            _ => Check::new(
                "durability",
                Finding::Doubtful,
                "no append-only file: a crash forgets logins, and logouts, since the last snapshot"
                    .to_owned(),
            ),
        });
    }
    checks
}

/// Since Redis 8.4 and Valkey 8.1.
fn has_if_eq(product: &str, version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    let version = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    version >= if product == "Valkey" { (8, 1) } else { (8, 4) }
}

/// A record without a TTL stays for good: no store of ours writes one.
fn ttls(connection: &mut Connection, prefix: &str) -> Option<Check> {
    let Count { records, without_ttl } = scan(connection, prefix, SAMPLE, SCANS).ok()?;
    let finding = if without_ttl > 0 { Finding::Doubtful } else { Finding::Well };
    Some(Check::new("TTLs", finding, format!("{without_ttl} of {records} records have none")))
}

/// All records of the store, and those of them without a TTL, if that takes no longer than
/// `timeout`.
pub(crate) fn count(
    config: &RedisConfig,
    timeout: Duration,
) -> Result<(usize, usize), CommandError> {
    let until = Instant::now() + timeout;
    let counting = servers(config, until)?.into_iter().map(|server| {
        let prefix = config.prefix.clone();
        start(move || scan(&mut server.connect(timeout)?, &prefix, usize::MAX, usize::MAX))
    });
    let counting: Vec<_> = counting.collect();
    counting.iter().try_fold((0, 0), |(records, without_ttl), counted| {
        let count = outcome(counted, until)?;
        Ok((records + count.records, without_ttl + count.without_ttl))
    })
}

#[derive(Default)]
struct Count {
    records: usize,
    without_ttl: usize,
}

/// Looks at no more than so many records, and asks for some no more often than that.
fn scan(
    connection: &mut Connection,
    prefix: &str,
    most: usize,
    scans: usize,
) -> RedisResult<Count> {
    let escaped: String = prefix.chars().flat_map(|c| ['\\', c]).collect();
    let (mut count, mut cursor) = (Count::default(), 0_u64);
    for _ in 0..scans {
        let (next, mut names): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(format!("{escaped}*"))
            .arg("COUNT")
            .arg(SAMPLE)
            .query(connection)?;
        names.truncate(most - count.records);
        // A pipeline of nothing is an error.
        if !names.is_empty() {
            let mut each = redis::pipe();
            names.iter().for_each(|name| _ = each.ttl(name));
            let ttls: Vec<i64> = each.query(connection)?;
            count.records += ttls.len();
            count.without_ttl += ttls.iter().filter(|ttl| **ttl == NO_TTL).count();
        }
        cursor = next;
        if cursor == 0 || count.records >= most {
            break;
        }
    }
    Ok(count)
}

const ROUND_TRIPS: usize = 9;
const MAX_SKEW_MS: f64 = 1000.0;
/// Records that are looked at, and how often a server is asked for some.
const SAMPLE: usize = 500;
const SCANS: usize = 20;
/// What `TTL` answers for a record that does not end.
const NO_TTL: i64 = -1;

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(info: &str) -> Vec<(&'static str, Finding)> {
        of_info(info).into_iter().map(|check| (check.name, check.finding)).collect()
    }

    #[test]
    fn a_server_that_forgets_sessions_is_doubtful() {
        let info = "redis_version:7.0.15\r\nmaxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\n\
                    aof_enabled:0\r\n";

        assert_eq!(
            findings(info),
            [
                ("version", Finding::Well),
                ("eviction", Finding::Doubtful),
                ("durability", Finding::Doubtful)
            ]
        );
    }

    #[test]
    fn a_policy_without_a_bound_evicts_nothing() {
        let info = "maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n";

        assert_eq!(findings(info), [("eviction", Finding::Well), ("durability", Finding::Well)]);
    }

    #[test]
    fn native_compare_and_set_is_known_by_version() {
        for (product, version, expected) in [
            ("Redis", "8.4.0", true),
            ("Redis", "8.2.1", false),
            ("Redis", "10.0", true),
            ("Valkey", "8.1.0", true),
            ("Valkey", "8.0.9", false),
            ("Redis", "", false),
        ] {
            assert_eq!(has_if_eq(product, version), expected, "{product} {version}");
        }
    }
}
