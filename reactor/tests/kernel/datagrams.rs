//! Datagrams there and back, on every kind of port.

use std::cell::Cell;
use std::net::{SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, ListenUdp, OsError, ReactorUdp as _};
use protocol::testing::{DatagramRecorder, SeenDatagram};
use ropewalk_reactor::{Limits, Reactor};
use testkit::{pattern, skip};

use crate::support::datagrams::{PortKind, Ports, echo};
use crate::support::turn_until;

#[test]
fn a_datagram_comes_whole_with_its_senders_address_and_is_answered() {
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let (protocol, asked) = echo();
        let server = ports.open(protocol);
        let (protocol, answered) = DatagramRecorder::silent();
        let client = ports.open(protocol);
        for data in [&b"spam"[..], b"", &[7; 1400]] {
            client.send_to(data, &server.host()).unwrap();
        }
        turn_until(&ports.reactor, "all are answered", || answered.received().len() == 3);
        let expected = [&b"spam"[..], b"", &[7; 1400]].map(<[u8]>::to_vec);
        assert_eq!(asked.received(), expected, "{kind:?}");
        assert_eq!(answered.received(), expected, "{kind:?}");
        assert!(asked.senders().iter().all(|sender| *sender == client.host()), "{kind:?}");
        assert!(answered.senders().iter().all(|sender| *sender == server.host()), "{kind:?}");
    }
}

#[test]
fn connected_ports_send_without_a_receiver_and_take_the_own_peers_address() {
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let server = ports.open(protocol);
        let (protocol, answers) = DatagramRecorder::silent();
        let client = ports.open_connected(&server.host(), protocol);
        assert_eq!(client.peer(), Some(server.host()), "{kind:?}");
        assert_eq!(server.peer(), None, "{kind:?}");
        client.send(b"a").unwrap();
        client.send_pieces_to(&[b"b"], &server.host()).unwrap();
        client.send_to(b"c", &server.host()).unwrap();
        turn_until(&ports.reactor, "all came", || record.received().len() == 3);
        assert_eq!(record.received(), [b"a", b"b", b"c"], "{kind:?}");
        assert!(record.senders().iter().all(|sender| *sender == client.host()), "{kind:?}");
        server.send_to(b"back", &client.host()).unwrap();
        turn_until(&ports.reactor, "it is answered", || !answers.received().is_empty());
        assert_eq!(answers.senders(), [server.host()], "{kind:?}");
    }
}

#[test]
fn a_port_on_all_addresses_has_the_one_that_it_sends_from_when_it_is_connected() {
    for kind in PortKind::UDP {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let server = ports.open(protocol);
        let any: SocketAddr =
            if kind == PortKind::UdpV6 { "[::]:0" } else { "0.0.0.0:0" }.parse().unwrap();
        let (protocol, _) = DatagramRecorder::silent();
        let client = ports.reactor.listen_udp(&ListenUdp::new(any), protocol).unwrap();
        assert_eq!(client.host().as_socket_addr().unwrap().ip(), any.ip());
        client.as_udp().unwrap().connect(server.host().as_socket_addr().unwrap()).unwrap();
        assert_eq!(client.host().as_socket_addr().unwrap().ip(), kind.loopback().ip());
        client.send(b"x").unwrap();
        turn_until(&ports.reactor, "it came", || !record.received().is_empty());
        assert_eq!(record.senders(), [client.host()]);
    }
}

#[test]
fn a_connected_ports_peer_is_the_same_with_another_flow_or_without_a_zone() {
    let ports = Ports::new(PortKind::UdpV6);
    let (protocol, record) = DatagramRecorder::silent();
    let server = ports.open(protocol);
    let client = ports.open_connected(&server.host(), DatagramRecorder::silent().0);
    let Address::Ipv6(peer) = server.host() else { panic!("it is of IPv6") };
    for (flow, zone) in [(0, 0), (7, 0), (0, 1), (7, 1)] {
        let to = SocketAddrV6::new(*peer.ip(), peer.port(), flow, zone);
        client.send_to(b"x", &Address::Ipv6(to)).unwrap();
    }
    let elsewhere = SocketAddrV6::new(*peer.ip(), peer.port() ^ 1, 0, 0);
    assert!(client.send_to(b"x", &Address::Ipv6(elsewhere)).is_err());
    turn_until(&ports.reactor, "all came", || record.received().len() == 4);
}

#[test]
fn a_connected_port_hears_its_peer_alone_also_of_what_was_in_its_socket_before() {
    for kind in PortKind::UDP {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let port = ports.open(protocol);
        let to = port.host().as_socket_addr().unwrap();
        let [peer, other] = [(); 2].map(|()| UdpSocket::bind(kind.loopback()).unwrap());
        // The loopback has delivered it when the call returns.
        other.send_to(b"early", to).unwrap();
        port.as_udp().unwrap().connect(peer.local_addr().unwrap()).unwrap();
        other.send_to(b"late", to).unwrap();
        peer.send_to(b"own", to).unwrap();
        turn_until(&ports.reactor, "it came", || !record.received().is_empty());
        assert_eq!(record.received(), [b"own"], "{kind:?}");
        assert_eq!(port.counts().received, 1);
    }
}

#[test]
fn pieces_are_one_datagram() {
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let server = ports.open(protocol);
        let client = ports.open(DatagramRecorder::silent().0);
        client.send_pieces_to(&[b"some", b"bytes", b"", b"to", b"write"], &server.host()).unwrap();
        turn_until(&ports.reactor, "it came", || !record.received().is_empty());
        assert_eq!(record.received(), [b"somebytestowrite"], "{kind:?}");
    }
}

#[test]
fn the_longest_datagram_of_each_wire_comes_whole() {
    for (kind, length) in [(PortKind::UdpV4, 65_507), (PortKind::UdpV6, 65_527)] {
        let ports = Ports::new(kind);
        let (protocol, record) = echo();
        let server = ports.open(protocol);
        let (protocol, answers) = DatagramRecorder::silent();
        let client = ports.open(protocol);
        let data = pattern(1, length);
        client.send_to(&data, &server.host()).unwrap();
        turn_until(&ports.reactor, "it is back", || !answers.received().is_empty());
        assert!(record.received() == [data.clone()] && answers.received() == [data], "{kind:?}");
    }
}

#[test]
fn a_datagram_beyond_the_limit_is_told_with_its_length_and_the_next_ones_come() {
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let server = ports.open_with(5, protocol);
        let client = ports.open(DatagramRecorder::silent().0);
        for data in [&b"12345"[..], b"123456", b"abc", &[b'x'; 9000]] {
            client.send_to(data, &server.host()).unwrap();
        }
        turn_until(&ports.reactor, "all came", || record.seen().len() == 5);
        let sender = client.host();
        let expected = [
            SeenDatagram::Started,
            SeenDatagram::Received(b"12345".to_vec(), sender.clone()),
            SeenDatagram::Truncated(b"12345".to_vec(), 6, sender.clone()),
            SeenDatagram::Received(b"abc".to_vec(), sender.clone()),
            SeenDatagram::Truncated(b"xxxxx".to_vec(), 9000, sender),
        ];
        assert_eq!(record.seen(), expected, "{kind:?}");
        let counts = server.counts();
        assert_eq!((counts.received, counts.truncated), (4, 2), "{kind:?}");
    }
}

/// The sizes are cut from runs on the way out, and joined on the way in, where the system does that.
#[test]
fn runs_of_every_size_come_as_the_datagrams_that_were_sent() {
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let server = ports.open(protocol);
        let client = ports.open_connected(&server.host(), DatagramRecorder::silent().0);
        let mut all = Vec::new();
        for (size, count) in [(1, 3), (100, 64), (100, 70), (1200, 9), (7, 1), (30_000, 3), (0, 2)]
        {
            let sent = all.len();
            for number in 0..count {
                // The last one of a run is smaller.
                let size = if number + 1 == count { size * 2 / 3 } else { size };
                let data = pattern(number as u64, size);
                client.send(&data).unwrap();
                all.push(data);
            }
            let expected = sent + count;
            turn_until(&ports.reactor, "a run came", || record.received().len() == expected);
        }
        assert!(record.received() == all, "{kind:?}");
        assert_eq!(client.counts().sent, all.len() as u64, "{kind:?}");
    }
}

#[test]
fn a_datagram_that_is_longer_than_the_way_takes_in_a_run_goes_alone() {
    let ports = Ports::new(PortKind::UdpV4);
    let (protocol, record) = DatagramRecorder::silent();
    let server = ports.open(protocol);
    let client = ports.open_connected(&server.host(), DatagramRecorder::silent().0);
    // A run on this socket would be refused, as the kernel would have to cut it without checksums.
    client.send(b"alone").unwrap();
    turn_until(&ports.reactor, "it came", || record.received().len() == 1);
    for _ in 0..4 {
        client.send(&[1; 20_000]).unwrap();
    }
    turn_until(&ports.reactor, "all came", || record.received().len() == 5);
    assert!(record.received()[1..].iter().all(|data| data == &[1; 20_000]));
    assert_eq!(client.counts().failed, 0);
}

#[test]
fn what_a_turn_that_the_protocol_makes_itself_finds_written_is_sent() {
    let reactor = Reactor::new().unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_nonblocking(true).unwrap();
    let to = Address::from(peer.local_addr().unwrap());
    let came = Rc::new(Cell::new(false));
    let (inner, seen) = (reactor.clone(), came.clone());
    let (protocol, _) = DatagramRecorder::new(move |seen_now, transport| {
        if *seen_now == SeenDatagram::Started {
            transport.send_to(b"at once", &to).unwrap();
            for _ in 0..100 {
                inner.turn(Some(Duration::from_millis(1))).unwrap();
                if peer.recv(&mut [0; 10]).is_ok() {
                    return seen.set(true);
                }
            }
        }
    });
    reactor.listen_udp(&ListenUdp::new(([127, 0, 0, 1], 0)), protocol).unwrap();
    assert!(came.get());
}

/// A receiver that takes joined datagrams gets a run in one piece over the loopback.
#[test]
fn a_run_that_is_refused_for_its_datagrams_sake_leaves_later_runs_as_they_are() {
    let ports = Ports::new(PortKind::UdpV4);
    let (protocol, record) = DatagramRecorder::silent();
    let client = ports.open(protocol);
    // Out of the loopback's reach: EINVAL where there is a route, as of a run that the kernel does not cut.
    let nowhere = Address::from(SocketAddr::from(([192, 0, 2, 1], 9)));
    for _ in 0..5 {
        client.send_to(&[0; 50], &nowhere).unwrap();
    }
    turn_until(&ports.reactor, "all are refused", || client.counts().failed == 5);
    let invalid = OsError::from_raw_os_error(libc::EINVAL);
    if record.count(&SeenDatagram::SendFailed(nowhere, invalid)) != 5 {
        return skip("this machine has no route to other networks");
    }
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open, and the pointer leads to an `int` that outlives the call.
    let set = unsafe {
        let length = size_of_val(&on) as libc::socklen_t;
        libc::setsockopt(
            peer.as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_GRO,
            (&raw const on).cast(),
            length,
        )
    };
    assert_eq!(set, 0);
    for _ in 0..20 {
        client.send_to(&[1; 50], &Address::from(peer.local_addr().unwrap())).unwrap();
    }
    turn_until(&ports.reactor, "all are sent", || client.counts().sent == 20);
    assert_eq!(peer.recv(&mut [0; 2000]).unwrap(), 1000);
}

#[test]
fn unix_datagrams_come_in_order_though_the_protocol_makes_turns() {
    for kind in [PortKind::UnixPath, PortKind::UnixAbstract, PortKind::UdpV4] {
        let ports = Ports::new(kind);
        let inner = ports.reactor.clone();
        let (protocol, record) = DatagramRecorder::new(move |seen, _| {
            if matches!(seen, SeenDatagram::Received(_, _)) {
                inner.turn(Some(Duration::ZERO)).unwrap();
            }
        });
        let server = ports.open(protocol);
        let client = ports.open_connected(&server.host(), DatagramRecorder::silent().0);
        for number in 0..60_u8 {
            client.send(&[number]).unwrap();
        }
        turn_until(&ports.reactor, "all came", || record.received().len() == 60);
        assert_eq!(record.received().concat(), (0..60).collect::<Vec<u8>>(), "{kind:?}");
    }
}

#[test]
fn a_flooded_port_lets_the_others_have_their_turn() {
    let limits = Limits::default().with_datagrams_per_turn(8);
    let reactor = Reactor::with_limits(limits).unwrap();
    let (protocol, flooded) = DatagramRecorder::silent();
    let options = ListenUdp::new(([127, 0, 0, 1], 0));
    let port = reactor.listen_udp(&options, protocol).unwrap();
    let to: SocketAddr = port.host().as_socket_addr().unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..100_u8 {
        peer.send_to(&[number], to).unwrap();
    }
    let mut before = 0;
    turn_until(&reactor, "all came", || {
        let now = flooded.received().len();
        assert!(now - before <= 8, "{before} and then {now}");
        before = now;
        now == 100
    });
    let expected: Vec<_> = (0..100_u8).map(|number| vec![number]).collect();
    assert_eq!(flooded.received(), expected);
}
