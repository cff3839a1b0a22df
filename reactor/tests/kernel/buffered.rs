//! Reading straight into a buffer of the protocol's own.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use interfaces::{BufferedProtocol, Protocol, ReactorSocket as _, Reason, Transport};
use protocol::policies::{TimeoutFactory, Timeouts};
use ropewalk_reactor::Reactor;
use testkit::once;

use crate::support::{PATIENCE, turn_until};

#[derive(Default)]
struct Log {
    received: RefCell<Vec<u8>>,
    updates: RefCell<Vec<usize>>,
    copies: Cell<usize>,
    lost: RefCell<Option<Reason>>,
}

/// Has a large buffer, and says how it was filled.
struct Large {
    log: Rc<Log>,
    buffer: Vec<u8>,
}

impl Protocol for Large {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.log.copies.set(self.log.copies.get() + 1);
        assert_eq!(self.copy_in(transport, data), data.len());
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.log.lost.replace(Some(reason.clone()));
    }

    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        Some(self)
    }
}

impl BufferedProtocol for Large {
    fn get_buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn buffer_updated(&mut self, _: &Rc<dyn Transport>, length: usize) {
        self.log.updates.borrow_mut().push(length);
        self.log.received.borrow_mut().extend_from_slice(&self.buffer[..length]);
    }
}

const BYTES: usize = 100 * 1024;

fn large() -> (Rc<Log>, Large) {
    let log = Rc::new(Log::default());
    let protocol = Large { log: log.clone(), buffer: vec![0; 1 << 20] };
    (log, protocol)
}

#[test]
fn one_read_fills_more_of_the_protocols_buffer_than_the_shared_one_holds() {
    let reactor = Reactor::new().unwrap();
    let (ours, mut peer) = UnixStream::pair().unwrap();
    peer.set_nonblocking(true).unwrap();
    let bytes = testkit::pattern(1, BYTES);
    peer.write_all(&bytes).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let (log, protocol) = large();
    reactor.adopt_stream_connection(OwnedFd::from(ours), once(protocol)).unwrap();
    turn_until(&reactor, "the end came", || log.lost.borrow().is_some());
    assert!(*log.received.borrow() == bytes);
    assert_eq!((log.updates.borrow()[0], log.copies.get()), (BYTES, 0));
    assert!(log.lost.borrow().as_ref().is_some_and(Reason::is_clean));
}

#[test]
fn a_connection_with_time_limits_reads_into_the_buffer_too_and_each_read_breaks_its_silence() {
    let reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let ours = OwnedFd::from(listener.accept().unwrap().0);
    let (log, protocol) = large();
    let timeouts = Timeouts::default().with_first_byte(Some(PATIENCE)).with_idle(None);
    let factory = TimeoutFactory::with_timeouts(once(protocol), reactor.clone(), timeouts);
    let factory = Rc::new(factory);
    reactor.adopt_stream_connection(ours, factory).unwrap();
    turn_until(&reactor, "the limit runs", || reactor.counts().timers == 1);
    peer.write_all(b"in time").unwrap();
    turn_until(&reactor, "it has come", || *log.received.borrow() == b"in time");
    assert_eq!(log.copies.get(), 0);
    assert_eq!(reactor.counts().timers, 0, "the first byte came");
    drop(peer);
    turn_until(&reactor, "the end came", || log.lost.borrow().is_some());
    assert!(log.lost.borrow().as_ref().is_some_and(Reason::is_clean));
}
