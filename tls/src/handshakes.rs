//! [`Handshakes`]: the handshakes of one factory that are running, and their cap.
//!
//! Invariant: an entry lives exactly as long as its [`RunningHandshake`], and there are never more than the cap.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

/// A connection whose handshake is running.
pub(crate) trait Handshaking {
    /// Ends the connection, as more than `limit` handshakes are running and this is the oldest.
    fn give_up(&self, limit: usize);
}

/// The running handshakes, the oldest first.
#[derive(Default)]
pub(crate) struct Handshakes {
    running: RefCell<BTreeMap<u64, Weak<dyn Handshaking>>>,
    begun: Cell<u64>,
}

/// One running handshake: dropped when it is done, failed or lost.
pub(crate) struct RunningHandshake {
    handshakes: Rc<Handshakes>,
    number: u64,
}

impl Handshakes {
    /// Adds a handshake. Beyond `limit` the oldest is given up: peers that are silent, or slow on purpose,
    /// grow old, and those that mean it do not. So neither the new connection nor the accepting ever waits.
    pub(crate) fn begin(
        self: &Rc<Self>,
        connection: Weak<dyn Handshaking>,
        limit: usize,
    ) -> RunningHandshake {
        let number = self.begun.get();
        self.begun.set(number + 1);
        self.running.borrow_mut().insert(number, connection);
        while let Some(oldest) = self.take_oldest_above(limit.max(1)) {
            if let Some(oldest) = oldest.upgrade() {
                oldest.give_up(limit);
            }
        }
        RunningHandshake { handshakes: self.clone(), number }
    }

    fn take_oldest_above(&self, limit: usize) -> Option<Weak<dyn Handshaking>> {
        let mut running = self.running.borrow_mut();
        let oldest = if running.len() > limit { running.pop_first() } else { None };
        oldest.map(|(_, connection)| connection)
    }
}

impl Drop for RunningHandshake {
    fn drop(&mut self) {
        let removed = self.handshakes.running.borrow_mut().remove(&self.number);
        drop(removed);
    }
}
