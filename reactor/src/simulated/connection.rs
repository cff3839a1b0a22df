//! One connection: two ends, two pipes. Its life is drawn in the [module's header](super).
//!
//! Invariant: an end whose holder is the program is in the table of connections, so a handle always
//! finds its end.

use interfaces::Address;

use super::edge::{Direction, Level, SocketWatch};
use super::ids::Side;
use super::links::Link;
use super::nanos::Nanos;
use super::pipe::{Fin, Pipe};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Tcp,
    Unix,
}

/// The state of the connection as one end knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// The handshake is not over.
    Opening,
    Established,
    /// Refused, timed out or reset.
    Broken,
}

/// The owner of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// None: the request has not reached the server.
    Pending,
    /// It waits to be accepted.
    Queue,
    Program,
    /// None: it was closed; written bytes may still be under way.
    Closed,
}

/// The effect of dropping the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnClose {
    Finish,
    Reset,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) name: Address,
    pub(super) wire: Wire,
    pub(super) holder: Holder,
    /// The `errno` that the next operation takes.
    pub(super) error: Option<i32>,
    pub(super) watch: SocketWatch,
    pub(super) on_close: OnClose,
    pub(super) no_delay: bool,
    pub(super) keep_alive: bool,
}

impl End {
    pub(super) fn new(name: Address, wire: Wire, holder: Holder) -> Self {
        Self {
            name,
            wire,
            holder,
            error: None,
            watch: SocketWatch::none(),
            on_close: OnClose::Finish,
            no_delay: false,
            keep_alive: false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) family: Family,
    pub(super) link: Link,
    ends: [End; 2],
    /// Indexed by the side that sends.
    pipes: [Pipe; 2],
    /// When the first of the segments of a cut that have not arrived was due, and the number of attempts since.
    pub(super) cut: Option<(Nanos, u32)>,
    /// The kinds of faults that it met, as bits.
    pub(super) met: u64,
}

impl Connection {
    pub(super) fn new(family: Family, link: Link, ends: [End; 2], pipes: [Pipe; 2]) -> Self {
        Self { family, link, ends, pipes, cut: None, met: 0 }
    }

    #[inline]
    pub(super) fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    #[inline]
    pub(super) fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// The pipe that this side sends on.
    #[inline]
    pub(super) fn outgoing(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side as usize]
    }

    /// The pipe that this side sends on, to look at.
    pub(super) fn pipe(&self, side: Side) -> &Pipe {
        &self.pipes[side as usize]
    }

    /// The pipe that this side receives from.
    #[inline]
    pub(super) fn incoming(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[1 - side as usize]
    }

    /// The bytes that this side can read, or the `errno` instead; 0 is the end of file.
    #[inline]
    pub(super) fn readable_bytes(&mut self, side: Side) -> Result<usize, i32> {
        let incoming = self.incoming(side);
        let (there, is_finished) = (incoming.readable_bytes(), incoming.fin_arrived);
        // In this order on Linux: an end of file that arrived hides a later reset.
        if there > 0 || is_finished {
            return Ok(there);
        }
        let end = self.end_mut(side);
        match (end.error.take(), end.wire) {
            (Some(error), _) => Err(error),
            (None, Wire::Broken) => Ok(0),
            (None, Wire::Opening | Wire::Established) => Err(libc::EAGAIN),
        }
    }

    /// Whether bytes wait for the reader of this side. What was written to a UNIX socket is in the
    /// receiver's buffer at once.
    pub(super) fn has_unread(&mut self, side: Side) -> bool {
        match self.family {
            Family::Tcp => self.incoming(side).has_unread(),
            Family::Unix => !self.incoming(side).is_empty(),
        }
    }

    /// The bytes that this side can write, or the `errno` instead.
    #[inline]
    pub(super) fn room(&mut self, side: Side) -> Result<usize, i32> {
        let hung_up = self.has_hung_up(side);
        let end = self.end_mut(side);
        match (end.error.take(), end.wire) {
            (Some(error), _) => Err(error),
            (None, Wire::Opening) => Err(libc::EAGAIN),
            (None, Wire::Broken) => Err(libc::EPIPE),
            (None, Wire::Established) => match self.outgoing(side) {
                outgoing if outgoing.fin == Fin::Open && !hung_up => Ok(outgoing.room()),
                _ => Err(libc::EPIPE),
            },
        }
    }

    /// Whether the other side is gone, which an end of a UNIX socket knows at once.
    #[inline]
    pub(super) fn has_hung_up(&self, side: Side) -> bool {
        self.family == Family::Unix && self.end(side.other()).holder == Holder::Closed
    }

    /// The link and the pipe that this side sends on, borrowed together.
    #[inline]
    pub(super) fn sending(&mut self, side: Side) -> (&Link, &mut Pipe) {
        (&self.link, &mut self.pipes[side as usize])
    }

    #[inline]
    pub(super) fn level(&self, side: Side) -> Level {
        Level {
            readable: self.is_ready(side, Direction::Read),
            read_closed: self.is_read_closed(side),
            writable: self.is_ready(side, Direction::Write),
        }
    }

    /// Changes the watch on one end. Returns whether that made a report for this way due.
    #[inline]
    pub(super) fn watching(
        &mut self,
        side: Side,
        direction: Direction,
        change: impl FnOnce(&mut SocketWatch, Direction),
    ) -> bool {
        let watch = &mut self.end_mut(side).watch;
        change(watch, direction);
        if !watch.awaits(direction) || !self.is_ready(side, direction) {
            return false;
        }
        self.end_mut(side).watch.become_due(direction);
        true
    }

    #[inline]
    fn is_ready(&self, side: Side, direction: Direction) -> bool {
        let end = self.end(side);
        match (direction, end.wire) {
            (Direction::Read, _) => {
                let incoming = &self.pipes[1 - side as usize];
                incoming.has_unread() || self.is_read_closed(side) || end.error.is_some()
            }
            (Direction::Write, Wire::Opening) => false,
            (Direction::Write, Wire::Broken) => true,
            (Direction::Write, Wire::Established) => {
                let outgoing = &self.pipes[side as usize];
                outgoing.is_roomy() || outgoing.fin != Fin::Open || self.has_hung_up(side)
            }
        }
    }

    #[inline]
    fn is_read_closed(&self, side: Side) -> bool {
        self.pipes[1 - side as usize].fin_arrived || self.end(side).wire == Wire::Broken
    }

    pub(super) fn is_established(&self) -> bool {
        self.ends.iter().all(|end| end.wire == Wire::Established)
    }

    /// Whether neither a program nor a queue holds an end.
    pub(super) fn is_unheld(&self) -> bool {
        self.ends.iter().all(|end| matches!(end.holder, Holder::Pending | Holder::Closed))
    }
}
