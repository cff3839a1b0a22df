//! TCP as a capability; Twisted's `IReactorTCP`.
//!
//! Invariant: addresses are numeric; a [`Resolver`](crate::Resolver) looks names up before.

use alloc::rc::Rc;
use core::net::SocketAddr;
use core::time::Duration;

use deferred::Deferred;

use crate::{Factory, ListenError, ListeningPort};

/// The largest backlog that listen(2) takes. The kernel cuts it down to what it allows
/// (`net.core.somaxconn` on Linux, 4096 unless the system says otherwise).
pub const BACKLOG_MAX: u32 = i32::MAX as u32;

/// The ability to listen and connect over TCP.
pub trait ReactorTcp {
    /// Listens, and runs a protocol of the factory on each connection accepted.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
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
}

impl ListenTcp {
    /// Listens on `address` with the defaults.
    pub fn new(address: impl Into<SocketAddr>) -> Self {
        Self { address: address.into(), backlog: BACKLOG_MAX }
    }

    /// With another [`backlog`](Self::backlog).
    #[must_use]
    pub fn with_backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
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
}

impl ConnectTcp {
    /// Connects to `address` with the defaults.
    pub fn new(address: impl Into<SocketAddr>) -> Self {
        Self { address: address.into(), timeout: Duration::from_secs(30), bind_address: None }
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
