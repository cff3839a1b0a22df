//! The kind `socks5` of endpoint strings: a client that connects through a proxy of SOCKS 5 (RFC 1928); the rest
//! of the string is the client that connects to the proxy.
//!
//! Invariant: a password is in no description.

use alloc::rc::Rc;
use core::fmt;

use interfaces::{ReactorTime, StreamClientEndpoint};
use protocol::socks::{SocksClientEndpoint, SocksCredentials};

use crate::{Arguments, ClientParser, ParseError, Parsed};

/// The kind, and the name of the layer.
const KIND: &str = "socks5";

/// The longest name and the longest password (RFC 1929).
const TEXT_BYTES_MAX: usize = 255;

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

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let names = ["host", "port", "user", "password"];
        let ([host, port, user, password], wrapped) = arguments.bind_wrapper(names);
        let (host, port) = (alloc::format!("{}", host.host()?), port.port()?);
        let password = password.unlisted();
        let credentials = match (user.text()?, password.text()?) {
            (None, None) => None,
            (None, Some(_)) => return Err(user.missing()),
            (Some(name), given) => {
                let secret = given.unwrap_or_default();
                for (argument, text) in [(&user, name), (&password, secret)] {
                    if text.len() > TEXT_BYTES_MAX {
                        return Err(argument.too_long(text.len(), TEXT_BYTES_MAX));
                    }
                }
                Some(SocksCredentials::new(name, secret))
            }
        };
        let inner = wrapped.client()?;
        let mut endpoint =
            SocksClientEndpoint::new(inner.endpoint, self.clock.clone(), &host, port);
        if let Some(credentials) = credentials {
            endpoint = endpoint.with_credentials(credentials);
        }
        Ok(arguments.parsed_around(Rc::new(endpoint), KIND, inner.description))
    }
}
