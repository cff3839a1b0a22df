//! Claims about memory, counted by the allocator of this executable.

mod counting;
mod protocol;
mod task;
