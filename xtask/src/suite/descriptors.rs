//! The descriptors of this process, counted. Where the system does not tell, nothing is said of them.

use std::fs;

/// How many are open, from `/proc/self/fd`; one is the one that looks.
pub fn open_descriptors() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}
