//! The sockets that came from the version before, and the ports that are open in this one.
//!
//! Invariant: a socket is used once, for the address that its version asked for.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use interfaces::{ListenError, ListeningPort};

/// Both, by the addresses that were asked for.
#[derive(Default)]
pub(crate) struct Sockets {
    received: RefCell<Vec<(String, OwnedFd)>>,
    opened: RefCell<Vec<(String, Rc<dyn ListeningPort>)>>,
}

impl Sockets {
    /// Keeps the sockets of the version before.
    pub(super) fn receive(&self, sockets: Vec<(String, OwnedFd)>) {
        self.received.replace(sockets);
    }

    /// The port of this address, from its socket, or opened anew.
    pub(super) fn open(
        &self,
        address: String,
        adopt: impl FnOnce(OwnedFd) -> Result<Rc<dyn ListeningPort>, ListenError>,
        listen: impl FnOnce() -> Result<Rc<dyn ListeningPort>, ListenError>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let received = {
            let mut received = self.received.borrow_mut();
            let place = received.iter().position(|(known, _)| *known == address);
            place.map(|place| received.remove(place).1)
        };
        let port = match received {
            Some(socket) => adopt(socket)?,
            None => listen()?,
        };
        self.opened.borrow_mut().push((address, port.clone()));
        Ok(port)
    }

    /// Closes what no endpoint wanted.
    pub(super) fn close_unclaimed(&self) -> Vec<String> {
        self.received.take().into_iter().map(|(address, _)| address).collect()
    }

    /// A copy of each socket that is open.
    pub(super) fn copies(&self) -> Vec<(String, OwnedFd)> {
        let opened = self.opened.borrow().clone();
        let copy = |(address, port): (String, Rc<dyn ListeningPort>)| {
            Some((address, port.copy_socket().ok()?))
        };
        opened.into_iter().filter_map(copy).collect()
    }

    /// Gives up every port; the other process has its socket.
    pub(super) fn release(&self) {
        let opened = self.opened.take();
        for (_, port) in opened {
            // One that is closed already has none.
            drop(port.release_socket());
        }
    }
}
