//! [`ProxyServerConfig`] and [`ProxyClientConfig`]: the strings of kind `haproxy`, as values.
//!
//! Invariant: the wrapped string is printed with its kind first, so that no option of it is taken for one of `haproxy`.

use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};

use super::{EndpointConfig, checked, endpoint_config};
use crate::haproxy::{Checksum, ProxyClientOptions, ProxyServerOptions, ProxyVersion};
use crate::wrapping::Wrapped;
use crate::{Arguments, ClientString, ParseError, Registry, ServerString, Side, Value};

const SERVER: [&str; 2] = ["trust", "timeout"];
const CLIENT: [&str; 2] = ["version", "crc32c"];

/// A string of a server of kind `haproxy`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyServerConfig {
    /// Which headers it accepts. A string has no other limit on their bytes than the default.
    pub options: ProxyServerOptions,
    /// The server whose connections begin with a header.
    pub server: ServerString,
}

/// A string of a client of kind `haproxy`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyClientConfig {
    /// The header's form.
    pub options: ProxyClientOptions,
    /// The client whose connections begin with a header.
    pub client: ClientString,
}

impl ProxyServerConfig {
    /// Around this server, with the defaults of a string.
    pub fn new(server: ServerString) -> Self {
        Self { options: ProxyServerOptions::default(), server }
    }

    /// The endpoint, of a registry that knows `haproxy` and the wrapped kind.
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
        let ([trust, timeout], wrapped) = arguments.bind_wrapper(SERVER);
        let mut options = ProxyServerOptions::default();
        if let Some(text) = trust.text()? {
            let trusted: Result<_, crate::haproxy::BadTrust> = text.parse();
            options.trust = trusted.map_err(|error| trust.refuse(error.to_string()))?;
        }
        trust.record(Value::Text(options.trust.to_string().into()));
        options.timeout = timeout.seconds_or(options.timeout)?;
        if options.timeout.is_zero() {
            return Err(timeout.error("a time above 0, as no header comes in none"));
        }
        Ok((Self { options, server: wrapped.server_string()? }, wrapped))
    }
}

impl ProxyClientConfig {
    /// Around this client, with the defaults of a string.
    pub fn new(client: ClientString) -> Self {
        Self { options: ProxyClientOptions::default(), client }
    }

    /// The endpoint, of a registry that knows `haproxy` and the wrapped kind.
    ///
    /// # Errors
    ///
    /// [`ParseError`], at its place in the string that the value prints.
    pub fn client(&self, registry: &Registry) -> Result<Rc<dyn StreamClientEndpoint>, ParseError> {
        registry.client(&checked(self)?.to_string())
    }

    /// The value, and the fields of the wrapped client, for the registry to read.
    pub(crate) fn read_around<'s>(
        arguments: &'s Arguments<'_>,
    ) -> Result<(Self, Wrapped<'s>), ParseError> {
        let ([version, crc32c], wrapped) = arguments.bind_wrapper(CLIENT);
        let mut options = ProxyClientOptions::default();
        if version.number_or(1..=2, 2)? == 1 {
            options = options.with_version(ProxyVersion::V1);
        }
        if crc32c.flag_or(false)? {
            if options.version == ProxyVersion::V1 {
                return Err(crc32c.refuse("a header of version 1 has no checksum"));
            }
            options = options.with_checksum(Checksum::Crc32c);
        }
        Ok((Self { options, client: wrapped.client_string()? }, wrapped))
    }
}

impl EndpointConfig for ProxyServerConfig {
    const SIDE: Side = Side::Server;
    const KINDS: &'static [&'static str] = &["haproxy"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        Ok(Self::read_around(arguments)?.0)
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let trust = Value::Text(self.options.trust.to_string().into());
        core::iter::zip(SERVER, [trust, Value::Seconds(self.options.timeout)]).collect()
    }

    fn wrapped(&self) -> Option<String> {
        Some(self.server.canonical().into())
    }
}

impl EndpointConfig for ProxyClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["haproxy"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        Ok(Self::read_around(arguments)?.0)
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let version = if self.options.version == ProxyVersion::V1 { 1 } else { 2 };
        let has_checksum = self.options.checksum == Checksum::Crc32c;
        core::iter::zip(CLIENT, [Value::Number(version), Value::Flag(has_checksum)]).collect()
    }

    fn wrapped(&self) -> Option<String> {
        Some(self.client.canonical().into())
    }
}

endpoint_config!(ProxyServerConfig, ServerString);
endpoint_config!(ProxyClientConfig, ClientString);
