//! The kind `http-connect` of endpoint strings: a client that connects through a proxy of HTTP (RFC 9110, section
//! 9.3.6); the rest of the string is the client that connects to the proxy.
//!
//! Invariant: a password is in no description.

use alloc::rc::Rc;
use core::fmt;

use interfaces::{ReactorTime, StreamClientEndpoint};

use crate::{Arguments, ClientParser, HttpConnectClientConfig, ParseError, Parsed};

/// The kind, and the name of the layer.
const KIND: &str = "http-connect";

/// Reads the strings of clients of kind `http-connect`: `http-connect:host=www.example.com:port=443:tcp:127.0.0.1:3128`
/// connects to `www.example.com` by the proxy on this machine, which looks the name up.
///
/// `user` and `password` are for a proxy that asks for them with the scheme Basic (RFC 7617). A description does not
/// show the password.
#[derive(Clone)]
pub struct HttpConnectClientParser {
    clock: Rc<dyn ReactorTime>,
}

impl HttpConnectClientParser {
    /// The 60 s that a proxy has for its answer are measured by this clock.
    pub fn new(clock: impl ReactorTime + 'static) -> Self {
        Self { clock: Rc::new(clock) }
    }
}

impl fmt::Debug for HttpConnectClientParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnectClientParser").finish_non_exhaustive()
    }
}

impl ClientParser for HttpConnectClientParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn examples(&self) -> &'static [&'static str] {
        &["http-connect:host=www.example.com:port=443:tcp:127.0.0.1:3128"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let (config, wrapped) = HttpConnectClientConfig::read_around(&arguments)?;
        let inner = wrapped.client()?;
        let endpoint = config.endpoint(inner.endpoint, self.clock.clone());
        Ok(arguments.parsed_around(Rc::new(endpoint), KIND, inner.description))
    }
}
