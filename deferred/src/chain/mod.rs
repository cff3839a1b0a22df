//! The nodes of a chain, and how a result and a cancellation travel along it.
//!
//! ```text
//!   promise_state   the head of a chain: what a Promise fires
//!   link            a callback
//!   gate            a place where results can be held back
//!          └──▶ upstream, result_cell ──▶ node
//! ```
//!
//! Invariant: a node knows no Deferred, only the traits of `node`.

pub(crate) mod gate;
pub(crate) mod link;
pub(crate) mod node;
pub(crate) mod promise_state;
pub(crate) mod result_cell;
pub(crate) mod upstream;
