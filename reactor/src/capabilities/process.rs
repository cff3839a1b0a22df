//! `ReactorProcess`; Twisted's `IReactorProcess`.
//!
//! Invariant: an error of spawning leaves neither a process nor a slot behind.

use std::rc::Rc;

use interfaces::{ProcessProtocol, ProcessTransport, ReactorProcess, SpawnError, SpawnProcess};

use crate::process::child::Child;
use crate::reactor::Reactor;
use crate::sys::{ProcessSys, StreamSys};

impl<S: StreamSys + ProcessSys> ReactorProcess for Reactor<S> {
    fn spawn_process(
        &self,
        options: &SpawnProcess,
        protocol: Box<dyn ProcessProtocol>,
    ) -> Result<Rc<dyn ProcessTransport>, SpawnError> {
        Child::spawn(self.core(), options, protocol)
    }
}
