//! Connecting over TCP; Twisted's `TCP4ClientEndpoint` and `TCP6ClientEndpoint`.
//!
//! Invariant: at most one attempt runs at a time, and none begins after the connect was cancelled.

use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::vec::{self, Vec};
use core::cell::Cell;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{
    AddressFamily, ConnectError, ConnectTcp, Factory, FailedAddress, ReactorTcp, Resolver,
    StreamClientEndpoint, TcpOptions,
};

use crate::Host;
use crate::tcp_reactor::{TcpReactor, addresses};

/// The most addresses of one name that are tried. Only a hostile or broken name server has more.
const ADDRESSES_MAX: usize = 32;

/// A host and TCP port to connect to.
///
/// # Errors
///
/// `connect` fails with [`ConnectError`]; for a name, with [`ConnectError::AllFailed`], which
/// lists each address that was tried, or with the resolver's error. Cancelling stops the running
/// look-up or attempt, and begins no other.
///
/// # Differences from Twisted
///
/// All addresses of a name are tried, one after the other, IPv4 and IPv6 as the resolver orders
/// them, at most 32; Twisted tries one. The address to connect from is numeric.
#[derive(Clone)]
pub struct TcpClientEndpoint {
    reactor: Rc<dyn TcpReactor>,
    host: Host,
    port: u16,
    timeout: Duration,
    bind_address: Option<IpAddr>,
    options: TcpOptions,
    family: AddressFamily,
}

impl TcpClientEndpoint {
    /// Connects to `port` of `host`, over IPv4 or IPv6.
    pub fn new(
        reactor: impl ReactorTcp + Resolver + 'static,
        host: impl Into<Host>,
        port: u16,
    ) -> Self {
        Self::shared(Rc::new(reactor), host.into(), port)
    }

    /// Connects to `port` of `host`, over IPv6 alone; Twisted's `TCP6ClientEndpoint`.
    #[doc(alias = "TCP6ClientEndpoint")]
    pub fn new_ipv6(
        reactor: impl ReactorTcp + Resolver + 'static,
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

    /// The local address to connect from, with a free port. Only addresses of its family are
    /// connected to.
    #[must_use]
    pub fn with_bind_address(self, address: IpAddr) -> Self {
        Self { bind_address: Some(address), ..self }
    }

    /// The options of the socket. Default: the system's.
    #[must_use]
    pub fn with_options(self, options: TcpOptions) -> Self {
        Self { options, ..self }
    }

    pub(crate) fn shared(reactor: Rc<dyn TcpReactor>, host: Host, port: u16) -> Self {
        let (timeout, options) = (Duration::from_secs(30), TcpOptions::default());
        let family = AddressFamily::Any;
        Self { reactor, host, port, timeout, bind_address: None, options, family }
    }

    pub(crate) fn shared_ipv6(reactor: Rc<dyn TcpReactor>, host: Host, port: u16) -> Self {
        Self { family: AddressFamily::Ipv6, ..Self::shared(reactor, host, port) }
    }

    /// The family of every address that can be connected to, as far as the host's form tells.
    pub(crate) fn host_family(&self) -> AddressFamily {
        match (self.family, self.host.is_ipv6()) {
            (AddressFamily::Any, Some(true)) => AddressFamily::Ipv6,
            (AddressFamily::Any, Some(false)) => AddressFamily::Ipv4,
            (family, _) => family,
        }
    }

    fn options(&self, address: SocketAddr) -> ConnectTcp {
        ConnectTcp::new(address)
            .with_timeout(self.timeout)
            .with_bind_address(self.bind_address.map(|local| SocketAddr::new(local, 0)))
            .with_options(self.options.clone())
    }

    /// The addresses that can be connected to: of our family, and of the local address's.
    fn usable(&self) -> AddressFamily {
        match (self.family, self.bind_address) {
            (AddressFamily::Any, Some(IpAddr::V4(_))) => AddressFamily::Ipv4,
            (AddressFamily::Any, Some(IpAddr::V6(_))) => AddressFamily::Ipv6,
            (family, _) => family,
        }
    }
}

impl StreamClientEndpoint for TcpClientEndpoint {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let found = addresses(&self.reactor, (&self.host, self.port), self.usable());
        if self.host.socket_addr(self.port).is_some() {
            let endpoint = self.clone();
            return found.add_callback(move |addresses| {
                let address = *addresses.first().expect("addresses() has at least one");
                endpoint.reactor.connect_tcp(&endpoint.options(address), factory)
            });
        }
        let given_up = Rc::new(Cell::new(false));
        let (endpoint, stop) = (self.clone(), Rc::clone(&given_up));
        let connected = found.add_callback(move |addresses| {
            let attempts = Vec::new();
            Addresses { endpoint, factory, stop, attempts, left: addresses.into_iter() }.try_next(0)
        });
        cancelled_by(given_up, connected)
    }
}

/// Forwards the result. Cancelling sets `given_up` first, so that the failure which follows ends the
/// connect, whatever error the reactor reports.
fn cancelled_by(given_up: Rc<Cell<bool>>, connected: Deferred<()>) -> Deferred<()> {
    let running = connected.cancel_handle();
    let (deferred, promise) = Deferred::with_canceller(move || {
        given_up.set(true);
        running.cancel();
        None
    });
    drop(connected.add_both(move |result| {
        promise.fire(result);
        Ok::<(), Failure>(())
    }));
    deferred
}

/// The addresses of one name that are left to try.
struct Addresses {
    endpoint: TcpClientEndpoint,
    factory: Rc<dyn Factory>,
    stop: Rc<Cell<bool>>,
    attempts: Vec<FailedAddress>,
    left: vec::IntoIter<SocketAddr>,
}

impl Addresses {
    fn try_next(mut self, tried: usize) -> Deferred<()> {
        let next = self.left.next().filter(|_| tried < ADDRESSES_MAX);
        let Some(address) = next else {
            let host = self.endpoint.host.to_string();
            return Deferred::fail(ConnectError::AllFailed { host, attempts: self.attempts });
        };
        let options = self.endpoint.options(address);
        let attempt = self.endpoint.reactor.connect_tcp(&options, Rc::clone(&self.factory));
        attempt.add_errback(move |failure| {
            if self.stop.get() || is_final(&failure) {
                return Deferred::fail(failure);
            }
            self.attempts.push(FailedAddress::new(address.into(), failure));
            self.try_next(tried + 1)
        })
    }
}

/// Whether no other address is tried: the connect was cancelled, or this address did connect.
fn is_final(failure: &Failure) -> bool {
    let connected = matches!(
        failure.downcast_ref(),
        Some(ConnectError::NoProtocol { .. } | ConnectError::EndedAtOnce { .. })
    );
    connected || failure.check::<Cancelled>()
}

impl fmt::Debug for TcpClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpClientEndpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("timeout", &self.timeout)
            .field("bind_address", &self.bind_address)
            .finish_non_exhaustive()
    }
}
