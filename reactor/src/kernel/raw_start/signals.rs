//! The signals while a child is started: blocked in this thread, and reset in the child.
//!
//! Invariant: all calls are bare system calls, so that none takes a lock of the C library, and its own two
//! signals are among those that are blocked.

use std::ffi::c_int;
use std::ptr;

/// The highest signal of Linux, `SIGRTMAX`.
const SIGNAL_MAX: c_int = 64;

/// The bytes of a set of signals in the kernel: one bit for each of its signals.
const SIGNAL_SET_BYTES: usize =
    if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 16 } else { 8 };

/// Gives every signal its default action, and then blocks none: what this process ignores or blocks is no
/// business of the child's.
pub(super) fn reset_signals() {
    // The kernel's `sigaction` of all zeros is the default action; it is no larger than this.
    let default = [0_u64; 32];
    for signal in 1..=SIGNAL_MAX {
        // SAFETY: the call reads the action through the pointer. It refuses those that cannot be set, which
        // then are default. (glibc's function takes a lock for SIGABRT, and refuses two.)
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                ptr::null_mut::<u64>(),
                SIGNAL_SET_BYTES,
            )
        };
    }
    set_blocked(&SignalSet::default(), None);
}

/// A set of signals as the kernel has it, of at most 16 bytes.
#[derive(Clone, Copy, Default)]
struct SignalSet([u64; 2]);

/// Has the calling thread block these signals and no other; stores which it has blocked.
fn set_blocked(set: &SignalSet, before: Option<&mut SignalSet>) {
    let before = before.map_or(ptr::null_mut(), |before| before.0.as_mut_ptr());
    // SAFETY: the call reads and writes sets of the size that it is told, which is no more than theirs.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            set.0.as_ptr(),
            before,
            SIGNAL_SET_BYTES,
        )
    };
}

/// All signals are blocked in this thread for as long as this lives, those included that glibc keeps for
/// itself.
pub(super) struct BlockedSignals(SignalSet);

impl BlockedSignals {
    pub(super) fn new() -> Self {
        let mut before = SignalSet::default();
        set_blocked(&SignalSet([u64::MAX; 2]), Some(&mut before));
        Self(before)
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        set_blocked(&self.0, None);
    }
}
