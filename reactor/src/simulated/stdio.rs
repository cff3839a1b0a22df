//! [`StdioSys`] for [`Simulated`]: standard input and output, with a simulated program at their other ends.
//!
//! Invariant: each of the two is taken over once, or is still the network's own.

use interfaces::{OsError, StdioError};

use super::descriptors::SimulatedDescriptor;
use super::ids::PartId;
use super::network::Simulated;
use super::script::Script;
use super::world::World;
use crate::sys::{StdioSys, Way};

impl World {
    fn connect_stdio(&mut self, script: Script) {
        self.descriptors.open += 2;
        let (child, ends) = self.start(script, vec![(0, Way::ToChild), (1, Way::FromChild)], None);
        self.leave_child(child);
        let [(_, _, output), (_, _, input)] = ends[..] else { unreachable!("two were asked for") };
        if let Some((input, output)) = self.processes.standard.replace((input, output)) {
            self.close_end(input);
            self.close_end(output);
        }
    }

    fn take_stdio(&mut self) -> Result<(PartId, PartId), StdioError> {
        let source = OsError::from_raw_os_error(libc::EBADF);
        self.processes.standard.take().ok_or(StdioError { direction: "input", source })
    }
}

impl Simulated {
    /// Puts a program at the other ends of the process's standard input and output: it reads what is
    /// written to the output as its descriptor 0, and what it writes to its descriptor 1 is the input. It
    /// runs from now on, and is reaped by itself. Streams of an earlier call that were not taken
    /// over are closed.
    ///
    /// [`ReactorStdio::open_stdio`](interfaces::ReactorStdio::open_stdio) takes them over. Without this
    /// call, or a second time, that fails with `EBADF`.
    pub fn connect_stdio(&self, script: Script) {
        self.world.borrow_mut().connect_stdio(script);
    }
}

impl StdioSys for Simulated {
    fn standard_descriptors(
        &self,
    ) -> Result<(SimulatedDescriptor, SimulatedDescriptor), StdioError> {
        let (input, output) = self.world.borrow_mut().take_stdio()?;
        let descriptor = |id| SimulatedDescriptor::new(&self.world, id);
        Ok((descriptor(input), descriptor(output)))
    }
}
