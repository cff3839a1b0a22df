//! The lists of watched descriptors: what adding and removing changes in them, and when the first call comes.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::rc::{Rc, Weak};

use interfaces::{
    FileDescriptor, ReactorCore as _, ReactorFdSet as _, ReadDescriptor, Reason, WatchError,
    WriteDescriptor,
};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::turn_until;

/// A socket with room to write, whose peer has sent something, and which reads nothing of it.
struct Ready {
    socket: UnixStream,
    peer: UnixStream,
    calls: Cell<usize>,
    answer: Result<(), Reason>,
    lost: RefCell<Vec<Reason>>,
}

impl Ready {
    fn new(answer: Result<(), Reason>) -> Rc<Self> {
        let (socket, peer) = UnixStream::pair().unwrap();
        std::io::Write::write_all(&mut &peer, b"unread").unwrap();
        let (calls, lost) = (Cell::new(0), RefCell::default());
        Rc::new(Self { socket, peer, calls, answer, lost })
    }

    fn reader(self: &Rc<Self>) -> Rc<dyn ReadDescriptor> {
        self.clone()
    }

    fn writer(self: &Rc<Self>) -> Rc<dyn WriteDescriptor> {
        self.clone()
    }

    fn called(&self) -> Result<(), Reason> {
        self.calls.set(self.calls.get() + 1);
        self.answer.clone()
    }
}

impl AsFd for Ready {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl FileDescriptor for Ready {
    fn connection_lost(&self, reason: &Reason) {
        self.lost.borrow_mut().push(reason.clone());
    }
}

impl ReadDescriptor for Ready {
    fn do_read(&self) -> Result<(), Reason> {
        self.called()
    }
}

impl WriteDescriptor for Ready {
    fn do_write(&self) -> Result<(), Reason> {
        self.called()
    }
}

fn lists(reactor: &Reactor) -> (usize, usize) {
    (reactor.readers().len(), reactor.writers().len())
}

#[test]
fn adding_twice_lists_once_and_removing_what_is_not_there_is_nothing() {
    let reactor = Reactor::new().unwrap();
    let (first, second) = (Ready::new(Ok(())), Ready::new(Ok(())));
    reactor.remove_reader(&first.reader());
    reactor.remove_writer(&first.writer());
    assert_eq!(lists(&reactor), (0, 0));
    for _ in 0..2 {
        reactor.add_reader(first.reader()).unwrap();
        reactor.add_writer(first.writer()).unwrap();
    }
    assert_eq!(lists(&reactor), (1, 1));
    reactor.remove_reader(&second.reader());
    assert_eq!(lists(&reactor), (1, 1));
    reactor.remove_reader(&first.reader());
    reactor.remove_writer(&first.writer());
    assert_eq!(lists(&reactor), (0, 0));
    reactor.add_reader(first.reader()).unwrap();
    reactor.add_writer(first.writer()).unwrap();
    reactor.add_writer(second.writer()).unwrap();
    assert_eq!(reactor.remove_all().len(), 2, "each object once");
    assert_eq!(lists(&reactor), (0, 0));
    assert_eq!(reactor.counts(), Counts::default());
    assert_eq!((first.calls.get(), second.calls.get()), (0, 0), "no call comes inside another");
}

#[test]
fn a_call_that_answers_with_the_end_is_the_last_and_that_end_is_told_once() {
    for is_reader in [true, false] {
        let reactor = Reactor::new().unwrap();
        let object = Ready::new(Err(Reason::Done));
        if is_reader {
            reactor.add_reader(object.reader()).unwrap();
        } else {
            reactor.add_writer(object.writer()).unwrap();
        }
        turn_until(&reactor, "its end is told", || !object.lost.borrow().is_empty());
        for _ in 0..5 {
            reactor.turn(Some(std::time::Duration::from_millis(1))).unwrap();
        }
        assert_eq!(object.calls.get(), 1);
        assert!(matches!(object.lost.borrow()[..], [Reason::Done]));
        assert_eq!(lists(&reactor), (0, 0));
        assert!(object.peer.peer_addr().is_ok(), "the reactor closes nothing");
    }
}

/// Adds itself again when it is lost.
struct Returning {
    me: Weak<Self>,
    descriptor: UnixStream,
    reactor: Reactor,
    told: RefCell<Vec<(String, Option<WatchError>)>>,
}

impl AsFd for Returning {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl FileDescriptor for Returning {
    fn connection_lost(&self, reason: &Reason) {
        let me = self.me.upgrade().unwrap();
        let error = [self.reactor.add_reader(me.clone()), self.reactor.add_writer(me)];
        let error = error.into_iter().find_map(Result::err);
        self.told.borrow_mut().push((format!("{reason:?}"), error));
    }
}

impl ReadDescriptor for Returning {
    fn do_read(&self) -> Result<(), Reason> {
        Ok(())
    }
}

impl WriteDescriptor for Returning {
    fn do_write(&self) -> Result<(), Reason> {
        Ok(())
    }
}

#[test]
fn one_that_adds_itself_when_it_is_lost_is_refused_at_a_stop_and_taken_while_the_reactor_runs_on() {
    let reactor = Reactor::new().unwrap();
    let (descriptor, _peer) = UnixStream::pair().unwrap();
    let object = Rc::new_cyclic(|me| Returning {
        me: Weak::clone(me),
        descriptor,
        reactor: reactor.clone(),
        told: RefCell::default(),
    });
    reactor.add_reader(object.clone()).unwrap();
    reactor.disconnect_all();
    assert_eq!(object.told.take(), [("Aborted".to_owned(), None)]);
    assert_eq!(reactor.counts().watched, 1);
    let stopping = reactor.clone();
    reactor.call_when_running(Box::new(move || stopping.stop().unwrap()));
    reactor.run().unwrap();
    let descriptor = object.descriptor.as_raw_fd();
    let refused = WatchError::Stopping { descriptor };
    assert_eq!(object.told.take(), [("Stopped".to_owned(), Some(refused))]);
    assert_eq!(reactor.counts(), Counts::default());
    // The stop is over.
    reactor.add_reader(object.clone()).unwrap();
    reactor.remove_all();
}
