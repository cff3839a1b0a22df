//! Bytes per second, and numbers of connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Factory, Producer, StreamServerEndpoint as _, Transport};
use ropewalk_protocol::policies::{ThrottleLimits, ThrottlingFactory};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Clock, ProducerState, Record, Recorder, StringTransport};
use ropewalk_protocol::{connect_protocol, factory_fn};

use crate::support::Source;
use crate::support::policy::{Made, recording};

const SECOND: Duration = Duration::from_secs(1);

fn throttling(clock: &Clock, record: &Record, limits: ThrottleLimits) -> ThrottlingFactory {
    ThrottlingFactory::new(recording(record), clock.clone(), limits)
}

fn reads(limit: u64) -> ThrottleLimits {
    ThrottleLimits::default().with_reads(Some(limit))
}

fn writes(limit: u64) -> ThrottleLimits {
    ThrottleLimits::default().with_writes(Some(limit))
}

fn is_paused(made: &Made) -> bool {
    made.wire.producer_state() == ProducerState::Paused
}

#[test]
fn clients_beyond_the_number_are_accepted_and_closed_until_one_has_left() {
    let (network, clock, record) = (Network::new(), Clock::new(), Record::new());
    let limits = ThrottleLimits::default().with_connections(Some(2));
    let served = factory_fn(move |_| Recorder::new(&record));
    let factory = Rc::new(ThrottlingFactory::new(served, clock, limits));
    let _port = network.server("limited").listen(factory.clone());
    let connect = || {
        let client = Record::new();
        let _connected = connect_protocol(&network.client("limited"), Recorder::new(&client));
        network.flush();
        client
    };
    let [first, second, third] = [connect(), connect(), connect()];
    assert_eq!(factory.connections(), 2);
    for client in [&first, &second] {
        assert!(client.lost().is_none());
    }
    assert_eq!(third.calls(), ["connection_made", "connection_lost"]);
    first.transport().lose_connection();
    network.flush();
    assert_eq!(factory.connections(), 1);
    let fourth = connect();
    assert_eq!((fourth.calls(), factory.connections()), (vec!["connection_made"], 2));
    for client in [&second, &fourth] {
        client.transport().abort_connection();
    }
    network.flush();
    assert_eq!(factory.connections(), 0);
}

#[test]
fn a_connection_that_is_built_counts_and_one_that_is_dropped_does_not() {
    let (clock, record) = (Clock::new(), Record::new());
    let refused = Rc::new(RefCell::new(Vec::new()));
    let told = refused.clone();
    let limits = reads(10).with_connections(Some(1));
    let factory =
        ThrottlingFactory::with_refused(recording(&record), clock.clone(), limits, move |peer| {
            told.borrow_mut().push(peer.to_string());
        });
    let peer = StringTransport::new().peer();
    let built = factory.build_protocol(&peer);
    assert!(built.is_some() && factory.build_protocol(&peer).is_none());
    assert_eq!(*refused.borrow(), [peer.to_string()]);
    drop(built);
    assert_eq!((factory.connections(), clock.pending()), (0, 0));
    assert!(factory.build_protocol(&peer).is_some());
}

#[test]
fn a_sequence_counts_by_its_total_and_is_written_as_one() {
    let (clock, record) = (Clock::new(), Record::new());
    let made = Made::by(&throttling(&clock, &record, writes(19)));
    let above = record.transport();
    let source = Source::silent(&above);
    above.register_producer(Producer::Push(source.clone())).unwrap();
    above.write_sequence(vec![b"bytes"[..].into(); 4]);
    assert_eq!(made.wire.value(), b"bytesbytesbytesbytes");
    clock.advance(SECOND);
    assert_eq!(source.history(), ["pause"], "twenty bytes are more than nineteen");
}

#[test]
fn more_than_is_to_be_written_is_sent_at_once_and_pauses_the_producer_at_the_end_of_its_second() {
    let (clock, record) = (Clock::new(), Record::new());
    let made = Made::by(&throttling(&clock, &record, writes(10)));
    let above = record.transport();
    let source = Source::silent(&above);
    above.register_producer(Producer::Push(source.clone())).unwrap();
    for round in 0..2 {
        above.write(&[b'x'; 20]);
        assert_eq!(made.wire.value().len(), 20 * (round + 1));
        clock.advance(Duration::from_millis(999));
        assert_eq!(source.history().len(), 2 * round);
        clock.advance(Duration::from_millis(1));
        assert_eq!(source.history().last(), Some(&"pause"));
        // The bytes of this second are counted from zero, so nothing is held back at the next look.
        clock.advance(SECOND);
        assert_eq!(source.history().last(), Some(&"resume"));
        assert_eq!(source.history().len(), 2 * (round + 1));
    }
}

#[test]
fn more_than_is_to_be_read_pauses_every_connection_at_the_end_of_its_second_and_again_for_the_next()
{
    let (clock, record) = (Clock::new(), Record::new());
    let factory = throttling(&clock, &record, reads(10));
    let (made, other) = (Made::by(&factory), Made::by(&factory));
    for _ in 0..2 {
        made.receive(&[b'x'; 20]);
        assert!(!is_paused(&made), "it is read all the same");
        clock.advance(Duration::from_millis(999));
        assert!(!is_paused(&made) && !is_paused(&other));
        clock.advance(Duration::from_millis(1));
        assert!(is_paused(&made) && is_paused(&other));
        clock.advance(Duration::from_millis(999));
        assert!(is_paused(&made) && is_paused(&other));
        clock.advance(Duration::from_millis(1));
        assert!(!is_paused(&made) && !is_paused(&other));
    }
    assert_eq!(record.received().len(), 40);
}

#[test]
fn a_pause_lasts_for_as_long_as_the_excess_would_have_taken() {
    let (clock, record) = (Clock::new(), Record::new());
    let made = Made::by(&throttling(&clock, &record, reads(10)));
    made.receive(&[b'x'; 35]);
    clock.advance(SECOND);
    assert!(is_paused(&made));
    clock.advance(Duration::from_millis(2499));
    assert!(is_paused(&made));
    clock.advance(Duration::from_millis(1));
    assert!(!is_paused(&made), "from 1 s to 3.5 s");
}

#[test]
fn exactly_the_limit_pauses_nothing_and_one_byte_more_does() {
    for (bytes, pauses) in [(10, false), (11, true)] {
        let (clock, record) = (Clock::new(), Record::new());
        let made = Made::by(&throttling(&clock, &record, reads(10)));
        made.receive(&vec![b'x'; bytes]);
        clock.advance(SECOND);
        assert_eq!(is_paused(&made), pauses, "{bytes}");
    }
}

#[test]
fn bytes_are_looked_at_once_a_second_from_the_first_connection_to_the_last_and_again_later() {
    let (clock, record) = (Clock::new(), Record::new());
    let factory = throttling(&clock, &record, reads(10).with_writes(Some(10)));
    assert_eq!(clock.pending(), 0);
    let (first, second) = (Made::by(&factory), Made::by(&factory));
    for _ in 0..3 {
        assert_eq!(clock.pending(), 2, "one for each direction");
        clock.advance(SECOND);
    }
    first.lose();
    assert_eq!(clock.pending(), 2);
    second.lose();
    assert_eq!(clock.pending(), 0);
    let again = Made::by(&factory);
    assert_eq!(clock.pending(), 2);
    again.receive(&[b'x'; 11]);
    clock.advance(SECOND);
    assert!(is_paused(&again));
}

#[test]
fn a_connection_that_is_made_while_the_others_are_held_back_is_held_back_too() {
    let (clock, record) = (Clock::new(), Record::new());
    let factory = throttling(&clock, &record, reads(10));
    let made = Made::by(&factory);
    made.receive(&[b'x'; 20]);
    clock.advance(SECOND);
    let late = Made::by(&factory);
    assert!(is_paused(&made) && is_paused(&late), "in Twisted it reads");
    clock.advance(SECOND);
    assert!(!is_paused(&late));
}

#[test]
fn writes_without_a_producer_are_counted_and_not_held_back() {
    let (clock, record) = (Clock::new(), Record::new());
    let factory = throttling(&clock, &record, writes(10));
    let made = Made::by(&factory);
    record.transport().write(&[b'x'; 1000]);
    clock.advance(SECOND);
    record.transport().write(&[b'y'; 1000]);
    assert_eq!(made.wire.value().len(), 2000);
}

#[test]
fn a_connection_without_a_producer_does_not_stop_the_limit_for_the_others() {
    let (clock, record) = (Clock::new(), Record::new());
    let factory = throttling(&clock, &record, writes(10));
    let without = Made::by(&factory);
    record.transport().write(&[b'x'; 20]);
    clock.advance(SECOND);
    assert!(clock.pending() > 0, "it is still looked at");
    let with = Made::by(&factory);
    let above = record.transport();
    clock.advance(SECOND * 5);
    let source = Source::silent(&above);
    above.register_producer(Producer::Push(source.clone())).unwrap();
    above.write(&[b'x'; 20]);
    clock.advance(SECOND);
    assert_eq!(source.history(), ["pause"]);
    drop((without, with));
}

#[test]
fn all_connections_may_close_while_they_are_held_back_and_others_come_and_close() {
    let (clock, record) = (Clock::new(), Record::new());
    let factory = throttling(&clock, &record, reads(10));
    for _ in 0..3 {
        let made = Made::by(&factory);
        made.receive(&[b'x'; 100]);
        clock.advance(SECOND);
        assert!(is_paused(&made));
        made.lose();
        assert_eq!(clock.pending(), 0);
    }
    let fresh = Made::by(&factory);
    assert!(!is_paused(&fresh), "the bytes of the others are forgotten");
}

#[test]
fn a_pause_of_the_protocol_and_one_of_the_bandwidth_both_have_to_end() {
    let (clock, record) = (Clock::new(), Record::new());
    let made = Made::by(&throttling(&clock, &record, reads(10)));
    let above = record.transport();
    above.pause_producing();
    made.receive(&[b'x'; 20]);
    clock.advance(SECOND);
    clock.advance(SECOND);
    assert!(is_paused(&made), "the protocol has not resumed");
    above.resume_producing();
    assert!(!is_paused(&made));
    made.receive(&[b'x'; 20]);
    clock.advance(SECOND);
    above.pause_producing();
    above.resume_producing();
    assert!(is_paused(&made), "the second is not over");
    clock.advance(SECOND);
    assert!(!is_paused(&made));
}

#[test]
fn a_connection_that_its_own_side_has_closed_is_neither_paused_nor_resumed() {
    type Close = fn(&dyn Transport);
    let closes: [Close; 4] = [
        |transport| transport.lose_connection(),
        |transport| transport.lose_connection_with_reset(),
        |transport| transport.abort_connection(),
        |transport| transport.stop_producing(),
    ];
    for close in closes {
        let (clock, record) = (Clock::new(), Record::new());
        let made = Made::by(&throttling(&clock, &record, reads(10)));
        made.receive(&[b'x'; 20]);
        close(&*record.transport());
        // The string transport panics at a pause after a close.
        clock.advance(SECOND);
        clock.advance(SECOND);
        made.lose();
    }
}

#[test]
fn a_pull_producer_that_is_asked_while_it_is_held_back_writes_afterwards() {
    let (clock, record) = (Clock::new(), Record::new());
    let made = Made::by(&throttling(&clock, &record, writes(10)));
    let above = record.transport();
    let pieces = vec![vec![b'x'; 20], vec![b'x'; 20], vec![b'x'; 20]];
    let source = Source::new(&above, pieces, |transport| transport.unregister_producer());
    above.register_producer(Producer::Pull(source)).unwrap();
    assert_eq!(made.wire.value().len(), 20);
    clock.advance(SECOND);
    let Some(Producer::Pull(below)) = made.wire.producer() else { panic!("it is registered") };
    below.resume_producing();
    assert_eq!(made.wire.value().len(), 20, "the excess takes its second");
    clock.advance(SECOND);
    assert_eq!(made.wire.value().len(), 40);
    clock.advance(SECOND * 2);
    below.resume_producing();
    assert_eq!(made.wire.value().len(), 60);
    clock.advance(SECOND * 2);
    below.resume_producing();
    assert!(made.wire.producer().is_none(), "it has unregistered itself");
}

#[test]
fn a_producer_that_is_registered_while_writes_are_held_back_begins_paused() {
    let (clock, record) = (Clock::new(), Record::new());
    let _made = Made::by(&throttling(&clock, &record, writes(10)));
    let above = record.transport();
    above.write(&[b'x'; 20]);
    clock.advance(SECOND);
    let source = Source::silent(&above);
    above.register_producer(Producer::Push(source.clone())).unwrap();
    assert!(above.register_producer(Producer::Push(source.clone())).is_err());
    assert_eq!(source.history(), ["pause"]);
    clock.advance(SECOND);
    assert_eq!(source.history(), ["pause", "resume"]);
    above.unregister_producer();
    above.write(&[b'x'; 20]);
    clock.advance(SECOND * 3);
    assert_eq!(source.history(), ["pause", "resume"], "it is not registered any more");
}

#[test]
fn a_connection_that_is_held_back_goes_on_though_its_factory_is_gone() {
    let (clock, record) = (Clock::new(), Record::new());
    let factory = throttling(&clock, &record, reads(10));
    let made = Made::by(&factory);
    made.receive(&[b'x'; 20]);
    clock.advance(SECOND);
    assert!(is_paused(&made));
    // Its port is closed.
    drop(factory);
    clock.advance(SECOND);
    assert!(!is_paused(&made));
}
