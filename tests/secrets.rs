//! Whatever is printed, logged or put into a bug report shows no key, no session id, no cookie
//! value, no password and nothing that a user stored.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rudder_session::cookie::{CookieConfig, SetCookie};
use rudder_session::secret::{Secret, SecretError, SecretSource};
use rudder_session::store::Updated;
use rudder_session::store::{Done, Found, Metered, Regenerated, Reply, Request, Submission};
use rudder_session::{
    ConfigError, CookieCodec, DecodeError, FileConfig, FileStore, HardenedCodec, HardenedConfig,
    HardenedKey, Key, KeyRing, LegacyCookies, Lifetime, OpenError,
};
use rudder_session::{MemoryConfig, MemoryStore, Payload, PayloadError, RedisConfig, RedisStore};
use rudder_session::{Rotating, SessionId, Store, StoreError, Ttl, UnixMillis};
use rudder_session_tests::faults::samples::{is_ok, plant};
use rudder_session_tests::redis_server::{RedisServer, TempDir};
use rudder_session_tests::scripted_server::{ScriptedServer, Step};
use rudder_session_trace::log;

#[test]
fn what_holds_a_secret_shows_none_of_it() {
    let key = Key::new(KEY).expect("legal");
    let ring = KeyRing::from_secrets([KEY, KEY]).expect("legal");
    let codec = codec();
    let payload = payload();

    for shown in [
        shown(&key),
        shown(&ring),
        shown(&codec),
        shown(&id()),
        shown(&payload),
        shown(&Some(Ok::<_, StoreError>(payload.clone()))),
        shown(&codec.decode_id(&codec.encode_id(&id()))),
        shown(&codec.decode(&codec.encode(&payload, NOW), NOW, LegacyCookies::Accept)),
    ] {
        assert_clean(&shown);
    }
    let keys = || vec![HardenedKey::new(KEY).expect("legal")];
    assert_clean(&shown(&HardenedConfig::new(keys(), "sid")));
    let hardened = HardenedCodec::new(HardenedConfig::new(keys(), "sid")).expect("legal");
    assert_clean(&shown(&hardened));
    let value = hardened.encode(&payload, NOW).expect("signed");
    assert_clean(&shown(&hardened.decode(&value, NOW)));
    let id_256 = SessionId::random_256().expect("random");
    let value = hardened.encode_id(&id_256, NOW).expect("signed");
    let shown_id = shown(&hardened.decode_id(&value, NOW));
    assert!(!shown_id.contains(id_256.as_str()) && !shown_id.contains(&value));
    assert_eq!(shown(&id()), "SessionId(***)SessionId(***)");
    let source = SecretSource::text(KEY);
    let rotating = Rotating::open(vec![source.clone(), SecretSource::env(KEY)], |_| Ok(()));
    let open = Rotating::open(vec![source.clone(), SecretSource::env("PATH")], |secrets| {
        assert_clean(&shown(&secrets));
        KeyRing::from_secrets(secrets.iter().map(Secret::expose))
    });
    let open = open.expect("legal");
    for shown in [
        shown(&source),
        shown(&rotating),
        shown(&open),
        shown(&open.at(NOW)),
        shown(&*open.at(NOW)),
    ] {
        assert_clean(&shown);
    }
}

#[test]
fn stores_and_their_settings_show_none() {
    let url = format!("redis://{USER}:{PASSWORD}@127.0.0.1:1/0");
    let config = RedisConfig { url, ..RedisConfig::default() };
    let redis = RedisStore::new(config.clone()).expect("legal");
    let memory = MemoryStore::new(MemoryConfig::default()).expect("legal");
    memory.save(&payload(), a_minute(), NOW).expect("saved");

    assert_clean(&shown(&config));
    assert_clean(&shown(&redis));
    assert_clean(&shown(&Metered::new(redis)));
    assert_clean(&shown(&memory));
    let metered = Metered::new(memory);
    metered.load(&id(), NOW).expect("a reply");
    assert_clean(&shown(&metered));
    assert_clean(&shown(&metered.figures()));
}

#[test]
fn what_is_asked_and_answered_shows_none() {
    let (expected, ttl) = (payload().into_json(), a_minute());
    let requests = [
        Request::Create { payload: payload(), ttl },
        Request::Destroy { id: id() },
        Request::Inspect { id: id() },
        Request::Load { id: id() },
        Request::Remove { id: id(), expected: expected.clone() },
        Request::Replace { expected: expected.clone(), payload: payload(), ttl },
        Request::Save { payload: payload(), ttl },
        Request::Touch { id: id(), ttl },
    ];
    let replies = [
        Reply::Load(Some(payload())),
        Reply::Remove(Found::Changed(expected.clone())),
        Reply::Replace(Found::Changed(expected)),
    ];
    let name = ["Create", "Destroy", "Inspect", "Load", "Remove", "Replace", "Save", "Touch"];

    for (request, name) in requests.into_iter().zip(name) {
        assert!(shown(&request).starts_with(name));
        assert_clean(&shown(&request));
        let done: Done = Box::new(|_| {});
        assert_clean(&shown(&Submission { request, now: NOW, done }));
    }
    replies.iter().for_each(|reply| assert_clean(&shown(reply)));
}

#[test]
fn what_writes_cookies_keeps_none() {
    let lifetime = Lifetime::from_minutes(1.0).expect("legal");
    let writer = SetCookie::new(&CookieConfig::default(), lifetime).expect("legal");
    let value = codec().encode(&payload(), NOW);

    assert!(writer.header(&value).contains(&value));

    assert_clean(&shown(&writer));
    assert!(!shown(&writer).contains(&value));
}

#[test]
fn refusals_quote_nothing_of_what_was_refused() {
    let codec = codec();
    let value = codec.encode(&payload(), NOW);
    let now = UnixMillis::new(1_800_000_000_000);
    let no_expiry = base64_simd::URL_SAFE_NO_PAD.encode_to_string(payload().as_json());
    for cookie in [
        ID.to_owned(),
        format!("{ID}.{ID}"),
        value.clone(),
        value.replace('.', ".A"),
        codec.sign(ID),
        codec.sign(&no_expiry),
    ] {
        let error = codec.decode(&cookie, now, LegacyCookies::Reject).expect_err("refused");

        assert_clean(&format!("{error} {error:?}"));
        assert!(!format!("{error} {error:?}").contains(&cookie[..8]));
    }
    let mut payload = payload();
    let errors = [
        Payload::parse(format!("{{\"id\":\"{ID}\"")).map(drop),
        payload.put_json("k", &format!("\"{DATA}")),
        payload.get::<u64>("card").map(drop),
    ];
    for error in errors.map(|it| it.expect_err("refused")) {
        assert_clean(&format!("{error} {error:?}"));
    }
    let settings = [
        RedisStore::new(RedisConfig {
            url: format!("redis://{USER}:{PASSWORD}@h:port"),
            ..RedisConfig::default()
        })
        .map(drop),
        Key::new("").map(drop),
    ];
    for error in settings.map(|it| it.expect_err("refused")) {
        assert_clean(&format!("{error} {error:?}"));
    }
}

#[test]
fn what_a_server_says_is_not_passed_on() {
    // An error reply may quote the command, and a hostile server may quote it in the first word.
    for line in [
        format!("-ERR unknown command 'GET', with args beginning with: 'session:{ID}'\r\n"),
        format!("-session:{ID} is not here\r\n"),
        format!("-{PASSWORD}\r\n"),
        format!("+session:{ID}\r\n"),
        format!("!21\r\nSYNTAX session:{ID}\r\n"),
    ] {
        let server = ScriptedServer::start({
            let line = line.clone();
            move |_| vec![Step::ReadCommand, Step::Send(line.clone().into_bytes()), Step::Listen]
        });
        let store = store(server.url());

        let error = store.load(&id(), NOW).expect_err("refused");

        assert_clean(&format!("{error} {error:?}"));
    }
}

#[test]
fn a_refused_login_shows_no_password() {
    let server = RedisServer::start_with(&["--requirepass", "another"]);
    let store = store(server.url().replace("redis://", &format!("redis://{USER}:{PASSWORD}@")));

    let error = store.load(&id(), NOW).expect_err("refused");

    assert_eq!(error, StoreError::Rejected { code: "WRONGPASS".to_owned() });
    assert_clean(&format!("{error} {error:?} {}", shown(&store)));
}

#[test]
fn a_log_at_its_most_talkative_tells_what_happened_and_shows_none() {
    let log = log();
    an_outage_is_told();
    records_that_are_not_served_are_told();
    a_new_master_is_told();
    a_full_queue_is_told();
    a_damaged_file_is_told();
    what_became_of_updates_is_told();

    for expected in [
        "DEBUG rudder_session connection to the store is out of use",
        "WARN rudder_session store is down",
        "INFO rudder_session store is back",
        "ERROR rudder_session record carries the id of another session",
        "WARN rudder_session record is no payload of a session",
        "INFO rudder_session sentinels name a new master",
        "WARN rudder_session too many calls are waiting for the store",
        "DEBUG rudder_session session file is open",
        "INFO rudder_session session file was not closed in order",
        "ERROR rudder_session session file is damaged",
        "DEBUG rudder_session expired records are collected",
        "DEBUG rudder_session session is gone",
        "WARN rudder_session session was changed by others too often in a row",
        "WARN rudder_session id was changed, but the old one may be good still",
    ] {
        assert!(log.has(expected), "{expected} is not in {:#?}", log.lines());
    }
    for line in log.lines() {
        assert_clean(&line);
        for place in ["redis://", "127.0.0.1", ".redb"] {
            assert!(!line.contains(place), "{line}");
        }
    }
}

#[test]
fn what_works_makes_no_event() {
    let log = log();
    let folder = TempDir::new();
    let server = RedisServer::start();
    let memory = MemoryStore::new(MemoryConfig::default()).expect("legal");
    let file = FileStore::open(FileConfig::at(folder.path().join("sessions.redb"))).expect("new");
    let redis = store(server.url());
    // Whatever belongs to the first use of a store.
    redis.load(&id(), NOW).expect("a reply");
    let before = log.count_of_this_thread();

    for store in [&memory as &dyn Store, &file, &redis] {
        for _ in 0..100 {
            assert!(store.create(&payload(), a_minute(), NOW).expect("done"));
            let loaded = store.load(&id(), NOW).expect("done").expect("it is there");
            let mut changed = loaded.clone();
            changed.put("visits", &1).expect("serialisable");
            store.update(&loaded, &changed, a_minute(), NOW).expect("done");
            store.touch(&id(), a_minute(), NOW).expect("done");
            store.destroy(&id()).expect("done");
        }
    }

    assert_eq!(log.count_of_this_thread(), before, "{:#?}", log.lines());
}

#[test]
fn a_flood_of_cookies_that_are_refused_makes_no_event() {
    let log = log();
    let codec = CookieCodec::new(KeyRing::from_secrets([KEY]).expect("a key"));
    let keys = vec![HardenedKey::new(KEY).expect("a key")];
    let hardened = HardenedCodec::new(HardenedConfig::new(keys, "sid")).expect("legal");
    let before = log.count_of_this_thread();

    for n in 0..100_000_u32 {
        let signature = format!("{n:043}");
        let value = format!("{ID}.{signature}");
        assert!(codec.decode(&value, NOW, LegacyCookies::Accept).is_err());
        assert!(codec.decode_id(&value).is_err());
        assert!(hardened.decode(&format!("v2p.{signature}"), NOW).is_err());
        assert!(hardened.decode_id(&format!("v2i.{signature}"), NOW).is_err());
    }

    assert_eq!(log.count_of_this_thread(), before, "{:#?}", log.lines());
}

#[test]
fn what_happens_with_each_request_is_logged_once() {
    let log = log();
    let server = RedisServer::start();
    let store = store(server.url());
    let text = payload().as_json().replace(ID, "another");
    plant(&mut server.client(), &id(), &text);
    let told = || {
        let lines = log.lines();
        lines.iter().filter(|line| line.starts_with("ERROR rudder_session record")).count()
    };
    let before = told();

    for _ in 0..1000 {
        assert_eq!(store.load(&id(), NOW), Ok(None));
    }

    assert_eq!(store.incidents().foreign_records, 1000);
    // The other test may have its own meanwhile, and a slow machine may take more than a minute.
    assert!(told() - before < 10, "{:#?}", log.lines());
}

/// A server dies, and comes back.
fn an_outage_is_told() {
    let mut server = RedisServer::start();
    let url = server.url().replace("redis://", &format!("redis://{USER}:{PASSWORD}@"));
    let acl = format!("ACL SETUSER {USER} on >{PASSWORD} ~* +@all");
    assert!(is_ok(&server.client().call(&acl.split(' ').collect::<Vec<_>>())));
    let store = store(url);
    store.save(&payload(), a_minute(), NOW).expect("saved");

    server.kill();
    while store.incidents().calls_not_tried == 0 {
        store.load(&id(), NOW).expect_err("nobody is there");
    }
    server.restart();
    assert!(is_ok(&server.client().call(&acl.split(' ').collect::<Vec<_>>())));
    until(|| store.load(&id(), NOW).is_ok());
}

fn records_that_are_not_served_are_told() {
    let server = RedisServer::start();
    let store = store(server.url());
    for text in [payload().as_json().replace(ID, "another"), format!("{ID} {DATA}")] {
        plant(&mut server.client(), &id(), &text);

        assert_eq!(store.load(&id(), NOW), Ok(None));
    }
}

/// A sentinel names one server first, and another one when that is gone.
fn a_new_master_is_told() {
    let (mut first, second) = (RedisServer::start(), RedisServer::start());
    let port = Arc::new(AtomicU16::new(first.port()));
    let sentinel = ScriptedServer::start({
        let port = Arc::clone(&port);
        move |_| {
            let port = port.load(Ordering::SeqCst).to_string();
            let reply = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len());
            vec![Step::ReadCommand, Step::Send(reply.into_bytes()), Step::Listen]
        }
    });
    let sentinels = vec![sentinel.url().replace("redis://", "")];
    let url = "redis://mymaster".to_owned();
    let config = RedisConfig { url, sentinels, deadline: A_LONG_TIME, ..RedisConfig::default() };
    let store = RedisStore::new(config).expect("legal");
    store.save(&payload(), a_minute(), NOW).expect("saved");

    port.store(second.port(), Ordering::SeqCst);
    first.kill();
    until(|| store.load(&id(), NOW) == Ok(None));
}

/// A server that answers nobody, and more calls than may wait for it.
fn a_full_queue_is_told() {
    let server = ScriptedServer::start(|_| vec![Step::Listen]);
    let (url, deadline) = (server.url(), Duration::from_secs(600));
    let config = RedisConfig { url, deadline, pool_size: 1, ..RedisConfig::default() };
    let store = RedisStore::new(config).expect("legal");
    let refused = Arc::new(AtomicUsize::new(0));
    while refused.load(Ordering::SeqCst) == 0 {
        let refused = Arc::clone(&refused);
        let done = move |outcome| {
            refused
                .fetch_add(usize::from(outcome == Err(StoreError::Overloaded)), Ordering::SeqCst);
        };
        store.submit(Request::Load { id: id() }, NOW, Box::new(done));
    }
}

/// A file that a crash left, one with a changed byte, and one whose sessions end.
fn a_damaged_file_is_told() {
    let folder = TempDir::new();
    let path = |name: &str| folder.path().join(name);
    let store = FileStore::open(FileConfig::at(path("sessions.redb"))).expect("new");
    store.save(&payload(), a_minute(), NOW).expect("saved");
    std::fs::copy(path("sessions.redb"), path("crashed.redb")).expect("it is readable");
    let later = NOW.plus(a_minute()).plus(a_minute());
    store
        .save(&Payload::new(&SessionId::random().expect("random")), a_minute(), later)
        .expect("saved");
    drop(store);

    let store = FileStore::open(FileConfig::at(path("crashed.redb"))).expect("it is repaired");
    assert_eq!(store.load(&id(), NOW), Ok(Some(payload())));
    drop(store);

    let mut bytes = std::fs::read(path("crashed.redb")).expect("it is readable");
    let text = payload().into_json();
    for at in 0..bytes.len() - text.len() {
        if bytes[at..].starts_with(text.as_bytes()) {
            bytes[at + 50] ^= 1;
        }
    }
    std::fs::write(path("crashed.redb"), bytes).expect("it is writable");
    let config = FileConfig::at(path("crashed.redb"));
    assert_eq!(FileStore::open(config.clone()).err(), Some(OpenError::Damaged));
    let store = FileStore::open(FileConfig { check_on_open: false, ..config }).expect("unchecked");
    assert_eq!(store.load(&id(), NOW), Ok(None));
}

fn what_became_of_updates_is_told() {
    let memory = MemoryStore::new(MemoryConfig::default()).expect("legal");
    assert_eq!(memory.update(&payload(), &payload(), a_minute(), NOW), Ok(Updated::Gone));

    let refused = Rival.update(&payload(), &payload(), a_minute(), NOW);
    assert_eq!(refused, Err(StoreError::Conflict));

    let renewed = payload().with_id(&SessionId::random().expect("random"));
    let outcome = Rival.regenerate(&payload(), &renewed, a_minute(), NOW);
    assert_eq!(outcome, Ok(Regenerated::OldRemains(renewed, StoreError::TimedOut)));
}

/// Where somebody else is always faster, and nothing can be removed.
struct Rival;

impl Store for Rival {
    fn call(&self, request: Request, _: UnixMillis) -> Result<Reply, StoreError> {
        Ok(match request {
            Request::Replace { .. } => {
                Reply::Replace(Found::Changed(payload().as_json().to_owned()))
            }
            Request::Create { .. } => Reply::Create(true),
            _ => return Err(StoreError::TimedOut),
        })
    }
}

/// Returns when it is so.
fn until(is_so: impl Fn() -> bool) {
    let started_at = Instant::now();
    while !is_so() {
        assert!(started_at.elapsed() < Duration::from_secs(60), "it does not happen");
        std::thread::yield_now();
    }
}

#[test]
fn every_error_has_a_message_of_its_own_in_our_style() {
    let decode = [
        DecodeError::BadSignature,
        DecodeError::Expired,
        DecodeError::Legacy,
        DecodeError::Malformed,
        DecodeError::Unsigned,
    ];
    let config = [
        ConfigError::ClusterDatabase,
        ConfigError::ClusterWithSentinels,
        ConfigError::Deadline,
        ConfigError::EmptyKey,
        ConfigError::EmptyKeyRing,
        ConfigError::InvalidCa,
        ConfigError::InvalidClusterNode,
        ConfigError::InvalidCookieName,
        ConfigError::InvalidCookiePath,
        ConfigError::InvalidCookiePrefix,
        ConfigError::InvalidLifetime,
        ConfigError::InvalidRedisUrl,
        ConfigError::InvalidSameSite,
        ConfigError::InvalidSentinel,
        ConfigError::MemoryBound,
        ConfigError::PlaceholderSecret,
        ConfigError::PoolSize,
        ConfigError::PrimaryEnds,
        ConfigError::TouchShare,
        ConfigError::Ttl,
        ConfigError::UnreadableSecret(SecretError::Absent),
        ConfigError::UnreadableSecret(SecretError::Empty),
        ConfigError::UnreadableSecret(SecretError::NotText),
        ConfigError::UnreadableSecret(SecretError::TooLarge),
        ConfigError::UnreadableSecret(SecretError::Unreadable(std::io::ErrorKind::NotFound)),
    ];
    let payload = [
        PayloadError::Mismatch,
        PayloadError::NotAPayload,
        PayloadError::NotJson,
        PayloadError::TooDeep,
        PayloadError::Unserialisable,
    ];
    let open = [
        OpenError::Damaged,
        OpenError::Foreign,
        OpenError::InUse,
        OpenError::Io(std::io::ErrorKind::NotFound),
    ];
    let store = [
        StoreError::Busy,
        StoreError::Conflict,
        StoreError::Disconnected,
        StoreError::InvalidId,
        StoreError::NotReplicated { acknowledged: 1 },
        StoreError::Overloaded,
        StoreError::Protocol,
        StoreError::Randomness,
        StoreError::Rejected { code: "WRONGTYPE".to_owned() },
        StoreError::Storage,
        StoreError::TimedOut,
        StoreError::TooLarge,
        StoreError::Unreachable,
        StoreError::Untrusted,
    ];

    let messages: Vec<String> = decode
        .iter()
        .map(ToString::to_string)
        .chain(config.iter().map(ToString::to_string))
        .chain(payload.iter().map(ToString::to_string))
        .chain(open.iter().map(ToString::to_string))
        .chain(store.iter().map(ToString::to_string))
        .collect();

    for message in &messages {
        let first = message.chars().next().expect("a message");
        assert!(!first.is_uppercase() && !message.ends_with('.'), "{message}");
        assert_eq!(messages.iter().filter(|it| *it == message).count(), 1, "{message}");
    }
}

const KEY: &str = "key-QxYwVzUa-of-thirty-two-chars";
const ID: &str = "3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f";
const USER: &str = "usr-QxYwVzUa";
const PASSWORD: &str = "pw-QxYwVzUa";
const DATA: &str = "4242424242424242";
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// As `{:?}` and `{:#?}` show it.
fn shown(value: &impl Debug) -> String {
    format!("{value:?}{value:#?}")
}

fn assert_clean(shown: &str) {
    for secret in ["QxYwVzUa", "3f2b8c1e", "0a1b2c3d4e5f", DATA, "alice"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn codec() -> CookieCodec {
    CookieCodec::new(KeyRing::from_secrets([KEY]).expect("legal"))
}

const A_LONG_TIME: Duration = Duration::from_secs(5);

fn store(url: String) -> RedisStore {
    let deadline = A_LONG_TIME;
    RedisStore::new(RedisConfig { url, deadline, ..RedisConfig::default() }).expect("legal")
}

fn id() -> SessionId {
    SessionId::parse(ID).expect("legal")
}

fn payload() -> Payload {
    let mut payload = Payload::new(&id());
    payload.put("user", "alice").expect("serialisable");
    payload.put("card", DATA).expect("serialisable");
    payload
}

fn a_minute() -> Ttl {
    Ttl::from_seconds(60).expect("legal")
}
