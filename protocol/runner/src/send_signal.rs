//! Signals to other processes (kill(2)).
//!
//! Invariant: a number below 1, which would mean a group of processes or all of them, is never sent to.

use std::io;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The ability to send a signal. The program's is [`KernelSignals`]; tests have their own.
pub trait SendSignal {
    /// Sends the signal to the process, or with `None` asks whether it could.
    ///
    /// # Errors
    ///
    /// The system's: `ESRCH` without such a process, `EPERM` for another user's.
    fn send_signal(&self, process: i32, signal: Option<i32>) -> io::Result<()>;
}

/// The kernel's kill(2).
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelSignals;

impl SendSignal for KernelSignals {
    fn send_signal(&self, process: i32, signal: Option<i32>) -> io::Result<()> {
        if process < 1 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let signal = signal.map(Signal::try_from).transpose()?;
        Ok(kill(Pid::from_raw(process), signal)?)
    }
}
