//! The strings of kind `srv`, for clients: `srv:_imaps._tcp.example.com`.
//!
//! | by position | by name only |
//! |---|---|
//! | `service` | `timeout` (30), `bindAddress`, `retry` (0), those of `tcp_options` |
//!
//! Twisted has no such strings. Invariant: a service that is not one over TCP is an error when it is parsed.

use alloc::rc::Rc;
use alloc::string::String;

use interfaces::{ReactorTcp, ReactorTime, ReactorUdp, Resolver, StreamClientEndpoint};

use super::{DnsServers, DnsServiceResolver, ServiceResolver, SrvClientEndpoint};
use crate::retry::retried;
use crate::tcp_options::client_options;
use crate::tcp_reactor::ClientReactor;
use crate::tcp_strings::CLIENT_KEYWORDS;
use crate::{Argument, Arguments, ClientParser, Host, ParseError, Parsed};

/// `srv` clients, for [`Registry::with_client`](crate::Registry::with_client).
pub struct SrvClientParser {
    reactor: Rc<dyn ClientReactor>,
    services: Rc<dyn ServiceResolver>,
}

impl SrvClientParser {
    /// On this reactor, with the name servers of the system.
    pub fn new<R>(reactor: R) -> Self
    where
        R: ReactorTcp + ReactorUdp + Resolver + ReactorTime + 'static,
    {
        let reactor = Rc::new(reactor);
        let services = DnsServiceResolver::new(Rc::clone(&reactor), DnsServers::System);
        Self { reactor, services: Rc::new(services) }
    }

    /// On this reactor, with another source of services.
    pub fn with_services(
        reactor: impl ReactorTcp + Resolver + ReactorTime + 'static,
        services: impl ServiceResolver + 'static,
    ) -> Self {
        Self { reactor: Rc::new(reactor), services: Rc::new(services) }
    }
}

impl core::fmt::Debug for SrvClientParser {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SrvClientParser")
    }
}

impl ClientParser for SrvClientParser {
    fn kind(&self) -> &'static str {
        "srv"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([service], [timeout, bind_address], [retry, options @ ..]) = arguments
            .bind_with_options(["service"], ["timeout", "bindAddress"], CLIENT_KEYWORDS)?;
        let service = service_name(&service)?;
        let services = Rc::clone(&self.services);
        let endpoint = SrvClientEndpoint::shared(Rc::clone(&self.reactor), services, &service)
            .with_timeout(timeout.seconds_or(core::time::Duration::from_secs(30))?);
        let endpoint = match bind_address.ip_address()? {
            Some(address) => endpoint.with_bind_address(address),
            None => endpoint,
        };
        let endpoint = endpoint.with_options(client_options(options)?);
        let endpoint = retried(endpoint, Rc::clone(&self.reactor) as _, retry)?;
        Ok(arguments.parsed(endpoint, ["srv", "tcp"]))
    }
}

/// `_service._proto.name` as DNS has it, where the protocol is not UDP.
fn service_name(argument: &Argument<'_>) -> Result<String, ParseError> {
    let wrong = || argument.error("the name of a service, as `_imaps._tcp.example.com`");
    let Ok(Host::Name(name)) = argument.required()?.parse() else { return Err(wrong()) };
    let mut labels = name.split('.');
    let is_marked = |label: &str| label.len() > 1 && label.starts_with('_');
    let (service, protocol) = (labels.next().unwrap_or(""), labels.next().unwrap_or(""));
    let is_in_a_domain = labels.next().is_some_and(|label| !label.is_empty());
    if !is_marked(service) || !is_marked(protocol) || !is_in_a_domain {
        return Err(wrong());
    }
    if protocol.eq_ignore_ascii_case("_udp") {
        return Err(argument.error("a service over TCP"));
    }
    Ok(name)
}
