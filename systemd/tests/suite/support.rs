//! A reactor that keeps what it is asked to adopt, for tests to look at.
//!
//! Invariant: every descriptor that it was given is in [`Keeper::adopted`] or was closed.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
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
    /// The connected ones.
    pub(crate) connections: RefCell<Vec<OwnedFd>>,
    /// How many ports were stopped.
    pub(crate) stopped: Rc<Cell<usize>>,
    /// How many ports it takes before it refuses.
    pub(crate) refuses_after: usize,
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
        if let Some(error) = &self.refuses
            && self.adopted.borrow().len() == self.refuses_after
        {
            return Err(error.clone());
        }
        let number = descriptor.as_raw_fd();
        self.adopted.borrow_mut().push(descriptor);
        Ok(Rc::new(Port { number, stopped: self.stopped.clone() }))
    }

    fn adopt_stream_connection(
        &self,
        descriptor: OwnedFd,
        _factory: Rc<dyn Factory>,
    ) -> Result<(), AdoptError> {
        self.calls.set(self.calls.get() + 1);
        self.connections.borrow_mut().push(descriptor);
        Ok(())
    }

    fn adopt_datagram_port(
        &self,
        _descriptor: OwnedFd,
        _packet_bytes_max: usize,
        _protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        panic!("no endpoint of streams adopts a datagram port")
    }
}

struct Port {
    number: RawFd,
    stopped: Rc<Cell<usize>>,
}

impl ListeningPort for Port {
    fn host(&self) -> Address {
        Address::Other(format!("port {}", self.number).into())
    }

    fn stop_listening(&self) -> Deferred<()> {
        self.stopped.set(self.stopped.get() + 1);
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
pub(crate) fn listen(
    endpoint: &dyn StreamServerEndpoint,
) -> Result<Rc<dyn ListeningPort>, Failure> {
    result_of(endpoint.listen(Rc::new(NoProtocol)))
}
