//! Edge-triggered readiness of one socket: exactly the promise of [`Sys`](crate::sys::Sys).
//!
//! ```text
//!            came short, or                ready
//!            WouldBlock                (now or later)
//!  Reported ────────────────▶ Armed ────────────────▶ Due
//!     ▲                         ▲                      │ poll
//!     │                         └── ready no more ─────┤
//!     └──────────────── reported ──────────────────────┘
//! ```
//!
//! Invariant: an edge becomes due only when it is armed, and is reported once for that.

use crate::sys::{Ready, Token, Watch};

/// The state of one direction's reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    /// The next time that it is ready is reported.
    Armed,
    /// The report is in the list or scheduled.
    Due,
    /// The program was told; an operation has to come short first.
    Reported,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

/// The readiness of a socket now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) readable: bool,
    pub(super) read_closed: bool,
    pub(super) writable: bool,
}

/// How much a report says. Both are right: Linux reports all that is ready, the portable promise
/// covers the changes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Change,
    All,
}

/// The watch on one socket.
#[derive(Debug)]
pub(super) struct SocketWatch {
    token: Option<Token>,
    read: Edge,
    write: Edge,
    reported_closed: bool,
    spurious: bool,
    /// Whether room to write is reported.
    watches_writing: bool,
    /// Whether the socket is in the list for the next poll.
    pub(super) listed: bool,
}

impl SocketWatch {
    pub(super) fn none() -> Self {
        Self {
            token: None,
            read: Edge::Reported,
            write: Edge::Reported,
            reported_closed: false,
            spurious: false,
            watches_writing: false,
            listed: false,
        }
    }

    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.token.is_some()
    }

    /// Begins to watch: present readiness is reported once.
    pub(super) fn begin(&mut self, token: Token, watch: Watch) {
        let watches_writing = watch == Watch::Both;
        *self = Self { token: Some(token), listed: self.listed, watches_writing, ..Self::none() };
        self.arm(Direction::Read);
        self.arm(Direction::Write);
    }

    /// From now on room to write is reported, also if there is some already.
    pub(super) fn begin_writing(&mut self) {
        self.watches_writing = true;
        self.arm(Direction::Write);
    }

    pub(super) fn end(&mut self) {
        *self = Self { listed: self.listed, ..Self::none() };
    }

    /// An operation transferred less than it was asked for. Once the end of file was reported, that
    /// arms nothing.
    #[inline]
    pub(super) fn came_short(&mut self, direction: Direction) {
        match direction {
            Direction::Read if self.reported_closed => {}
            Direction::Read => self.arm(Direction::Read),
            Direction::Write => self.arm(Direction::Write),
        }
    }

    /// An operation answered `WouldBlock`: the program has stopped, whatever was reported.
    pub(super) fn would_block(&mut self, direction: Direction) {
        if direction == Direction::Read {
            self.reported_closed = false;
        }
        self.arm(direction);
    }

    /// Arms this way, whatever was reported.
    #[inline]
    pub(super) fn arm(&mut self, direction: Direction) {
        let edge = self.edge(direction);
        if *edge == Edge::Reported {
            *edge = Edge::Armed;
        }
    }

    #[inline]
    fn edge(&mut self, direction: Direction) -> &mut Edge {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }

    /// Arms a spurious report.
    pub(super) fn arm_spurious(&mut self) {
        self.spurious = true;
    }

    /// Whether readiness this way is to be reported.
    #[inline]
    pub(super) fn awaits(&mut self, direction: Direction) -> bool {
        self.is_on() && *self.edge(direction) == Edge::Armed
    }

    /// Marks it as listed for the next poll; returns whether it was not listed yet.
    #[inline]
    pub(super) fn enlist(&mut self) -> bool {
        self.is_on() && !std::mem::replace(&mut self.listed, true)
    }

    /// This way is ready, and [awaited](Self::awaits).
    #[inline]
    pub(super) fn become_due(&mut self, direction: Direction) {
        *self.edge(direction) = Edge::Due;
    }

    /// The report of a poll about this socket, if there is one.
    #[inline]
    pub(super) fn report(&mut self, level: Level, scope: Scope) -> Option<Ready> {
        let token = self.token?;
        let mut readable = take_due(&mut self.read, level.readable);
        let mut writable = take_due(&mut self.write, level.writable) && self.watches_writing;
        let spurious = std::mem::take(&mut self.spurious);
        if !readable && !writable && !spurious {
            return None;
        }
        if scope == Scope::All {
            readable |= level.readable;
            writable |= level.writable && self.watches_writing;
        }
        let read_closed = level.read_closed && readable;
        self.reported_closed |= read_closed;
        Some(Ready {
            token,
            readable: readable || spurious,
            read_closed,
            writable: writable || (spurious && self.watches_writing),
        })
    }
}

/// Whether a due edge is reported; one whose readiness went away waits for the next change.
fn take_due(edge: &mut Edge, level: bool) -> bool {
    match (*edge, level) {
        (Edge::Due, true) => {
            *edge = Edge::Reported;
            true
        }
        (Edge::Due, false) => {
            *edge = Edge::Armed;
            false
        }
        (Edge::Armed | Edge::Reported, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READABLE: Level = Level { readable: true, read_closed: false, writable: false };
    const CLOSED: Level = Level { readable: true, read_closed: true, writable: false };

    fn watch() -> SocketWatch {
        let mut watch = SocketWatch::none();
        watch.begin(Token(7), Watch::Both);
        watch
    }

    /// Makes it readable; returns whether a report became due.
    fn settle(watch: &mut SocketWatch) -> bool {
        let awaits = watch.awaits(Direction::Read);
        if awaits {
            watch.become_due(Direction::Read);
        }
        awaits
    }

    #[test]
    fn a_change_is_reported_once_and_again_only_after_coming_short() {
        let mut watch = watch();
        assert!(settle(&mut watch));
        assert!(watch.report(READABLE, Scope::Change).is_some_and(|ready| ready.readable));
        assert!(!settle(&mut watch));
        assert_eq!(watch.report(READABLE, Scope::Change), None);
        watch.came_short(Direction::Read);
        assert!(settle(&mut watch));
        assert!(watch.report(READABLE, Scope::Change).is_some());
    }

    #[test]
    fn an_edge_that_went_away_comes_back_with_the_next_change() {
        let mut watch = watch();
        assert!(settle(&mut watch));
        assert_eq!(watch.report(Level::default(), Scope::Change), None);
        assert!(settle(&mut watch));
    }

    #[test]
    fn once_the_end_was_told_a_short_read_brings_nothing_but_would_block_does() {
        let mut watch = watch();
        settle(&mut watch);
        assert!(watch.report(CLOSED, Scope::Change).is_some_and(|ready| ready.read_closed));
        watch.came_short(Direction::Read);
        assert!(!settle(&mut watch));
        watch.would_block(Direction::Read);
        assert!(settle(&mut watch));
    }

    #[test]
    fn room_to_write_is_told_only_to_who_asks_for_it_and_then_also_what_was_there_before() {
        let mut watch = SocketWatch::none();
        watch.begin(Token(7), Watch::Reading);
        let level = Level { writable: true, ..Level::default() };
        watch.become_due(Direction::Write);
        assert_eq!(watch.report(level, Scope::All), None);
        watch.begin_writing();
        assert!(watch.awaits(Direction::Write));
        watch.become_due(Direction::Write);
        assert!(watch.report(level, Scope::Change).is_some_and(|ready| ready.writable));
    }
}
