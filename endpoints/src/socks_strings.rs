//! The kind `socks5` of endpoint strings: a client that connects through a proxy of SOCKS 5 (RFC 1928); the rest
//! of the string is the client that connects to the proxy.
//!
//! Invariant: a password is in no description.

use alloc::rc::Rc;
use core::fmt;

use interfaces::{ReactorTime, StreamClientEndpoint};

use crate::{Arguments, ClientParser, ParseError, Parsed, SocksClientConfig};

/// The kind, and the name of the layer.
const KIND: &str = "socks5";

/// Reads the strings of clients of kind `socks5`: `socks5:host=www.example.com:port=80:tcp:127.0.0.1:1080`
/// connects to `www.example.com` by the proxy on this machine, which looks the name up.
///
/// `user` and `password` are for a proxy that asks for them. A description does not show the password.
#[derive(Clone)]
pub struct SocksClientParser {
    clock: Rc<dyn ReactorTime>,
}

impl SocksClientParser {
    /// The time that a proxy has for its answers is measured by this clock.
    pub fn new(clock: impl ReactorTime + 'static) -> Self {
        Self { clock: Rc::new(clock) }
    }
}

impl fmt::Debug for SocksClientParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksClientParser").finish_non_exhaustive()
    }
}

impl ClientParser for SocksClientParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn examples(&self) -> &'static [&'static str] {
        &["socks5:host=www.example.com:port=80:tcp:127.0.0.1:1080"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let (config, wrapped) = SocksClientConfig::read_around(&arguments)?;
        let inner = wrapped.client()?;
        let endpoint = config.endpoint(inner.endpoint, self.clock.clone());
        Ok(arguments.parsed_around(Rc::new(endpoint), KIND, inner.description))
    }
}
