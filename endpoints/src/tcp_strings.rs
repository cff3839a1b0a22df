//! The strings of kind `tcp` and `tcp6`.
//!
//! | kind | | by position | by name only |
//! |---|---|---|---|
//! | `tcp` | server | `port`, `interface` (every IPv4 address), `backlog` (max) | those of `tcp_options` |
//! | `tcp6` | server | `port`, `backlog` (max), `interface` (`::`) | those of `tcp_options` |
//! | `tcp`, `tcp6` | client | `host`, `port` | `timeout` (30), `bindAddress`, `retry` (0), those of `tcp_options` |
//!
//! Invariant: a string that can never listen or connect is an error when it is parsed.

use alloc::rc::Rc;
use core::net::IpAddr;
use core::time::Duration;

use interfaces::{AddressFamily, StreamClientEndpoint, StreamServerEndpoint};

use crate::retry::retried;
use crate::tcp_options::{CLIENT_OPTIONS, SERVER_OPTIONS, client_options, server_options};
use crate::tcp_reactor::{ClientReactor, TcpReactor};
use crate::{
    Argument, Arguments, ClientParser, Host, ParseError, Parsed, ServerParser, TcpClientEndpoint,
    TcpServerEndpoint,
};

/// The arguments of a client that are listed where they are given.
pub(crate) const CLIENT_KEYWORDS: [&str; 4] = {
    let [no_delay, keep_alive, device] = CLIENT_OPTIONS;
    ["retry", no_delay, keep_alive, device]
};

/// `tcp` servers.
pub(crate) struct TcpServerParser(pub(crate) Rc<dyn TcpReactor>);

/// `tcp6` servers.
pub(crate) struct Tcp6ServerParser(pub(crate) Rc<dyn TcpReactor>);

/// `tcp` clients.
pub(crate) struct TcpClientParser(pub(crate) Rc<dyn ClientReactor>);

/// `tcp6` clients.
pub(crate) struct Tcp6ClientParser(pub(crate) Rc<dyn ClientReactor>);

impl ServerParser for TcpServerParser {
    fn kind(&self) -> &'static str {
        "tcp"
    }

    fn is_kind(&self, given: &str) -> bool {
        given == "tcp"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([port, interface, backlog], options) =
            arguments.bind_options(["port", "interface", "backlog"], SERVER_OPTIONS)?;
        let endpoint = TcpServerEndpoint::shared(Rc::clone(&self.0), port.port()?)
            .with_interface(interface.host_or(Host::ANY_IPV4)?)
            .with_backlog(backlog.backlog()?)
            .with_options(server_options(options)?);
        Ok(arguments.parsed(Rc::new(endpoint), ["tcp"]))
    }
}

impl ServerParser for Tcp6ServerParser {
    fn kind(&self) -> &'static str {
        "tcp6"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([port, backlog, interface], options) =
            arguments.bind_options(["port", "backlog", "interface"], SERVER_OPTIONS)?;
        let endpoint = TcpServerEndpoint::shared_ipv6(Rc::clone(&self.0), port.port()?)
            .with_backlog(backlog.backlog()?)
            .with_interface(match interface.is_given() {
                true => ipv6_host(&interface)?,
                false => interface.host_or(Host::ANY_IPV6)?,
            })
            .with_options(server_options(options)?);
        Ok(arguments.parsed(Rc::new(endpoint), ["tcp"]))
    }
}

impl ClientParser for TcpClientParser {
    fn kind(&self) -> &'static str {
        "tcp"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([host, port], keywords, [retry, options @ ..]) =
            arguments.bind_host_port_options(["timeout", "bindAddress"], CLIENT_KEYWORDS)?;
        let (host, port) = (host.host()?, port.port()?);
        let endpoint = TcpClientEndpoint::shared(Rc::clone(&self.0), host, port);
        let endpoint = endpoint.with_arguments(keywords)?.with_options(client_options(options)?);
        let endpoint = retried(endpoint, Rc::clone(&self.0) as _, retry)?;
        Ok(arguments.parsed(endpoint, ["tcp"]))
    }
}

impl ClientParser for Tcp6ClientParser {
    fn kind(&self) -> &'static str {
        "tcp6"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([host, port], keywords, [retry, options @ ..]) =
            arguments.bind_host_port_options(["timeout", "bindAddress"], CLIENT_KEYWORDS)?;
        let (host, port) = (ipv6_host(&host)?, port.port()?);
        let endpoint = TcpClientEndpoint::shared_ipv6(Rc::clone(&self.0), host, port);
        let endpoint = endpoint.with_arguments(keywords)?.with_options(client_options(options)?);
        let endpoint = retried(endpoint, Rc::clone(&self.0) as _, retry)?;
        Ok(arguments.parsed(endpoint, ["tcp"]))
    }
}

impl TcpClientEndpoint {
    /// Reads the arguments `timeout` and `bindAddress`, which every client over TCP takes.
    ///
    /// # Errors
    ///
    /// [`ParseError`], also when the local address is not of the host's family.
    pub fn with_arguments(
        self,
        [timeout, bind_address]: [Argument<'_>; 2],
    ) -> Result<Self, ParseError> {
        let endpoint = self.with_timeout(timeout.seconds_or(Duration::from_secs(30))?);
        let Some(address) = bind_address.ip_address()? else { return Ok(endpoint) };
        match (endpoint.host_family(), address) {
            (AddressFamily::Ipv6, IpAddr::V4(_)) => Err(bind_address.error("an IPv6 address")),
            (AddressFamily::Ipv4, IpAddr::V6(_)) => Err(bind_address.error("an IPv4 address")),
            _ => Ok(endpoint.with_bind_address(address)),
        }
    }
}

fn ipv6_host(argument: &Argument<'_>) -> Result<Host, ParseError> {
    let expected = "an IPv6 address or a host name";
    let host = argument.host().map_err(|_| argument.error(expected))?;
    if host.is_ipv6() == Some(false) { Err(argument.error(expected)) } else { Ok(host) }
}
