//! Says where a Redis server is and how to get in, from a URL.
//!
//! ```text
//!   redis://user:password@host:port/database     TCP
//!   rediss://..                                  TCP and TLS
//!   redis+unix:///path/to/socket?db=1            a socket of this machine
//! ```
//!
//! With sentinels, the host is the name of the master that they watch.
//!
//! `valkey://` and `valkeys://` mean the same as `redis://` and `rediss://`. Checked once, when a
//! store is made; nothing here connects.

use std::sync::Arc;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::error::ConfigError;

/// One server, and how to get in.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) info: ConnectionInfo,
    /// `None` without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// Whom to ask where the server is; none if the URL says it.
    pub(super) sentinels: Vec<ConnectionAddr>,
}

impl Endpoint {
    /// Reads a URL; `ca_pem` is trusted in place of the system's authorities. With `sentinels`,
    /// `host:port` each, the URL's host is the name of the master that they watch.
    pub(super) fn parse(
        url: &str,
        ca_pem: Option<&str>,
        sentinels: &[String],
    ) -> Result<Self, ConfigError> {
        // Whether there is TLS is decided here, so the redis crate is asked for the rest alone.
        let (plain, with_tls) = match url.split_once("://") {
            Some(("rediss", rest)) => (format!("redis://{rest}"), true),
            Some(("valkeys", rest)) => (format!("valkey://{rest}"), true),
            _ => (url.to_owned(), false),
        };
        let info = plain.into_connection_info().map_err(|_| ConfigError::InvalidRedisUrl)?;
        let tls = match (info.addr(), with_tls) {
            (ConnectionAddr::Tcp(host, _), true) => {
                ServerName::try_from(host.as_str()).map_err(|_| ConfigError::InvalidRedisUrl)?;
                Some(tls_config(ca_pem)?)
            }
            (ConnectionAddr::Tcp(..), false) => None,
            #[cfg(unix)]
            (ConnectionAddr::Unix(_), false) if sentinels.is_empty() => None,
            _ => return Err(ConfigError::InvalidRedisUrl),
        };
        let sentinels = sentinels.iter().map(|it| sentinel(it)).collect::<Result<_, _>>()?;
        Ok(Self { info, tls, sentinels })
    }
}

fn sentinel(text: &str) -> Result<ConnectionAddr, ConfigError> {
    // Read like the host and port of a URL, brackets of IPv6 included.
    let is_bare = !text.is_empty() && !text.contains(['/', '@', '?', '#']);
    let info = format!("redis://{text}").into_connection_info();
    match info.map(|info| info.addr().clone()) {
        Ok(ConnectionAddr::Tcp(host, port)) if is_bare => {
            // What the URL has for a port by default is Redis's, not Sentinel's.
            let has_port = text.ends_with(&format!(":{port}"));
            Ok(ConnectionAddr::Tcp(host, if has_port { port } else { SENTINEL_PORT }))
        }
        _ => Err(ConfigError::InvalidSentinel),
    }
}

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
