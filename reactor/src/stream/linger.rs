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

use super::Stream;
use super::flags::Origin;
use crate::core::Core;
use crate::core::tenant::{Kind, Tenant};
use crate::sys::{Ready, StreamSys, Token};

/// A socket that only waits for its peer's end of file.
pub(crate) struct Lingering<S: StreamSys> {
    token: Token,
    socket: S::Stream,
    origin: Origin,
    deadline: DelayedCall,
    /// On the list of those that are still ready.
    listed: Cell<bool>,
}

/// How much of the peer's bytes was read and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Discarded {
    /// All that is there.
    Empty,
    /// As much as one turn allows.
    Budget,
    /// All, and no more will come.
    Over,
}

impl<S: StreamSys> Stream<S> {
    /// Sends the end of file, if that was not done, and makes the tenant that waits for the peer's
    /// own under the same token, if that did not come already. What is not known to be readable now
    /// will be reported.
    pub(super) fn linger(&self, core: &Core<S>, socket: S::Stream) -> Option<Rc<Lingering<S>>> {
        let (token, origin) = (self.token, self.io.origin);
        let is_said = self.io.eof.sent() || send_end_of_file(&core.sys, &socket).is_ok();
        let discarded = match self.io.readable.get() {
            _ if !is_said => Discarded::Over,
            true => discard_between_events(core, &socket),
            false => Discarded::Empty,
        };
        if discarded == Discarded::Over {
            origin.close_socket(core, socket);
            return None;
        }
        let me = core.me.clone();
        let end = move || {
            if let Some(core) = me.upgrade()
                && let Some(lingering) = core.tenant(token)
            {
                lingering.stop(&core);
            }
        };
        let deadline = core.call_later(core.limits.linger, Box::new(end));
        let listed = Cell::new(discarded == Discarded::Budget);
        if listed.get() {
            core.list_still_ready(token);
        }
        Some(Rc::new(Lingering { token, socket, origin, deadline, listed }))
    }
}

impl<S: StreamSys> Tenant<S> for Lingering<S> {
    fn ready(self: Rc<Self>, core: &Core<S>, ready: Ready, buffer: &mut [u8]) {
        // Room to write is reported, too, and is of no interest.
        if !ready.readable && !ready.read_closed {
            return;
        }
        match discard(core, &self.socket, buffer) {
            Discarded::Empty => {}
            Discarded::Budget if self.listed.replace(true) => {}
            Discarded::Budget => core.list_still_ready(self.token),
            Discarded::Over => self.stop(core),
        }
    }

    fn stop(self: Rc<Self>, core: &Core<S>) {
        drop(core.remove(self.token));
        // It may be this very call that runs.
        let _ = self.deadline.cancel();
        if self.origin == Origin::Adopted {
            core.sys.deregister(&self.socket);
        }
    }

    fn abandon(&self) {}

    fn unlist(&self) {
        self.listed.set(false);
    }

    fn kind(&self) -> Kind {
        Kind::Lingering
    }
}

impl Origin {
    /// Closes a socket. One that another process may hold open too would still be reported.
    pub(super) fn close_socket<S: StreamSys>(self, core: &Core<S>, socket: S::Stream) {
        if self == Self::Adopted {
            core.sys.deregister(&socket);
        }
        drop(socket);
    }
}

/// As [`discard`], in the closing phase, when no event has the read buffer.
fn discard_between_events<S: StreamSys>(core: &Core<S>, socket: &S::Stream) -> Discarded {
    let mut buffer = core.take_read_buffer();
    let discarded = discard(core, socket, &mut buffer);
    core.keep_read_buffer(buffer);
    discarded
}

/// Reads and drops the peer's bytes.
fn discard<S: StreamSys>(core: &Core<S>, socket: &S::Stream, buffer: &mut [u8]) -> Discarded {
    for _ in 0..core.limits.reads_per_turn {
        match core.sys.read(socket, buffer) {
            Ok(0) => return Discarded::Over,
            Ok(_) => {}
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return Discarded::Empty,
                io::ErrorKind::Interrupted => {}
                _ => return Discarded::Over,
            },
        }
    }
    Discarded::Budget
}

/// shutdown(2), tried again when it was interrupted.
pub(super) fn send_end_of_file<S: StreamSys>(sys: &S, socket: &S::Stream) -> io::Result<()> {
    loop {
        match sys.shutdown_write(socket) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}
