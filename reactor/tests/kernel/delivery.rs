//! What arrived is delivered before the bad news behind it, and a cut stream never has a clean end: over
//! TCP and UNIX sockets, to fast and slow readers.

use std::cell::Cell;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use crate::support::wires::{PACES, Pace, WIRES, Wire, bytes, connection, read_all, reset};
use crate::support::{RecordExt as _, turn_until};
use interfaces::{Producer, PushProducer, Reason};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Limits, Reactor};

/// Pauses at each piece, and goes on some time later.
fn slow(reactor: &Reactor, recorder: Recorder) -> Recorder {
    let reactor = reactor.clone();
    recorder.on_data(move |transport, _| {
        transport.pause_producing();
        let transport = transport.clone();
        reactor.call_later(Duration::from_millis(2), move || transport.resume_producing());
    })
}

/// A push producer that is only told.
#[derive(Default)]
struct Told(Cell<(u32, u32, u32)>);

impl PushProducer for Told {
    fn pause_producing(&self) {
        let (pauses, resumes, stops) = self.0.get();
        self.0.set((pauses + 1, resumes, stops));
    }
    fn resume_producing(&self) {
        let (pauses, resumes, stops) = self.0.get();
        self.0.set((pauses, resumes + 1, stops));
    }
    fn stop_producing(&self) {
        let (pauses, resumes, stops) = self.0.get();
        self.0.set((pauses, resumes, stops + 1));
    }
}

/// Less than the receive buffer of any socket holds.
const SENT: usize = 30_000;

#[test]
fn what_the_peer_sent_is_delivered_though_sending_failed() {
    for wire in WIRES {
        for pace in PACES {
            for paused in [false, true] {
                for written in [1, 5_000_000] {
                    let what = format!("{wire:?}, {pace:?}, paused: {paused}, {written} written");
                    let limits = Limits::default().with_read_buffer_bytes(1000);
                    let reactor = Reactor::with_limits(limits.with_reads_per_turn(2)).unwrap();
                    let seen = Record::new();
                    let server = Recorder::new(&seen);
                    let server = if pace == Pace::Slow { slow(&reactor, server) } else { server };
                    let mut peer = connection(&reactor, wire, server);
                    turn_until(&reactor, "it is made", || seen.is_made());
                    let transport = seen.transport();
                    if paused {
                        transport.pause_producing();
                    }
                    let producer = Rc::new(Told::default());
                    transport.register_producer(Producer::Push(producer.clone())).unwrap();
                    peer.write_all(&bytes(SENT)).unwrap();
                    transport.write(&vec![1; written]);
                    reset(peer);
                    for _ in 0..20 {
                        transport.write(b"more");
                        reactor.turn(Some(Duration::from_millis(1))).unwrap();
                    }
                    if paused {
                        assert!(!seen.is_lost(), "{what}: lost before it was read");
                        let (pauses, resumes, _) = producer.0.get();
                        assert_eq!(pauses, resumes, "{what}: the producer waits for nothing");
                        transport.resume_producing();
                    }
                    turn_until(&reactor, "it is lost", || seen.is_lost());
                    assert!(seen.received() == bytes(SENT), "{what}: {}", seen.received().len());
                    assert!(matches!(seen.reason(), Reason::Lost(_)), "{what}");
                    assert_eq!(producer.0.get().2, 1, "{what}");
                    drop(transport);
                    seen.forget();
                    assert_eq!(reactor.counts().streams, 0);
                }
            }
        }
    }
}

#[test]
fn a_broken_connection_that_is_paused_ends_at_once_when_its_protocol_ends_it() {
    for wire in WIRES {
        for abort in [false, true] {
            let reactor = Reactor::new().unwrap();
            let seen = Record::new();
            let server = Recorder::new(&seen).on_made(|transport| transport.pause_producing());
            let mut peer = connection(&reactor, wire, server);
            turn_until(&reactor, "it is made", || seen.is_made());
            let transport = seen.transport();
            // It never unregisters.
            transport.register_producer(Producer::Push(Rc::new(Told::default()))).unwrap();
            peer.write_all(&bytes(SENT)).unwrap();
            reset(peer);
            for _ in 0..20 {
                transport.write(b"more");
                reactor.turn(Some(Duration::from_millis(1))).unwrap();
            }
            assert!(!seen.is_lost());
            if abort {
                transport.abort_connection();
            } else {
                transport.lose_connection();
            }
            turn_until(&reactor, "it is lost", || seen.is_lost());
            match seen.reason() {
                Reason::Aborted => assert!(abort),
                Reason::Lost(_) => assert!(!abort),
                other => panic!("{other:?}"),
            }
            drop(transport);
            seen.forget();
        }
    }
}

#[test]
fn a_close_with_a_reset_gives_the_peer_everything_in_its_own_time_and_then_the_reset() {
    const ANSWER: usize = 6_000_000;
    for wire in WIRES {
        for pace in PACES {
            for chatty in [false, true] {
                let what = format!("{wire:?}, {pace:?}, chatty: {chatty}");
                let reactor = Reactor::new().unwrap();
                let seen = Record::new();
                let server = Recorder::new(&seen).on_made(|transport| {
                    transport.write(&bytes(ANSWER));
                    transport.lose_connection_with_reset();
                    transport.lose_connection();
                    transport.write(b"too late");
                });
                let mut peer = connection(&reactor, wire, server);
                if chatty {
                    peer.write_all(&[0; 10_000]).unwrap();
                }
                let reading = read_all(peer, pace);
                turn_until(&reactor, "the peer has ended", || reading.is_finished());
                let (received, end) = reading.join().unwrap();
                assert!(received == bytes(ANSWER), "{what}: {} bytes", received.len());
                match wire {
                    Wire::Tcp => assert_eq!(end, Err(ErrorKind::ConnectionReset), "{what}"),
                    Wire::Unix => assert!(matches!(end, Ok(()) | Err(_)), "{what}"),
                }
                assert!(matches!(seen.reason(), Reason::Aborted), "{what}");
                assert_eq!(seen.received().len(), 0, "{what}");
                seen.forget();
                turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
            }
        }
    }
}

#[test]
fn a_close_with_a_reset_comes_on_a_later_turn_and_waits_for_the_producer() {
    for wire in WIRES {
        for produces in [false, true] {
            let reactor = Reactor::new().unwrap();
            let seen = Record::new();
            let peer = connection(&reactor, wire, Recorder::new(&seen));
            turn_until(&reactor, "it is made", || seen.is_made());
            let transport = seen.transport();
            if produces {
                let producer = Producer::Push(Rc::new(Told::default()));
                transport.register_producer(producer).unwrap();
            }
            transport.lose_connection_with_reset();
            assert!(!seen.is_lost(), "not within the call");
            if produces {
                for _ in 0..5 {
                    reactor.turn(Some(Duration::ZERO)).unwrap();
                }
                assert!(!seen.is_lost());
                transport.write(b"the last bytes");
                transport.unregister_producer();
            }
            turn_until(&reactor, "it is lost", || seen.is_lost());
            assert!(matches!(seen.reason(), Reason::Aborted));
            let reading = read_all(peer, Pace::Fast);
            turn_until(&reactor, "the peer has ended", || reading.is_finished());
            let (received, end) = reading.join().unwrap();
            assert_eq!(received.len(), if produces { 14 } else { 0 });
            assert_eq!(end.is_err(), wire == Wire::Tcp);
            drop(transport);
            seen.forget();
        }
    }
}

#[test]
fn a_peer_that_acknowledges_nothing_is_reset_when_its_time_is_over() {
    let limits = Limits::default().with_unacknowledged(Duration::from_millis(30));
    let reactor = Reactor::with_limits(limits).unwrap();
    let seen = Record::new();
    let server = Recorder::new(&seen).on_made(|transport| {
        // More than both kernels hold without a reader.
        transport.write(&bytes(12 << 20));
        transport.lose_connection_with_reset();
    });
    let peer = connection(&reactor, Wire::Tcp, server);
    // It reads until the rest is in the kernels' hands, and then no more.
    let mut kept = peer.try_clone().unwrap();
    kept.set_nonblocking(true).unwrap();
    let mut taken = 0;
    turn_until(&reactor, "it is lost", || {
        taken += kept.read(&mut [0; 10_000]).unwrap_or(0);
        seen.is_lost()
    });
    assert!(matches!(seen.reason(), Reason::Aborted));
    turn_until(&reactor, "it gives up", || reactor.counts().lingering == 0);
    kept.set_nonblocking(false).unwrap();
    let (received, end) = read_all(peer, Pace::Fast).join().unwrap();
    assert!(received.len() + taken < 12 << 20, "the peer's system took everything");
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    drop(kept);
    seen.forget();
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_reactor_that_is_dropped_cuts_no_stream_with_a_clean_end() {
    for closing in [false, true] {
        let reactor = Reactor::new().unwrap();
        let seen = Record::new();
        let server = Recorder::new(&seen).on_made(move |transport| {
            transport.write(&bytes(12 << 20));
            if closing {
                transport.lose_connection();
            }
        });
        let peer = connection(&reactor, Wire::Tcp, server);
        turn_until(&reactor, "it is made", || seen.is_made());
        drop(reactor);
        let (received, end) = read_all(peer, Pace::Fast).join().unwrap();
        assert!(received.len() < 12 << 20);
        assert_eq!(end, Err(ErrorKind::ConnectionReset));
        seen.forget();
    }
}

/// `EPOLLHUP`, with or without an end of file of its own before.
#[test]
fn a_unix_peer_that_is_gone_ends_the_connection_of_a_protocol_that_only_waits() {
    for shuts_down in [false, true] {
        for paused in [false, true] {
            let reactor = Reactor::new().unwrap();
            let seen = Record::new();
            let mut peer = connection(&reactor, Wire::Unix, Recorder::new(&seen).half_closeable());
            turn_until(&reactor, "it is made", || seen.is_made());
            peer.write_all(b"the last words").unwrap();
            if shuts_down {
                peer.shutdown(Shutdown::Write).unwrap();
                turn_until(&reactor, "the end of file is told", || {
                    seen.count("read_connection_lost") == 1
                });
                for _ in 0..5 {
                    reactor.turn(Some(Duration::from_millis(1))).unwrap();
                }
                assert!(!seen.is_lost(), "it still listens");
            } else if paused {
                seen.transport().pause_producing();
            }
            drop(peer);
            if paused && !shuts_down {
                for _ in 0..5 {
                    reactor.turn(Some(Duration::from_millis(1))).unwrap();
                }
                assert!(!seen.is_lost(), "there is something to be read");
                seen.transport().resume_producing();
            }
            turn_until(&reactor, "it is lost", || seen.is_lost());
            assert_eq!(seen.received(), b"the last words");
            let calls =
                ["connection_made", "data_received", "read_connection_lost", "connection_lost"];
            assert_eq!(seen.calls(), calls);
            seen.forget();
        }
    }
}

/// Both directions are over, and the peer is still there.
#[test]
fn a_unix_connection_that_both_sides_half_closed_is_not_taken_for_a_lost_one() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let server = Recorder::new(&seen)
        .on_made(|transport| transport.as_half_closeable().unwrap().lose_write_connection())
        .half_closeable();
    let mut peer = connection(&reactor, Wire::Unix, server);
    turn_until(&reactor, "it is half closed", || seen.count("write_connection_lost") == 1);
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    peer.shutdown(Shutdown::Write).unwrap();
    turn_until(&reactor, "the other end came", || seen.count("read_connection_lost") == 1);
    for _ in 0..5 {
        reactor.turn(Some(Duration::from_millis(1))).unwrap();
    }
    assert!(!seen.is_lost());
    seen.transport().lose_connection();
    turn_until(&reactor, "it is over", || seen.is_lost());
    assert!(seen.reason().is_clean());
    seen.forget();
}
