//! Groups: members receive, options are read back, and what is wrong is an error.
//!
//! Invariant: no datagram leaves this machine: it goes by the loopback, or has no hop to go.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, DatagramTransport, ListenMulticast, ListenUdp, MulticastError, MulticastInterface,
    MulticastTransport, ReactorMulticast as _,
};
use protocol::testing::{DatagramRecord, DatagramRecorder};
use testkit::skip;

use crate::support::datagrams::{PortKind, Ports};
use crate::support::turn_until;

/// The groups of the tests: of the organization's own scope (RFC 2365), and of the interface's own
/// (RFC 4291 section 2.7).
fn group(kind: PortKind, number: u8) -> IpAddr {
    match kind {
        PortKind::UdpV6 => Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0x77, u16::from(number)).into(),
        _ => Ipv4Addr::new(239, 77, 0, number).into(),
    }
}

fn unspecified(kind: PortKind) -> IpAddr {
    match kind {
        PortKind::UdpV6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// An interface of this machine.
#[derive(Clone, Debug)]
struct Carrier {
    index: u32,
    name: String,
    address: IpAddr,
}

impl Carrier {
    fn loopback(kind: PortKind) -> Self {
        Self { index: 1, name: "lo".into(), address: kind.loopback().ip() }
    }

    /// Those that are up, the loopback first.
    fn all(kind: PortKind) -> Vec<Self> {
        let text = |path: &Path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let mut all = vec![Self::loopback(kind)];
        for entry in fs::read_dir("/sys/class/net").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let flags = text(&entry.path().join("flags"));
            let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
            let index = text(&entry.path().join("ifindex")).parse().unwrap_or(0);
            if flags & 0x1001 == 0x1001 && index > 1 {
                all.push(Self { index, address: address_of(index), name });
            }
        }
        all
    }

    /// By its address, its name and its number.
    fn ways(&self) -> [MulticastInterface; 3] {
        [
            MulticastInterface::Address(self.address),
            MulticastInterface::Name(self.name.clone()),
            MulticastInterface::Index(self.index),
        ]
    }

    fn is_loopback(&self) -> bool {
        self.index == 1
    }

    fn index(&self) -> MulticastInterface {
        MulticastInterface::Index(self.index)
    }

    /// Has the port send by it, and not beyond this machine.
    fn send_by(&self, port: &Rc<dyn DatagramTransport>) {
        multicast(port).set_outgoing_interface(&self.index()).unwrap();
        multicast(port).set_multicast_ttl(0).unwrap();
    }
}

/// The first IPv6 address of an interface, as the system lists them.
fn address_of(index: u32) -> IpAddr {
    let list = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let found = list.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        (u32::from_str_radix(fields[1], 16) == Ok(index))
            .then(|| Ipv6Addr::from_bits(u128::from_str_radix(fields[0], 16).unwrap()))
    });
    found.unwrap_or(Ipv6Addr::UNSPECIFIED).into()
}

/// A port on all addresses, and its record.
fn open(
    ports: &Ports,
    port: u16,
    listen_multiple: bool,
) -> (Rc<dyn DatagramTransport>, DatagramRecord) {
    let udp = ListenUdp::new(SocketAddr::from((unspecified(ports.kind), port)));
    let options = ListenMulticast::new(udp).with_listen_multiple(listen_multiple);
    let (protocol, record) = DatagramRecorder::silent();
    (ports.reactor.listen_multicast(&options, protocol).unwrap(), record)
}

fn multicast(port: &Rc<dyn DatagramTransport>) -> &dyn MulticastTransport {
    port.as_multicast().unwrap()
}

/// Where a group's members with this port are.
fn members(group: IpAddr, port: &Rc<dyn DatagramTransport>) -> Address {
    Address::from(SocketAddr::from((group, port.host().port().unwrap())))
}

/// Whether a group's datagrams come back by an interface of this machine.
fn carries_groups(kind: PortKind, carrier: &Carrier) -> bool {
    let ports = Ports::new(kind);
    let (port, record) = open(&ports, 0, false);
    let group = group(kind, 99);
    let joined = multicast(&port).join_group(group, &carrier.index());
    if joined.is_err() || multicast(&port).set_outgoing_interface(&carrier.index()).is_err() {
        return false;
    }
    carrier.send_by(&port);
    port.send_to(b"probe", &members(group, &port)).unwrap();
    (0..100).any(|_| {
        ports.reactor.turn(Some(Duration::from_millis(5))).unwrap();
        !record.received().is_empty()
    })
}

/// The families that an interface carries groups of, and that interface. A family that none does is noted
/// as skipped.
fn carriers(fits: impl Fn(&Carrier) -> bool) -> Vec<(PortKind, Carrier)> {
    let mut found = Vec::new();
    for kind in PortKind::UDP {
        let all = Carrier::all(kind).into_iter();
        match all.filter(&fits).find(|carrier| carries_groups(kind, carrier)) {
            Some(carrier) => found.push((kind, carrier)),
            None => skip(&format!("no interface of this machine carries groups ({kind:?})")),
        }
    }
    found
}

#[test]
fn a_member_receives_until_it_leaves_whichever_way_the_interface_is_said() {
    for (kind, carrier) in carriers(|_| true) {
        for interface in carrier.ways() {
            let ports = Ports::new(kind);
            let (member, record) = open(&ports, 0, false);
            let (sender, _) = open(&ports, 0, false);
            carrier.send_by(&sender);
            multicast(&sender).set_outgoing_interface(&interface).unwrap();
            for number in [1, 2] {
                multicast(&member).join_group(group(kind, number), &interface).unwrap();
            }
            for number in [1, 2, 3] {
                sender.send_to(&[number], &members(group(kind, number), &member)).unwrap();
            }
            turn_until(&ports.reactor, "both came", || record.received().len() == 2);
            multicast(&member).leave_group(group(kind, 1), &interface).unwrap();
            for number in [1, 2] {
                let to = members(group(kind, number), &member);
                sender.send_to(&[number + 10], &to).unwrap();
            }
            turn_until(&ports.reactor, "the other came", || record.received().len() == 3);
            assert_eq!(record.received(), [[1], [2], [12]], "{kind:?} {interface}");
            assert_eq!(sender.counts().sent, 5);
        }
    }
}

/// On the loopback interface the kernel gives back all that is sent by it, so another one is needed.
#[test]
fn a_sender_that_is_a_member_receives_its_own_once_unless_the_loop_is_off() {
    for (kind, carrier) in carriers(|carrier| !carrier.is_loopback()) {
        let ports = Ports::new(kind);
        let (port, record) = open(&ports, 0, false);
        let groups = multicast(&port);
        groups.join_group(group(kind, 4), &carrier.index()).unwrap();
        carrier.send_by(&port);
        assert!(groups.multicast_loop(), "on at first");
        let to = members(group(kind, 4), &port);
        port.send_to(b"heard", &to).unwrap();
        turn_until(&ports.reactor, "it came", || record.received() == [b"heard"]);
        groups.set_multicast_loop(false).unwrap();
        assert!(!groups.multicast_loop());
        port.send_to(b"not heard", &to).unwrap();
        let own = SocketAddr::new(kind.loopback().ip(), port.host().port().unwrap());
        port.send_to(b"behind it", &Address::from(own)).unwrap();
        turn_until(&ports.reactor, "the next one came", || record.received().len() > 1);
        assert_eq!(record.received(), [&b"heard"[..], b"behind it"], "{kind:?}");
        groups.set_multicast_loop(true).unwrap();
        assert!(groups.multicast_loop());
        assert_eq!(port.counts().failed, 0);
    }
}

#[test]
fn ports_that_share_a_number_all_receive_what_is_sent_to_their_group() {
    for (kind, carrier) in carriers(|_| true) {
        let ports = Ports::new(kind);
        let (first, first_record) = open(&ports, 0, true);
        let number = first.host().port().unwrap();
        let (second, second_record) = open(&ports, number, true);
        for port in [&first, &second] {
            multicast(port).join_group(group(kind, 5), &carrier.index()).unwrap();
        }
        let (sender, _) = open(&ports, 0, false);
        carrier.send_by(&sender);
        sender.send_to(b"all", &members(group(kind, 5), &first)).unwrap();
        turn_until(&ports.reactor, "both have it", || {
            first_record.received() == [b"all"] && second_record.received() == [b"all"]
        });
    }
}

#[test]
fn a_number_is_shared_only_by_those_that_all_ask_for_it() {
    for kind in PortKind::UDP {
        let ports = Ports::new(kind);
        for (first, second) in [(false, true), (true, false), (false, false)] {
            let (port, _) = open(&ports, 0, first);
            let address = port.host().as_socket_addr().unwrap();
            let options =
                ListenMulticast::new(ListenUdp::new(address)).with_listen_multiple(second);
            let (protocol, _) = DatagramRecorder::silent();
            assert!(ports.reactor.listen_multicast(&options, protocol).is_err());
        }
    }
}

#[test]
fn groups_are_joined_and_left_on_connected_ports_too() {
    for kind in PortKind::UDP {
        for connected in [false, true] {
            let ports = Ports::new(kind);
            let (port, _) = open(&ports, 0, false);
            if connected {
                port.as_udp().unwrap().connect(SocketAddr::new(kind.loopback().ip(), 9)).unwrap();
            }
            let lo = MulticastInterface::Index(1);
            for _ in 0..2 {
                multicast(&port).join_group(group(kind, 6), &lo).unwrap();
                multicast(&port).leave_group(group(kind, 6), &lo).unwrap();
            }
        }
    }
}

#[test]
fn the_hops_are_one_at_first_and_are_read_back() {
    for kind in PortKind::UDP {
        for connected in [false, true] {
            let ports = Ports::new(kind);
            let (port, _) = open(&ports, 0, false);
            if connected {
                port.as_udp().unwrap().connect(SocketAddr::new(kind.loopback().ip(), 9)).unwrap();
            }
            assert_eq!(multicast(&port).multicast_ttl(), 1);
            for ttl in [2, 0, 255] {
                multicast(&port).set_multicast_ttl(ttl).unwrap();
                assert_eq!(multicast(&port).multicast_ttl(), ttl);
            }
        }
    }
}

#[test]
fn the_outgoing_interface_is_the_systems_choice_at_first_and_is_read_back() {
    for kind in PortKind::UDP {
        let ports = Ports::new(kind);
        let (port, _) = open(&ports, 0, false);
        assert_eq!(multicast(&port).outgoing_interface(), MulticastInterface::Any);
        for interface in Carrier::loopback(kind).ways() {
            multicast(&port).set_outgoing_interface(&interface).unwrap();
            assert_eq!(multicast(&port).outgoing_interface(), interface);
        }
    }
}

/// Both ports have the same number, and each is a member of a group of its own on the same interface.
#[test]
fn a_port_receives_what_is_sent_to_its_own_groups_alone() {
    for (kind, carrier) in carriers(|_| true) {
        let ports = Ports::new(kind);
        let (one, first) = open(&ports, 0, true);
        let (two, second) = open(&ports, one.host().port().unwrap(), true);
        let (sender, _) = open(&ports, 0, false);
        carrier.send_by(&sender);
        for (port, number) in [(&one, 1), (&two, 2)] {
            multicast(port).join_group(group(kind, number), &carrier.index()).unwrap();
        }
        for (number, times) in [(1, 1), (2, 2), (1, 3), (2, 4)] {
            sender.send_to(&[number, times], &members(group(kind, number), &one)).unwrap();
        }
        turn_until(&ports.reactor, "each has its own", || {
            first.received().len() >= 2 && second.received().len() >= 2
        });
        assert_eq!(first.received(), [[1, 1], [1, 3]], "{kind:?}");
        assert_eq!(second.received(), [[2, 2], [2, 4]], "{kind:?}");
    }
}

#[test]
fn what_is_no_group_or_no_interface_or_of_another_family_is_an_error() {
    for (kind, other) in [(PortKind::UdpV4, PortKind::UdpV6), (PortKind::UdpV6, PortKind::UdpV4)] {
        let ports = Ports::new(kind);
        let (port, _) = open(&ports, 0, false);
        let (groups, any) = (multicast(&port), MulticastInterface::Any);
        let no_group = kind.loopback().ip();
        let error = groups.join_group(no_group, &any).unwrap_err();
        assert_eq!(error, MulticastError::NotAGroup { attempt: "join", group: no_group });
        let address = group(other, 1);
        let error = groups.join_group(address, &any).unwrap_err();
        assert_eq!(error, MulticastError::WrongFamily { attempt: "join", address });
        let address = other.loopback().ip();
        let foreign = MulticastInterface::Address(address);
        let error = groups.join_group(group(kind, 1), &foreign).unwrap_err();
        assert_eq!(error, MulticastError::WrongFamily { attempt: "join", address });
        assert!(groups.set_outgoing_interface(&foreign).is_err());
        let nowhere = match kind {
            PortKind::UdpV6 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
            _ => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        };
        let missing = [
            MulticastInterface::Address(nowhere),
            MulticastInterface::Name("no-such-interface".into()),
            MulticastInterface::Name("a\0b".into()),
            MulticastInterface::Index(0),
            MulticastInterface::Index(u32::MAX),
        ];
        for interface in missing {
            let error = groups.join_group(group(kind, 1), &interface).unwrap_err();
            let no_interface = MulticastError::NoInterface { attempt: "join", interface };
            assert_eq!(error, no_interface);
        }
        let error = groups.leave_group(group(kind, 7), &MulticastInterface::Index(1)).unwrap_err();
        assert!(matches!(error, MulticastError::Refused { attempt: "leave", .. }), "{error:?}");
        drop(port.stop_listening());
        let error = groups.join_group(group(kind, 1), &any).unwrap_err();
        assert_eq!(error, MulticastError::Closed { attempt: "join" });
    }
}
