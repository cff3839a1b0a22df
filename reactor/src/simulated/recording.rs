//! What the tool for whole runs, `simulation`, asks of a simulated network: its choices, its trace, its sockets.
//!
//! Invariant: nothing here changes a run but the choices that are kept.

use std::fmt::Write as _;
use std::time::Duration;

use interfaces::Address;

use super::choices::Kept;
use super::connection::{Connection, Holder, Wire};
use super::ids::{ConnectionId, EndId, Side};
use super::kind::ChoiceKind;
use super::met::FaultCounts;
use super::network::Simulated;
use super::pipe::Fin;
use super::trace::TraceEntry;
use super::world::World;

/// One life for a time line: its two ends, and what happened to them.
#[derive(Clone, Debug)]
pub(crate) struct RecordedLife {
    /// The client's address and the server's.
    pub(crate) names: [String; 2],
    /// The numbers of the two sockets in the trace.
    pub(crate) sockets: [u64; 2],
    pub(crate) entries: Vec<TraceEntry>,
}

impl Simulated {
    /// How many of the lives that have ended met which faults.
    pub fn fault_counts(&self) -> FaultCounts {
        self.world.borrow().fault_counts.clone()
    }

    /// The open sockets as a table, as netstat(8) prints it: a line for each listener, each end of a connection
    /// and each datagram socket.
    pub fn socket_table(&self) -> String {
        self.world.borrow().socket_table()
    }

    /// Draws one of `0..limit` from the seed; 0 for a limit of 0.
    pub(crate) fn choose(&self, limit: u64) -> u64 {
        self.world.borrow_mut().choices.below(ChoiceKind::Test, limit)
    }

    /// Notes the choices from now on; with `kept`, has them answered by that.
    pub(crate) fn record(&self, kept: Option<Kept>) {
        self.world.borrow_mut().choices.record(kept);
    }

    /// The choices that were made with another than the plain answer since they are noted.
    pub(crate) fn made(&self) -> Kept {
        self.world.borrow().choices.made()
    }

    pub(crate) fn time(&self) -> Duration {
        self.world.borrow().clock.now().into()
    }

    /// The connection whose socket was used last, as far as the trace was kept.
    pub(crate) fn last_life(&self) -> Option<RecordedLife> {
        let world = self.world.borrow();
        let entries = world.trace.entries();
        let used = entries.iter().rev().find(|entry| {
            let kept = |names: &LifeNames| names.0 == ConnectionId(entry.socket / 2);
            entry.is_transfer() && world.lives.iter().any(kept)
        })?;
        let id = ConnectionId(used.socket / 2);
        let LifeNames(_, names) = world.lives.iter().find(|names| names.0 == id)?;
        let sockets = [EndId::client(id).number(), EndId::server(id).number()];
        let is_of_it = |entry: &TraceEntry| entry.socket == 0 || sockets.contains(&entry.socket);
        let of_it: Vec<TraceEntry> =
            entries.iter().filter(|entry| is_of_it(entry)).cloned().collect();
        Some(RecordedLife { names: names.clone(), sockets, entries: of_it })
    }
}

/// The addresses of a connection that was there since the trace is kept.
#[derive(Clone, Debug)]
pub(super) struct LifeNames(pub(super) ConnectionId, pub(super) [String; 2]);

impl World {
    /// Remembers the addresses of a connection, where the trace is kept.
    pub(super) fn remember(&mut self, id: ConnectionId) {
        if !self.trace.is_kept() {
            return;
        }
        if let Some(connection) = self.connections.get(id) {
            let name = |side| shown(&connection.end(side).name);
            self.lives.push(LifeNames(id, [name(Side::Client), name(Side::Server)]));
        }
    }

    fn socket_table(&self) -> String {
        let mut table =
            row(["Proto", "Recv-Q", "Send-Q", "Local Address", "Foreign Address", "State"]);
        for listener in self.listeners.values() {
            let waiting = listener.queued().len().to_string();
            let name = shown(&listener.address);
            table += &row([protocol(&listener.address), &waiting, "0", &name, "*", "LISTEN"]);
        }
        let mut connections: Vec<_> = self.connections.iter().collect();
        connections.sort_by_key(|(id, _)| *id);
        for (_, connection) in connections {
            for side in [Side::Client, Side::Server] {
                table += &end_row(connection, side);
            }
        }
        for socket in self.datagrams.sockets.values() {
            let peer = socket.peer.as_ref().map_or("*".to_owned(), shown);
            let host = shown(&socket.host);
            table += &row(["udp", &socket.waiting().to_string(), "0", &host, &peer, ""]);
        }
        table
    }
}

fn end_row(connection: &Connection, side: Side) -> String {
    let end = connection.end(side);
    if end.holder == Holder::Pending {
        return String::new();
    }
    let [sent, received] = [side, side.other()].map(|side| connection.pipe(side));
    let waiting = received.readable_bytes().to_string();
    let unsent = sent.unacknowledged_bytes().to_string();
    let (local, foreign) = (shown(&end.name), shown(&connection.end(side.other()).name));
    let state = state(connection, side);
    row([protocol(&connection.end(Side::Server).name), &waiting, &unsent, &local, &foreign, state])
}

/// The state by the names of tcp(7).
fn state(connection: &Connection, side: Side) -> &'static str {
    let end = connection.end(side);
    let is_finished = connection.pipe(side).fin != Fin::Open;
    let peer_is_finished = connection.pipe(side.other()).fin_arrived;
    match (end.wire, end.holder, is_finished, peer_is_finished) {
        (Wire::Opening, ..) => "SYN_SENT",
        (Wire::Broken, ..) => "CLOSE",
        (Wire::Established, Holder::Queue, ..) => "SYN_RECV",
        (Wire::Established, _, false, false) => "ESTABLISHED",
        (Wire::Established, _, false, true) => "CLOSE_WAIT",
        (Wire::Established, _, true, false) => "FIN_WAIT",
        (Wire::Established, _, true, true) => "LAST_ACK",
    }
}

fn protocol(address: &Address) -> &'static str {
    if matches!(address, Address::Unix(_)) { "unix" } else { "tcp" }
}

fn shown(address: &Address) -> String {
    address.to_string()
}

fn row([protocol, received, sent, local, foreign, state]: [&str; 6]) -> String {
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _ = write!(line, "{protocol:<5} {received:>6} {sent:>6} {local:<23} {foreign:<23} {state}");
    format!("{}\n", line.trim_end())
}
