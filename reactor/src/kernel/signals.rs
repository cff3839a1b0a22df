//! Signals as readiness: the handler of signal-hook writes to a pipe that the poll watches, and raises a
//! flag, by which a signal is found whose byte could not be written or read.
//!
//! Invariant: the handler itself does nothing but store flags and write one byte (signal-safety(7)), and
//! raises the flag before it writes.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::FORBIDDEN;
use signal_hook::iterator::backend::{Handle, SignalDelivery};
use signal_hook::iterator::exfiltrator::SignalOnly;
use signal_hook::{SigId, flag, low_level};

/// The signals that are watched; a trait, so that the linker can drop signal-hook from a program that
/// watches none.
pub(super) trait WatchedSignals {
    /// Adds one.
    fn add(&mut self, signal: i32) -> io::Result<()>;

    /// Takes the signals that came since the previous call.
    fn take(&mut self) -> Vec<i32>;
}

/// Signals through signal-hook.
pub(super) struct HookedSignals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    handle: Handle,
    /// Raised by each signal, until the signals are taken.
    raised: Arc<AtomicBool>,
    raising: Vec<(i32, SigId)>,
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
    pub(super) fn new(signal: i32, raised: &Arc<AtomicBool>) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, [0_i32; 0])?;
        let handle = delivery.handle();
        let raised = Arc::clone(raised);
        let mut signals = Self { delivery, handle, raised, raising: Vec::new() };
        signals.add(signal)?;
        Ok(signals)
    }

    /// The reading end of the pipe, for the poll.
    pub(super) fn source(&self) -> &UnixStream {
        self.delivery.get_read()
    }
}

impl WatchedSignals for HookedSignals {
    fn add(&mut self, signal: i32) -> io::Result<()> {
        // Actions run in the order in which they were registered.
        if self.raising.iter().all(|(raising, _)| *raising != signal) {
            let id = flag::register(signal, Arc::clone(&self.raised))?;
            self.raising.push((signal, id));
        }
        self.handle.add_signal(signal)
    }

    fn take(&mut self) -> Vec<i32> {
        // One that comes from now on raises it again.
        self.raised.store(false, Ordering::SeqCst);
        self.delivery.pending().collect()
    }
}

impl Drop for HookedSignals {
    fn drop(&mut self) {
        self.handle.close();
        for (_, id) in self.raising.drain(..) {
            low_level::unregister(id);
        }
    }
}
