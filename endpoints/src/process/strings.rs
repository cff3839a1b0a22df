//! The strings of kind `process`, for clients: `process:sort:-n`.
//!
//! | by position | by name only |
//! |---|---|
//! | `program`, and any number of arguments, which `argument` gives by name | `directory`, `stderr` (`inherit` or `drop`) |
//!
//! Twisted has no such strings. Invariant: no shell reads any of it.

use alloc::rc::Rc;

use interfaces::{ReactorProcess, StreamClientEndpoint};

use crate::config::EndpointConfig as _;
use crate::{Arguments, ClientParser, ParseError, Parsed, ProcessClientConfig};

/// `process` clients, for [`Registry::with_client`](crate::Registry::with_client). They are none of the standard
/// kinds: a program that knows this one runs whatever its configuration says.
pub struct ProcessClientParser(Rc<dyn ReactorProcess>);

impl ProcessClientParser {
    /// On this reactor.
    pub fn new(reactor: impl ReactorProcess + 'static) -> Self {
        Self(Rc::new(reactor))
    }
}

impl core::fmt::Debug for ProcessClientParser {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ProcessClientParser")
    }
}

impl ClientParser for ProcessClientParser {
    fn kind(&self) -> &'static str {
        "process"
    }

    fn examples(&self) -> &'static [&'static str] {
        &["process:cat", "process:grep:-i:needle:directory=/srv"]
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let config = ProcessClientConfig::read(&mut arguments)?;
        let endpoint: Rc<dyn StreamClientEndpoint> = Rc::new(config.endpoint(Rc::clone(&self.0)));
        let mut parsed = arguments.parsed(endpoint, ["process"]);
        parsed.description.arguments.extend(config.words());
        Ok(parsed)
    }
}
