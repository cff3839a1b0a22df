//! [`SniServerConfig`] and [`SniClientConfig`]: the strings of kind `sni`, as values.
//!
//! Invariant: every route takes a connection that no route before it takes.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};

use super::{EndpointConfig, checked, endpoint_config};
use crate::quote_string_argument;
use crate::sni::{FOR, SniRoute, TIMEOUT, routes};
use crate::wrapping::Wrapped;
use crate::{Arguments, ClientString, ParseError, Registry, ServerString, Side, Value};

const SERVER: [&str; 1] = ["timeout"];

/// A string of a server of kind `sni`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SniServerConfig {
    /// The time that a ClientHello has. Default 5 s.
    pub timeout: Duration,
    /// The server whose connections begin with a ClientHello.
    pub server: ServerString,
}

/// A string of a client of kind `sni`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SniClientConfig {
    /// The routes, of which the first counts that takes a connection.
    pub routes: Vec<SniRoute<ClientString>>,
}

impl SniServerConfig {
    /// Around this server, with the defaults of a string.
    pub fn new(server: ServerString) -> Self {
        Self { timeout: TIMEOUT, server }
    }

    /// The endpoint, of a registry that knows `sni` and the wrapped kind.
    ///
    /// # Errors
    ///
    /// [`ParseError`], at its place in the string that the value prints.
    pub fn server(&self, registry: &Registry) -> Result<Rc<dyn StreamServerEndpoint>, ParseError> {
        registry.server(&checked(self)?.to_string())
    }

    /// The value, and the fields of the wrapped server, for the registry to read.
    pub(crate) fn read_around<'s>(
        arguments: &'s Arguments<'_>,
    ) -> Result<(Self, Wrapped<'s>), ParseError> {
        let ([timeout], wrapped) = arguments.bind_wrapper(SERVER);
        let limit = timeout.seconds_or(TIMEOUT)?;
        if limit.is_zero() {
            return Err(timeout.error("a time above 0, as no ClientHello comes in none"));
        }
        Ok((Self { timeout: limit, server: wrapped.server_string()? }, wrapped))
    }
}

impl SniClientConfig {
    /// With these routes.
    pub fn new(routes: impl IntoIterator<Item = SniRoute<ClientString>>) -> Self {
        Self { routes: routes.into_iter().collect() }
    }

    /// The endpoint, of a registry that knows `sni` and the kinds of the routes.
    ///
    /// # Errors
    ///
    /// [`ParseError`], at its place in the string that the value prints.
    pub fn client(&self, registry: &Registry) -> Result<Rc<dyn StreamClientEndpoint>, ParseError> {
        registry.client(&checked(self)?.to_string())
    }
}

impl EndpointConfig for SniServerConfig {
    const SIDE: Side = Side::Server;
    const KINDS: &'static [&'static str] = &["sni"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        Ok(Self::read_around(arguments)?.0)
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        core::iter::zip(SERVER, [Value::Seconds(self.timeout)]).collect()
    }

    fn wrapped(&self) -> Option<String> {
        Some(self.server.canonical().into())
    }
}

impl EndpointConfig for SniClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["sni"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let routes =
            routes(arguments, |fields| ClientString::of_fields(arguments.text(), &fields))?;
        Ok(Self { routes })
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    fn wrapped(&self) -> Option<String> {
        let route = |route: &SniRoute<ClientString>| {
            let pattern = |it: &_| format!("{FOR}={}:", quote_string_argument(&format!("{it}")));
            let takes: String = route.takes.iter().map(pattern).collect();
            takes + route.endpoint.canonical()
        };
        Some(self.routes.iter().map(route).collect::<Vec<_>>().join(":"))
    }
}

endpoint_config!(SniServerConfig, ServerString);
endpoint_config!(SniClientConfig, ClientString);
