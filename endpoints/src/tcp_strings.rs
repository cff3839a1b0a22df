//! The strings of kind `tcp` and `tcp6`.
//!
//! | kind | | by position | by name only |
//! |---|---|---|---|
//! | `tcp` | server | `port`, `interface` (every IPv4 address), `backlog` (50) | |
//! | `tcp6` | server | `port`, `backlog` (50), `interface` (`::`) | |
//! | `tcp`, `tcp6` | client | `host`, `port` | `timeout` (30), `bindAddress` |
//!
//! Invariant: what would fail at every listen or connect, because of the string alone, fails here.

use alloc::rc::Rc;
use alloc::string::ToString;
use core::net::IpAddr;
use core::time::Duration;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};

use crate::tcp_reactor::TcpReactor;
use crate::{
    Argument, Arguments, ClientParser, Description, Host, ParseError, Parsed, ServerParser,
    TcpClientEndpoint, TcpServerEndpoint, Value,
};

/// The largest backlog that listen(2) can be asked for.
pub(crate) const BACKLOG_MAX: u64 = i32::MAX as u64;

/// `tcp` servers.
pub(crate) struct TcpServerParser(pub(crate) Rc<dyn TcpReactor>);

/// `tcp6` servers.
pub(crate) struct Tcp6ServerParser(pub(crate) Rc<dyn TcpReactor>);

/// `tcp` clients.
pub(crate) struct TcpClientParser(pub(crate) Rc<dyn TcpReactor>);

/// `tcp6` clients.
pub(crate) struct Tcp6ClientParser(pub(crate) Rc<dyn TcpReactor>);

impl ServerParser for TcpServerParser {
    fn kind(&self) -> &'static str {
        "tcp"
    }

    fn is_kind(&self, given: &str) -> bool {
        given == "tcp"
    }

    fn parse(
        &self,
        arguments: &Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let [port, interface, backlog] = arguments.bind(["port", "interface", "backlog"])?;
        let (port, host) = (port.port()?, interface_or(&interface, Host::ANY_IPV4)?);
        let backlog = backlog.number_or(0..=BACKLOG_MAX, 50)?;
        let endpoint = TcpServerEndpoint::shared(Rc::clone(&self.0), port);
        let endpoint = endpoint.with_interface(host.clone()).with_backlog(backlog as u32);
        let arguments = alloc::vec![
            ("port", Value::Number(port.into())),
            ("interface", Value::Text(host.to_string())),
            ("backlog", Value::Number(backlog)),
        ];
        Ok(Parsed::new(Rc::new(endpoint), over_tcp("tcp", arguments)))
    }
}

impl ServerParser for Tcp6ServerParser {
    fn kind(&self) -> &'static str {
        "tcp6"
    }

    fn parse(
        &self,
        arguments: &Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let [port, backlog, interface] = arguments.bind(["port", "backlog", "interface"])?;
        let (port, backlog) = (port.port()?, backlog.number_or(0..=BACKLOG_MAX, 50)?);
        let host = match interface.is_given() {
            true => ipv6_host(&interface)?,
            false => Host::ANY_IPV6,
        };
        let endpoint = TcpServerEndpoint::shared_ipv6(Rc::clone(&self.0), port);
        let endpoint = endpoint.with_interface(host.clone()).with_backlog(backlog as u32);
        let arguments = alloc::vec![
            ("port", Value::Number(port.into())),
            ("backlog", Value::Number(backlog)),
            ("interface", Value::Text(host.to_string())),
        ];
        Ok(Parsed::new(Rc::new(endpoint), over_tcp("tcp6", arguments)))
    }
}

impl ClientParser for TcpClientParser {
    fn kind(&self) -> &'static str {
        "tcp"
    }

    fn parse(
        &self,
        arguments: &Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let given = client_arguments(arguments)?;
        let host = given.host.host()?;
        client("tcp", given, host, |host, port| {
            TcpClientEndpoint::shared(Rc::clone(&self.0), host, port)
        })
    }
}

impl ClientParser for Tcp6ClientParser {
    fn kind(&self) -> &'static str {
        "tcp6"
    }

    fn parse(
        &self,
        arguments: &Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let given = client_arguments(arguments)?;
        let host = ipv6_host(&given.host)?;
        client("tcp6", given, host, |host, port| {
            TcpClientEndpoint::shared_ipv6(Rc::clone(&self.0), host, port)
        })
    }
}

/// The arguments of a client, bound and not yet read.
struct ClientArguments<'a> {
    host: Argument<'a>,
    port: Argument<'a>,
    timeout: Argument<'a>,
    bind_address: Argument<'a>,
}

/// Twisted's rule: a single value by position is the port if the host is given by name.
fn client_arguments<'a>(arguments: &'a Arguments<'_>) -> Result<ClientArguments<'a>, ParseError> {
    let given = if arguments.positional_count() == 1 && arguments.has_option("host") {
        let ([port], [host, timeout, bind_address]) =
            arguments.bind_keywords(["port"], ["host", "timeout", "bindAddress"])?;
        ClientArguments { host, port, timeout, bind_address }
    } else {
        let ([host, port], [timeout, bind_address]) =
            arguments.bind_keywords(["host", "port"], ["timeout", "bindAddress"])?;
        ClientArguments { host, port, timeout, bind_address }
    };
    // That the port is missing says more about `tcp:80` than that `80` is not a host.
    match [given.host, given.port].into_iter().find(|needed| !needed.is_given()) {
        Some(missing) => Err(missing.missing()),
        None => Ok(given),
    }
}

fn client(
    kind: &'static str,
    given: ClientArguments<'_>,
    host: Host,
    endpoint: impl FnOnce(Host, u16) -> TcpClientEndpoint,
) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
    let port = given.port.port()?;
    let timeout = given.timeout.seconds_or(Duration::from_secs(30))?;
    let bind_address = given.bind_address.ip_address()?;
    let is_ipv6 = if kind == "tcp6" { Some(true) } else { host.is_ipv6() };
    match (is_ipv6, bind_address) {
        (Some(true), Some(IpAddr::V4(_))) => {
            return Err(given.bind_address.error("an IPv6 address"));
        }
        (Some(false), Some(IpAddr::V6(_))) => {
            return Err(given.bind_address.error("an IPv4 address"));
        }
        _ => {}
    }
    let arguments = alloc::vec![
        ("host", Value::Text(host.to_string())),
        ("port", Value::Number(port.into())),
        ("timeout", Value::Seconds(timeout)),
        ("bindAddress", bind_address.map_or(Value::Absent, |ip| Value::Text(ip.to_string()))),
    ];
    let mut endpoint = endpoint(host, port).with_timeout(timeout);
    if let Some(address) = bind_address {
        endpoint = endpoint.with_bind_address(address);
    }
    Ok(Parsed::new(Rc::new(endpoint), over_tcp(kind, arguments)))
}

/// An empty interface means the default, as in Twisted.
fn interface_or(interface: &Argument<'_>, default: Host) -> Result<Host, ParseError> {
    if interface.span().is_empty() { Ok(default) } else { interface.host() }
}

fn ipv6_host(argument: &Argument<'_>) -> Result<Host, ParseError> {
    let expected = "an IPv6 address or a host name";
    let host = argument.host().map_err(|_| argument.error(expected))?;
    if host.is_ipv6() == Some(false) { Err(argument.error(expected)) } else { Ok(host) }
}

fn over_tcp(kind: &'static str, arguments: alloc::vec::Vec<(&'static str, Value)>) -> Description {
    Description { kind, arguments, layers: alloc::vec!["tcp".into()] }
}
