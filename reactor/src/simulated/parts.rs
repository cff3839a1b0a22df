//! What a simulated child consists of: the child itself, and the program's ends of its pipes.
//!
//! Invariant: a part is in the table for as long as the program has a handle of it or the child runs.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;

use interfaces::{ExitStatus, WindowSize};

use super::edge::{Direction, Level, SocketWatch};
use super::ids::PartId;
use super::script::Script;
use crate::sys::Way;

/// How many bytes a pipe holds (pipe(7)).
pub(super) const FIFO_BYTES: usize = 64 * 1024;

/// The programs, the children that run, and the program's ends of their pipes.
#[derive(Debug, Default)]
pub(super) struct Processes {
    pub(super) scripts: BTreeMap<OsString, Script>,
    pub(super) parts: BTreeMap<PartId, Part>,
    /// The ends that are standard input and output, until they are taken over.
    pub(super) standard: Option<(PartId, PartId)>,
}

/// Something that can be watched: a child, or the program's end of a pipe.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) watch: SocketWatch,
    pub(super) kind: PartKind,
}

#[derive(Debug)]
pub(super) enum PartKind {
    Child(ChildState),
    End(EndState),
}

#[derive(Debug)]
pub(super) struct ChildState {
    pub(super) script: Script,
    /// How many steps are done, and how much of the next one.
    pub(super) done: usize,
    pub(super) moved: usize,
    /// The program's ends of the pipes, by the child's descriptors.
    pub(super) ends: BTreeMap<i32, PartId>,
    pub(super) status: Option<ExitStatus>,
    pub(super) is_blocked: bool,
    /// The window of its terminal.
    pub(super) window: Option<WindowSize>,
    /// The program has a handle.
    pub(super) is_held: bool,
    /// The kinds of faults that it met, as bits.
    pub(super) met: u64,
}

/// The program's end of one pipe, or of a terminal, which has both ways.
#[derive(Debug)]
pub(super) struct EndState {
    pub(super) child: PartId,
    pub(super) way: Way,
    pub(super) to_child: VecDeque<u8>,
    pub(super) from_child: VecDeque<u8>,
    /// How many of the child's descriptors lead here.
    pub(super) child_ends: usize,
    /// The program has a handle.
    pub(super) is_held: bool,
}

impl EndState {
    fn is_read(&self) -> bool {
        self.way != Way::ToChild
    }

    fn is_written(&self) -> bool {
        self.way != Way::FromChild
    }

    fn level(&self) -> Level {
        let is_gone = self.child_ends == 0;
        Level {
            readable: is_gone || self.is_read() && !self.from_child.is_empty(),
            read_closed: is_gone,
            writable: self.is_written() && (self.to_child.len() < FIFO_BYTES || is_gone),
        }
    }
}

impl Part {
    pub(super) fn new(kind: PartKind) -> Self {
        Self { watch: SocketWatch::none(), kind }
    }

    pub(super) fn level(&self) -> Level {
        match &self.kind {
            PartKind::Child(child) => {
                Level { readable: child.status.is_some(), read_closed: false, writable: false }
            }
            PartKind::End(end) => end.level(),
        }
    }

    /// Changes the watch. Returns whether that made a report for this way due.
    pub(super) fn watching(
        &mut self,
        direction: Direction,
        change: impl FnOnce(&mut SocketWatch, Direction),
    ) -> bool {
        change(&mut self.watch, direction);
        let level = self.level();
        let is_ready = match direction {
            Direction::Read => level.readable,
            Direction::Write => level.writable,
        };
        let is_due = is_ready && self.watch.awaits(direction);
        if is_due {
            self.watch.become_due(direction);
        }
        is_due
    }
}

impl Processes {
    pub(super) fn part(&self, id: PartId) -> Option<&Part> {
        self.parts.get(&id)
    }

    pub(super) fn part_mut(&mut self, id: PartId) -> Option<&mut Part> {
        self.parts.get_mut(&id)
    }

    pub(super) fn child(&mut self, id: PartId) -> Option<&mut ChildState> {
        match self.parts.get_mut(&id) {
            Some(Part { kind: PartKind::Child(child), .. }) => Some(child),
            _ => None,
        }
    }

    /// The child that a part belongs to.
    pub(super) fn owner(&self, id: PartId) -> PartId {
        match self.parts.get(&id) {
            Some(Part { kind: PartKind::End(end), .. }) => end.child,
            _ => id,
        }
    }

    pub(super) fn each_child(&mut self, mut act: impl FnMut(&mut ChildState)) {
        for part in self.parts.values_mut() {
            if let PartKind::Child(child) = &mut part.kind {
                act(child);
            }
        }
    }

    pub(super) fn end(&mut self, id: PartId) -> Option<&mut EndState> {
        match self.parts.get_mut(&id) {
            Some(Part { kind: PartKind::End(end), .. }) => Some(end),
            _ => None,
        }
    }

    /// The children that were not reaped, and the pipes that the program holds.
    pub(super) fn counts(&self) -> (usize, usize) {
        let held_pipe = |part: &&Part| matches!(&part.kind, PartKind::End(end) if end.is_held);
        let child = |part: &&Part| matches!(part.kind, PartKind::Child(_));
        (self.parts.values().filter(child).count(), self.parts.values().filter(held_pipe).count())
    }
}
