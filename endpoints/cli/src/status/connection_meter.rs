//! Counts the bytes of accepted connections, and tells how each has ended: for `--status` and
//! `--log-connections`.
//!
//! Invariant: bytes pass through untouched; each connection is told once, at its end.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deferred::Chain;
use interfaces::{Address, Chunk, Deliver, Event, Factory, ReactorTime as _, Reason, Transport};
use protocol::layer::{Layer, LayerTransport, WrappingFactory};
use reactor::Reactor;

use super::Board;
use crate::report;

/// The number of the last connection of any worker.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A factory whose connections are counted, and told if `is_told`.
pub(crate) fn metered(
    factory: Rc<dyn Factory>,
    board: &Arc<Board>,
    clock: &Reactor,
    is_told: bool,
) -> Rc<dyn Factory> {
    let (board, clock) = (board.clone(), clock.clone());
    let meter = move |peer: &Address| ConnectionMeter {
        number: NUMBER.fetch_add(1, Ordering::Relaxed) + 1,
        peer: peer.clone(),
        began: clock.now(),
        clock: clock.clone(),
        received: Cell::new(0),
        sent: Cell::new(0),
        board: board.clone(),
        is_told,
    };
    WrappingFactory::new(factory, meter).into_rc()
}

struct ConnectionMeter {
    number: u64,
    peer: Address,
    began: Duration,
    clock: Reactor,
    received: Cell<u64>,
    sent: Cell<u64>,
    board: Arc<Board>,
    is_told: bool,
}

impl ConnectionMeter {
    fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
        self.board.metrics.sent(bytes);
    }

    fn lost(&self, reason: &Reason) {
        self.board.metrics.closed(reason);
        if !self.is_told {
            return;
        }
        let (number, peer) = (self.number, &self.peer);
        let (received, sent) = (self.received.get(), self.sent.get());
        let time = self.clock.now().saturating_sub(self.began).as_secs_f64();
        let ended = Chain(reason);
        report::note(format_args!(
            "connection {number} of {peer}: {received} bytes received, {sent} sent, {time:.3} s: {ended}"
        ));
    }
}

impl Layer for ConnectionMeter {
    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        if let Event::ConnectionLost(reason) = &event {
            self.lost(reason);
        }
        above.deliver(event);
    }

    fn received(&self, data: &[u8]) {
        self.received.set(self.received.get() + data.len() as u64);
        self.board.metrics.received(data.len());
    }

    fn write(&self, below: &dyn Transport, data: &[u8]) {
        self.sent(data.len());
        below.write(data);
    }

    fn write_sequence(&self, below: &dyn Transport, chunks: Vec<Chunk>) {
        self.sent(chunks.iter().map(|chunk| chunk.len()).sum());
        below.write_sequence(chunks);
    }
}
