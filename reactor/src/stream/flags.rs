//! What is known about a stream's socket without asking it.
//!
//! Invariant: each flag is a fact that was observed; only "readable" may be out of date, and then it is
//! true where there is nothing.

use std::cell::Cell;

/// What is known about the socket without asking it.
pub(crate) struct Readiness {
    /// Something may be there to be read.
    pub(crate) readable: Cell<bool>,
    /// The peer's end was reported, or the connection is broken: a short read does not mean that nothing
    /// is left.
    pub(crate) read_closed: Cell<bool>,
    /// The last write did not fit: nothing is tried before the system says that there is room.
    pub(crate) blocked: Cell<bool>,
    /// The system was asked to say when there is room.
    pub(crate) watches_writing: Cell<bool>,
    pub(crate) ends: Ends,
    /// The protocol paused its reading.
    pub(crate) paused: Cell<bool>,
    /// Its push producer was paused, and is to be resumed when all is sent.
    pub(crate) producer_paused: Cell<bool>,
    /// Written to, and not flushed since.
    pub(crate) dirty: Cell<bool>,
    /// On the list of those that are still ready.
    pub(crate) listed: Cell<bool>,
    /// Whether another process may hold the socket open too.
    pub(crate) origin: Origin,
}

/// The ends of file that there were. One byte, as every idle connection has it.
#[derive(Default)]
pub(crate) struct Ends(Cell<u8>);

impl Ends {
    const PEERS: u8 = 1;
    const OURS: u8 = 2;

    /// Whether the peer's end of file was read.
    pub(crate) fn peers_came(&self) -> bool {
        self.0.get() & Self::PEERS != 0
    }

    pub(crate) fn note_peers(&self) {
        self.0.set(self.0.get() | Self::PEERS);
    }

    /// Whether our end of file was sent.
    pub(crate) fn ours_left(&self) -> bool {
        self.0.get() & Self::OURS != 0
    }

    pub(crate) fn note_ours(&self) {
        self.0.set(self.0.get() | Self::OURS);
    }
}

/// Whether a socket was made here or handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Made,
    Adopted,
}

impl Readiness {
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            readable: Cell::new(false),
            read_closed: Cell::new(false),
            blocked: Cell::new(false),
            watches_writing: Cell::new(false),
            ends: Ends::default(),
            paused: Cell::new(false),
            producer_paused: Cell::new(false),
            dirty: Cell::new(false),
            listed: Cell::new(false),
            origin,
        }
    }
}
