//! Sockets whose connection is over for their protocol, but not yet for the peer.
//!
//! A socket that is closed while it holds unread bytes sends a reset, and the kernel throws away
//! what it had not sent yet (RFC 1122 section 4.2.2.13; tcp(7)). So the end of file is sent, and
//! what comes is read and dropped until the peer's own end of file or [`Limits::linger`].
//! Invariant: a lingering socket has no protocol, and ends at its deadline at the latest.
//!
//! [`Limits::linger`]: crate::Limits::linger

use std::io;
use std::rc::Rc;

use interfaces::DelayedCall;

use crate::core::{Core, Slot};
use crate::sys::{Sys, Token};

/// A socket that only waits for its peer's end of file.
pub(crate) struct Lingering<S: Sys> {
    socket: S::Stream,
    deadline: DelayedCall,
}

impl<S: Sys> Core<S> {
    /// Sends the end of file, and answers what waits for the peer's own under the same token, if
    /// that did not come already.
    pub(crate) fn linger(&self, token: Token, socket: S::Stream) -> Option<Rc<Lingering<S>>> {
        let ended = send_end_of_file(&self.sys, &socket).is_err();
        if ended || self.drain(&socket, token) {
            self.sys.deregister(&socket);
            return None;
        }
        let core = self.me.clone();
        let end = move || {
            if let Some(core) = core.upgrade() {
                core.end_lingering(token);
            }
        };
        let deadline = self.call_later(self.limits.linger, Box::new(end));
        Some(Rc::new(Lingering { socket, deadline }))
    }

    /// The system reported about a lingering socket.
    pub(crate) fn lingering_ready(&self, lingering: &Lingering<S>, token: Token) {
        if self.drain(&lingering.socket, token) {
            self.end_lingering(token);
        }
    }

    fn end_lingering(&self, token: Token) {
        let slot = self.slots.borrow_mut().remove(token);
        if let Some(Slot::Lingering(lingering)) = slot {
            // It may be this very call that runs.
            let _ = lingering.deadline.cancel();
            self.sys.deregister(&lingering.socket);
        }
    }

    /// Reads and drops what is there; answers whether the connection is over.
    fn drain(&self, socket: &S::Stream, token: Token) -> bool {
        let mut buffer = self.buffers.take_read(self.limits.read_buffer_bytes);
        let over = self.drain_into(socket, &mut buffer, token);
        self.buffers.give_back_read(buffer);
        over
    }

    fn drain_into(&self, socket: &S::Stream, buffer: &mut [u8], token: Token) -> bool {
        for _ in 0..self.limits.reads_per_turn {
            match self.sys.read(socket, buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return false,
                    io::ErrorKind::Interrupted => {}
                    _ => return true,
                },
            }
        }
        self.note_still_ready(token);
        false
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
