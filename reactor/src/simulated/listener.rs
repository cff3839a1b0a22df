//! A listening socket: the queue of connections that wait to be accepted.
//!
//! Invariant: a connection is in the queue of one listener at most, and its server's end says so.

use std::collections::VecDeque;

use interfaces::{Address, LockFile, TcpOptions};

use super::edge::{Direction, Level, SocketWatch};
use super::ids::ConnectionId;
use super::names::Name;

/// The longest queue that the simulated kernel allows, as Linux does (`net.core.somaxconn`).
const SOMAXCONN: u32 = 4096;

#[derive(Debug)]
pub(super) struct ListenerState {
    pub(super) name: Name,
    pub(super) address: Address,
    pub(super) lock_file: LockFile,
    /// What its connections have from their first moment.
    pub(super) options: TcpOptions,
    pub(super) watch: SocketWatch,
    backlog: usize,
    queue: VecDeque<ConnectionId>,
}

impl ListenerState {
    pub(super) fn new(name: Name, address: Address, backlog: u32, lock_file: LockFile) -> Self {
        let backlog = usize::try_from(backlog.min(SOMAXCONN)).unwrap_or(usize::MAX);
        let (watch, queue) = (SocketWatch::none(), VecDeque::new());
        let options = TcpOptions::default();
        Self { name, address, lock_file, options, watch, backlog, queue }
    }

    /// Linux queues one connection more than the backlog says.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() > self.backlog
    }

    pub(super) fn push(&mut self, connection: ConnectionId) {
        self.queue.push_back(connection);
    }

    /// The connections that wait to be accepted.
    pub(super) fn queued(&self) -> Vec<ConnectionId> {
        self.queue.iter().copied().collect()
    }

    pub(super) fn pop(&mut self) -> Option<ConnectionId> {
        self.queue.pop_front()
    }

    /// Changes the watch. Returns whether that made a report for this way due.
    pub(super) fn watching(
        &mut self,
        direction: Direction,
        change: impl FnOnce(&mut SocketWatch, Direction),
    ) -> bool {
        change(&mut self.watch, direction);
        let is_ready = match direction {
            Direction::Read => !self.queue.is_empty(),
            Direction::Write => false,
        };
        let is_due = is_ready && self.watch.awaits(direction);
        if is_due {
            self.watch.become_due(direction);
        }
        is_due
    }

    pub(super) fn level(&self) -> Level {
        Level { readable: !self.queue.is_empty(), ..Level::default() }
    }
}
