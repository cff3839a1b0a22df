//! [`ProxyServerEndpoint`]: listens with another endpoint, for connections with headers; Twisted's
//! `proxyEndpoint`.
//!
//! Invariant: the wrapped endpoint listens; only the factory is changed.

use alloc::rc::Rc;
use core::fmt;

use deferred::Deferred;
use interfaces::{Address, Factory, ListeningPort, ReactorTime, StreamServerEndpoint};

use super::{ProxyFactory, ProxyRefusal, ProxyServerOptions};
use crate::preread::{PrereadContext, RefusalObserver};

/// Takes a PROXY header off each connection that another endpoint accepts: [`ProxyFactory`].
#[doc(alias = "proxyEndpoint")]
#[derive(Clone)]
pub struct ProxyServerEndpoint<E> {
    endpoint: E,
    clock: Rc<dyn ReactorTime>,
    options: ProxyServerOptions,
    observer: RefusalObserver<ProxyRefusal>,
}

impl<E: StreamServerEndpoint> ProxyServerEndpoint<E> {
    /// Listens with `endpoint`, and trusts this machine alone.
    pub fn new(endpoint: E, clock: impl ReactorTime + 'static) -> Self {
        Self::shared(endpoint, Rc::new(clock), Rc::new(|_: &Address, _| {}))
    }

    pub(super) fn shared(
        endpoint: E,
        clock: Rc<dyn ReactorTime>,
        observer: RefusalObserver<ProxyRefusal>,
    ) -> Self {
        Self { endpoint, clock, options: ProxyServerOptions::default(), observer }
    }

    /// With other options.
    #[must_use]
    pub fn with_options(self, options: ProxyServerOptions) -> Self {
        Self { options, ..self }
    }

    /// With an observer of the refused connections, as [`ProxyFactory::with_observer`] has it.
    #[must_use]
    pub fn with_observer(self, observer: impl Fn(&Address, ProxyRefusal) + 'static) -> Self {
        Self { observer: Rc::new(observer), ..self }
    }
}

impl<E: StreamServerEndpoint> StreamServerEndpoint for ProxyServerEndpoint<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let (clock, observer) = (self.clock.clone(), self.observer.clone());
        let context = PrereadContext::new(clock, self.options.clone(), observer);
        self.endpoint.listen(ProxyFactory::shared(factory, context).into_rc())
    }
}

impl<E: fmt::Debug> fmt::Debug for ProxyServerEndpoint<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyServerEndpoint")
            .field("endpoint", &self.endpoint)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
