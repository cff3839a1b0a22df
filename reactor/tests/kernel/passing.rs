//! Descriptors that are sent over UNIX connections.

use std::fs::File;
use std::io::Write as _;
use std::net::Shutdown;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Producer, PushProducer, Reason, ReceiveFileDescriptorError, SendFileDescriptorError,
};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::child::{in_child, set_descriptor_limit};
use crate::support::passing::*;
use crate::support::{Lines, RecordExt as _, open_descriptors, turn_until};

#[test]
fn descriptors_arrive_in_order_with_the_bytes_around_them_also_behind_a_full_socket() {
    for padding in [0, 1 << 20] {
        let reactor = Reactor::new().unwrap();
        let (log, peer) = receiver(&reactor, false);
        let sending = Record::new();
        adopt(&reactor, peer, Recorder::new(&sending));
        turn_until(&reactor, "the sender is connected", || sending.is_made());
        let transport = sending.transport();
        let unix = transport.as_unix().unwrap();
        let before = vec![b'a'; padding + 2];
        transport.write(&before);
        let tokens: Vec<_> = (0..3).map(|_| token()).collect();
        let numbers: Vec<u64> = tokens.iter().map(|token| token.1).collect();
        let mut ends = Vec::new();
        for (index, (descriptor, _, end)) in tokens.into_iter().enumerate() {
            unix.send_file_descriptor(descriptor);
            ends.push(end);
            if index > 0 {
                transport.write(&vec![b'b'; padding + 2]);
            }
        }
        transport.lose_connection();
        let total = 3 * (padding + 2);
        turn_until(&reactor, "all has come", || log.bytes().len() == total);
        let files = log.files();
        assert_eq!(files.iter().map(|(number, _)| *number).collect::<Vec<_>>(), numbers);
        // A byte that was written behind a descriptor never comes before it.
        for ((_, bytes_before), most) in files.iter().zip([1, 1, 2]) {
            assert!(*bytes_before <= most * (padding + 2), "{files:?}");
        }
        let mut expected = before;
        expected.resize(total, b'b');
        assert_eq!(log.bytes(), expected);
        turn_until(&reactor, "both are lost", || sending.is_lost() && log.lost.borrow().is_some());
        assert!(sending.reason().is_clean());
        for came in &*log.came.borrow() {
            let Came::Descriptor(descriptor) = came else { continue };
            // SAFETY: the descriptor is open, and the call touches no memory.
            let flags = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFD) };
            assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        }
        log.forget();
        assert!(ends.into_iter().all(is_closed), "no copy is left");
        sending.forget();
    }
}

#[test]
fn one_message_brings_several_descriptors_of_one_control_message_or_of_two_in_order() {
    let reactor = Reactor::new().unwrap();
    let (log, peer) = receiver(&reactor, false);
    let [one, two, three, four] = [token(), token(), token(), token()];
    send_raw(&peer, b"x", &[&[&one.0, &two.0]]);
    turn_until(&reactor, "it has come", || log.bytes() == b"x");
    assert_eq!(log.files(), [(one.1, 0), (two.1, 0)]);
    send_raw(&peer, b"y", &[&[&three.0], &[&four.0]]);
    turn_until(&reactor, "it has come", || log.bytes() == b"xy");
    assert_eq!(log.files(), [(one.1, 0), (two.1, 0), (three.1, 1), (four.1, 1)]);
    reactor.disconnect_all();
    log.forget();
}

#[test]
fn a_read_that_stops_at_a_descriptor_is_followed_by_the_next_without_another_arrival() {
    let reactor = Reactor::new().unwrap();
    let (log, peer) = receiver(&reactor, false);
    let tokens: Vec<_> = (0..40).map(|_| token()).collect();
    for token in &tokens {
        send_raw(&peer, b"x", &[&[&token.0]]);
    }
    (&peer).write_all(b"end").unwrap();
    turn_until(&reactor, "all has come", || log.bytes().ends_with(b"end"));
    assert_eq!(log.descriptors(), 40);
    reactor.disconnect_all();
    log.forget();
}

#[test]
fn a_receiver_that_pauses_gets_no_more_until_it_resumes_and_then_everything_in_order() {
    let reactor = Reactor::new().unwrap();
    let (log, peer) = receiver(&reactor, true);
    let [one, two] = [token(), token()];
    send_raw(&peer, b"first", &[&[&one.0, &two.0]]);
    (&peer).write_all(b" second").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    for expected in [1, 2] {
        turn_until(&reactor, "a descriptor has come", || log.descriptors() == expected);
        for _ in 0..5 {
            reactor.turn(Some(Duration::ZERO)).unwrap();
        }
        assert_eq!((log.descriptors(), log.bytes().len()), (expected, 0), "it has paused");
        assert!(log.lost.borrow().is_none());
        log.transport().resume_producing();
    }
    turn_until(&reactor, "the connection is over", || log.lost.borrow().is_some());
    assert_eq!(log.bytes(), b"first second");
    assert_eq!(log.files(), [(one.1, 0), (two.1, 0)]);
    log.forget();
}

#[test]
fn what_nothing_takes_is_closed_and_its_bytes_are_delivered() {
    in_child(|| {
        let before = open_descriptors();
        let reactor = Reactor::new().unwrap();
        let (plain, peer) = {
            let (ours, peer) = UnixStream::pair().unwrap();
            let seen = Record::new();
            adopt(&reactor, ours, Recorder::new(&seen));
            turn_until(&reactor, "it is connected", || seen.is_made());
            (seen, peer)
        };
        let (descriptor, _, end) = token();
        send_raw(&peer, b"junk", &[&[&descriptor]]);
        drop(descriptor);
        turn_until(&reactor, "its bytes have come", || plain.received() == b"junk");
        assert!(is_closed(end), "no role takes it");

        // Held by a receiver that has paused, and queued by a sender that aborts.
        let (log, paused) = receiver(&reactor, true);
        let [one, two, three] = [token(), token(), token()];
        send_raw(&paused, b"x", &[&[&one.0, &two.0]]);
        drop((one.0, two.0));
        turn_until(&reactor, "the first has come", || log.descriptors() == 1);
        plain.transport().as_unix().unwrap().send_file_descriptor(three.0);
        log.transport().abort_connection();
        plain.transport().abort_connection();
        turn_until(&reactor, "both are lost", || plain.is_lost() && log.lost.borrow().is_some());
        log.came.take();
        assert!([one.2, two.2, three.2].into_iter().all(is_closed));

        // On a connection that is over.
        let (descriptor, _, end) = token();
        plain.transport().as_unix().unwrap().send_file_descriptor(descriptor);
        assert!(is_closed(end));
        turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
        log.forget();
        plain.forget();
        drop((reactor, peer, paused));
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_descriptor_that_no_byte_follows_loses_the_connection_and_is_not_sent() {
    for half_closes in [false, true] {
        let reactor = Reactor::new().unwrap();
        let (log, peer) = receiver(&reactor, false);
        let sending = Record::new();
        adopt(&reactor, peer, Recorder::new(&sending));
        turn_until(&reactor, "the sender is connected", || sending.is_made());
        let transport = sending.transport();
        let (descriptor, _, end) = token();
        transport.write(b"before");
        transport.as_unix().unwrap().send_file_descriptor(descriptor);
        if half_closes {
            transport.as_half_closeable().unwrap().lose_write_connection();
        } else {
            transport.lose_connection();
        }
        turn_until(&reactor, "both are lost", || sending.is_lost() && log.lost.borrow().is_some());
        let Reason::Lost(failure) = sending.reason() else { panic!("{:?}", sending.reason()) };
        let overrun = SendFileDescriptorError::Overrun { count: 1 };
        assert_eq!(failure.downcast_ref(), Some(&overrun));
        assert_eq!((log.descriptors(), log.bytes()), (0, b"before".to_vec()));
        assert!(log.lost.borrow().as_ref().is_some_and(Reason::is_clean));
        assert!(is_closed(end));
        sending.forget();
        log.forget();
    }
}

/// Counts how often it is told to wait.
#[derive(Default)]
struct Source {
    pauses: std::cell::Cell<usize>,
}

impl PushProducer for Source {
    fn pause_producing(&self) {
        self.pauses.set(self.pauses.get() + 1);
    }

    fn resume_producing(&self) {}

    fn stop_producing(&self) {}
}

#[test]
fn many_descriptors_that_wait_pause_a_producer_and_too_many_lose_the_connection() {
    in_child(|| {
        let before = open_descriptors();
        let reactor = Reactor::new().unwrap();
        let (ours, peer) = UnixStream::pair().unwrap();
        let seen = Record::new();
        adopt(&reactor, ours, Recorder::new(&seen));
        turn_until(&reactor, "it is connected", || seen.is_made());
        let transport = seen.transport();
        let source = Rc::new(Source::default());
        transport.register_producer(Producer::Push(source.clone())).unwrap();
        let file = File::open("/dev/null").unwrap();
        let mut sent = 0;
        while source.pauses.get() == 0 && sent < 5_000 {
            let copy = OwnedFd::from(file.try_clone().unwrap());
            transport.as_unix().unwrap().send_file_descriptor(copy);
            transport.write(b"x");
            sent += 1;
        }
        assert_eq!((sent, source.pauses.get()), (65, 1), "nothing has left yet");
        while reactor.counts().streams > 0 && sent < 5_000 && !seen.is_lost() {
            let copy = OwnedFd::from(file.try_clone().unwrap());
            transport.as_unix().unwrap().send_file_descriptor(copy);
            transport.write(b"x");
            sent += 1;
            if sent > 1_100 {
                reactor.turn(Some(Duration::ZERO)).unwrap();
            }
        }
        turn_until(&reactor, "it is lost", || seen.is_lost());
        let Reason::Lost(failure) = seen.reason() else { panic!("{:?}", seen.reason()) };
        let limit = 1024;
        assert_eq!(failure.downcast_ref(), Some(&SendFileDescriptorError::TooMany { limit }));
        seen.forget();
        drop((reactor, peer, file, transport));
        assert_eq!(open_descriptors(), before, "none is leaked");
    });
}

#[test]
fn as_many_go_with_one_byte_as_the_system_takes_and_one_more_is_told() {
    in_child(|| {
        let before = open_descriptors();
        for (number, behind) in [(252, 1), (253, 1), (253, 4), (254, 1), (600, 3)] {
            let reactor = Reactor::new().unwrap();
            let (log, peer) = receiver(&reactor, false);
            let sending = Record::new();
            adopt(&reactor, peer, Recorder::new(&sending));
            turn_until(&reactor, "the sender is connected", || sending.is_made());
            let transport = sending.transport();
            let file = File::open("/dev/null").unwrap();
            transport.write(b"before");
            for _ in 0..number {
                let copy = OwnedFd::from(file.try_clone().unwrap());
                transport.as_unix().unwrap().send_file_descriptor(copy);
            }
            transport.write(&vec![b'x'; behind]);
            transport.lose_connection();
            turn_until(&reactor, "it is lost", || sending.is_lost() && log.lost.borrow().is_some());
            if number <= 253 {
                assert!(sending.reason().is_clean(), "{number}: {:?}", sending.reason());
                assert_eq!((log.descriptors(), log.bytes().len()), (number, 6 + behind));
                assert!(log.files().iter().all(|(_, before)| *before <= 6), "none comes later");
            } else {
                let Reason::Lost(failure) = sending.reason() else { panic!("{number}") };
                let too_many = SendFileDescriptorError::TooMany { limit: 253 };
                assert_eq!(failure.downcast_ref(), Some(&too_many), "{number}");
                assert_eq!(log.descriptors(), 0);
            }
            sending.forget();
            log.forget();
        }
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_process_without_descriptors_is_told_and_loses_the_connection_behind_the_bytes() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let (log, peer) = receiver(&reactor, false);
        let file = OwnedFd::from(File::open("/dev/null").unwrap());
        let room: Vec<_> = (0..2).map(|_| file.try_clone().unwrap()).collect();
        let before = set_descriptor_limit(room[1].as_raw_fd() as u64 + 1);
        drop(room);
        send_raw(&peer, b"some", &[&[&file, &file, &file, &file]]);
        turn_until(&reactor, "it is lost", || log.lost.borrow().is_some());
        set_descriptor_limit(before);
        assert_eq!(log.bytes(), b"some");
        assert_eq!(log.descriptors(), 2, "those for which there was room");
        let lost = log.lost.take();
        let Some(Reason::Lost(failure)) = lost else { panic!("{lost:?}") };
        assert_eq!(failure.downcast_ref(), Some(&ReceiveFileDescriptorError::Truncated));
        log.forget();
    });
}

#[test]
fn what_is_no_descriptor_is_told_to_the_observer_and_reading_goes_on() {
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let (ours, peer) = UnixStream::pair().unwrap();
    pass_credentials(&ours);
    let log = Rc::new(Log::default());
    adopt(&reactor, ours, Taker { log: log.clone(), pauses: false });
    let (descriptor, number, _end) = token();
    send_raw(&peer, b"x", &[&[&descriptor]]);
    turn_until(&reactor, "it has come", || log.bytes() == b"x");
    assert_eq!(log.files(), [(number, 0)]);
    let error =
        format!("Unsupported {{ level: {}, kind: {} }}", libc::SOL_SOCKET, libc::SCM_CREDENTIALS);
    assert_eq!(lines.count(&error), 1, "{:?}", lines.0.borrow());
    (&peer).write_all(b"y").unwrap();
    turn_until(&reactor, "reading goes on", || log.bytes() == b"xy");
    reactor.disconnect_all();
    log.forget();
}
