//! What a relay tells its observer.
//!
//! Invariant: of each pair at most one event is a trouble.

use alloc::rc::Rc;
use core::fmt;

use deferred::Failure;
use interfaces::{Address, Deadline, Reason, Transport};

/// Which of the two connections of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelaySide {
    /// The incoming connection.
    Accepted,
    /// The outgoing connection that is made for it.
    Connected,
}

impl RelaySide {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Accepted => Self::Connected,
            Self::Connected => Self::Accepted,
        }
    }
}

impl fmt::Display for RelaySide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted side",
            Self::Connected => "connected side",
        })
    }
}

/// What happened to a pair. `peer` is the remote address of the accepted side.
#[derive(Clone)]
#[non_exhaustive]
pub enum RelayEvent<'a> {
    /// The outgoing connection was made.
    Connected {
        /// The accepted side's peer.
        peer: &'a Address,
        /// The outgoing connection.
        transport: &'a Rc<dyn Transport>,
    },
    /// The outgoing connection could not be made; the accepted side is aborted.
    NotConnected {
        /// The accepted side's peer.
        peer: &'a Address,
        /// The failure of the last try.
        failure: &'a Failure,
    },
    /// A connection ended otherwise than both of its sides meant it to.
    Broken {
        /// The accepted side's peer.
        peer: &'a Address,
        /// Which connection of the pair.
        side: RelaySide,
        /// How it ended.
        reason: &'a Reason,
    },
    /// The pair was silent for longer than it may be, and is ended.
    TimedOut {
        /// The accepted side's peer.
        peer: &'a Address,
        /// Which limit of [`RelayOptions`](super::RelayOptions).
        deadline: Deadline,
    },
}

impl fmt::Debug for RelayEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { peer, transport } => {
                write!(f, "Connected({peer}, {})", transport.peer())
            }
            Self::NotConnected { peer, failure } => write!(f, "NotConnected({peer}, {failure})"),
            Self::Broken { peer, side, reason } => write!(f, "Broken({peer}, {side}, {reason})"),
            Self::TimedOut { peer, deadline } => write!(f, "TimedOut({peer}, {deadline})"),
        }
    }
}
