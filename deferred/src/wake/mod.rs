//! How a task is woken, from any thread, and how an `await` finds its task.
//!
//! Invariant: nothing in here polls.

mod atomic;
pub(crate) mod awaits;
pub(crate) mod ready_queue;
pub(crate) mod waker;

pub(crate) use waker::awaits_of;
