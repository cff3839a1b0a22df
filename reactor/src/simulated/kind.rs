//! [`ChoiceKind`]: the kinds of decisions that a seed makes.
//!
//! Invariant: each kind has a name of its own, and the kinds of faults come first.

use std::fmt;

macro_rules! choices {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// The kinds of decisions. Those of faults come first; each has the name that a token uses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum ChoiceKind { $($(#[$doc])* $kind,)* }

        impl ChoiceKind {
            /// All kinds, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The name in a token.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

choices! {
    /// A read moved less than it could.
    ShortRead = "short-read",
    /// A write moved less than it could.
    ShortWrite = "short-write",
    /// A read answered `EAGAIN` although bytes waited.
    ReadWouldBlock = "read-eagain",
    /// A write answered `EAGAIN` although there was room.
    WriteWouldBlock = "write-eagain",
    /// An accept answered `EAGAIN` although a connection waited.
    AcceptWouldBlock = "accept-eagain",
    /// A call answered `EINTR`.
    Interrupted = "eintr",
    /// A poll ended early.
    InterruptedPoll = "poll-eintr",
    /// An accept answered `ECONNABORTED`.
    AbortedAccept = "econnaborted",
    /// An accept answered `EMFILE`.
    NoDescriptor = "emfile",
    /// An accept answered `ENFILE`, `ENOBUFS`, `ENOMEM` or `EPERM`.
    AcceptError = "accept-error",
    /// The reserve descriptor did not help.
    FailedReserve = "failed-reserve",
    /// A middlebox reset a connection.
    Reset = "reset",
    /// A connection's peer answered no more (`ETIMEDOUT`).
    TimedOut = "etimedout",
    /// A write answered `EPIPE`. It follows from a reset or a close, and is not drawn.
    BrokenPipe = "epipe",
    /// A report of a poll said more than was true.
    Spurious = "spurious",
    /// A report of a poll came late.
    DelayedReport = "late-report",
    /// A segment was lost and sent again.
    Stall = "stall",
    /// A datagram was lost.
    LostDatagram = "lost-datagram",
    /// A datagram came twice.
    DoubledDatagram = "doubled-datagram",
    /// A datagram was overtaken.
    OvertakenDatagram = "overtaken-datagram",
    /// A run of datagrams was refused.
    NoSegmentation = "no-segmentation",
    /// A child was killed.
    ChildDeath = "child-death",
    /// The clock jumped.
    ClockJump = "clock-jump",
    /// Reports of one poll came in another order than that of their events.
    ReportOrder = "report-order",
    /// A report told a change alone, and not all that was ready.
    ReportScope = "report-scope",
    /// Bytes were reported before the program had asked for them.
    EarlyReport = "early-report",
    /// A reset overtook the bytes before it.
    ResetOvertakes = "reset-overtakes",
    /// The end that a reset reached first.
    ResetSide = "reset-side",
    /// The latency of a link.
    Latency = "latency",
    /// The latency of one segment beyond the link's least.
    Jitter = "jitter",
    /// The size of the segments of a link.
    SegmentMax = "segment-max",
    /// The size of one segment.
    Segment = "segment",
    /// The size of a socket's buffer.
    Buffer = "buffer",
    /// The bytes per second of a link.
    Bandwidth = "bandwidth",
    /// The time that a look-up took.
    LookUp = "look-up",
    /// The time between two steps of a child.
    ChildPace = "child-pace",
    /// The size of a piece that a child moved.
    ChildPiece = "child-piece",
    /// Datagrams of one sender were received apart.
    DatagramSplit = "datagram-split",
    /// The time that work on another thread took.
    Work = "work",
    /// A choice of the test.
    Test = "test",
}

impl ChoiceKind {
    /// The number of kinds.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether it is a fault of the network or the system, a report in an unusual order included, and not a plain
    /// difference.
    pub const fn is_fault(self) -> bool {
        (self as u8) <= (Self::ResetOvertakes as u8)
    }

    /// The kind of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    #[inline]
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

impl fmt::Display for ChoiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const _: () = assert!(ChoiceKind::COUNT <= 64, "a kind is a bit of 64");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_name() {
        for kind in ChoiceKind::ALL {
            assert_eq!(ChoiceKind::of_name(kind.name()), Some(*kind));
        }
    }
}
