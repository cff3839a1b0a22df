//! Datagrams there and back, on every kind of port.

use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, ListenUdp, ReactorUdp as _};
use protocol::testing::{DatagramRecorder, SeenDatagram};
use ropewalk_reactor::{Limits, Reactor};
use testkit::pattern;

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
