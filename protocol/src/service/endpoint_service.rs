//! [`StreamServerEndpointService`]: an endpoint that is listened on while the service runs; Twisted's
//! `StreamServerEndpointService`.
//!
//! Invariant: it adds nothing to a [`ServerService`] but what that opens.

use alloc::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{Factory, ListeningPort, StreamServerEndpoint};

use super::{ServerService, Service};

/// An endpoint that is listened on while the service runs. A clone is the same service.
///
/// `endpoints::service` makes one from a string.
///
/// # Differences from Twisted
///
/// The error of a listen that fails at once is returned by the start unless
/// [`log_listen_errors`](Self::log_listen_errors) is asked for; in Twisted it is logged, unless a
/// flag asks for it to be raised. Once stopped it can be started again.
#[derive(Clone, Debug)]
pub struct StreamServerEndpointService {
    server: ServerService,
}

impl StreamServerEndpointService {
    /// A service that listens on the endpoint and runs the factory's protocols.
    pub fn new(endpoint: Rc<dyn StreamServerEndpoint>, factory: Rc<dyn Factory>) -> Self {
        Self { server: ServerService::new(move || endpoint.listen(factory.clone())) }
    }

    /// See [`ServerService::log_listen_errors`].
    #[must_use]
    pub fn log_listen_errors(self) -> Self {
        Self { server: self.server.log_listen_errors() }
    }

    /// The port, while it is open.
    pub fn port(&self) -> Option<Rc<dyn ListeningPort>> {
        self.server.port()
    }
}

impl Service for StreamServerEndpointService {
    fn running(&self) -> bool {
        self.server.running()
    }

    /// Listens.
    fn privileged_start_service(&self) -> Result<(), Failure> {
        self.server.privileged_start_service()
    }

    fn start_service(&self) -> Result<(), Failure> {
        self.server.start_service()
    }

    fn stop_service(&self) -> Deferred<()> {
        self.server.stop_service()
    }
}
