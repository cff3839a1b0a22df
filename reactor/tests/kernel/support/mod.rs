//! What the tests on the real kernel share: turns that end, protocols that write their life down, and
//! tests that need a process of their own.
//!
//! Invariant: nothing here waits without a bound.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

pub(crate) mod busy;
pub(crate) mod child;
pub(crate) mod unix;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use interfaces::{
    Address, Factory, HalfCloseableProtocol, ListenTcp, ListeningPort, Observer, Protocol,
    ReactorCore as _, ReactorEvent, ReactorTcp as _, Reason, Transport,
};
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

/// What one protocol was told.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) made: Cell<usize>,
    pub(crate) received: RefCell<Vec<u8>>,
    pub(crate) read_ended: Cell<usize>,
    pub(crate) write_ended: Cell<usize>,
    pub(crate) lost: RefCell<Vec<Reason>>,
    pub(crate) transport: RefCell<Option<Rc<dyn Transport>>>,
}

impl Seen {
    pub(crate) fn new() -> Rc<Self> {
        Rc::default()
    }

    pub(crate) fn transport(&self) -> Rc<dyn Transport> {
        self.transport.borrow().clone().expect("a connection was made")
    }

    pub(crate) fn is_made(&self) -> bool {
        self.made.get() > 0
    }

    pub(crate) fn is_lost(&self) -> bool {
        !self.lost.borrow().is_empty()
    }

    pub(crate) fn received(&self) -> usize {
        self.received.borrow().len()
    }

    /// The one reason of the end.
    pub(crate) fn reason(&self) -> Reason {
        let lost = self.lost.borrow();
        assert_eq!(lost.len(), 1, "connection_lost comes once: {lost:?}");
        lost[0].clone()
    }
}

type OnMade = Box<dyn FnMut(&Rc<dyn Transport>)>;
type OnData = Box<dyn FnMut(&Rc<dyn Transport>, &[u8])>;

/// Writes down what it is told, and does what it was given to do.
pub(crate) struct Probe {
    seen: Rc<Seen>,
    on_made: OnMade,
    on_data: OnData,
    on_lost: Box<dyn FnMut(&Reason)>,
    half_closeable: bool,
}

impl Probe {
    pub(crate) fn new(seen: &Rc<Seen>) -> Self {
        Self {
            seen: seen.clone(),
            on_made: Box::new(|_| {}),
            on_data: Box::new(|_, _| {}),
            on_lost: Box::new(|_| {}),
            half_closeable: false,
        }
    }

    pub(crate) fn on_made(mut self, call: impl FnMut(&Rc<dyn Transport>) + 'static) -> Self {
        self.on_made = Box::new(call);
        self
    }

    pub(crate) fn on_data(mut self, call: impl FnMut(&Rc<dyn Transport>, &[u8]) + 'static) -> Self {
        self.on_data = Box::new(call);
        self
    }

    pub(crate) fn on_lost(mut self, call: impl FnMut(&Reason) + 'static) -> Self {
        self.on_lost = Box::new(call);
        self
    }

    pub(crate) fn half_closeable(mut self) -> Self {
        self.half_closeable = true;
        self
    }

    /// A factory of this one protocol, for one connection.
    pub(crate) fn once(self) -> Rc<dyn Factory> {
        let this = RefCell::new(Some(self));
        protocol::FactoryFn::optional(move |_: &Address| this.take()).into_rc()
    }
}

impl Protocol for Probe {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.seen.made.set(self.seen.made.get() + 1);
        self.seen.transport.replace(Some(transport.clone()));
        (self.on_made)(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.seen.received.borrow_mut().extend_from_slice(data);
        (self.on_data)(transport, data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.seen.lost.borrow_mut().push(reason.clone());
        (self.on_lost)(reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        if self.half_closeable { Some(self) } else { None }
    }
}

impl HalfCloseableProtocol for Probe {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.seen.read_ended.set(self.seen.read_ended.get() + 1);
    }

    fn write_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.seen.write_ended.set(self.seen.write_ended.get() + 1);
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

/// Writes down what an observer is told, a line each.
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
