//! The ports of inherited sockets: several as one, and one for a connection.
//!
//! Invariant: stopping stops each of them, whatever comes of the others.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use deferred::{Deferred, gather_results};
use interfaces::{Address, ListeningPort, UnixAddress};
use socket2::SockRef;

/// Ports that are one port: all sockets of a name.
#[derive(Default)]
pub(crate) struct AdoptedPorts {
    ports: Vec<Rc<dyn ListeningPort>>,
}

impl AdoptedPorts {
    pub(crate) fn push(&mut self, port: Rc<dyn ListeningPort>) {
        self.ports.push(port);
    }

    /// The only one, or all as one.
    pub(crate) fn into_port(mut self) -> Rc<dyn ListeningPort> {
        match self.ports.pop() {
            Some(port) if self.ports.is_empty() => port,
            last => {
                self.ports.extend(last);
                Rc::new(self)
            }
        }
    }
}

impl ListeningPort for AdoptedPorts {
    /// That of the first one.
    fn host(&self) -> Address {
        let unnamed = || UnixAddress::Unnamed.into();
        self.ports.first().map_or_else(unnamed, |port| port.host())
    }

    fn hosts(&self) -> Vec<Address> {
        self.ports.iter().flat_map(|port| port.hosts()).collect()
    }

    /// Fires when all have stopped, and fails with the first failure.
    fn stop_listening(&self) -> Deferred<()> {
        gather_results(self.ports.iter().map(|port| port.stop_listening())).add_callback(|_| Ok(()))
    }
}

/// A connection that was there already: nothing is listened on.
pub(crate) struct AdoptedConnection {
    host: Address,
}

impl AdoptedConnection {
    /// That of this socket.
    pub(crate) fn of(socket: &OwnedFd) -> Self {
        let address = SockRef::from(socket).local_addr();
        let unnamed = || UnixAddress::Unnamed.into();
        Self { host: address.map_or_else(|_| unnamed(), |it| address_of(&it)) }
    }
}

impl ListeningPort for AdoptedConnection {
    fn host(&self) -> Address {
        self.host.clone()
    }

    fn stop_listening(&self) -> Deferred<()> {
        Deferred::succeed(())
    }
}

fn address_of(address: &socket2::SockAddr) -> Address {
    use std::os::unix::ffi::OsStrExt as _;
    if let Some(address) = address.as_socket() {
        return address.into();
    }
    let path = address.as_pathname().map(|path| path.as_os_str().as_bytes());
    let unix = match (path, address.as_abstract_namespace()) {
        (Some(path), _) => UnixAddress::Path(path.into()),
        (None, Some(name)) => UnixAddress::Abstract(name.into()),
        (None, None) => UnixAddress::Unnamed,
    };
    unix.into()
}
