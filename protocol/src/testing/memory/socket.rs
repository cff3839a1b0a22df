//! One side of a connection in memory: what a socket is to a kernel.
//!
//! The close machine, the queue and the producer's place are those of [`crate::transport`]; here is
//! what they have to do with the pipes. Invariant: nothing here runs foreign code, each method returns
//! what is to be called.

use alloc::rc::Rc;
use alloc::vec::Vec;

use deferred::Failure;
use interfaces::{AlreadyProducing, BufferLimits, Chunk, OsError, Producer, PushProducer, Reason};

use super::byte_queue::ByteQueue;
use super::errno;
use super::pipe::{Pipe, ReadNext, Reader, Tail};
use crate::transport::{
    Broken, Drained, Eof, Next, ProducerSlot, Reading, SendPool, SendQueue, StreamState, Waits,
    Writing,
};

/// The state of one side.
pub(super) struct Socket {
    state: StreamState,
    /// Why it ends: from the decision until the protocol is told.
    reason: Option<Reason>,
    /// Sending failed with this. It is told behind what the peer had sent.
    broken: Option<OsError>,
    incoming: Rc<Pipe>,
    read_paused: bool,
    read_max: usize,
    outgoing: Rc<Pipe>,
    unsent: SendQueue,
    pool: Rc<SendPool>,
    limits: BufferLimits,
    producer: ProducerSlot,
}

/// What came in, for the protocol.
pub(super) enum SocketInput {
    Nothing,
    Data(ByteQueue),
    /// Ask the protocol, then call [`Socket::end_of_file`].
    Eof,
    /// The connection has ended.
    Broken,
}

/// What sending led to.
pub(super) enum Sent {
    Nothing,
    Something,
    /// The producer may go on.
    Resume(Producer),
    /// The write side is closed: the protocol is told.
    WriteClosed,
}

/// What became of a registration.
pub(super) enum Registered {
    Kept,
    /// The connection is gone: the producer is to be stopped.
    Refused,
}

impl Socket {
    pub(super) fn new(
        incoming: Rc<Pipe>,
        outgoing: Rc<Pipe>,
        read_max: usize,
        pool: Rc<SendPool>,
    ) -> Self {
        Self {
            state: StreamState::OPEN,
            reason: None,
            broken: None,
            incoming,
            read_paused: false,
            read_max,
            outgoing,
            unsent: SendQueue::new(),
            pool,
            limits: BufferLimits::default(),
            producer: ProducerSlot::new(),
        }
    }

    pub(super) fn state(&self) -> StreamState {
        self.state
    }

    /// Queues bytes; returns the producer that is to be paused for it.
    /// An error is found, and bytes that came before it are not read.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    pub(super) fn write(&mut self, data: &[u8]) -> Option<Rc<dyn PushProducer>> {
        if data.is_empty() || !self.accepts_writes() {
            return None;
        }
        let unsent = self.unsent.gather(data, &self.pool);
        self.queued(unsent)
    }

    /// As [`write`](Self::write), for chunks.
    pub(super) fn write_sequence(&mut self, chunks: Vec<Chunk>) -> Option<Rc<dyn PushProducer>> {
        if !self.accepts_writes() {
            return None;
        }
        let unsent = self.unsent.push_all(chunks, &self.pool);
        self.queued(unsent)
    }

    fn accepts_writes(&self) -> bool {
        // The producer counts only while a close waits for it.
        self.state == StreamState::OPEN || self.state.accepts_writes(self.producer.is_registered())
    }

    fn queued(&mut self, unsent: usize) -> Option<Rc<dyn PushProducer>> {
        if unsent > self.limits.cap {
            self.end(Reason::WriteBufferExceeded { cap: self.limits.cap });
            return None;
        }
        self.pause_above(unsent)
    }

    /// The producer to be paused, as more is unsent than it may add to.
    pub(super) fn pause_if_full(&mut self) -> Option<Rc<dyn PushProducer>> {
        self.pause_above(self.unsent.len())
    }

    fn pause_above(&mut self, unsent: usize) -> Option<Rc<dyn PushProducer>> {
        if unsent > self.limits.high_water { self.producer.pause() } else { None }
    }

    pub(super) fn lose_connection(&mut self) {
        // Sending finds out when all is sent, but on a side that sends no more.
        let (state, next) = self.state.lose(!self.state.sends());
        self.state = state;
        match next {
            Next::Close => self.close(self.broken.map_or(Reason::Done, lost)),
            Next::Flush | Next::Nothing => {}
        }
    }

    pub(super) fn lose_connection_with_reset(&mut self) {
        let (state, next) = self.state.lose_with_reset(!self.state.sends());
        self.state = state;
        match next {
            Next::Close => self.close(self.broken.map_or(Reason::Aborted, lost)),
            Next::Flush | Next::Nothing => {}
        }
    }

    pub(super) fn lose_write_connection(&mut self) {
        self.state = self.state.lose_write().0;
    }

    /// The producer that may have finished.
    pub(super) fn push_producer(&self) -> Option<Rc<dyn PushProducer>> {
        self.producer.push()
    }

    /// Ends the connection for a reason that is not the protocol's; the first reason stays.
    pub(super) fn end(&mut self, reason: Reason) {
        let (state, next) = self.state.abort();
        self.state = state;
        match next {
            Next::Close => self.close(reason),
            Next::Flush | Next::Nothing => {}
        }
    }

    /// Closes both directions of the wire; the protocol hears of it in a later round.
    fn close(&mut self, reason: Reason) {
        self.incoming.abandon();
        self.outgoing.close(if reason.is_clean() { Tail::Eof } else { Tail::Reset });
        self.unsent.clear(&self.pool);
        self.reason = Some(reason);
    }

    /// The last step, if it is due: returns the reason for the protocol, and the producer to stop.
    pub(super) fn take_end(&mut self) -> Option<(Reason, Option<Producer>)> {
        let reason = self.reason.take()?;
        self.state = self.state.lost().0;
        Some((reason, self.producer.unregister()))
    }

    pub(super) fn set_reading_paused(&mut self, paused: bool) {
        self.read_paused = paused;
    }

    /// The next thing to read, unless reading is paused or over.
    pub(super) fn read(&mut self) -> SocketInput {
        if !matches!(self.state, StreamState::Open { .. }) || self.read_paused {
            return SocketInput::Nothing;
        }
        match self.incoming.read(self.read_max) {
            ReadNext::Bytes(bytes) => SocketInput::Data(bytes),
            ReadNext::Eof | ReadNext::Nothing if self.broken.is_some() => self.read_broken(),
            ReadNext::Eof if self.state.receives() => SocketInput::Eof,
            ReadNext::Nothing | ReadNext::Eof => SocketInput::Nothing,
            ReadNext::Reset => self.read_broken(),
        }
    }

    /// All that the peer sent is read, and the connection is broken.
    fn read_broken(&mut self) -> SocketInput {
        self.end(lost(self.broken.unwrap_or(errno::ECONNRESET)));
        SocketInput::Broken
    }

    /// Takes the storage of bytes that were read and delivered.
    pub(super) fn delivered(&mut self, data: ByteQueue) {
        self.incoming.reuse(data);
    }

    /// The peer sends no more, which for most protocols is the end. Returns what the protocol is told.
    pub(super) fn end_of_file(&mut self, half_closeable: bool) -> Eof {
        let (state, eof) = self.state.eof(half_closeable, !self.unsent.is_empty());
        self.state = state;
        match eof {
            Eof::Close => self.close(Reason::Done),
            Eof::Deliver | Eof::Flush | Eof::Nothing => {}
        }
        eof
    }

    /// Sends as much as the pipe has room for; the last byte takes the next step of the close machine.
    pub(super) fn send(&mut self) -> Sent {
        if !self.state.sends() {
            return Sent::Nothing;
        }
        // A side that reads no more notices a reset here.
        let flushing = matches!(self.state, StreamState::Flushing(_));
        if flushing && self.incoming.tail() == Tail::Reset {
            self.end(lost(errno::ECONNRESET));
            return Sent::Something;
        }
        let Some(mut unsent) = self.unsent.take() else { return self.all_sent(0) };
        let room = match self.outgoing.reader() {
            Reader::Alive => self.outgoing.fill_from(&unsent),
            Reader::Gone if self.peer_lingers() => unsent.len(),
            Reader::Gone => {
                self.unsent.give_back(unsent, &self.pool);
                let reset = self.incoming.tail() == Tail::Reset;
                return self.sending_failed(if reset { errno::ECONNRESET } else { errno::EPIPE });
            }
        };
        unsent.advance(room);
        match self.unsent.give_back(unsent, &self.pool) {
            0 => self.all_sent(room),
            _ => happened(room),
        }
    }

    /// What the peer sent before is still delivered. A paused producer goes on, to nowhere, so that its
    /// own source is not held up.
    fn sending_failed(&mut self, error: OsError) -> Sent {
        self.unsent.clear(&self.pool);
        let (state, follows) = self.state.broken(self.incoming.has_bytes());
        self.state = state;
        match follows {
            Broken::ReadOn => self.broken = Some(error),
            Broken::Close => self.close(lost(error)),
            Broken::Nothing => {}
        }
        match self.producer.resume() {
            Some(producer) if follows == Broken::ReadOn => Sent::Resume(Producer::Push(producer)),
            Some(_) | None => Sent::Something,
        }
    }

    /// A side that closed cleanly still takes and drops what comes, as long as this one is on its
    /// way to the end of file. So what it sent before is not lost to a broken pipe.
    fn peer_lingers(&self) -> bool {
        let on_its_way = match self.state {
            StreamState::Open { writing: Writing::Ended, .. } => false,
            StreamState::Open { reading, .. } => !self.read_paused && reading == Reading::Open,
            StreamState::Flushing(Waits::ForProducer | Waits::ToReset) => {
                !self.producer.is_registered()
            }
            StreamState::Flushing(Waits::ForQueue) => true,
            StreamState::Closing | StreamState::Lost => false,
        };
        on_its_way && self.incoming.tail() == Tail::Eof
    }

    #[inline(always)]
    fn all_sent(&mut self, sent: usize) -> Sent {
        if self.state == StreamState::OPEN && !self.producer.is_registered() {
            return happened(sent);
        }
        self.all_sent_at_last(sent)
    }

    /// As [`all_sent`](Self::all_sent), where something waits for that.
    fn all_sent_at_last(&mut self, sent: usize) -> Sent {
        let peer_ended = self.state == StreamState::Flushing(Waits::ForQueue);
        if !peer_ended && self.producer.is_registered() {
            return self.refill(sent);
        }
        let (state, drained) = self.state.drained(self.producer.is_registered());
        self.state = state;
        match drained {
            Drained::Nothing => happened(sent),
            Drained::EndWriting => {
                self.outgoing.close(Tail::Eof);
                Sent::WriteClosed
            }
            Drained::EndWritingAndClose | Drained::Close => {
                self.close(Reason::Done);
                Sent::Something
            }
            Drained::Reset => {
                self.close(Reason::Aborted);
                Sent::Something
            }
        }
    }

    /// A push producer that was paused goes on; a pull producer is asked when something has left.
    fn refill(&self, sent: usize) -> Sent {
        if let Some(producer) = self.producer.resume() {
            return Sent::Resume(Producer::Push(producer));
        }
        match self.producer.pull() {
            Some(producer) if sent > 0 => Sent::Resume(Producer::Pull(producer)),
            Some(_) | None => happened(sent),
        }
    }

    pub(super) fn register(&mut self, producer: &Producer) -> Result<Registered, AlreadyProducing> {
        if !self.state.is_alive() {
            return Ok(Registered::Refused);
        }
        self.producer.register(producer.clone())?;
        Ok(Registered::Kept)
    }

    /// Returns the producer, so that it is dropped when the borrow has ended.
    pub(super) fn unregister(&mut self) -> Option<Producer> {
        self.producer.unregister()
    }

    pub(super) fn limits(&self) -> BufferLimits {
        self.limits
    }

    pub(super) fn set_limits(&mut self, limits: BufferLimits) {
        self.limits = limits;
    }
}

fn happened(sent: usize) -> Sent {
    if sent > 0 { Sent::Something } else { Sent::Nothing }
}

fn lost(error: OsError) -> Reason {
    Reason::Lost(Failure::new(error))
}
