//! `ReactorSocket`, on the kernel alone; Twisted's `IReactorSocket`.
//!
//! Invariant: a descriptor that is not taken over is closed.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    AdoptError, DatagramTransport, DeliverDatagram, Factory, ListenError, ListeningPort,
    ReactorSocket,
};

use crate::datagram::port::{DatagramPort, PortLimits};
use crate::kernel::Kernel;
use crate::listen::port::Port;
use crate::reactor::Reactor;
use crate::stream::admit::Connected;
use crate::stream::flags::Origin;
use crate::sys::{DatagramSys, StreamSys};

impl ReactorSocket for Reactor<Kernel> {
    fn adopt_stream_port(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let listener = self.core().sys.adopt_listener(descriptor)?;
        let address = self.core().sys.listener_address(&listener);
        Port::listen(self.core(), || address, listener, factory)
    }

    fn adopt_stream_connection(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<(), AdoptError> {
        let core = self.core();
        let unsuitable = |reason| AdoptError::Unsuitable { reason };
        let socket = core.sys.adopt_stream(descriptor).map_err(unsuitable)?;
        let peer = core.sys.peer_address(&socket);
        let built = core.call("factory", Some(&peer), || factory.build_protocol(&peer));
        let Ok(Some(protocol)) = built else { return Err(AdoptError::NoProtocol) };
        let connected = Connected { socket, peer, host: None, origin: Origin::Adopted };
        let core = core.me.clone();
        // On a later turn, so that the caller is done with its own call first.
        self.call_later(Duration::ZERO, move || {
            if let Some(core) = core.upgrade() {
                // A socket that cannot be watched was told to its protocol as lost.
                drop(connected.admit(&core, protocol));
            }
        });
        Ok(())
    }

    fn adopt_datagram_port(
        &self,
        descriptor: OwnedFd,
        packet_bytes_max: usize,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        let socket = self.core().sys.adopt_datagrams(descriptor)?;
        let address = self.core().sys.datagram_host(&socket);
        let limits = PortLimits::adopted(packet_bytes_max);
        DatagramPort::open(self.core(), || address, socket, limits, protocol)
    }
}
