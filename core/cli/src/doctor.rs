//! Checks a secret, and a store as a program with these settings would use it.
//!
//! The store is tried with a session of its own, which is gone afterwards: so what its user may
//! not do shows as the error that a program would get.

use std::fmt;
use std::time::Duration;

use clap::Args;
use rudder_session::store::Updated;
use rudder_session::{Key, Payload, SessionId, Store, StoreError, Ttl, UnixMillis, secret};
use serde::Serialize;

use crate::input::SecretOptions;
use crate::place::{Place, StoreOptions};
use crate::redis_facts;
use crate::report::{CommandError, Report, json};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    secrets: SecretOptions,
    #[command(flatten)]
    store: StoreOptions,
}

/// All that was checked.
#[derive(Serialize)]
pub(crate) struct Diagnosis {
    checks: Vec<Check>,
}

/// One thing that was checked.
#[derive(Serialize)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) finding: Finding,
    /// Which one of several it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    message: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Finding {
    Well,
    /// It works, and somebody should know.
    Doubtful,
    Wrong,
}

impl Check {
    pub(crate) fn new(name: &'static str, finding: Finding, message: String) -> Self {
        Self { name, finding, server: None, message }
    }

    pub(crate) fn of_server(self, server: Option<&str>) -> Self {
        Self { server: server.map(str::to_owned), ..self }
    }
}

pub(crate) fn run(options: &Options) -> Result<Diagnosis, CommandError> {
    let place = options.store.place()?;
    let mut checks = Vec::new();
    if options.secrets.is_given() || place.is_none() {
        let secrets = options.secrets.read()?;
        checks
            .extend((1..).zip(&secrets).map(|(number, secret)| of_secret(number, secret.expose())));
    }
    if let Some(place) = place {
        let of_store = of_store(&place)?;
        let is_well = of_store.finding == Finding::Well;
        checks.push(of_store);
        // What it is like is of no use while it does not answer, unless others of a cluster do.
        if let Place::Redis(config) = &place
            && (is_well || !config.cluster_nodes.is_empty())
        {
            checks.extend(redis_facts::checks(config, FACTS_TIMEOUT));
        }
    }
    Ok(Diagnosis { checks })
}

fn of_secret(number: usize, secret: &str) -> Check {
    let say = |finding, message: &str| {
        Check::new("secret", finding, format!("secret {number} {message}"))
    };
    if secret == secret::PLACEHOLDER {
        return say(Finding::Wrong, "is the placeholder, which everybody knows");
    }
    match Key::new(secret) {
        Err(error) => say(Finding::Wrong, &format!("is refused: {error}")),
        Ok(_) if secret::is_weak(secret) => say(
            Finding::Doubtful,
            "has less than 32 bytes, or hardly any different characters: make one with genkey",
        ),
        Ok(_) => say(Finding::Well, "is long enough"),
    }
}

/// Whether the store does all that a session needs of it.
fn of_store(place: &Place) -> Result<Check, CommandError> {
    let store = place.open(false)?;
    Ok(match try_out(&*store) {
        Ok(()) => Check::new(
            "store",
            Finding::Well,
            "creates, loads, updates, touches, regenerates and destroys".to_owned(),
        ),
        Err((step, error)) => {
            let message = match error {
                Some(error) => format!("{step}: {error}"),
                None => format!("{step}: the answer is not what was written"),
            };
            Check::new("store", Finding::Wrong, message)
        }
    })
}

type Failed = (&'static str, Option<StoreError>);

/// The life of a session, and which step of it fails: with an error, or by a wrong answer.
fn try_out(store: &dyn Store) -> Result<(), Failed> {
    let now = UnixMillis::now();
    let ttl = Ttl::from_seconds(60).map_err(|_| ("create", None))?;
    let step = |name: &'static str| move |error: StoreError| (name, Some(error));
    let id = SessionId::random().map_err(step("create"))?;
    let first = Payload::new(&id);
    let mut second = first.clone();
    second.put("rudder-session doctor", &true).map_err(|_| ("update", None))?;
    let moved = second.with_id(&SessionId::random().map_err(step("regenerate"))?);

    let lived = (|| {
        right("create", store.create(&first, ttl, now).map_err(step("create"))?)?;
        let loaded = store.load(&id, now).map_err(step("load"))?;
        right("load", loaded.as_ref() == Some(&first))?;
        let updated = store.update(&first, &second, ttl, now).map_err(step("update"))?;
        right("update", updated == Updated::Saved)?;
        right("touch", store.touch(&id, ttl, now).map_err(step("touch"))?)?;
        store.regenerate(&second, &moved, ttl, now).map_err(step("regenerate"))?;
        let loaded = store.load(&id, now).map_err(step("load"))?;
        right("regenerate", loaded.is_none())
    })();
    // Whatever has failed, nothing is left behind if it can be helped.
    let gone = [&first, &moved]
        .into_iter()
        .filter_map(Payload::session_id)
        .try_for_each(|id| store.destroy(&id).map_err(step("destroy")));
    lived.and(gone)
}

fn right(step: &'static str, is_right: bool) -> Result<(), Failed> {
    if is_right { Ok(()) } else { Err((step, None)) }
}

impl Report for Diagnosis {
    fn to_json(&self) -> String {
        json(self)
    }

    fn is_well(&self) -> bool {
        self.checks.iter().all(|check| check.finding != Finding::Wrong)
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { name, finding, server, message } in &self.checks {
            let mark = match finding {
                Finding::Well => "ok      ",
                Finding::Doubtful => "doubtful",
                Finding::Wrong => "WRONG   ",
            };
            write!(f, "{mark}  {name:10}  ")?;
            if let Some(server) = server {
                write!(f, "{server}: ")?;
            }
            writeln!(f, "{message}")?;
        }
        Ok(())
    }
}

const FACTS_TIMEOUT: Duration = Duration::from_secs(5);
