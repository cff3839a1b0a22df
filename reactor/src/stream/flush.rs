//! Sending: what is queued goes out in as few system calls as it fits in, then whoever makes the
//! bytes is asked for more.
//!
//! Invariant: a flush ends blocked (the system will report room), drained, doomed, or back on the
//! dirty list; so no edge is lost.

use std::io;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{Event, OsError, Producer, Reason};

use crate::buffers::send_queue::Queue;
use crate::core::Core;
use crate::os_error;
use crate::run::turn::{reuse, take_all};
use crate::stream::linger::send_end_of_file;
use crate::stream::state::{Drained, State, Writing};
use crate::stream::{Running, Stream};
use crate::sys::{Sys, Token};

/// A pull producer is asked again until so many times as much waits as a push producer may write; with
/// the usual limits and pieces of 64 KiB, four leave together.
const PULLED: usize = 3;

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

    /// As [`flush`](Self::flush), away from the path of each message.
    #[inline(never)]
    pub(crate) fn flush_again(&self, running: &Running<S>) {
        self.flush(running);
    }

    #[inline(never)]
    fn flush_on(&self, running: &Running<S>) {
        let stream = &running.stream;
        let mut refills = self.limits.refills_per_turn;
        while refills > 0 {
            if !stream.state.get().is_alive() {
                return;
            }
            let made = match self.send_queued(stream) {
                Sent::All => self.refill(stream, refills),
                Sent::Blocked => return self.await_room(stream),
                Sent::Interrupted => 1,
                Sent::Broken(error) => return self.broken(stream, error),
            };
            if stream.unsent() == 0 {
                return self.drained(running);
            }
            refills -= made;
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

    /// Everything is sent: has a push producer that was paused go on, or a pull producer make at
    /// most so many pieces. Answers how many calls that was.
    fn refill(&self, stream: &Rc<Stream<S>>, at_most: usize) -> usize {
        match stream.extras.producer() {
            Some(Producer::Push(producer)) if stream.io.producer_paused.replace(false) => {
                self.call_producer(stream, || producer.resume_producing());
                1
            }
            Some(Producer::Push(_)) | None => 0,
            Some(Producer::Pull(_)) => self.pull(stream, at_most),
        }
    }

    /// Has a pull producer make pieces until [`PULLED`] is reached. They leave together, as the system
    /// sends large writes at less cost for each byte.
    fn pull(&self, stream: &Rc<Stream<S>>, at_most: usize) -> usize {
        let limits = stream.limits();
        let enough = limits.high_water.saturating_mul(PULLED).min(limits.cap / 2);
        let mut made = 0;
        while let Some(Producer::Pull(producer)) = stream.extras.producer() {
            let before = stream.unsent();
            self.desk.pulling.set((stream.token, before));
            self.call_producer(stream, || producer.resume_producing());
            self.desk.pulling.set((Token::NOBODY, 0));
            made += 1;
            let wants_more = (before + 1..=enough).contains(&stream.unsent());
            if !wants_more || made == at_most || !stream.state.get().is_alive() {
                break;
            }
        }
        made
    }

    fn call_producer(&self, stream: &Rc<Stream<S>>, call: impl FnOnce()) {
        if let Err(message) = self.call_for(stream, "producer", call) {
            stream.doom(self, Reason::Panicked(message));
        }
        self.run_woken_tasks();
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
        // The system tells of a reset once, and of a broken pipe from then on.
        let error = stream.extras.broken().unwrap_or(error);
        match stream.state.get() {
            State::Open { reading, .. } if stream.wants_to_read() => {
                stream.state.set(State::Open { reading, writing: Writing::Ended });
                stream.extras.set_broken(error);
                stream.io.read_closed.set(true);
                stream.io.readable.set(true);
                self.note_unread(stream);
            }
            State::Open { .. } | State::Flushing(_) => {
                stream.doom(self, Reason::Lost(Failure::new(error)));
            }
            State::Doomed | State::Lost => {}
        }
    }
}
