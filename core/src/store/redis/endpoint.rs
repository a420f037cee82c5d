//! Says where a Redis server is and how to get in, from a URL.
//!
//! ```text
//!   redis://user:password@host:port/database     TCP
//!   rediss://..                                  TCP and TLS
//!   redis+unix:///path/to/socket?db=1            a socket of this machine
//! ```
//!
//! With sentinels, the host is the name of the master that they watch. With nodes of a cluster, it
//! is one of them.
//!
//! `valkey://` and `valkeys://` mean the same as `redis://` and `rediss://`. Checked once, when a
//! store is made; nothing here connects.

use std::sync::{Arc, Mutex};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::RedisConfig;
use crate::error::ConfigError;

/// A host's name or number, and a port.
pub(super) type Address = (String, u16);

/// One server, or several of which one will do, and how to get in.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) info: ConnectionInfo,
    /// `None` without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// Whom to ask where the server is; none if the URL says it.
    pub(super) sentinels: Vec<ConnectionAddr>,
    /// Some nodes of the cluster; none if the server is not part of one.
    pub(super) nodes: Vec<Address>,
    /// Where the sentinels led last.
    pub(super) master: Arc<Mutex<Option<ConnectionAddr>>>,
}

impl Endpoint {
    /// Reads the configuration's way to the server: its URL and what goes with it.
    pub(super) fn parse(config: &RedisConfig) -> Result<Self, ConfigError> {
        let RedisConfig { url, ca_pem, sentinels, cluster_nodes, .. } = config;
        // Whether there is TLS is decided here, so the redis crate is asked for the rest alone.
        let (plain, with_tls) = match url.split_once("://") {
            Some(("rediss", rest)) => (format!("redis://{rest}"), true),
            Some(("valkeys", rest)) => (format!("valkey://{rest}"), true),
            _ => (url.clone(), false),
        };
        let info = plain.into_connection_info().map_err(|_| ConfigError::InvalidRedisUrl)?;
        let tls = match (info.addr(), with_tls) {
            (ConnectionAddr::Tcp(host, _), true) => {
                ServerName::try_from(host.as_str()).map_err(|_| ConfigError::InvalidRedisUrl)?;
                Some(tls_config(ca_pem.as_deref())?)
            }
            (ConnectionAddr::Tcp(..), false) => None,
            #[cfg(unix)]
            (ConnectionAddr::Unix(_), false)
                if sentinels.is_empty() && cluster_nodes.is_empty() =>
            {
                None
            }
            _ => return Err(ConfigError::InvalidRedisUrl),
        };
        let mut watchers = Vec::with_capacity(sentinels.len());
        for sentinel in sentinels {
            let (host, port) = address(sentinel).ok_or(ConfigError::InvalidSentinel)?;
            watchers.push(ConnectionAddr::Tcp(host, port.unwrap_or(SENTINEL_PORT)));
        }
        let nodes = match info.addr() {
            ConnectionAddr::Tcp(host, port) if !cluster_nodes.is_empty() => {
                cluster(cluster_nodes, (host.clone(), *port))?
            }
            _ => Vec::new(),
        };
        if !nodes.is_empty() && !watchers.is_empty() {
            return Err(ConfigError::ClusterWithSentinels);
        }
        if !nodes.is_empty() && info.redis_settings().db() != 0 {
            return Err(ConfigError::ClusterDatabase);
        }
        Ok(Self { info, tls, sentinels: watchers, master: Arc::default(), nodes })
    }

    /// The way to one node of the cluster.
    pub(super) fn at(&self, (host, port): &Address) -> Self {
        let addr = ConnectionAddr::Tcp(host.clone(), *port);
        Self { info: self.info.clone().set_addr(addr), ..self.clone() }
    }
}

fn cluster(nodes: &[String], one_more: Address) -> Result<Vec<Address>, ConfigError> {
    let named = nodes.iter().map(|node| {
        let (host, port) = address(node).ok_or(ConfigError::InvalidClusterNode)?;
        Ok((host, port.unwrap_or(REDIS_PORT)))
    });
    let mut nodes = named.collect::<Result<Vec<_>, _>>()?;
    if !nodes.contains(&one_more) {
        nodes.push(one_more);
    }
    Ok(nodes)
}

/// `host` or `host:port`.
fn address(text: &str) -> Option<(String, Option<u16>)> {
    // Read like the host and port of a URL, brackets of IPv6 included.
    let is_bare = !text.is_empty() && !text.contains(['/', '@', '?', '#']);
    let info = format!("redis://{text}").into_connection_info().ok().filter(|_| is_bare)?;
    let ConnectionAddr::Tcp(host, port) = info.addr() else { return None };
    // The URL has one by default.
    let has_port = text.ends_with(&format!(":{port}"));
    Some((host.clone(), has_port.then_some(*port)))
}

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

fn tls_config(ca_pem: Option<&str>) -> Result<Arc<ClientConfig>, ConfigError> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|_| ConfigError::InvalidCa)?;
                roots.add(certificate).map_err(|_| ConfigError::InvalidCa)?;
            }
        }
        // A few that cannot be read are no reason to trust none of the others.
        None => {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
        }
    }
    if roots.is_empty() {
        return Err(ConfigError::InvalidCa);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ConfigError::InvalidCa)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
