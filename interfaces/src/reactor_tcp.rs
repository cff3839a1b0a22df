//! TCP as a capability; Twisted's `IReactorTCP`.
//!
//! Invariant: addresses are numeric; a [`Resolver`](crate::Resolver) looks names up before.

use alloc::rc::Rc;
use core::net::SocketAddr;
use core::time::Duration;

use deferred::Deferred;

use crate::{Factory, ListenError, ListeningPort, TcpOptions};

/// The largest backlog that listen(2) takes. The kernel cuts it down to what it allows
/// (`net.core.somaxconn` on Linux, 4096 unless the system says otherwise).
pub const BACKLOG_MAX: u32 = i32::MAX as u32;

/// The ability to listen and connect over TCP.
#[doc(alias = "IReactorTCP")]
pub trait ReactorTcp {
    /// Listens, and runs a protocol of the factory on each connection accepted.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    #[doc(alias = "listenTCP")]
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError>;

    /// Makes one connection. Fires after the protocol's `connection_made`; cancelling gives the
    /// attempt up and closes its socket.
    ///
    /// # Errors
    ///
    /// Fails with [`ConnectError`](crate::ConnectError).
    #[doc(alias = "connectTCP")]
    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()>;
}

/// The options of listening.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenTcp {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// How many connections the kernel keeps before they are accepted (listen(2)). Default
    /// [`BACKLOG_MAX`]: as many as the kernel allows.
    ///
    /// # Differences from Twisted
    ///
    /// Twisted's default is 50, which a burst of clients overflows: a client that comes then waits a
    /// second before it asks again.
    pub backlog: u32,
    /// The socket's options.
    pub options: TcpOptions,
    /// Which peers a wildcard address of IPv6 accepts. Default as the system has it.
    pub dual_stack: DualStack,
}

/// Whether a socket that listens on `::` takes IPv4 peers too (ipv6(7), `IPV6_V6ONLY`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DualStack {
    /// As the system has it: on Linux both, unless `net.ipv6.bindv6only` is set.
    #[default]
    System,
    /// IPv6 peers alone; another socket may listen on the same port of IPv4.
    Ipv6Only,
    /// Both; IPv4 peers have addresses as `::ffff:192.0.2.1`.
    Both,
}

impl ListenTcp {
    /// Listens on `address` with the defaults.
    pub fn new(address: impl Into<SocketAddr>) -> Self {
        Self {
            address: address.into(),
            backlog: BACKLOG_MAX,
            options: TcpOptions::default(),
            dual_stack: DualStack::System,
        }
    }

    /// With another [`backlog`](Self::backlog).
    #[must_use]
    pub fn with_backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// With other [`options`](Self::options).
    #[must_use]
    pub fn with_options(mut self, options: TcpOptions) -> Self {
        self.options = options;
        self
    }

    /// With another [`dual_stack`](Self::dual_stack).
    #[must_use]
    pub fn with_dual_stack(mut self, dual_stack: DualStack) -> Self {
        self.dual_stack = dual_stack;
        self
    }
}

/// The options of connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectTcp {
    /// The peer.
    pub address: SocketAddr,
    /// How long to wait for its answer. Default 30 s, as in Twisted.
    pub timeout: Duration,
    /// The local address to connect from; port 0 takes a free one.
    pub bind_address: Option<SocketAddr>,
    /// The socket's options.
    pub options: TcpOptions,
}

impl ConnectTcp {
    /// Connects to `address` with the defaults.
    pub fn new(address: impl Into<SocketAddr>) -> Self {
        Self {
            address: address.into(),
            timeout: Duration::from_secs(30),
            bind_address: None,
            options: TcpOptions::default(),
        }
    }

    /// With another [`timeout`](Self::timeout).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another [`bind_address`](Self::bind_address).
    #[must_use]
    pub fn with_bind_address(mut self, bind_address: Option<SocketAddr>) -> Self {
        self.bind_address = bind_address;
        self
    }

    /// With other [`options`](Self::options).
    #[must_use]
    pub fn with_options(mut self, options: TcpOptions) -> Self {
        self.options = options;
        self
    }
}

impl<R: ReactorTcp + ?Sized> ReactorTcp for Rc<R> {
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        (**self).listen_tcp(options, factory)
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        (**self).connect_tcp(options, factory)
    }
}
