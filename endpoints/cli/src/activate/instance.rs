//! One program of a connection, started by [`Instances`](super::Instances).
//!
//! Invariant: its end is told once.

use std::rc::{Rc, Weak};

use interfaces::{ProcessProtocol, ProcessReason, ProcessTransport};

use super::Instances;

/// The protocol of a program that has its connection to itself.
pub(super) struct Instance {
    /// The number by which the others know it.
    pub(super) number: u64,
    /// Who its client is, for a line about its end.
    pub(super) peer: String,
    pub(super) instances: Weak<Instances>,
}

impl ProcessProtocol for Instance {
    fn process_ended(&mut self, _: &Rc<dyn ProcessTransport>, reason: &ProcessReason) {
        if let Some(instances) = self.instances.upgrade() {
            instances.ended(self.number, &self.peer, reason);
        }
    }
}
