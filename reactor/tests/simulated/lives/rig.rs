//! One run: a reactor on a simulated network, and a thousand lives on it.
//!
//! Invariant: a run is a function of its seed and its settings.

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
use ropewalk_reactor::simulated::{Faults, Simulated};
use ropewalk_reactor::{Counts, Limits, Reactor};

use crate::only_ports;
use testkit::Dice;

use super::ledger::{CLIENT, Ledger, SERVER, Summary};
use super::plan::{Manners, Plan};
use super::secured::Secured;
use super::talker::{PLANNED_PANIC, Talker};

/// Numbers above this are lives on UNIX sockets; below are the ports of those on TCP.
pub(crate) const FIRST_UNIX_LIFE: u64 = 1 << 32;

/// Makes the test's own dice others than the network's, which have the same seed.
const APART: u64 = 0x6c69_7665_735f_7465;

/// More turns than a run can need: it does not come to an end.
const TURNS_MAX: usize = 2_000_000;

pub(crate) struct Rig {
    pub(crate) reactor: Reactor<Simulated>,
    pub(crate) dice: Dice,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) talkers: RefCell<Vec<WeakProtocolRef<Talker>>>,
    seed: u64,
    manners: Manners,
    route: Route,
    /// Where the lives speak TLS.
    pub(crate) secured: Option<Secured>,
    to_begin: Cell<usize>,
    failure: RefCell<Option<String>>,
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
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) trace_hash: u64,
    pub(crate) summary: Summary,
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

/// Runs `lives` lives, checks all that must be true of them, and that nothing is left.
pub(crate) fn run(seed: u64, lives: usize, faults: Faults, manners: Manners) -> Outcome {
    run_by(Route::Direct, seed, lives, faults, manners).0
}

/// As [`run`], by another route. Also returns how many ends a relay broke behind what it gave them.
pub(crate) fn run_by(
    route: Route,
    seed: u64,
    lives: usize,
    faults: Faults,
    manners: Manners,
) -> (Outcome, usize) {
    let resets_nothing = faults.reset == Faults::none().reset;
    let network = Simulated::new(seed);
    network.set_faults(faults);
    network.keep_log(40);
    let reactor = Reactor::on(network.clone(), limits(seed, manners));
    let secured = (route == Route::Secured).then(|| Secured::new(&reactor, seed, manners));
    let rig = Rc::new(Rig {
        reactor,
        secured,
        dice: Dice::new(seed ^ APART),
        ledger: RefCell::default(),
        talkers: RefCell::default(),
        seed,
        manners,
        route,
        to_begin: Cell::new(lives),
        failure: RefCell::default(),
        ports: RefCell::default(),
    });
    rig.reactor.set_observer(Rc::new(Watchman(Rc::downgrade(&rig))));
    rig.listen();
    rig.begin_all(lives);
    rig.turn_until_empty(&network);
    rig.stop_listening();
    assert_eq!(rig.reactor.counts(), Counts::default(), "seed {seed}");
    assert_eq!(network.carried(), Default::default(), "seed {seed}");
    if manners == Manners::Civil {
        rig.ledger.borrow().check_civil(seed, route);
    }
    let summary =
        rig.ledger.borrow().check(seed, route, !resets_nothing, |life| life >= FIRST_UNIX_LIFE);
    let broken = match route {
        Route::Relayed if resets_nothing => rig.ledger.borrow().check_relayed(seed),
        Route::Relayed | Route::Direct | Route::Secured => 0,
    };
    (Outcome { trace_hash: network.trace_hash(), summary }, broken)
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
        self.failure.borrow_mut().get_or_insert(what);
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
        let factory = FactoryFn::dynamic(build).into_rc();
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
        let factory = FactoryFn::dynamic(build).into_rc();
        match &self.secured {
            Some(secured) => secured.clients(factory),
            None => factory,
        }
    }

    /// The lives begin over some time, so that some hundred are on at once.
    fn begin_all(self: &Rc<Self>, lives: usize) {
        for number in 0..lives {
            let delay = Duration::from_millis(self.dice.below(2 * lives) as u64);
            let rig = self.clone();
            self.reactor.call_later(delay, move || {
                rig.to_begin.set(rig.to_begin.get() - 1);
                rig.begin(number as u64);
            });
        }
    }

    fn begin(self: &Rc<Self>, number: u64) {
        let connected = match self.dice.below(4) {
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

    fn turn_until_empty(&self, network: &Simulated) {
        for _ in 0..TURNS_MAX {
            let turned = self.reactor.turn(None);
            let counts = self.reactor.counts();
            if self.to_begin.get() == 0 && only_ports(counts) {
                return;
            }
            if let Some(failure) = self.failure.take() {
                panic!("seed {}: {failure}\n{}", self.seed, network.log().join("\n"));
            }
            if let Err(error) = turned {
                let stuck = self.stuck();
                panic!("seed {}: {error}: {counts:?}\n{stuck}", self.seed);
            }
        }
        panic!("seed {}: no end: {:?}\n{}", self.seed, self.reactor.counts(), self.stuck());
    }

    /// The lives that have not ended.
    fn stuck(&self) -> String {
        let ledger = self.ledger.borrow();
        let stuck =
            ledger.lives.iter().filter(|(_, ends)| ends.iter().any(|end| end.made != end.lost));
        stuck.map(|(life, ends)| format!("life {life:#x}: {ends:#?}\n")).collect()
    }
}
