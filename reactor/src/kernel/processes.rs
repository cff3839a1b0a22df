//! [`ProcessSys`] for [`Kernel`]: clone(2) and execve(2) start a child, a pidfd reports its end.
//!
//! Invariant: a process that was started here is reaped here, also when its handle is dropped before its
//! end.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus as RawStatus;
use std::sync::{Mutex, PoisonError};

use interfaces::{ExitStatus, SpawnError, SpawnProcess, WindowSize};
use mio::Interest;

use super::{Kernel, KernelDescriptor, process, raw_process_calls, spawning};
use crate::sys::{ChildWatch, ProcessSys, Spawned, Sys as _, Token};

/// A child process of the kernel. Dropping it leaves the process as it is.
#[derive(Debug)]
pub struct KernelChild {
    /// `None` when it was reaped, or left to [`LEFT`].
    process: RefCell<Option<process::ChildProcess>>,
    id: u32,
    hold: Hold,
}

/// By what a child is watched and signalled.
#[derive(Debug)]
enum Hold {
    /// A pidfd.
    Descriptor(OwnedFd),
    /// Its number, where the kernel gives no pidfd: before Linux 5.3, or with no descriptor left.
    Number,
    /// Nothing: it was reaped before its pidfd was opened, by the system, as it does where `SIGCHLD` is
    /// ignored, or by other code. Its number may be another process's.
    Gone,
}

impl Hold {
    fn of(id: u32) -> Self {
        match raw_process_calls::open_process(id) {
            Ok(descriptor) => Self::Descriptor(descriptor),
            // No process has the number; or one that is just being reaped (EINVAL, ENOENT since 6.16).
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ESRCH | libc::EINVAL | libc::ENOENT)
                ) =>
            {
                Self::Gone
            }
            Err(_) => Self::Number,
        }
    }
}

/// The children whose handles were dropped before their end. Each spawn, each end of a child and each new
/// reactor reaps those that have ended.
static LEFT: Mutex<Vec<process::ChildProcess>> = Mutex::new(Vec::new());

impl KernelChild {
    pub(super) fn new(process: process::ChildProcess) -> Self {
        let id = process.id();
        let hold = Hold::of(id);
        let process = Some(process).filter(|_| !matches!(hold, Hold::Gone));
        Self { process: RefCell::new(process), id, hold }
    }
}

impl Drop for KernelChild {
    fn drop(&mut self) {
        reap_left(self.process.take());
    }
}

/// Reaps the left children that have ended, and adds one to them if it has not.
pub(super) fn reap_left(another: Option<process::ChildProcess>) {
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
        match &child.hold {
            Hold::Descriptor(descriptor) => {
                self.register_source(descriptor, token, Interest::READABLE)?;
                return Ok(ChildWatch::ByPoll);
            }
            Hold::Gone => return Ok(ChildWatch::Ended),
            Hold::Number if raw_process_calls::is_ignored(libc::SIGCHLD) => {
                return Ok(ChildWatch::ByLooks);
            }
            Hold::Number => {}
        }
        self.watch_signal(libc::SIGCHLD)?;
        let is_first = !self.watches_children.replace(true);
        Ok(ChildWatch::BySignal { is_first })
    }

    fn deregister_child(&self, child: &KernelChild) {
        if let Hold::Descriptor(descriptor) = &child.hold {
            self.deregister_source(descriptor);
        }
    }

    fn process_id(&self, child: &KernelChild) -> u32 {
        child.id
    }

    fn try_wait(&self, child: &KernelChild) -> io::Result<Option<ExitStatus>> {
        if matches!(child.hold, Hold::Gone) {
            return Err(io::Error::from_raw_os_error(libc::ECHILD));
        }
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

    fn set_window_size(&self, terminal: &KernelDescriptor, window: WindowSize) -> io::Result<()> {
        raw_process_calls::set_window_size(terminal, window)
    }

    fn signal_child(&self, child: &KernelChild, signal: i32) -> io::Result<()> {
        // The kernel takes a signal for a process that waits to be reaped, and drops it.
        if raw_process_calls::has_ended(child.id) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        match &child.hold {
            Hold::Descriptor(descriptor) => raw_process_calls::signal_through(descriptor, signal),
            Hold::Number => raw_process_calls::signal_by_number(child.id, signal),
            Hold::Gone => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    }
}

fn to_status(status: RawStatus) -> ExitStatus {
    match status.signal() {
        Some(signal) => ExitStatus::Signaled { signal, core_dumped: status.core_dumped() },
        // A process that has ended has either; its code is the low byte of what it passed to exit(3).
        None => ExitStatus::Exited(status.code().unwrap_or_default() as u8),
    }
}
