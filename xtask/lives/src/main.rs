//! Lives of connections on a simulated network, for `cargo xtask simulate`.
//!
//! Invariant: every choice is drawn from the seed of its run.
#![forbid(unsafe_code)]
#![allow(dead_code)]

mod draws;
mod ledger;
mod outlet;
mod plan;
mod relayed;
mod rig;
mod secured;
mod talker;
#[cfg(test)]
mod tests;

fn main() {}
