//! Numbers and bytes that look random and are the same in each run.
//!
//! Invariant: the same seed gives the same numbers and the same bytes, for ever (SplitMix64; Steele, Lea
//! and Flood, 2014).

use std::cell::Cell;

/// A generator of numbers. All that share one by reference draw from the same sequence.
#[derive(Clone, Debug)]
pub struct Dice(Cell<u64>);

impl Dice {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// The next number.
    pub fn next_u64(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        let mut mixed = self.0.get();
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to one less than `bound`.
    ///
    /// # Panics
    ///
    /// When the bound is 0.
    pub fn below(&self, bound: usize) -> usize {
        (self.next_u64() % bound as u64) as usize
    }

    /// True once in `count` times.
    ///
    /// # Panics
    ///
    /// When the count is 0.
    pub fn one_in(&self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// This many bytes, different for each seed: a stream of them shows when one is lost, doubled or out of
/// order.
pub fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let dice = Dice::new(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&dice.next_u64().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_of_a_seed_are_the_published_ones() {
        let dice = Dice::new(1_234_567);
        let numbers = [(); 5].map(|()| dice.next_u64());
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(numbers, published);
    }

    #[test]
    fn a_shorter_pattern_is_the_beginning_of_a_longer_one_and_another_seed_gives_another() {
        let long = pattern(7, 100);
        assert_eq!(pattern(7, 13), long[..13]);
        assert_ne!(pattern(8, 100), long);
    }
}
