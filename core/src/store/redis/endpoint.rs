//! Says where a Redis server is and how to get in, from a URL.
//!
//! ```text
//!   redis://user:password@host:port/database     TCP
//!   rediss://..                                  TCP and TLS
//!   redis+unix:///path/to/socket?db=1            a socket of this machine
//! ```
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
    pub(super) tls: Option<Tls>,
}

/// What a TLS handshake needs.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) config: Arc<ClientConfig>,
    /// The name that the server's certificate must be for.
    pub(super) server_name: ServerName<'static>,
}

impl Endpoint {
    /// Reads `url`; `ca_pem` is trusted in place of the system's authorities.
    pub(super) fn parse(url: &str, ca_pem: Option<&str>) -> Result<Self, ConfigError> {
        // Whether there is TLS is decided here, so the redis crate is asked for the rest alone.
        let (plain, with_tls) = match url.split_once("://") {
            Some(("rediss", rest)) => (format!("redis://{rest}"), true),
            Some(("valkeys", rest)) => (format!("valkey://{rest}"), true),
            _ => (url.to_owned(), false),
        };
        let info = plain.into_connection_info().map_err(|_| ConfigError::InvalidRedisUrl)?;
        let tls = match (info.addr(), with_tls) {
            (ConnectionAddr::Tcp(host, _), true) => Some(Tls::new(host, ca_pem)?),
            (ConnectionAddr::Tcp(..), false) => None,
            #[cfg(unix)]
            (ConnectionAddr::Unix(_), false) => None,
            _ => return Err(ConfigError::InvalidRedisUrl),
        };
        Ok(Self { info, tls })
    }
}

impl Tls {
    fn new(host: &str, ca_pem: Option<&str>) -> Result<Self, ConfigError> {
        let server_name =
            ServerName::try_from(host.to_owned()).map_err(|_| ConfigError::InvalidRedisUrl)?;
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
        Ok(Self { config: Arc::new(config), server_name })
    }
}
