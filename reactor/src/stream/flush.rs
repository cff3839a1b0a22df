//! Sending: what is queued goes out in as few system calls as it fits in, then the producer is asked
//! for more.
//!
//! Invariant: a flush ends blocked (the system will report room), drained, closing, or back on the
//! dirty list; so no edge is lost.

use std::io;

use deferred::Failure;
use interfaces::{Event, OsError, Reason};
use protocol::transport::{Broken, Drained, Next, Unsent};

use super::linger::send_end_of_file;
use super::{Running, Stream};
use crate::buffers::offer::offer;
use crate::core::Core;
use crate::core::agenda::{reuse, take_all};
use crate::sys::os_error::os_error;
use crate::sys::{StreamSys, Token};

/// A pull producer is asked again until this multiple of the high-water mark waits; with the usual
/// limits and pieces of 64 KiB, four leave together.
const PULLED_HIGH_WATERS: usize = 3;

/// How one attempt to send all ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    All,
    Blocked,
    Interrupted,
    Broken(OsError),
}

impl<S: StreamSys> Running<S> {
    /// Flushes the streams that were written to before this phase began.
    #[inline]
    pub(crate) fn flush_dirty(core: &Core<S>) {
        let dirty = take_all(&core.streams.dirty);
        for token in &dirty {
            Self::with(core, *token, |running| {
                if running.stream.io.dirty.get() {
                    running.flush(core);
                }
            });
        }
        reuse(&core.streams.dirty, dirty);
    }

    /// Sends what is queued and has the producer make more, until the socket takes no more or
    /// nothing new came.
    #[inline(always)]
    pub(super) fn flush(&self, core: &Core<S>) {
        let stream = &self.stream;
        stream.io.dirty.set(false);
        // Mostly there is one piece, it fits, no producer waits for that, and nothing is broken.
        let simple = stream.state.is_open() && stream.rare.is_empty();
        if !simple || !stream.send_sole_piece(&core.sys) {
            self.flush_on(core);
        }
    }

    /// As [`flush`](Self::flush), away from the path of each message.
    #[inline(never)]
    pub(super) fn flush_again(&self, core: &Core<S>) {
        self.flush(core);
    }

    #[inline(never)]
    fn flush_on(&self, core: &Core<S>) {
        let stream = &self.stream;
        let mut refills = core.limits.refills_per_turn;
        while refills > 0 {
            if !stream.state.get().is_alive() {
                return;
            }
            if let Some(error) = stream.rare.broken() {
                return stream.broken(core, error);
            }
            let made = match stream.send_queued(core) {
                Sent::All => stream.refill(core, refills),
                Sent::Blocked => return stream.await_room(core),
                Sent::Interrupted => 1,
                Sent::Broken(error) => return stream.broken(core, error),
            };
            if stream.unsent() == 0 {
                return self.drained(core);
            }
            refills -= made;
        }
        stream.make_dirty();
    }

    fn drained(&self, core: &Core<S>) {
        let stream = &self.stream;
        let has_producer = stream.has_producer();
        if !stream.accepts_writes() && stream.rare.waiting_descriptors() > 0 {
            return stream.schedule_close(stream.broken_or(Reason::Done));
        }
        match stream.state.step(|state| state.drained(has_producer)) {
            Drained::Nothing => {}
            Drained::EndWriting => match stream.send_end_of_file(core) {
                Err(error) => stream.broken(core, os_error(&error)),
                Ok(()) => self.announce(core, Event::WriteConnectionLost),
            },
            Drained::EndWritingAndClose => {
                // What fails is tried again when it is closed, which does not depend on it.
                drop(stream.send_end_of_file(core));
                stream.list_closing(Reason::Done);
            }
            Drained::Close => {
                stream.list_closing(stream.rare.take_ending().unwrap_or(Reason::Done));
            }
            Drained::Reset => stream.list_reset(),
        }
    }
}

impl<S: StreamSys> Stream<S> {
    /// Has the system say when there is room. It was not asked before, as most streams never fill
    /// up, and the room of a new one would be an event of its own.
    fn await_room(&self, core: &Core<S>) {
        if self.io.watches_writing.replace(true) {
            return;
        }
        let asked = self.ask_socket(&core.sys, |sys, socket| sys.watch_writing(socket, self.token));
        if let Some(Err(error)) = asked {
            self.broken(core, os_error(&error));
        }
    }

    #[inline(always)]
    pub(super) fn send_queued(&self, core: &Core<S>) -> Sent {
        let Some(mut unsent) = self.queue.take() else { return Sent::All };
        let sent = self.send_with_descriptors(core, &mut unsent);
        self.queue.give_back(unsent, &self.shared.pool);
        sent
    }

    /// Sends bytes alone.
    pub(super) fn send_all(&self, core: &Core<S>, unsent: &mut Unsent) -> Sent {
        let is_last = self.state.get().ends_behind_queue(self.has_producer());
        while !unsent.is_empty() {
            if self.io.blocked.get() {
                return Sent::Blocked;
            }
            let mut offered = 0;
            let answer = self.ask_socket(&core.sys, |sys, socket| {
                offer(unsent, |pieces| {
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
                    unsent.advance(sent);
                    self.io.blocked.set(sent < offered);
                }
                Some(Err(error)) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.io.blocked.set(true),
                    io::ErrorKind::Interrupted => return Sent::Interrupted,
                    _ => return Sent::Broken(os_error(&error)),
                },
            }
        }
        Sent::All
    }

    /// Everything is sent: has a push producer that was paused go on, or a pull producer make at
    /// most `at_most` pieces. Returns how many calls that was.
    fn refill(&self, core: &Core<S>, at_most: usize) -> usize {
        if let Some(producer) = self.rare.resume_producer() {
            self.call_producer(core, || producer.resume_producing());
            return 1;
        }
        self.pull(core, at_most)
    }

    /// Has a pull producer make pieces until [`PULLED_HIGH_WATERS`] is reached. They leave together,
    /// as the system sends large writes at less cost for each byte.
    fn pull(&self, core: &Core<S>, at_most: usize) -> usize {
        let limits = self.limits();
        let enough = limits.high_water.saturating_mul(PULLED_HIGH_WATERS).min(limits.cap / 2);
        let mut made = 0;
        while let Some(producer) = self.rare.pull_producer() {
            let before = self.unsent();
            self.shared.pulling.set((self.token, before));
            self.call_producer(core, || producer.resume_producing());
            self.shared.pulling.set((Token::NOBODY, 0));
            made += 1;
            let wants_more = (before + 1..=enough).contains(&self.unsent());
            if !wants_more || made == at_most || !self.state.get().is_alive() {
                break;
            }
        }
        made
    }

    fn call_producer(&self, core: &Core<S>, call: impl FnOnce()) {
        if let Err(message) = self.call(core, "producer", call) {
            self.producer_panicked(core, Reason::Panicked(message));
        }
        core.run_woken_tasks();
    }

    /// What the producer gave before is sent, and then the peer sees a reset: the rest is missing.
    #[cold]
    fn producer_panicked(&self, core: &Core<S>, reason: Reason) {
        self.queue_written();
        if self.state.get().is_alive() {
            self.rare.set_ending(reason);
        }
        let idle = self.queue.is_empty();
        match self.state.step(|state| state.lose_with_reset(idle)) {
            Next::Close => self.list_reset(),
            next @ (Next::Flush | Next::Nothing) => self.follow(next),
        }
        self.stop_producer(core);
    }

    /// Lists the stream, whose end is decided, to be closed with a reset behind what the system has
    /// taken.
    pub(super) fn list_reset(&self) {
        self.rare.set_resets_behind();
        let ending = self.rare.take_ending().unwrap_or(Reason::Aborted);
        self.list_closing(self.broken_or(ending));
    }

    /// Tells the producer that its bytes are taken no more.
    pub(super) fn stop_producer(&self, core: &Core<S>) {
        if let Some(producer) = self.rare.take_producer() {
            let stop = || {
                producer.stop_producing();
                drop(producer);
            };
            drop(self.call(core, "producer", stop));
            core.run_woken_tasks();
        }
    }

    fn send_end_of_file(&self, core: &Core<S>) -> io::Result<()> {
        let sent = self.ask_socket(&core.sys, send_end_of_file).unwrap_or(Ok(()));
        if sent.is_ok() {
            self.io.eof.set_sent();
        }
        sent
    }

    /// Sending failed. What the peer sent before is still read and delivered, by a protocol that has
    /// paused when it resumes, and then the connection is lost. With nothing to be read it is lost at
    /// once.
    fn broken(&self, core: &Core<S>, error: OsError) {
        self.drop_unsent();
        // The system tells of a reset once, and of a broken pipe from then on.
        let error = self.rare.broken().unwrap_or(error);
        let unread = self.wants_to_read() || self.has_unread(core);
        match self.state.step(|state| state.broken(unread)) {
            Broken::ReadOn => {
                self.rare.set_broken(error);
                // Not observed: all that is there is read, up to the error.
                self.io.read_closed.set(true);
                self.io.readable.set(true);
                if self.wants_to_read() {
                    self.list_unread(core);
                }
                // It goes on, to nowhere, so that its own source is not held up.
                if let Some(producer) = self.rare.resume_producer() {
                    self.call_producer(core, || producer.resume_producing());
                }
            }
            Broken::Close => self.list_closing(Reason::Lost(Failure::new(error))),
            Broken::Nothing => {}
        }
    }
}
