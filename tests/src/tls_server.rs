//! Starts a real `redis-server` that speaks TLS, with a certificate of an authority of its own.
//!
//! ```text
//!   authority --signs--> certificate for the names asked for --> redis-server --tls-port
//! ```

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::redis_server::{RedisServer, TempDir, free_port};

/// A server with TLS of one's own.
pub struct TlsServer {
    /// The same server without TLS.
    pub plain: RedisServer,
    /// The authority's certificate, in PEM.
    pub ca_pem: String,
    port: u16,
    _folder: TempDir,
}

impl TlsServer {
    /// Starts a server whose certificate is for `names`.
    pub fn start(names: &[&str]) -> Self {
        let folder = TempDir::new();
        let port = free_port();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("the temporary directory is writable");
            path.to_str().expect("UTF-8").to_owned()
        };

        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("randomness");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("signed");
        let names = names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let key = KeyPair::generate().expect("randomness");
        let certificate = CertificateParams::new(names).expect("legal names");
        let certificate = certificate.signed_by(&key, &authority).expect("signed");

        let ca_pem = authority.pem();
        let plain = RedisServer::start_with(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &write("server.crt", &certificate.pem()),
            "--tls-key-file",
            &write("server.key", &key.serialize_pem()),
            "--tls-ca-cert-file",
            &write("ca.crt", &ca_pem),
            "--tls-auth-clients",
            "no",
        ]);
        Self { plain, ca_pem, port, _folder: folder }
    }

    /// Its URL, by the name `host`.
    pub fn url(&self, host: &str) -> String {
        format!("rediss://{host}:{}", self.port)
    }
}
