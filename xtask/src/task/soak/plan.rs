//! What the two ends of a session do.
//!
//! Invariant: the same seed gives the same plan.

use std::time::Duration;

use testkit::{Dice, pattern};

/// The bytes of a large transfer.
const LARGE: usize = 300_000;

/// The bytes that a slow reader reads before it sleeps, and about what its kernel takes for it.
pub(super) const BEFORE_A_NAP: usize = 4096;

/// The first bytes of the client, in which it sends its seed.
pub(super) const HEADER: usize = 8;

/// One of the two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Client,
    Server,
}

/// What both ends do.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    client: Part,
    server: Part,
    /// The end that gives up, and how many bytes it has written then.
    pub(super) broken: Option<(End, usize)>,
    /// Whether it waits until the kernel of its peer has acknowledged these bytes.
    pub(super) is_patient: bool,
}

/// What one end sends, and how it reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// How many bytes it sends before its end of file.
    pub(super) bytes: usize,
    /// The longest piece that it writes, in bytes.
    pub(super) piece: usize,
    /// How long it sleeps after each [`BEFORE_A_NAP`] bytes that it read, if it reads slowly.
    pub(super) nap: Option<Duration>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let is_large = dice.one_in(4);
        let part = |dice: &Dice| {
            let bytes = match (is_large, dice.one_in(8)) {
                (_, true) => 0,
                (true, false) => LARGE,
                (false, false) => dice.below(4000),
            };
            let piece = if is_large { 16 * 1024 } else { 17 };
            let nap = dice.one_in(3).then(|| Duration::from_millis(1 + dice.below(4) as u64));
            Part { bytes, piece, nap }
        };
        let (mut client, server) = (part(&dice), part(&dice));
        client.bytes += HEADER;
        let broken = dice.one_in(4).then(|| {
            if dice.one_in(2) {
                (End::Client, dice.below(client.bytes + 1))
            } else {
                (End::Server, dice.below(server.bytes + 1))
            }
        });
        Self { seed, client, server, broken, is_patient: dice.one_in(2) }
    }

    pub(super) fn part(&self, end: End) -> Part {
        match end {
            End::Client => self.client,
            End::Server => self.server,
        }
    }

    /// What an end sends, if it does not give up.
    pub(super) fn bytes_of(&self, end: End) -> Vec<u8> {
        match end {
            End::Client => {
                let mut bytes = self.seed.to_le_bytes().to_vec();
                bytes.extend(pattern(self.seed, self.client.bytes - HEADER));
                bytes
            }
            End::Server => pattern(!self.seed, self.server.bytes),
        }
    }

    /// How many bytes of its own an end has written when it gives up, if it does.
    pub(super) fn gives_up(&self, end: End) -> Option<usize> {
        self.broken.filter(|(broken, _)| *broken == end).map(|(_, after)| after)
    }
}

impl End {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}
