//! Descriptors on their way, each beside a byte of a pipe.
//!
//! Invariant: a descriptor is here as long as its byte is in the pipe, and no longer.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// The descriptors beside the bytes of one pipe.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Each group with the number of bytes before its own, rising.
    groups: VecDeque<(usize, Vec<OwnedFd>)>,
}

impl Beside {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds descriptors beside the byte with this number of bytes before it.
    pub(super) fn attach(&mut self, before: usize, descriptors: Vec<OwnedFd>) {
        if !descriptors.is_empty() {
            self.groups.push_back((before, descriptors));
        }
    }

    /// Takes out those of the first byte.
    pub(super) fn take_first(&mut self) -> Vec<OwnedFd> {
        match self.groups.front() {
            Some((0, _)) => self.groups.pop_front().map(|(_, group)| group).unwrap_or_default(),
            Some(_) | None => Vec::new(),
        }
    }

    /// Puts back what was taken out by [`take_first`](Self::take_first).
    pub(super) fn put_back(&mut self, descriptors: Vec<OwnedFd>) {
        if !descriptors.is_empty() {
            self.groups.push_front((0, descriptors));
        }
    }

    /// How many bytes there are before the first that has any and is not the first of all.
    pub(super) fn bytes_until_next(&self) -> usize {
        let next = self.groups.iter().map(|(before, _)| *before).find(|before| *before > 0);
        next.unwrap_or(usize::MAX)
    }

    /// These bytes leave the pipe, and what is beside them is closed.
    pub(super) fn remove(&mut self, from: usize, count: usize) {
        self.groups.retain(|(before, _)| !(from..from + count).contains(before));
        for (before, _) in &mut self.groups {
            if *before >= from + count {
                *before -= count;
            }
        }
    }

    /// The pipe ends after this number of bytes from now on.
    pub(super) fn truncate(&mut self, length: usize) {
        self.groups.retain(|(before, _)| *before < length);
    }
}
