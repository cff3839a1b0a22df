//! The seam: what the reactor needs of a system, split by ability.
//!
//! ```text
//!   sys/mod.rs      Sys: the clock, the poll, the waker, signals
//!   sys/token.rs    Token: the name of a tenant in reports
//!   sys/ready.rs    Report, Ready, Watch: what is watched, and what a poll found
//!   sys/streams.rs  StreamSys: stream sockets, listening and connected
//!   sys/datagrams.rs  DatagramSys: UDP and UNIX datagram sockets
//!   sys/look_ups.rs LookUpSys: the addresses of host names
//!   sys/ancillary.rs  Ancillary: what comes beside the bytes of a UNIX socket
//!   sys/descriptors.rs  DescriptorSys: pipes, terminals, files
//!   sys/stdio.rs        StdioSys: standard input and output
//!   sys/watched.rs      WatchSys: descriptors that something else owns
//!   sys/processes.rs    ProcessSys: child processes
//! ```
//!
//! Two implementations: [`Kernel`](crate::Kernel) on mio, and
//! [`Simulated`](crate::simulated::Simulated), a network in memory that a seed drives. Each has one file
//! for each file here, by the same name. The same connection, accept, timer and close code runs on both.
//! Invariant: no trait here names a type of `kernel` or `simulated`.

mod ancillary;
mod datagrams;
mod descriptors;
mod look_ups;
pub(crate) mod os_error;
mod processes;
mod ready;
mod stdio;
mod streams;
mod token;
mod watched;

use std::io;
use std::time::Duration;

pub use ancillary::{Ancillary, DESCRIPTORS_PER_CALL_MAX, ReadAlone};
pub use datagrams::{
    DatagramSys, Membership, MulticastOption, Packet, ReceiveBatch, SendRun, Sharing,
};
pub use descriptors::{DescriptorSys, Reporting};
pub use look_ups::{LookUp, LookUpResult, LookUpSys};
pub use processes::{ChildEnd, ChildWatch, ProcessSys, Spawned, Way};
pub use ready::{Ready, Report, Watch};
pub use stdio::StdioSys;
pub use streams::{ConnectFault, SocketOption, StreamSys};
pub use token::Token;
pub use watched::{Found, Wanted, WatchSys};

/// The clock, the poll and the signals of a system; what a loop needs before there is any socket.
///
/// Readiness is edge-triggered: [`poll`](Sys::poll) reports a change once, and then again only
/// after the operation in question has transferred less than it was asked for, or answered
/// [`WouldBlock`](io::ErrorKind::WouldBlock). Reports may be spurious.
pub trait Sys: 'static {
    /// The list that a poll fills; the reactor passes the same one to every poll.
    type Events: Default + 'static;

    /// The time since this system's zero; never goes back (clock_gettime(2), `CLOCK_MONOTONIC`).
    fn now(&self) -> Duration;

    /// Waits until something is ready, the waker woke, or `timeout` has passed (`None`: for ever),
    /// and fills `events` with what is ready, and nothing else. A wait that was interrupted ends early
    /// and is no error.
    ///
    /// # Errors
    ///
    /// What epoll_wait(2) answers for a broken descriptor; the reactor cannot go on.
    fn poll(&self, timeout: Option<Duration>, events: &mut Self::Events) -> io::Result<()>;

    /// The reports that a poll put into `events`.
    fn reports(events: &Self::Events) -> impl Iterator<Item = impl Report>;

    /// A function for other threads that ends a [`poll`](Sys::poll) early.
    fn waker(&self) -> Box<dyn Fn() + Send + Sync>;

    /// Takes work that is meant for a thread of the pool, where the system does it by itself, in a later
    /// [`poll`](Sys::poll); otherwise gives it back, as here.
    fn take_work(&self, work: Box<dyn FnOnce() + Send>) -> Option<Box<dyn FnOnce() + Send>> {
        Some(work)
    }

    /// Reports this signal as [`Token::SIGNALS`] from now on, instead of its default action.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a signal that cannot be caught or does not exist.
    fn watch_signal(&self, signal: i32) -> io::Result<()>;

    /// Whether a watched signal came that was not taken. It is asked before each poll, for a report of
    /// [`Token::SIGNALS`] takes system calls that may fail.
    fn signal_came(&self) -> bool;

    /// The watched signals that came since the previous call.
    fn take_signals(&self) -> Vec<i32>;
}
