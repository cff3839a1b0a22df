//! Loom's types under the names that the queue knows.
//!
//! Invariant: nothing but re-exports.

pub(crate) use loom::sync::Arc;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
