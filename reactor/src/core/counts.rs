//! [`Counts`]: how much of each a reactor holds.
//!
//! Invariant: a reactor that was asked for nothing counts nothing.

/// How much of each a reactor holds at one moment. A test compares it with [`Counts::default`], which
/// is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections whose protocol has not been told of their end.
    pub streams: usize,
    /// Open ports.
    pub ports: usize,
    /// Datagram ports whose protocol has not been told of their end.
    pub datagram_ports: usize,
    /// Connections being made.
    pub attempts: usize,
    /// Sockets that wait for their peer's end of file, without a protocol.
    pub lingering: usize,
    /// Child processes whose protocol has not been told of their end.
    pub processes: usize,
    /// Open pipes and terminals of child processes.
    pub pipes: usize,
    /// Open directions of standard input and output.
    pub stdio: usize,
    /// Descriptors of others that are watched.
    pub watched: usize,
    /// Pending delayed calls, the reactor's own included.
    pub timers: usize,
    /// Futures that have not finished.
    pub tasks: usize,
    /// Jobs on other threads whose callback has not run.
    pub jobs: usize,
    /// Bytes that wait to be sent on all connections together; see
    /// [`Limits::unsent_bytes`](crate::Limits::unsent_bytes).
    pub unsent_bytes: usize,
}
