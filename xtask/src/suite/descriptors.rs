//! The number of open descriptors of this process.
//!
//! Invariant: on a system without `/proc` the number is unknown, never wrong.

use std::fs;

/// The entries of `/proc/self/fd`, one of which is the open directory itself.
pub fn open_descriptors() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}
