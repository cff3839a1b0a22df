//! `ReactorUnixDatagram`; Twisted's `IReactorUNIXDatagram`.
//!
//! Invariant: an error leaves neither a socket, a path nor a slot behind.

use std::rc::Rc;

use interfaces::{
    Address, ConnectUnixDatagramError, DatagramTransport, DeliverDatagram, ListenError,
    ListenUnixDatagram, ReactorUnixDatagram, UnixAddress,
};

use crate::datagram::port::{DatagramPort, PortLimits};
use crate::reactor::Reactor;
use crate::sys::DatagramSys;
use crate::sys::os_error::os_error;

impl<S: DatagramSys> ReactorUnixDatagram for Reactor<S> {
    fn listen_unix_datagram(
        &self,
        options: &ListenUnixDatagram,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        let socket = self.core().sys.bind_unix_datagram(options)?;
        let address = || Address::Unix(options.address.clone());
        DatagramPort::open(self.core(), address, socket, PortLimits::unix(options), protocol)
    }

    fn connect_unix_datagram(
        &self,
        peer: &UnixAddress,
        options: &ListenUnixDatagram,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ConnectUnixDatagramError> {
        let sys = &self.core().sys;
        let failed = |source| ConnectUnixDatagramError::Listen { peer: peer.clone(), source };
        let socket = sys.bind_unix_datagram(options).map_err(failed)?;
        let refused = |error| {
            let source = os_error(&error);
            ConnectUnixDatagramError::Refused { peer: peer.clone(), source }
        };
        sys.connect_datagram(&socket, &Address::Unix(peer.clone())).map_err(refused)?;
        let address = || Address::Unix(options.address.clone());
        let limits = PortLimits::unix(options);
        DatagramPort::open(self.core(), address, socket, limits, protocol).map_err(failed)
    }
}
