//! A reactor that keeps what it is asked to adopt, for tests to look at.
//!
//! Invariant: every descriptor that it was given is in [`Keeper::adopted`] or was closed.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, AdoptError, DatagramTransport, Deliver, DeliverDatagram, Factory, ListenError,
    ListeningPort, ReactorSocket, StreamServerEndpoint,
};
use testkit::result_of;

/// Adopts nothing really: it only keeps the descriptors.
#[derive(Default)]
pub(crate) struct Keeper {
    pub(crate) adopted: RefCell<Vec<OwnedFd>>,
    /// How many calls there were, failed ones too.
    pub(crate) calls: Cell<usize>,
    /// What to answer instead.
    pub(crate) refuses: Option<ListenError>,
}

impl ReactorSocket for Keeper {
    fn adopt_stream_port(
        &self,
        descriptor: OwnedFd,
        _factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.calls.set(self.calls.get() + 1);
        if let Some(error) = &self.refuses {
            return Err(error.clone());
        }
        self.adopted.borrow_mut().push(descriptor);
        Ok(Rc::new(Port))
    }

    fn adopt_stream_connection(
        &self,
        _descriptor: OwnedFd,
        _factory: Rc<dyn Factory>,
    ) -> Result<(), AdoptError> {
        panic!("an inherited listener is no connection")
    }

    fn adopt_datagram_port(
        &self,
        _descriptor: OwnedFd,
        _packet_bytes_max: usize,
        _protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        panic!("an inherited listener is no datagram port")
    }
}

struct Port;

impl ListeningPort for Port {
    fn host(&self) -> Address {
        Address::Other("a port that is only kept".into())
    }

    fn stop_listening(&self) -> Deferred<()> {
        Deferred::succeed(())
    }
}

/// Builds nothing: no connection is accepted here.
pub(crate) struct NoProtocol;

impl Factory for NoProtocol {
    fn build_protocol(&self, _peer: &Address) -> Option<Rc<dyn Deliver>> {
        None
    }
}

/// Listens, and answers what came of it: these endpoints fire at once.
pub(crate) fn listen(endpoint: &dyn StreamServerEndpoint) -> Result<(), Failure> {
    result_of(endpoint.listen(Rc::new(NoProtocol))).map(|_port| ())
}
