//! Loads and saves the same sessions in different ways.
//!
//! ```text
//!   ours     call          threads that block
//!            start         tasks that await
//!            submit        one thread, with callbacks
//!   theirs   r2d2          threads: a connection for each operation, not tested at check-out
//!            r2d2, stock   the same, tested by a PING, as it is if nobody says otherwise
//!            fred          tasks over a pool of pipelining clients
//!            multiplexed   tasks over the redis crate's one connection
//!            and the session stores of frameworks, see [`frameworks`](crate::frameworks)
//! ```
//!
//! All have TCP_NODELAY. Each compares what it loads with what is stored.

use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Expiration;
use fred::types::config::{Config, TcpConfig};
use redis::{AsyncTypedCommands, TypedCommands};
use rudder_session::store::{Reply, Request};
use rudder_session::{
    Payload, RedisConfig, RedisStore, SessionId, Store, StoreError, Ttl, UnixMillis,
};
use tokio::runtime::Runtime;

use crate::frameworks::{ActixSession, TowerSessions};
use crate::round::{self, Mix, Turn};

/// As many sessions as these bytes hold, between 32 and a thousand.
const BYTES_OF_ALL_SESSIONS: usize = 16 << 20;
pub(crate) const TTL_SECONDS: u64 = 7200;
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// What is loaded and saved.
pub(crate) struct Sessions(Vec<Session>);

struct Session {
    id: SessionId,
    key: String,
    payload: Payload,
}

impl Sessions {
    /// Sessions of `len` bytes.
    pub(crate) fn new(len: usize) -> Self {
        let session = |_| {
            let id = SessionId::random().expect("randomness");
            let empty = Payload::new(&id).as_json().len() + r#""cart":"""#.len();
            let mut payload = Payload::new(&id);
            payload.put("cart", &"x".repeat(len - empty)).expect("serialisable");
            assert_eq!(payload.as_json().len(), len);
            Session { key: format!("session:{}", id.as_str()), id, payload }
        };
        let count = (BYTES_OF_ALL_SESSIONS / len).clamp(32, 1000);
        Self((0..count).map(session).collect())
    }

    pub(crate) fn key(&self, number: usize) -> &str {
        &self.0[number].key
    }

    /// The one value of each session's data.
    pub(crate) fn carts(&self) -> impl Iterator<Item = &str> {
        let carts = self.0.iter().map(|it| it.payload.get_json("cart"));
        carts.map(|it| unquoted(it.expect("it is there")))
    }

    fn of(&self, number: usize) -> &Session {
        &self.0[number % self.0.len()]
    }
}

/// A way to do the work.
pub(crate) trait Contestant {
    fn name(&self) -> &'static str;

    fn is_ours(&self) -> bool {
        false
    }

    /// Operations a second.
    fn work(&self, callers: usize, mix: Mix, window: Duration) -> f64;
}

/// Everybody, connected to a server on this machine that has all sessions afterwards.
pub(crate) fn all(port: u16, pool_size: u32, sessions: &Arc<Sessions>) -> Vec<Box<dyn Contestant>> {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.enable_all().build().map(Arc::new).expect("threads")
    };
    let url = format!("redis://127.0.0.1:{port}");
    let store = || {
        // Nobody else has a deadline for the wait in a queue.
        let deadline = Duration::from_secs(10);
        let config = RedisConfig { url: url.clone(), pool_size, deadline, ..Default::default() };
        Arc::new(RedisStore::new(config).expect("legal"))
    };
    let first = store();
    for session in &sessions.0 {
        first.save(&session.payload, ttl(), NOW).expect("the server is up");
    }
    let ours =
        |kind| Ours { kind, store: store(), runtime: runtime(), sessions: Arc::clone(sessions) };
    let r2d2 = |tests| R2d2::new(port, pool_size, tests, sessions);
    vec![
        Box::new(ours(Kind::Call)),
        Box::new(r2d2(false)),
        Box::new(r2d2(true)),
        Box::new(ours(Kind::Start)),
        Box::new(Fred::new(&url, pool_size, runtime(), sessions)),
        Box::new(Multiplexed::new(port, runtime(), sessions)),
        Box::new(TowerSessions::new(&url, pool_size, runtime(), sessions)),
        Box::new(ActixSession::new(&url, runtime(), sessions)),
        Box::new(ours(Kind::Submit)),
    ]
}

/// Connected clients of fred's, as its documentation recommends for speed.
pub(crate) fn fred_pool(url: &str, pool_size: u32, runtime: &Runtime) -> fred::clients::Pool {
    runtime.block_on(async {
        let config = Config::from_url(url).expect("legal");
        let mut builder = fred::types::Builder::from_config(config);
        builder.with_connection_config(|it| {
            it.tcp = TcpConfig { nodelay: Some(true), ..TcpConfig::default() };
        });
        let pool = builder.build_pool(pool_size as usize).expect("legal");
        pool.init().await.expect("the server is up");
        pool
    })
}

/// What is between the quotes of a JSON string without escapes.
fn unquoted(json: &str) -> &str {
    &json[1..json.len() - 1]
}

fn ttl() -> Ttl {
    Ttl::from_seconds(TTL_SECONDS).expect("legal")
}

#[derive(Clone, Copy)]
enum Kind {
    Call,
    Start,
    Submit,
}

struct Ours {
    kind: Kind,
    store: Arc<RedisStore>,
    runtime: Arc<Runtime>,
    sessions: Arc<Sessions>,
}

impl Ours {
    fn request(sessions: &Sessions, turn: Turn) -> Request {
        match turn {
            Turn::Load(number) => Request::Load { id: sessions.of(number).id.clone() },
            Turn::Save(number) => {
                Request::Save { payload: sessions.of(number).payload.clone(), ttl: ttl() }
            }
        }
    }

    fn check(sessions: &Sessions, turn: Turn, outcome: Result<Reply, StoreError>) {
        match (turn, outcome) {
            (Turn::Load(number), Ok(Reply::Load(Some(payload)))) => {
                assert!(payload == sessions.of(number).payload);
            }
            (Turn::Save(_), Ok(Reply::Save)) => {}
            (turn, outcome) => panic!("{turn:?}: {:?}", outcome.err()),
        }
    }
}

impl Contestant for Ours {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Call => "call",
            Kind::Start => "start",
            Kind::Submit => "submit",
        }
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn work(&self, callers: usize, mix: Mix, window: Duration) -> f64 {
        let (sessions, store) = (Arc::clone(&self.sessions), Arc::clone(&self.store));
        match self.kind {
            Kind::Call => round::threads(callers, mix, window, move |turn| {
                Self::check(&sessions, turn, store.call(Self::request(&sessions, turn), NOW));
            }),
            Kind::Start => round::tasks(&self.runtime, callers, mix, window, move |turn| {
                let (sessions, store) = (Arc::clone(&sessions), Arc::clone(&store));
                async move {
                    let outcome = store.start(Self::request(&sessions, turn), NOW).await;
                    Self::check(&sessions, turn, outcome);
                }
            }),
            Kind::Submit => round::callbacks(callers, mix, window, move |turn, done| {
                let request = Self::request(&sessions, turn);
                let sessions = Arc::clone(&sessions);
                let answer = move |outcome| {
                    Self::check(&sessions, turn, outcome);
                    done();
                };
                store.submit(request, NOW, Box::new(answer));
            }),
        }
    }
}

struct R2d2 {
    name: &'static str,
    pool: r2d2::Pool<redis::Client>,
    sessions: Arc<Sessions>,
}

impl R2d2 {
    fn new(port: u16, pool_size: u32, tests: bool, sessions: &Arc<Sessions>) -> Self {
        let builder = r2d2::Pool::builder().max_size(pool_size).test_on_check_out(tests);
        let name = if tests { "r2d2, stock" } else { "r2d2" };
        let pool = builder.build(redis_client(port)).expect("the server is up");
        Self { name, pool, sessions: Arc::clone(sessions) }
    }
}

impl Contestant for R2d2 {
    fn name(&self) -> &'static str {
        self.name
    }

    fn work(&self, callers: usize, mix: Mix, window: Duration) -> f64 {
        round::threads(callers, mix, window, |turn| {
            let mut connection = self.pool.get().expect("a connection");
            match turn {
                Turn::Load(number) => {
                    let session = self.sessions.of(number);
                    let text = connection.get(&session.key).expect("the server is up");
                    assert!(text.as_deref() == Some(session.payload.as_json()));
                }
                Turn::Save(number) => {
                    let session = self.sessions.of(number);
                    let saved =
                        connection.set_ex(&session.key, session.payload.as_json(), TTL_SECONDS);
                    saved.expect("the server is up");
                }
            }
        })
    }
}

struct Fred {
    pool: fred::clients::Pool,
    runtime: Arc<Runtime>,
    sessions: Arc<Sessions>,
}

impl Fred {
    fn new(url: &str, pool_size: u32, runtime: Arc<Runtime>, sessions: &Arc<Sessions>) -> Self {
        let pool = fred_pool(url, pool_size, &runtime);
        Self { pool, runtime, sessions: Arc::clone(sessions) }
    }
}

impl Contestant for Fred {
    fn name(&self) -> &'static str {
        "fred"
    }

    fn work(&self, callers: usize, mix: Mix, window: Duration) -> f64 {
        let (pool, sessions) = (self.pool.clone(), Arc::clone(&self.sessions));
        round::tasks(&self.runtime, callers, mix, window, move |turn| {
            let (pool, sessions) = (pool.clone(), Arc::clone(&sessions));
            async move {
                match turn {
                    Turn::Load(number) => {
                        let session = sessions.of(number);
                        let text: Option<String> =
                            pool.get(session.key.as_str()).await.expect("the server is up");
                        assert!(text.as_deref() == Some(session.payload.as_json()));
                    }
                    Turn::Save(number) => {
                        let session = sessions.of(number);
                        let (key, text) = (session.key.as_str(), session.payload.as_json());
                        let expires = Some(Expiration::EX(TTL_SECONDS as i64));
                        let saved = pool.set::<(), _, _>(key, text, expires, None, false);
                        saved.await.expect("the server is up");
                    }
                }
            }
        })
    }
}

struct Multiplexed {
    connection: redis::aio::MultiplexedConnection,
    runtime: Arc<Runtime>,
    sessions: Arc<Sessions>,
}

impl Multiplexed {
    fn new(port: u16, runtime: Arc<Runtime>, sessions: &Arc<Sessions>) -> Self {
        let connecting = async { redis_client(port).get_multiplexed_async_connection().await };
        let connection = runtime.block_on(connecting).expect("the server is up");
        Self { connection, runtime, sessions: Arc::clone(sessions) }
    }
}

impl Contestant for Multiplexed {
    fn name(&self) -> &'static str {
        "multiplexed"
    }

    fn work(&self, callers: usize, mix: Mix, window: Duration) -> f64 {
        let (connection, sessions) = (self.connection.clone(), Arc::clone(&self.sessions));
        round::tasks(&self.runtime, callers, mix, window, move |turn| {
            let (mut connection, sessions) = (connection.clone(), Arc::clone(&sessions));
            async move {
                match turn {
                    Turn::Load(number) => {
                        let session = sessions.of(number);
                        let text = connection.get(&session.key).await.expect("the server is up");
                        assert!(text.as_deref() == Some(session.payload.as_json()));
                    }
                    Turn::Save(number) => {
                        let session = sessions.of(number);
                        let text = session.payload.as_json();
                        let saved = connection.set_ex(&session.key, text, TTL_SECONDS);
                        saved.await.expect("the server is up");
                    }
                }
            }
        })
    }
}

fn redis_client(port: u16) -> redis::Client {
    let addr = redis::ConnectionAddr::Tcp("127.0.0.1".to_owned(), port);
    let info = redis::IntoConnectionInfo::into_connection_info(addr).expect("legal");
    let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
    redis::Client::open(info.set_tcp_settings(tcp)).expect("legal")
}
