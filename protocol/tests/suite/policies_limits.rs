//! Numbers of connections: counted, refused, and told in the words of another protocol.

use std::rc::Rc;

use interfaces::{Factory, Transport};
use ropewalk_protocol::factory_fn;
use ropewalk_protocol::policies::{
    ConnectionCount, LimitConnectionsByPeer, LimitTotalConnectionsFactory,
};
use ropewalk_protocol::testing::{Record, Recorder, StringTransport};

use crate::support::policy::{Made, recording};
use crate::support::relay_scene::address;

fn total(record: &Record, limit: usize) -> (LimitTotalConnectionsFactory, ConnectionCount) {
    let count = ConnectionCount::new();
    let counted = count.counting(recording(record));
    (LimitTotalConnectionsFactory::with_count(counted, limit, count.clone()), count)
}

/// A factory whose protocols say that the server is full, and close.
fn apologies(record: &Record) -> Rc<dyn Factory> {
    let record = record.clone();
    factory_fn(move |_| {
        Recorder::new(&record).on_made(|transport| {
            transport.write(b"421 too many connections\r\n");
            transport.lose_connection();
        })
    })
}

#[test]
fn connections_are_counted_as_they_are_built_and_uncounted_as_they_are_lost() {
    let (factory, count) = total(&Record::new(), usize::MAX);
    assert_eq!(count.connections(), 0);
    let first = Made::by(&factory);
    assert_eq!(count.connections(), 1);
    let second = Made::by(&factory);
    assert_eq!(count.connections(), 2);
    first.lose();
    assert_eq!(count.connections(), 1);
    second.lose();
    assert_eq!(count.connections(), 0);
}

#[test]
fn a_connection_beyond_the_limit_gets_the_overflow_protocol_is_connected_and_counts() {
    let (record, overflow) = (Record::new(), Record::new());
    let (factory, count) = total(&record, 1);
    let factory = factory.with_overflow(apologies(&overflow), 10);
    let regular = Made::by(&factory);
    let beyond = Made::by(&factory);
    assert_eq!((record.count("connection_made"), overflow.count("connection_made")), (1, 1));
    assert_eq!(beyond.wire.value(), b"421 too many connections\r\n");
    assert!(beyond.wire.disconnecting() && !regular.wire.disconnecting());
    assert_eq!(count.connections(), 2);
    beyond.lose();
    assert_eq!(count.connections(), 1);
    regular.lose();
    assert_eq!(count.connections(), 0);
}

#[test]
fn overflow_connections_have_a_cap_and_keep_regular_ones_out_while_they_last() {
    let (record, overflow) = (Record::new(), Record::new());
    let (factory, count) = total(&record, 1);
    let factory = factory.with_overflow(apologies(&overflow), 2);
    let regular = Made::by(&factory);
    let beyond = [Made::by(&factory), Made::by(&factory)];
    let peer = StringTransport::new().peer();
    assert!(factory.build_protocol(&peer).is_none(), "in Twisted they are not limited");
    regular.lose();
    assert_eq!(count.connections(), 2);
    let third = Made::by(&factory);
    assert_eq!((record.count("connection_made"), overflow.count("connection_made")), (1, 3));
    beyond.iter().for_each(Made::lose);
    third.lose();
    let _again = Made::by(&factory);
    assert_eq!(record.count("connection_made"), 2);
}

#[test]
fn a_port_with_an_overflow_protocol_does_not_make_its_clients_wait() {
    let (factory, _) = total(&Record::new(), 1);
    let waker = std::task::Waker::noop();
    let _regular = Made::by(&factory);
    assert!(factory.poll_ready(0, waker).is_pending());
    let factory = factory.with_overflow(apologies(&Record::new()), 1);
    assert!(factory.poll_ready(0, waker).is_ready());
}

#[test]
fn the_sixth_connection_of_a_peer_with_five_is_refused_until_one_of_them_is_lost() {
    let factory = LimitConnectionsByPeer::new(recording(&Record::new()), 5);
    let peer = address("192.0.2.9:1");
    let made = || {
        let running = factory.build_protocol(&peer)?;
        let wire = StringTransport::new();
        running.deliver(interfaces::Event::ConnectionMade(&wire.as_transport()));
        Some(running)
    };
    let five: Vec<_> = (0..5).filter_map(|_| made()).collect();
    assert_eq!(five.len(), 5);
    assert!(made().is_none());
    five[0].deliver(interfaces::Event::ConnectionLost(&interfaces::Reason::Done));
    assert!(made().is_some());
}
