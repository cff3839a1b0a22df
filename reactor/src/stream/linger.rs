//! Sockets whose connection is over for their protocol, but not yet for the peer.
//!
//! A socket that is closed while it holds unread bytes sends a reset, and the kernel throws away
//! what it had not sent yet (RFC 1122 section 4.2.2.13; tcp(7)). So the end of file is sent, and
//! what comes is read and dropped until the peer's own end of file or [`Limits::linger`].
//! Invariant: a lingering socket has no protocol, and ends at its deadline at the latest.
//!
//! [`Limits::linger`]: crate::Limits::linger

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use interfaces::DelayedCall;

use crate::core::{Core, Rare, Slot};
use crate::stream::Stream;
use crate::stream::flags::Origin;
use crate::sys::{Ready, Sys, Token};

/// A socket that only waits for its peer's end of file.
pub(crate) struct Lingering<S: Sys> {
    socket: S::Stream,
    origin: Origin,
    deadline: DelayedCall,
    /// On the list of those that are still ready.
    pub(crate) listed: Cell<bool>,
}

/// How much of what the peer sent was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drained {
    /// All that is there.
    Empty,
    /// As much as one turn allows.
    Budget,
    /// All, and no more will come.
    Over,
}

impl<S: Sys> Core<S> {
    /// Sends the end of file, if that was not done, and answers what waits for the peer's own under
    /// the same token, if that did not come already. What is not known to be readable now will be
    /// reported.
    pub(crate) fn linger(&self, stream: &Stream<S>, socket: S::Stream) -> Option<Rc<Lingering<S>>> {
        let (token, origin) = (stream.token, stream.io.origin);
        let is_said = stream.io.ends.ours_left() || send_end_of_file(&self.sys, &socket).is_ok();
        let drained = match stream.io.readable.get() {
            _ if !is_said => Drained::Over,
            true => self.drain_between_events(&socket),
            false => Drained::Empty,
        };
        if drained == Drained::Over {
            self.close_socket(socket, origin);
            return None;
        }
        let core = self.me.clone();
        let end = move || {
            if let Some(core) = core.upgrade() {
                core.end_lingering(token);
            }
        };
        let deadline = self.call_later(self.limits.linger, Box::new(end));
        let listed = Cell::new(drained == Drained::Budget);
        if listed.get() {
            self.note_still_ready(token);
        }
        Some(Rc::new(Lingering { socket, origin, deadline, listed }))
    }

    /// The system reported about a lingering socket.
    pub(crate) fn lingering_ready(
        &self,
        lingering: &Lingering<S>,
        ready: Ready,
        buffer: &mut [u8],
    ) {
        // What left our side is reported, too, and nobody waits for that.
        if !ready.readable && !ready.read_closed {
            return;
        }
        match self.drain(&lingering.socket, buffer) {
            Drained::Empty => {}
            Drained::Budget if lingering.listed.replace(true) => {}
            Drained::Budget => self.note_still_ready(ready.token),
            Drained::Over => self.end_lingering(ready.token),
        }
    }

    /// Lets a lingering socket go, and its timer.
    pub(crate) fn end_lingering(&self, token: Token) {
        let slot = self.slots.borrow_mut().remove(token);
        if let Some(Slot::Rare(Rare::Lingering(lingering))) = slot {
            // It may be this very call that runs.
            let _ = lingering.deadline.cancel();
            if lingering.origin == Origin::Adopted {
                self.sys.deregister(&lingering.socket);
            }
        }
    }

    /// Closes a socket. One that another process may hold open too would still be reported.
    pub(crate) fn close_socket(&self, socket: S::Stream, origin: Origin) {
        if origin == Origin::Adopted {
            self.sys.deregister(&socket);
        }
        drop(socket);
    }

    /// As [`drain`](Self::drain), in the closing phase, when no event has the read buffer.
    fn drain_between_events(&self, socket: &S::Stream) -> Drained {
        let mut buffer = self.take_read_buffer();
        let drained = self.drain(socket, &mut buffer);
        self.read_buffer.set(buffer);
        drained
    }

    /// Reads and drops what is there.
    fn drain(&self, socket: &S::Stream, buffer: &mut [u8]) -> Drained {
        for _ in 0..self.limits.reads_per_turn {
            match self.sys.read(socket, buffer) {
                Ok(0) => return Drained::Over,
                Ok(_) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Drained::Empty,
                    io::ErrorKind::Interrupted => {}
                    _ => return Drained::Over,
                },
            }
        }
        Drained::Budget
    }
}

/// shutdown(2), tried again when it was interrupted.
pub(crate) fn send_end_of_file<S: Sys>(sys: &S, socket: &S::Stream) -> io::Result<()> {
    loop {
        match sys.shutdown_write(socket) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}
