//! The handles of simulated sockets.
//!
//! Invariant: a handle is the only owner of its end or listener; dropping it closes that.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::ids::{EndId, ListenerId};
use super::world::World;

/// One end of a simulated connection; dropping it closes the end.
pub struct SimulatedStream {
    world: Rc<RefCell<World>>,
    pub(super) id: EndId,
}

impl SimulatedStream {
    pub(super) fn new(world: &Rc<RefCell<World>>, id: EndId) -> Self {
        Self { world: world.clone(), id }
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        self.world.borrow_mut().close(self.id);
    }
}

impl fmt::Debug for SimulatedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedStream").field(&self.id).finish()
    }
}

/// A simulated listening socket; dropping it closes it, and resets the connections in its queue.
pub struct SimulatedListener {
    world: Rc<RefCell<World>>,
    pub(super) id: ListenerId,
}

impl SimulatedListener {
    pub(super) fn new(world: &Rc<RefCell<World>>, id: ListenerId) -> Self {
        Self { world: world.clone(), id }
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        self.world.borrow_mut().close_listener(self.id);
    }
}

impl fmt::Debug for SimulatedListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedListener").field(&self.id).finish()
    }
}
