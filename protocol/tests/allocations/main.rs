//! Claims about memory, counted by the allocator of this executable.

mod protocol;
mod receivers;
mod task;

use testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
