//! TLS that begins in mid-connection; Twisted's `startTLS`.
//!
//! [`wrap_start_tls`] puts a [`StartTlsLayer`] under the protocols of a factory. It passes everything on until
//! [`start_tls_server`] or [`start_tls_client`] is called; from then on there is a TLS layer below it, and all
//! handles of the connection, also those that were cloned before, write through that.
//!
//! Invariant: after the switch no byte from below reaches the protocol but by way of the TLS session, and none
//! of the protocol's reaches the wire but by way of it.

mod above;
mod factory;
mod layer;
mod start_tls_error;
mod watched_producer;

use std::rc::Rc;
use std::sync::Arc;

use interfaces::Transport;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use crate::options::Role;
use layer::StartTls;

pub use factory::{StartTlsEndpoint, wrap_start_tls, wrap_start_tls_with};
pub use start_tls_error::StartTlsError;

/// Starts TLS on a connection, as the server; Twisted's `startTLS`. The connection's factory is one of
/// [`wrap_start_tls`].
///
/// Bytes written before go out in the clear, ahead of the first record; those written from now on are held until the handshake is done. The handshake has the factory's deadline, from now on, and ends with
/// [`HandshakeListener`](interfaces::HandshakeListener). A registered producer stays registered; a pause stays
/// a pause. Either end of a connection can be the server.
///
/// `unread` are the bytes that have arrived behind those that asked for TLS: all that the protocol was given
/// and has not used. They belong to the handshake, and count as nothing else: what a man in the middle
/// injected in the clear, to be taken for a part of the encrypted stream (CVE-2011-0411), fails the handshake.
/// A protocol that keeps such bytes for itself has that hole. A receiver of lines or strings gets them from
/// [`hand_over`](protocol::receivers::ReceiverTransport::hand_over):
///
/// ```
/// # use ropewalk_tls as tls;
/// # use std::rc::Rc;
/// # use std::sync::Arc;
/// use protocol::receivers::{LineReceiver, LineTransport};
///
/// struct Mail {
///     config: Arc<rustls::ServerConfig>,
/// }
///
/// impl LineReceiver for Mail {
///     fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
///         if line == b"STARTTLS" {
///             transport.send_line(b"220 Ready to start TLS");
///             let config = self.config.clone();
///             transport.hand_over(|transport, unread| {
///                 if tls::start_tls_server(transport, config, &unread).is_err() {
///                     transport.abort_connection();
///                 }
///             });
///         }
///     }
/// #   fn raw_data_received(&mut self, _: &Rc<LineTransport>, _: &[u8]) {}
/// }
/// ```
///
/// # Errors
///
/// [`StartTlsError`]; the connection is as it was.
///
/// # Differences from Twisted
///
/// There a factory needs no wrapper, and what was read ahead is delivered to the protocol as if it were
/// encrypted.
#[doc(alias = "startTLS")]
pub fn start_tls_server(
    transport: &Rc<dyn Transport>,
    config: Arc<ServerConfig>,
    unread: &[u8],
) -> Result<(), StartTlsError> {
    start(transport, Role::Server(config), unread)
}

/// Starts TLS on a connection, as the client of the server called `name`; see [`start_tls_server`].
///
/// # Errors
///
/// [`StartTlsError`]; the connection is as it was.
#[doc(alias = "startTLS")]
pub fn start_tls_client(
    transport: &Rc<dyn Transport>,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    unread: &[u8],
) -> Result<(), StartTlsError> {
    start(transport, Role::Client(config, name), unread)
}

fn start(transport: &Rc<dyn Transport>, role: Role, unread: &[u8]) -> Result<(), StartTlsError> {
    let layer = transport.query::<StartTls>().ok_or(StartTlsError::NotWrapped)?;
    layer.start(role, unread)
}
