//! [`ProcessSys`] for [`Simulated`]: children that follow a script.
//!
//! Invariant: each call borrows the network for its own duration alone.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::rc::Rc;

use interfaces::{ExitStatus, SpawnError, SpawnProcess, WindowSize};

use super::descriptors::SimulatedDescriptor;
use super::ids::{PartId, Source};
use super::network::Simulated;
use super::world::World;
use crate::sys::{ChildEnd, ChildWatch, ProcessSys, Spawned, Token, Watch};

/// A simulated child; dropping it leaves it to run to the end of its script.
pub struct SimulatedChild {
    world: Rc<RefCell<World>>,
    id: PartId,
}

impl Drop for SimulatedChild {
    fn drop(&mut self) {
        self.world.borrow_mut().leave_child(self.id);
    }
}

impl fmt::Debug for SimulatedChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedChild").field(&self.id).finish()
    }
}

impl ProcessSys for Simulated {
    type Child = SimulatedChild;

    fn spawn(
        &self,
        options: &SpawnProcess,
    ) -> Result<Spawned<SimulatedChild, SimulatedDescriptor>, SpawnError> {
        let (id, ends) = self.world.borrow_mut().spawn(options)?;
        let end = |(child_fd, way, id)| {
            let descriptor = SimulatedDescriptor::new(&self.world, id);
            ChildEnd { child_fd, way, descriptor }
        };
        let child = SimulatedChild { world: self.world.clone(), id };
        Ok(Spawned { child, ends: ends.into_iter().map(end).collect() })
    }

    fn register_child(&self, child: &SimulatedChild, token: Token) -> io::Result<ChildWatch> {
        self.world.borrow_mut().begin_watch(Source::Part(child.id), token, Watch::Both);
        Ok(ChildWatch::ByPoll)
    }

    fn deregister_child(&self, child: &SimulatedChild) {
        self.world.borrow_mut().end_watch(Source::Part(child.id));
    }

    fn process_id(&self, child: &SimulatedChild) -> u32 {
        child.id.0 as u32
    }

    fn try_wait(&self, child: &SimulatedChild) -> io::Result<Option<ExitStatus>> {
        self.world.borrow_mut().try_wait(child.id)
    }

    fn set_window_size(
        &self,
        terminal: &SimulatedDescriptor,
        window: WindowSize,
    ) -> io::Result<()> {
        self.world.borrow_mut().set_window_size(terminal.id(), window)
    }

    fn signal_child(&self, child: &SimulatedChild, signal: i32) -> io::Result<()> {
        self.world.borrow_mut().signal_child(child.id, signal)
    }
}
