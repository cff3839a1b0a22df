//! Bound names: listeners by name, taken ports, and files in the way of a listener.
//!
//! Invariant: a name leads to one listener at most.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::rc::Rc;

use interfaces::{Address, UnixAddress};

use super::ids::ListenerId;

/// The ports that the system chooses from (RFC 6335 section 6).
pub(super) const DYNAMIC_PORTS: std::ops::RangeInclusive<u16> = 49152..=65535;

/// A file at a path that no listener is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// The socket of a server that died.
    DeadSocket,
    /// A file that is not a socket.
    File,
}

/// A name that a listener can be bound to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Tcp(SocketAddr),
    Path(Rc<[u8]>),
    Abstract(Rc<[u8]>),
}

impl Name {
    /// The name of a UNIX socket that has one.
    pub(super) fn of_unix(address: &UnixAddress) -> Option<Self> {
        match address {
            UnixAddress::Path(path) => Some(Self::Path(path.clone())),
            UnixAddress::Abstract(name) => Some(Self::Abstract(name.clone())),
            UnixAddress::Unnamed => None,
        }
    }
}

/// A local address: its port, which comes first for range queries, and its number, with the zone of one
/// that is local to a link.
type Bound = (u16, IpAddr, u32);

#[derive(Debug)]
pub(super) struct Names {
    listeners: BTreeMap<Name, ListenerId>,
    /// The number of sockets bound to each local address.
    bound: BTreeMap<Bound, usize>,
    next_port: u16,
    pub(super) leftovers: BTreeMap<Rc<[u8]>, Leftover>,
    pub(super) black_holes: BTreeSet<IpAddr>,
    /// The pairs of addresses between which nothing arrives, the lower one first.
    pub(super) cuts: BTreeSet<(IpAddr, IpAddr)>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            listeners: BTreeMap::new(),
            bound: BTreeMap::new(),
            next_port: *DYNAMIC_PORTS.start(),
            leftovers: BTreeMap::new(),
            black_holes: BTreeSet::new(),
            cuts: BTreeSet::new(),
        }
    }

    /// Whether nothing arrives between these addresses.
    pub(super) fn is_cut(&self, one: IpAddr, other: IpAddr) -> bool {
        !self.cuts.is_empty() && self.cuts.contains(&(one.min(other), one.max(other)))
    }

    pub(super) fn listen(&mut self, name: Name, listener: ListenerId) {
        self.listeners.insert(name, listener);
    }

    pub(super) fn stop_listening(&mut self, name: &Name) {
        self.listeners.remove(name);
        if let Name::Tcp(address) = name {
            self.release(*address);
        }
    }

    /// The listener at a name.
    pub(super) fn find(&self, name: &Name) -> Option<ListenerId> {
        let exact = self.listeners.get(name);
        let found = exact.or_else(|| match name {
            Name::Tcp(address) => {
                let any = SocketAddr::new(unspecified(address.ip()), address.port());
                self.listeners.get(&Name::Tcp(any))
            }
            Name::Path(_) | Name::Abstract(_) => None,
        });
        found.copied()
    }

    /// Binds a local address, a port of 0 to a free one. `None`: it is taken, or all are.
    pub(super) fn bind(&mut self, address: SocketAddr) -> Option<SocketAddr> {
        let mut address = with_zone(address.ip(), address);
        match address.port() {
            0 => address.set_port(self.free_port(address)?),
            _ if self.is_taken(address) => return None,
            _ => {}
        }
        *self.bound.entry(key(address)).or_insert(0) += 1;
        Some(address)
    }

    pub(super) fn release(&mut self, address: SocketAddr) {
        let key = key(address);
        if let Some(count) = self.bound.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.bound.remove(&key);
            }
        }
    }

    fn free_port(&mut self, mut address: SocketAddr) -> Option<u16> {
        for _ in DYNAMIC_PORTS {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(*DYNAMIC_PORTS.start());
            address.set_port(port);
            if !self.is_taken(address) {
                return Some(port);
            }
        }
        None
    }

    fn is_taken(&self, address: SocketAddr) -> bool {
        let (port, ip, zone) = key(address);
        let first = (port, IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let last = (port, IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)), u32::MAX);
        self.bound.range(first..=last).any(|(&(_, other, its_zone), _)| {
            let same = (other, its_zone) == (ip, zone);
            let overlap = same || other.is_unspecified() || ip.is_unspecified();
            other.is_ipv4() == ip.is_ipv4() && overlap
        })
    }
}

fn key(address: SocketAddr) -> Bound {
    let zone = match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    };
    (address.port(), address.ip(), zone)
}

/// The port of `address` at another number. Numbers that are local to a link keep their zone, as the
/// kernel tells them, and no others have one.
fn with_zone(ip: IpAddr, address: SocketAddr) -> SocketAddr {
    match (ip, address) {
        (IpAddr::V6(ip), SocketAddr::V6(address)) if ip.is_unicast_link_local() => {
            SocketAddrV6::new(ip, address.port(), 0, address.scope_id()).into()
        }
        (ip, address) => SocketAddr::new(ip, address.port()),
    }
}

fn unspecified(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// The destination of a connection to `address`: the unspecified address means this machine.
pub(super) fn destination(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    with_zone(ip, address)
}

/// The name as an [`Address`].
pub(super) fn address_of(name: &Name) -> Address {
    match name {
        Name::Tcp(address) => Address::from(*address),
        Name::Path(path) => Address::from(UnixAddress::Path(path.clone())),
        Name::Abstract(name) => Address::from(UnixAddress::Abstract(name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("a test's address")
    }

    #[test]
    fn a_port_is_taken_for_its_address_and_for_all_addresses_of_its_family() {
        let mut names = Names::new();
        assert_eq!(names.bind(at("127.0.0.1:80")), Some(at("127.0.0.1:80")));
        assert_eq!(names.bind(at("127.0.0.1:80")), None);
        assert_eq!(names.bind(at("0.0.0.0:80")), None);
        assert_eq!(names.bind(at("127.0.0.2:80")), Some(at("127.0.0.2:80")));
        assert_eq!(names.bind(at("[::]:80")), Some(at("[::]:80")));
        assert_eq!(names.bind(at("[::1]:80")), None);
        names.release(at("127.0.0.1:80"));
        assert!(names.bind(at("127.0.0.1:80")).is_some());
    }

    #[test]
    fn an_address_of_a_link_keeps_its_zone_and_is_another_in_another_zone() {
        let mut names = Names::new();
        assert_eq!(names.bind(at("[fe80::1%3]:80")), Some(at("[fe80::1%3]:80")));
        assert_eq!(names.bind(at("[fe80::1%3]:80")), None);
        assert_eq!(names.bind(at("[fe80::1%4]:80")), Some(at("[fe80::1%4]:80")));
        assert_eq!(names.bind(at("[::]:80")), None);
        names.release(at("[fe80::1%3]:80"));
        assert!(names.bind(at("[fe80::1%3]:80")).is_some());
        // The zone of any other address means nothing.
        assert_eq!(names.bind(at("[2001:db8::1%3]:80")), Some(at("[2001:db8::1]:80")));
        assert_eq!(destination(at("[fe80::1%3]:80")), at("[fe80::1%3]:80"));
    }

    #[test]
    fn free_ports_run_out_and_come_back() {
        let mut names = Names::new();
        for _ in DYNAMIC_PORTS {
            assert!(names.bind(at("127.0.0.1:0")).is_some());
        }
        assert_eq!(names.bind(at("127.0.0.1:0")), None);
        names.release(at("127.0.0.1:50000"));
        assert_eq!(names.bind(at("127.0.0.1:0")), Some(at("127.0.0.1:50000")));
    }

    #[test]
    fn a_listener_on_all_addresses_is_found_at_each() {
        let mut names = Names::new();
        names.listen(Name::Tcp(at("0.0.0.0:80")), ListenerId(1));
        assert_eq!(names.find(&Name::Tcp(at("127.0.0.1:80"))), Some(ListenerId(1)));
        assert_eq!(names.find(&Name::Tcp(at("[::1]:80"))), None);
        names.listen(Name::Tcp(at("127.0.0.1:80")), ListenerId(2));
        assert_eq!(names.find(&Name::Tcp(at("127.0.0.1:80"))), Some(ListenerId(2)));
    }
}
