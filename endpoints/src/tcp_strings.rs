//! The strings of kind `tcp` and `tcp6`.
//!
//! | kind | | by position | by name only |
//! |---|---|---|---|
//! | `tcp` | server | `port`, `interface` (every IPv4 address), `backlog` (max) | those of `tcp_options` |
//! | `tcp6` | server | `port`, `backlog` (max), `interface` (`::`) | those of `tcp_options` |
//! | `tcp`, `tcp6` | client | `host`, `port` | `timeout` (30), `bindAddress`, `retry` (0), those of `tcp_options` |
//!
//! Invariant: a string that can never listen or connect is an error when it is parsed.

use alloc::rc::Rc;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};

use crate::config::{EndpointConfig as _, TcpKind};
use crate::tcp_reactor::{ClientReactor, TcpReactor};
use crate::{
    Arguments, ClientParser, ParseError, Parsed, ServerParser, TcpClientConfig, TcpServerConfig,
};

/// Servers of one of the two kinds.
pub(crate) struct TcpServerParser {
    pub(crate) kind: TcpKind,
    pub(crate) reactor: Rc<dyn TcpReactor>,
}

/// Clients of one of the two kinds.
pub(crate) struct TcpClientParser {
    pub(crate) kind: TcpKind,
    pub(crate) reactor: Rc<dyn ClientReactor>,
}

impl ServerParser for TcpServerParser {
    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    fn is_kind(&self, given: &str) -> bool {
        TcpServerConfig::is_kind(self.kind(), given)
    }

    fn examples(&self) -> &'static [&'static str] {
        match self.kind {
            TcpKind::Tcp => &["tcp:8080", "tcp:8080:interface=127.0.0.1", "tcp:80:interface=[::]"],
            TcpKind::Tcp6 => &["tcp6:8080", "tcp6:8080:interface=[::1]"],
        }
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let config = TcpServerConfig::read(&mut arguments)?;
        Ok(arguments.parsed(Rc::new(config.endpoint(Rc::clone(&self.reactor))), ["tcp"]))
    }
}

impl ClientParser for TcpClientParser {
    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    fn examples(&self) -> &'static [&'static str] {
        match self.kind {
            TcpKind::Tcp => &["tcp:example.com:80", "tcp:[::1]:8080:timeout=3"],
            TcpKind::Tcp6 => &["tcp6:example.com:80"],
        }
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let config = TcpClientConfig::read(&mut arguments)?;
        Ok(arguments.parsed(config.endpoint(Rc::clone(&self.reactor)), ["tcp"]))
    }
}
