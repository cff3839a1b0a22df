//! What the tests of several crates share, written once.
//!
//! | for | there is |
//! |---|---|
//! | claims about memory | [`CountingAllocator`], [`counted`], [`allocations`], [`allocated_bytes`], [`live_bytes`] |
//! | random cases that are the same in each run | [`Dice`], [`pattern`] |
//! | a Deferred that has fired | [`result_of`] |
//! | a protocol for a single connection | [`once`] |
//! | a comparison with Twisted | [`twisted_python`], [`judgements`], [`run_program`] |
//! | a test that needs what is not on this machine | [`skip`], [`find_peer`], [`skip_without_peer`] |
//!
//! A protocol that records what it is told is a test double for users too, and lives in
//! `protocol::testing::Recorder`. Crates depend on this one for their tests alone; the conformance suite
//! takes its bytes from here. Invariant: nothing here opens a socket or reads a clock.

mod allocator;
mod dice;
mod factory;
mod result;
mod skipping;
mod twisted;

pub use allocator::{CountingAllocator, allocated_bytes, allocations, counted, live_bytes};
pub use dice::{Dice, pattern};
pub use factory::once;
pub use result::result_of;
pub use skipping::{find_peer, find_rare_peer, peers_are_required, skip, skip_without_peer};
pub use twisted::{Judgement, judgements, run_program, twisted_python};
