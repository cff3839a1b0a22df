//! [`TcpServerConfig`]: the strings of servers of kind `tcp` and `tcp6`, as a value.
//!
//! Invariant: nothing is opened.

use alloc::rc::Rc;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use interfaces::{BACKLOG_MAX, ReactorTcp, Resolver};

use super::{EndpointConfig, TcpKind, checked, endpoint_config};
use crate::tcp_options::{SERVER_OPTIONS, SocketConfig};
use crate::tcp_reactor::TcpReactor;
use crate::{Argument, Arguments, Host, ParseError, Side, TcpServerEndpoint, Value};

/// The arguments in the order of each kind.
const TCP: [&str; 3] = ["port", "interface", "backlog"];
const TCP6: [&str; 3] = ["port", "backlog", "interface"];

/// A string of a server of kind `tcp` or `tcp6`.
///
/// # Examples
///
/// ```
/// use ropewalk_endpoints::TcpServerConfig;
///
/// let mut listen: TcpServerConfig = "tcp:80:interface=127.0.0.1".parse()?;
/// listen.port = 8080;
/// assert_eq!(listen.to_string(), "tcp:port=8080:interface=127.0.0.1:backlog=max");
/// # Ok::<(), ropewalk_endpoints::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpServerConfig {
    /// `tcp` or `tcp6`.
    pub kind: TcpKind,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The address of this machine to listen on. Default: every one of IPv4, and for `tcp6` of IPv6.
    pub interface: Host,
    /// How many connections the kernel keeps before they are accepted. Default [`BACKLOG_MAX`], printed as `max`.
    pub backlog: u32,
    /// The options of the socket.
    pub socket: SocketConfig,
}

impl TcpServerConfig {
    /// `tcp` on this port, with the defaults of a string.
    pub fn new(port: u16) -> Self {
        let (interface, socket) = (Host::ANY_IPV4, SocketConfig::default());
        Self { kind: TcpKind::Tcp, port, interface, backlog: BACKLOG_MAX, socket }
    }

    /// As [`new`](Self::new), of kind `tcp6`.
    pub fn new_ipv6(port: u16) -> Self {
        Self { kind: TcpKind::Tcp6, interface: Host::ANY_IPV6, ..Self::new(port) }
    }

    /// On this address of the machine.
    #[must_use]
    pub fn with_interface(self, interface: impl Into<Host>) -> Self {
        Self { interface: interface.into(), ..self }
    }

    /// With this backlog.
    #[must_use]
    pub fn with_backlog(self, backlog: u32) -> Self {
        Self { backlog, ..self }
    }

    /// With these options of the socket.
    #[must_use]
    pub fn with_socket(self, socket: SocketConfig) -> Self {
        Self { socket, ..self }
    }

    /// The endpoint.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a value that no string means, at its place in the string that it prints.
    pub fn server(
        &self,
        reactor: impl ReactorTcp + Resolver + 'static,
    ) -> Result<TcpServerEndpoint, ParseError> {
        Ok(checked(self)?.endpoint(Rc::new(reactor)))
    }

    pub(crate) fn endpoint(&self, reactor: Rc<dyn TcpReactor>) -> TcpServerEndpoint {
        let endpoint = match self.kind {
            TcpKind::Tcp => TcpServerEndpoint::shared(reactor, self.port),
            TcpKind::Tcp6 => TcpServerEndpoint::shared_ipv6(reactor, self.port),
        };
        endpoint
            .with_interface(self.interface.clone())
            .with_backlog(self.backlog)
            .with_options(self.socket.options())
            .with_dual_stack(self.socket.dual_stack())
    }
}

impl EndpointConfig for TcpServerConfig {
    const SIDE: Side = Side::Server;
    const KINDS: &'static [&'static str] = &["tcp", "tcp6"];

    fn is_kind(kind: &str, given: &str) -> bool {
        given == kind || (kind != "tcp" && given.eq_ignore_ascii_case(kind))
    }

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        match TcpKind::of(arguments) {
            TcpKind::Tcp => {
                let ([port, interface, backlog], options) =
                    arguments.bind_options(TCP, SERVER_OPTIONS)?;
                let (port, interface) = (port.port()?, interface.host_or(Host::ANY_IPV4)?);
                let backlog = backlog.backlog()?;
                let socket = SocketConfig::of_server(options, &interface)?;
                Ok(Self { interface, backlog, socket, ..Self::new(port) })
            }
            TcpKind::Tcp6 => {
                let ([port, backlog, interface], options) =
                    arguments.bind_options(TCP6, SERVER_OPTIONS)?;
                let (port, backlog) = (port.port()?, backlog.backlog()?);
                let interface = ipv6_interface(&interface)?;
                let socket = SocketConfig::of_server(options, &interface)?;
                Ok(Self { interface, backlog, socket, ..Self::new_ipv6(port) })
            }
        }
    }

    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let port = Value::Number(self.port.into());
        let interface = Value::Text(self.interface.to_string().into());
        let backlog = Value::backlog(self.backlog);
        let arguments = match self.kind {
            TcpKind::Tcp => core::iter::zip(TCP, [port, interface, backlog]),
            TcpKind::Tcp6 => core::iter::zip(TCP6, [port, backlog, interface]),
        };
        arguments.chain(self.socket.arguments()).collect()
    }
}

fn ipv6_interface(argument: &Argument<'_>) -> Result<Host, ParseError> {
    if argument.is_given() { argument.ipv6_host() } else { argument.host_or(Host::ANY_IPV6) }
}

endpoint_config!(TcpServerConfig, ServerString);
