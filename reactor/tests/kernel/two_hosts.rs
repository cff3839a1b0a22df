//! Two hosts with a cable between them: streams, datagrams, groups and broadcasts that leave a machine.
//!
//! Invariant: nothing leaves the two namespaces of a test, which are gone with its threads.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};

use deferred::Failure;
use interfaces::{
    Address, ConnectError, ConnectTcp, DatagramTransport, ListenTcp, ListenUdp, MulticastInterface,
    ReactorTcp as _, ReactorUdp as _,
};
use protocol::testing::{DatagramRecord, DatagramRecorder, Record, Recorder, SeenDatagram};
use ropewalk_reactor::{Counts, Reactor};
use testkit::{once, pattern, skip};

use crate::support::two_hosts::{FAR, FarHost, NEAR, ip, two_hosts};
use crate::support::{RecordExt as _, datagrams, echo, turn_until};

const TCP: u16 = 7000;
const UDP: u16 = 7001;
/// A port that is closed on both hosts.
const CLOSED: u16 = 7009;

/// IPv4, and IPv6 where this host has an address of it.
fn families() -> Vec<bool> {
    let is_there = [NEAR, FAR].iter().any(|end| UdpSocket::bind(end.at(0, true)).is_ok());
    if !is_there {
        skip("this machine has no IPv6");
    }
    if is_there { vec![false, true] } else { vec![false] }
}

/// Serves echoes of streams and of datagrams at the far end.
fn echoes(far: &FarHost<'_>) {
    let reactor = Reactor::new().unwrap();
    let mut udp = Vec::new();
    for is_ipv6 in families() {
        reactor.listen_tcp(&ListenTcp::new(FAR.at(TCP, is_ipv6)), echo()).unwrap();
        let (protocol, _) = datagrams::echo();
        udp.push(reactor.listen_udp(&ListenUdp::new(FAR.at(UDP, is_ipv6)), protocol).unwrap());
    }
    far.serve(&reactor);
}

#[test]
fn a_stream_crosses_between_hosts_and_a_closed_port_refuses_it() {
    two_hosts(echoes, || {
        let reactor = Reactor::new().unwrap();
        for is_ipv6 in families() {
            let data = pattern(1, 1 << 20);
            let (sent, seen) = (data.clone(), Record::new());
            let recorder = Recorder::new(&seen).on_made(move |transport| transport.write(&sent));
            let options = ConnectTcp::new(FAR.at(TCP, is_ipv6));
            drop(reactor.connect_tcp(&options, once(recorder)));
            turn_until(&reactor, "all came back", || seen.received().len() == data.len());
            assert!(seen.received() == data);
            let transport = seen.transport();
            assert_eq!(transport.peer(), FAR.at(TCP, is_ipv6).into());
            let host = transport.host().as_socket_addr().unwrap();
            assert_eq!(host.ip(), NEAR.at(0, is_ipv6).ip());
            transport.lose_connection();
            turn_until(&reactor, "it is lost", || seen.is_lost());
            assert!(seen.reason().is_clean());

            let closed = FAR.at(CLOSED, is_ipv6);
            let error = Rc::new(RefCell::new(None));
            let slot = error.clone();
            let attempt = reactor.connect_tcp(&ConnectTcp::new(closed), echo());
            drop(attempt.add_both(move |outcome| {
                slot.replace(Some(outcome.unwrap_err()));
                Ok::<_, Failure>(())
            }));
            turn_until(&reactor, "it is refused", || error.borrow().is_some());
            let error = error.take().unwrap();
            assert!(matches!(error.downcast_ref(), Some(ConnectError::Refused { .. })), "{error}");
        }
        turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
    });
}

fn open(reactor: &Reactor, at: SocketAddr) -> (Rc<dyn DatagramTransport>, DatagramRecord) {
    let (protocol, record) = DatagramRecorder::silent();
    (reactor.listen_udp(&ListenUdp::new(at), protocol).unwrap(), record)
}

#[test]
fn datagrams_cross_between_hosts_whole_and_in_pieces_and_a_closed_port_refuses_them() {
    two_hosts(echoes, || {
        let reactor = Reactor::new().unwrap();
        for is_ipv6 in families() {
            let (port, record) = open(&reactor, NEAR.at(0, is_ipv6));
            let to = Address::from(FAR.at(UDP, is_ipv6));
            // The last two are more than the cable carries at once.
            for (number, size) in [1, 1400, 9000, 60_000].into_iter().enumerate() {
                port.send_to(&pattern(2, size), &to).unwrap();
                turn_until(&reactor, "it came back", || record.received().len() == number + 1);
                assert!(record.received()[number] == pattern(2, size), "{size}");
                assert_eq!(record.senders()[number], to);
            }
            let (connected, told) = open(&reactor, NEAR.at(0, is_ipv6));
            connected.as_udp().unwrap().connect(FAR.at(CLOSED, is_ipv6)).unwrap();
            connected.send(b"anybody?").unwrap();
            turn_until(&reactor, "it is refused", || told.count(&SeenDatagram::Refused) == 1);
        }
    });
}

/// The group of a family, in the scope of a site (RFC 2365, RFC 4291 section 2.7).
fn group(is_ipv6: bool) -> IpAddr {
    let text = if is_ipv6 { "ff05::77:1" } else { "239.77.1.1" };
    text.parse().unwrap()
}

/// The port of a group's members; one of IPv6 takes the IPv4 port of its number, too.
fn group_port(is_ipv6: bool) -> u16 {
    UDP + u16::from(is_ipv6)
}

fn any(port: u16, is_ipv6: bool) -> SocketAddr {
    SocketAddr::new(if is_ipv6 { "::" } else { "0.0.0.0" }.parse().unwrap(), port)
}

/// Sends until the record has one more.
fn send_until_answered(
    reactor: &Reactor,
    port: &Rc<dyn DatagramTransport>,
    to: &Address,
    record: &DatagramRecord,
) {
    let before = record.received().len();
    let mut turns = 0;
    turn_until(reactor, "it is answered", || {
        // A membership takes a moment to be known on the cable.
        if turns % 20 == 0 {
            port.send_to(b"to all members", to).unwrap();
        }
        turns += 1;
        record.received().len() > before
    });
}

#[test]
fn a_member_on_another_host_receives_by_each_name_of_the_interface_and_no_more_when_it_has_left() {
    let members = |far: &FarHost<'_>| {
        let reactor = Reactor::new().unwrap();
        let mut ports = Vec::new();
        for is_ipv6 in families() {
            let by_name = MulticastInterface::Name(FAR.interface.into());
            let leaves = by_name.clone();
            let (protocol, _) = DatagramRecorder::new(move |seen, transport| {
                let SeenDatagram::Received(data, sender) = seen else { return };
                if data == b"leave" {
                    let groups = transport.as_multicast().unwrap();
                    groups.leave_group(group(is_ipv6), &leaves).unwrap();
                }
                transport.send_to(data, sender).unwrap();
            });
            let options = ListenUdp::new(any(group_port(is_ipv6), is_ipv6));
            let port = reactor.listen_udp(&options, protocol).unwrap();
            port.as_multicast().unwrap().join_group(group(is_ipv6), &by_name).unwrap();
            ports.push(port);
        }
        far.serve(&reactor);
    };
    two_hosts(members, || {
        let reactor = Reactor::new().unwrap();
        for is_ipv6 in families() {
            let (port, record) = open(&reactor, NEAR.at(0, is_ipv6));
            let to = Address::from(SocketAddr::new(group(is_ipv6), group_port(is_ipv6)));
            let options = port.as_multicast().unwrap();
            options.set_multicast_ttl(1).unwrap();
            let ways = [
                MulticastInterface::Name(NEAR.interface.into()),
                MulticastInterface::Address(NEAR.at(0, is_ipv6).ip()),
            ];
            for way in ways {
                options.set_outgoing_interface(&way).unwrap();
                send_until_answered(&reactor, &port, &to, &record);
                let sender = record.senders().pop().unwrap().as_socket_addr().unwrap();
                assert_eq!(sender.ip(), FAR.at(0, is_ipv6).ip(), "{way:?}");
            }
            // Answers to what was sent more than once may be late.
            let direct = Address::from(FAR.at(group_port(is_ipv6), is_ipv6));
            port.send_to(b"leave", &direct).unwrap();
            let left = || record.received().contains(&b"leave".to_vec());
            turn_until(&reactor, "it has left", left);
            let before = record.received().len();
            port.send_to(b"to nobody", &to).unwrap();
            port.send_to(b"to one", &direct).unwrap();
            let came = |data: &[u8]| record.received()[before..].iter().any(|it| it == data);
            turn_until(&reactor, "the next is answered", || came(b"to one"));
            assert!(!came(b"to nobody"), "it is no member any more");
        }
    });
}

#[test]
fn a_broadcast_reaches_the_other_host_where_it_is_allowed_and_is_an_error_where_not() {
    let listens = |far: &FarHost<'_>| {
        let reactor = Reactor::new().unwrap();
        let (protocol, _) = datagrams::echo();
        let _port = reactor.listen_udp(&ListenUdp::new(any(UDP, false)), protocol).unwrap();
        far.serve(&reactor);
    };
    two_hosts(listens, || {
        let reactor = Reactor::new().unwrap();
        let all: SocketAddr = "10.77.0.255:7001".parse().unwrap();
        let (port, record) = open(&reactor, NEAR.at(0, false));
        port.send_to(b"to all", &all.into()).unwrap();
        turn_until(&reactor, "it is not allowed", || port.counts().failed == 1);
        let failed = |seen: &SeenDatagram| match seen {
            SeenDatagram::SendFailed(to, error) => {
                *to == all.into() && error.raw_os_error() == libc::EACCES
            }
            _ => false,
        };
        assert!(record.seen().iter().any(failed), "{:?}", record.seen());
        port.as_udp().unwrap().set_broadcast_allowed(true);
        send_until_answered(&reactor, &port, &all.into(), &record);
        assert_eq!(record.senders()[0], FAR.at(UDP, false).into());

        let everywhere = SocketAddr::new(Ipv4Addr::BROADCAST.into(), UDP);
        // Without a route the limited broadcast has no way out.
        crate::support::two_hosts::ip(&["route", "add", "default", "dev", NEAR.interface]).unwrap();
        send_until_answered(&reactor, &port, &everywhere.into(), &record);
    });
}

#[test]
fn a_cable_that_is_pulled_and_plugged_in_again_loses_no_byte_of_a_stream_and_ends_no_port() {
    two_hosts(echoes, || {
        let reactor = Reactor::new().unwrap();
        let data = pattern(3, 4 << 20);
        let seen = Record::new();
        let options = ConnectTcp::new(FAR.at(TCP, false));
        drop(reactor.connect_tcp(&options, once(Recorder::new(&seen))));
        turn_until(&reactor, "it is made", || seen.is_made());
        let (port, record) = open(&reactor, NEAR.at(0, false));
        let transport = seen.transport();
        for half in data.chunks(data.len() / 2) {
            transport.write(half);
            reactor.turn(Some(Duration::ZERO)).unwrap();
            ip(&["link", "set", NEAR.interface, "down"]).unwrap();
            // With no route, it is an error of the send and not of the port.
            let _ = port.send_to(b"lost", &Address::from(FAR.at(UDP, false)));
            let until = Instant::now() + Duration::from_millis(300);
            while Instant::now() < until {
                reactor.turn(Some(Duration::from_millis(10))).unwrap();
            }
            assert!(!seen.is_lost(), "{:?}", seen.lost());
            ip(&["link", "set", NEAR.interface, "up"]).unwrap();
        }
        turn_until(&reactor, "all came back", || seen.received().len() == data.len());
        assert!(seen.received() == data);
        send_until_answered(&reactor, &port, &Address::from(FAR.at(UDP, false)), &record);
    });
}
