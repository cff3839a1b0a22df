//! Servers that drain under load: 1,000 of them, each with its own seed.
//!
//! Invariant: clients, work and the moment of the drain follow from the seed.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, ConnectTcp, Factory, ListenTcp, ListeningPort, Protocol, ReactorTcp, Reason,
    StreamServerEndpoint, Transport,
};
use protocol::factory_fn;
use protocol::policies::{Draining, ServerPort};
use ropewalk_reactor::simulated::{Faults, Simulated};
use ropewalk_reactor::sys::Sys as _;
use ropewalk_reactor::{Limits, Reactor};
use testkit::Dice;

use crate::only_ports;

const SEEDS: u64 = 1000;
const CLIENTS: u64 = 12;

/// How long after the end of the grace a drain may be over, at most.
const AFTER_GRACE: Duration = Duration::from_secs(1);

type Sim = Reactor<Simulated>;

struct Tcp(Sim);

impl StreamServerEndpoint for Tcp {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        match self.0.listen_tcp(&ListenTcp::new(address()), factory) {
            Ok(port) => Deferred::succeed(port),
            Err(error) => Deferred::fail(Failure::new(error)),
        }
    }
}

fn address() -> SocketAddr {
    "127.0.0.1:80".parse().expect("an address")
}

/// What became of one request.
#[derive(Default)]
struct Request {
    /// When its client began to connect.
    asked: Cell<Duration>,
    /// When the server had its answer ready.
    answered: Cell<Option<Duration>>,
    /// How many bytes that has.
    length: Cell<usize>,
    connected: Cell<bool>,
    received: Cell<usize>,
    is_over: Cell<bool>,
}

/// Works for as long as each request asks, answers, and closes if it was asked to or its port drains.
struct Worker {
    reactor: Sim,
    requests: Rc<Vec<Request>>,
    line: Vec<u8>,
}

impl Worker {
    /// A request is its number, its milliseconds, the length of its answer, and whether to close behind it.
    fn begin(&self, transport: &Rc<dyn Transport>) {
        let line = String::from_utf8(self.line.clone()).expect("digits");
        let fields: Vec<usize> =
            line.split_whitespace().map(|field| field.parse().expect("a number")).collect();
        let [number, millis, length, closes] = fields[..] else { panic!("not a request: {line}") };
        let (transport, requests) = (transport.clone(), self.requests.clone());
        let (reactor, delay) = (self.reactor.clone(), Duration::from_millis(millis as u64));
        self.reactor.call_later(delay, move || {
            requests[number].answered.set(Some(reactor.system().now()));
            transport.write(&vec![b'x'; length]);
            if closes == 1 || transport.query::<Draining>() == Some(Draining(true)) {
                transport.lose_connection();
            }
        });
    }
}

impl Protocol for Worker {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.line.extend_from_slice(data);
        if self.line.ends_with(b"\n") {
            self.begin(transport);
            self.line.clear();
        }
    }
}

struct Client {
    request: String,
    number: usize,
    requests: Rc<Vec<Request>>,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.requests[self.number].connected.set(true);
        transport.write(self.request.as_bytes());
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        let request = &self.requests[self.number];
        request.received.set(request.received.get() + data.len());
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        self.requests[self.number].is_over.set(true);
    }
}

/// A server, its load, and the times of its drain.
struct Load {
    reactor: Sim,
    requests: Rc<Vec<Request>>,
    begun: Duration,
    grace: Duration,
    over: Rc<Cell<Option<Duration>>>,
}

impl Load {
    fn of(seed: u64) -> Self {
        let network = Simulated::new(seed);
        network.set_faults(Faults::harmless());
        let reactor = Reactor::on(network, Limits::default());
        let requests: Vec<_> = (0..CLIENTS).map(|_| Request::default()).collect();
        let requests = Rc::new(requests);
        let mut dice = Dice::new(seed);
        for number in 0..CLIENTS as usize {
            Self::plan(&reactor, &requests, number, &mut dice);
        }
        let grace = Duration::from_millis(dice.below(2000) as u64);
        let begun = Duration::from_millis(500 + dice.below(2000) as u64);
        let over = Rc::new(Cell::new(None));
        Self { reactor, requests, begun, grace, over }
    }

    fn plan(reactor: &Sim, requests: &Rc<Vec<Request>>, number: usize, dice: &mut Dice) {
        let (millis, length, closes) = (dice.below(1500), 1 + dice.below(2000), dice.below(2));
        requests[number].length.set(length);
        let request = format!("{number} {millis} {length} {closes}\n");
        let (requests, connect) = (requests.clone(), reactor.clone());
        let start = Duration::from_millis(dice.below(2500) as u64);
        reactor.call_later(start, move || {
            requests[number].asked.set(connect.system().now());
            let factory = factory_fn(move |_: &Address| Client {
                request: request.clone(),
                number,
                requests: requests.clone(),
            });
            let attempt = connect.connect_tcp(&ConnectTcp::new(address()), factory);
            let _refused_or_not = attempt.add_both(|_| Ok::<(), Failure>(()));
        });
    }

    fn run(&self) {
        let (reactor, requests) = (self.reactor.clone(), self.requests.clone());
        let worker = {
            let reactor = reactor.clone();
            factory_fn(move |_: &Address| Worker {
                reactor: reactor.clone(),
                requests: requests.clone(),
                line: Vec::new(),
            })
        };
        let port = ServerPort::listen(&Tcp(reactor.clone()), worker, reactor.clone());
        let port = port.try_into_result().expect("at once").expect("it listens");
        let (over, grace) = (self.over.clone(), self.grace);
        self.reactor.call_later(self.begun, move || {
            let _drained = port.drain(grace).add_callback(move |_| {
                over.set(Some(reactor.system().now()));
                Ok(())
            });
        });
        let end = Duration::from_secs(20);
        while self.reactor.system().now() < end {
            let left = end - self.reactor.system().now();
            self.reactor.turn(Some(left)).expect("it turns");
        }
    }

    fn check(&self, seed: u64) -> Outcomes {
        let over = self.over.get().unwrap_or_else(|| panic!("seed {seed}: the drain has no end"));
        let deadline = self.begun + self.grace;
        assert!(over <= deadline + AFTER_GRACE, "seed {seed}: {over:?} is after {deadline:?}");
        let mut outcomes = Outcomes::default();
        for (number, request) in self.requests.iter().enumerate() {
            let place = format!("seed {seed}, request {number}");
            if request.asked.get() > self.begun {
                assert!(!request.connected.get(), "{place}: it was not refused");
                outcomes.refused += 1;
            }
            let Some(answered) = request.answered.get() else { continue };
            if answered <= deadline {
                let (received, length) = (request.received.get(), request.length.get());
                assert_eq!(received, length, "{place}: cut, answered at {answered:?}");
                outcomes.in_time += usize::from(answered > self.begun);
            } else {
                outcomes.late += 1;
            }
            assert!(request.is_over.get(), "{place}: it is still connected");
        }
        assert!(only_ports(self.reactor.counts()), "seed {seed}: {:?}", self.reactor.counts());
        assert_eq!(self.reactor.counts().ports, 0, "seed {seed}");
        outcomes
    }
}

/// How many requests each claim was about.
#[derive(Debug, Default)]
struct Outcomes {
    /// Their clients came after the drain had begun.
    refused: usize,
    /// They were worked on when it began, and were done before its end.
    in_time: usize,
    /// They were done after its end.
    late: usize,
}

#[test]
fn of_1_000_drains_under_load_none_cuts_work_that_ends_in_time_or_lets_a_client_in_or_lasts_longer()
{
    let total = RefCell::new(Outcomes::default());
    for seed in 0..SEEDS {
        let load = Load::of(seed);
        load.run();
        let outcomes = load.check(seed);
        let mut total = total.borrow_mut();
        total.refused += outcomes.refused;
        total.in_time += outcomes.in_time;
        total.late += outcomes.late;
    }
    let total = total.into_inner();
    let least = total.refused.min(total.in_time).min(total.late);
    assert!(least > SEEDS as usize / 2, "{total:?}");
}
