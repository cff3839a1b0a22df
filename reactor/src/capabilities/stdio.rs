//! `ReactorStdio`, and `ReactorDescriptors` on the kernel alone; Twisted's `stdio.StandardIO`.
//!
//! Invariant: a descriptor that is not taken over is closed.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use interfaces::{Deliver, ReactorDescriptors, ReactorStdio, StdioError};

use crate::descriptor::stdio::Stdio;
use crate::kernel::Kernel;
use crate::reactor::Reactor;
use crate::sys::{StdioSys, StreamSys};

impl<S: StreamSys + StdioSys> ReactorStdio for Reactor<S> {
    fn open_stdio(&self, protocol: Rc<dyn Deliver>) -> Result<(), StdioError> {
        let (input, output) = self.core().sys.standard_descriptors()?;
        Stdio::open(self.core(), input, output, protocol)
    }
}

impl ReactorDescriptors for Reactor<Kernel> {
    fn open_descriptors(
        &self,
        input: OwnedFd,
        output: OwnedFd,
        protocol: Rc<dyn Deliver>,
    ) -> Result<(), StdioError> {
        let (input, output) = Kernel::adopt_descriptors(input, output)?;
        Stdio::open(self.core(), input, output, protocol)
    }
}
