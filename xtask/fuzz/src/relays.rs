//! Fuzzes whole relays in memory: clients and servers that write, pause, half-close, close and abort at any time, with
//! pipes and reads of any size.
//!
//! Invariant: each side gets the beginning of what the other sent, all of it where both ended cleanly, and nothing is
//! left at the end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{StreamServerEndpoint, Transport};
use protocol::relay::RelayFactory;
use protocol::testing::memory::Network;
use protocol::testing::{Clock, Record, Recorder};
use protocol::{connect_protocol, factory_fn};

/// The most connections of one input.
const PAIRS_MAX: usize = 3;

/// One end: a client before the relay, or a server behind it.
struct End {
    record: Record,
    sent: Cell<usize>,
    /// It has ended its sending cleanly.
    has_ended: Cell<bool>,
    /// It has cut what was on its way.
    has_cut: Cell<bool>,
}

impl End {
    fn new() -> Rc<Self> {
        let record = Record::new();
        let (sent, has_ended, has_cut) = (Cell::new(0), Cell::new(false), Cell::new(false));
        Rc::new(Self { record, sent, has_ended, has_cut })
    }

    fn transport(&self) -> Option<Rc<dyn Transport>> {
        let is_open =
            self.record.calls().first() == Some(&"connection_made") && self.record.lost().is_none();
        is_open.then(|| self.record.transport())
    }

    /// Writes bytes, each the low byte of its position.
    fn write(&self, transport: &dyn Transport, count: usize) {
        if !self.has_ended.get() && !self.has_cut.get() {
            let from = self.sent.get();
            let data: Vec<u8> = (from..from + count).map(|at| at as u8).collect();
            transport.write(&data);
            self.sent.set(from + count);
        }
    }

    fn step(&self, what: u8, count: usize) {
        let Some(transport) = self.transport() else { return };
        match what {
            0..=2 => self.write(&*transport, count * [1, 40, 600][usize::from(what)]),
            3 => {
                transport.as_half_closeable().expect("it is").lose_write_connection();
                self.has_ended.set(true);
            }
            4 => {
                transport.lose_connection();
                self.has_ended.set(true);
                self.has_cut.set(true);
            }
            5 => {
                transport.abort_connection();
                self.has_cut.set(true);
            }
            6 => transport.pause_producing(),
            _ => transport.resume_producing(),
        }
    }

    /// Checks that its bytes are the first ones of the other side, or all of them.
    fn received_from(&self, other: &Self, is_whole: bool) {
        let received = self.record.received();
        assert!(received.len() <= other.sent.get());
        assert!(received.iter().enumerate().all(|(at, byte)| *byte == at as u8));
        if is_whole {
            assert_eq!(received.len(), other.sent.get(), "nothing was cut");
        }
    }

    fn is_over(&self) {
        let calls = self.record.calls();
        let lost = calls.iter().filter(|call| **call == "connection_lost").count();
        assert_eq!(lost, usize::from(!calls.is_empty()), "{calls:?}");
        assert!(calls.is_empty() || calls.last() == Some(&"connection_lost"), "{calls:?}");
    }
}

/// A relay between clients and servers.
struct Site {
    network: Network,
    clock: Clock,
    clients: Vec<Rc<End>>,
    servers: Rc<RefCell<Vec<Rc<End>>>>,
    has_waited: bool,
}

impl Site {
    fn new(choice: u8) -> (Self, RelayFactory) {
        let (network, clock) = (Network::new(), Clock::new());
        network.run_clock(&clock);
        network.set_in_flight_max([1, 7, 500, 65536][usize::from(choice % 4)]);
        network.set_read_max([1, 13, 1000, 65536][usize::from(choice / 4 % 4)]);
        let relay = RelayFactory::new(network.client("back"), clock.clone());
        let (clients, servers) = (Vec::new(), Rc::default());
        (Self { network, clock, clients, servers, has_waited: false }, relay)
    }

    fn connect(&mut self) {
        if self.clients.len() < PAIRS_MAX {
            let end = End::new();
            let recorder = Recorder::new(&end.record).half_closeable();
            let connected = connect_protocol(&self.network.client("front"), recorder);
            drop(connected.add_both(|_| Ok::<_, deferred::Failure>(())));
            self.clients.push(end);
            self.network.pump();
        }
    }

    fn step(&mut self, what: u8, number: u8) {
        let count = usize::from(number);
        let end = match what / 16 % 2 {
            0 => self.clients.get(count % PAIRS_MAX).cloned(),
            _ => self.servers.borrow().get(count % PAIRS_MAX).cloned(),
        };
        match (what % 16, end) {
            (what @ 0..8, Some(end)) => end.step(what, count),
            (0..8, None) | (8, _) => self.connect(),
            (9, _) => {
                self.has_waited = true;
                self.clock.advance(Duration::from_secs(u64::from(number)));
            }
            (10, _) => self.network.flush(),
            _ => drop((0..=number % 8).map(|_| self.network.pump()).collect::<Vec<_>>()),
        }
    }

    /// Everything is read, and ends as it is asked to.
    fn finish(mut self) {
        self.resume();
        self.network.flush();
        if !self.has_waited {
            // The servers come in the order of the clients.
            let servers = self.servers.borrow().clone();
            for (client, server) in self.clients.iter().zip(&servers) {
                let is_whole = !client.has_cut.get() && !server.has_cut.get();
                server.received_from(client, is_whole);
                client.received_from(server, is_whole);
            }
        }
        let ends: Vec<_> = self.clients.drain(..).chain(self.servers.take()).collect();
        for end in &ends {
            end.transport().inspect(|transport| transport.lose_connection());
        }
        self.network.flush();
        self.clock.advance(Duration::from_secs(2 * 3600));
        self.network.flush();
        ends.iter().for_each(|end| end.is_over());
        assert_eq!(self.network.connections(), 0);
    }

    fn resume(&self) {
        let servers = self.servers.borrow().clone();
        for end in self.clients.iter().chain(&servers) {
            end.transport().inspect(|transport| transport.resume_producing());
        }
    }
}

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, steps)) = data.split_first() else { return };
    let (mut site, relay) = Site::new(*choice);
    let pairs = relay.pairs();
    let servers = site.servers.clone();
    let back = factory_fn(move |_| {
        let end = End::new();
        servers.borrow_mut().push(end.clone());
        Recorder::new(&end.record).half_closeable()
    });
    let back = site.network.server("back").listen(back).try_into_result();
    let front = site.network.server("front").listen(relay.into_rc()).try_into_result();
    site.connect();
    for [what, number] in steps.as_chunks().0.iter().take(200) {
        site.step(*what, *number);
    }
    let (network, clock) = (site.network.clone(), site.clock.clone());
    site.finish();
    for port in [back, front] {
        let Ok(port) = port else { panic!("it listens at once") };
        let port = port.expect("it is free");
        drop(port.stop_listening());
    }
    network.flush();
    assert_eq!((network.ports(), pairs.connections()), (0, 0));
    clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(clock.pending(), 0);
}
