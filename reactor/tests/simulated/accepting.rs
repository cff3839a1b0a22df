//! What a port makes of each answer of accept(2), and how often it accepts in one turn.
//!
//! Invariant: a failure of an accept touches no other connection, and the port goes on.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    ConnectTcp, ListenTcp, ListenUnix, ListeningPort, Observer, ReactorEvent, ReactorTcp as _,
    ReactorUnix as _, Transport, UnixAddress,
};
use protocol::policies::LimitTotalConnectionsFactory;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::simulated::{Faults, Simulated, SimulatedStream};
use ropewalk_reactor::sys::StreamSys as _;
use ropewalk_reactor::{Limits, Reactor};

type Simulation = Reactor<Simulated>;

const TICK: Duration = Duration::from_millis(1);

fn address() -> SocketAddr {
    "127.0.0.1:80".parse().expect("an address")
}

/// The failed accepts: the error's number, and the remedy.
#[derive(Default)]
struct Failures(RefCell<Vec<(i32, &'static str)>>);

impl Observer for Failures {
    fn observe(&self, event: &ReactorEvent<'_>) {
        match event {
            ReactorEvent::AcceptFailed { error, remedy, .. } => {
                self.0.borrow_mut().push((error.raw_os_error(), remedy));
            }
            ReactorEvent::ListeningStarted { .. } | ReactorEvent::ListeningStopped { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

struct Scene {
    reactor: Simulation,
    failures: Rc<Failures>,
    seen: Record,
    _port: Rc<dyn ListeningPort>,
}

/// A port with one connection, whose protocol sends all back.
fn scene(accepts_per_turn: usize) -> (Scene, SimulatedStream) {
    let network = Simulated::new(1);
    network.set_faults(Faults::none());
    let reactor = Reactor::on(network, Limits::default().with_accepts_per_turn(accepts_per_turn));
    let failures = Rc::new(Failures::default());
    reactor.set_observer(failures.clone());
    let seen = Record::new();
    let echo = |transport: &Rc<dyn Transport>, data: &[u8]| transport.write(data);
    let record = seen.clone();
    let factory = protocol::factory_fn(move |_: &_| Recorder::new(&record).on_data(echo));
    let port = reactor.listen_tcp(&ListenTcp::new(address()), factory).expect("it listens");
    let scene = Scene { reactor, failures, seen, _port: port };
    let [first] = scene.connect::<1>();
    scene.settle();
    assert_eq!(scene.accepted(), 1);
    (scene, first)
}

impl Scene {
    fn connect<const N: usize>(&self) -> [SimulatedStream; N] {
        let options = ConnectTcp::new(address());
        [(); N].map(|()| self.reactor.system().connect_tcp(&options).expect("it begins"))
    }

    fn turn(&self) {
        self.reactor.turn(Some(TICK)).expect("it turns");
    }

    fn settle(&self) {
        (0..20).for_each(|_| self.turn());
    }

    /// Turns until the port has accepted or failed once more; then that turn is over.
    fn turn_until_more(&self) {
        let count = || self.accepted() + self.failures.0.borrow().len();
        let before = count();
        for _ in 0..1000 {
            if count() > before {
                return;
            }
            self.turn();
        }
        panic!("no connection came");
    }

    fn accepted(&self) -> usize {
        self.seen.count("connection_made")
    }

    fn failures(&self) -> Vec<(i32, &'static str)> {
        self.failures.0.take()
    }

    fn is_served(&self, client: &SimulatedStream) -> bool {
        self.settle();
        self.reactor.system().write(client, b"ping").expect("it is open");
        self.settle();
        self.reactor.system().read(client, &mut [0; 9]).is_ok_and(|length| length == 4)
    }
}

#[test]
fn an_accept_that_fails_in_passing_is_told_once_and_the_port_goes_on() {
    for (number, remedy) in [
        (libc::EMFILE, "closed the connection with the reserve descriptor"),
        (libc::ENFILE, "closed the connection with the reserve descriptor"),
        (libc::ENOBUFS, "closed the connection with the reserve descriptor"),
        (libc::ENOMEM, "closed the connection with the reserve descriptor"),
        (libc::ECONNABORTED, "went on with the next connection"),
        (libc::EPERM, "went on with the next connection"),
        (libc::EPROTO, "went on with the next connection"),
    ] {
        let (scene, first) = scene(64);
        scene.reactor.system().fail_accepts([number]);
        let [_second] = scene.connect();
        scene.settle();
        assert_eq!(scene.failures(), [(number, remedy)]);
        assert!(scene.is_served(&first), "{number}");
        let [third] = scene.connect();
        assert!(scene.is_served(&third), "{number}");
        assert_eq!(scene.reactor.counts().ports, 1);
        scene.seen.forget();
    }
}

#[test]
fn an_error_that_accept_is_not_known_for_is_told_once_and_the_port_pauses() {
    let (scene, first) = scene(64);
    scene.reactor.system().fail_accepts([libc::EBADF]);
    let [second] = scene.connect();
    scene.settle();
    assert_eq!(scene.failures(), [(libc::EBADF, "the port pauses")]);
    assert!(scene.is_served(&first));
    let pause = Limits::default().accept_pause;
    (0..pause.as_millis() + 10).for_each(|_| scene.turn());
    assert!(scene.is_served(&second), "it is accepted after the pause");
    assert!(scene.failures().is_empty());
    scene.seen.forget();
}

#[test]
fn refused_accepts_are_repeated_within_the_budget_and_then_once_a_turn() {
    const BUDGET: usize = 123;
    let (scene, _first) = scene(BUDGET);
    scene.reactor.system().fail_accepts([libc::EPERM; BUDGET + 2]);
    let [second] = scene.connect();
    scene.turn_until_more();
    assert_eq!(scene.failures().len(), BUDGET);
    for _ in 0..2 {
        scene.turn();
        assert_eq!(scene.failures().len(), 1, "the budget is one");
    }
    assert!(scene.is_served(&second));
    // A connection that is accepted gives the budget back.
    let clients = scene.connect::<5>();
    scene.settle();
    scene.reactor.system().fail_accepts([libc::EPERM; 5]);
    let [last] = scene.connect();
    scene.turn_until_more();
    assert_eq!(scene.failures().len(), 5);
    assert!(scene.is_served(&last));
    scene.seen.forget();
    drop(clients);
}

#[test]
fn a_port_accepts_all_that_wait_in_one_turn_as_far_as_its_budget_goes() {
    for (budget, waiting, turns) in [(64, 1, 1), (1, 1, 1), (64, 10, 1), (1, 3, 3), (4, 10, 3)] {
        let (scene, _first) = scene(budget);
        let path = UnixAddress::Path(b"/run/s".as_slice().into());
        let record = Record::new();
        let of_record = record.clone();
        let factory = protocol::factory_fn(move |_: &_| Recorder::new(&of_record));
        let options = ListenUnix::new(path.clone());
        let port = scene.reactor.listen_unix(&options, factory).expect("it listens");
        // A connection over a UNIX socket is in the queue at once.
        let network = scene.reactor.system().clone();
        let clients: Vec<_> = (0..waiting).map(|_| network.connect_unix(&path)).collect();
        for turn in 0..turns {
            let before = record.count("connection_made");
            scene.turn();
            let want = budget.min(waiting - turn * budget);
            assert_eq!(record.count("connection_made") - before, want, "turn {turn} of {turns}");
        }
        assert_eq!(record.count("connection_made"), waiting);
        [&scene.seen, &record].into_iter().for_each(Record::forget);
        drop((clients, port));
    }
}

#[test]
fn at_the_cap_of_its_factory_a_port_accepts_nothing_and_under_any_seed_every_client_has_its_turn() {
    for seed in 0..40 {
        let network = Simulated::new(seed);
        network.set_faults(Faults::harmless());
        let reactor = Reactor::on(network, Limits::default());
        let echo = protocol::factory_fn(|_: &_| {
            let echo = |transport: &Rc<dyn Transport>, data: &[u8]| transport.write(data);
            Recorder::new(&Record::new()).on_data(echo)
        });
        let refused = move |_: &_| panic!("refused under seed {seed}");
        let capped = LimitTotalConnectionsFactory::new(echo, 2).on_refused(refused).into_rc();
        let port = reactor.listen_tcp(&ListenTcp::new(address()), capped).expect("it listens");
        let clients: Vec<Record> = (0..12)
            .map(|_| {
                let record = Record::new();
                let client = Recorder::new(&record)
                    .on_made(|transport| transport.write(b"x"))
                    .on_data(|transport, _| transport.lose_connection());
                drop(reactor.connect_tcp(&ConnectTcp::new(address()), testkit::once(client)));
                record
            })
            .collect();
        for _ in 0..20_000 {
            if clients.iter().all(|client| client.lost().is_some()) {
                break;
            }
            reactor.turn(Some(TICK)).expect("it turns");
        }
        assert!(clients.iter().all(|client| client.received() == b"x"), "seed {seed}");
        drop(port.stop_listening());
    }
}
