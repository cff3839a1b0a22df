//! Probabilities, and the random number generator that every decision is drawn from.
//!
//! Invariant: the same seed gives the same numbers, on every machine.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::nanos::Nanos;

/// A probability, in steps of a thousandth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u16);

impl Chance {
    /// Zero.
    pub const NEVER: Self = Self(0);

    /// `count` in a thousand; at most 900, so that an operation that is tried again succeeds sooner or
    /// later.
    pub const fn per_mille(count: u16) -> Self {
        Self(if count > 900 { 900 } else { count })
    }
}

/// A generator of the xoshiro256** family (Blackman and Vigna, 2018), seeded by splitmix64.
#[derive(Debug)]
pub(super) struct Rng([u64; 4]);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mixed(state)
        }))
    }

    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let drawn = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        drawn
    }

    /// Evenly one of `0..limit`; 0 for a limit of 0.
    #[inline]
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        // The upper half of the product: no division, and a bias below 2⁻⁴⁰ for the limits in use.
        let product = u128::from(self.next()) * u128::from(limit);
        (product >> 64) as u64
    }

    #[inline]
    pub(super) fn index(&mut self, limit: usize) -> usize {
        self.below(limit as u64) as usize
    }

    /// Evenly one of `1..=most`; 1 for a most of 0.
    #[inline]
    pub(super) fn at_most(&mut self, most: usize) -> usize {
        1 + self.index(most.max(1))
    }

    #[inline]
    pub(super) fn happens(&mut self, chance: Chance) -> bool {
        chance != Chance::NEVER && self.below(1000) < u64::from(chance.0)
    }

    #[inline]
    pub(super) fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    pub(super) fn duration(&mut self, range: &RangeInclusive<Duration>) -> Nanos {
        let (least, most) = (Nanos::from(*range.start()), Nanos::from(*range.end()));
        least.saturating_add(Nanos(self.up_to(most.0.saturating_sub(least.0))))
    }

    /// Evenly one of `0..=most`.
    #[inline]
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        self.below(most.saturating_add(1))
    }

    /// One of the range, small ones as likely as large ones: each doubling has the same chance.
    pub(super) fn size(&mut self, range: &RangeInclusive<usize>) -> usize {
        let (least, most) = (*range.start().max(&1), *range.end().max(&1));
        let doublings = (most / least).max(1).ilog2() as usize;
        let low = least << self.index(doublings + 1);
        let high = (low.saturating_mul(2) - 1).min(most);
        (low + self.index(high.saturating_sub(low) + 1)).min(most)
    }
}

/// The finishing steps of splitmix64 (Steele, Lea and Flood, 2014).
pub(super) fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_first_value_of_seed_zero() {
        assert_eq!(mixed(0x9e37_79b9_7f4a_7c15), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn xoshiro_gives_the_published_first_values() {
        let mut rng = Rng([1, 2, 3, 4]);
        let thrown: Vec<u64> = (0..5).map(|_| rng.next()).collect();
        assert_eq!(
            thrown,
            [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360]
        );
    }

    #[test]
    fn throws_stay_within_their_limits_and_reach_them() {
        let mut rng = Rng::new(7);
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[rng.index(5)] = true;
            let size = rng.size(&(3..=100));
            assert!((3..=100).contains(&size), "{size}");
            assert_eq!(rng.size(&(9..=9)), 9);
            let time = rng.duration(&(Duration::from_nanos(5)..=Duration::from_nanos(6)));
            assert!((5..=6).contains(&time.0));
        }
        assert_eq!(seen, [true; 5]);
        assert!((0..1000).all(|_| !rng.happens(Chance::NEVER)));
        let often = (0..10_000).filter(|_| rng.happens(Chance::per_mille(1000))).count();
        assert!((8_800..9_200).contains(&often), "{often}");
    }
}
