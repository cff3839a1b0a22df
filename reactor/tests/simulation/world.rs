//! What a test does to the network of a run: partitions, slow links, descriptors, barriers, time.
//!
//! Invariant: every run here is clean.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    ConnectTcp, Factory, ListenTcp, Protocol, ReactorTcp, ReactorTime, Reason, Transport,
};
use ropewalk_reactor::simulated::{Faults, Links};
use ropewalk_reactor::simulation::{Barrier, SimulatedWorld, Simulation};

const SERVER: &str = "127.0.0.2:7";
const CLIENT: &str = "127.0.0.1:0";

/// Sends this number of bytes, and closes.
#[derive(Clone)]
struct Source(usize);

impl Protocol for Source {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(&vec![7; self.0]);
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

/// Counts the bytes that come, and notes how and when the connection ended.
#[derive(Clone)]
struct Sink {
    world: SimulatedWorld,
    bytes: Rc<Cell<usize>>,
    end: Rc<RefCell<Option<(Reason, Duration)>>>,
}

impl Sink {
    fn new(world: &SimulatedWorld) -> Self {
        Self { world: world.clone(), bytes: Rc::default(), end: Rc::default() }
    }
}

impl Protocol for Sink {
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.bytes.set(self.bytes.get() + data.len());
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        let now = self.world.reactor().now();
        *self.end.borrow_mut() = Some((reason.clone(), now));
    }
}

fn connect(world: &SimulatedWorld, server: Rc<dyn Factory>, client: Rc<dyn Factory>) {
    let address: SocketAddr = SERVER.parse().unwrap();
    world.reactor().listen_tcp(&ListenTcp::new(address), world.checked(server)).unwrap();
    let mut options = ConnectTcp::new(address);
    options.bind_address = Some(CLIENT.parse().unwrap());
    drop(world.reactor().connect_tcp(&options, world.checked(client)));
}

/// Connects a client that gets this number of bytes, under 50 seeds. Returns the ends of all.
fn downloads(bytes: usize, prepare: impl Fn(&SimulatedWorld)) -> Vec<(Reason, Duration)> {
    let ends = RefCell::new(Vec::new());
    let test = |world: &SimulatedWorld| {
        world.network().set_faults(Faults::harmless());
        prepare(world);
        let sink = Sink::new(world);
        let (of_end, all) = (sink.clone(), Rc::new(Cell::new(bytes)));
        world.at_end("all bytes", move || match of_end.bytes.get() {
            count
                if count == all.get()
                    || of_end
                        .end
                        .borrow()
                        .as_ref()
                        .is_some_and(|(reason, _)| !reason.is_clean()) =>
            {
                Ok(())
            }
            count => Err(format!("{count} of {}", all.get())),
        });
        ends.borrow_mut().push(sink.end.clone());
        let sinks = protocol::factory_fn(move |_| sink.clone());
        connect(world, protocol::factory_fn(move |_| Source(bytes)), sinks);
    };
    Simulation::new().run(0..50, test).unwrap();
    ends.take().iter().map(|end| end.take().unwrap()).collect()
}

fn addresses() -> (IpAddr, IpAddr) {
    ("127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap())
}

#[test]
fn a_partition_that_ends_delays_the_bytes_and_loses_none() {
    let ends = downloads(20_000, |world| {
        let (network, reactor) = (world.network().clone(), world.reactor());
        let (client, server) = addresses();
        let cut = network.clone();
        reactor.call_later(world.delay(Duration::from_millis(4)), move || {
            cut.partition_addresses(client, server)
        });
        reactor.call_later(Duration::from_secs(10), move || network.join_addresses(client, server));
    });
    assert!(ends.iter().all(|(reason, _)| reason.is_clean()));
    let delayed = ends.iter().filter(|(_, time)| *time > Duration::from_secs(10)).count();
    assert!(delayed > 20, "{delayed} of 50");
}

#[test]
fn a_partition_that_stays_ends_the_connection_of_the_end_that_sends() {
    let ends = RefCell::new(Vec::new());
    let test = |world: &SimulatedWorld| {
        world.network().set_faults(Faults::harmless());
        world.network().set_links(Links { buffer: 1000..=1000, ..Links::default() });
        world.allow_open();
        let (sender, sink) = (Sink::new(world), Sink::new(world));
        ends.borrow_mut().push((sender.end.clone(), sink.end.clone()));
        let (network, (client, server)) = (world.network().clone(), addresses());
        let delay = Duration::from_millis(8);
        world.reactor().call_later(delay, move || network.partition_addresses(client, server));
        let senders = protocol::factory_fn(move |_| Sender(Source(200_000), sender.clone()));
        connect(world, senders, protocol::factory_fn(move |_| sink.clone()));
    };
    Simulation::new().run(0..50, test).unwrap();
    for (sender, sink) in ends.take() {
        let (reason, time) = sender.take().unwrap();
        assert!(format!("{reason:?}").contains("110"), "{reason:?}");
        assert!((900..1200).contains(&time.as_secs()), "{time:?}");
        // Its peer knew nothing until the program stopped.
        let (_, time) = sink.take().unwrap();
        assert!(time.as_secs() >= 900, "{time:?}");
    }
}

/// A source whose end is noted.
struct Sender(Source, Sink);

impl Protocol for Sender {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.0.connection_made(transport);
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}

    fn connection_lost(&mut self, transport: &Rc<dyn Transport>, reason: &Reason) {
        self.1.connection_lost(transport, reason);
    }
}

#[test]
fn a_link_takes_the_time_of_its_bandwidth() {
    let ends = downloads(100_000, |world| {
        world.network().set_faults(Faults::none());
        let bandwidth = 10_000..=10_000;
        world.network().set_links(Links { bandwidth, ..Links::default() });
    });
    let in_time = |time: &Duration| (10.0..10.5).contains(&time.as_secs_f64());
    assert!(ends.iter().all(|(reason, time)| reason.is_clean() && in_time(time)), "{ends:?}");
}

#[test]
fn a_barrier_holds_a_connection_until_the_test_opens_it() {
    struct Held(Barrier);
    impl Protocol for Held {
        fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
            let transport = transport.clone();
            drop(self.0.pass().add_callback(move |()| {
                transport.lose_connection();
                Ok(())
            }));
        }

        fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
    }
    let test = |world: &SimulatedWorld| {
        world.network().set_faults(Faults::harmless());
        let barrier = world.barrier("accepted");
        barrier.hold_back();
        let (held, sink) = (barrier.clone(), Sink::new(world));
        let end = sink.end.clone();
        let sinks = protocol::factory_fn(move |_| sink.clone());
        connect(world, protocol::factory_fn(move |_| Held(held.clone())), sinks);
        let (world, reactor) = (world.clone(), world.reactor().clone());
        reactor.call_later(Duration::from_secs(60), move || {
            let held = (barrier.waiting(), barrier.passed(), end.borrow().is_none());
            if held != (1, 0, true) {
                world.fail(format!("{held:?}"));
            }
            world.barrier("accepted").let_pass();
        });
    };
    Simulation::new().run(0..20, test).unwrap();
}

#[test]
fn a_program_that_never_comes_to_rest_is_stopped_after_its_time() {
    fn tick(world: &SimulatedWorld, ticks: Rc<Cell<usize>>) {
        let (again, reactor) = (world.clone(), world.reactor());
        ticks.set(ticks.get() + 1);
        reactor.call_later(Duration::from_secs(1), move || tick(&again, ticks));
    }
    let counts = RefCell::new(Vec::new());
    let test = |world: &SimulatedWorld| {
        let ticks = Rc::new(Cell::new(0));
        counts.borrow_mut().push(ticks.clone());
        world.network().set_faults(Faults::none());
        world.stop_after(Duration::from_secs(100));
        tick(world, ticks);
    };
    Simulation::new().run(0..1, test).unwrap();
    assert_eq!(counts.take()[0].get(), 102);
}
