//! Signals as readiness: the handler of signal-hook writes to a pipe that the poll watches.
//!
//! Invariant: the handler itself does nothing but store a flag and write one byte
//! (signal-safety(7)).

use std::io;
use std::os::unix::net::UnixStream;

use signal_hook::consts::FORBIDDEN;
use signal_hook::iterator::backend::{Handle, SignalDelivery};
use signal_hook::iterator::exfiltrator::SignalOnly;

/// The signals that are watched; a trait, so that the linker can drop signal-hook from a program that
/// watches none.
pub(super) trait WatchedSignals {
    /// Adds one.
    fn add(&self, signal: i32) -> io::Result<()>;

    /// Takes the signals that came since the previous call.
    fn take(&mut self) -> Vec<i32>;
}

/// Signals through signal-hook.
pub(super) struct HookedSignals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    handle: Handle,
}

/// The highest signal of Linux, `SIGRTMAX`.
const SIGNAL_MAX: i32 = 64;

/// Refuses a number that is no signal, or a signal that cannot be caught; signal-hook would panic.
pub(super) fn check(signal: i32) -> io::Result<()> {
    if !(1..=SIGNAL_MAX).contains(&signal) || FORBIDDEN.contains(&signal) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    Ok(())
}

impl HookedSignals {
    pub(super) fn new(signal: i32) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, [signal])?;
        let handle = delivery.handle();
        Ok(Self { delivery, handle })
    }

    /// The reading end of the pipe, for the poll.
    pub(super) fn source(&self) -> &UnixStream {
        self.delivery.get_read()
    }
}

impl WatchedSignals for HookedSignals {
    fn add(&self, signal: i32) -> io::Result<()> {
        self.handle.add_signal(signal)
    }

    fn take(&mut self) -> Vec<i32> {
        self.delivery.pending().collect()
    }
}

impl Drop for HookedSignals {
    fn drop(&mut self) {
        self.handle.close();
    }
}
