//! Adopted datagram sockets: what is taken, what is refused, and that it is closed and nothing else.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use interfaces::{Address, ListenError, ReactorSocket as _, SendError, UnixAddress};
use protocol::testing::{DatagramRecorder, SeenDatagram};
use ropewalk_reactor::{Counts, Reactor};
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::datagrams::{PortKind, echo};
use crate::support::unix::place;
use crate::support::{Lines, turn_until};

#[test]
fn an_adopted_port_is_as_one_that_was_opened() {
    for kind in PortKind::UDP {
        let reactor = Reactor::new().unwrap();
        let socket = UdpSocket::bind(kind.loopback()).unwrap();
        let address = Address::from(socket.local_addr().unwrap());
        let (protocol, record) = echo();
        let lines = Lines::watch(&reactor);
        let port = reactor.adopt_datagram_port(OwnedFd::from(socket), 65_536, protocol).unwrap();
        assert_eq!(lines.count(&format!("ListeningStarted {{ address: {address:?}, factory")), 1);
        assert_eq!((port.host(), port.peer()), (address, None));
        assert!(port.as_udp().is_some() && port.as_multicast().is_some());
        let (protocol, answers) = DatagramRecorder::silent();
        let client = UdpSocket::bind(kind.loopback()).unwrap();
        client.connect(port.host().as_socket_addr().unwrap()).unwrap();
        let client = reactor.adopt_datagram_port(OwnedFd::from(client), 3, protocol).unwrap();
        assert_eq!(client.peer(), Some(port.host()), "it was connected already");
        client.send(b"abc").unwrap();
        client.send(b"abcd").unwrap();
        turn_until(&reactor, "both are answered", || answers.seen().len() == 3);
        assert_eq!(record.received(), [&b"abc"[..], b"abcd"]);
        let expected = [
            SeenDatagram::Started,
            SeenDatagram::Received(b"abc".to_vec(), port.host()),
            SeenDatagram::Truncated(b"abc".to_vec(), 4, port.host()),
        ];
        assert_eq!(answers.seen(), expected);
    }
}

#[test]
fn a_unix_socket_keeps_its_path_when_its_port_stops() {
    let reactor = Reactor::new().unwrap();
    let (_directory, path) = place();
    let socket = OwnedFd::from(UnixDatagram::bind(&path).unwrap());
    let (protocol, record) = DatagramRecorder::silent();
    let port = reactor.adopt_datagram_port(socket, 65_536, protocol).unwrap();
    assert_eq!(port.host().to_string(), format!("unix:{}", path.display()));
    assert!(port.as_udp().is_none() && port.as_multicast().is_none());
    UnixDatagram::unbound().unwrap().send_to(b"x", &path).unwrap();
    turn_until(&reactor, "it came", || record.received() == [b"x"]);
    drop(port.stop_listening());
    turn_until(&reactor, "it stopped", || record.count(&SeenDatagram::Stopped) == 1);
    assert!(path.exists());
}

#[test]
fn each_half_of_a_pair_sends_to_the_other_though_neither_has_a_name() {
    let reactor = Reactor::new().unwrap();
    let (one, two) = UnixDatagram::pair().unwrap();
    let (protocol, record) = echo();
    reactor.adopt_datagram_port(OwnedFd::from(one), 65_536, protocol).unwrap();
    let (protocol, answers) = DatagramRecorder::silent();
    let port = reactor.adopt_datagram_port(OwnedFd::from(two), 65_536, protocol).unwrap();
    let unnamed = Address::from(UnixAddress::Unnamed);
    assert_eq!((port.host(), port.peer()), (unnamed.clone(), Some(unnamed.clone())));
    port.send(b"by send").unwrap();
    port.send_to(b"by send_to", &unnamed).unwrap();
    port.send_pieces_to(&[b"by ", b"pieces"], &unnamed).unwrap();
    port.send(b"").unwrap();
    turn_until(&reactor, "all are answered", || answers.received().len() == 4);
    let expected = [&b"by send"[..], b"by send_to", b"by pieces", b""];
    assert_eq!(record.received(), expected);
    assert_eq!(answers.received(), expected);
    let receiver = Address::from(UnixAddress::Path(std::rc::Rc::from(&b"/elsewhere"[..])));
    let error = port.send_to(b"x", &receiver).unwrap_err();
    assert_eq!(error, SendError::ConnectedElsewhere { receiver, peer: unnamed });
}

#[test]
fn a_socket_that_was_adopted_unbound_has_the_address_that_it_sends_from() {
    for (kind, domain) in [(PortKind::UdpV4, Domain::IPV4), (PortKind::UdpV6, Domain::IPV6)] {
        let reactor = Reactor::new().unwrap();
        let peer = UdpSocket::bind(kind.loopback()).unwrap();
        peer.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        let (protocol, _) = DatagramRecorder::silent();
        let port = reactor.adopt_datagram_port(OwnedFd::from(socket), 65_536, protocol).unwrap();
        assert_eq!(port.host().port(), Some(0));
        port.send_to(b"x", &Address::from(peer.local_addr().unwrap())).unwrap();
        turn_until(&reactor, "it is sent", || port.counts().sent == 1);
        let (_, sender) = peer.recv_from(&mut [0; 2]).unwrap();
        assert_eq!(port.host().port(), Some(sender.port()));
        drop(port.stop_listening());
        assert_eq!(port.host().port(), Some(sender.port()), "the address that it had");
    }
}

#[test]
fn a_clone_that_the_caller_kept_is_as_before_when_the_port_stops() {
    for kind in PortKind::UDP {
        let reactor = Reactor::new().unwrap();
        let socket = UdpSocket::bind(kind.loopback()).unwrap();
        let own = socket.try_clone().unwrap();
        let (protocol, record) = DatagramRecorder::silent();
        let port = reactor.adopt_datagram_port(OwnedFd::from(socket), 65_536, protocol).unwrap();
        drop(port.stop_listening());
        turn_until(&reactor, "it stopped", || record.count(&SeenDatagram::Stopped) == 1);
        assert_eq!(own.recv(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        let client = UdpSocket::bind(kind.loopback()).unwrap();
        client.send_to(b"x", own.local_addr().unwrap()).unwrap();
        own.set_nonblocking(false).unwrap();
        own.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        assert_eq!(own.recv(&mut [0; 2]).unwrap(), 1);
    }
}

#[test]
fn what_is_no_datagram_socket_is_refused_and_closed() {
    let reactor = Reactor::new().unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let stream = TcpListener::bind("127.0.0.1:0").unwrap();
    let (seqpacket, _) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    let descriptors: [(OwnedFd, &str); 3] = [
        (OwnedFd::from(writer), "it is not a socket"),
        (OwnedFd::from(stream), "it is a socket of another type (SOCK_STREAM)"),
        (OwnedFd::from(seqpacket), "it is a socket of another type (SOCK_SEQPACKET)"),
    ];
    for (descriptor, expected) in descriptors {
        let (protocol, record) = DatagramRecorder::silent();
        match reactor.adopt_datagram_port(descriptor, 8192, protocol).err() {
            Some(ListenError::Unsuitable { reason }) => assert_eq!(reason, expected),
            other => panic!("{other:?}"),
        }
        assert!(record.seen().is_empty());
    }
    // The end of file says that no other descriptor of the pipe is open.
    assert_eq!(std::io::Read::read(&mut reader, &mut [0]).unwrap(), 0);
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_datagram_socket_of_a_family_that_is_not_known_is_refused() {
    let reactor = Reactor::new().unwrap();
    // Netlink's family and its protocol for routes (netlink(7)): any user may open it.
    let route = Some(Protocol::from(libc::NETLINK_ROUTE));
    let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::DGRAM, route).unwrap();
    let (protocol, _) = DatagramRecorder::silent();
    match reactor.adopt_datagram_port(OwnedFd::from(socket), 8192, protocol).err() {
        Some(ListenError::Unsuitable { reason }) => {
            assert!(reason.starts_with("it is of another address family"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}
