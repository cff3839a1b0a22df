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
use crate::outgoing::Queue;
use crate::stream::{Running, Stream};
use crate::sys::Sys;
use crate::turn::{reuse, take_all};

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
        let dirty = take_all(&self.desk.dirty);
        for token in &dirty {
            self.with_running(*token, |running| {
                if running.stream.io.dirty.get() {
                    self.flush(running);
                }
            });
        }
        reuse(&self.desk.dirty, dirty);
    }

    /// Sends what is queued and has the producer make more, until the socket takes no more or
    /// nothing new came.
    #[inline(always)]
    pub(crate) fn flush(&self, running: &Running<S>) {
        let stream = &running.stream;
        stream.io.dirty.set(false);
        // Mostly there is one piece, it fits, and nobody waits for that.
        let simple = stream.state.get() == State::OPEN && !stream.has_producer();
        if !simple || !stream.send_sole_piece(&self.sys) {
            self.flush_on(running);
        }
    }

    #[inline(never)]
    fn flush_on(&self, running: &Running<S>) {
        let stream = &running.stream;
        for _ in 0..self.limits.refills_per_turn {
            if !stream.state.get().is_alive() {
                return;
            }
            match self.send_queued(stream) {
                Sent::All => {}
                Sent::Blocked => return self.await_room(stream),
                Sent::Interrupted => continue,
                Sent::Broken(error) => return self.broken(stream, error),
            }
            if !self.refill(stream) || stream.unsent() == 0 {
                return self.drained(running);
            }
        }
        stream.make_dirty();
    }

    /// Has the system say when there is room. It was not asked before, as most streams never fill
    /// up, and the room of a new one would be an event of its own.
    fn await_room(&self, stream: &Rc<Stream<S>>) {
        if stream.io.watches_writing.replace(true) {
            return;
        }
        let asked =
            stream.ask_socket(&self.sys, |sys, socket| sys.watch_writing(socket, stream.token));
        if let Some(Err(error)) = asked {
            self.broken(stream, os_error(&error));
        }
    }

    fn send_queued(&self, stream: &Stream<S>) -> Sent {
        let Some(mut queue) = stream.outgoing.take() else { return Sent::All };
        let sent = self.send_all(stream, &mut queue);
        stream.outgoing.give_back(queue, &self.desk.pool);
        sent
    }

    fn send_all(&self, stream: &Stream<S>, queue: &mut Queue) -> Sent {
        let is_last = stream.state.get().ends_behind_queue(stream.has_producer());
        while !queue.is_empty() {
            if stream.io.blocked.get() {
                return Sent::Blocked;
            }
            let mut offered = 0;
            let answer = stream.ask_socket(&self.sys, |sys, socket| {
                queue.send(|pieces| {
                    offered = pieces.iter().map(|piece| piece.len()).sum();
                    match pieces {
                        [piece] if is_last => sys.write_last(socket, piece),
                        [piece] => sys.write(socket, piece),
                        pieces => sys.write_vectored(socket, pieces),
                    }
                })
            });
            match answer {
                None => return Sent::Blocked,
                Some(Ok(sent)) => {
                    queue.advance(sent);
                    stream.io.blocked.set(sent < offered);
                }
                Some(Err(error)) => match error.kind() {
                    io::ErrorKind::WouldBlock => stream.io.blocked.set(true),
                    io::ErrorKind::Interrupted => return Sent::Interrupted,
                    _ => return Sent::Broken(os_error(&error)),
                },
            }
        }
        Sent::All
    }

    /// Everything is sent: has a pull producer, or a push producer that was paused, go on. Answers
    /// whether there was one to ask.
    fn refill(&self, stream: &Rc<Stream<S>>) -> bool {
        let asked = match stream.extras.producer() {
            Some(Producer::Pull(producer)) => {
                self.call_producer(stream, || producer.resume_producing())
            }
            Some(Producer::Push(producer)) if stream.io.producer_paused.replace(false) => {
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
        let called = self.call_for(stream, "producer", call);
        self.run_woken_tasks();
        called
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
                match self.send_end_of_file(stream) {
                    Err(error) => self.broken(stream, os_error(&error)),
                    Ok(()) => self.announce(running, Event::WriteConnectionLost),
                }
            }
            (_, Drained::ShutdownAndDoom) => {
                // What fails is tried again when it is closed, which does not depend on it.
                drop(self.send_end_of_file(stream));
                stream.doom(self, Reason::Done);
            }
            (_, Drained::Doom) => stream.doom(self, Reason::Done),
        }
    }

    fn send_end_of_file(&self, stream: &Stream<S>) -> io::Result<()> {
        let sent = stream.ask_socket(&self.sys, send_end_of_file).unwrap_or(Ok(()));
        if sent.is_ok() {
            stream.io.ends.note_ours();
        }
        sent
    }

    /// Sending failed. What the peer sent before is still read and delivered, and then the
    /// connection is lost; on a stream that does not read, it is lost at once.
    pub(crate) fn broken(&self, stream: &Rc<Stream<S>>, error: OsError) {
        stream.outgoing.clear(&self.desk.pool);
        match stream.state.get() {
            State::Open { reading, .. } if stream.wants_to_read() => {
                stream.state.set(State::Open { reading, writing: Writing::Ended });
                stream.extras.set_broken(error);
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
