//! [`HttpConnectClientConfig`]: the strings of clients of kind `http-connect`, as a value.
//!
//! Invariant: the password is in the string and not in the output of `Debug`.

use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use interfaces::{ReactorTime, StreamClientEndpoint};
use protocol::http_connect::{HttpConnectClientEndpoint, HttpCredentials};

use super::{EndpointConfig, checked, endpoint_config};
use crate::binding::HOST_PORT;
use crate::wrapping::Wrapped;
use crate::{Argument, Arguments, ClientString, Host, ParseError, Registry, Side, Value};

const NAMES: [&str; 4] = {
    let [host, port] = HOST_PORT;
    [host, port, "user", "password"]
};

/// A string of a client of kind `http-connect`, password and all.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpConnectClientConfig {
    /// The host to connect to, which the proxy looks up if it is a name. Without a zone, which the proxy does not
    /// know.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// The user for a proxy that asks for one (RFC 7617). Default: none.
    pub user: Option<String>,
    /// The password that goes with it. Default: the empty one.
    pub password: String,
    /// The client that connects to the proxy.
    pub proxy: ClientString,
}

impl HttpConnectClientConfig {
    /// To this host and port by a proxy that asks for no user.
    pub fn new(host: impl Into<Host>, port: u16, proxy: ClientString) -> Self {
        Self { host: host.into(), port, user: None, password: String::new(), proxy }
    }

    /// The endpoint, of a registry that knows `http-connect` and the proxy's kind.
    ///
    /// # Errors
    ///
    /// [`ParseError`], at its place in the string that the value prints.
    pub fn client(&self, registry: &Registry) -> Result<Rc<dyn StreamClientEndpoint>, ParseError> {
        registry.client(&checked(self)?.to_string())
    }

    /// The value, and the fields of the proxy's client, for the registry to read.
    pub(crate) fn read_around<'s>(
        arguments: &'s Arguments<'_>,
    ) -> Result<(Self, Wrapped<'s>), ParseError> {
        let ([host, port, user, password], wrapped) = arguments.bind_wrapper(NAMES);
        let name = host.host()?;
        if let Host::Zoned { .. } = name {
            return Err(host.refuse("a zone is one of this machine, and means nothing to a proxy"));
        }
        let (port, password) = (port.port()?, password.unlisted());
        let (user, password) = credentials(&user, &password)?;
        let proxy = wrapped.client_string()?;
        Ok((Self { host: name, port, user, password, proxy }, wrapped))
    }

    /// The endpoint around that of the proxy's client.
    pub(crate) fn endpoint(
        &self,
        proxy: Rc<dyn StreamClientEndpoint>,
        clock: Rc<dyn ReactorTime>,
    ) -> HttpConnectClientEndpoint {
        let host = self.host.to_string();
        let endpoint = HttpConnectClientEndpoint::new(proxy, clock, &host, self.port);
        match &self.user {
            Some(user) => endpoint.with_credentials(HttpCredentials::new(user, &self.password)),
            None => endpoint,
        }
    }
}

/// The user and the password, without what Basic cannot say.
fn credentials(
    user: &Argument<'_>,
    password: &Argument<'_>,
) -> Result<(Option<String>, String), ParseError> {
    let (name, secret) = match (user.text()?, password.text()?) {
        (None, None) => return Ok((None, String::new())),
        (None, Some(_)) => return Err(user.missing()),
        (Some(name), secret) => (name, secret.unwrap_or_default()),
    };
    if name.contains(':') {
        return Err(user.refuse("a user of HTTP's scheme Basic cannot have a colon"));
    }
    for (argument, text) in [(user, name), (password, secret)] {
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            let message = alloc::format!("a {} cannot have a control character", argument.name());
            return Err(argument.refuse(message));
        }
    }
    Ok((Some(name.into()), secret.into()))
}

impl EndpointConfig for HttpConnectClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["http-connect"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        Ok(Self::read_around(arguments)?.0)
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let host = Value::Text(self.host.to_string().into());
        let port = Value::Number(self.port.into());
        let user = Value::text_or_absent(self.user.as_deref());
        let secret = Some(&*self.password).filter(|password| !password.is_empty());
        core::iter::zip(NAMES, [host, port, user, Value::text_or_absent(secret)]).collect()
    }

    fn wrapped(&self) -> Option<String> {
        Some(self.proxy.canonical().into())
    }
}

impl fmt::Debug for HttpConnectClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnectClientConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

endpoint_config!(HttpConnectClientConfig, ClientString);
