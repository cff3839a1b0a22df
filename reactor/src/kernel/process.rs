//! [`ChildProcess`]: the number of a process that was started here, until it is reaped.
//!
//! Invariant: its owner alone waits for it, and drops it once its end was told.

use std::io;
use std::process::ExitStatus;

use super::raw_process_calls;

/// A child that was not reaped. Dropping it reaps nothing.
#[derive(Debug)]
pub(super) struct ChildProcess {
    id: u32,
}

impl ChildProcess {
    pub(super) fn new(id: u32) -> Self {
        Self { id }
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Reaps it, if it has ended.
    ///
    /// # Errors
    ///
    /// What waitpid(2) answers.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        raw_process_calls::reap(self.id, libc::WNOHANG)
    }

    /// Reaps it when it has ended: one that could not execute its program, and is just ending.
    pub(super) fn wait(self) {
        while let Err(error) = raw_process_calls::reap(self.id, 0)
            && error.kind() == io::ErrorKind::Interrupted
        {}
    }
}
