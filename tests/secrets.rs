//! Whatever is printed, logged or put into a bug report shows no key, no session id, no cookie
//! value, no password and nothing that a user stored.

use std::fmt::Debug;
use std::time::Duration;

use rudder_session::cookie::{CookieConfig, SetCookie};
use rudder_session::store::Metered;
use rudder_session::{
    ConfigError, CookieCodec, DecodeError, Key, KeyRing, LegacyCookies, Lifetime,
};
use rudder_session::{MemoryConfig, MemoryStore, Payload, PayloadError, RedisConfig, RedisStore};
use rudder_session::{SessionId, Store, StoreError, Ttl, UnixMillis};
use rudder_session_tests::redis_server::RedisServer;
use rudder_session_tests::scripted_server::{ScriptedServer, Step};

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
    assert_eq!(shown(&id()), "SessionId(***)SessionId(***)");
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
fn every_error_has_a_message_of_its_own_that_is_safe_to_log() {
    let decode = [
        DecodeError::BadSignature,
        DecodeError::Expired,
        DecodeError::Legacy,
        DecodeError::Malformed,
        DecodeError::Unsigned,
    ];
    let config = [
        ConfigError::Deadline,
        ConfigError::EmptyKey,
        ConfigError::EmptyKeyRing,
        ConfigError::InvalidCookieName,
        ConfigError::InvalidCookiePath,
        ConfigError::InvalidCookiePrefix,
        ConfigError::InvalidLifetime,
        ConfigError::InvalidRedisUrl,
        ConfigError::InvalidSameSite,
        ConfigError::MemoryBound,
        ConfigError::PlaceholderSecret,
        ConfigError::PoolSize,
        ConfigError::Ttl,
    ];
    let payload = [
        PayloadError::Mismatch,
        PayloadError::NotAPayload,
        PayloadError::NotJson,
        PayloadError::TooDeep,
        PayloadError::Unserialisable,
    ];
    let store = [
        StoreError::Busy,
        StoreError::Disconnected,
        StoreError::InvalidId,
        StoreError::Protocol,
        StoreError::Randomness,
        StoreError::Rejected { code: "WRONGTYPE".to_owned() },
        StoreError::TimedOut,
        StoreError::TooLarge,
        StoreError::Unreachable,
    ];

    let messages: Vec<String> = decode
        .iter()
        .map(ToString::to_string)
        .chain(config.iter().map(ToString::to_string))
        .chain(payload.iter().map(ToString::to_string))
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

fn store(url: String) -> RedisStore {
    let deadline = Duration::from_secs(5);
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
