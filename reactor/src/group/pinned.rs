//! [`Pinned`]: a member's thread that runs on one core alone.
//!
//! Invariant: the thread gets back the cores that it had.

use std::io;

use crate::kernel::Cores;

/// Confines this thread to a core; its drop gives the others back.
pub(super) struct Pinned {
    before: Cores,
}

impl Pinned {
    /// Confines this thread to the core of a member: the one with the member's number among those that it may
    /// run on.
    pub(super) fn begin(member: usize) -> io::Result<Self> {
        let before = Cores::of_this_thread()?;
        before.only(member).confine_this_thread()?;
        Ok(Self { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Cores that were taken from the process meanwhile are not given back.
        let _ = self.before.confine_this_thread();
    }
}
