//! Listening over TCP; Twisted's `TCP4ServerEndpoint` and `TCP6ServerEndpoint`.
//!
//! Invariant: one call of `listen` opens one port, on one address.

use alloc::rc::Rc;
use core::fmt;

use deferred::{Deferred, Failure};
use interfaces::{
    AddressFamily, BACKLOG_MAX, DualStack, Factory, ListenError, ListenTcp, ListeningPort,
    ReactorTcp, Resolver, StreamServerEndpoint, TcpOptions,
};

use crate::Host;
use crate::tcp_reactor::{TcpReactor, addresses};

/// A TCP port to listen on.
///
/// # Errors
///
/// `listen` fails with [`ListenError`](interfaces::ListenError), or, if the interface is a name,
/// with the resolver's error.
///
/// # Differences from Twisted
///
/// An interface that is a name is looked up by the reactor's [`Resolver`], without blocking.
#[derive(Clone)]
pub struct TcpServerEndpoint {
    reactor: Rc<dyn TcpReactor>,
    port: u16,
    interface: Host,
    backlog: u32,
    options: TcpOptions,
    dual_stack: DualStack,
    family: AddressFamily,
    /// In the place of an IPv6 wildcard where the machine has no IPv6.
    fallback: Option<Host>,
}

/// Linux's numbers for a machine without IPv6: the family is not there (ipv6.disable=1), or no address of it
/// is (net.ipv6.conf.all.disable_ipv6=1).
const NO_IPV6: [i32; 2] = [97, 99];

impl TcpServerEndpoint {
    /// Listens on `port` of every IPv4 address; 0 takes a free port.
    pub fn new(reactor: impl ReactorTcp + Resolver + 'static, port: u16) -> Self {
        Self::shared(Rc::new(reactor), port)
    }

    /// As [`new`](Self::new), on every IPv6 address; Twisted's `TCP6ServerEndpoint`.
    #[doc(alias = "TCP6ServerEndpoint")]
    pub fn new_ipv6(reactor: impl ReactorTcp + Resolver + 'static, port: u16) -> Self {
        Self::shared_ipv6(Rc::new(reactor), port)
    }

    /// Listens on this address of the machine. Of a name with addresses of both families the
    /// first IPv4 address is taken, and for an endpoint of IPv6 the first IPv6 address.
    #[must_use]
    pub fn with_interface(self, interface: impl Into<Host>) -> Self {
        Self { interface: interface.into(), fallback: None, ..self }
    }

    /// Listens on every address of this machine: on `::`, which takes IPv4 peers too, or on every IPv4 address
    /// where the machine has no IPv6. For defaults; the port says which it is. An interface that was asked for
    /// is never replaced.
    #[must_use]
    pub fn with_every_address(self) -> Self {
        Self { interface: Host::ANY_IPV6, fallback: Some(Host::ANY_IPV4), ..self }
    }

    /// How many connections the kernel keeps before they are accepted. Default
    /// [`BACKLOG_MAX`]: as many as the kernel allows.
    #[must_use]
    pub fn with_backlog(self, backlog: u32) -> Self {
        Self { backlog, ..self }
    }

    /// The options of the socket and of its connections. Default: the system's.
    #[must_use]
    pub fn with_options(self, options: TcpOptions) -> Self {
        Self { options, ..self }
    }

    /// Whether an IPv6 wildcard takes IPv4 peers too. Default: as the system has it.
    #[must_use]
    pub fn with_dual_stack(self, dual_stack: DualStack) -> Self {
        Self { dual_stack, ..self }
    }

    pub(crate) fn shared(reactor: Rc<dyn TcpReactor>, port: u16) -> Self {
        Self {
            reactor,
            port,
            interface: Host::ANY_IPV4,
            backlog: BACKLOG_MAX,
            options: TcpOptions::default(),
            dual_stack: DualStack::default(),
            family: AddressFamily::Any,
            fallback: None,
        }
    }

    pub(crate) fn shared_ipv6(reactor: Rc<dyn TcpReactor>, port: u16) -> Self {
        let (interface, family) = (Host::ANY_IPV6, AddressFamily::Ipv6);
        Self { interface, family, ..Self::shared(reactor, port) }
    }
}

impl StreamServerEndpoint for TcpServerEndpoint {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let Self { reactor, backlog, options, dual_stack, fallback, .. } = self.clone();
        let found = addresses(&*reactor, (&self.interface, self.port), self.family);
        found.add_callback(move |addresses| {
            // `localhost` means 127.0.0.1, as in Twisted, wherever ::1 comes first.
            let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
            let address = *address.expect("addresses() has at least one");
            let options = ListenTcp::new(address)
                .with_backlog(backlog)
                .with_options(options)
                .with_dual_stack(dual_stack);
            let listening = reactor.listen_tcp(&options, Rc::clone(&factory));
            let fallback = fallback.and_then(|host| host.socket_addr(address.port()));
            let listening = match (listening, fallback) {
                (Err(error), Some(address)) if has_no_ipv6(&error) => {
                    let mut options = options;
                    options.address = address;
                    reactor.listen_tcp(&options, factory)
                }
                (listening, _) => listening,
            };
            listening.map_err(Failure::from)
        })
    }
}

fn has_no_ipv6(error: &ListenError) -> bool {
    matches!(error, ListenError::Refused { source, .. } if NO_IPV6.contains(&source.raw_os_error()))
}

impl fmt::Debug for TcpServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpServerEndpoint")
            .field("port", &self.port)
            .field("interface", &self.interface)
            .field("backlog", &self.backlog)
            .finish_non_exhaustive()
    }
}
