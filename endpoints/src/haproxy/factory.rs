//! [`ProxyFactory`]: takes the headers off the connections of another factory; Twisted's
//! `HAProxyWrappingFactory`.
//!
//! Invariant: the wrapped factory is asked to build a protocol only for a connection with a whole header.

use alloc::borrow::Cow;
use alloc::rc::Rc;
use core::fmt;
use core::task::{Poll, Waker};

use interfaces::{Address, Deliver, Factory, ReactorTime};

use super::preread::ProxyPreread;
use super::{ProxyRefusal, ProxyServerOptions};
use crate::preread::{PrereadContext, PrereadFactory};

/// Takes a PROXY header off each connection before its protocol hears of it. The protocol's transport has
/// the addresses of the header, and answers a [`query`](trait.Transport.html#method.query) for the
/// [`ProxyHeader`](super::ProxyHeader).
///
/// # Differences from Twisted
///
/// - The protocol is built when the header is whole, and not when the connection is accepted: `peer` and
///   `host` are right from `connection_made` on, and the factory is asked with the client's address, so
///   that limits count clients and not their proxy.
/// - A header that tells no addresses, or those of its own connection, is a health check's: it builds a
///   protocol only when bytes follow, or when the connection has been silent for 100 ms.
/// - Only trusted peers may send a header, and it has a time limit.
#[doc(alias = "HAProxyWrappingFactory")]
pub struct ProxyFactory {
    inner: PrereadFactory<ProxyPreread>,
}

impl ProxyFactory {
    /// Takes headers off the connections of `factory`, as the options say.
    pub fn new(
        factory: Rc<dyn Factory>,
        clock: impl ReactorTime + 'static,
        options: ProxyServerOptions,
    ) -> Self {
        Self::with_observer(factory, clock, options, |_, _| {})
    }

    /// As [`new`](Self::new), with an observer that is called with the peer of each connection that is
    /// refused. It runs on the reactor's thread, after the connection was closed, and may call anything.
    pub fn with_observer(
        factory: Rc<dyn Factory>,
        clock: impl ReactorTime + 'static,
        options: ProxyServerOptions,
        observer: impl Fn(&Address, ProxyRefusal) + 'static,
    ) -> Self {
        let context = PrereadContext::new(Rc::new(clock), options, Rc::new(observer));
        Self::shared(factory, context)
    }

    pub(super) fn shared(factory: Rc<dyn Factory>, context: PrereadContext<ProxyPreread>) -> Self {
        Self { inner: PrereadFactory::new(factory, context) }
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for ProxyFactory {
    /// `None` for a peer that is not trusted.
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.inner.build_protocol(peer)
    }

    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        self.inner.poll_ready(on_the_way, waker)
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        self.inner.log_prefix()
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        self.inner.wrapped()
    }
}

impl fmt::Debug for ProxyFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyFactory")
            .field("context", self.inner.context())
            .finish_non_exhaustive()
    }
}
