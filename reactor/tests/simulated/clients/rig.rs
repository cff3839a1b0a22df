//! A server that dies and returns, a client beside it, and the book of what the client does.
//!
//! Invariant: a trouble is noted and told by the test, since a reactor catches a callback's panic.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    ConnectTcp, Factory, ListenTcp, ListeningPort, Observer, Protocol, ReactorEvent,
    ReactorTcp as _, ReactorTime as _, Reason, StreamClientEndpoint, Transport,
};
use protocol::FactoryFn;
use ropewalk_reactor::simulated::{Chance, Faults, Simulated};
use ropewalk_reactor::{Counts, Reactor};
use testkit::Dice;

/// Between the making of a timer and its run.
const SLACK: Duration = Duration::from_millis(5);

const TURNS_MAX: usize = 100_000;

/// The shortest and the longest delay after a number of failures in a row and the delay before it.
type Bounds = Box<dyn Fn(u32, Option<Duration>) -> (Duration, Duration)>;

pub(super) struct Rig {
    pub(super) reactor: Reactor<Simulated>,
    pub(super) dice: Dice,
    seed: u64,
    port: RefCell<Option<Rc<dyn ListeningPort>>>,
    accepted: RefCell<Vec<Weak<dyn Transport>>>,
    book: RefCell<Book>,
    bounds: RefCell<Bounds>,
    on_answer: RefCell<Rc<dyn Fn()>>,
}

/// What the client has done.
#[derive(Default)]
struct Book {
    attempting: bool,
    connections: usize,
    answered: bool,
    failures: u32,
    /// When the last attempt or connection ended.
    ended: Option<Duration>,
    /// The last delay since an answer.
    delay: Option<Duration>,
    trouble: Option<String>,
}

impl Rig {
    pub(super) fn new(seed: u64) -> Rc<Self> {
        let network = Simulated::new(seed);
        // Connections break at any moment, and timers run on time.
        network.set_faults(Faults { clock_jump: Chance::NEVER, ..Faults::default() });
        let rig = Rc::new(Self {
            reactor: Reactor::on(network, Default::default()),
            dice: Dice::new(seed),
            seed,
            port: RefCell::default(),
            accepted: RefCell::default(),
            book: RefCell::default(),
            bounds: RefCell::new(Box::new(|_, _| (Duration::ZERO, Duration::MAX))),
            on_answer: RefCell::new(Rc::new(|| ())),
        });
        rig.reactor.set_observer(Rc::new(Panics(Rc::downgrade(&rig))));
        rig
    }

    pub(super) fn expect_delays(
        &self,
        bounds: impl Fn(u32, Option<Duration>) -> (Duration, Duration) + 'static,
    ) {
        *self.bounds.borrow_mut() = Box::new(bounds);
    }

    /// Runs `hook` when the server has answered the client.
    pub(super) fn on_answer(&self, hook: impl Fn() + 'static) {
        self.on_answer.replace(Rc::new(hook));
    }

    /// The server listens again, after a while; turns until the client has an answer of it, which
    /// must not take longer than `most`.
    pub(super) fn server_returns(self: &Rc<Self>, most: Duration) {
        self.turn_for(Duration::from_millis(self.dice.below(30_000) as u64));
        self.book.borrow_mut().answered = false;
        let rig = Rc::downgrade(self);
        let factory = FactoryFn::optional(move |_| Some(Server { rig: rig.upgrade()? }));
        let listening = ListenTcp::new(([127, 0, 0, 1], 80));
        let port = self.reactor.listen_tcp(&listening, factory.into_rc()).expect("listens");
        self.port.replace(Some(port));
        // A connection that a fault breaks before the answer is another failure.
        let begin = self.reactor.now();
        for _ in 0..TURNS_MAX {
            if self.book.borrow().answered {
                return self.turn_for(Duration::from_millis(self.dice.below(3000) as u64));
            }
            self.turn();
            let waited = self.reactor.now() - begin;
            let faults = 10; // in a row, at most
            assert!(waited < most * faults, "seed {}: no wake for {waited:?}", self.seed);
        }
        panic!("seed {}: no end", self.seed);
    }

    /// The server stops listening, and its connections break.
    pub(super) fn server_dies(&self) {
        let port = self.port.take().expect("it has returned");
        drop(port.stop_listening());
        for transport in self.accepted.take() {
            if let Some(transport) = transport.upgrade() {
                transport.abort_connection();
            }
        }
    }

    /// Nothing is left, a minute after the client was stopped.
    pub(super) fn assert_over(&self) {
        self.turn_for(Duration::from_secs(60));
        assert_eq!(self.reactor.counts(), Counts::default(), "seed {}", self.seed);
        let book = self.book.borrow();
        assert!(!book.attempting && book.connections == 0, "seed {}", self.seed);
    }

    fn turn_for(&self, time: Duration) {
        let done = Rc::new(Cell::new(false));
        let set = done.clone();
        self.reactor.call_later(time, move || set.set(true));
        while !done.get() {
            self.turn();
        }
    }

    fn turn(&self) {
        self.reactor.turn(Some(Duration::from_secs(1))).expect("a turn");
        let trouble = self.book.borrow_mut().trouble.take();
        assert!(trouble.is_none(), "seed {}: {}", self.seed, trouble.unwrap_or_default());
    }

    fn trouble(&self, what: String) {
        self.book.borrow_mut().trouble.get_or_insert(what);
    }

    fn attempt_begins(&self) {
        let now = self.reactor.now();
        let (busy, ended, failures, before) = {
            let mut book = self.book.borrow_mut();
            let busy = book.attempting || book.connections > 0;
            book.attempting = true;
            (busy, book.ended.take(), book.failures, book.delay)
        };
        if busy {
            self.trouble("an attempt beside another or beside a connection".into());
        }
        let Some(ended) = ended else { return };
        let (delay, (least, most)) = (now - ended, (self.bounds.borrow())(failures, before));
        if delay + SLACK < least || delay > most + SLACK {
            self.trouble(format!("a delay of {delay:?}, not in {least:?}..={most:?}"));
        }
        self.book.borrow_mut().delay = Some(delay);
    }

    fn attempt_ends(&self, is_connected: bool) {
        let now = self.reactor.now();
        let mut book = self.book.borrow_mut();
        book.attempting = false;
        match is_connected {
            true => book.failures = 0,
            false => (book.failures, book.ended) = (book.failures + 1, Some(now)),
        }
    }
}

/// Tells the rig of panics; the failures of the server's port are planned.
struct Panics(Weak<Rig>);

impl Observer for Panics {
    fn observe(&self, event: &ReactorEvent<'_>) {
        if let (ReactorEvent::CallbackPanicked { .. }, Some(rig)) = (event, self.0.upgrade()) {
            rig.trouble(format!("{event:?}"));
        }
    }
}

/// The server, as an endpoint that keeps the book.
pub(super) struct ToServer(pub(super) Rc<Rig>);

impl StreamClientEndpoint for ToServer {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let rig = self.0.clone();
        rig.attempt_begins();
        let connecting = rig.reactor.connect_tcp(&ConnectTcp::new(([127, 0, 0, 1], 80)), factory);
        connecting.add_both(move |result: Result<(), Failure>| {
            rig.attempt_ends(result.is_ok());
            result
        })
    }
}

/// Asks at once, and notes its life.
pub(super) struct Client {
    rig: Rc<Rig>,
}

impl Client {
    pub(super) fn new(rig: &Rc<Rig>) -> Self {
        Self { rig: rig.clone() }
    }
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(b"?");
        let mut book = self.rig.book.borrow_mut();
        book.connections += 1;
        if book.connections > 1 {
            book.trouble.get_or_insert("two connections".into());
        }
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
        {
            let mut book = self.rig.book.borrow_mut();
            (book.answered, book.delay) = (true, None);
        }
        let hook = self.rig.on_answer.borrow().clone();
        hook();
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        let now = self.rig.reactor.now();
        let mut book = self.rig.book.borrow_mut();
        book.connections -= 1;
        (book.failures, book.ended) = (book.failures + 1, Some(now));
    }
}

/// Answers what it is asked.
struct Server {
    rig: Rc<Rig>,
}

impl Protocol for Server {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.rig.accepted.borrow_mut().push(Rc::downgrade(transport));
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, _: &[u8]) {
        transport.write(b"!");
    }
}

/// Says nothing and hears nothing.
pub(super) struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}
