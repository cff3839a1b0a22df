//! [`ByteStream`]: the bytes of one direction, as the program above sees them.
//!
//! Invariant: the received bytes are a beginning of the sent ones, and after a clean close all of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};

use super::world::WorldState;

/// One direction of bytes between two protocols, through whatever lies between: TLS, a relay, a proxy. A clone is
/// the same direction.
#[derive(Clone)]
pub struct ByteStream(Rc<ByteFlow>);

struct ByteFlow {
    name: String,
    world: Weak<WorldState>,
    /// Sent and not received.
    under_way: RefCell<VecDeque<u8>>,
    received: Cell<usize>,
    is_closed: Cell<bool>,
}

impl ByteStream {
    pub(super) fn new(name: &str, world: &Rc<WorldState>) -> Self {
        Self(Rc::new(ByteFlow {
            name: name.to_owned(),
            world: Rc::downgrade(world),
            under_way: RefCell::default(),
            received: Cell::new(0),
            is_closed: Cell::new(false),
        }))
    }

    /// Called by the sender with the bytes that it writes.
    pub fn sent(&self, bytes: &[u8]) {
        self.0.under_way.borrow_mut().extend(bytes);
    }

    /// Called by the receiver with the bytes that it gets.
    pub fn received(&self, bytes: &[u8]) {
        if self.0.is_closed.get() {
            self.fail("bytes came after its clean close".to_owned());
        }
        let mut under_way = self.0.under_way.borrow_mut();
        let (there, at) = (under_way.len(), self.0.received.get());
        let wrong = under_way.iter().zip(bytes).position(|(sent, received)| sent != received);
        under_way.drain(..bytes.len().min(there));
        drop(under_way);
        self.0.received.set(at + bytes.len());
        match wrong {
            Some(place) => self.fail(format!("byte {} is not the one that was sent", at + place)),
            None if bytes.len() > there => {
                let (more, sent) = (bytes.len() - there, at + there);
                self.fail(format!("{more} bytes more were received than the {sent} sent"));
            }
            None => {}
        }
    }

    /// Called by the receiver at a clean end of the stream.
    pub fn closed_cleanly(&self) {
        self.0.is_closed.set(true);
        let missing = self.0.under_way.borrow().len();
        if missing > 0 {
            let received = self.0.received.get();
            self.fail(format!("a clean close after {received} bytes, and {missing} are missing"));
        }
    }

    fn fail(&self, problem: String) {
        if let Some(world) = self.0.world.upgrade() {
            world.fail(format!("{}: {problem}", self.0.name));
        }
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ByteStream").field(&self.0.name).finish()
    }
}
