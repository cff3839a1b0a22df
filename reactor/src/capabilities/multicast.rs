//! `ReactorMulticast`; Twisted's `IReactorMulticast`.
//!
//! Invariant: an error leaves neither a socket nor a slot behind.

use std::rc::Rc;

use interfaces::{
    Address, DatagramTransport, DeliverDatagram, ListenError, ListenMulticast, ReactorMulticast,
};

use crate::datagram::port::{DatagramPort, PortLimits};
use crate::reactor::Reactor;
use crate::sys::{DatagramSys, Sharing};

impl<S: DatagramSys> ReactorMulticast for Reactor<S> {
    fn listen_multicast(
        &self,
        options: &ListenMulticast,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        let sharing = if options.listen_multiple { Sharing::Shared } else { Sharing::Alone };
        let socket = self.core().sys.bind_udp(&options.udp, sharing)?;
        let address = || Address::from(options.udp.address);
        let limits = PortLimits::udp(&options.udp);
        DatagramPort::open(self.core(), address, socket, limits, protocol)
    }
}
