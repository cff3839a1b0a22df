//! HTTP CONNECT: an endpoint that connects through a proxy of HTTP/1.1 (RFC 9110, section 9.3.6). Twisted has none;
//! `twisted.web.client` speaks to web servers alone.
//!
//! - [`HttpConnectClientEndpoint`] is an endpoint over the endpoint of a proxy, be it plain or TLS.
//! - A user and a password are sent with the scheme Basic (RFC 7617), which does not hide them from the proxy or
//!   from a listener before it.
//!
//! Invariant: no byte of a name, a user or a password can end a line of the request.

mod answer;
mod client_endpoint;
mod client_handshake;
mod error;
mod target;

pub use client_endpoint::{HttpConnectClientEndpoint, HttpCredentials};
pub use error::{HttpChallenge, HttpConnectError};
