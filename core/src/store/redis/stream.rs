//! Carries bytes to and from a server, in the clear or through TLS.
//!
//! ```text
//!   Plain   Socket
//!   Tls     rustls -> Socket
//! ```
//!
//! The deadline is the socket's, so that it holds for a TLS handshake too.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use redis::ConnectionAddr;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::socket::Socket;
use crate::error::StoreError;

pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Stream {
    /// Connects to `addr`, and makes sure who the server is if there is TLS.
    pub(super) fn connect(
        addr: &ConnectionAddr,
        tls: Option<&Arc<ClientConfig>>,
        deadline: Instant,
    ) -> Result<Self, StoreError> {
        let socket = Socket::connect(addr, deadline).map_err(out_of_reach)?;
        match (tls, addr) {
            (None, _) => Ok(Self::Plain(socket)),
            (Some(config), ConnectionAddr::Tcp(host, _)) => handshake(config, host, socket),
            // Refused when the store was made.
            (Some(_), _) => Err(StoreError::Untrusted),
        }
    }

    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        match self {
            Self::Plain(socket) => socket.set_deadline(deadline),
            Self::Tls(stream) => stream.sock.set_deadline(deadline),
        }
    }

    /// Whether a read would wait: no bytes are there, and the other end is still open.
    pub(super) fn is_quiet(&mut self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_quiet(),
            // A TLS server may send tickets at any time, which are no data.
            Self::Tls(stream) => tls_is_quiet(stream).unwrap_or(false),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn handshake(
    config: &Arc<ClientConfig>,
    host: &str,
    mut socket: Socket,
) -> Result<Stream, StoreError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| StoreError::Untrusted)?;
    let connection = ClientConnection::new(Arc::clone(config), name);
    let mut connection = connection.map_err(|_| StoreError::Untrusted)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).map_err(|err| {
            let refused = err.get_ref().is_some_and(|cause| cause.is::<rustls::Error>());
            if refused { StoreError::Untrusted } else { out_of_reach(err) }
        })?;
    }
    Ok(Stream::Tls(Box::new(StreamOwned::new(connection, socket))))
}

/// Takes in what is there already, and looks whether that is data or an end.
fn tls_is_quiet(stream: &mut StreamOwned<ClientConnection, Socket>) -> io::Result<bool> {
    let StreamOwned { conn, sock } = stream;
    loop {
        match conn.read_tls(&mut Now(sock)) {
            Ok(0) => return Ok(false),
            Ok(_) => {
                let state = conn.process_new_packets().map_err(io::Error::other)?;
                if state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() {
                    return Ok(false);
                }
            }
            Err(err) if err.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(err) => return Err(err),
        }
    }
}

struct Now<'a>(&'a Socket);

impl Read for Now<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_now(into)
    }
}

fn out_of_reach(err: io::Error) -> StoreError {
    match err.kind() {
        ErrorKind::TimedOut => StoreError::TimedOut,
        _ => StoreError::Unreachable,
    }
}
