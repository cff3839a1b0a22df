//! A child process as its protocol sees it; Twisted's `IProcessTransport`.
//!
//! Invariant: no method runs protocol code before it returns, and every method may be called at any
//! time: on a process that ended they do nothing, or return the error that says so.

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::{
    AlreadyProducing, BufferLimits, Chunk, OsError, Producer, PushProducer, WindowSize, printable,
};

/// A child process, shared: clone the `Rc` to keep it.
///
/// Its `write`, producer and limits are those of the child's standard input, or of its terminal. As a
/// [`PushProducer`] it controls the reading of all that the child writes.
#[doc(alias = "IProcessTransport")]
pub trait ProcessTransport: PushProducer {
    /// The number of the process; `None` from [`process_exited`](crate::ProcessProtocol::process_exited)
    /// on, when the system may give it to another.
    fn pid(&self) -> Option<u32>;

    /// Queues bytes for the child's standard input. Never blocks and never fails: where that is closed
    /// or closing, the bytes are dropped.
    fn write(&self, data: &[u8]);

    /// Queues several pieces as if written one after the other, without joining them.
    #[doc(alias = "writeSequence")]
    fn write_sequence(&self, chunks: Vec<Chunk>);

    /// As [`write`](Self::write), for the pipe that the child reads as `child_fd`.
    ///
    /// # Errors
    ///
    /// [`NoSuchChildFd`] where no such pipe was made. One that is closed takes the bytes and drops them.
    #[doc(alias = "writeToChild")]
    fn write_to_child(&self, child_fd: i32, data: &[u8]) -> Result<(), NoSuchChildFd>;

    /// Closes this side's end of the pipe of `child_fd`: after its queued bytes are written and its
    /// producer has unregistered, if the child reads it; at once if the child writes it, which then is a
    /// broken pipe for the child. [`child_connection_lost`](crate::ProcessProtocol::child_connection_lost)
    /// follows on a later turn. A terminal has no end of file that can be closed by itself: write `\x04`
    /// to it, or lose the connection. Idempotent.
    ///
    /// # Errors
    ///
    /// [`NoSuchChildFd`] where no such pipe was made.
    fn close_child_fd(&self, child_fd: i32) -> Result<(), NoSuchChildFd>;

    /// [`close_child_fd`](Self::close_child_fd) of 0, if it is a pipe.
    #[doc(alias = "closeStdin")]
    fn close_stdin(&self) {
        let _ = self.close_child_fd(0);
    }

    /// [`close_child_fd`](Self::close_child_fd) of 1, if it is a pipe.
    #[doc(alias = "closeStdout")]
    fn close_stdout(&self) {
        let _ = self.close_child_fd(1);
    }

    /// [`close_child_fd`](Self::close_child_fd) of 2, if it is a pipe.
    #[doc(alias = "closeStderr")]
    fn close_stderr(&self) {
        let _ = self.close_child_fd(2);
    }

    /// Closes every pipe as [`close_child_fd`](Self::close_child_fd) does, or the terminal, whose
    /// processes get `SIGHUP`. The process is not signalled.
    ///
    /// # Differences from Twisted
    ///
    /// Twisted closes 0, 1 and 2 alone.
    #[doc(alias = "loseConnection")]
    fn lose_connection(&self);

    /// Sends the process a signal, by its number or its name: `signal_process(&"TERM".into())`.
    ///
    /// # Errors
    ///
    /// [`SignalError`].
    #[doc(alias = "signalProcess")]
    fn signal_process(&self, signal: &Signal) -> Result<(), SignalError>;

    /// Sets the size of the window of the child's terminal (ioctl_tty(2), `TIOCSWINSZ`); where it changes, the
    /// foreground processes of the terminal get `SIGWINCH`.
    ///
    /// # Errors
    ///
    /// [`WindowSizeError`].
    ///
    /// # Differences from Twisted
    ///
    /// Twisted leaves this call to the program.
    fn set_window_size(&self, window: WindowSize) -> Result<(), WindowSizeError>;

    /// Registers the source of the bytes for standard input, as
    /// [`Transport::register_producer`](crate::Transport::register_producer). Where that is closed the
    /// producer is stopped at once.
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`] when another one is registered, which stays.
    #[doc(alias = "registerProducer")]
    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing>;

    /// Unregisters the producer; a `close_stdin` that waited for this goes on.
    #[doc(alias = "unregisterProducer")]
    fn unregister_producer(&self);

    /// Sets how many unsent bytes of each pipe pause its producer, and how many are too many: a pipe
    /// whose unsent bytes pass the cap is closed, with
    /// [`WriteBufferExceeded`](crate::Reason::WriteBufferExceeded).
    fn set_buffer_limits(&self, limits: BufferLimits);

    /// The limits that hold for standard input, as
    /// [`Transport::buffer_limits`](crate::Transport::buffer_limits); the usual ones where that is closed.
    fn buffer_limits(&self) -> BufferLimits {
        BufferLimits::default()
    }
}

/// A signal, by its number or its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The number.
    Number(i32),
    /// The name (signal(7)), with or without `SIG`: `TERM`, `SIGTERM`, `RTMIN+1`, `RTMAX-1`.
    Name(Rc<str>),
}

impl From<i32> for Signal {
    fn from(number: i32) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Signal {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

/// Why a signal was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The process is no more, also where that was not told yet. Twisted's `ProcessExitedAlready`.
    #[error("cannot send a signal: the process has exited already")]
    ProcessExitedAlready,
    /// No signal has this name.
    #[error("cannot send the signal `{}`: no signal has this name", printable(&**.name))]
    UnknownName {
        /// The name that was asked for.
        name: Rc<str>,
    },
    /// The system refused: a number that is no signal, or a process that runs as another user.
    #[error("cannot send signal {signal}")]
    Refused {
        /// The number.
        signal: i32,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
}

/// Why the size of a window was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowSizeError {
    /// The child was started with pipes.
    #[error("cannot set the size of a window: the child has no terminal")]
    NoTerminal,
    /// The connection to the terminal is lost.
    #[error("cannot set the size of a window: the terminal is closed")]
    Closed,
    /// The system refused.
    #[error("cannot set the size of a window")]
    Refused(#[source] OsError),
}

/// No pipe of this child has this number. Twisted's `KeyError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the child has no pipe to or from its descriptor {child_fd}")]
pub struct NoSuchChildFd {
    /// The child's descriptor.
    pub child_fd: i32,
}
