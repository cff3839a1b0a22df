//! Standard input and output as an endpoint; Twisted's `StandardIOEndpoint`, and the strings of kind
//! `stdio`, which have no arguments.
//!
//! Invariant: each `listen` asks the factory for one protocol.

use alloc::rc::Rc;
use core::error::Error;
use core::fmt;

use deferred::{Deferred, Failure};
use interfaces::{Address, Factory, ListeningPort, ReactorStdio, StreamServerEndpoint};

use crate::config::EndpointConfig as _;
use crate::{Arguments, ParseError, Parsed, ServerParser, StdioServerConfig};

/// This process's standard input and output, as one connection that is there already.
///
/// # Errors
///
/// `listen` fails with [`StdioError`](interfaces::StdioError), and with [`NoStdioProtocol`].
///
/// # Differences from Twisted
///
/// The result is a port whose `stop_listening` does nothing, not the transport, which the protocol gets.
#[derive(Clone)]
pub struct StdioServerEndpoint {
    reactor: Rc<dyn ReactorStdio>,
}

impl StdioServerEndpoint {
    /// The name in the [`Address::Other`] of its port and of the peer that the factory is given.
    pub const NAME: &str = "standard input and output";

    /// On this reactor.
    pub fn new(reactor: impl ReactorStdio + 'static) -> Self {
        Self { reactor: Rc::new(reactor) }
    }
}

impl fmt::Debug for StdioServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StdioServerEndpoint")
    }
}

impl StreamServerEndpoint for StdioServerEndpoint {
    /// Nothing is listened on, so the factory's `do_start` and `do_stop` are not called.
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let Some(protocol) = factory.build_protocol(&Address::Other(Self::NAME.into())) else {
            return Deferred::fail(Failure::new(NoStdioProtocol));
        };
        match self.reactor.open_stdio(protocol) {
            Ok(()) => Deferred::succeed(Rc::new(StdioPort)),
            Err(error) => Deferred::fail(Failure::new(error)),
        }
    }
}

/// The factory built no protocol for standard input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoStdioProtocol;

impl fmt::Display for NoStdioProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot use standard input and output: the factory built no protocol for them")
    }
}

impl Error for NoStdioProtocol {}

/// The port of a connection that needs none.
struct StdioPort;

impl ListeningPort for StdioPort {
    fn host(&self) -> Address {
        Address::Other(StdioServerEndpoint::NAME.into())
    }

    fn stop_listening(&self) -> Deferred<()> {
        Deferred::succeed(())
    }
}

/// `stdio` servers, for [`Registry::with_server`](crate::Registry::with_server). They need a reactor with standard
/// input and output.
#[derive(Clone, Debug)]
pub struct StdioServerParser(StdioServerEndpoint);

impl StdioServerParser {
    /// On this reactor.
    pub fn new(reactor: impl ReactorStdio + 'static) -> Self {
        Self(StdioServerEndpoint::new(reactor))
    }
}

impl ServerParser for StdioServerParser {
    fn kind(&self) -> &'static str {
        "stdio"
    }

    fn examples(&self) -> &'static [&'static str] {
        &["stdio"]
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let _ = StdioServerConfig::read(&mut arguments)?;
        Ok(arguments.parsed(Rc::new(self.0.clone()), ["stdio"]))
    }
}
