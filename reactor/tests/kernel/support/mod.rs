//! What the tests on the real kernel share: turns that end, questions to a record, and processes of
//! their own.
//!
//! Invariant: nothing here waits without a bound.

pub(crate) mod busy;
pub(crate) mod child;
pub(crate) mod datagrams;
pub(crate) mod descriptors;
pub(crate) mod group;
pub(crate) mod passing;
pub(crate) mod program;
pub(crate) mod refused;
pub(crate) mod two_hosts;
pub(crate) mod unix;
pub(crate) mod wires;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use interfaces::{
    Address, Factory, ListenTcp, ListeningPort, Observer, Protocol, ReactorCore as _, ReactorEvent,
    ReactorTcp as _, Reason, Transport,
};
use protocol::testing::Record;
use ropewalk_reactor::Reactor;

/// How long anything may take. Far longer than it does, for the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Turns until `done`.
pub(crate) fn turn_until(reactor: &Reactor, what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "waited in vain until {what}; {reactor:?}");
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
    }
}

/// Runs the reactor until `peer`, on its own thread, has returned.
pub(crate) fn run_with<R: Send + 'static>(
    reactor: &Reactor,
    peer: impl FnOnce() -> R + Send + 'static,
) -> R {
    let remote = reactor.remote();
    let thread = std::thread::spawn(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(peer));
        remote.call_from_thread(|reactor| {
            // The peer's panic may have come after an own stop.
            let _ = reactor.stop();
        });
        result
    });
    reactor.run().unwrap();
    thread.join().unwrap().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A port on a free TCP port of the loopback.
pub(crate) fn listen(
    reactor: &Reactor,
    factory: Rc<dyn Factory>,
) -> (Rc<dyn ListeningPort>, SocketAddr) {
    let port = reactor.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 0)), factory).unwrap();
    let address = port.host().as_socket_addr().unwrap();
    (port, address)
}

/// Questions to a record.
pub(crate) trait RecordExt {
    fn is_made(&self) -> bool;
    fn is_lost(&self) -> bool;
    /// The reason of `connection_lost`, which came once.
    fn reason(&self) -> Reason;
}

impl RecordExt for Record {
    fn is_made(&self) -> bool {
        self.count("connection_made") > 0
    }

    fn is_lost(&self) -> bool {
        self.lost().is_some()
    }

    fn reason(&self) -> Reason {
        assert_eq!(
            self.count("connection_lost"),
            1,
            "connection_lost comes once: {:?}",
            self.calls()
        );
        self.lost().unwrap()
    }
}

/// Sends everything back.
pub(crate) struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

pub(crate) fn echo() -> Rc<dyn Factory> {
    protocol::factory_fn(|_: &Address| Echo)
}

/// An observer that keeps each event as a line of text.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) RefCell<Vec<String>>);

impl Lines {
    pub(crate) fn watch(reactor: &Reactor) -> Rc<Self> {
        let lines = Rc::new(Self::default());
        reactor.set_observer(lines.clone());
        lines
    }

    pub(crate) fn count(&self, words: &str) -> usize {
        self.0.borrow().iter().filter(|line| line.contains(words)).count()
    }
}

impl Observer for Lines {
    fn observe(&self, event: &ReactorEvent<'_>) {
        self.0.borrow_mut().push(format!("{event:?}"));
    }
}

/// How many descriptors this process has open. Only in a process of its own, where no other test
/// opens any.
pub(crate) fn open_descriptors() -> usize {
    // The listing itself is one.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// The descriptors of this process that are sockets. Only in a process of its own, as
/// [`open_descriptors`].
pub(crate) fn sockets() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap());
    let is_socket = |entry: &std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path());
        target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    let sockets = entries.filter(is_socket);
    sockets.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap()).collect()
}
