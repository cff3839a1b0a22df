//! TLS as a layer over any transport: Twisted's `twisted.protocols.tls`, on rustls.
//!
//! A factory of plain protocols becomes a factory of protocols over TLS, for use with any endpoint:
//!
//! ```
//! use std::rc::Rc;
//! use std::sync::Arc;
//! use interfaces::{Protocol, Transport};
//! use protocol::testing::{Clock, Record, Recorder, memory::Network};
//! use protocol::{ProtocolRef, connect_protocol, factory_fn};
//! use interfaces::StreamServerEndpoint;
//! use ropewalk_tls::{TlsClientEndpoint, TlsServerEndpoint, default_provider};
//! use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
//! use rustls::{ClientConfig, RootCertStore, ServerConfig};
//!
//! struct Echo;
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
//!     let mut trusted = RootCertStore::empty();
//!     trusted.add(own.cert.der().clone())?;
//!     let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()).into();
//!     let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
//!         .with_safe_default_protocol_versions()?
//!         .with_no_client_auth()
//!         .with_single_cert(vec![own.cert.der().clone()], key)?;
//!     let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
//!         .with_safe_default_protocol_versions()?
//!         .with_root_certificates(trusted)
//!         .with_no_client_auth();
//!
//!     // A reactor has endpoints and the time; this network in memory stands for it.
//!     let (network, time) = (Network::new(), Rc::new(Clock::new()));
//!     TlsServerEndpoint::new(Arc::new(server), network.server("a"), time.clone())
//!         .listen(factory_fn(|_peer| Echo));
//!     let record = Record::new();
//!     let greeter = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
//!     let name = ServerName::try_from("localhost")?;
//!     let endpoint = TlsClientEndpoint::new(Arc::new(client), name, network.client("a"), time);
//!     connect_protocol(&endpoint, greeter);
//!     network.flush();
//!     assert_eq!(record.received(), b"hello");
//!     Ok(())
//! }
//! ```
//!
//! # Promises
//!
//! - `connection_made` comes when the connection below stands. Bytes written before the handshake is
//!   done are held and sent after it; [`HandshakeListener`](interfaces::HandshakeListener) tells,
//!   and [`as_tls`](interfaces::Transport::as_tls) has the results.
//! - A connection that ends without `close_notify` ends with
//!   [`Reason::Truncated`](interfaces::Reason::Truncated), never as a clean one, unless this side
//!   had closed already, or the options say [`BareEnd::Lenient`]. A failure of the peer's certificate, alerts and records is in
//!   [`Reason::Tls`](interfaces::Reason::Tls), as a [`rustls::Error`] or a [`TlsError`], and the
//!   peer gets an alert. After both `close_notify` the reason is that of the transport below.
//! - All that was decrypted before the end is delivered before it, to a protocol that has paused when
//!   it resumes. Only an end that this side decided on drops it.
//! - A handshake that is not completed ends with a [`TlsError`] that
//!   [`is_in_handshake`](TlsError::is_in_handshake), or with
//!   [`Deadline::Handshake`](interfaces::Deadline::Handshake).
//! - No `close_notify` follows bytes that are not all: after `abort_connection`,
//!   `lose_connection_with_reset`, a deadline or a failure there is none.
//! - A handshake has ten seconds in all, and a factory's running handshakes have a cap ([`TlsOptions`]).
//! - Each direction closes by itself, as on TCP, with both versions of TLS.
//! - Layers nest, and TLS can be [started](start_tls_server) in mid-connection.
//!
//! # Costs
//!
//! An idle connection has about 3.6 KB of heap, most of it rustls's session, and in aws-lc, which
//! allocates in C, another 1.4 KB. Buffers are lent by a pool of the factory: a connection keeps
//! bytes only of a record that is not complete. A message received or sent allocates what rustls
//! 0.23 allocates for itself, one vector for each record, and nothing else. All bytes written in one
//! callback become as few records as fit.
//!
//! rustls 0.23 decrypts a record in place and then copies it into its vector, and encrypts in a
//! vector and then copies that into the buffer to send. This crate copies once more each way: to
//! deliver the plaintext with nothing borrowed, and to gather writes of less than a record. Whole
//! records are encrypted from the caller's slice.
//!
//! A handshake is nearly all cryptography, and so depends on the negotiated suite. Servers from
//! strings choose the suite themselves, `TLS13_AES_128_GCM_SHA256` first, as [`default_provider`]
//! says and argues. With a [`ServerConfig`](rustls::ServerConfig) of your own that decides:
//! mostly rustls's order at the client decides, whose first choice, `TLS13_AES_256_GCM_SHA384`,
//! makes a handshake a fifth dearer.
//!
//! # From strings
//!
//! With the feature `endpoints` (on by default) `register` adds the kinds `ssl` and `tls` to a
//! registry of endpoint strings, such as `ssl:443:privateKey=key.pem:certKey=chain.pem` and
//! `tls:example.com:443`.
//!
//! # Choices left to the user
//!
//! Any [`CryptoProvider`](rustls::crypto::CryptoProvider), verifier or certificate resolver, since
//! configurations are rustls's own. No process-wide provider is read or installed. 0-RTT is off
//! unless the server's configuration turns it on, and then early data waits for the end of the
//! handshake, which a replay does not reach. Keys are logged only by a configuration that says so, and the
//! secret for [`export_keying_material`](interfaces::TlsTransport::export_keying_material) is kept only by one
//! that says so ([`keeping_exporter`]).
#![forbid(unsafe_code)]

mod session;
mod tls_error;

mod buffers;
mod handshakes;
mod layer;
mod options;
mod trust;

mod endpoint;
mod factory;
mod start_tls;

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod provider;

mod credentials;
mod renewal;
mod settings;
mod verification;

#[cfg(feature = "endpoints")]
mod strings;

#[cfg(feature = "testing")]
pub mod testing;

pub use credentials::{
    CertificateFacts, CredentialsError, FoundBlocks, PemBlock, PemFault, PemProblem, PemText,
    UnknownName, read_pem,
};
pub use endpoint::{TlsClientEndpoint, TlsServerEndpoint};
pub use factory::{wrap_client, wrap_client_with, wrap_server, wrap_server_with};
pub use options::{BareEnd, TlsOptions};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use provider::default_provider;
pub use renewal::{CertificateRenewal, Renewal, RenewalError, RenewalFault};
/// The TLS library that configurations, certificates and errors are of.
pub use rustls;
pub use session::{Outgoing, RECORD_PLAINTEXT_BYTES_MAX, Received, Session, keeping_exporter};
pub use settings::{
    ClientAuthentication, ClientSettings, EmptyVersionRange, ServerSettings, SessionSettings,
    TlsVersion, Trust, VersionRange,
};
pub use start_tls::{
    StartTlsEndpoint, StartTlsError, start_tls_client, start_tls_server, wrap_start_tls,
    wrap_start_tls_with,
};
#[cfg(all(feature = "endpoints", any(feature = "aws-lc-rs", feature = "ring")))]
pub use strings::register;
#[cfg(feature = "endpoints")]
pub use strings::{
    CertificateFiles, ServerCertificates, SharedConfigs, TlsClientConfig, TlsClientKind,
    TlsConnect, TlsListen, TlsServerConfig, TlsStrings, UNVERIFIED_LAYER, register_with_provider,
};
pub use tls_error::TlsError;
pub use trust::public_roots;
pub use verification::{CertificateRefusal, ClientNames, KeyPin, KeyPinError};
