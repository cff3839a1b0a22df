//! How a task is woken, from any thread, and how an `await` finds its task.
//!
//! Invariant: nothing in here polls.

pub(crate) mod awaits;
pub(crate) mod waker;

pub(crate) use waker::awaits_of;
