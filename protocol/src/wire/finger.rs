//! Finger (RFC 1288): a name is asked for, and a text is the answer; the server of Twisted's tutorial.
//!
//! Invariant: a connection has one request and one answer, and nothing that the answer has can disturb a
//! terminal.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use core::fmt;

use deferred::{CancelHandle, Deferred, Failure, IntoDeferred};
use interfaces::{
    Address, Deliver, Factory, HalfCloseableProtocol, Protocol, Reason, Transport, printable,
};

use super::request_line::{RequestLine, RequestProgress};
use crate::ProtocolRef;
use crate::log_failure::log_failure;

/// The longest request; names are shorter by far.
const REQUEST_BYTES_MAX: usize = 512;

/// What a client of finger asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FingerRequest {
    /// The user's name; empty, when the client asks who is there.
    pub user: String,
    /// Whether more is asked for than usual (`/W`).
    pub verbose: bool,
}

/// Makes servers of finger, which have their answers from a function.
///
/// The function is given a request, and answers now or later: `None`, when it knows no such user. An
/// error is told to the unhandled hook, and to the client only that there was one. When the client goes
/// away, the Deferred that it waits for is cancelled. Requests for another host (`user@host`) are refused.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use protocol::testing::memory::Network;
/// # use protocol::testing::{Record, Recorder};
/// use interfaces::StreamServerEndpoint as _;
/// use protocol::wire::FingerFactory;
///
/// let factory = FingerFactory::new(|request| {
///     Ok((request.user == "moshez").then(|| "Happy and well".into()))
/// });
/// # let network = Network::new();
/// let _port = network.server("finger").listen(factory.into_rc());
/// # let record = Record::new();
/// # let asking = Recorder::new(&record).on_made(|transport| transport.write(b"moshez\r\n"));
/// # let _client = protocol::connect_protocol(&network.client("finger"), asking);
/// # network.flush();
/// # assert_eq!(record.received(), b"Happy and well\r\n");
/// ```
pub struct FingerFactory {
    directory: Directory,
}

type Directory = Rc<dyn Fn(FingerRequest) -> Deferred<Option<String>>>;

impl FingerFactory {
    /// Servers that answer what `find` returns.
    pub fn new<R>(find: impl Fn(FingerRequest) -> R + 'static) -> Self
    where
        R: IntoDeferred<Value = Option<String>, Error = Failure>,
    {
        Self { directory: Rc::new(move |request| find(request).into_deferred()) }
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for FingerFactory {
    fn build_protocol(&self, _peer: &Address) -> Option<Rc<dyn Deliver>> {
        Some(
            ProtocolRef::new(Finger {
                directory: self.directory.clone(),
                request: RequestLine::new(REQUEST_BYTES_MAX),
                answering: None,
            })
            .into(),
        )
    }
}

impl fmt::Debug for FingerFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FingerFactory").finish_non_exhaustive()
    }
}

/// The server of one connection.
struct Finger {
    directory: Directory,
    request: RequestLine,
    answering: Option<CancelHandle>,
}

impl Protocol for Finger {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        match self.request.push(data) {
            RequestProgress::Waiting => {}
            RequestProgress::TooLong => answer(&**transport, "Request too long"),
            RequestProgress::Line(line) => match parse(&line) {
                Some(request) => self.find(transport, request),
                None => answer(&**transport, "Finger forwarding service denied"),
            },
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

impl HalfCloseableProtocol for Finger {
    /// A client that ends its side behind its request waits for the answer.
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        if self.answering.is_none() {
            transport.lose_connection();
        }
    }
}

impl Finger {
    fn find(&mut self, transport: &Rc<dyn Transport>, request: FingerRequest) {
        let transport = transport.clone();
        let finding = (self.directory)(request);
        self.answering = Some(finding.cancel_handle());
        let _answered = finding
            .add_errback(|failure: Failure| {
                log_failure(failure);
                Ok(Some("Internal error in server".into()))
            })
            .add_callback(move |text| {
                answer(&*transport, text.as_deref().unwrap_or("No such user"));
                Ok(())
            });
    }
}

/// The request, unless it is for another host.
fn parse(line: &[u8]) -> Option<FingerRequest> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    let (verbose, user) = match text.strip_prefix("/W").or_else(|| text.strip_prefix("/w")) {
        Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => (true, rest),
        _ => (false, text),
    };
    let user = user.trim();
    (!user.contains('@')).then(|| FingerRequest { user: user.into(), verbose })
}

/// Sends a text, line by line, and closes.
fn answer(transport: &dyn Transport, text: &str) {
    let lines: String = text.lines().map(|line| format!("{}\r\n", safe(line))).collect();
    transport.write(lines.as_bytes());
    transport.lose_connection();
}

/// A line without what disturbs terminals; tabs stay.
fn safe(line: &str) -> Box<str> {
    let columns: alloc::vec::Vec<String> =
        line.split('\t').map(|column| printable(column).to_string()).collect();
    columns.join("\t").into()
}
