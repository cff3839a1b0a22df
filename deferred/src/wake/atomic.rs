//! The types that threads share, under names that a model checker can replace.
//!
//! Invariant: nothing but re-exports.

pub(crate) use alloc::sync::Arc;
pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
