//! The synchronisation primitives of the two queues: std's.
//!
//! `tests/loom.rs` compiles the queues a second time, with loom's primitives under this module's name,
//! and runs them in every order of their steps. Invariant: `remote_queue` and `job_queue` take all that
//! threads share from here.

pub(super) use std::sync::atomic::{AtomicBool, Ordering};
pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
pub(super) use std::thread::{ThreadId, current};
