//! What the parts of the crate promise, one module for each part.
//!
//! Invariant: the tests of this process set no other unhandled hook than that of `support`, and do not
//! turn debugging on. Those that do are processes of their own.

mod support;

mod awaiting;
mod cancel;
mod chain;
mod chain_deferred;
mod chaining;
mod cooperative;
mod deferred_list;
mod deferred_list_among_foreign_code;
mod deferred_list_oracle;
mod failure;
mod first_error;
mod gather_results;
mod inline;
mod inline_cancel;
mod lock;
mod maybe;
mod panic;
mod pause;
mod queue;
mod queue_unseen;
mod quiet;
mod race;
mod semaphore;
mod task_runner;
mod task_runner_cancel;
mod task_runner_wakers;
mod unhandled;
