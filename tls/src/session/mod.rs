//! [`Session`]: TLS without I/O. Bytes come in and go out as arguments.
//!
//! Invariant: a session calls rustls and the configuration only, and keeps no bytes between two
//! records: of an incomplete record it keeps what arrived.
//!
//! ```text
//!   receive(data)  records ──▶ plaintext, and records to answer with (handshake, alerts)
//!   send(data)     plaintext ──▶ records
//!   close()        ──▶ close_notify
//! ```

mod engine;
mod exporter;
mod outgoing;
mod partial_record;
mod server_name;

use std::fmt;
use std::sync::Arc;

use deferred::Failure;
use interfaces::ExportKeyingMaterialError;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, CommonState, ServerConfig};

use crate::TlsError;
use engine::{Progress, Stop};
use exporter::{ExporterSecret, Keeping};
use partial_record::PartialRecord;
use server_name::{canonical, server_name};

pub use exporter::keeping_exporter;
pub use outgoing::Outgoing;

/// The plaintext that one record can carry (RFC 8446 section 5.1), in bytes.
pub const RECORD_PLAINTEXT_BYTES_MAX: usize = 16 * 1024;

/// One side of one TLS connection, without I/O.
///
/// A failure is final: from then on nothing is received or sent. The alert for the peer is among the
/// records to send.
///
/// # Examples
///
/// ```
/// # use ropewalk_tls as tls;
/// use std::sync::Arc;
/// use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
/// use tls::{Outgoing, Session};
///
/// let config = ClientConfig::builder_with_provider(Arc::new(tls::default_provider()))
///     .with_safe_default_protocol_versions()?
///     .with_root_certificates(RootCertStore::empty())
///     .with_no_client_auth();
/// let mut session = Session::client(Arc::new(config), ServerName::try_from("example.org")?)?;
///
/// let mut records = Outgoing::new();
/// session.receive(&mut [], &mut Vec::new(), &mut records);
/// assert_eq!(records[0], 22); // The ClientHello is ready to be sent.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    connection: RustlsConnection,
    partial: PartialRecord,
    state: State,
    /// The name in the ClientHello that a server received, or that a client sent.
    server_name: Option<Box<str>>,
    exporter: Option<ExporterSecret>,
}

enum RustlsConnection {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No record was used yet, so a failure is about how the stream begins.
    Fresh,
    Running,
    /// Nothing is received after the peer's `close_notify`; sending goes on.
    PeerClosed,
    Failed,
}

/// The result of [`Session::receive`], beside the plaintext and the records.
#[derive(Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct Received {
    /// The peer's `close_notify` was in these bytes: all of its plaintext has been given out.
    pub peer_closed: bool,
    /// The session failed with this: a [`rustls::Error`] or a [`TlsError`].
    pub failure: Option<Failure>,
}

impl Session {
    /// The server's side.
    ///
    /// # Errors
    ///
    /// The error of rustls about the configuration.
    pub fn server(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        UnbufferedServerConnection::new(config)
            .map(|server| Self::new(RustlsConnection::Server(server)))
    }

    /// The client's side, which takes only the server called `name`.
    ///
    /// # Errors
    ///
    /// The error of rustls about the configuration.
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        let asks_for = match &name {
            ServerName::DnsName(name) if config.enable_sni => Some(canonical(name)),
            _ => None,
        };
        let client = UnbufferedClientConnection::new(config, name)?;
        Ok(Self { server_name: asks_for, ..Self::new(RustlsConnection::Client(client)) })
    }

    fn new(connection: RustlsConnection) -> Self {
        let partial = PartialRecord::default();
        Self { connection, partial, state: State::Fresh, server_name: None, exporter: None }
    }

    /// Takes bytes from the wire, which are decrypted in place. Appends their plaintext to
    /// `plaintext`, and the answers to `records`. A client's first call, with no bytes, makes its
    /// ClientHello.
    pub fn receive(
        &mut self,
        mut data: &mut [u8],
        plaintext: &mut Vec<u8>,
        records: &mut Outgoing,
    ) -> Received {
        let mut received = Received::default();
        while matches!(self.state, State::Fresh | State::Running) {
            data = self.partial.top_up(data);
            let in_place = self.partial.is_empty();
            let bytes = if in_place { &mut *data } else { self.partial.bytes() };
            if self.state == State::Fresh && self.connection.is_server() {
                self.server_name = server_name(bytes);
            }
            let keeping = self.connection.is_handshaking().then(Keeping::begin);
            let Progress { taken, peer_closed, stop } =
                self.connection.run(bytes, plaintext, records);
            if let Some(secret) = keeping.and_then(Keeping::end) {
                self.exporter = Some(secret);
            }
            received.peer_closed = peer_closed;
            received.failure =
                self.failure_of(stop, peer_closed, if in_place { data } else { &[] });
            if received.failure.is_some() {
                self.end(State::Failed);
            } else if peer_closed {
                self.end(State::PeerClosed);
            } else if in_place {
                self.partial.keep(&data[taken..]);
                data = &mut [];
            } else {
                self.partial.discard(taken);
            }
            if taken > 0 && self.state == State::Fresh {
                self.state = State::Running;
            }
            if data.is_empty() {
                break;
            }
        }
        received
    }

    /// Turns plaintext into as few records as can hold it.
    ///
    /// # Errors
    ///
    /// A [`TlsError`]: the keys are used up, or the session has not finished its handshake.
    pub fn send(&mut self, plaintext: &[u8], records: &mut Outgoing) -> Result<(), Failure> {
        if self.state == State::Failed {
            return Ok(());
        }
        let sent = match &mut self.connection {
            RustlsConnection::Client(client) => {
                engine::send(client, self.partial.bytes(), plaintext, records)
            }
            RustlsConnection::Server(server) => {
                engine::send(server, self.partial.bytes(), plaintext, records)
            }
        };
        sent.map_err(|error| {
            self.state = State::Failed;
            Failure::new(error)
        })
    }

    /// Makes the `close_notify` alert, after which nothing can be sent. Does nothing before the
    /// handshake is done, where TLS has no such alert.
    pub fn close(&mut self, records: &mut Outgoing) {
        if self.state == State::Failed || self.is_handshaking() {
            return;
        }
        // Only a failed session fails here, and that one has sent an alert.
        let _ = match &mut self.connection {
            RustlsConnection::Client(client) => {
                engine::close(client, self.partial.bytes(), records)
            }
            RustlsConnection::Server(server) => {
                engine::close(server, self.partial.bytes(), records)
            }
        };
    }

    /// Whether the handshake is still running.
    pub fn is_handshaking(&self) -> bool {
        self.common().is_handshaking()
    }

    /// Whether the bytes that were received end with a whole record.
    pub fn is_between_records(&self) -> bool {
        self.partial.is_empty()
    }

    /// The name of the server that the client asked for (SNI, RFC 6066 section 3), in lower case and without
    /// a dot at its end; `None` where it asked for none, for an address, or has not asked yet.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The facts that rustls has of the connection: version, cipher suite, ALPN, certificates.
    pub fn common(&self) -> &CommonState {
        match &self.connection {
            RustlsConnection::Client(client) => client,
            RustlsConnection::Server(server) => server,
        }
    }

    /// Fills `output` with keying material for this label and context, as
    /// [`TlsTransport::export_keying_material`](interfaces::TlsTransport::export_keying_material) has it. The
    /// configuration has to keep the secret; see [`keeping_exporter`](crate::keeping_exporter).
    ///
    /// # Errors
    ///
    /// [`ExportKeyingMaterialError`]; then `output` is as it was.
    pub fn export_keying_material(
        &self,
        label: &[u8],
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        if self.state == State::Failed {
            return Err(ExportKeyingMaterialError::Ended);
        }
        match self.common().negotiated_cipher_suite() {
            Some(suite) if !self.is_handshaking() => {
                exporter::export(suite, self.exporter.as_ref(), label, context, output)
            }
            _ => Err(ExportKeyingMaterialError::InHandshake),
        }
    }

    fn end(&mut self, state: State) {
        self.state = state;
        if state == State::Failed {
            self.exporter = None;
        }
        self.partial = PartialRecord::default();
    }

    /// The failure that `stop` means, if it means one. `data` are the bytes that rustls read, or empty
    /// where it read the partial record.
    fn failure_of(&mut self, stop: Stop, peer_closed: bool, data: &[u8]) -> Option<Failure> {
        let limit = partial_record::KEPT_BYTES_MAX;
        let failure = match stop {
            Stop::Failed(source @ rustls::Error::InvalidMessage(_))
                if self.state == State::Fresh =>
            {
                let front = if data.is_empty() { self.partial.bytes() } else { data };
                if is_tls(front) {
                    return Some(Failure::new(source));
                }
                TlsError::NotTls { began_with: first_line(front), source }
            }
            Stop::Failed(error) => return Some(Failure::new(error)),
            Stop::Stuck => TlsError::NoProgress,
            Stop::Waiting if peer_closed && self.is_handshaking() => TlsError::EndedInHandshake,
            Stop::Waiting if self.partial.len() > limit => TlsError::HandshakeTooLarge { limit },
            Stop::Waiting => return None,
        };
        Some(Failure::new(failure))
    }
}

/// Whether a record can begin so: content types are 20 to 24, and the version that
/// follows has been 3 since SSL 3.
fn is_tls(front: &[u8]) -> bool {
    matches!(front, [] | [20..=24] | [20..=24, 3, ..])
}

/// The first line, for the error: other protocols begin with a line of text, or are binary.
fn first_line(front: &[u8]) -> Vec<u8> {
    let line = front.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    line[..line.len().min(40)].to_vec()
}

impl RustlsConnection {
    fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    fn is_handshaking(&self) -> bool {
        match self {
            Self::Client(client) => client.is_handshaking(),
            Self::Server(server) => server.is_handshaking(),
        }
    }

    fn run(
        &mut self,
        data: &mut [u8],
        plaintext: &mut Vec<u8>,
        records: &mut Outgoing,
    ) -> Progress {
        match self {
            Self::Client(client) => engine::run(client, data, plaintext, records),
            Self::Server(server) => engine::run(server, data, plaintext, records),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("version", &self.common().protocol_version())
            .field("handshaking", &self.is_handshaking())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
