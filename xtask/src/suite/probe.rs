//! The record of one end of a connection; Twisted's `AccumulatingProtocol`.
//!
//! Invariant: a probe only records; it keeps neither its protocol nor its connection alive.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use interfaces::{Reason, Transport};

use crate::suite::Failed;

/// The record of one end.
#[derive(Default)]
pub struct Probe {
    transport: RefCell<Option<Rc<dyn Transport>>>,
    received: RefCell<Vec<u8>>,
    calls: RefCell<Vec<Call>>,
    reason: RefCell<Option<Reason>>,
    faults: RefCell<Vec<String>>,
    inside: Cell<Option<Call>>,
}

/// The callbacks of a protocol. Successive `data_received` are recorded as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `connection_made`.
    Made,
    /// `data_received`.
    Data,
    /// `read_connection_lost`.
    ReadLost,
    /// `write_connection_lost`.
    WriteLost,
    /// `handshake_completed`.
    Handshake,
    /// `connection_lost`.
    Lost,
}

impl Probe {
    /// The transport that `connection_made` brought; it stays after the end.
    ///
    /// # Errors
    ///
    /// Before `connection_made`.
    pub fn transport(&self) -> Result<Rc<dyn Transport>, Failed> {
        let transport = self.transport.borrow().clone();
        transport.ok_or_else(|| Failed::new("connection_made was not called"))
    }

    /// The bytes received so far.
    pub fn received(&self) -> Vec<u8> {
        self.received.borrow().clone()
    }

    /// The number of bytes received so far.
    pub fn received_bytes(&self) -> usize {
        self.received.borrow().len()
    }

    /// The callbacks so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.borrow().clone()
    }

    /// The number of calls of a callback; successive `data_received` count once.
    pub fn count(&self, call: Call) -> usize {
        self.calls.borrow().iter().filter(|seen| **seen == call).count()
    }

    /// Whether `connection_made` came.
    pub fn is_made(&self) -> bool {
        self.count(Call::Made) > 0
    }

    /// Whether `connection_lost` came.
    pub fn is_lost(&self) -> bool {
        self.count(Call::Lost) > 0
    }

    /// The reason that `connection_lost` brought.
    ///
    /// # Errors
    ///
    /// Before `connection_lost`.
    pub fn reason(&self) -> Result<Reason, Failed> {
        let reason = self.reason.borrow().clone();
        reason.ok_or_else(|| Failed::new("connection_lost was not called"))
    }

    pub(crate) fn record_made(&self, transport: &Rc<dyn Transport>) {
        self.calls.borrow_mut().push(Call::Made);
        let before = self.transport.replace(Some(transport.clone()));
        drop(before);
    }

    pub(crate) fn record_data(&self, data: &[u8]) {
        self.received.borrow_mut().extend_from_slice(data);
        let mut calls = self.calls.borrow_mut();
        if calls.last() != Some(&Call::Data) {
            calls.push(Call::Data);
        }
    }

    pub(crate) fn record_read_lost(&self) {
        self.calls.borrow_mut().push(Call::ReadLost);
    }

    pub(crate) fn record_write_lost(&self) {
        self.calls.borrow_mut().push(Call::WriteLost);
    }

    pub(crate) fn record_lost(&self, reason: &Reason) {
        self.calls.borrow_mut().push(Call::Lost);
        let before = self.reason.replace(Some(reason.clone()));
        drop(before);
    }

    /// Records that the transport broke a rule of every case.
    pub(crate) fn fault(&self, fault: String) {
        self.faults.borrow_mut().push(fault);
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.borrow().clone()
    }

    /// Sets the running callback, and returns the one that ran before.
    pub(crate) fn enter(&self, call: Option<Call>) -> Option<Call> {
        self.inside.replace(call)
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("calls", &self.calls.borrow())
            .field("received_bytes", &self.received_bytes())
            .finish_non_exhaustive()
    }
}
