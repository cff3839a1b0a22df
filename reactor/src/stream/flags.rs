//! What the reactor knows of a socket without asking it, as flags.
//!
//! A flag that says "ready" may be wrong, as the system's reports may be spurious; the call that
//! relies on it then answers `WouldBlock`. Invariant: a flag that says "not ready" is cleared only
//! after the system was seen to have nothing, so no report is lost by it.

use std::cell::Cell;

use interfaces::ReadingRoles;

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
    pub(crate) reading: ReadFlags,
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

/// What keeps a stream from reading as most do, as bits: nothing, so that one comparison tells.
#[derive(Default)]
pub(crate) struct ReadFlags(Cell<u8>);

impl ReadFlags {
    const PAUSED: u8 = 1;
    const DESCRIPTORS: u8 = 2;
    const BUFFERED: u8 = 4;
    /// A read of a UNIX socket ends at descriptors, and is to tell so.
    const UNIX: u8 = 8;

    /// Whether it reads into the shared buffer, now.
    #[inline(always)]
    pub(crate) fn are_usual(&self) -> bool {
        self.0.get() == 0
    }

    /// The protocol paused its reading.
    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        self.0.get() & Self::PAUSED != 0
    }

    /// Returns whether it was paused before.
    pub(crate) fn set_paused(&self, paused: bool) -> bool {
        let was_paused = self.is_paused();
        let others = self.0.get() & !Self::PAUSED;
        self.0.set(if paused { others | Self::PAUSED } else { others });
        was_paused
    }

    /// The protocol's roles, of which descriptors go first. Only a UNIX socket has them.
    pub(crate) fn set_roles(&self, roles: ReadingRoles, is_unix: bool) {
        let role = match (roles.descriptors && is_unix, roles.buffered) {
            (true, _) => Self::DESCRIPTORS,
            (false, true) => Self::BUFFERED,
            (false, false) if is_unix => Self::UNIX,
            (false, false) => 0,
        };
        self.0.set(self.0.get() & Self::PAUSED | role);
    }

    pub(crate) fn is_buffered(&self) -> bool {
        self.0.get() & Self::BUFFERED != 0
    }

    pub(crate) fn takes_descriptors(&self) -> bool {
        self.0.get() & Self::DESCRIPTORS != 0
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
            reading: ReadFlags::default(),
            dirty: Cell::new(false),
            listed: Cell::new(false),
            origin,
        }
    }
}
