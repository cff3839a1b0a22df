//! Clients that come back: a server that dies and returns hundreds of times, under seeds.
//!
//! Invariant: a run is a function of its seed.

mod rig;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{
    Address, ConnectError, ConnectTcp, Deliver, Factory, ListenTcp, ReactorTcp as _, Reason,
};
use protocol::client::{
    BackoffPolicy, ClientFactory, ClientService, Connector, ConnectorState, ReconnectPolicy,
    ReconnectingClientFactory,
};
use protocol::service::Service as _;
use protocol::{FactoryFn, ProtocolRef};
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::{Faults, Simulated};

use self::rig::{Client, Rig, ToServer};

/// How often the server dies in each run.
const DEATHS: usize = 500;

const SEEDS: std::ops::Range<u64> = 0..6;

const SECOND: Duration = Duration::from_secs(1);

/// The longest delay of either client, without its jitter.
const MAX: Duration = Duration::from_secs(20);

#[test]
fn a_client_service_outlives_500_deaths_of_its_server_with_one_connection_at_a_time() {
    for seed in SEEDS {
        let rig = Rig::new(seed);
        let policy = || BackoffPolicy::default().with_max_delay(MAX).with_jitter(|| Duration::ZERO);
        let dice = rig.clone();
        let jitter = move || Duration::from_millis(dice.dice.below(1000) as u64);
        rig.expect_delays(move |failures, _| {
            let least = policy().delay(failures);
            (least, least + SECOND)
        });
        let builder = rig.clone();
        let service =
            ClientService::builder(ToServer(rig.clone()), rig.reactor.clone(), move |_| {
                Client::new(&builder)
            })
            .with_backoff(BackoffPolicy::default().with_max_delay(MAX).with_jitter(jitter))
            .build();
        service.start_service().unwrap();
        let told = Rc::new(Cell::new(0));
        for death in 0..DEATHS {
            let count = told.clone();
            service.when_connected().add_callback(move |_| {
                count.set(count.get() + 1);
                Ok(())
            });
            rig.server_returns(MAX + 2 * SECOND);
            assert_eq!(told.get(), death + 1, "seed {seed}: a waiter was not told");
            rig.server_dies();
        }
        drop(service.stop_service());
        rig.assert_over();
    }
}

#[test]
fn a_reconnecting_factory_outlives_500_deaths_of_its_server_with_one_connection_at_a_time() {
    for seed in SEEDS {
        let rig = Rig::new(seed);
        // As far as twelve even draws go: six deviations of 0.1197.
        rig.expect_delays(|_, before| {
            let due = before.map_or(SECOND, |before| before.mul_f64(core::f64::consts::E).min(MAX));
            (due.mul_f64(0.28), due.mul_f64(1.72).min(MAX))
        });
        let (builder, dice) = (rig.clone(), rig.clone());
        let factory = ReconnectingClientFactory::new(
            rig.reactor.clone(),
            Rc::new(FactoryFn::new(move |_| Client::new(&builder))),
        )
        .with_policy(ReconnectPolicy::default().with_max_delay(MAX))
        .with_random(move || dice.dice.below(1 << 30) as f64 / f64::from(1 << 30));
        let reset = factory.downgrade();
        rig.on_answer(move || reset.reset_delay());
        let connector = Connector::new(ToServer(rig.clone()), factory.clone().into_rc());
        connector.connect().unwrap();
        for _ in 0..DEATHS {
            rig.server_returns(MAX + 2 * SECOND);
            rig.server_dies();
        }
        factory.stop_trying();
        connector.disconnect();
        rig.assert_over();
        assert_eq!(connector.state(), ConnectorState::Disconnected);
    }
}

/// What a client factory heard.
#[derive(Default)]
struct Heard {
    failed: Cell<Option<Failure>>,
    stopped: Cell<usize>,
}

impl Factory for Heard {
    fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
        Some(ProtocolRef::new(rig::Silent).into())
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.stopped.set(self.stopped.get() + 1);
        Ok(())
    }
}

impl ClientFactory for Heard {
    fn client_connection_failed(&self, _: &Connector, failure: &Failure) {
        self.failed.set(Some(failure.clone()));
    }

    fn client_connection_lost(&self, _: &Connector, _: &Reason) {}
}

#[test]
fn an_address_that_cannot_be_connected_from_fails_the_attempt_and_stops_its_factory_alone() {
    let reactor: Reactor<Simulated> = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    let silent = protocol::factory_fn(|_: &Address| rig::Silent);
    let server = reactor.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 80)), silent).unwrap();
    let options = ConnectTcp::new(([127, 0, 0, 1], 80))
        .with_bind_address(Some(([127, 0, 0, 1], 4000).into()));
    let connect = |heard: &Rc<Heard>| {
        let connector = Connector::tcp(reactor.clone(), options.clone(), heard.clone());
        connector.connect().unwrap();
        for _ in 0..20 {
            reactor.turn(Some(Duration::from_millis(10))).unwrap();
        }
        connector
    };
    let (first, second) = (Rc::<Heard>::default(), Rc::<Heard>::default());
    let working = connect(&first);
    assert_eq!(working.state(), ConnectorState::Connected);
    let failed = connect(&second);
    let failure = second.failed.take().expect("it failed");
    assert!(matches!(failure.downcast_ref(), Some(ConnectError::Bind { .. })), "{failure:#}");
    assert_eq!((second.stopped.get(), failed.state()), (1, ConnectorState::Disconnected));
    assert_eq!((first.stopped.get(), working.state()), (0, ConnectorState::Connected));
    drop(server);
}
