//! The simulator for programs, on programs with real bugs.
//!
//! Invariant: a bug of this folder is in the test's own program, never in the reactor.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod determinism;
mod invariants;
mod page;
mod reconnecting;
mod world;
