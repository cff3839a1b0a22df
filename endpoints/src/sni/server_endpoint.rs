//! [`SniServerEndpoint`]: listens with another endpoint, and reads the ClientHellos of its connections.
//!
//! Invariant: the wrapped endpoint listens; only the factory is changed.

use alloc::rc::Rc;
use core::fmt;
use core::time::Duration;

use deferred::Deferred;
use interfaces::{Address, Factory, ListeningPort, ReactorTime, StreamServerEndpoint};

use super::SniRefusal;
use super::preread::SniPreread;
use crate::preread::{PrereadContext, PrereadFactory, RefusalObserver};

/// The time that a ClientHello has, unless the endpoint has another one.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the ClientHello of each connection that another endpoint accepts, without ending TLS: the protocol
/// gets the bytes as they came, and its transport answers a [`query`](trait.Transport.html#method.query) for
/// the [`ClientHello`](super::ClientHello), or for [`NotTls`](super::NotTls).
///
/// The protocol is built when the ClientHello is whole, or when the first byte is none of TLS. A connection
/// that is neither in time is closed. Twisted has none.
#[derive(Clone)]
pub struct SniServerEndpoint<E> {
    endpoint: E,
    clock: Rc<dyn ReactorTime>,
    timeout: Duration,
    observer: RefusalObserver<SniRefusal>,
}

impl<E: StreamServerEndpoint> SniServerEndpoint<E> {
    /// Listens with `endpoint`. A ClientHello has 5 s.
    pub fn new(endpoint: E, clock: impl ReactorTime + 'static) -> Self {
        Self::shared(endpoint, Rc::new(clock), Rc::new(|_: &Address, _| {}))
    }

    pub(super) fn shared(
        endpoint: E,
        clock: Rc<dyn ReactorTime>,
        observer: RefusalObserver<SniRefusal>,
    ) -> Self {
        Self { endpoint, clock, timeout: TIMEOUT, observer }
    }

    /// With another time limit for the ClientHello, from the accept on.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// With an observer that is called with the peer of each connection that is refused. It runs on the
    /// reactor's thread, after the connection was closed, and may call anything.
    #[must_use]
    pub fn with_observer(self, observer: impl Fn(&Address, SniRefusal) + 'static) -> Self {
        Self { observer: Rc::new(observer), ..self }
    }
}

impl<E: StreamServerEndpoint> StreamServerEndpoint for SniServerEndpoint<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let (clock, observer) = (self.clock.clone(), self.observer.clone());
        let context = PrereadContext::<SniPreread>::new(clock, self.timeout, observer);
        self.endpoint.listen(Rc::new(PrereadFactory::new(factory, context)))
    }
}

impl<E: fmt::Debug> fmt::Debug for SniServerEndpoint<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SniServerEndpoint")
            .field("endpoint", &self.endpoint)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
