//! The strings of kind `unix`.
//!
//! | | by position | by name only |
//! |---|---|---|
//! | server | `address`, `mode` (0600), `backlog` (max), `lockfile` (1) | `abstract`, `owner`, `group` |
//! | client | `path` | `lockfile` (0), `timeout` (30), `checkPID`, `abstract`, `retry` (0) |
//!
//! Invariant: a name that the system cuts short or refuses is an error when it is parsed.

use alloc::rc::Rc;

use interfaces::{ReactorTime, ReactorUnix, StreamClientEndpoint, StreamServerEndpoint};

use crate::config::EndpointConfig as _;
use crate::{
    Arguments, ClientParser, ParseError, Parsed, ServerParser, UnixClientConfig, UnixServerConfig,
};

/// `unix` servers.
pub(crate) struct UnixServerParser(pub(crate) Rc<dyn ReactorUnix>);

/// `unix` clients.
pub(crate) struct UnixClientParser {
    pub(crate) reactor: Rc<dyn ReactorUnix>,
    pub(crate) time: Rc<dyn ReactorTime>,
}

impl ServerParser for UnixServerParser {
    fn kind(&self) -> &'static str {
        "unix"
    }

    fn is_kind(&self, given: &str) -> bool {
        UnixServerConfig::is_kind(self.kind(), given)
    }

    fn examples(&self) -> &'static [&'static str] {
        &["unix:/run/app.sock", "unix:/run/app.sock:mode=660:group=www-data", "unix:abstract=app"]
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let config = UnixServerConfig::read(&mut arguments)?;
        Ok(arguments.parsed(Rc::new(config.endpoint(Rc::clone(&self.0))), ["unix"]))
    }
}

impl ClientParser for UnixClientParser {
    fn kind(&self) -> &'static str {
        "unix"
    }

    fn examples(&self) -> &'static [&'static str] {
        &["unix:/run/app.sock", "unix:abstract=app"]
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let config = UnixClientConfig::read(&mut arguments)?;
        let endpoint = config.endpoint(Rc::clone(&self.reactor), Rc::clone(&self.time));
        Ok(arguments.parsed(endpoint, ["unix"]))
    }
}
