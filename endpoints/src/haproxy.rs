//! The PROXY protocol, versions 1 and 2: the address of a client behind a proxy; Twisted's
//! `twisted.protocols.haproxy`.
//!
//! A proxy sends a header before the first byte of the client that it relays. A server takes it off, and
//! its protocol's transport has the client's addresses ([`ProxyServerEndpoint`]); a client sends one
//! ([`ProxyClientEndpoint`]). Both are the kind `haproxy` of strings ([`register`]). The parser works alone
//! ([`ProxyHeaderParser`]).
//!
//! ```
//! # use std::rc::Rc;
//! # use interfaces::{Protocol, Transport};
//! use ropewalk_endpoints::haproxy::ProxyHeader;
//!
//! struct Web;
//!
//! impl Protocol for Web {
//!     fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
//!         let client = transport.peer(); // and not its proxy
//!         let header = transport.query::<ProxyHeader>();
//!         let host = header.as_ref().and_then(|header| header.tlvs.authority());
//!         # let _ = (client, host);
//!     }
//! #   fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
//! }
//! ```
//!
//! Source: the specification of its author, <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>.
//!
//! Invariant: a header is believed only where a port is told to expect one, and only from peers that it is
//! told to trust; whether there is one is never guessed.

mod error;
mod header;
mod parser;
mod tlv;
mod v1;
mod v2;

mod client_endpoint;
mod factory;
mod refusal;
mod server_endpoint;
mod strings;
mod trust;

mod crc32c;
mod options;
mod preread;
mod served;

pub use client_endpoint::{ProxyClientEndpoint, ProxyClientOptions};
pub use error::{HeaderTooLong, InvalidProxyHeader};
pub use factory::ProxyFactory;
pub use header::{ProxyAddresses, ProxyCommand, ProxyHeader, ProxyTransport, ProxyVersion};
pub use options::ProxyServerOptions;
pub use parser::{HEADER_BYTES_MAX, Progress, ProxyHeaderParser};
pub use refusal::ProxyRefusal;
pub use server_endpoint::ProxyServerEndpoint;
pub use strings::{register, register_with_observer};
pub use tlv::{SslTlv, Tlvs, UNIQUE_ID_BYTES_MAX, tlv_type};
pub use trust::{BadTrust, TrustedProxies};
pub use v2::Checksum;
