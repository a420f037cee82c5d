//! The session stores that Rust's web frameworks have for Redis, without the frameworks.
//!
//! ```text
//!   tower-sessions   MessagePack; fred's pool, as its documentation has it
//!   actix-session    JSON text in JSON; the redis crate's connection manager, its default
//! ```
//!
//! What they guarantee is what our `save` does: the last write wins. They parse what they load
//! into a map; ours is text until somebody asks for a key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_session::storage::{RedisSessionStore, SessionKey, SessionStore as _};
use tokio::runtime::Runtime;
use tower_sessions_core::SessionStore as _;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_redis_store::RedisStore;

use crate::contestants::{Contestant, Sessions, TTL_SECONDS, fred_pool};
use crate::round::{self, Mix, Turn};

pub(crate) struct TowerSessions {
    store: RedisStore<fred::clients::Pool>,
    records: Arc<Vec<Record>>,
    runtime: Arc<Runtime>,
}

impl TowerSessions {
    pub(crate) fn new(
        url: &str,
        pool_size: u32,
        runtime: Arc<Runtime>,
        sessions: &Sessions,
    ) -> Self {
        let store = RedisStore::new(fred_pool(url, pool_size, &runtime));
        let ends_at = SystemTime::now() + Duration::from_secs(TTL_SECONDS);
        let record = |(number, cart): (usize, &str)| Record {
            id: Id(number as i128 + 1),
            data: HashMap::from([("cart".to_owned(), cart.into())]),
            expiry_date: ends_at.into(),
        };
        let mut records: Vec<_> = sessions.carts().enumerate().map(record).collect();
        runtime.block_on(async {
            for record in &mut records {
                let id = record.id;
                store.delete(&id).await.expect("the server is up");
                store.create(record).await.expect("the server is up");
                assert_eq!(record.id, id);
            }
        });
        Self { store, records: Arc::new(records), runtime }
    }
}

impl Contestant for TowerSessions {
    fn name(&self) -> &'static str {
        "tower-sessions"
    }

    fn work(&self, callers: usize, mix: Mix, window: Duration) -> f64 {
        let (store, records) = (self.store.clone(), Arc::clone(&self.records));
        round::tasks(&self.runtime, callers, mix, window, move |turn| {
            let (store, records) = (store.clone(), Arc::clone(&records));
            async move {
                match turn {
                    Turn::Load(number) => {
                        let stored = &records[number % records.len()];
                        let loaded = store.load(&stored.id).await.expect("the server is up");
                        assert!(loaded.is_some_and(|it| it.data == stored.data));
                    }
                    Turn::Save(number) => {
                        let record = &records[number % records.len()];
                        store.save(record).await.expect("the server is up");
                    }
                }
            }
        })
    }
}

pub(crate) struct ActixSession {
    store: RedisSessionStore,
    states: Arc<Vec<(String, State)>>,
    runtime: Arc<Runtime>,
}

type State = HashMap<String, String>;

impl ActixSession {
    pub(crate) fn new(url: &str, runtime: Arc<Runtime>, sessions: &Sessions) -> Self {
        let (store, states) = runtime.block_on(async {
            let store = RedisSessionStore::new(url).await.expect("the server is up");
            let mut states = Vec::new();
            for cart in sessions.carts() {
                let json = serde_json::to_string(cart).expect("JSON");
                let state = HashMap::from([("cart".to_owned(), json)]);
                let key = store.save(state.clone(), &ttl()).await.expect("the server is up");
                states.push((key.as_ref().to_owned(), state));
            }
            (store, Arc::new(states))
        });
        Self { store, states, runtime }
    }
}

impl Contestant for ActixSession {
    fn name(&self) -> &'static str {
        "actix-session"
    }

    fn work(&self, callers: usize, mix: Mix, window: Duration) -> f64 {
        let (store, states) = (self.store.clone(), Arc::clone(&self.states));
        round::tasks(&self.runtime, callers, mix, window, move |turn| {
            let (store, states) = (store.clone(), Arc::clone(&states));
            async move {
                match turn {
                    Turn::Load(number) => {
                        let (key, state) = &states[number % states.len()];
                        let loaded = store.load(&session_key(key)).await;
                        assert!(loaded.expect("the server is up").as_ref() == Some(state));
                    }
                    Turn::Save(number) => {
                        let (key, state) = &states[number % states.len()];
                        let saved = store.update(session_key(key), state.clone(), &ttl()).await;
                        saved.expect("the server is up");
                    }
                }
            }
        })
    }
}

fn session_key(text: &str) -> SessionKey {
    text.to_owned().try_into().expect("a key of its own making")
}

fn ttl() -> actix_web::cookie::time::Duration {
    actix_web::cookie::time::Duration::seconds(TTL_SECONDS as i64)
}
