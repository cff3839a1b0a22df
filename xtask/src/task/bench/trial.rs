//! A trial: its peers, its measurement and its figures.
//!
//! Invariant: a trial is data, so that the list of trials reads as a table.

use super::figure::Figure;

/// A measured program or library, by its name in the results.
pub(super) type Peer = &'static str;

/// One measurement, made with every peer in turn.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) peers: &'static [Peer],
    pub(super) how: How,
    pub(super) figures: Vec<Figure>,
}

/// How a peer is measured.
#[derive(Clone, Debug)]
pub(super) enum How {
    /// A server under load.
    Served(Served),
    /// A server whose system calls are answered by a library.
    Bare(Bare),
    /// `bench-micro`, with these arguments and the peer's name.
    Micro(&'static str),
    /// The size of a program that echoes over TCP.
    Weighed,
    /// A figure of `cargo xtask bench-deferred`.
    Deferred,
}

impl How {
    /// Whether the peers are servers.
    pub(super) fn needs_servers(&self) -> bool {
        match self {
            Self::Served(_) | Self::Bare(_) => true,
            Self::Micro(_) | Self::Weighed | Self::Deferred => false,
        }
    }
}

/// A server's own time for messages, without the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bare {
    pub(super) connections: usize,
    pub(super) bytes: usize,
    pub(super) buffer_bytes: usize,
    pub(super) wire: Wire,
}

/// A server and its load.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) mode: &'static str,
    pub(super) wire: Wire,
    /// The buffer of each connection, with the peers that have one for each.
    pub(super) buffer_bytes: usize,
    /// The load's task and options, without the time.
    pub(super) load: Vec<String>,
    pub(super) rounds: Rounds,
}

/// The kind of sockets, and the encryption of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Tcp,
    Tls,
    Udp,
}

/// The number of rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounds {
    /// For figures that vary.
    Many,
    /// For figures that vary little.
    Few,
    /// For figures that do not vary, and take long.
    Once,
}
