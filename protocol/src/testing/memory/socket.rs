//! One side of a connection in memory: what a socket is to a kernel, without anybody to call.
//!
//! Invariant: nothing here runs foreign code; what is to be called is returned.

use alloc::rc::Rc;
use core::mem;

use deferred::Failure;
use interfaces::{AlreadyProducing, BufferLimits, OsError, Producer, Reason};

use super::byte_queue::ByteQueue;
use super::errno;
use super::pipe::{Next, Pipe, Reader, Tail};
use super::stage::Stage;

/// The state of one side. Its methods call nobody: they return what is to be called when the
/// borrow has ended.
pub(super) struct Socket {
    stage: Stage,
    incoming: Rc<Pipe>,
    reading: Reading,
    outgoing: Rc<Pipe>,
    unsent: ByteQueue,
    limits: BufferLimits,
    producer: Option<Producer>,
    producer_waits: bool,
}

struct Reading {
    paused: bool,
    eof_told: bool,
    bytes_max: usize,
}

/// What came in, for the protocol.
pub(super) enum Incoming {
    Nothing,
    Data(ByteQueue),
    /// Ask the protocol, then call [`Socket::end_of_file`].
    Eof,
    /// It has ended.
    Broken,
}

/// What the protocol said when it was asked.
#[derive(Clone, Copy)]
pub(super) enum HalfCloseable {
    Yes,
    No,
}

/// What sending led to.
pub(super) enum Sent {
    Nothing,
    Something,
    /// The producer may go on.
    Resume(Producer),
    /// The write side is closed; the protocol wants to know.
    WriteClosed,
}

/// What became of a registration.
pub(super) enum Registered {
    Kept,
    /// The connection is gone: the producer is to be stopped.
    Refused,
}

impl Socket {
    pub(super) fn new(incoming: Rc<Pipe>, outgoing: Rc<Pipe>, read_max: usize) -> Self {
        Self {
            stage: Stage::Open,
            incoming,
            reading: Reading { paused: false, eof_told: false, bytes_max: read_max },
            outgoing,
            unsent: ByteQueue::default(),
            limits: BufferLimits::default(),
            producer: None,
            producer_waits: false,
        }
    }

    pub(super) fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Queues bytes; gives the producer that is to be paused for it.
    pub(super) fn write<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) -> Option<Producer> {
        if !self.stage.takes_writes(self.producer.is_some()) {
            return None;
        }
        for piece in pieces {
            self.unsent.push(piece);
        }
        if self.unsent.len() > self.limits.cap {
            self.end(Reason::WriteBufferExceeded { cap: self.limits.cap });
            return None;
        }
        let pauses = self.unsent.len() > self.limits.high_water && !self.producer_waits;
        match &self.producer {
            Some(producer @ Producer::Push(_)) if pauses => {
                self.producer_waits = true;
                Some(producer.clone())
            }
            _ => None,
        }
    }

    pub(super) fn lose_connection(&mut self) {
        match self.stage {
            Stage::Open | Stage::HalfClosing => self.stage = Stage::Closing,
            // Nothing is left that could be sent.
            Stage::WriteClosed => self.end(Reason::Done),
            Stage::Closing | Stage::Draining | Stage::Ending(_) | Stage::Dead => {}
        }
    }

    pub(super) fn lose_write_connection(&mut self) {
        if matches!(self.stage, Stage::Open) {
            self.stage = Stage::HalfClosing;
        }
    }

    /// Closes both directions of the wire; the first reason stays.
    pub(super) fn end(&mut self, reason: Reason) {
        if self.stage.is_over() {
            return;
        }
        self.incoming.abandon();
        self.outgoing.close(if reason.is_clean() { Tail::Eof } else { Tail::Reset });
        self.unsent = ByteQueue::default();
        self.stage = Stage::Ending(reason);
    }

    /// The last step, if it is due: gives the reason for the protocol, and the producer to stop.
    pub(super) fn bury(&mut self) -> Option<(Reason, Option<Producer>)> {
        match mem::replace(&mut self.stage, Stage::Dead) {
            Stage::Ending(reason) => Some((reason, self.producer.take())),
            other => {
                self.stage = other;
                None
            }
        }
    }

    pub(super) fn set_reading_paused(&mut self, paused: bool) {
        self.reading.paused = paused;
    }

    /// The next thing to read, unless reading is paused or over.
    pub(super) fn read(&mut self) -> Incoming {
        if !self.stage.reads() || self.reading.paused {
            return Incoming::Nothing;
        }
        match self.incoming.read(self.reading.bytes_max) {
            Next::Bytes(bytes) => Incoming::Data(bytes),
            Next::Eof if !self.reading.eof_told => Incoming::Eof,
            Next::Nothing | Next::Eof => Incoming::Nothing,
            Next::Reset => {
                self.end(lost(errno::ECONNRESET));
                Incoming::Broken
            }
        }
    }

    /// What was read has been delivered.
    pub(super) fn delivered(&mut self, data: ByteQueue) {
        self.incoming.reuse(data);
    }

    /// The peer sends no more, which for most protocols is the end.
    pub(super) fn end_of_file(&mut self, half_closeable: HalfCloseable) {
        match (half_closeable, &self.stage) {
            (HalfCloseable::Yes, _) => self.reading.eof_told = true,
            (HalfCloseable::No, Stage::Open | Stage::HalfClosing) if !self.unsent.is_empty() => {
                self.stage = Stage::Draining;
            }
            (HalfCloseable::No, _) => self.end(Reason::Done),
        }
    }

    /// Sends what there is room for, and does what waited for the last byte.
    pub(super) fn send(&mut self) -> Sent {
        if !self.stage.sends() {
            return Sent::Nothing;
        }
        // Where nobody reads any more, this is where a reset is noticed.
        if !self.stage.reads() && self.incoming.tail() == Tail::Reset {
            self.end(lost(errno::ECONNRESET));
            return Sent::Something;
        }
        if self.unsent.is_empty() {
            return self.all_sent(0);
        }
        let sent = match self.outgoing.reader() {
            Reader::Alive => self.outgoing.fill_from(&mut self.unsent),
            Reader::Gone if self.peer_lingers() => {
                let unsent = mem::take(&mut self.unsent);
                unsent.len()
            }
            Reader::Gone => {
                let reset = self.incoming.tail() == Tail::Reset;
                self.end(lost(if reset { errno::ECONNRESET } else { errno::EPIPE }));
                return Sent::Something;
            }
        };
        if self.unsent.is_empty() { self.all_sent(sent) } else { happened(sent) }
    }

    /// A side that closed cleanly still takes and drops what comes, as long as this one is on its
    /// way to the end of file. So what it sent before is not lost to a broken pipe.
    fn peer_lingers(&self) -> bool {
        let on_its_way = match self.stage {
            Stage::Open | Stage::HalfClosing => !self.reading.paused && !self.reading.eof_told,
            Stage::Closing => self.producer.is_none(),
            Stage::Draining => true,
            Stage::WriteClosed | Stage::Ending(_) | Stage::Dead => false,
        };
        on_its_way && self.incoming.tail() == Tail::Eof
    }

    fn all_sent(&mut self, sent: usize) -> Sent {
        match &self.producer {
            _ if matches!(self.stage, Stage::Draining) => self.nothing_to_come(sent),
            Some(producer @ Producer::Push(_)) if self.producer_waits => {
                self.producer_waits = false;
                Sent::Resume(producer.clone())
            }
            Some(producer @ Producer::Pull(_)) if sent > 0 => Sent::Resume(producer.clone()),
            None => self.nothing_to_come(sent),
            Some(Producer::Push(_) | Producer::Pull(_)) => happened(sent),
        }
    }

    fn nothing_to_come(&mut self, sent: usize) -> Sent {
        match self.stage {
            Stage::HalfClosing => {
                self.stage = Stage::WriteClosed;
                self.outgoing.close(Tail::Eof);
                Sent::WriteClosed
            }
            Stage::Closing | Stage::Draining => {
                self.end(Reason::Done);
                Sent::Something
            }
            Stage::Open | Stage::WriteClosed | Stage::Ending(_) | Stage::Dead => happened(sent),
        }
    }

    pub(super) fn register(&mut self, producer: &Producer) -> Result<Registered, AlreadyProducing> {
        if self.stage.is_over() {
            return Ok(Registered::Refused);
        }
        if self.producer.is_some() {
            return Err(AlreadyProducing);
        }
        self.producer_waits = false;
        self.producer = Some(producer.clone());
        Ok(Registered::Kept)
    }

    /// Gives the producer back, so that it is dropped when the borrow has ended.
    pub(super) fn unregister(&mut self) -> Option<Producer> {
        self.producer.take()
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
