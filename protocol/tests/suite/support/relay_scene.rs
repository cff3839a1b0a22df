//! A relay between two recording transports, whose outgoing attempts the test fires.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Deferred, Failure, Promise};
use interfaces::{
    Address, ConnectError, Deliver, Event, Factory, OsError, Reason, StreamClientEndpoint,
    Transport, UnixAddress,
};
use ropewalk_protocol::policies::ConnectionCount;
use ropewalk_protocol::relay::{RelayEvent, RelayFactory, RelayOptions, RelayStopHandle};
use ropewalk_protocol::testing::{Clock, StringTransport};

/// One accepted connection and the one that is made for it.
pub(crate) struct Scene {
    pub(crate) clock: Clock,
    pub(crate) pairs: ConnectionCount,
    pub(crate) stop: RelayStopHandle,
    pub(crate) attempts: Rc<Attempts>,
    pub(crate) events: Rc<RefCell<Vec<String>>>,
    pub(crate) near: Rc<dyn Deliver>,
    pub(crate) near_transport: Rc<StringTransport>,
    pub(crate) far: Cell<Option<Rc<dyn Deliver>>>,
    pub(crate) far_transport: Rc<StringTransport>,
}

/// An endpoint whose attempts wait for the test.
#[derive(Default)]
pub(crate) struct Attempts {
    begun: Cell<usize>,
    /// The peer of the connection that each attempt was made for.
    served: RefCell<Vec<Address>>,
    waiting: RefCell<Option<(Rc<dyn Factory>, Promise<()>)>>,
}

impl Attempts {
    pub(crate) fn begun(&self) -> usize {
        self.begun.get()
    }

    pub(crate) fn served(&self) -> Vec<Address> {
        self.served.borrow().clone()
    }

    /// The attempt that is under way.
    pub(crate) fn take(&self) -> (Rc<dyn Factory>, Promise<()>) {
        self.waiting.take().expect("an attempt is under way")
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.waiting.borrow().as_ref().is_some_and(|(_, promise)| !promise.is_cancelled())
    }

    pub(crate) fn refuse(&self) {
        self.take().1.errback(refused());
    }
}

/// Of an address at which no server listens.
pub(crate) fn refused() -> ConnectError {
    let source = OsError::from_raw_os_error(111);
    ConnectError::Refused { address: UnixAddress::Unnamed.into(), source }
}

struct Shared(Rc<Attempts>);

impl StreamClientEndpoint for Shared {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let (deferred, promise) = Deferred::new();
        self.0.begun.set(self.0.begun.get() + 1);
        self.0.waiting.replace(Some((factory, promise)));
        deferred
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.0.served.borrow_mut().push(served.peer());
        self.connect(factory)
    }
}

/// The connection is accepted, and the outgoing one is not made yet.
pub(crate) fn accepted() -> Scene {
    accepted_with(RelayOptions::default())
}

pub(crate) fn accepted_with(options: RelayOptions) -> Scene {
    let transport = StringTransport::new();
    accepted_on(options, transport.clone(), &transport.as_transport())
}

/// As [`accepted_with`], for a transport around `below`.
pub(crate) fn accepted_on(
    options: RelayOptions,
    below: Rc<StringTransport>,
    transport: &Rc<dyn Transport>,
) -> Scene {
    let (clock, attempts) = (Clock::new(), Rc::<Attempts>::default());
    let events = Rc::new(RefCell::new(Vec::new()));
    let told = events.clone();
    let observer = move |event: &RelayEvent<'_>| told.borrow_mut().push(line(event));
    let endpoint = Shared(attempts.clone());
    let factory = RelayFactory::with_observer(endpoint, clock.clone(), options, observer);
    let (pairs, stop) = (factory.pairs(), factory.stop_handle());
    let near = factory.build_protocol(&transport.peer()).expect("a relay refuses no peer");
    let scene = Scene {
        clock,
        pairs,
        stop,
        attempts,
        events,
        near,
        near_transport: below,
        far: Cell::new(None),
        far_transport: StringTransport::new(),
    };
    scene.near.deliver(Event::ConnectionMade(transport));
    scene
}

/// Both connections stand.
pub(crate) fn joined() -> Scene {
    joined_with(RelayOptions::default())
}

pub(crate) fn joined_with(options: RelayOptions) -> Scene {
    let scene = accepted_with(options);
    scene.connect();
    scene
}

impl Scene {
    /// Makes the outgoing connection.
    pub(crate) fn connect(&self) {
        self.connect_on(&self.far_transport.as_transport());
    }

    pub(crate) fn connect_on(&self, transport: &Rc<dyn Transport>) {
        let (factory, promise) = self.attempts.take();
        let far = factory.build_protocol(&transport.peer()).expect("a relay refuses no peer");
        self.far.set(Some(far.clone()));
        far.deliver(Event::ConnectionMade(transport));
        promise.callback(());
    }

    pub(crate) fn near(&self, event: Event<'_>) {
        self.near.deliver(event);
    }

    pub(crate) fn far(&self, event: Event<'_>) {
        let far = self.far.take().expect("the outgoing connection was made");
        far.deliver(event);
        self.far.set(Some(far));
    }

    /// The one side or the other.
    pub(crate) fn deliver(&self, side: usize, event: Event<'_>) {
        match side {
            0 => self.near(event),
            _ => self.far(event),
        }
    }

    pub(crate) fn transport(&self, side: usize) -> &Rc<StringTransport> {
        [&self.near_transport, &self.far_transport][side]
    }

    /// The troubles that were told.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let events = self.events.borrow();
        events.iter().filter(|it| !it.starts_with("connected to ")).cloned().collect()
    }
}

fn line(event: &RelayEvent<'_>) -> String {
    match event {
        RelayEvent::Connected { transport, .. } => format!("connected to {}", transport.peer()),
        RelayEvent::NotConnected { failure, .. } => format!("not connected: {failure}"),
        RelayEvent::Broken { side, reason, .. } => format!("{side}: {reason}"),
        RelayEvent::TimedOut { deadline, .. } => format!("{deadline} timed out"),
        _ => format!("{event:?}"),
    }
}

/// By the peer.
pub(crate) fn reset() -> Reason {
    Reason::Lost(Failure::new(OsError::from_raw_os_error(104)))
}

/// The address of a peer.
pub(crate) fn address(text: &str) -> Address {
    text.parse::<std::net::SocketAddr>().expect("an address").into()
}
