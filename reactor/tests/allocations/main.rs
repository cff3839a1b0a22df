//! What the reactor costs in memory, counted by the allocator of this process.
//!
//! Invariant: each test counts on its own thread.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails and reports by them")]

mod datagrams;
mod timers;
mod traffic;

#[global_allocator]
static ALLOCATOR: testkit::CountingAllocator = testkit::CountingAllocator;
