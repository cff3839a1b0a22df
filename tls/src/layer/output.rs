//! [`Output`]: how plaintext that is written becomes records.
//!
//! Writes during a delivery are gathered and become records when the delivery returns, and earlier
//! only where a whole record is full; the records, too, are written below when it returns, and
//! earlier only where they are many. Writes at other times (from a timer, from another connection)
//! become records at once: most such writes are the only one of their turn, as in a relay, and the
//! transport below still gathers them into one system call. The queue is plaintext in one piece, so
//! that a record can be made of it: the `SendQueue` of the transport kit holds pieces instead.
//!
//! Invariant: bytes go down in the order in which they were written, also those that a producer
//! writes while others are on their way.

use std::cell::{Cell, RefCell};
use std::mem::replace;

use deferred::Failure;
use interfaces::BufferLimits;

use super::link::Link;
use super::state::StateMachine;
use crate::session::{Outgoing, RECORD_PLAINTEXT_BYTES_MAX};

/// How much plaintext is encrypted in one call.
const PLAINTEXT_BYTES_AT_ONCE: usize = 4 * RECORD_PLAINTEXT_BYTES_MAX;

/// Records are written below before they and the next plaintext exceed this: two whole calls, as pull
/// producers mostly make, with a record before them and one after.
const RECORD_BYTES_AT_ONCE: usize = 10 * RECORD_PLAINTEXT_BYTES_MAX;

/// The bytes that wait to be sent.
#[derive(Default)]
pub(super) struct Output {
    limits: Cell<BufferLimits>,
    /// Plaintext that is not encrypted yet.
    pending: RefCell<Vec<u8>>,
    /// Records that wait for the end of a delivery.
    records: Cell<Option<Box<Outgoing>>>,
    /// How many deliveries are running.
    deliveries: Cell<u32>,
    /// Bytes are on their way down, and nothing may overtake them.
    flushing: Cell<bool>,
}

/// How much plaintext is held before the handshake is done, beside the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Little,
    AboveHighWater,
    AboveCap,
}

impl Output {
    pub(super) fn limits(&self) -> BufferLimits {
        self.limits.get()
    }

    pub(super) fn set_limits(&self, limits: BufferLimits) {
        self.limits.set(limits);
    }

    /// Begins to gather writes, until the guard is dropped.
    #[inline]
    pub(super) fn gather(&self) -> Gathering<'_> {
        self.deliveries.set(self.deliveries.get() + 1);
        Gathering { deliveries: &self.deliveries }
    }

    /// Whether a delivery or a flush is running, whose end sends the bytes written now.
    #[inline]
    pub(super) fn is_busy(&self) -> bool {
        self.deliveries.get() > 0 || self.flushing.get()
    }

    #[inline]
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    /// How many bytes wait to be written below.
    pub(super) fn unsent(&self) -> usize {
        let records = self.records.take();
        let made = records.as_ref().map_or(0, |records| records.len());
        self.records.set(records);
        self.pending.borrow().len() + made
    }

    fn has_records(&self) -> bool {
        let records = self.records.take();
        let has_some = records.is_some();
        self.records.set(records);
        has_some
    }

    /// Keeps plaintext until the handshake is done.
    pub(super) fn hold(&self, link: &Link, data: &[u8]) -> Held {
        self.append(link, data);
        let BufferLimits { high_water, cap, .. } = self.limits.get();
        match self.pending.borrow().len() {
            held if held > cap => Held::AboveCap,
            held if held > high_water => Held::AboveHighWater,
            _ => Held::Little,
        }
    }

    /// Takes plaintext of an established connection, to be sent now or after the delivery.
    #[inline]
    pub(super) fn write(
        &self,
        link: &Link,
        state: &StateMachine,
        data: &[u8],
    ) -> Result<(), Failure> {
        if self.flushing.get() {
            self.append(link, data);
            Ok(())
        } else if self.deliveries.get() > 0 {
            self.write_gathered(link, data)
        } else {
            self.send(link, state, || self.encrypt(link, &[], data))
        }
    }

    /// Gathers, but makes whole records at once, from the caller's slice where nothing is pending.
    fn write_gathered(&self, link: &Link, data: &[u8]) -> Result<(), Failure> {
        let waiting = self.pending.borrow().len();
        if waiting + data.len() < RECORD_PLAINTEXT_BYTES_MAX {
            self.append(link, data);
            return Ok(());
        }
        // The pending bytes are less than a record, and `head` completes it; or a producer wrote
        // them during a flush, and they become records as they are.
        let missing =
            if waiting == 0 { 0 } else { RECORD_PLAINTEXT_BYTES_MAX.saturating_sub(waiting) };
        let (head, rest) = data.split_at(missing);
        let (whole, tail) = rest.split_at(rest.len() - rest.len() % RECORD_PLAINTEXT_BYTES_MAX);
        self.append(link, head);
        let flushing = Flushing::begin(&self.flushing);
        let records = self.encrypt_pending_and(link, whole)?;
        drop(flushing);
        self.records.set(Some(records));
        // Bytes that a producer has written meanwhile come after all of this write.
        let later = self.pending.take();
        self.append(link, tail);
        self.append(link, &later);
        link.buffers().give(later);
        Ok(())
    }

    fn append(&self, link: &Link, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let mut pending = self.pending.borrow_mut();
        if pending.capacity() == 0 {
            *pending = link.buffers().take();
        }
        pending.extend_from_slice(data);
    }

    /// Sends the pending bytes, and those that producers write because of that.
    #[inline]
    pub(super) fn send_pending(&self, link: &Link, state: &StateMachine) -> Result<(), Failure> {
        if state.is_established()
            && !self.flushing.get()
            && (self.has_pending() || self.has_records())
        {
            self.send(link, state, || self.encrypt_pending_and(link, &[]))?;
        }
        Ok(())
    }

    /// Writes the records of `make` below; bytes that producers write meanwhile come after them.
    fn send(
        &self,
        link: &Link,
        state: &StateMachine,
        make: impl FnOnce() -> Result<Box<Outgoing>, Failure>,
    ) -> Result<(), Failure> {
        let _flushing = Flushing::begin(&self.flushing);
        link.write(make()?);
        while state.is_established() && self.has_pending() {
            link.write(self.encrypt_pending_and(link, &[])?);
        }
        Ok(())
    }

    /// Makes records of the pending bytes and those after them.
    fn encrypt_pending_and(&self, link: &Link, after: &[u8]) -> Result<Box<Outgoing>, Failure> {
        let pending = self.pending.take();
        let records = self.encrypt(link, &pending, after);
        link.buffers().give(pending);
        records
    }

    /// Makes records, and returns them behind those that wait. Where they get too many, the first of
    /// them are written below; when the session fails, all.
    fn encrypt(&self, link: &Link, first: &[u8], second: &[u8]) -> Result<Box<Outgoing>, Failure> {
        let mut records = self.take_records(link);
        let pieces =
            first.chunks(PLAINTEXT_BYTES_AT_ONCE).chain(second.chunks(PLAINTEXT_BYTES_AT_ONCE));
        for piece in pieces {
            if records.len() + piece.len() > RECORD_BYTES_AT_ONCE {
                link.write(replace(&mut records, link.buffers().take_outgoing()));
            }
            if let Err(failure) = link.encrypt(piece, &mut records) {
                link.write(records);
                return Err(failure);
            }
        }
        Ok(records)
    }

    /// The records that wait, to be added to.
    fn take_records(&self, link: &Link) -> Box<Outgoing> {
        self.records.take().unwrap_or_else(|| link.buffers().take_outgoing())
    }

    /// Writes records of the session's own (handshake, alerts) below, behind those that wait.
    #[inline]
    pub(super) fn write_records(&self, link: &Link, records: Box<Outgoing>) {
        if let Some(waiting) = self.records.take() {
            link.write(waiting);
        }
        link.write(records);
    }

    /// Drops all waiting bytes.
    pub(super) fn release(&self) {
        self.pending.take();
        self.records.take();
    }
}

/// While it lives, writes are gathered; also an unwinding ends it.
pub(super) struct Gathering<'a> {
    deliveries: &'a Cell<u32>,
}

impl Drop for Gathering<'_> {
    #[inline]
    fn drop(&mut self) {
        self.deliveries.set(self.deliveries.get() - 1);
    }
}

/// While it lives, writes are queued behind the bytes being encrypted.
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
