//! What the parts of the crate allocate, counted by an allocator of this process.
//!
//! Invariant: each test counts the allocations of its own thread.

#[path = "../suite/support/counting.rs"]
mod counting;

mod chain;
mod deferred_list;
mod task_runner;
mod waiting;
