//! Bytes in which a loss, a duplicate or a wrong order is visible.
//!
//! Invariant: the tests of all crates draw from the same generator.

pub use testkit::{Dice, pattern};
