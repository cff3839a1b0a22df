//! A client that connects anew when no answer comes in time, and forgets the connection before.
//!
//! Invariant: nothing but the leak is wrong with it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{ConnectTcp, ListenTcp, Protocol, ReactorTcp, Transport};
use protocol::wire::Echo;
use ropewalk_reactor::simulated::{ChoiceKind, Faults};
use ropewalk_reactor::simulation::{SimulatedWorld, Simulation};

const ADDRESS: &str = "127.0.0.1:7";

/// The time after which a client takes its connection for dead.
const PATIENCE: Duration = Duration::from_millis(150);

#[derive(Clone)]
struct Caller {
    world: SimulatedWorld,
    is_answered: Rc<Cell<bool>>,
    closes: bool,
}

impl Caller {
    fn call(&self) {
        let (me, address) = (self.clone(), ADDRESS.parse::<SocketAddr>().unwrap());
        let factory = protocol::factory_fn(move |_| me.clone());
        drop(
            self.world
                .reactor()
                .connect_tcp(&ConnectTcp::new(address), self.world.checked(factory)),
        );
    }
}

impl Protocol for Caller {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(b"hello");
        let (me, transport) = (self.clone(), transport.clone());
        self.world.reactor().call_later(PATIENCE, move || {
            if !me.is_answered.get() {
                if me.closes {
                    transport.lose_connection();
                }
                me.call();
            }
        });
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, _: &[u8]) {
        if !self.is_answered.replace(true) || self.closes {
            transport.lose_connection();
        }
    }
}

fn calls(world: &SimulatedWorld, closes: bool) {
    world.network().set_faults(Faults::harmless());
    let options = ListenTcp::new(ADDRESS.parse::<SocketAddr>().unwrap());
    let echo = protocol::factory_fn(|_| Echo);
    world.reactor().listen_tcp(&options, world.checked(echo)).unwrap();
    Caller { world: world.clone(), is_answered: Rc::default(), closes }.call();
}

#[test]
fn a_reconnect_that_leaks_is_found_and_shrunk_to_the_one_lost_segment() {
    let failure = Simulation::new().run(0..1000, |world| calls(world, false)).unwrap_err();
    assert!(failure.what().ends_with("this is left: connections: 2"), "{failure}");
    let token = failure.token().to_string();
    assert!(token.contains(ChoiceKind::Stall.name()), "{failure}");
    assert_eq!(failure.token().choices(), Some(1), "{failure}");
}

#[test]
fn without_the_leak_the_same_runs_are_clean() {
    Simulation::new().run(0..300, |world| calls(world, true)).unwrap();
}
