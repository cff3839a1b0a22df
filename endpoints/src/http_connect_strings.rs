//! The kind `http-connect` of endpoint strings: a client that connects through a proxy of HTTP (RFC 9110, section
//! 9.3.6); the rest of the string is the client that connects to the proxy.
//!
//! Invariant: a password is in no description.

use alloc::rc::Rc;
use alloc::string::ToString as _;
use core::fmt;

use interfaces::{ReactorTime, StreamClientEndpoint};
use protocol::http_connect::{HttpConnectClientEndpoint, HttpCredentials};

use crate::{Argument, Arguments, ClientParser, Host, ParseError, Parsed};

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

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let names = ["host", "port", "user", "password"];
        let ([host, port, user, password], wrapped) = arguments.bind_wrapper(names);
        let name = host.host()?;
        if let Host::Zoned { .. } = name {
            return Err(host.refuse("a zone is one of this machine, and means nothing to a proxy"));
        }
        let (name, port) = (name.to_string(), port.port()?);
        let credentials = credentials(user, password.unlisted())?;
        let inner = wrapped.client()?;
        let mut endpoint =
            HttpConnectClientEndpoint::new(inner.endpoint, self.clock.clone(), &name, port);
        if let Some(credentials) = credentials {
            endpoint = endpoint.with_credentials(credentials);
        }
        Ok(arguments.parsed_around(Rc::new(endpoint), KIND, inner.description))
    }
}

/// The credentials, if they are given, without what Basic cannot say.
fn credentials(
    user: Argument<'_>,
    password: Argument<'_>,
) -> Result<Option<HttpCredentials>, ParseError> {
    let (name, secret) = match (user.text()?, password.text()?) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(user.missing()),
        (Some(name), secret) => (name, secret.unwrap_or_default()),
    };
    if name.contains(':') {
        return Err(user.refuse("a user of HTTP's scheme Basic cannot have a colon"));
    }
    for (argument, text) in [(&user, name), (&password, secret)] {
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            let message = alloc::format!("a {} cannot have a control character", argument.name());
            return Err(argument.refuse(message));
        }
    }
    Ok(Some(HttpCredentials::new(name, secret)))
}
