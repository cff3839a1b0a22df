//! An endpoint that a test drives by hand.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Deferred, Promise};
use interfaces::{
    Address, ConnectError, Deliver, Event, Factory, OsError, Reason, StreamClientEndpoint,
};
use ropewalk_protocol::testing::StringTransport;

/// Keeps the attempts that are made of it; a clone is the same endpoint.
#[derive(Clone, Default)]
pub(crate) struct ByHand {
    attempts: Rc<RefCell<Vec<Rc<Attempt>>>>,
    cancelled: Rc<Cell<usize>>,
    /// Takes no notice of a cancellation, as an endpoint may whose work cannot be stopped.
    stubborn: bool,
}

/// An attempt, and its connection.
pub(crate) struct Attempt {
    factory: Rc<dyn Factory>,
    promise: Cell<Option<Promise<()>>>,
    protocol: RefCell<Option<Rc<dyn Deliver>>>,
    pub(crate) transport: Rc<StringTransport>,
}

impl StreamClientEndpoint for ByHand {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let cancelled = self.cancelled.clone();
        let note = move || cancelled.set(cancelled.get() + 1);
        let (deferred, promise) = match self.stubborn {
            true => Deferred::with_cooperative_canceller(note),
            false => Deferred::with_canceller(move || {
                note();
                None
            }),
        };
        self.attempts.borrow_mut().push(Rc::new(Attempt {
            factory,
            promise: Cell::new(Some(promise)),
            protocol: RefCell::default(),
            transport: StringTransport::new(),
        }));
        deferred
    }
}

impl ByHand {
    pub(crate) fn stubborn() -> Self {
        Self { stubborn: true, ..Self::default() }
    }

    /// How many attempts were made.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.borrow().len()
    }

    /// How many attempts were cancelled.
    pub(crate) fn cancelled(&self) -> usize {
        self.cancelled.get()
    }

    /// Lets go of all attempts, as an endpoint does that is done with them.
    pub(crate) fn forget(&self) {
        let attempts = self.attempts.take();
        drop(attempts);
    }

    /// The newest attempt.
    pub(crate) fn last(&self) -> Rc<Attempt> {
        self.attempts.borrow().last().expect("an attempt was made").clone()
    }
}

impl Attempt {
    /// The system's refusal.
    pub(crate) fn refusal() -> ConnectError {
        let address = Address::Other("by hand".into());
        ConnectError::Refused { address, source: OsError::from_raw_os_error(111) }
    }

    pub(crate) fn refuse(&self) {
        self.fail(Self::refusal());
    }

    pub(crate) fn fail(&self, error: ConnectError) {
        self.promise.take().expect("it is open").errback(error);
    }

    /// Builds the protocol; `false` if the factory refuses.
    pub(crate) fn build(&self) -> bool {
        let built = self.factory.build_protocol(&Address::Other("peer".into()));
        let is_built = built.is_some();
        self.protocol.replace(built);
        is_built
    }

    /// `connection_made`, without the endpoint's result.
    pub(crate) fn make(&self) {
        self.deliver(Event::ConnectionMade(&self.transport.as_transport()));
    }

    pub(crate) fn succeed(&self) {
        self.promise.take().expect("it is open").callback(());
    }

    /// All of it.
    pub(crate) fn connect(&self) {
        assert!(self.build());
        self.make();
        self.succeed();
    }

    pub(crate) fn deliver(&self, event: Event<'_>) {
        let protocol = self.protocol.borrow().clone().expect("it was built");
        protocol.deliver(event);
    }

    pub(crate) fn lose(&self, reason: &Reason) {
        self.deliver(Event::ConnectionLost(reason));
    }

    pub(crate) fn protocol(&self) -> Rc<dyn Deliver> {
        self.protocol.borrow().clone().expect("it was built")
    }
}
