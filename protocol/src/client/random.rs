//! The random numbers of the delays between attempts, so that the clients of a server that comes back do not
//! all come at once.
//!
//! Invariant: a program under test gives its own source, and then each delay follows from it.

use alloc::boxed::Box;
use core::cell::Cell;
use core::time::Duration;

use interfaces::ReactorTime;

/// Numbers that are spread evenly from 0, included, to 1, excluded.
pub(super) type RandomSource = Box<dyn Fn() -> f64>;

/// How many numbers are added up to one of the normal distribution.
const SUMMANDS: u32 = 12;

/// A source with a seed of its own: from std's, or without std from the clock and an address.
pub(super) fn random_source(clock: &dyn ReactorTime) -> RandomSource {
    let state = Box::new(Cell::new(0));
    let address = core::ptr::from_ref(&*state).addr() as u64;
    state.set(seed(clock.now(), address));
    Box::new(move || {
        // splitmix64 (Steele, Lea and Flood, 2014), of which the upper 53 bits are a float's.
        state.set(state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut mixed = state.get();
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    })
}

#[cfg(feature = "std")]
fn seed(_now: Duration, address: u64) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(address)
}

#[cfg(not(feature = "std"))]
fn seed(now: Duration, address: u64) -> u64 {
    (now.as_nanos() as u64).rotate_left(32) ^ address
}

/// A number of the normal distribution with mean 0 and deviation 1, never farther than 6 from 0: the sum
/// of twelve even numbers, less its mean (Irwin and Hall, 1927).
pub(super) fn normal(random: &RandomSource) -> f64 {
    (0..SUMMANDS).map(|_| random()).sum::<f64>() - f64::from(SUMMANDS / 2)
}

/// As many seconds, with no panic: what is not a number or negative is zero, and what is too long for a
/// [`Duration`] is the longest one.
pub(super) fn seconds(seconds: f64) -> Duration {
    match seconds > 0.0 {
        true => Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
        false => Duration::ZERO,
    }
}
