//! Taking turns: a lock, a semaphore, a queue of items.
//!
//! Invariant: first come, first served.

mod getter;
mod lock;
mod queue;
mod semaphore;
mod wait_queue;

pub use lock::DeferredLock;
pub use queue::{DeferredQueue, QueueLimits, QueueOverflow, QueueUnderflow};
pub use semaphore::{DeferredSemaphore, Token};
