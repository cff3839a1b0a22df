//! The errors of ClientHellos, and of connections that are closed for them.
//!
//! Invariant: an error carries no bytes of the peer but a name of checked letters.

use alloc::rc::Rc;

/// The bytes begin as TLS and cannot become a ClientHello. No server would go on with them either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidClientHello {
    /// A record that is empty, too long, or no handshake, before the message was whole.
    #[error("its first TLS records are not a handshake's")]
    Record,
    /// A handshake that begins with another message.
    #[error("its TLS handshake begins with the message {kind}, and not with a ClientHello")]
    Message {
        /// The type of the message.
        kind: u8,
    },
    /// A message of more bytes than the limit.
    #[error("its ClientHello has {length} bytes, and the limit is {limit}")]
    TooLong {
        /// The bytes that it announces.
        length: usize,
        /// The limit of the parser.
        limit: usize,
    },
    /// A length that does not fit.
    #[error("its ClientHello is malformed")]
    Malformed,
    /// An extension that is there twice.
    #[error("its ClientHello has an extension twice")]
    Twice,
    /// A server name that no host can have.
    #[error("its ClientHello asks for a name that no host has")]
    Name,
}

/// The reason for which a connection to an `sni` server was closed before it had a protocol. The observer of
/// the port is called with it, once for each such connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SniRefusal {
    /// Its first bytes are TLS without a ClientHello that can be read.
    #[error(transparent)]
    Invalid(#[from] InvalidClientHello),
    /// Its ClientHello was not whole when its time was over.
    #[error("its ClientHello was not complete in time")]
    TimedOut,
    /// The connection ended in the middle of the ClientHello.
    #[error("it ended the connection in the middle of its ClientHello")]
    Ended,
}

/// No route of an [`SniClientEndpoint`](super::SniClientEndpoint) takes the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoute {
    /// None for the name that the client asks for.
    #[error("no route takes the server name `{name}`")]
    Name {
        /// The name.
        name: Rc<str>,
    },
    /// None for a client that asks for no name.
    #[error("no route takes a client without a server name; `for=*` takes every one")]
    WithoutName,
    /// None for bytes that are no TLS.
    #[error("it does not speak TLS, and no route is `for=*`")]
    NotTls,
    /// The connection was accepted by an endpoint that reads no ClientHello.
    #[error(
        "the server name is not known: it is where the server is `sni:…`, and no route is `for=*`"
    )]
    Unknown,
}
