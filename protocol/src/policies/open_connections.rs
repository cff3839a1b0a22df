//! The open connections of one factory; Twisted's `WrappingFactory.protocols`.
//!
//! Invariant: a connection is in the map from its `connection_made` until its `connection_lost`, and no
//! connection is called with the map borrowed.

use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use super::timed_connection::TimedConnection;

/// The connections by their numbers, and the limit on their silence while the server drains.
#[derive(Default)]
pub(super) struct OpenConnections {
    connections: RefCell<BTreeMap<u64, Weak<TimedConnection>>>,
    next: Cell<u64>,
    silence: Cell<Option<Duration>>,
}

impl OpenConnections {
    /// Adds one; returns its number.
    pub(super) fn add(&self, connection: &Weak<TimedConnection>) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        self.connections.borrow_mut().insert(number, connection.clone());
        number
    }

    pub(super) fn remove(&self, number: u64) {
        let removed = self.connections.borrow_mut().remove(&number);
        drop(removed);
    }

    /// The limit on the silence of a connection, if the server drains.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.silence.get()
    }

    pub(super) fn drain(&self, silence: Duration) {
        self.silence.set(Some(silence));
        let open: Vec<Rc<TimedConnection>> =
            self.connections.borrow().values().filter_map(Weak::upgrade).collect();
        open.iter().for_each(|connection| connection.drain(silence));
    }
}
