//! [`DescriptorSys`] for [`Simulated`]: the program's ends of the pipes of simulated children.
//!
//! Invariant: each call borrows the network for its own duration alone.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, IoSlice};
use std::rc::Rc;

use super::ids::{PartId, Source};
use super::network::Simulated;
use super::world::World;
use crate::sys::{DescriptorSys, Reporting, Token, Watch};

/// One end of a simulated pipe or terminal; dropping it closes the end.
pub struct SimulatedDescriptor {
    world: Rc<RefCell<World>>,
    id: PartId,
}

impl SimulatedDescriptor {
    pub(super) fn new(world: &Rc<RefCell<World>>, id: PartId) -> Self {
        Self { world: world.clone(), id }
    }

    pub(super) fn id(&self) -> PartId {
        self.id
    }
}

impl Drop for SimulatedDescriptor {
    fn drop(&mut self) {
        self.world.borrow_mut().close_end(self.id);
    }
}

impl fmt::Debug for SimulatedDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedDescriptor").field(&self.id).finish()
    }
}

impl DescriptorSys for Simulated {
    type Descriptor = SimulatedDescriptor;

    fn register_descriptor(
        &self,
        descriptor: &SimulatedDescriptor,
        token: Token,
    ) -> io::Result<Reporting> {
        self.world.borrow_mut().begin_watch(Source::Part(descriptor.id), token, Watch::Both);
        Ok(Reporting::ByPoll)
    }

    fn deregister_descriptor(&self, descriptor: &SimulatedDescriptor) {
        self.world.borrow_mut().end_watch(Source::Part(descriptor.id));
    }

    fn read_descriptor(
        &self,
        descriptor: &SimulatedDescriptor,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.world.borrow_mut().read_end(descriptor.id, buffer)
    }

    fn write_descriptor(
        &self,
        descriptor: &SimulatedDescriptor,
        data: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.world.borrow_mut().write_end(descriptor.id, data)
    }

    fn has_hung_up(&self, descriptor: &SimulatedDescriptor) -> bool {
        self.world.borrow_mut().end_has_hung_up(descriptor.id)
    }
}
