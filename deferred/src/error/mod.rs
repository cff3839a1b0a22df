//! Errors and how they are shown.
//!
//! Invariant: nothing in here knows a Deferred.

mod chain;

pub use chain::Chain;
