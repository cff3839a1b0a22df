//! A port that drains: in memory, event by event.

use std::rc::Rc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{Factory, ListeningPort as _, Producer};
use ropewalk_protocol::policies::{DrainOutcome, Draining, ServerPort};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Clock, Record, Recorder};
use ropewalk_protocol::{FactoryFn, connect_protocol};

use crate::support::Source;
use crate::support::policy::recording;

const GRACE: Duration = Duration::from_secs(10);

/// A port with some clients.
struct Scene {
    network: Network,
    clock: Clock,
    port: Rc<ServerPort>,
    server: Record,
    clients: Vec<Record>,
}

fn listening(factory: Rc<dyn Factory>, network: &Network, clock: &Clock) -> Rc<ServerPort> {
    let port = ServerPort::listen(&network.server("work"), factory, clock.clone());
    port.try_into_result().expect("at once").expect("the name is free")
}

fn scene(clients: usize) -> Scene {
    let (network, clock, server) = (Network::new(), Clock::new(), Record::new());
    let port = listening(recording(&server), &network, &clock);
    let mut scene = Scene { network, clock, port, server, clients: Vec::new() };
    for _ in 0..clients {
        let client = scene.connect();
        scene.clients.push(client);
    }
    scene
}

impl Scene {
    fn connect(&self) -> Record {
        let record = Record::new();
        let _connected = connect_protocol(&self.network.client("work"), Recorder::new(&record))
            .add_both(|_refused_or_not| Ok::<_, deferred::Failure>(()));
        self.network.flush();
        record
    }

    fn advance(&self, time: Duration) {
        self.clock.advance(time);
        self.network.flush();
    }
}

fn outcome(drained: Deferred<DrainOutcome>) -> Option<DrainOutcome> {
    drained.try_into_result().ok().map(|drained| drained.expect("the factory stops"))
}

#[test]
fn without_connections_a_drain_is_over_at_once() {
    let scene = scene(0);
    let drained = scene.port.drain(GRACE);
    scene.network.flush();
    let drained = outcome(drained).expect("it is over");
    assert_eq!(drained.unfinished, 0);
    assert_eq!((scene.clock.pending(), scene.network.ports()), (0, 0));
}

#[test]
fn new_connections_are_refused_from_the_moment_of_a_drain() {
    let scene = scene(1);
    let drained = scene.port.drain(GRACE);
    let late = scene.connect();
    assert_eq!(late.calls(), [""; 0]);
    assert!(!drained.is_fired());
    scene.clients[0].transport().lose_connection();
    scene.server.transport().lose_connection();
    scene.network.flush();
    assert_eq!(outcome(drained).expect("it is over").unfinished, 0);
}

#[test]
fn work_that_ends_in_time_is_not_cut_and_the_drain_ends_with_it() {
    let scene = scene(1);
    let drained = scene.port.drain(GRACE);
    scene.advance(GRACE - Duration::from_millis(1));
    assert!(scene.clients[0].lost().is_none());
    scene.server.transport().write(b"the answer");
    scene.server.transport().lose_connection();
    scene.network.flush();
    assert_eq!(scene.clients[0].received(), b"the answer");
    assert_eq!(outcome(drained).expect("it is over").unfinished, 0);
    assert_eq!(scene.clock.pending(), 0);
}

#[test]
fn what_is_left_at_the_end_of_the_grace_is_closed_in_order_with_its_last_bytes() {
    let scene = scene(2);
    scene.server.transport().write(b"half an ans");
    let drained = scene.port.drain(GRACE);
    scene.advance(GRACE);
    assert_eq!(outcome(drained).expect("it is over").unfinished, 2);
    assert_eq!(scene.clients[1].received(), b"half an ans");
    for client in &scene.clients {
        assert!(client.lost().expect("it is closed").is_clean());
    }
    assert_eq!(scene.clock.pending(), 0);
}

#[test]
fn a_peer_that_takes_nothing_is_aborted_within_a_second_of_the_grace() {
    let scene = scene(1);
    scene.network.set_in_flight_max(10);
    scene.clients[0].transport().pause_producing();
    scene.server.transport().write(&[0; 100_000]);
    scene.network.flush();
    let drained = scene.port.drain(GRACE);
    scene.advance(GRACE + Duration::from_millis(400));
    assert!(!drained.is_fired());
    scene.advance(Duration::from_millis(599));
    assert_eq!(outcome(drained).expect("it is over").unfinished, 1);
}

#[test]
fn a_producer_does_not_hold_up_the_close() {
    for push in [true, false] {
        let scene = scene(1);
        let above = scene.server.transport();
        let source = Source::silent(&above);
        above
            .register_producer(match push {
                true => Producer::Push(source),
                false => Producer::Pull(source),
            })
            .unwrap();
        scene.port.close_clients();
        scene.network.flush();
        assert!(scene.clients[0].lost().expect("it is closed").is_clean());
    }
}

#[test]
fn aborted_clients_are_lost_and_the_port_still_listens() {
    let scene = scene(2);
    scene.port.abort_clients();
    scene.network.flush();
    assert_eq!(scene.port.connections(), 0);
    for client in &scene.clients {
        assert!(!client.lost().expect("it is aborted").is_clean());
    }
    assert_eq!(scene.connect().calls(), ["connection_made"]);
    assert_eq!(scene.port.connections(), 1);
}

#[test]
fn a_second_drain_with_a_shorter_grace_counts() {
    let scene = scene(1);
    let (first, second) = (scene.port.drain(GRACE), scene.port.drain(Duration::ZERO));
    scene.advance(Duration::ZERO);
    assert_eq!(outcome(second).expect("it is over").unfinished, 1);
    assert_eq!(outcome(first).expect("it is over").unfinished, 0);
}

#[test]
fn a_protocol_that_would_wait_for_more_work_is_told_that_its_port_drains() {
    let scene = scene(1);
    let asked = || scene.server.transport().query::<Draining>();
    assert_eq!(asked(), Some(Draining(false)));
    let drained = scene.port.drain(GRACE);
    assert_eq!(asked(), Some(Draining(true)));
    scene.server.transport().abort_connection();
    scene.network.flush();
    assert!(outcome(drained).is_some());
}

#[test]
fn a_factory_that_fails_to_stop_fails_the_drain_when_the_connections_are_over() {
    let (network, clock, record) = (Network::new(), Clock::new(), Record::new());
    let served = record.clone();
    let factory = FactoryFn::new(move |_| Recorder::new(&served))
        .on_stop(|| Err(deferred::Failure::new(std::io::Error::other("refuses to stop"))))
        .into_rc();
    let port = listening(factory, &network, &clock);
    let _client = connect_protocol(&network.client("work"), Recorder::new(&Record::new()));
    network.flush();
    let drained = port.drain(GRACE);
    assert!(!drained.is_fired());
    record.transport().lose_connection();
    network.flush();
    let failure = drained.try_into_result().expect("it is over").unwrap_err();
    assert_eq!(failure.to_string(), "refuses to stop");
}

#[test]
fn a_port_that_stops_listening_leaves_its_connections_be() {
    let scene = scene(1);
    let _stopped = scene.port.stop_listening();
    scene.advance(GRACE * 10);
    assert_eq!((scene.port.connections(), scene.clients[0].lost().is_none()), (1, true));
}
