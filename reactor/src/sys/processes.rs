//! [`ProcessSys`]: the system calls for child processes.
//!
//! Invariant: no call waits for a child, and none reaps a child that was not spawned here.

use std::io;

use interfaces::{ExitStatus, SpawnError, SpawnProcess, WindowSize};

use super::{DescriptorSys, Token};

/// A system with child processes.
pub trait ProcessSys: DescriptorSys {
    /// A child that runs, or waits to be reaped. Dropping it leaves the process as it is; the system reaps
    /// it at some time after its end.
    type Child: 'static;

    /// Starts a program, with the pipes or the terminal that it asks for.
    ///
    /// # Errors
    ///
    /// [`SpawnError`]; nothing is left behind.
    fn spawn(
        &self,
        options: &SpawnProcess,
    ) -> Result<Spawned<Self::Child, Self::Descriptor>, SpawnError>;

    /// Has the end of a child reported.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) or sigaction(2) answer.
    fn register_child(&self, child: &Self::Child, token: Token) -> io::Result<ChildWatch>;

    /// Stops watching a child.
    fn deregister_child(&self, child: &Self::Child);

    /// The number of the process.
    fn process_id(&self, child: &Self::Child) -> u32;

    /// Reaps the child if it has ended (waitpid(2), `WNOHANG`).
    ///
    /// # Errors
    ///
    /// What waitpid(2) answers: `ECHILD` when other code has reaped it.
    fn try_wait(&self, child: &Self::Child) -> io::Result<Option<ExitStatus>>;

    /// Sets the size of a terminal's window, by this side's end (ioctl_tty(2), `TIOCSWINSZ`).
    ///
    /// # Errors
    ///
    /// What the call answers.
    fn set_window_size(&self, terminal: &Self::Descriptor, window: WindowSize) -> io::Result<()>;

    /// Sends a child that was not reaped a signal (pidfd_send_signal(2), kill(2)).
    ///
    /// # Errors
    ///
    /// What the call answers: `ESRCH` when the process has ended, also where it was not reaped yet.
    fn signal_child(&self, child: &Self::Child, signal: i32) -> io::Result<()>;
}

/// A child that was just started, and this side's ends of its pipes.
#[derive(Debug)]
pub struct Spawned<C, D> {
    /// The child.
    pub child: C,
    /// This side's ends.
    pub ends: Vec<ChildEnd<D>>,
}

/// This side's end of one pipe of a child, or of its terminal.
#[derive(Debug)]
pub struct ChildEnd<D> {
    /// The child's descriptor; 1 for a terminal.
    pub child_fd: i32,
    /// The way of its bytes.
    pub way: Way,
    /// The end.
    pub descriptor: D,
}

/// The way of bytes between this process and a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The child reads them.
    ToChild,
    /// The child writes them.
    FromChild,
    /// Both: a terminal.
    Both,
}

/// How the end of a child is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildWatch {
    /// By a poll, under the child's token.
    ByPoll,
    /// By `SIGCHLD`, which is watched from now on: every child is then looked at.
    BySignal {
        /// No child was watched so before, and the signal has no handler yet.
        is_first: bool,
    },
    /// By nothing: the child is to be looked at from time to time. Where there is no pidfd and `SIGCHLD`
    /// is ignored, which is left so.
    ByLooks,
    /// It has ended already, and the next look says so.
    Ended,
}
