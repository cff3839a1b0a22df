//! [`SocksClientEndpoint`]: connects through a proxy of SOCKS 5. Twisted has none; `txsocksx` is its
//! users'.
//!
//! Invariant: one connection to the proxy is one attempt.

use alloc::rc::Rc;
use core::fmt;
use core::time::Duration;

use deferred::Deferred;
use interfaces::{Factory, ReactorTime, StreamClientEndpoint, Transport};

use super::client_handshake::{ClientHandshake, SocksCredentials, host_of};
use super::request::SocksHost;
use crate::tunnel::connect_through;

/// Connects to a host by a proxy, which looks names up.
///
/// The transport's peer is the proxy. A protocol that pauses its transport inside `connection_made` may get
/// once more bytes, those that came together with the proxy's answer.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// # use interfaces::{ReactorTime, StreamClientEndpoint};
/// use protocol::socks::{SocksClientEndpoint, SocksCredentials};
///
/// fn through(
///     proxy: Rc<dyn StreamClientEndpoint>,
///     clock: Rc<dyn ReactorTime>,
/// ) -> Rc<dyn StreamClientEndpoint> {
///     let endpoint = SocksClientEndpoint::new(proxy, clock, "example.com", 443);
///     Rc::new(endpoint.with_credentials(SocksCredentials::new("user", "secret")))
/// }
/// ```
#[derive(Clone)]
pub struct SocksClientEndpoint {
    proxy: Rc<dyn StreamClientEndpoint>,
    clock: Rc<dyn ReactorTime>,
    host: SocksHost,
    port: u16,
    credentials: Option<SocksCredentials>,
    time: Duration,
}

impl SocksClientEndpoint {
    /// Connects to `host`, a name or an address, by the proxy, which has 60 s for its answers.
    pub fn new(
        proxy: Rc<dyn StreamClientEndpoint>,
        clock: impl ReactorTime + 'static,
        host: &str,
        port: u16,
    ) -> Self {
        let (host, time) = (host_of(host), Duration::from_secs(60));
        Self { proxy, clock: Rc::new(clock), host, port, credentials: None, time }
    }

    /// With a name and a password, for a proxy that asks for them.
    #[must_use]
    pub fn with_credentials(mut self, credentials: SocksCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// With another time for the proxy's answers, from the connection to it on.
    #[must_use]
    pub fn with_time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

impl StreamClientEndpoint for SocksClientEndpoint {
    /// Fails with [`SocksClientError`](super::SocksClientError), or with the error of the proxy's endpoint.
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.connect_by(factory, |tunnel| self.proxy.connect(tunnel))
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.connect_by(factory, |tunnel| self.proxy.connect_for(served, tunnel))
    }
}

impl SocksClientEndpoint {
    fn connect_by(
        &self,
        factory: Rc<dyn Factory>,
        connect: impl FnOnce(Rc<dyn Factory>) -> Deferred<()>,
    ) -> Deferred<()> {
        let target = (self.host.clone(), self.port);
        match ClientHandshake::new(target, self.credentials.clone()) {
            Ok(handshake) => {
                connect_through(handshake, factory, (self.clock.clone(), self.time), connect)
            }
            Err(error) => Deferred::fail(error),
        }
    }
}

impl fmt::Debug for SocksClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksClientEndpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
