//! A rate for each connection, and a limit on the whole time of one.

use std::time::Duration;

use interfaces::{Deadline, Event, Producer, ReactorTime as _, Reason, StreamServerEndpoint as _};
use ropewalk_protocol::connect_protocol;
use ropewalk_protocol::policies::{RateLimitFactory, TimeoutFactory, Timeouts};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Clock, ProducerState, Record, Recorder};
use ropewalk_protocol::wire::Chargen;

use crate::support::Source;
use crate::support::policy::{Made, recording};

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A connection of 1000 bytes a second, of which 100 pass at once.
fn thousand(clock: &Clock, record: &Record) -> (RateLimitFactory, Made) {
    clock.advance(Duration::from_secs(10));
    let factory = RateLimitFactory::new(recording(record), clock.clone(), 1000);
    let made = Made::by(&factory);
    (factory, made)
}

fn is_paused(made: &Made) -> bool {
    made.wire.producer_state() == ProducerState::Paused
}

#[test]
fn reading_waits_until_the_bytes_beyond_the_burst_are_paid_for_and_no_byte_is_held() {
    let (clock, record) = (Clock::new(), Record::new());
    let (_, made) = thousand(&clock, &record);
    made.receive(&[b'x'; 100]);
    assert!(!is_paused(&made) && clock.pending() == 0);
    made.receive(&[b'x'; 50]);
    assert!(is_paused(&made) && clock.pending() == 1);
    assert_eq!(record.received().len(), 150);
    clock.advance(milliseconds(49));
    assert!(is_paused(&made));
    clock.advance(milliseconds(1));
    assert!(!is_paused(&made) && clock.pending() == 0, "no timer is left");
    // Without a silence there is no burst.
    made.receive(&[b'x'; 1]);
    assert!(is_paused(&made));
    clock.advance(milliseconds(1));
    assert!(!is_paused(&made));
}

#[test]
fn over_a_long_time_the_rate_holds_whatever_the_size_of_the_pieces() {
    for size in [1, 7, 100, 4096, 65_536] {
        let (clock, record) = (Clock::new(), Record::new());
        let (_, made) = thousand(&clock, &record);
        let (begin, mut passed) = (clock.now(), 0);
        while passed < 400_000 {
            if is_paused(&made) {
                clock.advance(milliseconds(1));
            } else {
                made.receive(&vec![b'x'; size]);
                passed += size;
            }
        }
        let seconds = (clock.now() - begin).as_secs_f64();
        let rate = (passed - size) as f64 / seconds;
        assert!((990.0..1010.0).contains(&rate) || size > 4096 && rate < 1010.0, "{size}: {rate}");
    }
}

#[test]
fn a_protocol_that_pauses_and_the_rate_do_not_undo_each_other() {
    let (clock, record) = (Clock::new(), Record::new());
    let (_, made) = thousand(&clock, &record);
    made.receive(&[b'x'; 1100]);
    record.transport().pause_producing();
    clock.advance(Duration::from_secs(1));
    assert!(is_paused(&made), "the protocol holds it");
    record.transport().resume_producing();
    assert!(!is_paused(&made));
    made.receive(&[b'x'; 1100]);
    record.transport().pause_producing();
    record.transport().resume_producing();
    assert!(is_paused(&made), "the rate holds it");
    clock.advance(milliseconds(1100));
    assert!(!is_paused(&made));
}

#[test]
fn a_producer_waits_and_what_is_written_passes_at_once() {
    let (clock, record) = (Clock::new(), Record::new());
    let (_, made) = thousand(&clock, &record);
    let above = record.transport();
    let source = Source::silent(&above);
    above.register_producer(Producer::Push(source.clone())).unwrap();
    above.write(&[b'x'; 300]);
    assert_eq!(made.wire.value().len(), 300);
    assert_eq!(source.history(), [""; 0], "it may be what writes");
    clock.advance(Duration::ZERO);
    assert_eq!(source.history(), ["pause"]);
    above.write_sequence(vec![b"x"[..].into(); 100]);
    clock.advance(milliseconds(299));
    assert_eq!(source.history(), ["pause"]);
    clock.advance(milliseconds(1));
    assert_eq!((source.history(), clock.pending()), (vec!["pause", "resume"], 0));
    above.unregister_producer();
    above.register_producer(Producer::Push(source.clone())).unwrap();
    made.lose();
    assert_eq!(clock.pending(), 0);
}

#[test]
fn a_producer_that_is_asked_for_each_piece_is_asked_for_none_beyond_the_burst_in_the_same_turn() {
    let (network, clock) = (Network::new(), Clock::new());
    clock.advance(Duration::from_secs(10));
    let chargen = ropewalk_protocol::factory_fn(|_| Chargen);
    let factory = RateLimitFactory::new(chargen, clock.clone(), 70_000).into_rc();
    let _port = network.server("chargen").listen(factory);
    let record = Record::new();
    let _client = connect_protocol(&network.client("chargen"), Recorder::new(&record));
    network.flush();
    // A page has 7030 bytes, and the burst 7000 of the first.
    assert_eq!(record.received().len(), 7030);
    clock.advance(milliseconds(1));
    network.flush();
    for pages in 2..20 {
        assert_eq!(record.received().len(), 7030 * pages);
        clock.advance(milliseconds(101));
        network.flush();
    }
}

#[test]
fn the_limit_can_be_lifted_and_all_that_waits_goes_on() {
    let (clock, record) = (Clock::new(), Record::new());
    let (factory, made) = thousand(&clock, &record);
    let above = record.transport();
    let source = Source::silent(&above);
    above.register_producer(Producer::Push(source.clone())).unwrap();
    above.write(&[b'x'; 100_000]);
    made.receive(&[b'x'; 100_000]);
    clock.advance(Duration::ZERO);
    assert!(is_paused(&made));
    factory.lift();
    assert!(!is_paused(&made));
    assert_eq!((source.history(), clock.pending()), (vec!["pause", "resume"], 0));
    made.receive(&[b'x'; 100_000]);
    above.write(&[b'x'; 100_000]);
    clock.advance(Duration::ZERO);
    assert!(!is_paused(&made) && source.history().len() == 2 && clock.pending() == 0);
}

#[test]
fn a_connection_that_is_lost_or_dropped_leaves_no_timer() {
    for is_lost in [true, false] {
        let (clock, record) = (Clock::new(), Record::new());
        let (_, made) = thousand(&clock, &record);
        made.receive(&[b'x'; 5000]);
        record.transport().write(&[b'x'; 5000]);
        assert_eq!(clock.pending(), 2);
        if is_lost {
            made.lose();
        } else {
            drop(made);
            drop(record);
        }
        assert_eq!(clock.pending(), 0, "{is_lost}");
    }
}

#[test]
fn a_connection_that_is_never_silent_ends_when_its_whole_time_is_over() {
    let (clock, record) = (Clock::new(), Record::new());
    let timeouts = Timeouts::default().with_total(Some(Duration::from_secs(60)));
    let made =
        Made::by(&TimeoutFactory::with_timeouts(recording(&record), clock.clone(), timeouts));
    for _ in 0..59 {
        made.receive(b"x");
        clock.advance(Duration::from_secs(1));
    }
    assert!(!made.wire.disconnecting());
    clock.advance(Duration::from_secs(1));
    assert!(made.wire.disconnecting());
    made.running.deliver(Event::ConnectionLost(&Reason::Aborted));
    assert!(matches!(record.lost(), Some(Reason::TimedOut(Deadline::Total))));
    assert_eq!((clock.pending(), record.received().len()), (0, 59));
}
