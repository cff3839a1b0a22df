//! What cannot be sent or opened says so, and refusals of a peer are told.

use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;

use interfaces::{
    Address, ConnectDatagramError, DatagramTransport, ListenError, ListenUdp, OsError,
    ReactorUdp as _, SendError, UnixAddress,
};
use protocol::testing::{DatagramRecorder, SeenDatagram};
use ropewalk_reactor::Counts;

use crate::support::datagrams::{PortKind, Ports};
use crate::support::turn_until;

fn silent(ports: &Ports) -> Rc<dyn DatagramTransport> {
    ports.open(DatagramRecorder::silent().0)
}

/// An address of the loopback at which no socket is.
fn unused(kind: PortKind) -> SocketAddr {
    UdpSocket::bind(kind.loopback()).unwrap().local_addr().unwrap()
}

#[test]
fn an_address_of_another_kind_is_an_error_at_once() {
    let addresses = [
        Address::from(SocketAddr::from(([127, 0, 0, 1], 9))),
        Address::from("[::1]:9".parse::<SocketAddr>().unwrap()),
        Address::from(UnixAddress::Path(Rc::from(&b"/nowhere"[..]))),
    ];
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let port = silent(&ports);
        let own = match kind {
            PortKind::UdpV4 => 0,
            PortKind::UdpV6 => 1,
            PortKind::UnixPath | PortKind::UnixAbstract => 2,
        };
        for (number, address) in addresses.iter().enumerate().filter(|(it, _)| *it != own) {
            let error = port.send_to(b"x", address).unwrap_err();
            let (receiver, host) = (address.clone(), port.host());
            assert_eq!(error, SendError::WrongFamily { receiver, host }, "{kind:?} {number}");
        }
        let other = addresses[1 - own % 2].as_socket_addr().unwrap();
        if let Some(udp) = port.as_udp() {
            let error = udp.connect(other).unwrap_err();
            assert!(matches!(error, ConnectDatagramError::WrongFamily { .. }), "{error}");
            assert_eq!(port.peer(), None);
        }
    }
}

#[test]
fn a_datagram_that_no_packet_can_carry_is_an_error_at_once() {
    for (kind, limit) in [(PortKind::UdpV4, 65_507), (PortKind::UdpV6, 65_527)] {
        let ports = Ports::new(kind);
        let port = silent(&ports);
        let receiver = port.host();
        let error = port.send_to(&vec![0; limit + 1], &receiver).unwrap_err();
        assert_eq!(error, SendError::TooLong { length: limit + 1, limit, receiver });
        assert_eq!(port.counts().waiting, 0);
    }
}

#[test]
fn a_unix_datagram_that_the_system_finds_too_long_is_told() {
    for kind in [PortKind::UnixPath, PortKind::UnixAbstract] {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let port = ports.open(protocol);
        let server = silent(&ports);
        port.send_to(&vec![0; 64 * 1024 * 1024], &server.host()).unwrap();
        let failed =
            SeenDatagram::SendFailed(server.host(), OsError::from_raw_os_error(libc::EMSGSIZE));
        turn_until(&ports.reactor, "it is told", || record.count(&failed) == 1);
        assert_eq!(port.counts().failed, 1);
    }
}

#[test]
fn a_name_that_no_socket_can_have_is_an_error_at_once() {
    let ports = Ports::new(PortKind::UnixPath);
    let port = silent(&ports);
    let names = [
        UnixAddress::Unnamed,
        UnixAddress::Path(Rc::from(&b""[..])),
        UnixAddress::Path(Rc::from(&b"a\0b"[..])),
        UnixAddress::Path(Rc::from([b'a'; 108])),
        UnixAddress::Abstract(Rc::from([b'a'; 108])),
    ];
    for name in names {
        let receiver = Address::from(name);
        let error = port.send_to(b"x", &receiver).unwrap_err();
        assert_eq!(error, SendError::InvalidName { receiver });
    }
}

#[test]
fn a_datagram_to_the_port_0_is_an_error_at_once() {
    for kind in PortKind::UDP {
        let ports = Ports::new(kind);
        let port = silent(&ports);
        let receiver = Address::from(kind.loopback());
        for error in [
            port.send_to(b"x", &receiver).unwrap_err(),
            port.send_pieces_to(&[b"x", b"y"], &receiver).unwrap_err(),
        ] {
            assert_eq!(error, SendError::PortZero { receiver: receiver.clone() });
        }
        assert_eq!(port.counts().waiting, 0);
    }
}

#[test]
fn a_port_is_connected_once_and_sends_to_no_other() {
    for kind in PortKind::UDP {
        let ports = Ports::new(kind);
        let (one, two, port) = (silent(&ports), silent(&ports), silent(&ports));
        let error = port.send(b"x").unwrap_err();
        assert_eq!(error, SendError::NotConnected { host: port.host() });
        let udp = port.as_udp().unwrap();
        udp.connect(one.host().as_socket_addr().unwrap()).unwrap();
        for again in [&one, &two] {
            let error = udp.connect(again.host().as_socket_addr().unwrap()).unwrap_err();
            let (address, peer) = (again.host(), one.host());
            assert_eq!(error, ConnectDatagramError::AlreadyConnected { address, peer });
        }
        let error = port.send_to(b"x", &two.host()).unwrap_err();
        let (receiver, peer) = (two.host(), one.host());
        assert_eq!(error, SendError::ConnectedElsewhere { receiver, peer });
    }
}

#[test]
fn a_bound_address_is_in_use_and_leaves_nothing_behind() {
    for kind in PortKind::UDP {
        let ports = Ports::new(kind);
        let port = silent(&ports);
        let before = ports.reactor.counts();
        let options = ListenUdp::new(port.host().as_socket_addr().unwrap());
        let (protocol, record) = DatagramRecorder::silent();
        match ports.reactor.listen_udp(&options, protocol).err() {
            Some(ListenError::Refused { address, source, hint }) => {
                assert_eq!(address, port.host());
                assert_eq!(source.raw_os_error(), libc::EADDRINUSE);
                let holder = format!("process {} (", std::process::id());
                assert!(hint.starts_with(&holder) && hint.ends_with(") listens there"), "{hint}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(ports.reactor.counts(), before);
        assert!(record.seen().is_empty(), "its protocol was never started");
    }
}

#[test]
fn refusals_of_a_connected_ports_peer_are_told_and_later_datagrams_come() {
    for kind in PortKind::UDP {
        let ports = Ports::new(kind);
        let dead = unused(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let port = ports.open_connected(&Address::from(dead), protocol);
        for refusals in 1..=3 {
            port.send(b"anybody?").unwrap();
            turn_until(&ports.reactor, "it is refused", || {
                record.count(&SeenDatagram::Refused) == refusals
            });
        }
        assert_eq!(port.counts().refused, 3);
        let peer = UdpSocket::bind(dead).unwrap();
        peer.send_to(b"now", port.host().as_socket_addr().unwrap()).unwrap();
        turn_until(&ports.reactor, "a datagram comes", || !record.received().is_empty());
        assert_eq!(record.received(), [b"now"]);
        assert_eq!(record.count(&SeenDatagram::Refused), 3, "once for each");
    }
}

#[test]
fn a_datagram_behind_a_refused_one_is_sent() {
    let ports = Ports::new(PortKind::UdpV4);
    let dead = unused(PortKind::UdpV4);
    let (protocol, record) = DatagramRecorder::silent();
    let port = ports.open_connected(&Address::from(dead), protocol);
    port.send(b"refused").unwrap();
    turn_until(&ports.reactor, "it is refused", || record.count(&SeenDatagram::Refused) == 1);
    let port_address = port.host().as_socket_addr().unwrap();
    // Both are sent by one turn: the kernel gives the refusal of the first to the call that sends the
    // second, or to a receive between them.
    port.send(b"refused too").unwrap();
    turn_until(&ports.reactor, "it is sent", || port.counts().sent == 2);
    let peer = UdpSocket::bind(dead).unwrap();
    port.send(b"taken").unwrap();
    peer.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    turn_until(&ports.reactor, "both are sent", || port.counts().sent == 3);
    let mut buffer = [0; 20];
    let (length, sender) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], sender), (&b"taken"[..], port_address));
    assert_eq!(port.counts().failed, 0);
}

#[test]
fn an_unconnected_port_survives_dead_receivers_and_is_told_nothing() {
    for kind in PortKind::UDP {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let port = ports.open(protocol);
        for _ in 0..3 {
            port.send_to(b"anybody?", &Address::from(unused(kind))).unwrap();
        }
        let other = silent(&ports);
        turn_until(&ports.reactor, "they are sent", || port.counts().sent == 3);
        other.send_to(b"later", &port.host()).unwrap();
        turn_until(&ports.reactor, "a datagram comes", || !record.received().is_empty());
        let sender = other.host();
        let expected = [SeenDatagram::Started, SeenDatagram::Received(b"later".to_vec(), sender)];
        assert_eq!(record.seen(), expected);
    }
}

#[test]
fn a_missing_unix_receiver_is_told_and_later_datagrams_come() {
    for kind in [PortKind::UnixPath, PortKind::UnixAbstract] {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let port = ports.open(protocol);
        let nowhere = Address::from(ports.new_name());
        let other = silent(&ports);
        port.send_to(b"x", &nowhere).unwrap();
        other.send_to(b"later", &port.host()).unwrap();
        turn_until(&ports.reactor, "both are told", || record.seen().len() == 3);
        let errno = match kind {
            PortKind::UnixAbstract => libc::ECONNREFUSED,
            _ => libc::ENOENT,
        };
        let failed = SeenDatagram::SendFailed(nowhere, OsError::from_raw_os_error(errno));
        assert_eq!(record.count(&failed), 1, "{kind:?}: {:?}", record.seen());
        assert_eq!(record.received(), [b"later"]);
    }
}

#[test]
fn broadcasts_need_the_switch() {
    let ports = Ports::new(PortKind::UdpV4);
    let (protocol, record) = DatagramRecorder::silent();
    let port = ports.open(protocol);
    let udp = port.as_udp().unwrap();
    assert!(!udp.broadcast_allowed());
    let everybody = Address::from(SocketAddr::from(([255, 255, 255, 255], 9)));
    port.send_to(b"x", &everybody).unwrap();
    turn_until(&ports.reactor, "it is told", || record.seen().len() == 2);
    match &record.seen()[1] {
        SeenDatagram::SendFailed(receiver, error) => {
            assert_eq!(*receiver, everybody);
            // Without a route the kernel says that first.
            assert!(matches!(error.raw_os_error(), libc::EACCES | libc::ENETUNREACH));
        }
        other => panic!("{other:?}"),
    }
    udp.set_broadcast_allowed(true);
    assert!(udp.broadcast_allowed());
    udp.set_broadcast_allowed(false);
    assert!(!udp.broadcast_allowed());
}

#[test]
fn a_failed_opening_counts_nothing() {
    let ports = Ports::new(PortKind::UdpV4);
    let options = ListenUdp::new(([192, 0, 2, 1], 0));
    let error = ports.reactor.listen_udp(&options, DatagramRecorder::silent().0).err().unwrap();
    assert_eq!(
        error.to_string(),
        "cannot listen on 192.0.2.1:0 (no interface of this machine has that address)"
    );
    assert_eq!(ports.reactor.counts(), Counts::default());
}
