//! Full queues: what waits, what is dropped, and that a receiver that does not read holds up no other.

use std::cell::Cell;
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, DatagramTransport, ListenUnixDatagram, QUEUED_DATAGRAM_BYTES,
    ReactorUnixDatagram as _, UnixAddress,
};
use protocol::testing::{DatagramRecord, DatagramRecorder, SeenDatagram};
use ropewalk_reactor::{Limits, Reactor};
use tempfile::TempDir;

use crate::support::turn_until;
use crate::support::unix::{name, place};

/// A socket that nothing reads, and its name.
struct Deaf {
    _directory: TempDir,
    socket: UnixDatagram,
    name: UnixAddress,
}

impl Deaf {
    fn new() -> Self {
        let (directory, path) = place();
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { _directory: directory, socket, name: name(&path) }
    }

    /// Reads one datagram, if one waits.
    fn read(&self) -> Option<u8> {
        let mut buffer = [0; 4];
        self.socket.recv(&mut buffer).ok().map(|_| buffer[0])
    }
}

fn connected(
    reactor: &Reactor,
    deaf: &Deaf,
    queue_bytes_max: usize,
) -> (Rc<dyn DatagramTransport>, DatagramRecord) {
    let options = ListenUnixDatagram::new(UnixAddress::Unnamed);
    let options = options.with_send_queue_bytes_max(queue_bytes_max);
    let (protocol, record) = DatagramRecorder::silent();
    (reactor.connect_unix_datagram(&deaf.name, &options, protocol).unwrap(), record)
}

#[test]
fn what_a_connected_peer_does_not_take_waits_and_goes_on_in_order() {
    let (reactor, deaf) = (Reactor::new().unwrap(), Deaf::new());
    let (port, record) = connected(&reactor, &deaf, usize::MAX);
    for number in 0..200_u8 {
        port.send(&[number]).unwrap();
    }
    turn_until(&reactor, "the peer is full", || port.counts().sent > 0);
    let counts = port.counts();
    assert!(counts.waiting > 0, "{counts:?}");
    assert_eq!(counts.sent + counts.waiting, 200);
    let mut read = Vec::new();
    turn_until(&reactor, "all came", || {
        read.extend(deaf.read());
        read.len() == 200
    });
    assert_eq!(read, (0..200).collect::<Vec<u8>>());
    let counts = port.counts();
    assert_eq!((counts.sent, counts.waiting, counts.dropped), (200, 0, 0));
    assert_eq!(record.seen(), [SeenDatagram::Started]);
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_them() {
    let (reactor, deaf) = (Reactor::new().unwrap(), Deaf::new());
    let (port, _) = connected(&reactor, &deaf, 20 * (1 + QUEUED_DATAGRAM_BYTES));
    for number in 0..200_u8 {
        port.send(&[number]).unwrap();
    }
    // Before any turn nothing has left.
    let counts = port.counts();
    assert_eq!((counts.waiting, counts.dropped, counts.sent), (20, 180, 0));
    let mut read = Vec::new();
    turn_until(&reactor, "all came", || {
        read.extend(deaf.read());
        read.len() == 20
    });
    assert_eq!(read, (0..20).collect::<Vec<u8>>());
}

#[test]
fn datagrams_without_bytes_fill_a_queue_too() {
    let (reactor, deaf) = (Reactor::new().unwrap(), Deaf::new());
    let (port, _) = connected(&reactor, &deaf, 20 * QUEUED_DATAGRAM_BYTES);
    (0..200).for_each(|_| port.send(b"").unwrap());
    let counts = port.counts();
    assert_eq!((counts.waiting, counts.dropped), (20, 180));
}

#[test]
fn what_waits_for_a_peer_that_goes_fails_in_bounded_numbers_and_timers_run_meanwhile() {
    let limits = Limits::default().with_datagrams_per_turn(8);
    let (reactor, deaf) = (Reactor::with_limits(limits).unwrap(), Deaf::new());
    let (port, record) = connected(&reactor, &deaf, usize::MAX);
    (0..1000).for_each(|_| port.send(b"").unwrap());
    turn_until(&reactor, "the peer is full", || port.counts().sent > 0);
    let sent = loop {
        let before = port.counts().sent;
        reactor.turn(Some(Duration::ZERO)).unwrap();
        if port.counts().sent == before {
            break before;
        }
    };
    drop(deaf);
    let seen = Rc::new(Cell::new(None));
    let (noted, counted) = (seen.clone(), port.clone());
    let timer = move || noted.set(Some(counted.counts().failed));
    drop(reactor.call_later(Duration::ZERO, Box::new(timer)));
    let mut before = record.seen().len();
    turn_until(&reactor, "all have failed", || {
        let now = record.seen().len();
        assert!(now - before <= 16, "{before} and then {now}");
        before = now;
        port.counts().failed == 1000 - sent
    });
    assert!(seen.get().is_some_and(|failed| failed < 100), "{seen:?}");
    assert_eq!((port.counts().waiting, port.counts().dropped), (0, 0));
}

#[test]
fn what_waits_is_dropped_and_counted_when_the_port_stops() {
    let (reactor, deaf) = (Reactor::new().unwrap(), Deaf::new());
    let (port, _) = connected(&reactor, &deaf, usize::MAX);
    for number in 0..200_u8 {
        port.send(&[number]).unwrap();
    }
    turn_until(&reactor, "the peer is full", || port.counts().sent > 0);
    let before = port.counts();
    drop(port.stop_listening());
    let counts = port.counts();
    assert_eq!((counts.waiting, counts.dropped), (0, before.waiting));
}

#[test]
fn a_receiver_that_does_not_read_holds_up_no_other() {
    let (reactor, deaf, other) = (Reactor::new().unwrap(), Deaf::new(), Deaf::new());
    let options = ListenUnixDatagram::new(UnixAddress::Unnamed);
    let (protocol, record) = DatagramRecorder::silent();
    let port = reactor.listen_unix_datagram(&options, protocol).unwrap();
    let mut read = Vec::new();
    for number in 0..100_u8 {
        port.send_to(&[number], &Address::from(deaf.name.clone())).unwrap();
        port.send_to(&[number], &Address::from(other.name.clone())).unwrap();
        turn_until(&reactor, "both left", || port.counts().waiting == 0);
        read.extend(other.read());
    }
    assert_eq!(read, (0..100).collect::<Vec<u8>>());
    let counts = port.counts();
    assert!(counts.dropped > 0, "the kernel's queue of the other is full: {counts:?}");
    assert_eq!(counts.sent + counts.dropped, 200);
    assert_eq!(record.seen(), [SeenDatagram::Started]);
}
