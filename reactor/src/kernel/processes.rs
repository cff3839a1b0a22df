//! [`ProcessSys`] for [`Kernel`]: std's `Command` forks and executes, a pidfd reports the end.
//!
//! Invariant: a process that was started here is reaped here, also when its handle is dropped before its
//! end.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process;
use std::sync::{Mutex, PoisonError};

use interfaces::{ExitStatus, SpawnError, SpawnProcess};
use mio::Interest;

use super::{Kernel, KernelDescriptor, raw_process_calls, spawning};
use crate::sys::{ChildWatch, ProcessSys, Spawned, Sys as _, Token};

/// A child process of the kernel. Dropping it leaves the process as it is.
#[derive(Debug)]
pub struct KernelChild {
    /// Gone when it was reaped, or left to [`LEFT`].
    process: RefCell<Option<process::Child>>,
    id: u32,
    /// `None` where the kernel gives none: before Linux 5.3, or with no descriptor left.
    descriptor: Option<OwnedFd>,
}

/// The children whose handles were dropped before their end; each spawn and each drop reaps those that
/// have ended.
static LEFT: Mutex<Vec<process::Child>> = Mutex::new(Vec::new());

impl KernelChild {
    pub(super) fn new(process: process::Child) -> Self {
        let id = process.id();
        let descriptor = raw_process_calls::open_process(id).ok();
        Self { process: RefCell::new(Some(process)), id, descriptor }
    }
}

impl Drop for KernelChild {
    fn drop(&mut self) {
        let unreaped = self.process.take();
        reap_left(unreaped);
    }
}

/// Reaps the left children that have ended, and adds one to them if it has not.
fn reap_left(another: Option<process::Child>) {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.extend(another);
    left.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

impl ProcessSys for Kernel {
    type Child = KernelChild;

    fn spawn(
        &self,
        options: &SpawnProcess,
    ) -> Result<Spawned<KernelChild, KernelDescriptor>, SpawnError> {
        reap_left(None);
        spawning::spawn(options)
    }

    fn register_child(&self, child: &KernelChild, token: Token) -> io::Result<ChildWatch> {
        if let Some(descriptor) = &child.descriptor {
            self.register_source(descriptor, token, Interest::READABLE)?;
            return Ok(ChildWatch::ByPoll);
        }
        let is_first = !self.watches_children.replace(true);
        self.watch_signal(libc::SIGCHLD)?;
        Ok(ChildWatch::BySignal { is_first })
    }

    fn deregister_child(&self, child: &KernelChild) {
        if let Some(descriptor) = &child.descriptor {
            self.deregister_source(descriptor);
        }
    }

    fn process_id(&self, child: &KernelChild) -> u32 {
        child.id
    }

    fn try_wait(&self, child: &KernelChild) -> io::Result<Option<ExitStatus>> {
        let mut process = child.process.borrow_mut();
        let Some(running) = process.as_mut() else { return Ok(None) };
        match running.try_wait() {
            Ok(None) => Ok(None),
            Ok(Some(status)) => {
                *process = None;
                Ok(Some(to_status(status)))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                *process = None;
                Err(error)
            }
        }
    }

    fn signal_child(&self, child: &KernelChild, signal: i32) -> io::Result<()> {
        match &child.descriptor {
            Some(descriptor) => raw_process_calls::signal_through(descriptor, signal),
            None => raw_process_calls::signal_by_number(child.id, signal),
        }
    }
}

fn to_status(status: process::ExitStatus) -> ExitStatus {
    match status.signal() {
        Some(signal) => ExitStatus::Signaled { signal, core_dumped: status.core_dumped() },
        // A process that has ended has either; its code is the low byte of what it passed to exit(3).
        None => ExitStatus::Exited(status.code().unwrap_or_default() as u8),
    }
}
