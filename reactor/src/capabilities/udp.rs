//! `ReactorUdp`; Twisted's `IReactorUDP`.
//!
//! Invariant: an error leaves neither a socket nor a slot behind.

use std::rc::Rc;

use interfaces::{Address, DatagramTransport, DeliverDatagram, ListenError, ListenUdp, ReactorUdp};

use crate::datagram::port::{DatagramPort, PortLimits};
use crate::reactor::Reactor;
use crate::sys::{DatagramSys, Sharing};

impl<S: DatagramSys> ReactorUdp for Reactor<S> {
    fn listen_udp(
        &self,
        options: &ListenUdp,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        let socket = self.core().sys.bind_udp(options, Sharing::Alone)?;
        let address = || Address::from(options.address);
        DatagramPort::open(self.core(), address, socket, PortLimits::udp(options), protocol)
    }
}
