//! The strings of kind `srv`, for clients: `srv:_imaps._tcp.example.com`.
//!
//! | by position | by name only |
//! |---|---|
//! | `service` | `timeout` (30), `bindAddress`, `retry` (0), those of `tcp_options` |
//!
//! Twisted has no such strings. Invariant: every string of a registry asks the same source of services.

use alloc::rc::Rc;

use interfaces::{ReactorTcp, ReactorTime, ReactorUdp, Resolver, StreamClientEndpoint};

use super::{DnsServers, DnsServiceResolver, ServiceResolver, SrvClientEndpoint};
use crate::config::EndpointConfig as _;
use crate::tcp_reactor::ClientReactor;
use crate::{Arguments, ClientParser, ParseError, Parsed, SrvClientConfig};

/// `srv` clients, for [`Registry::with_client`](crate::Registry::with_client).
pub struct SrvClientParser(SrvContext);

/// The reactor, and the source of services.
pub(crate) struct SrvContext {
    reactor: Rc<dyn ClientReactor>,
    services: Rc<dyn ServiceResolver>,
}

impl SrvContext {
    pub(crate) fn of_system<R>(reactor: R) -> Self
    where
        R: ReactorTcp + ReactorUdp + Resolver + ReactorTime + 'static,
    {
        let reactor = Rc::new(reactor);
        let services = DnsServiceResolver::new(Rc::clone(&reactor), DnsServers::System);
        Self { reactor, services: Rc::new(services) }
    }

    pub(crate) fn endpoint(&self, config: &SrvClientConfig) -> Rc<dyn StreamClientEndpoint> {
        let (reactor, services) = (Rc::clone(&self.reactor), Rc::clone(&self.services));
        let endpoint = SrvClientEndpoint::shared(Rc::clone(&reactor), services, &config.service);
        let endpoint = endpoint.with_template(|template| config.connect.applied_to(template));
        config.connect.retried(endpoint, reactor)
    }
}

impl SrvClientParser {
    /// On this reactor, with the name servers of the system.
    pub fn new<R>(reactor: R) -> Self
    where
        R: ReactorTcp + ReactorUdp + Resolver + ReactorTime + 'static,
    {
        Self(SrvContext::of_system(reactor))
    }

    /// On this reactor, with another source of services.
    pub fn with_services(
        reactor: impl ReactorTcp + Resolver + ReactorTime + 'static,
        services: impl ServiceResolver + 'static,
    ) -> Self {
        Self(SrvContext { reactor: Rc::new(reactor), services: Rc::new(services) })
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

    fn examples(&self) -> &'static [&'static str] {
        &["srv:_imaps._tcp.example.com"]
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let config = SrvClientConfig::read(&mut arguments)?;
        Ok(arguments.parsed(self.0.endpoint(&config), ["srv", "tcp"]))
    }
}
