//! Receiving: from the socket into the shared buffer, and up to the protocol in place.
//!
//! Invariant: a stream that may still have something to read is either paused or on the list of
//! those that are still ready; so no edge is lost.

use std::io;

use deferred::Failure;
use interfaces::{Event, Reason};
use protocol::transport::{Broken, Eof};

use super::{Running, Stream};
use crate::core::Core;
use crate::sys::os_error::os_error;
use crate::sys::{Ready, Report, StreamSys};

/// The unit of reads that follow a full one. What the shared buffer has beyond it lets the first read find a
/// message of 64 KiB to be all; bulk data gains nothing by it, and is handed on in round pieces.
const BULK_BYTES: usize = 64 * 1024;

impl<S: StreamSys> Running<S> {
    /// What the system reported about a stream.
    #[inline(always)]
    pub(crate) fn ready(&self, core: &Core<S>, report: &impl Report, buffer: &mut [u8]) {
        let io = &self.stream.io;
        if report.brings_bytes() && !io.blocked.get() {
            io.readable.set(true);
            self.read(core, buffer);
        } else {
            self.more_than_bytes(core, report.ready(), buffer);
        }
    }

    /// A report that brings something else than bytes, or room that a blocked stream waits for.
    #[inline(never)]
    pub(crate) fn more_than_bytes(&self, core: &Core<S>, ready: Ready, buffer: &mut [u8]) {
        let stream = &self.stream;
        let unblocked = stream.io.blocked.get() && ready.writable;
        if unblocked {
            stream.io.blocked.set(false);
        }
        if ready.read_closed {
            stream.io.read_closed.set(true);
        }
        if ready.readable || ready.read_closed || stream.io.readable.get() {
            stream.io.readable.set(true);
            self.read_again(core, buffer);
        }
        let changed = unblocked || ready.read_closed;
        if changed && (stream.unsent() > 0 || stream.rare.producer_is_paused()) {
            self.flush_again(core);
        }
        if ready.read_closed && !stream.wants_to_read() && stream.state.get().is_alive() {
            stream.look_for_error(core);
        }
    }

    /// As [`read`](Self::read), away from the path of each message.
    #[inline(never)]
    pub(crate) fn read_again(&self, core: &Core<S>, buffer: &mut [u8]) {
        self.read(core, buffer);
    }

    /// Reads until all is read, the protocol wants no more, or the budget of this turn is spent.
    #[inline(always)]
    fn read(&self, core: &Core<S>, buffer: &mut [u8]) {
        if self.read_once(core, buffer) {
            self.read_bulk(core, buffer);
        }
    }

    /// One read; whether another one may find more.
    #[inline(always)]
    fn read_once(&self, core: &Core<S>, buffer: &mut [u8]) -> bool {
        let stream = &self.stream;
        if !stream.reads_as_usual() {
            self.read_otherwise(core, buffer);
            return false;
        }
        let Some(socket) = stream.socket.take() else { return false };
        let answer = core.sys.read(&socket, buffer);
        stream.put_back(socket);
        let length = match answer {
            Ok(length) if length > 0 => length,
            answer => {
                self.read_nothing(core, answer);
                return false;
            }
        };
        self.deliver(core, Event::DataReceived(&mut buffer[..length]));
        if length < buffer.len() && !stream.io.read_closed.get() {
            stream.io.readable.set(false);
            return false;
        }
        true
    }

    /// Reads on after a full read: bulk data, in multiples of [`BULK_BYTES`].
    #[cold]
    #[inline(never)]
    fn read_bulk(&self, core: &Core<S>, buffer: &mut [u8]) {
        let bulk = bulk_bytes(buffer.len());
        for _ in 1..core.limits.reads_per_turn {
            if !self.read_once(core, &mut buffer[..bulk]) {
                return;
            }
        }
        self.stream.list_unread(core);
    }

    /// By a role of the protocol, or not at all.
    #[inline(never)]
    fn read_otherwise(&self, core: &Core<S>, buffer: &mut [u8]) {
        if self.stream.wants_to_read() {
            self.read_by_role(core, buffer);
        } else {
            self.discard(core, buffer);
        }
    }

    /// After `lose_connection`: reads once and discards, so that the peer is not blocked; one read a
    /// turn.
    #[inline(never)]
    pub(super) fn discard(&self, core: &Core<S>, buffer: &mut [u8]) {
        let stream = &self.stream;
        if !stream.discards() {
            return;
        }
        match stream.ask_socket(&core.sys, |sys, socket| sys.read(socket, buffer)) {
            Some(Ok(length)) if length > 0 => stream.list_unread(core),
            Some(answer) => self.read_nothing(core, answer),
            None => {}
        }
    }

    /// The socket gave no bytes: an end of file, an error, or nothing for now.
    #[inline(never)]
    pub(super) fn read_nothing(&self, core: &Core<S>, answer: io::Result<usize>) {
        let stream = &self.stream;
        let error = match answer {
            Ok(_) => {
                stream.io.readable.set(false);
                return self.end_of_file(core);
            }
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::Interrupted => stream.list_unread(core),
            io::ErrorKind::WouldBlock => match stream.rare.broken() {
                None => stream.io.readable.set(false),
                // No report follows on what is broken.
                Some(_) if stream.has_unread(core) => stream.list_unread(core),
                Some(error) => stream.close(core, &Reason::Lost(Failure::new(error))),
            },
            _ => stream.close(core, &Reason::Lost(Failure::new(os_error(&error)))),
        }
    }

    /// The peer sends no more.
    fn end_of_file(&self, core: &Core<S>) {
        let stream = &self.stream;
        stream.io.eof.set_received();
        if let Some(error) = stream.rare.broken() {
            return stream.close(core, &Reason::Lost(Failure::new(error)));
        }
        if stream.state.is_flushing() {
            return;
        }
        let asked = stream.call(core, "protocol", || self.protocol.is_half_closeable());
        core.run_woken_tasks();
        let half_closeable = match asked {
            Ok(half_closeable) => half_closeable,
            Err(message) => return stream.schedule_close(Reason::Panicked(message)),
        };
        let unsent = stream.unsent() > 0;
        match stream.state.step(|state| state.eof(half_closeable, unsent)) {
            // The protocol ended the connection when it was asked.
            Eof::Nothing => {}
            Eof::Deliver => {
                self.announce(core, Event::ReadConnectionLost);
                // The same report may have told that the peer is gone altogether.
                if stream.state.get().is_alive() {
                    stream.look_for_error(core);
                }
            }
            Eof::Flush => {
                stream.stop_producer(core);
                self.flush(core);
            }
            Eof::Close => stream.close(core, &Reason::Done),
        }
    }
}

impl<S: StreamSys> Stream<S> {
    /// A stream that does not read learns here that it is broken. One that is only paused is told
    /// when it resumes, behind the bytes that came before.
    fn look_for_error(&self, core: &Core<S>) {
        // A UNIX socket whose peer is gone has no error, but refuses even to send nothing; and so does one
        // of our own that has sent its end of file.
        let is_paused = self.state.get().receives();
        let refusal_tells = !is_paused && !self.io.eof.sent();
        let asked = self.ask_socket(&core.sys, |sys, socket| {
            sys.take_error(socket)?;
            if refusal_tells { refuses_writes(sys, socket) } else { Ok(false) }
        });
        // The end of file comes behind the bytes that wait, and nothing tells of it until then.
        if is_paused && self.peer.is_unix() && !self.io.eof.sent() && self.peer_is_gone(core) {
            self.rare.set_gone();
        }
        // A peer that closed behind its end of file, and was sent all, has ended in order.
        let (error, is_in_order) = match asked {
            None | Some(Ok(false)) => return,
            Some(Ok(true)) => (io::Error::from_raw_os_error(libc::EPIPE), self.unsent() == 0),
            Some(Err(error)) => (error, false),
        };
        let error = self.rare.broken().unwrap_or(os_error(&error));
        if !is_in_order {
            self.rare.set_broken(error);
        }
        if self.state.error_noticed() == Broken::Close {
            let reason = if is_in_order { Reason::Done } else { Reason::Lost(Failure::new(error)) };
            self.list_closing(reason);
        }
    }
}

/// How much of a buffer of this length a read takes that follows a full one: a multiple of
/// [`BULK_BYTES`], or all of a shorter buffer.
pub(super) fn bulk_bytes(buffer: usize) -> usize {
    match buffer - buffer % BULK_BYTES {
        0 => buffer,
        whole => whole,
    }
}

/// Whether the other end is gone, asked by sending nothing. Any error but a broken pipe is one of the
/// connection: a reset may come between the two questions.
fn refuses_writes<S: StreamSys>(sys: &S, socket: &S::Stream) -> io::Result<bool> {
    loop {
        match sys.write(socket, &[]) {
            Ok(_) => return Ok(false),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => return Ok(false),
                io::ErrorKind::BrokenPipe => return Ok(true),
                _ => return Err(error),
            },
        }
    }
}
