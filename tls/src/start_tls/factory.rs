//! Factories and endpoints whose connections can start TLS.
//!
//! Invariant: the connections of one factory that start TLS in one way share their context and its buffers.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::task::{Poll, Waker};

use deferred::{Deferred, Failure};
use interfaces::{
    Address, Deliver, Factory, ListeningPort, ReactorTime, StreamClientEndpoint,
    StreamServerEndpoint, Transport,
};
use protocol::layer::wrap_protocol;

use super::layer::StartTlsLayer;
use crate::TlsOptions;
use crate::options::{FactoryContext, Role};

/// Lets the factory's connections start TLS, with [`start_tls_server`](crate::start_tls_server) or
/// [`start_tls_client`](crate::start_tls_client), with the default [`TlsOptions`].
///
/// Until then the connection is that of the transport below. Of several layers this is the nearest to the
/// protocol: one above it would hold bytes that arrived in the clear.
pub fn wrap_start_tls(
    factory: Rc<dyn Factory>,
    time: impl ReactorTime + 'static,
) -> Rc<dyn Factory> {
    wrap_start_tls_with(factory, time, TlsOptions::default())
}

/// [`wrap_start_tls`] with other options.
pub fn wrap_start_tls_with(
    factory: Rc<dyn Factory>,
    time: impl ReactorTime + 'static,
    options: TlsOptions,
) -> Rc<dyn Factory> {
    let contexts = StartTlsContexts { time: Rc::new(time), options, last: RefCell::default() };
    Rc::new(StartTlsFactory { factory, contexts: Rc::new(contexts) })
}

/// What connections need to start TLS, and the context of the last that did.
pub(super) struct StartTlsContexts {
    time: Rc<dyn ReactorTime>,
    options: TlsOptions,
    last: RefCell<Option<Rc<FactoryContext>>>,
}

impl StartTlsContexts {
    /// The context for a role: that of the last connection, if it had the same.
    pub(super) fn of(&self, role: Role) -> Rc<FactoryContext> {
        let last = self.last.borrow().clone();
        if let Some(last) = last.filter(|last| last.role.is_same(&role)) {
            return last;
        }
        let context = Rc::new(FactoryContext::new(role, self.options, self.time.clone()));
        let before = self.last.replace(Some(context.clone()));
        drop(before);
        context
    }
}

struct StartTlsFactory {
    factory: Rc<dyn Factory>,
    contexts: Rc<StartTlsContexts>,
}

impl Factory for StartTlsFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let protocol = self.factory.build_protocol(peer)?;
        let layer = StartTlsLayer::new(&protocol, self.contexts.clone());
        Some(wrap_protocol(protocol, layer))
    }

    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        self.factory.poll_ready(on_the_way, waker)
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        self.factory.log_prefix()
    }

    fn do_start(&self) {
        self.factory.do_start();
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.factory.do_stop()
    }
}

/// An endpoint whose connections can start TLS: [`wrap_start_tls`] for what another endpoint accepts, or
/// connects to.
#[derive(Clone)]
pub struct StartTlsEndpoint<E> {
    endpoint: E,
    time: Rc<dyn ReactorTime>,
    options: TlsOptions,
}

impl<E> StartTlsEndpoint<E> {
    /// Connections are made by `endpoint`.
    pub fn new(endpoint: E, time: impl ReactorTime + 'static) -> Self {
        Self { endpoint, time: Rc::new(time), options: TlsOptions::default() }
    }

    /// Sets other time limits, for the TLS that is started.
    #[must_use]
    pub fn with_options(mut self, options: TlsOptions) -> Self {
        self.options = options;
        self
    }

    fn wrap(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        wrap_start_tls_with(factory, self.time.clone(), self.options)
    }
}

impl<E: StreamServerEndpoint> StreamServerEndpoint for StartTlsEndpoint<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        self.endpoint.listen(self.wrap(factory))
    }
}

impl<E: StreamClientEndpoint> StreamClientEndpoint for StartTlsEndpoint<E> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect(self.wrap(factory))
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect_for(served, self.wrap(factory))
    }
}

impl<E: fmt::Debug> fmt::Debug for StartTlsEndpoint<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartTlsEndpoint")
            .field("endpoint", &self.endpoint)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
