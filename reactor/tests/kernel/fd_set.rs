//! Descriptors that something else owns, watched by the reactor.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    FileDescriptor, ReactorCore as _, ReactorFdSet as _, ReadDescriptor, Reason, WatchError,
    WriteDescriptor,
};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::{echo, listen, turn_until};

/// What an object does when it is called.
type Call = Box<dyn Fn(&Rc<Object>) -> Result<(), Reason>>;

/// An object of the test's own around a descriptor.
struct Object {
    me: std::rc::Weak<Self>,
    descriptor: OwnedFd,
    reads: Cell<usize>,
    writes: Cell<usize>,
    /// How often the descriptor was asked for.
    asked: Cell<usize>,
    lost: RefCell<Vec<Reason>>,
    on_read: Call,
    on_write: Call,
}

impl Object {
    fn new(
        descriptor: impl Into<OwnedFd>,
        on_read: impl Fn(&Rc<Self>) -> Result<(), Reason> + 'static,
        on_write: impl Fn(&Rc<Self>) -> Result<(), Reason> + 'static,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            descriptor: descriptor.into(),
            reads: Cell::new(0),
            writes: Cell::new(0),
            asked: Cell::new(0),
            lost: RefCell::default(),
            on_read: Box::new(on_read),
            on_write: Box::new(on_write),
        })
    }

    /// One that reads a byte at a time, up to the end.
    fn reading(descriptor: impl Into<OwnedFd>) -> Rc<Self> {
        Self::new(descriptor, |object| object.read_byte().map(drop), |_| Ok(()))
    }

    fn read_byte(&self) -> Result<u8, Reason> {
        let mut byte = [0];
        match File::from(self.descriptor.try_clone().unwrap()).read(&mut byte) {
            Ok(0) => Err(Reason::Done),
            Ok(_) => Ok(byte[0]),
            Err(error) => panic!("{error}"),
        }
    }

    fn reader(self: &Rc<Self>) -> Rc<dyn ReadDescriptor> {
        self.clone()
    }

    fn writer(self: &Rc<Self>) -> Rc<dyn WriteDescriptor> {
        self.clone()
    }

    fn reasons(&self) -> Vec<String> {
        self.lost.borrow().iter().map(|reason| format!("{reason:?}")).collect()
    }
}

impl AsFd for Object {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.asked.set(self.asked.get() + 1);
        self.descriptor.as_fd()
    }
}

impl FileDescriptor for Object {
    fn connection_lost(&self, reason: &Reason) {
        self.lost.borrow_mut().push(reason.clone());
    }
}

impl ReadDescriptor for Object {
    fn do_read(&self) -> Result<(), Reason> {
        self.reads.set(self.reads.get() + 1);
        (self.on_read)(&self.me.upgrade().unwrap())
    }
}

impl WriteDescriptor for Object {
    fn do_write(&self) -> Result<(), Reason> {
        self.writes.set(self.writes.get() + 1);
        (self.on_write)(&self.me.upgrade().unwrap())
    }
}

fn some_turns(reactor: &Reactor) {
    for _ in 0..5 {
        reactor.turn(Some(Duration::from_millis(1))).unwrap();
    }
}

fn pipe_with(bytes: &[u8]) -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(bytes).unwrap();
    (reader, writer)
}

#[test]
fn a_reader_is_called_when_something_is_there_and_may_remove_itself_and_stop_the_reactor() {
    let reactor = Reactor::new().unwrap();
    let (reader, mut writer) = pipe_with(b"");
    let here = reactor.clone();
    let object = Object::new(
        reader,
        move |object| {
            assert_eq!(object.read_byte().unwrap(), b'x');
            here.remove_reader(&object.reader());
            here.stop().unwrap();
            Ok(())
        },
        |_| Ok(()),
    );
    reactor.add_reader(object.reader()).unwrap();
    reactor.add_reader(object.reader()).unwrap();
    assert_eq!((reactor.readers().len(), reactor.writers().len()), (1, 0));
    some_turns(&reactor);
    assert_eq!(object.reads.get(), 0, "nothing is there");
    let write = move || writer.write_all(b"xy").unwrap();
    drop(reactor.call_later(Duration::from_millis(5), Box::new(write)));
    reactor.run().unwrap();
    assert_eq!((object.reads.get(), object.reasons().len()), (1, 0));
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_writer_is_called_while_there_is_room_until_it_is_removed() {
    let reactor = Reactor::new().unwrap();
    let (_reader, writer) = pipe_with(b"");
    let here = reactor.clone();
    let object = Object::new(
        writer,
        |_| Ok(()),
        move |object| {
            if object.writes.get() == 3 {
                here.remove_writer(&object.writer());
            }
            Ok(())
        },
    );
    reactor.add_writer(object.writer()).unwrap();
    assert_eq!((reactor.readers().len(), reactor.writers().len()), (0, 1));
    turn_until(&reactor, "it was called three times", || object.writes.get() == 3);
    some_turns(&reactor);
    assert_eq!(object.writes.get(), 3, "it was removed");

    reactor.add_writer(object.writer()).unwrap();
    reactor.remove_writer(&object.writer());
    reactor.remove_writer(&object.writer());
    some_turns(&reactor);
    assert_eq!(object.writes.get(), 3, "it was removed before any turn");
    assert_eq!((reactor.counts(), object.reasons().len()), (Counts::default(), 0));
}

#[test]
fn a_reader_that_leaves_bytes_is_called_again_and_one_that_took_all_is_not() {
    let reactor = Reactor::new().unwrap();
    let (reader, mut writer) = pipe_with(b"0123456789");
    let object = Object::reading(reader);
    reactor.add_reader(object.reader()).unwrap();
    for expected in [10, 11] {
        turn_until(&reactor, "all was read", || object.reads.get() == expected);
        some_turns(&reactor);
        assert_eq!(object.reads.get(), expected);
        writer.write_all(b"x").unwrap();
    }
    drop(writer);
    turn_until(&reactor, "it is lost", || !object.reasons().is_empty());
    assert_eq!((object.reasons(), reactor.counts()), (vec!["Done".to_owned()], Counts::default()));
    assert_eq!(object.reads.get(), 12, "the last byte; the end was told without a read");
}

#[test]
fn what_is_left_is_read_before_the_end_is_told() {
    let reactor = Reactor::new().unwrap();
    let (reader, writer) = pipe_with(b"abc");
    drop(writer);
    let object = Object::reading(reader);
    reactor.add_reader(object.reader()).unwrap();
    turn_until(&reactor, "it is lost", || !object.reasons().is_empty());
    assert_eq!((object.reads.get(), object.reasons()), (3, vec!["Done".to_owned()]));
}

#[test]
fn a_writer_whose_reader_is_gone_is_lost_and_each_error_of_a_call_is_its_reason() {
    let reactor = Reactor::new().unwrap();
    let (reader, writer) = pipe_with(b"");
    let object = Object::new(writer, |_| Ok(()), |_| Ok(()));
    reactor.add_writer(object.writer()).unwrap();
    some_turns(&reactor);
    drop(reader);
    turn_until(&reactor, "it is lost", || !object.reasons().is_empty());
    assert!(object.reasons()[0].starts_with("Lost("), "{:?}", object.reasons());

    for (call, reason) in [
        (Box::new(|_: &Rc<Object>| Err(Reason::Truncated)) as Call, "Truncated"),
        (Box::new(|_: &Rc<Object>| panic!("as the test wants it")), "Panicked("),
    ] {
        let (reader, _writer) = pipe_with(b"x");
        let object = Object::new(reader, call, |_| Ok(()));
        reactor.add_reader(object.reader()).unwrap();
        turn_until(&reactor, "it is lost", || !object.reasons().is_empty());
        some_turns(&reactor);
        assert_eq!((object.reads.get(), object.reasons().len()), (1, 1));
        assert!(object.reasons()[0].starts_with(reason), "{:?}", object.reasons());
    }
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn removing_all_gives_each_object_once_and_leaves_the_reactors_own() {
    let reactor = Reactor::new().unwrap();
    let (port, address) = listen(&reactor, echo());
    let (socket, mut peer) = UnixStream::pair().unwrap();
    let (reader, _writer) = pipe_with(b"x");
    let both = Object::reading(socket);
    let one = Object::reading(reader);
    reactor.add_reader(both.reader()).unwrap();
    reactor.add_writer(both.writer()).unwrap();
    reactor.add_reader(one.reader()).unwrap();
    assert_eq!((reactor.counts().watched, reactor.counts().ports), (2, 1));
    peer.write_all(b"x").unwrap();
    let removed = reactor.remove_all();
    assert_eq!(removed.len(), 2);
    for object in [&both, &one] {
        let is_it = |other: &&Rc<dyn FileDescriptor>| {
            std::ptr::addr_eq(Rc::as_ptr(other), Rc::as_ptr(object))
        };
        assert_eq!(removed.iter().filter(is_it).count(), 1);
    }
    some_turns(&reactor);
    assert_eq!((both.reads.get(), both.writes.get(), one.reads.get()), (0, 0, 0));
    assert!(both.reasons().is_empty() && one.reasons().is_empty());
    assert_eq!((reactor.readers().len(), reactor.writers().len()), (0, 0));
    assert!(std::net::TcpStream::connect(address).is_ok(), "the port is the reactor's own");
    drop(port.stop_listening());
    reactor.disconnect_all();
}

#[test]
fn one_that_removed_itself_is_not_called_though_it_was_found_ready_both_ways() {
    let reactor = Reactor::new().unwrap();
    let (socket, mut peer) = UnixStream::pair().unwrap();
    peer.write_all(b"x").unwrap();
    let here = reactor.clone();
    let object = Object::new(
        socket,
        move |object| {
            here.remove_reader(&object.reader());
            here.remove_writer(&object.writer());
            Ok(())
        },
        |_| Ok(()),
    );
    reactor.add_reader(object.reader()).unwrap();
    reactor.add_writer(object.writer()).unwrap();
    turn_until(&reactor, "it was called", || object.reads.get() == 1);
    let asked = object.asked.get();
    some_turns(&reactor);
    assert_eq!((object.reads.get(), object.writes.get()), (1, 0));
    assert_eq!(object.asked.get(), asked, "its descriptor may be closed now");
    assert_eq!((reactor.counts(), Rc::strong_count(&object)), (Counts::default(), 1));
}

#[test]
fn a_number_that_became_anothers_behind_the_reactors_back_brings_none_of_its_data() {
    let reactor = Reactor::new().unwrap();
    let (reader, writer) = pipe_with(b"");
    let (other, mut other_writer) = pipe_with(b"");
    let object = Object::reading(reader);
    reactor.add_reader(object.reader()).unwrap();
    // SAFETY: both are open, and the object's number stays its own.
    let same = unsafe { libc::dup2(other.as_raw_fd(), object.descriptor.as_raw_fd()) };
    assert_eq!(same, object.descriptor.as_raw_fd());
    other_writer.write_all(b"not yours").unwrap();
    some_turns(&reactor);
    assert_eq!(object.reads.get(), 0);
    reactor.remove_reader(&object.reader());
    assert_eq!(reactor.counts(), Counts::default());
    drop(writer);
}

#[test]
fn a_stop_loses_every_reader_and_writer_once() {
    let reactor = Reactor::new().unwrap();
    let (socket, _peer) = UnixStream::pair().unwrap();
    let (reader, _writer) = pipe_with(b"");
    let (both, one) = (Object::reading(socket), Object::reading(reader));
    reactor.add_reader(both.reader()).unwrap();
    reactor.add_writer(both.writer()).unwrap();
    reactor.add_reader(one.reader()).unwrap();
    let here = reactor.clone();
    reactor.call_when_running(Box::new(move || here.stop().unwrap()));
    reactor.run().unwrap();
    for object in [&both, &one] {
        assert_eq!(object.reasons(), ["Stopped"]);
    }
    assert_eq!(reactor.counts(), Counts::default());

    reactor.add_reader(one.reader()).unwrap();
    reactor.disconnect_all();
    assert_eq!(one.reasons(), ["Stopped", "Aborted"]);
    // Without a word, when the reactor goes.
    reactor.add_reader(one.reader()).unwrap();
    drop(reactor);
    assert_eq!((one.reasons().len(), Rc::strong_count(&one)), (2, 1));
}

#[test]
fn what_cannot_be_watched_is_named() {
    let reactor = Reactor::new().unwrap();
    let file = Object::reading(tempfile::tempfile().unwrap());
    let number = file.descriptor.as_raw_fd();
    let error = reactor.add_reader(file.reader()).unwrap_err();
    assert!(matches!(error, WatchError::NotPollable { descriptor, .. } if descriptor == number));
    let text = "cannot watch descriptor N: a regular file is always ready";
    assert_eq!(error.to_string(), text.replace('N', &number.to_string()));

    let (reader, _writer) = pipe_with(b"");
    let first = Rc::new(OwnedFd::from(reader));
    /// Another object around the same descriptor.
    struct Same(Rc<OwnedFd>);
    impl AsFd for Same {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
    impl FileDescriptor for Same {}
    impl ReadDescriptor for Same {
        fn do_read(&self) -> Result<(), Reason> {
            Ok(())
        }
    }
    let watched: Rc<dyn ReadDescriptor> = Rc::new(Same(first.clone()));
    reactor.add_reader(watched.clone()).unwrap();
    let error = reactor.add_reader(Rc::new(Same(first))).unwrap_err();
    assert!(matches!(error, WatchError::InUse { .. }), "{error}");
    assert_eq!(reactor.readers().len(), 1);
    reactor.remove_reader(&watched);
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn changes_of_a_folder_are_told_by_an_inotify_instance() {
    let reactor = Reactor::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = std::ffi::CString::new(folder.path().to_str().unwrap()).unwrap();
    // SAFETY: the path is a string with its NUL and outlives the calls; the descriptor is new.
    let inotify = unsafe {
        let number = libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC);
        assert!(number >= 0 && libc::inotify_add_watch(number, path.as_ptr(), libc::IN_CREATE) > 0);
        OwnedFd::from_raw_fd(number)
    };
    let names = Rc::new(RefCell::new(Vec::new()));
    let told = names.clone();
    let object = Object::new(
        inotify,
        move |object| {
            let mut event = [0; 512];
            match File::from(object.descriptor.try_clone().unwrap()).read(&mut event) {
                Ok(length) => told.borrow_mut().extend_from_slice(&event[16..length]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            Ok(())
        },
        |_| Ok(()),
    );
    reactor.add_reader(object.reader()).unwrap();
    File::create(folder.path().join("new")).unwrap();
    turn_until(&reactor, "it is told", || names.borrow().starts_with(b"new\0"));
    assert_eq!(reactor.remove_all().len(), 1);
}
