//! SOCKS: a proxy of versions 4, 4a and 5, and an endpoint that connects through one; Twisted's
//! `twisted.protocols.socks`, which has a proxy of versions 4 and 4a.
//!
//! | | CONNECT | BIND | UDP ASSOCIATE | names | who is it |
//! |---|---|---|---|---|---|
//! | proxy, SOCKS 4 and 4a | yes | yes | | 4a | the name that the client says |
//! | proxy, SOCKS 5 (RFC 1928) | yes | yes | refused | yes | name and password (RFC 1929) |
//! | client, SOCKS 5 | yes | | | resolved by the proxy | name and password |
//!
//! - [`SocksFactory`] makes the proxy, of all versions on one port.
//! - [`SocksClientEndpoint`] is an endpoint over the endpoint of a proxy.
//!
//! ```text
//!  client ──▶ SocksConnection ──▶ ServerHandshake (no I/O): a request
//!                  │  resolve, authorize, connect or accept, answer
//!                  ▼
//!             a pair of the relay ◀──▶ the destination
//! ```
//!
//! Invariant: no byte is relayed before the answer, in either direction, and no connection is made and no
//! port opened for a request that is not allowed.

mod accept_one;
mod answer;
mod client_endpoint;
mod client_handshake;
mod connection;
mod dial;
mod factory;
mod request;
mod server_handshake;

pub use client_endpoint::SocksClientEndpoint;
pub use client_handshake::{SocksClientError, SocksCredentials};
pub use factory::{SocksFactory, SocksReactor};
pub use request::{SocksCommand, SocksHost, SocksRequest, SocksVersion};
