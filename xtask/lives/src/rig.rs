//! One run: a reactor on a simulated network, and many lives on it.
//!
//! Invariant: a run is a function of its choices and its settings.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use interfaces::{
    Address, ConnectTcp, ConnectUnix, Factory, ListenTcp, ListenUnix, ListeningPort, Observer,
    ReactorEvent, ReactorTcp, ReactorUnix, UnixAddress,
};
use protocol::{FactoryFn, WeakProtocolRef};
use reactor::simulated::{Faults, Simulated};
use reactor::simulation::SimulatedWorld;
use reactor::{Limits, Reactor};

use crate::draws::Draws;
use crate::ledger::{CLIENT, Ledger, SERVER, Summary};
use crate::plan::{Manners, Plan};
use crate::secured::Secured;
use crate::talker::{PLANNED_PANIC, Talker};

/// The end of a run whose ends are not patient: later than the 32 KiB that a timer sends byte by byte.
const END: Duration = Duration::from_secs(1000);

/// Numbers above this are lives on UNIX sockets; below are the ports of those on TCP.
pub(crate) const FIRST_UNIX_LIFE: u64 = 1 << 32;

pub(crate) struct Rig {
    pub(crate) reactor: Reactor<Simulated>,
    pub(crate) dice: Draws,
    pub(crate) world: SimulatedWorld,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) talkers: RefCell<Vec<WeakProtocolRef<Talker>>>,
    manners: Manners,
    route: Route,
    /// Where the lives speak TLS.
    pub(crate) secured: Option<Secured>,
    begun: Cell<usize>,
    /// The lives that begin when another one ends.
    waiting: RefCell<Vec<u64>>,
    /// By the life that they are for; those on TCP serve many.
    pub(crate) ports: RefCell<BTreeMap<u64, Rc<dyn ListeningPort>>>,
}

/// The way between the two ends of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// One connection.
    Direct,
    /// Two connections, and a relay that joins them.
    Relayed,
    /// One connection, with TLS.
    Secured,
    /// One connection on a UNIX socket.
    Unix,
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) route: Route,
    pub(crate) lives: usize,
    pub(crate) faults: Faults,
    pub(crate) manners: Manners,
}

/// Knows which troubles belong to the plan.
struct Watchman(Weak<Rig>);

impl Observer for Watchman {
    fn observe(&self, event: &ReactorEvent<'_>) {
        let is_planned = match event {
            ReactorEvent::CallbackPanicked { message, .. } => *message == PLANNED_PANIC,
            ReactorEvent::ListeningStarted { .. }
            | ReactorEvent::ListeningStopped { .. }
            | ReactorEvent::AcceptFailed { .. } => true,
            _ => false,
        };
        if let (false, Some(rig)) = (is_planned, self.0.upgrade()) {
            rig.fail(format!("{event:?}"));
        }
    }
}

impl Setting {
    /// Sets up the lives of a run; what they came to is added to `total` at its end.
    pub(crate) fn begin(&self, world: &SimulatedWorld, total: &Rc<RefCell<Summary>>) {
        world.network().set_faults(self.faults.clone());
        world.allow_unhandled();
        if self.manners == Manners::Rough {
            // A life that lasts for longer does not end by itself.
            world.stop_after(END);
        }
        let (reactor, seed) = (world.reactor().clone(), world.seed());
        let is_secured = self.route == Route::Secured;
        let secured = is_secured.then(|| Secured::new(&reactor, seed, self.manners));
        let rig = Rc::new(Rig {
            reactor,
            secured,
            dice: Draws::new(world),
            world: world.clone(),
            ledger: RefCell::default(),
            talkers: RefCell::default(),
            manners: self.manners,
            route: self.route,
            begun: Cell::new(0),
            waiting: RefCell::default(),
            ports: RefCell::default(),
        });
        rig.reactor.set_observer(Rc::new(Watchman(Rc::downgrade(&rig))));
        rig.listen();
        rig.begin_all(self.lives);
        let (setting, total) = (self.clone(), total.clone());
        world.at_end("the lives", move || {
            setting.check(&rig, seed, &total);
            rig.stop_listening();
            Ok(())
        });
    }

    /// The limits of the reactor.
    pub(crate) fn limits(&self, seed: u64) -> Limits {
        limits(seed, self.manners)
    }

    fn check(&self, rig: &Rig, seed: u64, total: &RefCell<Summary>) {
        let ledger = rig.ledger.borrow();
        if self.manners == Manners::Civil {
            ledger.check_civil(seed, self.route);
        }
        let resets_nothing = self.faults.reset == Faults::none().reset;
        let is_unix = |life| life >= FIRST_UNIX_LIFE;
        let mut summary = ledger.check(seed, self.route, !resets_nothing, is_unix);
        if self.route == Route::Relayed && resets_nothing {
            summary.broken_behind_relay = ledger.check_relayed(seed);
        }
        summary.lives = rig.begun.get();
        total.borrow_mut().add(&summary);
    }
}

/// The default limits for one seed in three; otherwise so small that each is met again and again.
/// Where no end breaks its connection, the reactor does not either: it lingers for as long as it takes.
fn limits(seed: u64, manners: Manners) -> Limits {
    let linger = match manners {
        Manners::Civil => Duration::from_secs(3600),
        Manners::Rough => Limits::default().linger,
    };
    if seed.is_multiple_of(3) {
        return Limits::default().with_linger(linger);
    }
    Limits::default()
        .with_linger(linger)
        .with_accepts_per_turn(1)
        .with_reads_per_turn(1 + (seed % 2) as usize)
        .with_refills_per_turn(2)
        .with_read_buffer_bytes(256)
}

impl Rig {
    /// Notes a broken promise. Callbacks cannot assert: the reactor would catch the panic.
    pub(crate) fn fail(&self, what: String) {
        self.world.fail(what);
    }

    fn listen(self: &Rc<Self>) {
        for (number, address) in ["127.0.0.1:80", "[::1]:80"].into_iter().enumerate() {
            let options = ListenTcp::new(address.parse::<SocketAddr>().expect("an address"));
            let port = self.reactor.listen_tcp(&options, self.servers(None)).expect("listens");
            self.ports.borrow_mut().insert(number as u64, port);
        }
    }

    fn stop_listening(&self) {
        for port in self.ports.take().into_values() {
            drop(port.stop_listening());
        }
    }

    pub(crate) fn servers(self: &Rc<Self>, life: Option<u64>) -> Rc<dyn Factory> {
        let rig = Rc::downgrade(self);
        let build = move |_: &Address| {
            let rig = rig.upgrade()?;
            let plan = Plan::of_server(&rig.dice, rig.manners);
            // Some ports close while they make the protocol.
            let port = life.filter(|_| rig.dice.one_in(2));
            let port = port.and_then(|life| rig.ports.borrow_mut().remove(&life));
            drop(port.map(|port| port.stop_listening()));
            Some(Talker::running(&rig, plan, SERVER, life))
        };
        let factory = self.world.checked(FactoryFn::dynamic(build).into_rc());
        match &self.secured {
            Some(secured) => secured.servers(factory),
            None => factory,
        }
    }

    pub(crate) fn clients(self: &Rc<Self>, life: Option<u64>) -> Rc<dyn Factory> {
        let rig = Rc::downgrade(self);
        let build = move |_: &Address| {
            let rig = rig.upgrade()?;
            let plan = Plan::of_client(&rig.dice, rig.manners);
            Some(Talker::running(&rig, plan, CLIENT, life))
        };
        let factory = self.world.checked(FactoryFn::dynamic(build).into_rc());
        match &self.secured {
            Some(secured) => secured.clients(factory),
            None => factory,
        }
    }

    /// The lives begin over some time, so that some hundred are on at once.
    fn begin_all(self: &Rc<Self>, lives: usize) {
        for number in 0..lives {
            // The plain answer begins none, so a shrunk run has few. A life that is left out draws the same, so that
            // it changes no other.
            let begins = self.dice.below(20) > 0;
            let delay = Duration::from_millis(self.dice.below(2 * lives) as u64);
            let (rig, waits) = (self.clone(), self.dice.one_in(4));
            if !begins {
                continue;
            }
            self.reactor.call_later(delay, move || match waits {
                true => rig.waiting.borrow_mut().push(number as u64),
                false => rig.begin(number as u64),
            });
        }
    }

    /// A life has ended: one that waited for that begins.
    pub(crate) fn begin_waiting(self: &Rc<Self>) {
        let number = self.waiting.borrow_mut().pop();
        if let Some(number) = number {
            self.begin(number);
        }
    }

    fn begin(self: &Rc<Self>, number: u64) {
        self.begun.set(self.begun.get() + 1);
        let way = if self.route == Route::Unix { 3 } else { self.dice.below(4) };
        let connected = match way {
            _ if self.route == Route::Relayed => self.begin_relayed(number),
            0 | 1 => self.connect_tcp("127.0.0.1:80"),
            2 => self.connect_tcp("[::1]:80"),
            _ => {
                let life = FIRST_UNIX_LIFE + number;
                let name: Rc<[u8]> = format!("/life/{number}").into_bytes().into();
                let path = self.dice.one_in(2);
                let address =
                    if path { UnixAddress::Path(name) } else { UnixAddress::Abstract(name) };
                let options = ListenUnix::new(address.clone());
                let listening = self.reactor.listen_unix(&options, self.servers(Some(life)));
                self.ports.borrow_mut().insert(life, listening.expect("listens"));
                let options = ConnectUnix::new(address);
                self.reactor.connect_unix(&options, self.clients(Some(life)))
            }
        };
        if self.manners == Manners::Rough && self.dice.one_in(10) {
            let attempt = connected.cancel_handle();
            let delay = Duration::from_millis(self.dice.below(5) as u64);
            self.reactor.call_later(delay, move || {
                attempt.cancel();
            });
        }
        // Whether it came about shows in the ledger.
        drop(connected.add_errback(|_| Ok(())));
    }

    fn connect_tcp(self: &Rc<Self>, address: &str) -> deferred::Deferred<()> {
        let options = ConnectTcp::new(address.parse::<SocketAddr>().expect("an address"));
        self.reactor.connect_tcp(&options, self.clients(None))
    }
}
