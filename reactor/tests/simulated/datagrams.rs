//! Datagram ports in the simulated network: what each fault does, and what a full queue costs.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, DatagramTransport, DeliverDatagram, ListenError, ListenMulticast, ListenUdp,
    ListenUnixDatagram, MulticastError, MulticastInterface, OsError, QUEUED_DATAGRAM_BYTES,
    ReactorMulticast as _, ReactorUdp as _, ReactorUnixDatagram as _, SendError, UnixAddress,
};
use protocol::testing::{DatagramRecord, DatagramRecorder, SeenDatagram};
use ropewalk_reactor::simulated::{Chance, Faults, Links, Simulated};
use ropewalk_reactor::{Counts, Limits, Reactor};

pub(crate) fn reactor(faults: Faults) -> Reactor<Simulated> {
    let reactor = Reactor::simulated(7);
    reactor.system().set_faults(faults);
    reactor
}

pub(crate) fn udp(
    reactor: &Reactor<Simulated>,
    protocol: Rc<dyn DeliverDatagram>,
) -> Rc<dyn DatagramTransport> {
    reactor.listen_udp(&ListenUdp::new(([127, 0, 0, 1], 0)), protocol).unwrap()
}

/// Turns until nothing is under way any more.
pub(crate) fn settle(reactor: &Reactor<Simulated>) {
    for _ in 0..2000 {
        reactor.turn(Some(Duration::from_millis(1))).unwrap();
    }
}

/// Sends datagrams of one byte, a turn apart, and returns those that came.
fn sent_one_by_one(faults: Faults, count: usize) -> (Vec<u8>, DatagramRecord) {
    let reactor = reactor(faults);
    let (protocol, record) = DatagramRecorder::silent();
    let server = udp(&reactor, protocol);
    let client = udp(&reactor, DatagramRecorder::silent().0);
    for number in 0..count {
        client.send_to(&[number as u8], &server.host()).unwrap();
        reactor.turn(Some(Duration::ZERO)).unwrap();
    }
    settle(&reactor);
    (record.received().concat(), record)
}

#[test]
fn without_faults_every_datagram_comes_once_and_in_order() {
    let (came, _) = sent_one_by_one(Faults::none(), 250);
    assert_eq!(came, (0..250).collect::<Vec<u8>>());
}

#[test]
fn faults_that_a_reactor_hides_lose_and_disorder_nothing() {
    let (came, _) = sent_one_by_one(Faults::harmless(), 250);
    assert_eq!(came, (0..250).collect::<Vec<u8>>());
}

#[test]
fn lost_datagrams_are_missing_and_the_others_are_in_order() {
    let faults = Faults { lost_datagram: Chance::per_mille(500), ..Faults::none() };
    let (came, _) = sent_one_by_one(faults, 250);
    assert!((75..175).contains(&came.len()), "{}", came.len());
    assert!(came.is_sorted());
}

#[test]
fn doubled_datagrams_come_twice() {
    let faults = Faults { doubled_datagram: Chance::per_mille(500), ..Faults::none() };
    let (came, _) = sent_one_by_one(faults, 250);
    assert!((325..425).contains(&came.len()), "{}", came.len());
    for number in 0..250_u8 {
        let times = came.iter().filter(|it| **it == number).count();
        assert!((1..=2).contains(&times), "{number}: {times}");
    }
}

#[test]
fn overtaken_datagrams_come_once_and_late() {
    let faults = Faults { overtaken_datagram: Chance::per_mille(300), ..Faults::none() };
    let (mut came, _) = sent_one_by_one(faults, 250);
    assert!(!came.is_sorted());
    came.sort_unstable();
    assert_eq!(came, (0..250).collect::<Vec<u8>>());
}

#[test]
fn a_run_that_the_system_does_not_cut_is_sent_one_by_one() {
    for chance in [Chance::NEVER, Chance::per_mille(900)] {
        let reactor = reactor(Faults { no_segmentation: chance, ..Faults::none() });
        let (protocol, record) = DatagramRecorder::silent();
        let server = udp(&reactor, protocol);
        let client = udp(&reactor, DatagramRecorder::silent().0);
        for number in 0..100_u8 {
            client.send_to(&[number; 50], &server.host()).unwrap();
        }
        settle(&reactor);
        let expected: Vec<_> = (0..100_u8).map(|number| vec![number; 50]).collect();
        assert_eq!(record.received(), expected);
        assert_eq!(client.counts().failed, 0);
    }
}

#[test]
fn a_full_socket_makes_datagrams_wait_and_lets_them_go_on_in_order() {
    let reactor = reactor(Faults::none());
    let (protocol, record) = DatagramRecorder::silent();
    let server = udp(&reactor, protocol);
    let client = udp(&reactor, DatagramRecorder::silent().0);
    for number in 0..200_u8 {
        client.send_to(&[number; 4000], &server.host()).unwrap();
    }
    reactor.turn(Some(Duration::ZERO)).unwrap();
    let counts = client.counts();
    assert!(counts.sent > 0 && counts.waiting > 0, "{counts:?}");
    settle(&reactor);
    let counts = client.counts();
    assert_eq!((counts.sent, counts.waiting, counts.dropped), (200, 0, 0));
    let came = record.received();
    assert!(came.iter().map(|data| data[0]).eq(0..200), "{} came", came.len());
}

#[test]
fn a_queue_beyond_its_limit_drops_the_newest_and_counts_them() {
    let reactor = reactor(Faults::none());
    let (protocol, record) = DatagramRecorder::silent();
    let server = udp(&reactor, protocol);
    let options = ListenUdp::new(([127, 0, 0, 1], 0))
        .with_send_queue_bytes_max(10 * (100 + QUEUED_DATAGRAM_BYTES));
    let client = reactor.listen_udp(&options, DatagramRecorder::silent().0).unwrap();
    for number in 0..30_u8 {
        client.send_to(&[number; 100], &server.host()).unwrap();
    }
    let counts = client.counts();
    assert_eq!((counts.waiting, counts.dropped), (10, 20));
    settle(&reactor);
    assert!(record.received().iter().map(|data| data[0]).eq(0..10));
    // A datagram that is longer than the limit goes alone.
    client.send_to(&[30; 3000], &server.host()).unwrap();
    settle(&reactor);
    assert_eq!(record.received().len(), 11);
}

#[test]
fn a_receiver_whose_queue_is_full_loses_datagrams_silently() {
    let reactor = Reactor::on(Simulated::new(3), Limits::default());
    reactor.system().set_faults(Faults::none());
    reactor.system().set_links(Links::loopback());
    let (protocol, record) = DatagramRecorder::silent();
    let server = udp(&reactor, protocol);
    let senders: Vec<_> = (0..3).map(|_| udp(&reactor, DatagramRecorder::silent().0)).collect();
    for _ in 0..30 {
        for sender in &senders {
            sender.send_to(&[1; 6000], &server.host()).unwrap();
        }
    }
    settle(&reactor);
    assert!(senders.iter().all(|sender| sender.counts().sent == 30));
    let came = record.received().len();
    assert!((20..90).contains(&came), "{came}");
}

#[test]
fn a_refusal_is_told_to_a_connected_port_alone() {
    let reactor = reactor(Faults::none());
    let dead = SocketAddr::from(([127, 0, 0, 1], 9));
    let (protocol, connected) = DatagramRecorder::silent();
    let port = udp(&reactor, protocol);
    port.as_udp().unwrap().connect(dead).unwrap();
    let (protocol, unconnected) = DatagramRecorder::silent();
    let other = udp(&reactor, protocol);
    for times in 1..=2 {
        port.send(b"x").unwrap();
        other.send_to(b"x", &Address::from(dead)).unwrap();
        settle(&reactor);
        assert_eq!(connected.count(&SeenDatagram::Refused), times);
    }
    assert_eq!(unconnected.seen(), [SeenDatagram::Started]);
    assert_eq!(port.counts().refused, 2);
}

/// The report of the refusal comes late, so that the call which sends the next datagram gets it.
#[test]
fn a_datagram_whose_call_gets_the_refusal_of_an_earlier_one_is_sent() {
    for seed in 0..40 {
        let reactor = Reactor::on(Simulated::new(seed), Limits::default());
        let faults = Faults { delayed_report: Chance::per_mille(900), ..Faults::none() };
        reactor.system().set_faults(faults);
        reactor.system().set_links(Links::loopback());
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        let (protocol, record) = DatagramRecorder::silent();
        let port = udp(&reactor, protocol);
        port.as_udp().unwrap().connect(peer).unwrap();
        port.send(b"refused").unwrap();
        for _ in 0..2 {
            reactor.turn(Some(Duration::ZERO)).unwrap();
        }
        let (protocol, server) = DatagramRecorder::silent();
        reactor.listen_udp(&ListenUdp::new(peer), protocol).unwrap();
        port.send(b"taken").unwrap();
        settle_some(&reactor);
        assert_eq!(server.received(), [b"taken"], "seed {seed}");
        assert_eq!(record.count(&SeenDatagram::Refused), 1, "seed {seed}");
        assert_eq!((port.counts().refused, port.counts().failed), (1, 0), "seed {seed}");
    }
}

#[test]
fn a_host_that_is_not_there_is_told_to_a_connected_port_alone() {
    let reactor = reactor(Faults::none());
    let dead = SocketAddr::from(([192, 0, 2, 1], 9));
    reactor.system().black_hole(dead.ip());
    let (protocol, connected) = DatagramRecorder::silent();
    let any = ListenUdp::new((Ipv4Addr::UNSPECIFIED, 0));
    let port = reactor.listen_udp(&any, protocol).unwrap();
    port.as_udp().unwrap().connect(dead).unwrap();
    let (protocol, unconnected) = DatagramRecorder::silent();
    let other = reactor.listen_udp(&any, protocol).unwrap();
    port.send(b"x").unwrap();
    other.send_to(b"x", &Address::from(dead)).unwrap();
    settle(&reactor);
    assert_eq!(connected.seen(), [SeenDatagram::Started], "not before 3 s");
    settle(&reactor);
    let failed = OsError::from_raw_os_error(libc::EHOSTUNREACH);
    let expected = [SeenDatagram::Started, SeenDatagram::SendFailed(Address::from(dead), failed)];
    assert_eq!(connected.seen(), expected);
    assert_eq!((port.counts().failed, port.counts().refused), (1, 0));
    assert_eq!(unconnected.seen(), [SeenDatagram::Started]);
}

#[test]
fn a_connected_port_hears_its_peer_alone() {
    let reactor = reactor(Faults::none());
    let one = udp(&reactor, DatagramRecorder::silent().0);
    let two = udp(&reactor, DatagramRecorder::silent().0);
    let (protocol, record) = DatagramRecorder::silent();
    let port = udp(&reactor, protocol);
    // The first one is under way when the port is connected.
    two.send_to(b"early", &port.host()).unwrap();
    while two.counts().sent == 0 {
        reactor.turn(Some(Duration::ZERO)).unwrap();
    }
    port.as_udp().unwrap().connect(one.host().as_socket_addr().unwrap()).unwrap();
    two.send_to(b"late", &port.host()).unwrap();
    one.send_to(b"own", &port.host()).unwrap();
    settle(&reactor);
    assert_eq!(record.received(), [b"own"]);
    assert_eq!(record.senders(), [one.host()]);
}

pub(crate) fn settle_some(reactor: &Reactor<Simulated>) {
    for _ in 0..20 {
        reactor.turn(Some(Duration::from_millis(1))).unwrap();
    }
}

#[test]
fn groups_reach_their_members_unless_the_loop_is_off() {
    let reactor = reactor(Faults::none());
    let group = SocketAddr::from(([239, 1, 2, 3], 5000));
    let udp = ListenUdp::new((Ipv4Addr::UNSPECIFIED, 5000));
    let options = ListenMulticast::new(udp).with_listen_multiple(true);
    let open = || {
        let (protocol, record) = DatagramRecorder::silent();
        (reactor.listen_multicast(&options, protocol).unwrap(), record)
    };
    let ((one, first), (two, second), (_other, third)) = (open(), open(), open());
    let lo = MulticastInterface::Name("lo".into());
    for port in [&one, &two] {
        port.as_multicast().unwrap().join_group(group.ip(), &lo).unwrap();
    }
    one.send_to(b"all", &Address::from(group)).unwrap();
    settle_some(&reactor);
    assert_eq!([first.received(), second.received()], [[b"all"], [b"all"]]);
    assert!(third.received().is_empty(), "it is no member");
    let groups = one.as_multicast().unwrap();
    assert_eq!((groups.multicast_loop(), groups.multicast_ttl()), (true, 1));
    groups.set_multicast_loop(false).unwrap();
    one.send_to(b"none", &Address::from(group)).unwrap();
    settle_some(&reactor);
    assert_eq!(second.received().len(), 1);
    two.as_multicast().unwrap().leave_group(group.ip(), &lo).unwrap();
    groups.set_multicast_loop(true).unwrap();
    one.send_to(b"left", &Address::from(group)).unwrap();
    settle_some(&reactor);
    assert_eq!((first.received().len(), second.received().len()), (2, 1));
    let interface = MulticastInterface::Index(7);
    let error = groups.join_group(group.ip(), &interface).unwrap_err();
    assert_eq!(error, MulticastError::NoInterface { attempt: "join", interface });
}

#[test]
fn broadcasts_need_the_switch_and_reach_those_on_all_addresses() {
    let reactor = reactor(Faults::none());
    let (protocol, record) = DatagramRecorder::silent();
    let options = ListenUdp::new((Ipv4Addr::UNSPECIFIED, 5000));
    reactor.listen_udp(&options, protocol).unwrap();
    let (protocol, sender_record) = DatagramRecorder::silent();
    let sender = udp(&reactor, protocol);
    let all = Address::from(SocketAddr::from((Ipv4Addr::BROADCAST, 5000)));
    sender.send_to(b"x", &all).unwrap();
    settle_some(&reactor);
    let denied = OsError::from_raw_os_error(libc::EACCES);
    assert_eq!(sender_record.count(&SeenDatagram::SendFailed(all.clone(), denied)), 1);
    sender.as_udp().unwrap().set_broadcast_allowed(true);
    assert!(sender.as_udp().unwrap().broadcast_allowed());
    sender.send_to(b"x", &all).unwrap();
    settle_some(&reactor);
    assert_eq!(record.received(), [b"x"]);
}

#[test]
fn a_port_in_use_or_no_descriptor_is_an_error_and_leaves_nothing() {
    let reactor = reactor(Faults::none());
    let port = udp(&reactor, DatagramRecorder::silent().0);
    let taken = ListenUdp::new(port.host().as_socket_addr().unwrap());
    let error = reactor.listen_udp(&taken, DatagramRecorder::silent().0).err();
    assert!(matches!(error, Some(ListenError::Refused { .. })));
    reactor.system().limit_descriptors(1);
    let free = ListenUdp::new(([127, 0, 0, 1], 0));
    let error = reactor.listen_udp(&free, DatagramRecorder::silent().0).err();
    match error {
        Some(ListenError::Refused { source, .. }) => {
            assert_eq!(source.raw_os_error(), libc::EMFILE)
        }
        other => panic!("{other:?}"),
    }
    let unnamed = ListenUnixDatagram::new(UnixAddress::Unnamed);
    assert!(reactor.listen_unix_datagram(&unnamed, DatagramRecorder::silent().0).is_err());
    assert_eq!(reactor.system().carried().datagram_sockets, 1);
    drop(port.stop_listening());
    settle_some(&reactor);
    assert_eq!(reactor.system().carried(), Default::default());
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_port_on_all_addresses_has_one_when_it_is_connected() {
    let reactor = reactor(Faults::none());
    let server = udp(&reactor, DatagramRecorder::silent().0);
    let any = ListenUdp::new((Ipv4Addr::UNSPECIFIED, 0));
    let port = reactor.listen_udp(&any, DatagramRecorder::silent().0).unwrap();
    let number = port.host().port().unwrap();
    port.as_udp().unwrap().connect(server.host().as_socket_addr().unwrap()).unwrap();
    assert_eq!(port.host(), Address::from(SocketAddr::from(([127, 0, 0, 1], number))));
}

#[test]
fn a_datagram_to_the_port_0_is_an_error_at_once() {
    let reactor = reactor(Faults::none());
    let port = udp(&reactor, DatagramRecorder::silent().0);
    let receiver = Address::from(SocketAddr::from(([127, 0, 0, 1], 0)));
    let error = port.send_to(b"x", &receiver).unwrap_err();
    assert_eq!(error, SendError::PortZero { receiver });
    assert_eq!(port.counts().waiting, 0);
}
