//! The crate's room of the wakers, with the queue alone.
//!
//! Invariant: nothing but modules.

pub(crate) mod atomic;
#[path = "../../../src/wake/ready_queue.rs"]
pub(crate) mod ready_queue;
