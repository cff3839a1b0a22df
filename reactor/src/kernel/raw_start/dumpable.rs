//! [`KeptDumpable`]: whether this process dumps core, which a child that shares its memory changes.
//!
//! Invariant: one child at a time has it changed.

use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held while a child with another user or group is started.
static CREDENTIALS: Mutex<()> = Mutex::new(());

/// Whether this process dumps core (prctl(2), `PR_SET_DUMPABLE`), kept while a child that shares its
/// memory takes on another user. The kernel clears it for the memory then, which also keeps processes of
/// that user from looking into it; so nothing sets it again before the child has its own memory.
pub(super) struct KeptDumpable {
    was: c_int,
    _alone: MutexGuard<'static, ()>,
}

impl KeptDumpable {
    pub(super) fn new() -> Self {
        let alone = CREDENTIALS.lock().unwrap_or_else(PoisonError::into_inner);
        Self { was: dumpable(), _alone: alone }
    }
}

impl Drop for KeptDumpable {
    fn drop(&mut self) {
        if self.was == 1 && dumpable() != 1 {
            // SAFETY: the call takes numbers.
            unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1 as libc::c_ulong, 0, 0, 0) };
        }
    }
}

fn dumpable() -> c_int {
    // SAFETY: the call takes numbers.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) }
}
