//! A thousand drains under load, in the simulation.
//!
//! Invariant: a seed fixes the clients, their jobs and the network.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{
    ConnectTcp, ListenTcp, Protocol, ReactorTcp as _, ReactorTime as _, Reason, Transport,
};
use protocol::factory_fn;
use protocol::policies::ConnectionCount;
use protocol::service::ServerService;
use protocol::testing::{Record, Recorder};
use reactor::Reactor;
use reactor::simulated::Simulated;
use ropewalk_runner::Runner;
use testkit::Dice;

use crate::support::quiet_from;

type Simulation = Reactor<Simulated>;

/// Jobs take less than this many quarters of a second.
const QUARTERS: u8 = 25;
const SIGTERM: i32 = 15;
const SIGNAL: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(3);
/// More than the network takes from end to end and back.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// The jobs that were taken, by the numbers of their clients: whether the answer was sent to its end.
type Ledger = Rc<RefCell<BTreeMap<u8, bool>>>;

/// Answers after as many quarters of a second as the client says. Its request is one byte, which no network cuts.
struct Job {
    reactor: Simulation,
    ledger: Ledger,
    number: u8,
    is_done: Rc<Cell<bool>>,
}

impl Protocol for Job {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.number = data[0] / QUARTERS;
        self.ledger.borrow_mut().insert(self.number, false);
        let (transport, is_done) = (transport.clone(), self.is_done.clone());
        self.reactor.call_later(quarters(data[0] % QUARTERS), move || {
            is_done.set(true);
            transport.write(b"done");
            transport.lose_connection();
        });
    }

    /// A clean end is one behind the last byte.
    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        let is_done = self.is_done.get() && reason.is_clean();
        self.ledger.borrow_mut().entry(self.number).and_modify(|it| *it = is_done);
    }
}

fn quarters(number: u8) -> Duration {
    Duration::from_millis(250) * u32::from(number)
}

/// When a client connects, and how long its job takes.
struct Client {
    number: u8,
    at: Duration,
    takes: Duration,
}

impl Client {
    fn new(number: u8, reactor: &Simulation, dice: &Dice) -> Self {
        let at = Duration::from_millis(dice.below(7_000) as u64);
        let job = dice.below(QUARTERS.into()) as u8;
        let connecting = reactor.clone();
        reactor.call_later(at, move || {
            let factory = factory_fn(move |_| {
                let asking = Recorder::new(&Record::new());
                asking.on_made(move |transport| transport.write(&[number * QUARTERS + job]))
            });
            let options = ConnectTcp::new(([127, 0, 0, 1], 80));
            let _attempt = connecting.connect_tcp(&options, factory).add_errback(|_| Ok(()));
        });
        Self { number, at, takes: quarters(job) }
    }

    fn check(&self, ledger: &Ledger, seed: u64) {
        let outcome = ledger.borrow().get(&self.number).copied();
        if self.at + ON_THE_WAY < SIGNAL && self.at + self.takes + ON_THE_WAY < SIGNAL + GRACE {
            assert_eq!(outcome, Some(true), "seed {seed}: work that ends in time is not cut off");
        }
        if self.at > SIGNAL {
            assert_eq!(outcome, None, "seed {seed}: no work is taken after the signal");
        }
    }
}

#[test]
fn a_thousand_drains_cut_no_work_off_that_ends_in_time_and_end_in_time_themselves() {
    for seed in 0..1_000 {
        let (reactor, dice) = (quiet_from(seed), Dice::new(seed));
        let connections = ConnectionCount::new();
        let (worker, ledger) = (reactor.clone(), Ledger::default());
        let of_jobs = ledger.clone();
        let jobs = connections.counting(factory_fn(move |_| {
            let (reactor, ledger) = (worker.clone(), of_jobs.clone());
            Job { reactor, ledger, number: u8::MAX, is_done: Rc::default() }
        }));
        let opener = reactor.clone();
        let service = ServerService::new(move || {
            let options = ListenTcp::new(([127, 0, 0, 1], 80));
            Ok::<_, Failure>(opener.listen_tcp(&options, jobs.clone())?)
        });
        let clients: Vec<Client> =
            (0..10).map(|number| Client::new(number, &reactor, &dice)).collect();
        let raised = reactor.clone();
        reactor.call_later(SIGNAL, move || assert!(raised.system().raise(SIGTERM)));
        let begin = reactor.now();
        let exit = Runner::new(reactor.clone(), Rc::new(service))
            .grace(GRACE)
            .drain(move || connections.none_left())
            .run();
        let took = reactor.now() - begin;
        assert_eq!(exit.signal(), Some(SIGTERM), "seed {seed}");
        assert!(
            took >= SIGNAL && took < SIGNAL + GRACE + Duration::from_secs(1),
            "{seed}: {took:?}"
        );
        clients.iter().for_each(|client| client.check(&ledger, seed));
    }
}
