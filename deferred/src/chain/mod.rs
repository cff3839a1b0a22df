//! The nodes of a chain, and how a result and a cancellation travel along it.
//!
//! Invariant: nothing in here knows a Deferred.

pub(crate) mod link;
pub(crate) mod node;
pub(crate) mod promise_state;
pub(crate) mod result_cell;
