//! The plan of one end of a life, drawn from the seed.
//!
//! Invariant: whatever two plans meet, each end finishes by itself or when the other does.

use testkit::Dice;

use crate::draws::Draws;

/// A size below two to the power of `doublings`: small ones come as often as large ones.
fn size(dice: &Draws, doublings: usize) -> usize {
    let most = 1 << dice.below(doublings);
    dice.below(most)
}

/// Where an end's bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// All in `connection_made`, in pieces.
    AtOnce,
    /// A piece from each of a chain of timers.
    Timers,
    /// A piece for each piece received, and from timers when nothing comes.
    Replies,
    /// A push producer, driven by timers.
    Push,
    /// A push producer, though the connection, or its one direction, was closed right after it was
    /// registered.
    PushWhileClosing,
    /// A pull producer.
    Pull,
}

/// How an end finishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `lose_connection` when all is written.
    Lose,
    /// `lose_write_connection` when all is written, `lose_connection` at the peer's end of file.
    HalfClose,
    /// Waits for the peer to finish.
    Wait,
    /// `abort_connection` when all is written.
    Abort,
    /// `lose_connection_with_reset` when all is written.
    Reset,
    /// `lose_connection` inside the first `data_received` after this many bytes.
    LoseInside(usize),
    /// `abort_connection` there.
    AbortInside(usize),
    /// A panic there.
    PanicInside(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) bytes: usize,
    pub(crate) piece_bytes_max: usize,
    pub(crate) source: Source,
    pub(crate) ending: Ending,
    /// Whether it hears of the peer's end of file and goes on writing.
    pub(crate) half_closeable: bool,
    /// Whether it pauses its reading now and then.
    pub(crate) pauses: bool,
    /// Whether it makes other connections write from its callbacks.
    pub(crate) nudges: bool,
    pub(crate) high_water: usize,
    /// Whether it sets that mark: a stream with limits of its own does not take the shortest way through the reactor.
    pub(crate) sets_limits: bool,
}

/// How rough the ends are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// No end breaks its connection.
    Civil,
    Rough,
}

impl Plan {
    /// A client's. It never only waits.
    pub(crate) fn of_client(dice: &Draws, manners: Manners) -> Self {
        Self::drawn(dice, manners, Ending::HalfClose)
    }

    pub(crate) fn of_server(dice: &Draws, manners: Manners) -> Self {
        Self::drawn(dice, manners, Ending::Wait)
    }

    fn drawn(dice: &Draws, manners: Manners, patient: Ending) -> Self {
        let limit = size(dice, 14);
        let ending = match (dice.below(12), manners) {
            (0..4, _) => Ending::Lose,
            (4..6, _) => Ending::HalfClose,
            (6..8, _) => patient,
            (8, _) => Ending::LoseInside(limit),
            (9, Manners::Rough) => Ending::Abort,
            (10, Manners::Rough) => Ending::AbortInside(limit),
            (11, Manners::Rough) if dice.one_in(3) => Ending::PanicInside(limit),
            (11, Manners::Rough) => Ending::Reset,
            _ => patient,
        };
        let sources = [
            Source::AtOnce,
            Source::Timers,
            Source::Replies,
            Source::Push,
            Source::PushWhileClosing,
            Source::Pull,
        ];
        Self {
            bytes: size(dice, 16),
            piece_bytes_max: 1 + size(dice, 16),
            source: sources[dice.below(sources.len())],
            ending,
            half_closeable: dice.below(2) == 0,
            pauses: dice.one_in(3),
            nudges: dice.one_in(3),
            high_water: size(dice, 14),
            sets_limits: dice.one_in(2),
        }
    }
}

/// The byte at a position of what one side of one life sends.
pub(crate) fn pattern(life: u64, side: usize, position: usize) -> u8 {
    let block = Dice::new((life << 32) ^ ((side as u64) << 63) ^ (position / 8) as u64).next_u64();
    (block >> (position % 8 * 8)) as u8
}
