//! Connecting over TCP; Twisted's `TCP4ClientEndpoint`, `TCP6ClientEndpoint` and `HostnameEndpoint`.
//!
//! Invariant: a numeric address is connected to by one attempt, and fails with the error of it.

use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use deferred::Deferred;
use interfaces::{
    AddressFamily, ConnectTcp, Factory, ReactorTcp, ReactorTime, Resolver, StreamClientEndpoint,
    TcpOptions,
};

use crate::hostname::Race;
use crate::tcp_reactor::{ClientReactor, addresses};
use crate::{BindAddress, Host};

/// The time between the beginnings of two attempts: what RFC 8305 section 5 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A host and TCP port to connect to; for a name, with Happy Eyeballs (RFC 8305).
///
/// The addresses of a name are tried with the families by turns, beginning with the resolver's first:
/// each next one after the [attempt delay](Self::with_attempt_delay), or as soon as an attempt failed. The
/// first connection wins, and the others are given up. So a dead address costs the delay, and one that
/// refuses costs nothing. A connection for which the factory builds no protocol counts as failed.
///
/// # Errors
///
/// `connect` fails with [`ConnectError`](interfaces::ConnectError); for a name, with
/// [`AllFailed`](interfaces::ConnectError::AllFailed), which lists each address that was tried in the order
/// in which they failed, or with the resolver's error. Cancelling stops the look-up or all attempts, and
/// fails with [`Cancelled`](deferred::Cancelled).
///
/// # Differences from Twisted
///
/// `TCP4ClientEndpoint` tries one address of a name; this is Twisted's `HostnameEndpoint` too, which waits
/// 300 ms between two attempts, also after one that failed, keeps the resolver's order, and tells the last
/// error alone. At most 32 addresses are tried, each once. The address to connect from is numeric, and
/// addresses of the other family are left out.
#[doc(alias = "TCP4ClientEndpoint")]
#[doc(alias = "HostnameEndpoint")]
#[derive(Clone)]
pub struct TcpClientEndpoint {
    reactor: Rc<dyn ClientReactor>,
    host: Host,
    port: u16,
    timeout: Duration,
    attempt_delay: Duration,
    bind_address: Option<BindAddress>,
    options: TcpOptions,
    family: AddressFamily,
}

impl TcpClientEndpoint {
    /// How long an attempt may take unless something else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// Connects to `port` of `host`, over IPv4 or IPv6.
    pub fn new(
        reactor: impl ReactorTcp + Resolver + ReactorTime + 'static,
        host: impl Into<Host>,
        port: u16,
    ) -> Self {
        Self::shared(Rc::new(reactor), host.into(), port)
    }

    /// Connects to `port` of `host`, over IPv6 alone; Twisted's `TCP6ClientEndpoint`.
    #[doc(alias = "TCP6ClientEndpoint")]
    pub fn new_ipv6(
        reactor: impl ReactorTcp + Resolver + ReactorTime + 'static,
        host: impl Into<Host>,
        port: u16,
    ) -> Self {
        Self::shared_ipv6(Rc::new(reactor), host.into(), port)
    }

    /// How long each attempt may take. Default 30 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long an attempt to an address of a name has alone before the next one begins; none begins all
    /// of them at once. Default 250 ms. Twisted's `attemptDelay`.
    #[doc(alias = "attemptDelay")]
    #[must_use]
    pub fn with_attempt_delay(self, attempt_delay: Duration) -> Self {
        Self { attempt_delay, ..self }
    }

    /// The local address to connect from: an address alone has a free port. Only addresses of its family
    /// are connected to.
    #[doc(alias = "bindAddress")]
    #[must_use]
    pub fn with_bind_address(self, address: impl Into<BindAddress>) -> Self {
        Self { bind_address: Some(address.into()), ..self }
    }

    /// The options of the socket. Default: the system's.
    #[must_use]
    pub fn with_options(self, options: TcpOptions) -> Self {
        Self { options, ..self }
    }

    pub(crate) fn shared(reactor: Rc<dyn ClientReactor>, host: Host, port: u16) -> Self {
        Self {
            reactor,
            host,
            port,
            timeout: Self::TIMEOUT,
            attempt_delay: ATTEMPT_DELAY,
            bind_address: None,
            options: TcpOptions::default(),
            family: AddressFamily::Any,
        }
    }

    pub(crate) fn shared_ipv6(reactor: Rc<dyn ClientReactor>, host: Host, port: u16) -> Self {
        Self { family: AddressFamily::Ipv6, ..Self::shared(reactor, host, port) }
    }

    /// One attempt, to one address.
    pub(crate) fn attempt(&self, address: SocketAddr, factory: Rc<dyn Factory>) -> Deferred<()> {
        let options = ConnectTcp::new(address)
            .with_timeout(self.timeout)
            .with_bind_address(self.bind_address.map(|local| local.0))
            .with_options(self.options.clone());
        self.reactor.connect_tcp(&options, factory)
    }

    /// The same options for another host and port.
    #[cfg(feature = "std")]
    pub(crate) fn with_target(self, host: Host, port: u16) -> Self {
        Self { host, port, ..self }
    }

    pub(crate) fn attempt_delay(&self) -> Duration {
        self.attempt_delay
    }

    pub(crate) fn time(&self) -> &dyn ReactorTime {
        &*self.reactor
    }

    /// The host as errors name it.
    pub(crate) fn host_name(&self) -> String {
        self.host.to_string()
    }

    /// The addresses that can be connected to: of our family, and of the local address's.
    fn usable(&self) -> AddressFamily {
        match (self.family, self.bind_address) {
            (AddressFamily::Any, Some(BindAddress(SocketAddr::V4(_)))) => AddressFamily::Ipv4,
            (AddressFamily::Any, Some(BindAddress(SocketAddr::V6(_)))) => AddressFamily::Ipv6,
            (family, _) => family,
        }
    }
}

impl StreamClientEndpoint for TcpClientEndpoint {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let endpoint = self.clone();
        let is_numeric = self.host.socket_addr(self.port).is_some();
        let found = addresses(&*self.reactor, (&self.host, self.port), self.usable());
        found.add_callback(move |addresses| match addresses[..] {
            [address] if is_numeric => endpoint.attempt(address, factory),
            _ => Race::start(endpoint, factory, &addresses),
        })
    }
}

/// The host and the port, as in a URL: `TcpClientEndpoint([::1]:22)`.
impl fmt::Debug for TcpClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        match host.is_ipv6() {
            Some(true) => write!(f, "TcpClientEndpoint([{host}]:{port})"),
            Some(false) | None => write!(f, "TcpClientEndpoint({host}:{port})"),
        }
    }
}
