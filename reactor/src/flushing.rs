//! Sending: what is queued goes out in as few system calls as it fits in, then whoever makes the
//! bytes is asked for more.
//!
//! Invariant: a flush ends blocked (the system will report room), drained, doomed, or back on the
//! dirty list; so no edge is lost.

use std::io;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{Event, OsError, Producer, Reason};

use crate::close_machine::{Drained, State, Writing};
use crate::core::Core;
use crate::linger::send_end_of_file;
use crate::os_error;
use crate::stream::{Running, Stream};
use crate::sys::Sys;
use crate::turn::reuse;

/// How one attempt to send all ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    All,
    Blocked,
    Interrupted,
    Broken(OsError),
}

impl<S: Sys> Core<S> {
    /// Flushes the streams that were written to before this phase began.
    pub(crate) fn flush_dirty(&self) {
        let dirty = self.agenda.dirty.take();
        for token in &dirty {
            self.with_running(*token, |running| {
                if running.stream.io.dirty.get() {
                    self.flush(running);
                }
            });
        }
        reuse(&self.agenda.dirty, dirty);
    }

    /// Sends what is queued and has the producer make more, until the socket takes no more or
    /// nothing new came.
    pub(crate) fn flush(&self, running: &Running<S>) {
        let stream = &running.stream;
        stream.io.dirty.set(false);
        for _ in 0..self.limits.refills_per_turn {
            if !stream.state.get().is_alive() {
                return;
            }
            match self.send_queued(stream) {
                Sent::All => {}
                Sent::Blocked => return,
                Sent::Interrupted => continue,
                Sent::Broken(error) => return self.broken(stream, error),
            }
            if !self.refill(stream) || stream.unsent() == 0 {
                return self.drained(running);
            }
        }
        stream.make_dirty(self);
    }

    fn send_queued(&self, stream: &Stream<S>) -> Sent {
        let socket = stream.socket.borrow();
        let Some(socket) = socket.as_ref() else { return Sent::Blocked };
        let mut outgoing = stream.outgoing.borrow_mut();
        loop {
            if outgoing.unsent() == 0 {
                return Sent::All;
            }
            if stream.io.blocked.get() {
                return Sent::Blocked;
            }
            let mut offered = 0;
            let answer = outgoing.send(|pieces| match pieces {
                [piece] => {
                    offered = piece.len();
                    self.sys.write(socket, piece)
                }
                pieces => {
                    offered = pieces.iter().map(|piece| piece.len()).sum();
                    self.sys.write_vectored(socket, pieces)
                }
            });
            match answer {
                None => return Sent::All,
                Some(Ok(sent)) => {
                    outgoing.advance(sent, &mut self.buffers.pool.borrow_mut());
                    stream.io.blocked.set(sent < offered);
                }
                Some(Err(error)) => match error.kind() {
                    io::ErrorKind::WouldBlock => stream.io.blocked.set(true),
                    io::ErrorKind::Interrupted => return Sent::Interrupted,
                    _ => return Sent::Broken(os_error(&error)),
                },
            }
        }
    }

    /// Everything is sent: has a pull producer, or a push producer that was paused, go on. Answers
    /// whether there was one to ask.
    fn refill(&self, stream: &Rc<Stream<S>>) -> bool {
        let producer = stream.producing.producer.borrow().clone();
        let asked = match producer {
            Some(Producer::Pull(producer)) => {
                self.call_producer(stream, || producer.resume_producing())
            }
            Some(Producer::Push(producer)) if stream.producing.paused.replace(false) => {
                self.call_producer(stream, || producer.resume_producing())
            }
            Some(Producer::Push(_)) | None => return false,
        };
        if let Err(message) = asked {
            stream.doom(self, Reason::Panicked(message));
        }
        true
    }

    fn call_producer(&self, stream: &Stream<S>, call: impl FnOnce()) -> Result<(), Rc<str>> {
        self.call("producer", Some(stream.peer_address()), call)
    }

    fn drained(&self, running: &Running<S>) {
        let stream = &running.stream;
        let state = stream.state.get();
        if state == State::OPEN {
            return;
        }
        match state.drained(stream.has_producer()) {
            (_, Drained::Nothing) => {}
            (state, Drained::ShutdownWrite) => {
                stream.state.set(state);
                match stream.with_socket(send_end_of_file) {
                    Some(Err(error)) => self.broken(stream, os_error(&error)),
                    Some(Ok(())) | None => self.deliver(running, Event::WriteConnectionLost),
                }
            }
            (_, Drained::Doom) => stream.doom(self, Reason::Done),
        }
    }

    /// Sending failed. What the peer sent before is still read and delivered, and then the
    /// connection is lost; on a stream that does not read, it is lost at once.
    pub(crate) fn broken(&self, stream: &Rc<Stream<S>>, error: OsError) {
        stream.outgoing.borrow_mut().clear(&mut self.buffers.pool.borrow_mut());
        match stream.state.get() {
            State::Open { reading, .. } if stream.wants_to_read() => {
                stream.state.set(State::Open { reading, writing: Writing::Ended });
                stream.io.broken.set(Some(error));
                stream.io.readable.set(true);
                if !stream.io.listed.replace(true) {
                    self.note_still_ready(stream.token);
                }
            }
            State::Open { .. } | State::Flushing(_) => {
                stream.doom(self, Reason::Lost(Failure::new(error)));
            }
            State::Doomed | State::Lost => {}
        }
    }
}
