//! The cap on the unsent bytes of all connections together: those with the most end, the others go on.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, ConnectTcp, ListenTcp, ReactorTcp as _, ReactorTime as _, Reason, Transport,
};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::simulated::{Faults, Links, Simulated};
use ropewalk_reactor::{Limits, Reactor};

const CAP: usize = 1 << 20;

/// The room of each buffer of a connection, so a peer that does not read takes twice as much.
const ROOM: usize = 4 << 10;

type Simulation = Reactor<Simulated>;

/// Servers and their clients, in the order in which they connected.
struct Scene {
    reactor: Simulation,
    servers: Rc<RefCell<Vec<Record>>>,
    clients: Vec<Record>,
}

impl Scene {
    fn new(seed: u64, faults: Faults, connections: usize) -> Self {
        let limits = Limits::default().with_unsent_bytes(CAP);
        let system = Simulated::new(seed);
        system.set_faults(faults);
        system.set_links(Links { buffer: ROOM..=ROOM, ..Links::default() });
        let reactor = Reactor::on(system, limits);
        let servers: Rc<RefCell<Vec<Record>>> = Rc::default();
        let address = listen(&reactor, &servers);
        let clients = (0..connections).map(|_| connect(&reactor, address, &servers)).collect();
        Self { reactor, servers, clients }
    }

    fn server(&self, number: usize) -> Record {
        self.servers.borrow()[number].clone()
    }

    fn transport(&self, number: usize) -> Rc<dyn Transport> {
        self.server(number).transport()
    }

    fn turns(&self) {
        let until = self.reactor.now() + Duration::from_secs(20);
        while self.reactor.now() < until {
            self.reactor.turn(Some(Duration::from_millis(100))).unwrap();
        }
    }

    /// The numbers of the connections that ended by the cap.
    fn ended(&self) -> Vec<usize> {
        let exceeded = |record: &Record| {
            matches!(record.lost(), Some(Reason::ReactorBufferExceeded { cap: CAP }))
        };
        let servers = self.servers.borrow();
        (0..servers.len()).filter(|number| exceeded(&servers[*number])).collect()
    }

    fn pause_clients(&self) {
        for client in &self.clients {
            client.transport().pause_producing();
        }
    }

    fn finish(self) {
        self.reactor.disconnect_all();
        self.turns();
        let counts = self.reactor.counts();
        assert_eq!((counts.unsent_bytes, counts.streams), (0, 0));
    }
}

fn listen(reactor: &Simulation, servers: &Rc<RefCell<Vec<Record>>>) -> SocketAddr {
    let servers = servers.clone();
    let factory = factory_fn(move |_: &Address| {
        let record = Record::new();
        servers.borrow_mut().push(record.clone());
        // In answer to anything, more than the room of a socket and less than a callback's buffer.
        Recorder::new(&record).on_data(|transport, _| transport.write(&[5; 60_000]))
    });
    let port = reactor.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 0)), factory).unwrap();
    port.host().as_socket_addr().unwrap()
}

fn connect(reactor: &Simulation, to: SocketAddr, servers: &RefCell<Vec<Record>>) -> Record {
    let record = Record::new();
    let client = record.clone();
    let before = servers.borrow().len();
    drop(
        reactor.connect_tcp(
            &ConnectTcp::new(to),
            factory_fn(move |_: &Address| Recorder::new(&client)),
        ),
    );
    for _ in 0..1000 {
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
        if servers.borrow().len() > before && is_made(&record) {
            break;
        }
    }
    record
}

fn is_made(record: &Record) -> bool {
    record.count("connection_made") > 0
}

fn is_lost(record: &Record) -> bool {
    record.lost().is_some()
}

#[test]
fn the_connection_with_the_most_ends_and_the_others_go_on() {
    let scene = Scene::new(1, Faults::none(), 4);
    scene.pause_clients();
    for (number, bytes) in [(0, 100_000), (1, 700_000), (2, 200_000)] {
        scene.transport(number).write(&vec![1; bytes]);
    }
    scene.turns();
    assert_eq!(scene.ended(), []);
    assert!((950_000..=1_000_000).contains(&scene.reactor.counts().unsent_bytes));
    scene.transport(3).write(&[2; 90_000]);
    assert!(scene.reactor.counts().unsent_bytes < 400_000, "they are freed at once");
    scene.turns();
    assert_eq!(scene.ended(), [1], "not the one that wrote last");
    for client in &scene.clients {
        client.transport().resume_producing();
    }
    scene.turns();
    let received = [0, 2, 3].map(|number| scene.clients[number].received().len());
    assert_eq!(received, [100_000, 200_000, 90_000]);
    assert!(scene.clients[1].lost().is_some_and(|reason| !reason.is_clean()));
    scene.finish();
}

#[test]
fn many_small_queues_are_a_large_one() {
    const CLIENTS: usize = 100;
    let scene = Scene::new(2, Faults::none(), CLIENTS);
    scene.pause_clients();
    for round in 0..40 {
        for number in 0..CLIENTS {
            let server = scene.server(number);
            if !is_lost(&server) {
                server.transport().write(&[3; 1000]);
            }
        }
        assert!(scene.reactor.counts().unsent_bytes <= CAP, "in round {round}");
        scene.turns();
    }
    assert!((1..CLIENTS).contains(&scene.ended().len()), "{}", scene.ended().len());
    let lost = (0..CLIENTS).filter(|number| is_lost(&scene.server(*number))).count();
    assert_eq!(lost, scene.ended().len(), "for no other reason");
    scene.finish();
}

#[test]
fn a_broadcast_that_the_sockets_take_ends_no_connection() {
    const CLIENTS: usize = 500;
    let scene = Scene::new(3, Faults::none(), CLIENTS);
    // All in one callback, before any flush: more than the cap, and less than the sockets take.
    for number in 0..CLIENTS {
        scene.transport(number).write(&[4; 2000]);
        scene.transport(number).write(&[4; 1500]);
        assert!(scene.reactor.counts().unsent_bytes <= CAP);
    }
    scene.turns();
    assert_eq!(scene.ended(), []);
    assert!(scene.clients.iter().all(|client| client.received().len() == 3500));
    scene.finish();
}

#[test]
fn what_is_written_by_a_callback_and_not_taken_counts_too() {
    const CLIENTS: usize = 40;
    let scene = Scene::new(4, Faults::none(), CLIENTS);
    scene.pause_clients();
    for number in 0..CLIENTS {
        scene.clients[number].transport().write(b"x");
    }
    scene.turns();
    assert!(scene.reactor.counts().unsent_bytes <= CAP);
    assert!(!scene.ended().is_empty());
    scene.finish();
}

#[test]
fn under_every_fault_the_count_ends_at_nothing() {
    for seed in 0..200 {
        let scene = Scene::new(seed, Faults::default(), 8);
        for round in 0..30 {
            let servers = scene.servers.borrow().clone();
            for (number, server) in servers.iter().enumerate() {
                if is_lost(server) || !is_made(server) {
                    continue;
                }
                let transport = server.transport();
                transport.write(&vec![6; 40_000 * (number + 1)]);
                match (round * 7 + number + seed as usize) % 23 {
                    0 => transport.lose_connection(),
                    1 => transport.abort_connection(),
                    2 => transport.lose_connection_with_reset(),
                    _ => {}
                }
            }
            scene.reactor.turn(Some(Duration::from_millis(1))).unwrap();
        }
        scene.reactor.disconnect_all();
        scene.turns();
        assert!(
            crate::only_ports(scene.reactor.counts()),
            "seed {seed}: {:?}",
            scene.reactor.counts()
        );
    }
}
