//! Runs that differ although their seed is one, and runs that do not.
//!
//! Invariant: a difference is told by the first call in which the two traces differ.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;

use interfaces::{ConnectTcp, ListenTcp, Protocol, ReactorTcp, ReactorThreads, Transport};
use ropewalk_reactor::simulated::Faults;
use ropewalk_reactor::simulation::{SimulatedWorld, Simulation};

struct Greeter(Vec<u8>);

impl Protocol for Greeter {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(&self.0);
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

fn greeting(world: &SimulatedWorld, words: Vec<u8>) {
    world.network().set_faults(Faults::harmless());
    let address: SocketAddr = "127.0.0.1:7".parse().unwrap();
    let greeters = protocol::factory_fn(move |_| Greeter(words.clone()));
    world.reactor().listen_tcp(&ListenTcp::new(address), world.checked(greeters)).unwrap();
    let silent = protocol::factory_fn(|_| Silent);
    drop(world.reactor().connect_tcp(&ConnectTcp::new(address), world.checked(silent)));
}

#[test]
fn a_program_that_counts_its_runs_is_told_the_first_call_that_differs() {
    let runs = Cell::new(0);
    let counting = |world: &SimulatedWorld| {
        runs.set(runs.get() + 1);
        greeting(world, vec![b'x'; 10 + runs.get()]);
    };
    let failure = Simulation::new().twice().run(0..10, counting).unwrap_err();
    assert!(failure.what().contains("differ first in these calls"), "{failure}");
    assert!(failure.what().contains("sendmsg") || failure.what().contains("send"), "{failure}");
}

#[test]
fn what_the_seed_decides_is_the_same_twice() {
    let seeded = |world: &SimulatedWorld| greeting(world, world.seed().to_le_bytes().to_vec());
    Simulation::new().twice().run(0..50, seeded).unwrap();
}

/// In which order the pieces of work of one run ended.
type Order = Rc<RefCell<Vec<usize>>>;

#[test]
fn work_on_other_threads_ends_in_any_order_and_in_the_same_one_by_the_same_seed() {
    let orders: RefCell<Vec<Order>> = RefCell::default();
    let working = |world: &SimulatedWorld| {
        let order = Order::default();
        for number in 0..3 {
            let order = order.clone();
            let done = Box::new(move |_| order.borrow_mut().push(number));
            world.reactor().call_in_thread(Box::new(|| {}), done);
        }
        orders.borrow_mut().push(order);
    };
    Simulation::new().twice().run(0..50, working).unwrap();
    let orders: Vec<_> = orders.take().iter().map(|order| order.take()).collect();
    assert!(orders.chunks(2).all(|pair| pair[0] == pair[1]));
    let different: BTreeSet<_> = orders.into_iter().collect();
    assert_eq!(different.len(), 6, "each order of three: {different:?}");
}
