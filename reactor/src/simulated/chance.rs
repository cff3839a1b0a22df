//! Probabilities, and the mixing of numbers that every choice is drawn from.
//!
//! Invariant: the same seed gives the same numbers, on every machine.

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

    #[inline]
    pub(super) fn in_thousand(self) -> u64 {
        u64::from(self.0)
    }
}

/// The odd number that splitmix64 counts in: 2⁶⁴ by the golden ratio.
pub(super) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

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
}
