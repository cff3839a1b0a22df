//! A listening socket: the queue of connections that wait to be accepted.
//!
//! Invariant: a connection is in the queue of one listener at most, and its server's end says so.

use std::collections::VecDeque;

use interfaces::{Address, LockFile};

use super::edge::{Level, Watch};
use super::names::Name;

#[derive(Debug)]
pub(super) struct Listening {
    pub(super) name: Name,
    pub(super) address: Address,
    pub(super) lock_file: LockFile,
    pub(super) watch: Watch,
    backlog: usize,
    queue: VecDeque<u64>,
}

impl Listening {
    pub(super) fn new(name: Name, address: Address, backlog: u32, lock_file: LockFile) -> Self {
        let backlog = usize::try_from(backlog).unwrap_or(usize::MAX);
        let (watch, queue) = (Watch::none(), VecDeque::new());
        Self { name, address, lock_file, watch, backlog, queue }
    }

    /// One more than the backlog fits, as on Linux.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() > self.backlog
    }

    pub(super) fn push(&mut self, connection: u64) {
        self.queue.push_back(connection);
    }

    pub(super) fn pop(&mut self) -> Option<u64> {
        self.queue.pop_front()
    }

    pub(super) fn level(&self) -> Level {
        Level { readable: !self.queue.is_empty(), ..Level::default() }
    }
}
