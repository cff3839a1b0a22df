//! Routing by the ClientHello: the server name (SNI) and the protocols (ALPN) that a TLS client asks for,
//! without ending TLS. Twisted has none.
//!
//! ```text
//!  ropewalk relay  sni:tcp:443  sni:for=www.example.com:tcp:10.0.0.1:443:for=*:tcp:10.0.0.2:443
//!                  │            │
//!                  │            └── SniClientEndpoint: the first route that takes the client connects
//!                  └── SniServerEndpoint: reads the ClientHello, and leaves it to the connection
//! ```
//!
//! The relay between them hands the bytes on as they came, so a back end and the client speak TLS with each
//! other. The parser works alone ([`ClientHelloParser`]). Both endpoints are the kind `sni` of strings
//! ([`register`]).
//!
//! Invariant: what cannot be read as one ClientHello by every reader (an extension twice, a name that is none)
//! is closed, so that no back end sees another name than the one that was routed.

mod bytes;
mod client_endpoint;
mod error;
mod hello;
mod parser;
mod preread;
mod route;
mod server_endpoint;
mod strings;

pub use crate::config::{SniClientConfig, SniServerConfig};

pub(crate) use self::server_endpoint::TIMEOUT;
pub(crate) use self::strings::{FOR, routes};
pub use client_endpoint::{SniClientEndpoint, SniRoute};
pub use error::{InvalidClientHello, NoRoute, SniRefusal};
pub use hello::{ACME_TLS_1, ClientHello};
pub use parser::{ClientHelloParser, HELLO_BYTES_MAX, Hello};
pub use preread::NotTls;
pub use route::{BadPattern, RoutePattern};
pub use server_endpoint::SniServerEndpoint;
pub use strings::{register, register_with_observer};
