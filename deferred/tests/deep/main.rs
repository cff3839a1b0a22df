//! Long chains, lists and rows of tasks, on small stacks. They take a while.
//!
//! Invariant: no test needs more stack for a longer chain, but where it says so.

#[path = "../suite/support/mod.rs"]
mod support;

mod chain;
mod deferred_list;
mod task_runner;
