//! The names of connections, their ends, listeners, and datagram sockets.
//!
//! Invariant: connections, listeners and datagram sockets are numbered from one count, so no two have the
//! same number in the trace.

/// The number of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionId(pub(super) u64);

/// The number of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListenerId(pub(super) u64);

/// The number of a datagram socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DatagramId(pub(super) u64);

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// The number of an end: the connection's number doubled, and one more for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndId(u64);

/// The number of a simulated child, or of the program's end of one of its pipes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartId(pub(super) u64);

/// A socket that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    End(EndId),
    Listener(ListenerId),
    Datagram(DatagramId),
    /// A child, or the end of a pipe.
    Part(PartId),
}

impl ConnectionId {
    /// Its number as the answer of a call in the trace.
    #[inline]
    pub(super) fn answer(self) -> i64 {
        self.0 as i64
    }
}

impl ListenerId {
    /// Its number in the trace.
    #[inline]
    pub(super) fn number(self) -> u64 {
        self.0 * 2
    }
}

impl DatagramId {
    /// Its number in the trace.
    #[inline]
    pub(super) fn number(self) -> u64 {
        self.0 * 2
    }
}

impl PartId {
    /// Its number in the trace.
    pub(super) fn number(self) -> u64 {
        self.0 * 2
    }
}

impl Side {
    #[inline]
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl EndId {
    pub(super) fn new(connection: ConnectionId, side: Side) -> Self {
        Self(connection.0 * 2 + side as u64)
    }

    pub(super) fn client(connection: ConnectionId) -> Self {
        Self::new(connection, Side::Client)
    }

    pub(super) fn server(connection: ConnectionId) -> Self {
        Self::new(connection, Side::Server)
    }

    #[inline]
    pub(super) fn connection(self) -> ConnectionId {
        ConnectionId(self.0 / 2)
    }

    #[inline]
    pub(super) fn side(self) -> Side {
        if self.0.is_multiple_of(2) { Side::Client } else { Side::Server }
    }

    #[inline]
    pub(super) fn other(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// Its number in the trace.
    #[inline]
    pub(super) fn number(self) -> u64 {
        self.0
    }
}

impl Source {
    /// Its number in the trace.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::End(id) => id.number(),
            Self::Listener(id) => id.number(),
            Self::Datagram(id) => id.number(),
            Self::Part(id) => id.number(),
        }
    }
}
