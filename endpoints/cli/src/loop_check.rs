//! Detects a relay that connects to its own port.
//!
//! Each connection of such a relay makes the next one, until no descriptor is left, so the first one
//! ends the relay. Invariant: the watcher fires at most once.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::{Deferred, Promise};
use interfaces::{Address, ListeningPort};

/// The addresses that the relay listens on, and the watcher to tell.
#[derive(Default)]
pub(crate) struct LoopCheck {
    addresses: RefCell<Vec<Address>>,
    watcher: RefCell<Option<Promise<()>>>,
}

impl LoopCheck {
    /// Fires when an outgoing connection arrives at one of these ports.
    pub(crate) fn watch(&self, ports: &[Rc<dyn ListeningPort>]) -> Deferred<()> {
        let addresses = ports.iter().flat_map(|port| port.hosts()).collect();
        self.addresses.replace(addresses);
        let (deferred, promise) = Deferred::new();
        self.watcher.replace(Some(promise));
        deferred
    }

    /// Looks at an outgoing connection from `host` to `peer`.
    pub(crate) fn connected(&self, host: &Address, peer: &Address) {
        let own = self.addresses.borrow().iter().any(|own| is_same_port(own, host, peer));
        if own {
            let watcher = self.watcher.take();
            if let Some(promise) = watcher {
                promise.callback(());
            }
        }
    }
}

/// Whether a connection from `host` to `peer` arrives at a port that listens on `own`.
fn is_same_port(own: &Address, host: &Address, peer: &Address) -> bool {
    if let (Address::Unix(own), Address::Unix(peer)) = (own, peer) {
        return own.same_socket(peer);
    }
    let (Some(own_ip), Some(peer_ip)) = (own.as_socket_addr(), peer.as_socket_addr()) else {
        return own == peer;
    };
    let host_ip = host.as_socket_addr().map(|address| address.ip());
    let is_local = peer_ip.ip().is_loopback() || host_ip == Some(peer_ip.ip());
    let is_every = own_ip.ip().is_unspecified() && own_ip.is_ipv4() == peer_ip.is_ipv4();
    own_ip.port() == peer_ip.port() && (own_ip.ip() == peer_ip.ip() || is_every && is_local)
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::UnixAddress;
    use std::net::SocketAddr;

    fn ip(text: &str) -> Address {
        text.parse::<SocketAddr>().unwrap().into()
    }

    #[test]
    fn a_connection_that_arrives_at_the_port_it_comes_from_is_known() {
        let same = |own, host, peer| is_same_port(&ip(own), &ip(host), &ip(peer));
        assert!(same("127.0.0.1:80", "127.0.0.1:5000", "127.0.0.1:80"));
        assert!(same("0.0.0.0:80", "127.0.0.1:5000", "127.0.0.2:80"));
        assert!(same("0.0.0.0:80", "192.0.2.1:5000", "192.0.2.1:80"));
        assert!(same("[::]:80", "[::1]:5000", "[::1]:80"));
    }

    #[test]
    fn another_port_another_machine_and_another_family_are_no_loop() {
        let same = |own, host, peer| is_same_port(&ip(own), &ip(host), &ip(peer));
        assert!(!same("127.0.0.1:80", "127.0.0.1:5000", "127.0.0.1:81"));
        assert!(!same("127.0.0.1:80", "127.0.0.1:5000", "127.0.0.2:80"));
        assert!(!same("0.0.0.0:80", "192.0.2.1:5000", "192.0.2.2:80"));
        assert!(!same("[::]:80", "127.0.0.1:5000", "127.0.0.1:80"));
    }

    #[test]
    fn a_path_is_compared_as_it_is() {
        let path = |name: &str| Address::from(UnixAddress::Path(name.as_bytes().into()));
        let unnamed = Address::from(UnixAddress::Unnamed);
        assert!(is_same_port(&path("/a"), &unnamed, &path("/a")));
        assert!(!is_same_port(&path("/a"), &unnamed, &path("/b")));
        assert!(!is_same_port(&path("/a"), &ip("127.0.0.1:5000"), &ip("127.0.0.1:80")));
    }
}
