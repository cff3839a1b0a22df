//! What the parts of the crate allocate, counted by an allocator of this process.
//!
//! Invariant: each test counts the allocations of its own thread.

mod chain;
mod deferred_list;
mod task_runner;
mod waiting;

use testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The closure's value, and how often it allocated.
fn allocations<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let (made, allocations, _) = testkit::counted(work);
    (made, allocations)
}
