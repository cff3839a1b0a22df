//! UNIX datagram ports in the simulated network.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, DatagramTransport, ListenError, ListenUnixDatagram, OsError, ReactorUnixDatagram as _,
    UnixAddress,
};
use protocol::testing::{DatagramRecord, DatagramRecorder, SeenDatagram};
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::{Faults, Leftover, Simulated};

use crate::datagrams::{reactor, settle, settle_some};

fn unix(reactor: &Reactor<Simulated>, name: &str) -> (Rc<dyn DatagramTransport>, DatagramRecord) {
    let options = ListenUnixDatagram::new(UnixAddress::Path(Rc::from(name.as_bytes())));
    let (protocol, record) = DatagramRecorder::silent();
    (reactor.listen_unix_datagram(&options, protocol).unwrap(), record)
}

#[test]
fn unix_datagrams_come_in_order_whatever_the_faults() {
    let reactor = reactor(Faults::default());
    let (server, record) = unix(&reactor, "/server");
    let (client, _) = unix(&reactor, "/client");
    for number in 0..200_u8 {
        client.send_to(&[number], &server.host()).unwrap();
        reactor.turn(Some(Duration::ZERO)).unwrap();
        while client.counts().waiting > 0 {
            reactor.turn(Some(Duration::ZERO)).unwrap();
        }
        settle_some(&reactor);
    }
    assert_eq!(record.received().concat(), (0..200).collect::<Vec<u8>>());
    assert!(record.senders().iter().all(|sender| *sender == client.host()));
}

#[test]
fn a_connected_unix_port_waits_for_a_peer_whose_queue_is_full_and_another_one_drops() {
    let reactor = reactor(Faults::none());
    let (server, record) = unix(&reactor, "/server");
    let UnixAddress::Path(path) = UnixAddress::Path(Rc::from(&b"/server"[..])) else { return };
    let unnamed = ListenUnixDatagram::new(UnixAddress::Unnamed);
    let (protocol, _) = DatagramRecorder::silent();
    let peer = UnixAddress::Path(path);
    let waits = reactor.connect_unix_datagram(&peer, &unnamed, protocol).unwrap();
    for number in 0..25_u8 {
        waits.send(&[number]).unwrap();
    }
    settle(&reactor);
    assert_eq!(record.received().concat(), (0..25).collect::<Vec<u8>>());
    assert_eq!(waits.counts().dropped, 0);
    let (drops, _) = unix(&reactor, "/drops");
    for number in 0..25_u8 {
        drops.send_to(&[number], &server.host()).unwrap();
    }
    settle(&reactor);
    let counts = drops.counts();
    assert_eq!((counts.sent, counts.dropped), (10, 15));
    assert_eq!(record.received().len(), 35);
}

#[test]
fn a_unix_name_is_taken_by_what_is_there_and_free_when_its_port_stops() {
    let reactor = reactor(Faults::none());
    let (port, _) = unix(&reactor, "/taken");
    let options = ListenUnixDatagram::new(UnixAddress::Path(Rc::from(&b"/taken"[..])));
    let again = reactor.listen_unix_datagram(&options, DatagramRecorder::silent().0);
    assert!(matches!(again.err(), Some(ListenError::Refused { .. })));
    drop(port.stop_listening());
    let (port, record) = unix(&reactor, "/taken");
    let nowhere = Address::from(UnixAddress::Path(Rc::from(&b"/nowhere"[..])));
    port.send_to(b"x", &nowhere).unwrap();
    settle_some(&reactor);
    let failed = SeenDatagram::SendFailed(nowhere, OsError::from_raw_os_error(libc::ENOENT));
    assert_eq!(record.count(&failed), 1);
    let stale = UnixAddress::Path(Rc::from(&b"/stale"[..]));
    reactor.system().leave_behind(&stale, Leftover::DeadSocket);
    port.send_to(b"x", &Address::from(stale.clone())).unwrap();
    settle_some(&reactor);
    let refused = OsError::from_raw_os_error(libc::ECONNREFUSED);
    assert_eq!(record.count(&SeenDatagram::SendFailed(Address::from(stale), refused)), 1);
}

#[test]
fn a_connected_ports_peer_that_is_gone_refuses_once_and_is_connected_no_longer() {
    let reactor = reactor(Faults::none());
    let (server, _) = unix(&reactor, "/server");
    let peer = UnixAddress::Path(Rc::from(&b"/server"[..]));
    let unnamed = ListenUnixDatagram::new(UnixAddress::Unnamed);
    let (protocol, record) = DatagramRecorder::silent();
    let port = reactor.connect_unix_datagram(&peer, &unnamed, protocol).unwrap();
    drop(server.stop_listening());
    // Another one that takes its name is not the peer.
    let (_successor, heard) = unix(&reactor, "/server");
    port.send(b"x").unwrap();
    settle_some(&reactor);
    let error = OsError::from_raw_os_error(libc::ENOTCONN);
    let failed = SeenDatagram::SendFailed(Address::from(peer), error);
    assert_eq!(record.seen(), [SeenDatagram::Started, SeenDatagram::Refused, failed.clone()]);
    port.send(b"y").unwrap();
    settle_some(&reactor);
    assert_eq!((record.count(&SeenDatagram::Refused), record.count(&failed)), (1, 2));
    assert_eq!((port.counts().failed, port.counts().refused), (2, 1));
    assert!(heard.received().is_empty());
}
