//! A stop of the reactor loses nothing that was written, and is bounded.

use std::cell::Cell;
use std::io::{ErrorKind, Write as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::wires::{PACES, Pace, WIRES, Wire, bytes, connection, read_all};
use crate::support::{PATIENCE, RecordExt as _, turn_until};
use interfaces::{Producer, PushProducer, ReactorCore as _, Reason, Transport};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Limits, Reactor};

/// A reactor that lingers for as long as it takes.
fn patient() -> Reactor {
    Reactor::with_limits(Limits::default().with_linger(PATIENCE)).unwrap()
}

/// Runs a reactor that stops at once.
fn run_and_stop(reactor: &Reactor) {
    let stopper = reactor.clone();
    reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
    reactor.run().unwrap();
}

/// A push producer that only notes that it is stopped.
#[derive(Default)]
struct Stopped(Cell<u32>);

impl PushProducer for Stopped {
    fn pause_producing(&self) {}
    fn resume_producing(&self) {}
    fn stop_producing(&self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn what_was_written_before_a_stop_arrives_and_then_the_end() {
    for wire in WIRES {
        for pace in PACES {
            // The first is taken by the system whole, and the others are not.
            for length in [30_000, 300_000, 6_000_000] {
                for closing in [false, true] {
                    let what = format!("{wire:?}, {pace:?}, {length}, closing: {closing}");
                    let reactor = patient();
                    let seen = Record::new();
                    let producer = Rc::new(Stopped::default());
                    let registered = producer.clone();
                    let server = Recorder::new(&seen).on_made(move |transport| {
                        transport.write(&bytes(length));
                        let producer = Producer::Push(registered.clone());
                        transport.register_producer(producer).unwrap();
                        if closing {
                            // It waits for the producer.
                            transport.lose_connection();
                        }
                    });
                    let peer = connection(&reactor, wire, server);
                    turn_until(&reactor, "it is made", || seen.is_made());
                    let reading = read_all(peer, pace);
                    run_and_stop(&reactor);
                    let (received, end) = reading.join().unwrap();
                    assert!(received == bytes(length), "{what}: {} bytes", received.len());
                    assert_eq!(end, Ok(()), "{what}");
                    assert!(matches!(seen.reason(), Reason::Stopped), "{what}");
                    assert_eq!(producer.0.get(), 1, "{what}");
                    seen.forget();
                    assert_eq!(reactor.counts(), Counts::default(), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_connection_that_was_closing_ends_as_it_had_begun_to() {
    type End = fn(&Rc<dyn Transport>);
    let ends: [(End, bool); 2] = [
        (|transport| transport.lose_connection(), true),
        (|transport| transport.lose_connection_with_reset(), false),
    ];
    for (end, is_clean) in ends {
        let reactor = patient();
        let seen = Record::new();
        let server = Recorder::new(&seen).on_made(move |transport| {
            transport.write(&bytes(6_000_000));
            end(transport);
        });
        let peer = connection(&reactor, Wire::Tcp, server);
        turn_until(&reactor, "it is made", || seen.is_made());
        let reading = read_all(peer, Pace::Slow);
        run_and_stop(&reactor);
        let (received, ended) = reading.join().unwrap();
        assert!(received == bytes(6_000_000), "{} bytes", received.len());
        assert_eq!(ended, if is_clean { Ok(()) } else { Err(ErrorKind::ConnectionReset) });
        assert_eq!(seen.reason().is_clean(), is_clean);
        assert!(is_clean || matches!(seen.reason(), Reason::Aborted));
        seen.forget();
        assert_eq!(reactor.counts(), Counts::default());
    }
}

#[test]
fn what_a_peer_does_not_take_in_time_is_cut_with_a_reset() {
    for resets in [false, true] {
        let limits = Limits::default().with_linger(Duration::from_millis(50));
        let reactor = Reactor::with_limits(limits).unwrap();
        let seen = Record::new();
        let server = Recorder::new(&seen).on_made(move |transport| {
            transport.write(&bytes(12 << 20));
            if resets {
                transport.lose_connection_with_reset();
            }
        });
        let peer = connection(&reactor, Wire::Tcp, server);
        turn_until(&reactor, "it is made", || seen.is_made());
        run_and_stop(&reactor);
        assert!(matches!(seen.reason(), Reason::Stopped));
        seen.forget();
        assert_eq!(reactor.counts(), Counts::default());
        let (received, end) = read_all(peer, Pace::Fast).join().unwrap();
        assert!(received.len() < 12 << 20);
        assert_eq!(end, Err(ErrorKind::ConnectionReset));
    }
}

/// Its last bytes are in its hands, and nothing that it sends makes a close a reset.
#[test]
fn a_silent_peer_does_not_delay_a_stop() {
    for wire in WIRES {
        for lingers in [false, true] {
            let reactor = patient();
            let seen = Record::new();
            let server = Recorder::new(&seen).on_made(move |transport| {
                transport.write(b"goodbye");
                if lingers {
                    transport.lose_connection();
                }
            });
            let peer = connection(&reactor, wire, server);
            turn_until(&reactor, "it is made", || seen.is_made() && seen.is_lost() == lingers);
            let start = Instant::now();
            run_and_stop(&reactor);
            assert!(start.elapsed() < PATIENCE / 2, "{wire:?}, lingers: {lingers}");
            seen.forget();
            let (received, end) = read_all(peer, Pace::Fast).join().unwrap();
            assert_eq!((&*received, end), (b"goodbye".as_slice(), Ok(())));
        }
    }
}

#[test]
fn a_peer_that_is_still_sending_at_a_stop_gets_every_byte_and_a_clean_end() {
    let reactor = patient();
    let seen = Record::new();
    let server = Recorder::new(&seen).on_made(|transport| {
        transport.pause_producing();
        transport.write(&bytes(1_000_000));
    });
    let mut peer = connection(&reactor, Wire::Tcp, server);
    turn_until(&reactor, "it is made", || seen.is_made());
    let sending = std::thread::spawn(move || {
        // All of it is sent before anything is read.
        peer.write_all(&bytes(3_000_000)).unwrap();
        read_all(peer, Pace::Slow).join().unwrap()
    });
    run_and_stop(&reactor);
    let (received, end) = sending.join().unwrap();
    assert!(received == bytes(1_000_000), "{} bytes", received.len());
    assert_eq!(end, Ok(()));
    seen.forget();
}

#[test]
fn disconnecting_everything_during_a_stop_ends_it_now() {
    let reactor = patient();
    let seen = Record::new();
    let server = Recorder::new(&seen).on_made(|transport| transport.write(&bytes(12 << 20)));
    let peer = connection(&reactor, Wire::Tcp, server);
    turn_until(&reactor, "it is made", || seen.is_made());
    let second = reactor.clone();
    reactor.call_later(Duration::from_millis(20), move || second.disconnect_all());
    let start = Instant::now();
    run_and_stop(&reactor);
    assert!(start.elapsed() < PATIENCE / 2);
    assert!(matches!(seen.reason(), Reason::Aborted));
    seen.forget();
    assert_eq!(read_all(peer, Pace::Fast).join().unwrap().1, Err(ErrorKind::ConnectionReset));
}
