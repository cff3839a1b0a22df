//! The strings of kind `vsock`.
//!
//! Invariant: both sides read the same two arguments, and the address that a port prints is such a string.

use alloc::rc::Rc;
use core::fmt;

use interfaces::{
    ReactorFdSet, ReactorSocket, ReactorTime, StreamClientEndpoint, StreamServerEndpoint,
};

use super::{VsockClientEndpoint, VsockReactor};
use crate::config::EndpointConfig as _;
use crate::{
    Arguments, ClientParser, ParseError, Parsed, ServerParser, VsockClientConfig, VsockServerConfig,
};

/// The kind, and the name of the layer.
const KIND: &str = "vsock";

/// Reads the strings of servers of kind `vsock`, as `vsock:any:5000`.
#[derive(Clone)]
pub struct VsockServerParser(Rc<dyn ReactorSocket>);

impl VsockServerParser {
    /// On this reactor.
    pub fn new(reactor: impl ReactorSocket + 'static) -> Self {
        Self(Rc::new(reactor))
    }
}

impl ServerParser for VsockServerParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn examples(&self) -> &'static [&'static str] {
        &["vsock:any:1024"]
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let endpoint = VsockServerConfig::read(&mut arguments)?.endpoint(self.0.clone());
        Ok(arguments.parsed(Rc::new(endpoint), [KIND]))
    }
}

/// Reads the strings of clients of kind `vsock`, as `vsock:host:5000`.
#[derive(Clone)]
pub struct VsockClientParser {
    reactor: Rc<dyn VsockReactor>,
    time: Rc<dyn ReactorTime>,
}

impl VsockClientParser {
    /// On this reactor.
    pub fn new<R>(reactor: R) -> Self
    where
        R: ReactorSocket + ReactorFdSet + ReactorTime + 'static,
    {
        let reactor = Rc::new(reactor);
        Self { reactor: reactor.clone(), time: reactor }
    }
}

impl ClientParser for VsockClientParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn examples(&self) -> &'static [&'static str] {
        &["vsock:2:1024"]
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let config = VsockClientConfig::read(&mut arguments)?;
        let endpoint = VsockClientEndpoint::shared(self.reactor.clone(), config.address);
        let endpoint = config.around(endpoint, self.time.clone());
        Ok(arguments.parsed(endpoint, [KIND]))
    }
}

impl fmt::Debug for VsockServerParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VsockServerParser")
    }
}

impl fmt::Debug for VsockClientParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VsockClientParser")
    }
}
