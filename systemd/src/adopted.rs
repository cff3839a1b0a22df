//! A server endpoint on an inherited socket; Twisted's `AdoptedStreamServerEndpoint`.
//!
//! Invariant: no descriptor is looked up before `listen`, and an inherited socket is never bound,
//! unlinked or given another mode.

use std::rc::Rc;

use deferred::Deferred;
use interfaces::{Factory, ListeningPort, ReactorSocket, StreamServerEndpoint};

use crate::{Domain, ListenFds, Selector};

/// Accepts connections on an inherited socket. Single use: it takes the descriptor out of its
/// [`ListenFds`], and a second `listen`, by this endpoint or by another one for the same
/// descriptor, fails with [`TakeError::AlreadyTaken`](crate::TakeError::AlreadyTaken).
pub struct AdoptedStreamServerEndpoint {
    reactor: Rc<dyn ReactorSocket>,
    inherited: ListenFds,
    selector: Selector,
    domain: Option<Domain>,
}

impl AdoptedStreamServerEndpoint {
    /// Listens on the descriptor of `selector`, which has to be of the family `domain` if one is
    /// given.
    pub fn new(
        reactor: impl ReactorSocket + 'static,
        inherited: ListenFds,
        selector: Selector,
        domain: Option<Domain>,
    ) -> Self {
        Self { reactor: Rc::new(reactor), inherited, selector, domain }
    }
}

impl StreamServerEndpoint for AdoptedStreamServerEndpoint {
    /// # Errors
    ///
    /// Fails with [`TakeError`](crate::TakeError), and the descriptor stays where it was; or with
    /// the reactor's [`ListenError`](interfaces::ListenError), and the descriptor is closed.
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let descriptor = match self.inherited.take_stream_port(&self.selector, self.domain) {
            Ok(descriptor) => descriptor,
            Err(error) => return Deferred::fail(error),
        };
        match self.reactor.adopt_stream_port(descriptor, factory) {
            Ok(port) => Deferred::succeed(port),
            Err(error) => Deferred::fail(error),
        }
    }
}

impl core::fmt::Debug for AdoptedStreamServerEndpoint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AdoptedStreamServerEndpoint")
            .field("selector", &self.selector)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}
