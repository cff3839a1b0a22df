//! A server endpoint on inherited sockets; Twisted's `AdoptedStreamServerEndpoint`.
//!
//! Invariant: no descriptor is looked up before `listen`, and an inherited socket is never bound,
//! unlinked or given another mode.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{Factory, ListeningPort, ReactorSocket, StreamServerEndpoint};

use crate::adopted_ports::{AdoptedConnection, AdoptedPorts};
use crate::{Domain, InheritedStream, ListenFds, Selector};

/// Accepts connections on inherited sockets: on one by its index, or on all of a name, as one port. A
/// socket that is connected already, as `Accept=yes` hands it over, is served as the connection that
/// it is.
///
/// Single use: it takes the descriptors out of their [`ListenFds`], and a second `listen`, by this endpoint
/// or by another one for the same descriptors, fails with
/// [`TakeError::AlreadyTaken`](crate::TakeError::AlreadyTaken).
pub struct AdoptedStreamServerEndpoint {
    reactor: Rc<dyn ReactorSocket>,
    inherited: ListenFds,
    selector: Selector,
    domain: Option<Domain>,
}

impl AdoptedStreamServerEndpoint {
    /// Listens on the descriptors of `selector`; with a `domain`, on those of that family.
    pub fn new(
        reactor: impl ReactorSocket + 'static,
        inherited: ListenFds,
        selector: Selector,
        domain: Option<Domain>,
    ) -> Self {
        Self { reactor: Rc::new(reactor), inherited, selector, domain }
    }

    fn adopt(
        &self,
        stream: InheritedStream,
        factory: &Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, Failure> {
        match stream {
            InheritedStream::Port(descriptor) => {
                Ok(self.reactor.adopt_stream_port(descriptor, factory.clone())?)
            }
            InheritedStream::Connection(descriptor) => self.adopt_connection(descriptor, factory),
        }
    }

    fn adopt_connection(
        &self,
        descriptor: OwnedFd,
        factory: &Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, Failure> {
        let connection = AdoptedConnection::of(&descriptor);
        self.reactor.adopt_stream_connection(descriptor, factory.clone())?;
        Ok(Rc::new(connection))
    }
}

impl StreamServerEndpoint for AdoptedStreamServerEndpoint {
    /// # Errors
    ///
    /// Fails with [`TakeError`](crate::TakeError), and the descriptors stay where they were; or with
    /// the reactor's [`ListenError`](interfaces::ListenError) or [`AdoptError`](interfaces::AdoptError), and
    /// they are closed.
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let streams = match self.inherited.take_streams(&self.selector, self.domain) {
            Ok(streams) => streams,
            Err(error) => return Deferred::fail(error),
        };
        let mut ports = AdoptedPorts::default();
        for stream in streams {
            match self.adopt(stream, &factory) {
                Ok(port) => ports.push(port),
                Err(failure) => {
                    return ports.stop_listening().add_both(|_| Err(failure));
                }
            }
        }
        Deferred::succeed(ports.into_port())
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
