//! How what is written becomes records.
//!
//! What is written during a delivery is gathered and becomes records when the delivery returns, and
//! earlier only where a whole record is full; the records, too, are handed down when it returns, and
//! earlier only where they are many. What is written at other times (from a timer, from
//! another connection) becomes records at once: most such writes are the only one of their turn, as
//! in a relay, and the transport below still gathers them into one system call.
//!
//! Invariant: bytes go down in the order in which they were written, also those that a producer
//! writes while others are on their way.

use std::cell::{Cell, RefCell};
use std::mem::replace;

use interfaces::{BufferLimits, Reason};

use super::connection::Connection;
use super::producer_slot::Brake;
use super::state::Phase;
use crate::session::{Outgoing, RECORD_PLAINTEXT_MAX};

/// How much plaintext is encrypted in one go.
const PLAINTEXT_AT_ONCE: usize = 4 * RECORD_PLAINTEXT_MAX;

/// Records are handed down before they and the plaintext that comes next are more than this: two whole
/// goes, as pull producers mostly make, with a record before them and one after.
const RECORDS_AT_ONCE: usize = 10 * RECORD_PLAINTEXT_MAX;

/// What waits to be sent.
#[derive(Default)]
pub(super) struct Outbox {
    /// Plaintext that is not encrypted yet.
    pub(super) pending: RefCell<Vec<u8>>,
    /// Records that wait for the end of a delivery.
    records: Cell<Option<Box<Outgoing>>>,
    /// How many deliveries are running.
    deliveries: Cell<u32>,
    flushing: Cell<bool>,
}

impl Connection {
    /// Begins to gather writes, until the guard is dropped and [`settle`](Self::settle) is called.
    pub(super) fn gather(&self) -> Gathering<'_> {
        self.outbox.deliveries.set(self.outbox.deliveries.get() + 1);
        Gathering { connection: self }
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.outbox.pending.borrow().is_empty()
    }

    fn has_records(&self) -> bool {
        let records = self.outbox.records.take();
        let has_some = records.is_some();
        self.outbox.records.set(records);
        has_some
    }

    /// How many bytes wait to be handed down.
    pub(super) fn waiting(&self) -> usize {
        let records = self.outbox.records.take();
        let made = records.as_ref().map_or(0, |records| records.len());
        self.outbox.records.set(records);
        self.outbox.pending.borrow().len() + made
    }

    /// Whether what is written now waits for the end of a delivery.
    pub(super) fn is_gathering(&self) -> bool {
        self.outbox.deliveries.get() > 0
    }

    /// Whether bytes are on their way down, so that nothing may overtake them.
    pub(super) fn is_flushing(&self) -> bool {
        self.outbox.flushing.get()
    }

    /// Takes plaintext to be sent now, after the delivery, or after the handshake.
    pub(super) fn take_plaintext(&self, data: &[u8]) {
        match self.phase.get() {
            Phase::New | Phase::Handshaking => {
                self.append(data);
                self.watch_held();
            }
            Phase::Established if self.outbox.flushing.get() => self.append(data),
            Phase::Established if self.is_gathering() => self.take_gathered(data),
            Phase::Established => {
                self.send(|| self.encrypt(&[], data));
                self.settle();
            }
            Phase::Closing | Phase::Lost => {}
        }
    }

    /// Gathers, but makes whole records, straight from the caller's slice where nothing waits.
    fn take_gathered(&self, data: &[u8]) {
        let waiting = self.outbox.pending.borrow().len();
        if waiting + data.len() < RECORD_PLAINTEXT_MAX {
            return self.append(data);
        }
        // What waits is less than a record, so `head` makes it one exactly; or a producer wrote it
        // during a flush, and it becomes records as it is.
        let missing = if waiting == 0 { 0 } else { RECORD_PLAINTEXT_MAX.saturating_sub(waiting) };
        let (head, rest) = data.split_at(missing);
        let (whole, tail) = rest.split_at(rest.len() - rest.len() % RECORD_PLAINTEXT_MAX);
        self.append(head);
        let flushing = Flushing::begin(&self.outbox.flushing);
        let records = self.encrypt_pending_and(whole);
        drop(flushing);
        self.outbox.records.set(Some(records));
        // What a producer has written meanwhile comes after all of this write.
        let later = self.outbox.pending.take();
        self.append(tail);
        self.append(&later);
        self.buffers().give(later);
    }

    fn append(&self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let mut pending = self.outbox.pending.borrow_mut();
        if pending.capacity() == 0 {
            *pending = self.buffers().take();
        }
        pending.extend_from_slice(data);
    }

    /// Before the handshake is done, what is written counts against the limits here.
    fn watch_held(&self) {
        let held = self.outbox.pending.borrow().len();
        let BufferLimits { high_water, cap, .. } = self.limits();
        if held > cap {
            self.abort_with(Reason::WriteBufferExceeded { cap });
        } else if held > high_water {
            self.producing().set(Brake::Handshake, true);
        }
    }

    /// Sends what waits, and what producers write because of that.
    pub(super) fn flush(&self) {
        if self.phase.get() == Phase::Established
            && !self.outbox.flushing.get()
            && (self.has_pending() || self.has_records())
        {
            self.send(|| self.encrypt_pending_and(&[]));
        }
    }

    /// Hands down the records that `make` makes; what producers write meanwhile comes after them.
    fn send(&self, make: impl FnOnce() -> Box<Outgoing>) {
        let flushing = Flushing::begin(&self.outbox.flushing);
        self.write_below(make());
        while self.phase.get() == Phase::Established && self.has_pending() {
            self.write_below(self.encrypt_pending_and(&[]));
        }
        drop(flushing);
    }

    /// Makes records of what waits and what comes after it.
    fn encrypt_pending_and(&self, after: &[u8]) -> Box<Outgoing> {
        let pending = self.outbox.pending.take();
        let records = self.encrypt(&pending, after);
        self.buffers().give(pending);
        records
    }

    /// Makes records and adds them to those that wait, which are then its answer. Where they get too
    /// many, the first of them are handed down.
    fn encrypt(&self, first: &[u8], second: &[u8]) -> Box<Outgoing> {
        let mut records = self.take_records();
        let pieces = first.chunks(PLAINTEXT_AT_ONCE).chain(second.chunks(PLAINTEXT_AT_ONCE));
        for piece in pieces {
            if records.len() + piece.len() > RECORDS_AT_ONCE {
                self.write_below(replace(&mut records, self.buffers().take_outgoing()));
            }
            let sent = match &mut *self.session.borrow_mut() {
                Some(session) => session.send(piece, &mut records),
                None => Ok(()),
            };
            if let Err(failure) = sent {
                self.write_below(records);
                self.fail(Reason::Tls(failure));
                return self.buffers().take_outgoing();
            }
        }
        records
    }

    /// The records that wait, to be added to.
    fn take_records(&self) -> Box<Outgoing> {
        self.outbox.records.take().unwrap_or_else(|| self.buffers().take_outgoing())
    }

    /// Gives records to the transport below, after those that wait.
    pub(super) fn hand_down(&self, records: Box<Outgoing>) {
        if let Some(waiting) = self.outbox.records.take() {
            self.write_below(waiting);
        }
        self.write_below(records);
    }

    /// Gives records to the transport below, and their buffer back.
    fn write_below(&self, records: Box<Outgoing>) {
        if let (Some(below), false) = (self.below.get(), records.is_empty()) {
            below.write(&records);
        }
        self.buffers().give_outgoing(records);
    }

    /// Forgets all that waits.
    pub(super) fn forget_unsent(&self) {
        self.outbox.pending.take();
        self.outbox.records.take();
    }
}

/// While it lives, writes are gathered; also an unwinding ends it.
pub(super) struct Gathering<'a> {
    connection: &'a Connection,
}

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        let deliveries = &self.connection.outbox.deliveries;
        deliveries.set(deliveries.get() - 1);
    }
}

/// While it lives, writes come after what is being encrypted.
struct Flushing<'a> {
    flag: &'a Cell<bool>,
}

impl<'a> Flushing<'a> {
    fn begin(flag: &'a Cell<bool>) -> Self {
        flag.set(true);
        Self { flag }
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.flag.set(false);
    }
}
