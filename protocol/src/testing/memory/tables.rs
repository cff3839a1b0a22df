//! What a network in memory consists of: its connections, ports and attempts, and its settings.
//!
//! Invariant: no borrow outlives a method, and no method runs foreign code.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use interfaces::Address;

use super::connection::Connection;
use super::endpoint::{Attempt, Port};
use super::guard::Guard;
use super::transport::Wire;
use crate::testing::Clock;
use crate::transport::SendPool;

/// Owned by a network and its clones; endpoints and ports point at it weakly.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) guard: Guard,
    connections: RefCell<Vec<Rc<Connection>>>,
    /// Storage for a round's list of connections; taken out while a round goes through it.
    round: Cell<Vec<Rc<Connection>>>,
    ports: RefCell<BTreeMap<Rc<str>, Rc<Port>>>,
    stopped: RefCell<VecDeque<Rc<Port>>>,
    attempts: RefCell<VecDeque<Rc<Attempt>>>,
    clock: RefCell<Option<Clock>>,
    limits: WireLimits,
    pool: Rc<SendPool>,
    serial: Cell<u64>,
}

/// What connections are made with from now on.
pub(super) struct WireLimits {
    pub(super) in_flight_max: Cell<usize>,
    pub(super) read_max: Cell<usize>,
}

impl Default for WireLimits {
    fn default() -> Self {
        Self { in_flight_max: Cell::new(64 * 1024), read_max: Cell::new(64 * 1024) }
    }
}

impl Tables {
    pub(super) fn limits(&self) -> &WireLimits {
        &self.limits
    }

    pub(super) fn clock(&self) -> Option<Clock> {
        self.clock.borrow().clone()
    }

    pub(super) fn set_clock(&self, clock: Clock) {
        let before = self.clock.replace(Some(clock));
        drop(before);
    }

    pub(super) fn next_serial(&self) -> u64 {
        let serial = self.serial.get() + 1;
        self.serial.set(serial);
        serial
    }

    pub(super) fn wire(&self, client: Address, server: Address) -> Wire {
        let (in_flight_max, read_max) =
            (self.limits.in_flight_max.get(), self.limits.read_max.get());
        Wire { client, server, in_flight_max, read_max, pool: self.pool.clone() }
    }

    pub(super) fn add_connection(&self, connection: Rc<Connection>) {
        self.connections.borrow_mut().push(connection);
    }

    pub(super) fn remove_connection(&self, connection: &Rc<Connection>) {
        self.connections.borrow_mut().retain(|other| !Rc::ptr_eq(other, connection));
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Whether a connection ends in this round.
    pub(super) fn has_ending(&self) -> bool {
        self.connections.borrow().iter().any(|connection| connection.is_ending())
    }

    /// The connections whose protocols are told in this round that they are lost.
    pub(super) fn ending_connections(&self) -> Vec<Rc<Connection>> {
        let connections = self.connections.borrow();
        connections.iter().filter(|connection| connection.is_ending()).cloned().collect()
    }

    /// Calls `step` for each connection of the list as it is now.
    #[inline]
    pub(super) fn for_each_connection(&self, mut step: impl FnMut(&Connection)) {
        let mut round = self.round.take();
        round.extend(self.connections.borrow().iter().cloned());
        for connection in &round {
            step(connection);
        }
        round.clear();
        self.round.set(round);
    }

    pub(super) fn port(&self, name: &Rc<str>) -> Option<Rc<Port>> {
        self.ports.borrow().get(name).cloned()
    }

    pub(super) fn add_port(&self, name: Rc<str>, port: Rc<Port>) {
        let before = self.ports.borrow_mut().insert(name, port);
        debug_assert!(before.is_none(), "the name was looked up before");
    }

    /// Takes a port off its name; its factory is told in a later round.
    pub(super) fn stop_port(&self, name: &Rc<str>) {
        let port = self.ports.borrow_mut().remove(name);
        self.stopped.borrow_mut().extend(port);
    }

    pub(super) fn next_stopped(&self) -> Option<Rc<Port>> {
        self.stopped.borrow_mut().pop_front()
    }

    /// How many ports stopped, and were not told yet.
    pub(super) fn stopped(&self) -> usize {
        self.stopped.borrow().len()
    }

    /// How many ports there are, the stopped ones included.
    pub(super) fn ports(&self) -> usize {
        self.ports.borrow().len() + self.stopped()
    }

    pub(super) fn add_attempt(&self, attempt: Rc<Attempt>) {
        self.attempts.borrow_mut().push_back(attempt);
    }

    pub(super) fn next_attempt(&self) -> Option<Rc<Attempt>> {
        self.attempts.borrow_mut().pop_front()
    }

    /// Takes an attempt back, if it was not made yet.
    pub(super) fn remove_attempt(&self, attempt: &Rc<Attempt>) -> Option<Rc<Attempt>> {
        let mut attempts = self.attempts.borrow_mut();
        let place = attempts.iter().position(|queued| Rc::ptr_eq(queued, attempt))?;
        attempts.remove(place)
    }

    pub(super) fn attempts(&self) -> usize {
        self.attempts.borrow().len()
    }
}
