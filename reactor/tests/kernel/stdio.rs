//! Two descriptors as one connection: its events, its flow, and its two ends.

use std::cell::RefCell;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    BufferLimits, Producer, PullProducer, ReactorCore as _, ReactorStdio as _, Reason, Transport,
};
use protocol::ProtocolRef;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use testkit::pattern;

use crate::support::child::in_child;
use crate::support::descriptors::Piped;
use crate::support::{Lines, RecordExt as _, open_descriptors, turn_until};

#[test]
fn bytes_come_in_and_writes_go_out_exactly() {
    let reactor = Reactor::new().unwrap();
    let mut piped = Piped::open(&reactor, |recorder| {
        recorder.on_made(|transport| {
            transport.write(b"some bytes, ");
            transport.write_sequence(vec![b"and ".to_vec().into(), b"more".to_vec().into()]);
        })
    });
    piped.send(b"input");
    turn_until(&reactor, "the input came", || piped.seen.received() == b"input");
    piped.seen.transport().lose_connection();
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    assert!(matches!(piped.seen.reason(), Reason::Done));
    assert_eq!(piped.read_all(), b"some bytes, and more");
    assert_eq!(piped.seen.calls(), ["connection_made", "data_received", "connection_lost"]);
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn the_connection_has_names_for_both_of_its_sides() {
    let reactor = Reactor::new().unwrap();
    let piped = Piped::open(&reactor, |recorder| recorder);
    let transport = piped.seen.transport();
    assert!(!transport.host().to_string().is_empty() && !transport.peer().to_string().is_empty());
}

#[test]
fn the_end_of_the_input_ends_a_protocol_that_has_no_use_for_half() {
    let reactor = Reactor::new().unwrap();
    let mut piped = Piped::open(&reactor, |recorder| {
        recorder.on_data(|transport, _| transport.write(&pattern(1, 300_000)))
    });
    piped.send(b"word");
    drop(piped.there.take());
    let mut back = piped.back.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        back.read_to_end(&mut bytes).unwrap();
        bytes
    });
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    assert!(piped.seen.reason().is_clean());
    assert!(reader.join().unwrap() == pattern(1, 300_000), "what was written is sent first");
}

#[test]
fn a_peer_that_closes_both_ends_at_once_has_ended_cleanly_behind_its_bytes() {
    for half_closeable in [false, true] {
        let reactor = Reactor::new().unwrap();
        let mut piped = Piped::open(&reactor, |recorder| match half_closeable {
            true => recorder.on_write_lost(|transport| transport.lose_connection()),
            false => recorder,
        });
        // The report about the output is the first.
        piped.back.take();
        piped.send(&pattern(3, 50_000));
        piped.there.take();
        turn_until(&reactor, "it is lost", || piped.seen.is_lost());
        assert!(piped.seen.received() == pattern(3, 50_000));
        assert!(piped.seen.reason().is_clean(), "{:?}", piped.seen.reason());
        let told = ["read_connection_lost", "write_connection_lost"].map(|it| piped.seen.count(it));
        assert_eq!(told, [usize::from(half_closeable); 2]);
    }
}

#[test]
fn the_end_of_the_input_is_told_to_a_half_closeable_protocol_which_writes_on() {
    let reactor = Reactor::new().unwrap();
    let mut piped = Piped::open(&reactor, |recorder| {
        recorder.on_read_lost(|transport| transport.write(b"still open"))
    });
    drop(piped.there.take());
    turn_until(&reactor, "the end was told", || piped.seen.count("read_connection_lost") == 1);
    reactor.turn(Some(Duration::from_millis(20))).unwrap();
    assert!(!piped.seen.is_lost(), "not before this side wants it");
    piped.seen.transport().lose_connection();
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    assert_eq!(piped.read_all(), b"still open");
}

#[test]
fn a_panic_when_the_end_of_the_input_is_told_ends_the_connection() {
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let mut piped =
        Piped::open(&reactor, |recorder| recorder.on_read_lost(|_| panic!("as the test wants")));
    drop(piped.there.take());
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    assert!(matches!(piped.seen.reason(), Reason::Panicked(_)));
    assert_eq!(lines.count("as the test wants"), 1);
}

#[test]
fn a_closed_output_is_told_at_once_to_a_half_closeable_protocol_which_reads_on() {
    let reactor = Reactor::new().unwrap();
    let mut piped = Piped::open(&reactor, |recorder| recorder.half_closeable());
    drop(piped.back.take());
    turn_until(&reactor, "it was told", || piped.seen.count("write_connection_lost") == 1);
    piped.send(b"read on");
    turn_until(&reactor, "the input came", || piped.seen.received() == b"read on");
    piped.seen.transport().write(b"to no reader");
    piped.seen.transport().lose_connection();
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    assert!(piped.seen.reason().is_clean());
}

#[test]
fn a_panic_when_the_closed_output_is_told_ends_the_connection() {
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let mut piped =
        Piped::open(&reactor, |recorder| recorder.on_write_lost(|_| panic!("as the test wants")));
    drop(piped.back.take());
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    assert!(matches!(piped.seen.reason(), Reason::Panicked(_)));
    assert_eq!(lines.count("as the test wants"), 1);
}

#[test]
fn a_closed_output_is_the_end_of_a_protocol_that_has_no_use_for_half() {
    let reactor = Reactor::new().unwrap();
    let mut piped = Piped::open(&reactor, |recorder| recorder);
    drop(piped.back.take());
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    let reason = piped.seen.reason();
    let Reason::Lost(cause) = &reason else { panic!("{reason:?}") };
    let error = cause.downcast_ref::<interfaces::StdioError>().unwrap();
    assert_eq!((error.direction, error.source.raw_os_error()), ("output", libc::EPIPE));
}

#[test]
fn the_output_can_be_closed_alone_behind_its_bytes() {
    let reactor = Reactor::new().unwrap();
    let mut piped = Piped::open(&reactor, |recorder| {
        recorder.half_closeable().on_made(|transport| {
            transport.write(b"all");
            transport.as_half_closeable().unwrap().lose_write_connection();
            transport.write(b"too late");
        })
    });
    turn_until(&reactor, "it was told", || piped.seen.count("write_connection_lost") == 1);
    assert_eq!(piped.read_all(), b"all");
    piped.send(b"read on");
    turn_until(&reactor, "the input came", || piped.seen.received() == b"read on");
    drop(piped.there.take());
    turn_until(&reactor, "the end was told", || piped.seen.count("read_connection_lost") == 1);
    piped.seen.transport().lose_connection();
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
}

#[test]
fn nothing_comes_while_it_is_paused_and_all_in_order_afterwards() {
    let reactor = Reactor::new().unwrap();
    let mut piped =
        Piped::open(&reactor, |recorder| recorder.on_data(|transport, data| transport.write(data)));
    let transport = piped.seen.transport();
    transport.pause_producing();
    let lines: Vec<String> = (0..100).map(|number| format!("line {number}\n")).collect();
    for line in &lines {
        piped.send(line.as_bytes());
        reactor.turn(Some(Duration::ZERO)).unwrap();
    }
    assert!(piped.seen.received().is_empty());
    transport.resume_producing();
    let all = lines.concat();
    turn_until(&reactor, "all came", || piped.seen.received() == all.as_bytes());
    transport.pause_producing();
    drop(piped.there.take());
    reactor.turn(Some(Duration::from_millis(20))).unwrap();
    assert!(!piped.seen.is_lost(), "the end waits, too");
    transport.resume_producing();
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    assert_eq!(piped.read_all(), all.as_bytes());
}

/// Writes lines, one at a time.
struct Source {
    transport: Rc<dyn Transport>,
    left: RefCell<Vec<Vec<u8>>>,
}

impl PullProducer for Source {
    fn resume_producing(&self) {
        let line = self.left.borrow_mut().pop();
        match line {
            Some(line) => self.transport.write(&line),
            None => {
                self.transport.unregister_producer();
                self.transport.lose_connection();
            }
        }
    }
    fn stop_producing(&self) {}
}

#[test]
fn a_pull_producer_is_asked_for_all_of_its_lines() {
    let reactor = Reactor::new().unwrap();
    let mut piped = Piped::open(&reactor, |recorder| recorder);
    let lines: Vec<Vec<u8>> = (0..1024).map(|number| format!("line {number}\n").into()).collect();
    let left = RefCell::new(lines.iter().rev().cloned().collect());
    let transport = piped.seen.transport();
    let producer = Rc::new(Source { transport: transport.clone(), left });
    transport.register_producer(Producer::Pull(producer)).unwrap();
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    assert!(piped.seen.reason().is_clean());
    assert!(piped.read_all() == lines.concat());
}

#[test]
fn a_reader_that_does_not_read_costs_the_cap_and_then_the_connection() {
    let reactor = Reactor::new().unwrap();
    let piped = Piped::open(&reactor, |recorder| recorder);
    let transport = piped.seen.transport();
    transport.set_buffer_limits(BufferLimits::default().with_cap(1 << 20));
    for _ in 0..40 {
        transport.write(&[0; 65536]);
        reactor.turn(Some(Duration::ZERO)).unwrap();
    }
    turn_until(&reactor, "it is lost", || piped.seen.is_lost());
    assert!(matches!(piped.seen.reason(), Reason::WriteBufferExceeded { cap: 1_048_576 }));
}

#[test]
fn a_stop_sends_what_was_written_and_a_reactor_that_is_dropped_leaves_no_descriptor() {
    in_child(|| {
        let before = open_descriptors();
        let reactor = Reactor::new().unwrap();
        let mut piped = Piped::open(&reactor, |recorder| recorder);
        piped.seen.transport().write(b"last words");
        let stopping = reactor.clone();
        reactor.call_when_running(Box::new(move || stopping.stop().unwrap()));
        reactor.run().unwrap();
        assert!(matches!(piped.seen.reason(), Reason::Stopped));
        assert_eq!(piped.read_all(), b"last words");
        let other = Piped::open(&reactor, |recorder| recorder);
        reactor.disconnect_all();
        assert!(other.seen.is_lost());
        let another = Piped::open(&reactor, |recorder| recorder);
        drop((piped, other, reactor));
        another.seen.transport().write(b"to no reactor");
        assert!(!another.seen.is_lost(), "it tells no protocol");
        drop(another);
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_standard_descriptor_that_was_closed_is_refused_and_what_has_its_number_now_is_left_alone() {
    in_child(|| {
        for closed in [&[0][..], &[1], &[0, 1], &[0, 1, 2]] {
            let kept = [0, 1, 2].map(|standard| {
                // SAFETY: the descriptor is open, and nothing owns the copy.
                unsafe {
                    let copy = libc::fcntl(standard, libc::F_DUPFD_CLOEXEC, 100);
                    <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(copy)
                }
            });
            for number in closed {
                // SAFETY: no value owns a standard descriptor.
                assert_eq!(unsafe { libc::close(*number) }, 0);
            }
            // Its own descriptors have the numbers now.
            let reactor = Reactor::new().unwrap();
            let seen = Record::new();
            let protocol = ProtocolRef::new(Recorder::new(&seen)).as_deliver();
            let refused = reactor.open_stdio(protocol).err();
            let turned: Vec<_> = (0..3).map(|_| reactor.turn(Some(Duration::ZERO))).collect();
            drop(reactor);
            for (standard, copy) in (0..).zip(kept) {
                use std::os::fd::AsRawFd as _;
                // SAFETY: nothing has the number any more, or it is the standard descriptor.
                assert_eq!(unsafe { libc::dup2(copy.as_raw_fd(), standard) }, standard);
            }
            let refused = refused.expect("it is no standard descriptor");
            let direction = if closed[0] == 0 { "input" } else { "output" };
            assert_eq!(
                (refused.direction, refused.source.raw_os_error()),
                (direction, libc::EBADF)
            );
            assert!(turned.iter().all(Result::is_ok), "{turned:?}");
            assert!(seen.calls().is_empty());
        }
    });
}

#[test]
fn to_disconnect_all_is_an_abort_while_the_reactor_runs_and_a_stop_is_one_of_its_own() {
    let reactor = Reactor::new().unwrap();
    let piped = Piped::open(&reactor, |recorder| recorder);
    reactor.disconnect_all();
    assert!(matches!(piped.seen.reason(), Reason::Aborted));
    let piped = Piped::open(&reactor, |recorder| recorder);
    let stopping = reactor.clone();
    reactor.call_when_running(Box::new(move || stopping.stop().unwrap()));
    reactor.run().unwrap();
    assert!(matches!(piped.seen.reason(), Reason::Stopped));
    assert_eq!(reactor.counts(), Counts::default());
}
