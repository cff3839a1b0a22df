//! What the reactor knows of a socket without asking it, as flags.
//!
//! A flag that says "ready" may be wrong, as the system's reports may be spurious; the call that
//! relies on it then answers `WouldBlock`. Invariant: a flag that says "not ready" is cleared only
//! after the system was seen to have nothing, so no report is lost by it.

use std::cell::Cell;

/// The flags of one socket.
pub(crate) struct IoFlags {
    /// There may be something to read.
    pub(crate) readable: Cell<bool>,
    /// The peer's end was reported, or the connection is broken: a short read does not mean that all
    /// is read.
    pub(crate) read_closed: Cell<bool>,
    /// The last write did not fit: the next one waits until the system reports room.
    pub(crate) blocked: Cell<bool>,
    /// The system was asked to say when there is room.
    pub(crate) watches_writing: Cell<bool>,
    pub(crate) eof: EofFlags,
    /// The protocol paused its reading.
    pub(crate) paused: Cell<bool>,
    /// Written to, and not flushed since.
    pub(crate) dirty: Cell<bool>,
    /// On the list of those that are still ready.
    pub(crate) listed: Cell<bool>,
    /// Whether another process may hold the socket open too.
    pub(crate) origin: Origin,
}

/// Which EOFs were sent and received, as bits.
#[derive(Default)]
pub(crate) struct EofFlags(Cell<u8>);

impl EofFlags {
    const RECEIVED: u8 = 1;
    const SENT: u8 = 2;

    /// Whether the peer's end of file was read.
    pub(crate) fn received(&self) -> bool {
        self.0.get() & Self::RECEIVED != 0
    }

    pub(crate) fn set_received(&self) {
        self.0.set(self.0.get() | Self::RECEIVED);
    }

    /// Whether our end of file was sent.
    pub(crate) fn sent(&self) -> bool {
        self.0.get() & Self::SENT != 0
    }

    pub(crate) fn set_sent(&self) {
        self.0.set(self.0.get() | Self::SENT);
    }
}

/// Whether a socket was made here or handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Made,
    Adopted,
}

impl IoFlags {
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            readable: Cell::new(false),
            read_closed: Cell::new(false),
            blocked: Cell::new(false),
            watches_writing: Cell::new(false),
            eof: EofFlags::default(),
            paused: Cell::new(false),
            dirty: Cell::new(false),
            listed: Cell::new(false),
            origin,
        }
    }
}
