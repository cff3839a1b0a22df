//! How what is written becomes records.
//!
//! What is written during a delivery is gathered and becomes records when the delivery returns, and
//! earlier only where a whole record is full. What is written at other times (from a timer, from
//! another connection) becomes records at once: most such writes are the only one of their turn, as
//! in a relay, and the transport below still gathers them into one system call.
//!
//! Invariant: bytes go down in the order in which they were written, also those that a producer
//! writes while others are on their way.

use std::cell::{Cell, RefCell};
use std::mem::replace;

use interfaces::{BufferLimits, Reason};

use super::connection::Connection;
use super::producing::Brake;
use super::state::Phase;
use crate::session::{Outgoing, RECORD_PLAINTEXT_MAX};

/// How much plaintext is encrypted in one go.
const PLAINTEXT_AT_ONCE: usize = 4 * RECORD_PLAINTEXT_MAX;

/// Records are handed down before they, or the plaintext that comes next, are more than this: a whole
/// go with a record that was gathered before it.
const RECORDS_AT_ONCE: usize = 6 * RECORD_PLAINTEXT_MAX;

/// What waits to be sent.
#[derive(Default)]
pub(super) struct Outbox {
    /// Plaintext that is not encrypted yet.
    pub(super) pending: RefCell<Vec<u8>>,
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
                self.guarded(|| self.encrypt(&[], data));
                self.settle();
            }
            Phase::Closing | Phase::Lost => {}
        }
    }

    /// Gathers, but lets whole records go, straight from the caller's slice where nothing waits.
    fn take_gathered(&self, data: &[u8]) {
        let waiting = self.outbox.pending.borrow().len();
        if waiting + data.len() < RECORD_PLAINTEXT_MAX {
            return self.append(data);
        }
        // What waits is less than a record, so `head` makes it one exactly; or it was held during the
        // handshake, and is sent as it is.
        let missing = if waiting == 0 { 0 } else { RECORD_PLAINTEXT_MAX.saturating_sub(waiting) };
        let (head, rest) = data.split_at(missing);
        let (whole, tail) = rest.split_at(rest.len() - rest.len() % RECORD_PLAINTEXT_MAX);
        self.append(head);
        self.guarded(|| self.encrypt_pending_and(whole));
        self.append(tail);
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
        let BufferLimits { high_water, cap } = self.limits();
        if held > cap {
            self.abort_with(Reason::WriteBufferExceeded { cap });
        } else if held > high_water {
            self.producing().set(Brake::Handshake, true);
        }
    }

    /// Encrypts what is pending, and what producers write because of that.
    pub(super) fn flush(&self) {
        if self.phase.get() == Phase::Established
            && !self.outbox.flushing.get()
            && self.has_pending()
        {
            self.guarded(|| {});
        }
    }

    /// Runs `first` so that what producers write meanwhile comes after it, then encrypts that.
    fn guarded(&self, first: impl FnOnce()) {
        let flushing = Flushing::begin(&self.outbox.flushing);
        first();
        while self.phase.get() == Phase::Established && self.has_pending() {
            self.encrypt_pending_and(&[]);
        }
        drop(flushing);
    }

    /// Encrypts what waits and what comes after it, so that both are handed down together.
    fn encrypt_pending_and(&self, after: &[u8]) {
        let pending = self.outbox.pending.take();
        self.encrypt(&pending, after);
        self.buffers().give(pending);
    }

    fn encrypt(&self, first: &[u8], second: &[u8]) {
        let mut records = self.buffers().take_outgoing();
        let pieces = first.chunks(PLAINTEXT_AT_ONCE).chain(second.chunks(PLAINTEXT_AT_ONCE));
        for piece in pieces {
            if records.len() + piece.len() > RECORDS_AT_ONCE {
                self.hand_down(replace(&mut records, self.buffers().take_outgoing()));
            }
            let sent = match &mut *self.session.borrow_mut() {
                Some(session) => session.send(piece, &mut records),
                None => Ok(()),
            };
            if let Err(failure) = sent {
                self.hand_down(records);
                return self.fail(Reason::Tls(failure));
            }
        }
        self.hand_down(records);
    }

    /// Gives records to the transport below, and their buffer back.
    pub(super) fn hand_down(&self, records: Outgoing) {
        if let (Some(below), false) = (self.below.get(), records.is_empty()) {
            below.write(&records);
        }
        self.buffers().give_outgoing(records);
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
