//! Lives of services: servers that stop and start again, and clients that come back.
//!
//! Invariant: a client of a server that runs has a connection in the end, and a stop is told.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    ConnectTcp, Factory, ListenTcp, ListeningPort, Protocol, ReactorTcp, StreamClientEndpoint,
    Transport,
};
use protocol::client::{BackoffPolicy, ClientService};
use protocol::service::{ServerService, Service};
use protocol::wire::Echo;
use reactor::Reactor;
use reactor::simulated::{Faults, Simulated};
use reactor::simulation::SimulatedWorld;

/// When the faults end, and when the services stop: later than the longest pause between two attempts, that of
/// a request that is lost.
const CALM: Duration = Duration::from_secs(5);
const END: Duration = Duration::from_secs(60);

/// The longest pause of a client.
const PAUSE: Duration = Duration::from_millis(500);

/// Talks to the server until one of them has enough.
struct Caller {
    world: SimulatedWorld,
    rounds: usize,
}

impl Protocol for Caller {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(b"hello");
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        if self.rounds == 0 {
            // As a program that is done for now.
            return;
        }
        self.rounds -= 1;
        let (transport, data) = (transport.clone(), data.to_vec());
        let delay = self.world.delay(Duration::from_millis(300));
        self.world.reactor().call_later(delay, move || transport.write(&data));
    }
}

struct ServerRoute {
    reactor: Reactor<Simulated>,
    address: SocketAddr,
}

impl StreamClientEndpoint for ServerRoute {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.reactor.connect_tcp(&ConnectTcp::new(self.address), factory)
    }
}

/// Sets up pairs of services.
pub(crate) fn begin(world: &SimulatedWorld, pairs: usize, faults: &Faults) {
    world.network().set_faults(faults.clone());
    let network = world.network().clone();
    world.reactor().call_later(CALM, move || network.set_faults(Faults::none()));
    for number in 0..pairs {
        // The plain answer begins none, so a shrunk run has few.
        if world.choose(20) > 0 {
            begin_pair(world, 5000 + number as u16);
        }
    }
}

fn begin_pair(world: &SimulatedWorld, port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let server = Rc::new(server(world, address));
    let (of_caller, limit) = (world.clone(), world.choose(12));
    let route = ServerRoute { reactor: world.reactor().clone(), address };
    let build = move |_: &interfaces::Address| Caller { world: of_caller.clone(), rounds: limit };
    let backoff = BackoffPolicy::default().with_max_delay(PAUSE).with_jitter(|| Duration::ZERO);
    let client = ClientService::builder(route, world.reactor().clone(), build)
        .with_backoff(backoff)
        .with_time_limit(Duration::from_secs(3))
        .build();
    for started in [server.start_service(), client.start_service()] {
        if let Err(failure) = started {
            world.fail(format!("a start: {failure}"));
        }
    }
    for _ in 0..world.choose(4) {
        let (of_restart, server) = (world.clone(), server.clone());
        let delay = world.delay(CALM);
        world.reactor().call_later(delay, move || restart(&of_restart, &server));
    }
    let connected = Rc::new(Cell::new(false));
    let (of_end, seen) = (world.clone(), connected.clone());
    world.reactor().call_later(END, move || {
        let waiter = client.when_connected().add_callback(move |_| {
            seen.set(true);
            Ok(())
        });
        if !connected.get() {
            of_end.fail("the client of a server that runs has no connection");
        }
        drop(waiter);
        drop(of_end.must_fire("the client's stop", client.stop_service()));
        drop(of_end.must_fire("the server's stop", server.stop_service()));
    });
}

fn server(world: &SimulatedWorld, address: SocketAddr) -> ServerService {
    let (of_listen, reactor) = (world.clone(), world.reactor().clone());
    ServerService::new(move || {
        let echo = of_listen.checked(protocol::factory_fn(|_| Echo));
        let port = reactor.listen_tcp(&ListenTcp::new(address), echo)?;
        Ok::<Rc<dyn ListeningPort>, Failure>(port)
    })
}

/// Stops the server, and starts it again when it has stopped.
fn restart(world: &SimulatedWorld, server: &Rc<ServerService>) {
    let (of_start, again) = (world.clone(), server.clone());
    let stopped = world.must_fire("the stop of a restart", server.stop_service());
    drop(stopped.add_both(move |_| {
        if let Err(failure) = again.start_service() {
            of_start.fail(format!("a restart: {failure}"));
        }
        Ok::<(), Failure>(())
    }));
}
