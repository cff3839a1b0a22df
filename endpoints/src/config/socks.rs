//! [`SocksClientConfig`]: the strings of clients of kind `socks5`, as a value.
//!
//! Invariant: the password is in the string and not in the output of `Debug`.

use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use interfaces::{ReactorTime, StreamClientEndpoint};
use protocol::socks::{SocksClientEndpoint, SocksCredentials};

use super::{EndpointConfig, checked, endpoint_config};
use crate::binding::HOST_PORT;
use crate::wrapping::Wrapped;
use crate::{Arguments, ClientString, Host, ParseError, Registry, Side, Value};

const NAMES: [&str; 4] = {
    let [host, port] = HOST_PORT;
    [host, port, "user", "password"]
};

/// The longest name and the longest password (RFC 1929).
const TEXT_BYTES_MAX: usize = 255;

/// A string of a client of kind `socks5`, password and all.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocksClientConfig {
    /// The host to connect to, which the proxy looks up if it is a name.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// The name for a proxy that asks for one. Default: none.
    pub user: Option<String>,
    /// The password that goes with it. Default: the empty one.
    pub password: String,
    /// The client that connects to the proxy.
    pub proxy: ClientString,
}

impl SocksClientConfig {
    /// To this host and port by a proxy that asks for no name.
    pub fn new(host: impl Into<Host>, port: u16, proxy: ClientString) -> Self {
        Self { host: host.into(), port, user: None, password: String::new(), proxy }
    }

    /// The endpoint, of a registry that knows `socks5` and the proxy's kind.
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
        let (host, port) = (host.host()?, port.port()?);
        let password = password.unlisted();
        let (name, secret) = (user.text()?, password.text()?);
        if name.is_none() && secret.is_some() {
            return Err(user.missing());
        }
        for (argument, text) in [(&user, name), (&password, secret)] {
            match text {
                Some(text) if text.len() > TEXT_BYTES_MAX => {
                    return Err(argument.too_long(text.len(), TEXT_BYTES_MAX));
                }
                _ => {}
            }
        }
        let (user, password) = (name.map(String::from), secret.unwrap_or_default().into());
        Ok((Self { host, port, user, password, proxy: wrapped.client_string()? }, wrapped))
    }

    /// The endpoint around that of the proxy's client.
    pub(crate) fn endpoint(
        &self,
        proxy: Rc<dyn StreamClientEndpoint>,
        clock: Rc<dyn ReactorTime>,
    ) -> SocksClientEndpoint {
        let endpoint = SocksClientEndpoint::new(proxy, clock, &self.host.to_string(), self.port);
        match &self.user {
            Some(user) => endpoint.with_credentials(SocksCredentials::new(user, &self.password)),
            None => endpoint,
        }
    }
}

impl EndpointConfig for SocksClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["socks5"];

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

impl fmt::Debug for SocksClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksClientConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

endpoint_config!(SocksClientConfig, ClientString);
