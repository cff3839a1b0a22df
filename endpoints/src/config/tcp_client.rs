//! [`TcpClientConfig`]: the strings of clients of kind `tcp` and `tcp6`, as a value.
//!
//! Invariant: nothing is looked up or opened.

use alloc::rc::Rc;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use interfaces::{ReactorTcp, ReactorTime, Resolver, StreamClientEndpoint};

use super::tcp_connect::{CONNECT, CONNECT_OPTIONS};
use super::{EndpointConfig, TcpConnectConfig, TcpKind, checked, endpoint_config};
use crate::binding::HOST_PORT;
use crate::tcp_reactor::ClientReactor;
use crate::{Arguments, Host, ParseError, Side, TcpClientEndpoint, Value};

/// A string of a client of kind `tcp` or `tcp6`.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ropewalk_endpoints::{Host, TcpClientConfig};
///
/// let mut connect = TcpClientConfig::new("example.com".parse::<Host>()?, 80);
/// connect.connect.timeout = Duration::from_secs(5);
/// assert_eq!(connect.to_string(), "tcp:host=example.com:port=80:timeout=5");
/// # Ok::<(), ropewalk_endpoints::BadHost>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpClientConfig {
    /// `tcp` or `tcp6`.
    pub kind: TcpKind,
    /// The host; a name is looked up at each connect.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// How it connects.
    pub connect: TcpConnectConfig,
}

impl TcpClientConfig {
    /// `tcp` to this host and port, with the defaults of a string.
    pub fn new(host: impl Into<Host>, port: u16) -> Self {
        let connect = TcpConnectConfig::default();
        Self { kind: TcpKind::Tcp, host: host.into(), port, connect }
    }

    /// As [`new`](Self::new), of kind `tcp6`.
    pub fn new_ipv6(host: impl Into<Host>, port: u16) -> Self {
        Self { kind: TcpKind::Tcp6, ..Self::new(host, port) }
    }

    /// Connects so.
    #[must_use]
    pub fn with_connect(self, connect: TcpConnectConfig) -> Self {
        Self { connect, ..self }
    }

    /// The endpoint.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a value that no string means, at its place in the string that it prints.
    pub fn client(
        &self,
        reactor: impl ReactorTcp + Resolver + ReactorTime + 'static,
    ) -> Result<Rc<dyn StreamClientEndpoint>, ParseError> {
        Ok(checked(self)?.endpoint(Rc::new(reactor)))
    }

    pub(crate) fn endpoint(&self, reactor: Rc<dyn ClientReactor>) -> Rc<dyn StreamClientEndpoint> {
        let endpoint = self.connect.applied_to(self.unlimited(Rc::clone(&reactor)));
        self.connect.retried(endpoint, reactor)
    }

    /// The endpoint without what `connect` says.
    fn unlimited(&self, reactor: Rc<dyn ClientReactor>) -> TcpClientEndpoint {
        match self.kind {
            TcpKind::Tcp => TcpClientEndpoint::shared(reactor, self.host.clone(), self.port),
            TcpKind::Tcp6 => TcpClientEndpoint::shared_ipv6(reactor, self.host.clone(), self.port),
        }
    }
}

impl EndpointConfig for TcpClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["tcp", "tcp6"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let kind = TcpKind::of(arguments);
        let ([host, port], listed, options) =
            arguments.bind_host_port_options(CONNECT, CONNECT_OPTIONS)?;
        let host = match kind {
            TcpKind::Tcp => host.host()?,
            TcpKind::Tcp6 => host.ipv6_host()?,
        };
        let port = port.port()?;
        let connect = TcpConnectConfig::read(kind.family_of(&host), listed, options)?;
        Ok(Self { kind, host, port, connect })
    }

    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let host = Value::Text(self.host.to_string().into());
        let values = [host, Value::Number(self.port.into())];
        core::iter::zip(HOST_PORT, values).chain(self.connect.arguments()).collect()
    }
}

endpoint_config!(TcpClientConfig, ClientString);
