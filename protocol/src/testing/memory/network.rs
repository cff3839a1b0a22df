//! The network in memory: what a reactor is to sockets.
//!
//! Invariant: a round does what was there when it began, in the order in which it came about.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use interfaces::{Address, Deliver, Observer};

use super::connection::{Connection, Opening, Progress};
use super::endpoint::{ClientEndpoint, ServerEndpoint};
use super::pair::Pair;
use super::tables::Tables;
use crate::testing::Clock;

/// How many rounds [`Network::flush`] makes before it gives up.
const ROUNDS_MAX: u32 = 10_000_000;

/// Connections in memory, and the endpoints that make them; a clone is the same network.
///
/// A round of [`pump`](Self::pump): the clock's calls that are due; connections that ended before
/// this round are lost; ports that stopped; new connections; then for each connection
/// `connection_made`, or one `data_received`, and sending.
#[derive(Clone, Default)]
pub struct Network {
    pub(super) tables: Rc<Tables>,
}

impl Network {
    /// A network without connections.
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins two protocols. They hear of it in the next round.
    pub fn join(&self, client: Rc<dyn Deliver>, server: Rc<dyn Deliver>) -> Pair {
        let serial = self.tables.next_serial();
        let name = |side| Address::Other(format!("memory:{side}#{serial}").into());
        self.join_at(name("client"), client, name("server"), server)
    }

    /// As [`join`](Self::join), with the addresses that the two sides are to see.
    pub fn join_at(
        &self,
        client_address: Address,
        client: Rc<dyn Deliver>,
        server_address: Address,
        server: Rc<dyn Deliver>,
    ) -> Pair {
        let (client_side, server_side) = self.tables.wire(client_address, server_address).connect();
        self.tables.add_connection(Connection::new(client_side.clone(), client, Opening::Silent));
        self.tables.add_connection(Connection::new(server_side.clone(), server, Opening::Silent));
        Pair::of(self.clone(), client_side, server_side)
    }

    /// An endpoint that accepts what connects to `name`.
    pub fn server(&self, name: &str) -> ServerEndpoint {
        ServerEndpoint::new(self, name)
    }

    /// An endpoint that connects to `name`.
    pub fn client(&self, name: &str) -> ClientEndpoint {
        ClientEndpoint::new(self, name)
    }

    /// How many bytes may be on their way in each direction of connections made from now on;
    /// 64 KiB at first.
    pub fn set_in_flight_max(&self, bytes: usize) {
        self.tables.limits().in_flight_max.set(bytes.max(1));
    }

    /// How many bytes one `data_received` gets at most, on connections made from now on; 64 KiB at
    /// first. With 1, all arrives byte by byte.
    pub fn set_read_max(&self, bytes: usize) {
        self.tables.limits().read_max.set(bytes.max(1));
    }

    /// Makes each round begin with `clock.advance(0)`, as a reactor runs what is due.
    pub fn run_clock(&self, clock: &Clock) {
        self.tables.set_clock(clock.clone());
    }

    /// Catches panics of protocols, factories, producers and the clock's calls, as a reactor does: it
    /// costs that connection only. Otherwise they go through [`pump`](Self::pump) to the test, which
    /// is what a test of one protocol wants.
    ///
    /// This crate has no `std` and so cannot catch panics itself. `catch` makes the call that it is
    /// given, and gives the panic's message:
    ///
    /// ```
    /// # use ropewalk_protocol as protocol;
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    /// use std::rc::Rc;
    ///
    /// protocol::testing::memory::Network::new().catch_panics(|call| {
    ///     catch_unwind(AssertUnwindSafe(call)).map_err(|_| Rc::from("it panicked"))
    /// });
    /// ```
    pub fn catch_panics(&self, catch: impl Fn(&mut dyn FnMut()) -> Result<(), Rc<str>> + 'static) {
        self.tables.guard.set_catch(Rc::new(catch));
    }

    /// Tells this observer, in place of the one before, of panics that were caught and of ports that
    /// begin and cease to listen.
    pub fn set_observer(&self, observer: Rc<dyn Observer>) {
        self.tables.guard.set_observer(observer);
    }

    /// How many sides of connections there are. A side is one until its protocol was told that
    /// the connection is lost.
    pub fn connections(&self) -> usize {
        self.tables.connections()
    }

    /// How many ports there are. One that was stopped is a port until its factory was told.
    pub fn ports(&self) -> usize {
        self.tables.ports()
    }

    /// How many attempts to connect wait for the next round.
    pub fn attempts(&self) -> usize {
        self.tables.attempts()
    }

    /// One round; says whether anything happened.
    pub fn pump(&self) -> bool {
        self.run_due_calls();
        // A connection that ends from here on waits for the next round.
        let progress = match self.tables.has_ending() {
            true => self.finish_connections(self.tables.ending_connections()),
            false => Progress::Quiet,
        };
        let progress = progress.or(self.finish_ports());
        let progress = progress.or(self.make_attempts());
        progress.or(self.step_connections()) == Progress::Moved
    }

    /// Rounds until one finds nothing to do. What a paused reader or an unregistered producer holds
    /// up stays where it is.
    ///
    /// # Panics
    ///
    /// After ten million rounds: then the protocols will talk for ever.
    pub fn flush(&self) {
        for _ in 0..ROUNDS_MAX {
            if !self.pump() {
                return;
            }
        }
        panic!("the network did not come to rest within {ROUNDS_MAX} rounds");
    }

    fn run_due_calls(&self) {
        let Some(clock) = self.tables.clock() else { return };
        let advance = &mut || clock.advance(Duration::ZERO);
        // A panic leaves the other calls pending; each round of this loop has one call fewer.
        while self.tables.guard.call("timer", None, advance).is_err() {}
    }

    fn finish_connections(&self, ending: Vec<Rc<Connection>>) -> Progress {
        let mut progress = Progress::Quiet;
        for connection in ending {
            // One by one, so that a panic in one leaves the others in the list.
            self.tables.remove_connection(&connection);
            connection.finish(&self.tables.guard);
            progress = Progress::Moved;
        }
        progress
    }

    fn finish_ports(&self) -> Progress {
        let count = self.tables.stopped();
        for port in (0..count).filter_map(|_| self.tables.next_stopped()) {
            port.finish(&self.tables.guard);
        }
        if count > 0 { Progress::Moved } else { Progress::Quiet }
    }

    fn make_attempts(&self) -> Progress {
        let count = self.tables.attempts();
        for attempt in (0..count).filter_map(|_| self.tables.next_attempt()) {
            attempt.make(self);
        }
        if count > 0 { Progress::Moved } else { Progress::Quiet }
    }

    fn step_connections(&self) -> Progress {
        let mut progress = Progress::Quiet;
        self.tables.for_each_connection(|connection| {
            progress = progress.or(connection.step(&self.tables.guard));
        });
        progress
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
