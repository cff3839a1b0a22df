//! Counts the bytes of accepted connections, tells how each has ended, and dumps it: for `--status`,
//! `--log-connections` and `--dump`.
//!
//! Invariant: bytes pass through untouched; each connection is told once, at its end.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use interfaces::{
    Address, Chunk, Deliver, Event, Factory, HalfCloseableTransport, ReactorTime as _, Reason,
    Transport, printable,
};
use protocol::layer::{Layer, LayerTransport, WrappingFactory};
use reactor::Reactor;

use super::Board;
use super::metrics::ending;
use crate::dump::{ConnectionDump, Dump};
use crate::log::{self, ConnectionEnd};
use crate::report;

/// The number of the last connection of any worker.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The wishes beside counting.
pub(crate) struct Metering {
    /// The end of each is told.
    pub(crate) is_told: bool,
    pub(crate) dump: Option<Arc<Dump>>,
}

impl Metering {
    /// Whether there is anything.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_told || self.dump.is_some()
    }
}

/// A factory whose connections are counted, and told and dumped as asked.
pub(crate) fn metered(
    factory: Rc<dyn Factory>,
    board: &Arc<Board>,
    clock: &Reactor,
    metering: Metering,
) -> Rc<dyn Factory> {
    let (board, clock) = (board.clone(), clock.clone());
    let meter = move |peer: &Address| {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed) + 1;
        ConnectionMeter {
            number,
            peer: peer.clone(),
            wire: Cell::new(UNKNOWN),
            began: clock.now(),
            clock: clock.clone(),
            received: Cell::new(0),
            sent: Cell::new(0),
            board: board.clone(),
            is_told: metering.is_told,
            dump: metering.dump.as_ref().map(|dump| dump.connection(number, peer)),
        }
    };
    WrappingFactory::new(factory, meter).into_rc()
}

/// The wire of a connection that was not made.
const UNKNOWN: &str = "unknown";

struct ConnectionMeter {
    number: u64,
    peer: Address,
    wire: Cell<&'static str>,
    began: Duration,
    clock: Reactor,
    received: Cell<u64>,
    sent: Cell<u64>,
    board: Arc<Board>,
    is_told: bool,
    dump: Option<ConnectionDump>,
}

impl ConnectionMeter {
    fn dump(&self, write: impl FnOnce(&ConnectionDump)) {
        if let Some(dump) = &self.dump {
            write(dump);
        }
    }

    fn made(&self, transport: &dyn Transport) {
        self.wire.set(wire(transport));
        self.dump(|dump| dump.made(transport));
    }

    fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
        self.board.metrics.sent(bytes);
    }

    fn lost(&self, reason: &Reason) {
        self.board.metrics.closed(reason);
        self.dump(|dump| dump.lost(reason));
        if !self.is_told {
            return;
        }
        let time = self.clock.now().saturating_sub(self.began);
        let end = ConnectionEnd {
            id: self.number,
            peer: printable(&self.peer.to_string()).to_string(),
            wire: self.wire.get(),
            began: log::now().saturating_sub(time),
            time,
            received: self.received.get(),
            sent: self.sent.get(),
            reason: ending(reason),
        };
        report::connection(end, reason);
    }
}

/// What carries a connection, in one word.
fn wire(transport: &dyn Transport) -> &'static str {
    if transport.as_tls().is_some() {
        return "tls";
    }
    match transport.host() {
        Address::Ipv4(_) | Address::Ipv6(_) => "tcp",
        Address::Unix(_) => "unix",
        Address::Other(name) if name.starts_with("vsock:") => "vsock",
        _ => "other",
    }
}

impl Layer for ConnectionMeter {
    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        match &event {
            Event::ConnectionMade(transport) => self.made(&***transport),
            Event::ReadConnectionLost => self.dump(ConnectionDump::received_end),
            Event::ConnectionLost(reason) => self.lost(reason),
            _ => {}
        }
        above.deliver(event);
    }

    fn received(&self, data: &[u8]) {
        self.received.set(self.received.get() + data.len() as u64);
        self.board.metrics.received(data.len());
        self.dump(|dump| dump.received(data));
    }

    fn write(&self, below: &dyn Transport, data: &[u8]) {
        self.sent(data.len());
        self.dump(|dump| dump.sent(data));
        below.write(data);
    }

    fn write_sequence(&self, below: &dyn Transport, chunks: Vec<Chunk>) {
        self.sent(chunks.iter().map(|chunk| chunk.len()).sum());
        self.dump(|dump| chunks.iter().for_each(|chunk| dump.sent(chunk)));
        below.write_sequence(chunks);
    }

    fn lose_write_connection(&self, below: &dyn HalfCloseableTransport) {
        self.dump(ConnectionDump::sent_end);
        below.lose_write_connection();
    }
}
