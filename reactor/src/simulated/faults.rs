//! The faults of the network, and how often each occurs.
//!
//! Invariant: no fault breaks a promise of [`StreamSys`](crate::sys::StreamSys): a program that follows
//! the trait's rules survives them all.

use std::time::Duration;

use super::Chance;

/// The probability of each fault. The default has all of them on, moderately.
///
/// # Examples
///
/// ```
/// use ropewalk_reactor::simulated::{Chance, Faults};
///
/// let only_short = Faults { short: Chance::per_mille(500), ..Faults::none() };
/// assert_ne!(only_short, Faults::none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// A read or write transfers less than it could, down to one byte. The report that more is
    /// there follows.
    pub short: Chance,
    /// A read, write or accept answers `EAGAIN` although it could succeed, or
    /// [`connection_waits`](crate::sys::StreamSys::connection_waits) is `false` although one does. The
    /// report follows.
    pub would_block: Chance,
    /// An operation answers `EINTR`, or a poll ends early with nothing.
    pub interrupted: Chance,
    /// An accept answers `ECONNABORTED`: its client has been reset.
    pub aborted_accept: Chance,
    /// An accept answers `EMFILE` and leaves the connection in the queue.
    pub no_descriptor: Chance,
    /// An accept answers `ENFILE`, `ENOBUFS`, `ENOMEM` or `EPERM`, and leaves the connection in the queue.
    pub accept_error: Chance,
    /// The reserve descriptor of [`accept_and_close`](crate::sys::StreamSys::accept_and_close) does not help.
    pub failed_reserve: Chance,
    /// A segment of a TCP connection meets a middlebox that has forgotten the connection: both ends
    /// are reset, and the bytes under way are lost.
    pub reset: Chance,
    /// A segment of a TCP connection gets no answer any more, as where the peer's machine is gone: one end is
    /// told (`ETIMEDOUT`), the other is reset.
    pub timed_out: Chance,
    /// A child is killed at one of its steps, as by a system without memory.
    pub child_death: Chance,
    /// A spurious report follows an operation. (Not before a connection attempt is decided, as its
    /// outcome is told by a report, and never of `read_closed`.)
    pub spurious: Chance,
    /// A report comes late.
    pub delayed_report: Chance,
    /// A segment is lost, and arrives when it is sent again.
    pub stall: Chance,
    /// A UDP datagram is lost.
    pub lost_datagram: Chance,
    /// A UDP datagram arrives twice.
    pub doubled_datagram: Chance,
    /// A UDP datagram is held up by up to 5 ms, so that later ones overtake it.
    pub overtaken_datagram: Chance,
    /// A run of datagrams that the system would have to cut is refused (`EIO`).
    pub no_segmentation: Chance,
    /// The clock jumps ahead in a poll: the machine was suspended or busy.
    pub clock_jump: Chance,
    /// The longest such jump. Default 50 ms.
    pub clock_jump_at_most: Duration,
}

impl Faults {
    /// No faults.
    pub const fn none() -> Self {
        Self {
            short: Chance::NEVER,
            would_block: Chance::NEVER,
            interrupted: Chance::NEVER,
            aborted_accept: Chance::NEVER,
            no_descriptor: Chance::NEVER,
            accept_error: Chance::NEVER,
            failed_reserve: Chance::NEVER,
            reset: Chance::NEVER,
            timed_out: Chance::NEVER,
            child_death: Chance::NEVER,
            spurious: Chance::NEVER,
            delayed_report: Chance::NEVER,
            stall: Chance::NEVER,
            lost_datagram: Chance::NEVER,
            doubled_datagram: Chance::NEVER,
            overtaken_datagram: Chance::NEVER,
            no_segmentation: Chance::NEVER,
            clock_jump: Chance::NEVER,
            clock_jump_at_most: Duration::ZERO,
        }
    }

    /// Only faults that a reactor hides from protocols: no connection is lost, and timers run on time.
    pub const fn harmless() -> Self {
        Self {
            short: Chance::per_mille(200),
            would_block: Chance::per_mille(50),
            interrupted: Chance::per_mille(50),
            spurious: Chance::per_mille(20),
            delayed_report: Chance::per_mille(50),
            stall: Chance::per_mille(10),
            no_segmentation: Chance::per_mille(20),
            ..Self::none()
        }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            aborted_accept: Chance::per_mille(20),
            no_descriptor: Chance::per_mille(10),
            accept_error: Chance::per_mille(10),
            failed_reserve: Chance::per_mille(200),
            reset: Chance::per_mille(2),
            timed_out: Chance::per_mille(1),
            lost_datagram: Chance::per_mille(10),
            doubled_datagram: Chance::per_mille(5),
            overtaken_datagram: Chance::per_mille(20),
            child_death: Chance::per_mille(2),
            clock_jump: Chance::per_mille(5),
            clock_jump_at_most: Duration::from_millis(50),
            ..Self::harmless()
        }
    }
}
