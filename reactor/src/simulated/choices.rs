//! [`Choices`]: the one place that every decision of a simulated network is drawn from.
//!
//! Each kind of choice has a stream of numbers of its own, so a choice that is left out changes no other: the
//! third short read stays what it was when the first is gone. That is what makes a failing run shrink. A choice
//! is a number, and 0 is the plain answer: no fault, no delay, all the bytes, the largest buffer, first come
//! first served.
//!
//! Invariant: the n-th choice of a kind follows from the seed, the kind and n; in a replay, from the kept
//! choices.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::chance::{Chance, GOLDEN, mixed};
use super::kind::ChoiceKind;
use super::nanos::Nanos;

/// One choice that was made: its kind, and how many of that kind came before it.
pub(crate) type ChoiceId = (ChoiceKind, u32);

/// The choices of a run that had another than the plain answer, and their answers.
pub(crate) type Kept = BTreeMap<ChoiceId, u64>;

#[derive(Debug)]
pub(super) struct Choices {
    /// The state of each kind's stream.
    streams: [u64; ChoiceKind::COUNT],
    /// The kinds of faults that happened since they were taken, as bits.
    met: u64,
    script: Option<Box<Replay>>,
}

/// The choices of a run that is recorded or replayed.
#[derive(Debug)]
struct Replay {
    /// The answers; `None` draws them.
    kept: Option<Kept>,
    counts: [u32; ChoiceKind::COUNT],
    /// The choices that were made with another than the plain answer.
    made: Kept,
}

/// What one choice is drawn from.
#[derive(Clone, Copy, Debug)]
struct Bits(u64);

impl Bits {
    /// Evenly one of `0..limit`; 0 for a limit of 0.
    #[inline]
    fn below(self, limit: u64) -> u64 {
        // The upper half of the product: no division, and a bias below 2⁻⁴⁰ for the limits in use.
        ((u128::from(self.0) * u128::from(limit)) >> 64) as u64
    }

    /// Other bits of the same choice.
    #[inline]
    fn more(self) -> Self {
        Self(mixed(self.0.wrapping_add(GOLDEN)))
    }

    #[inline]
    fn happens(self, chance: Chance) -> bool {
        self.below(1000) < chance.in_thousand()
    }
}

impl Choices {
    /// Draws every choice from this seed.
    pub(super) fn new(seed: u64) -> Self {
        let first = mixed(seed.wrapping_add(GOLDEN));
        let streams = std::array::from_fn(|kind| mixed(first ^ (kind as u64) << 48));
        Self { streams, met: 0, script: None }
    }

    /// From now on notes the choices that are made; with `kept`, has them answered by that, and plainly where it
    /// has none.
    pub(super) fn record(&mut self, kept: Option<Kept>) {
        let replay = Replay { kept, counts: [0; ChoiceKind::COUNT], made: Kept::new() };
        self.script = Some(Box::new(replay));
    }

    /// The choices with another than the plain answer since [`record`](Self::record).
    pub(super) fn made(&self) -> Kept {
        self.script.as_ref().map(|script| script.made.clone()).unwrap_or_default()
    }

    /// Takes the kinds of faults that happened since the last time, as bits.
    #[inline]
    pub(super) fn take_met(&mut self) -> u64 {
        std::mem::take(&mut self.met)
    }

    /// Notes a fault that follows from others.
    #[inline]
    pub(super) fn meet(&mut self, fault: ChoiceKind) {
        self.met |= fault.bit();
    }

    /// One choice: a number of at most `most`.
    #[inline]
    fn choose(&mut self, kind: ChoiceKind, most: u64, draw: impl FnOnce(Bits) -> u64) -> u64 {
        let stream = &mut self.streams[kind as usize];
        *stream = stream.wrapping_add(GOLDEN);
        let bits = Bits(mixed(*stream));
        let answer = match &mut self.script {
            None => draw(bits),
            Some(script) => script.answer(kind, most, || draw(bits)),
        };
        if answer > 0 {
            self.met |= kind.bit();
        }
        answer
    }

    /// Whether a fault happens.
    #[inline]
    pub(super) fn happens(&mut self, kind: ChoiceKind, chance: Chance) -> bool {
        self.fault(kind, chance, 1) > 0
    }

    /// Whether a fault happens, and which of `forms` it has, from 1; 0 if it does not.
    #[inline]
    pub(super) fn fault(&mut self, kind: ChoiceKind, chance: Chance, forms: u64) -> u64 {
        if chance == Chance::NEVER {
            return 0;
        }
        let draw = |bits: Bits| {
            if bits.happens(chance) { 1 + bits.more().below(forms) } else { 0 }
        };
        self.choose(kind, forms, draw)
    }

    /// How much of `count` is moved: all, or with this chance less, down to one.
    #[inline]
    pub(super) fn cut(&mut self, kind: ChoiceKind, chance: Chance, count: usize) -> usize {
        match self.fault(kind, chance, (count as u64).saturating_sub(1)) as usize {
            0 => count,
            part => part.min(count),
        }
    }

    /// A delay of at most `most`, with this chance.
    #[inline]
    pub(super) fn delay(
        &mut self,
        kind: ChoiceKind,
        chance: Chance,
        most: Duration,
    ) -> Option<Nanos> {
        let forms = Nanos::from(most).0.saturating_add(1);
        self.fault(kind, chance, forms).checked_sub(1).map(Nanos)
    }

    /// One of two answers, evenly.
    #[inline]
    pub(super) fn coin(&mut self, kind: ChoiceKind) -> bool {
        self.choose(kind, 1, |bits| bits.0 >> 63) == 1
    }

    /// Evenly one of `0..limit`; 0 for a limit of 0.
    #[inline]
    pub(super) fn below(&mut self, kind: ChoiceKind, limit: u64) -> u64 {
        self.choose(kind, limit.saturating_sub(1), |bits| bits.below(limit))
    }

    #[inline]
    pub(super) fn index(&mut self, kind: ChoiceKind, limit: usize) -> usize {
        self.below(kind, limit as u64) as usize
    }

    /// A piece of at most `most` bytes, and of all of them for the plain answer.
    #[inline]
    pub(super) fn piece(&mut self, kind: ChoiceKind, most: usize) -> usize {
        most.max(1) - self.index(kind, most.max(1))
    }

    /// Evenly one of `0..=most`.
    #[inline]
    pub(super) fn up_to(&mut self, kind: ChoiceKind, most: u64) -> u64 {
        self.choose(kind, most, |bits| bits.below(most.saturating_add(1)))
    }

    pub(super) fn duration(&mut self, kind: ChoiceKind, range: &RangeInclusive<Duration>) -> Nanos {
        let (least, most) = (Nanos::from(*range.start()), Nanos::from(*range.end()));
        least.saturating_add(Nanos(self.up_to(kind, most.0.saturating_sub(least.0))))
    }

    /// One of the range, small ones as likely as large ones: each doubling has the same chance. The plain
    /// answer is the largest.
    pub(super) fn size(&mut self, kind: ChoiceKind, range: &RangeInclusive<usize>) -> usize {
        let (least, most) = (*range.start().max(&1), *range.end().max(&1));
        let doublings = u64::from((most / least).max(1).ilog2());
        let draw = |bits: Bits| {
            let low = least << bits.below(doublings + 1);
            let high = (low.saturating_mul(2) - 1).min(most);
            let size = low + bits.more().below(high.saturating_sub(low) as u64 + 1) as usize;
            most.saturating_sub(size) as u64
        };
        most - self.choose(kind, most.saturating_sub(least) as u64, draw) as usize
    }
}

impl Replay {
    fn answer(&mut self, kind: ChoiceKind, most: u64, draw: impl FnOnce() -> u64) -> u64 {
        let count = &mut self.counts[kind as usize];
        let id = (kind, *count);
        *count += 1;
        let answer = match &self.kept {
            None => draw(),
            Some(kept) => kept.get(&id).copied().unwrap_or(0).min(most),
        };
        if answer > 0 {
            self.made.insert(id, answer);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: ChoiceKind = ChoiceKind::ReportOrder;
    const FAULT: ChoiceKind = ChoiceKind::ShortRead;

    #[test]
    fn answers_stay_within_their_limits_and_reach_them() {
        let mut choices = Choices::new(7);
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[choices.index(KIND, 5)] = true;
            let size = choices.size(KIND, &(3..=100));
            assert!((3..=100).contains(&size), "{size}");
            assert_eq!(choices.size(KIND, &(9..=9)), 9);
            let range = Duration::from_nanos(5)..=Duration::from_nanos(6);
            assert!((5..=6).contains(&choices.duration(KIND, &range).0));
            assert!((1..=7).contains(&choices.cut(FAULT, Chance::per_mille(500), 7)));
            assert!((1..=7).contains(&choices.piece(KIND, 7)));
        }
        assert_eq!(seen, [true; 5]);
        assert!((0..1000).all(|_| !choices.happens(FAULT, Chance::NEVER)));
        let chance = Chance::per_mille(1000);
        let often = (0..10_000).filter(|_| choices.happens(FAULT, chance)).count();
        assert!((8_800..9_200).contains(&often), "{often}");
    }

    #[test]
    fn a_replay_gives_the_kept_answers_and_plain_ones_elsewhere() {
        let mut choices = Choices::new(7);
        choices.record(None);
        let draw = |choices: &mut Choices| -> Vec<usize> {
            (0..20).map(|_| choices.cut(FAULT, Chance::per_mille(300), 100)).collect()
        };
        let drawn = draw(&mut choices);
        let made = choices.made();
        assert_eq!(made.len(), drawn.iter().filter(|count| **count < 100).count());
        let mut replay = Choices::new(0);
        replay.record(Some(made.clone()));
        assert_eq!(draw(&mut replay), drawn);
        assert_eq!(replay.made(), made);
        let last = made.into_iter().next_back().unwrap();
        let mut shorter = Choices::new(0);
        shorter.record(Some(Kept::from([last])));
        let cut: Vec<usize> = draw(&mut shorter).into_iter().filter(|it| *it < 100).collect();
        assert_eq!(cut, [last.1 as usize]);
    }

    #[test]
    fn a_choice_that_is_left_out_changes_no_other_kind() {
        let (mut one, mut other) = (Choices::new(3), Choices::new(3));
        other.index(FAULT, 9);
        let drawn = |choices: &mut Choices| [0; 9].map(|_| choices.index(KIND, 1000));
        assert_eq!(drawn(&mut one), drawn(&mut other));
    }
}
