//! The events of a process as those of a connection; Twisted's `_WrapIProtocol`.
//!
//! ```text
//!  connection_made ──────────► ConnectionMade, and the connect fires
//!  standard output ──────────► DataReceived;  closed: ReadConnectionLost, to a half-closeable protocol
//!  standard input closed ────► WriteConnectionLost, likewise
//!  process_ended ────────────► ConnectionLost
//! ```
//!
//! Invariant: the protocol hears nothing before `ConnectionMade`, and nothing at all after a cancelled connect.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::mem;

use deferred::Failure;
use interfaces::{
    Address, ConnectError, Deliver, Event, ProcessProtocol, ProcessReason, ProcessTransport,
    Reason, Transport,
};

use super::transport::ProcessStream;
use super::{Spawned, kill};

/// The process protocol that runs a stream protocol.
pub(super) struct Adapter {
    protocol: Rc<dyn Deliver>,
    address: Address,
    spawned: Rc<Spawned>,
    stream: Option<Rc<ProcessStream>>,
    /// Events lend their bytes to be changed in place, and a process's cannot be.
    bytes: Vec<u8>,
}

/// Kills the process if the protocol's `connection_made` panics, as a reactor ends any such connection.
struct KilledByPanic<'a>(Option<&'a Rc<ProcessStream>>);

impl Drop for KilledByPanic<'_> {
    fn drop(&mut self) {
        if let Some(stream) = self.0 {
            stream.abort_connection();
        }
    }
}

impl Adapter {
    pub(super) fn new(protocol: Rc<dyn Deliver>, address: Address, spawned: Rc<Spawned>) -> Self {
        Self { protocol, address, spawned, stream: None, bytes: Vec::new() }
    }

    /// Ends a connection that has failed on the way, for this reason.
    fn fail(&self, process: &Rc<dyn ProcessTransport>, reason: &Reason) {
        if let Some(stream) = &self.stream {
            stream.ends_with(reason.clone());
            kill(&**process);
        }
    }

    fn half_closed(&self, event: Event<'_>) {
        if self.stream.is_some() && self.protocol.is_half_closeable() {
            self.protocol.deliver(event);
        }
    }
}

impl ProcessProtocol for Adapter {
    fn connection_made(&mut self, process: &Rc<dyn ProcessTransport>) {
        drop(self.spawned.process.take());
        if self.spawned.given_up.get() {
            return;
        }
        let stream = Rc::new(ProcessStream::new(Rc::clone(process), self.address.clone()));
        let transport: Rc<dyn Transport> = stream.clone();
        let stream = self.stream.insert(stream);
        let mut killed = KilledByPanic(Some(stream));
        self.protocol.deliver(Event::ConnectionMade(&transport));
        killed.0 = None;
        self.spawned.fire(Ok(()));
    }

    fn out_received(&mut self, _: &Rc<dyn ProcessTransport>, data: &[u8]) {
        if self.stream.is_none() {
            return;
        }
        self.bytes.clear();
        self.bytes.extend_from_slice(data);
        self.protocol.deliver(Event::DataReceived(&mut self.bytes));
    }

    fn child_connection_lost(
        &mut self,
        process: &Rc<dyn ProcessTransport>,
        child_fd: i32,
        reason: &Reason,
    ) {
        match (child_fd, reason) {
            (_, Reason::Panicked(_) | Reason::WriteBufferExceeded { .. }) => {
                self.fail(process, reason);
            }
            (0, _) => self.half_closed(Event::WriteConnectionLost),
            (1, _) => self.half_closed(Event::ReadConnectionLost),
            (_, _) => {}
        }
    }

    fn process_ended(&mut self, _: &Rc<dyn ProcessTransport>, reason: &ProcessReason) {
        // Where that is news, `connection_made` panicked, or the connect was cancelled.
        let address = self.address.clone();
        self.spawned.fire(Err(ConnectError::EndedAtOnce { address }.into()));
        if let Some(stream) = self.stream.take() {
            let reason = stream.end().unwrap_or_else(|| lost(*reason));
            self.protocol.deliver(Event::ConnectionLost(&reason));
        }
        drop(mem::take(&mut self.bytes));
    }
}

/// The end of a process as that of a connection.
fn lost(reason: ProcessReason) -> Reason {
    match reason {
        ProcessReason::Done => Reason::Done,
        ProcessReason::Stopped => Reason::Stopped,
        reason => Reason::Lost(Failure::new(reason)),
    }
}
