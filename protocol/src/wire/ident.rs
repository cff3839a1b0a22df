//! Identification (RFC 1413): a server asks the host of its client which user has the connection;
//! Twisted's `twisted.protocols.ident`.
//!
//! Invariant: a connection has one query and one answer, and every answer repeats the ports of its query.

mod client;

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;

use deferred::{CancelHandle, Deferred, Failure, IntoDeferred};
use interfaces::{
    Address, Deliver, Factory, HalfCloseableProtocol, Protocol, Reason, Transport, printable,
};

use super::request_line::{RequestLine, RequestProgress};
use crate::ProtocolRef;
use crate::log_failure::log_failure;

pub use client::ident_lookup;

/// The longest query and the longest answer; RFC 1413 wants room for 1000 characters.
const LINE_BYTES_MAX: usize = 1000;

/// The connection that is asked about, by its two ports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdentQuery {
    /// The port on the host that is asked.
    pub port_on_server: u16,
    /// The port on the host that asks.
    pub port_on_client: u16,
    /// The host that asks, and with the port above the other end of the connection.
    pub peer: Address,
}

/// The owner of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdentUser {
    /// The operating system and, after a comma, the character set: `UNIX`, or `OTHER`.
    pub system: String,
    /// The user's name or an identifier of the host's choice.
    pub user: String,
}

impl IdentUser {
    /// A user of a UNIX system.
    pub fn unix(user: impl Into<String>) -> Self {
        Self { system: "UNIX".into(), user: user.into() }
    }
}

/// The errors of identification. Twisted's `IdentError` and its subclasses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentError {
    /// A port is no number from 1 to 65535. Twisted's `InvalidPort`.
    InvalidPort,
    /// There is no such connection, or it has no owner. Twisted's `NoUser`.
    NoUser,
    /// The owner does not want to be known. Twisted's `HiddenUser`.
    HiddenUser,
    /// Another reason, or an answer that cannot be read.
    Unknown,
}

impl IdentError {
    /// The token on the wire.
    fn token(self) -> &'static str {
        match self {
            Self::InvalidPort => "INVALID-PORT",
            Self::NoUser => "NO-USER",
            Self::HiddenUser => "HIDDEN-USER",
            Self::Unknown => "UNKNOWN-ERROR",
        }
    }
}

impl fmt::Display for IdentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the owner of the connection is not known: {}", self.token())
    }
}

impl core::error::Error for IdentError {}

/// Makes servers of identification, which have their answers from a function.
///
/// The function is given a query, and returns the user now or later, or fails with an [`IdentError`];
/// another error is told to the unhandled hook, and is `UNKNOWN-ERROR` to the client.
pub struct IdentFactory {
    owners: Owners,
}

type Owners = Rc<dyn Fn(IdentQuery) -> Deferred<IdentUser>>;

impl IdentFactory {
    /// Servers that answer what `find` returns. Twisted's `IdentServer.lookup`.
    pub fn new<R>(find: impl Fn(IdentQuery) -> R + 'static) -> Self
    where
        R: IntoDeferred<Value = IdentUser, Error = Failure>,
    {
        Self { owners: Rc::new(move |query| find(query).into_deferred()) }
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for IdentFactory {
    fn build_protocol(&self, _peer: &Address) -> Option<Rc<dyn Deliver>> {
        Some(
            ProtocolRef::new(Ident {
                owners: self.owners.clone(),
                query: RequestLine::new(LINE_BYTES_MAX),
                answering: None,
            })
            .into(),
        )
    }
}

impl fmt::Debug for IdentFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentFactory").finish_non_exhaustive()
    }
}

/// The server of one connection.
struct Ident {
    owners: Owners,
    query: RequestLine,
    answering: Option<CancelHandle>,
}

impl Protocol for Ident {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        match self.query.push(data) {
            RequestProgress::Waiting => {}
            // RFC 1413 lets a server close without an answer to what is no query.
            RequestProgress::TooLong => transport.abort_connection(),
            RequestProgress::Line(line) => self.ask(transport, &line),
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        if let Some(answering) = self.answering.take() {
            answering.cancel();
        }
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Ident {
    /// A client that ends its side behind its request waits for the answer.
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        if self.answering.is_none() {
            transport.lose_connection();
        }
    }
}

impl Ident {
    fn ask(&mut self, transport: &Rc<dyn Transport>, line: &[u8]) {
        let Some((on_server, on_client)) = numbers(line) else {
            return transport.lose_connection();
        };
        let ports = format!("{on_server}, {on_client}");
        let (Some(port_on_server), Some(port_on_client)) = (port(on_server), port(on_client))
        else {
            return answer(&**transport, &ports, Err(IdentError::InvalidPort));
        };
        let peer = transport.peer();
        let finding = (self.owners)(IdentQuery { port_on_server, port_on_client, peer });
        self.answering = Some(finding.cancel_handle());
        let transport = transport.clone();
        let _answered = finding.add_both(move |found| {
            answer(&*transport, &ports, found.map_err(known));
            Ok::<_, Failure>(())
        });
    }
}

/// The error to answer with; another one is logged.
fn known(failure: Failure) -> IdentError {
    if let Some(error) = failure.downcast_ref::<IdentError>() {
        return *error;
    }
    log_failure(failure);
    IdentError::Unknown
}

/// The two numbers of a line, if it has two.
fn numbers(line: &[u8]) -> Option<(u64, u64)> {
    let (one, other) = core::str::from_utf8(line).ok()?.split_once(',')?;
    Some((one.trim().parse().ok()?, other.trim().parse().ok()?))
}

fn port(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port != 0)
}

/// Sends the answer and closes.
fn answer(transport: &dyn Transport, ports: &str, found: Result<IdentUser, IdentError>) {
    let line = match found {
        Ok(owner) => {
            let (system, user) = (printable(&*owner.system), printable(&*owner.user));
            format!("{ports} : USERID : {system} : {user}\r\n")
        }
        Err(error) => format!("{ports} : ERROR : {}\r\n", error.token()),
    };
    transport.write(line.as_bytes());
    transport.lose_connection();
}
