//! What a trial is: who competes, at what, and which figures come of it.
//!
//! Invariant: a trial says all of that in data, so that the list of trials can be read as a table.

use super::figure::Figure;

/// Somebody who is measured, by the name that results have.
pub(super) type Peer = &'static str;

/// One thing that is measured, with every peer in turn.
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
    /// `bench-micro`, with these words and the peer's name.
    Micro(&'static str),
    /// A program that echoes over TCP, which is weighed.
    Weighed,
    /// What `cargo xtask bench-deferred` measures.
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

/// A server's own time for messages, with the kernel taken away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bare {
    pub(super) connections: usize,
    pub(super) bytes: usize,
    pub(super) buffer_bytes: usize,
}

/// A server and what it is loaded with.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) mode: &'static str,
    pub(super) wire: Wire,
    /// The buffer that each connection has with those peers where each has one.
    pub(super) buffer_bytes: usize,
    /// The load's task and options, without the time.
    pub(super) load: Vec<String>,
    pub(super) rounds: Rounds,
}

/// What the bytes travel in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Tcp,
    Tls,
}

/// How often each peer is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounds {
    /// For what varies.
    Many,
    /// For what varies little.
    Few,
    /// For what does not vary, and takes long.
    Once,
}
