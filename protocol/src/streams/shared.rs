//! [`StreamShared`]: the state of a connection that its protocol and its two halves share.
//!
//! ```text
//!  reading   Open ── end of file, loss ──▶ Ended
//!  writing   Open ── close ──▶ Closing ── sent ──▶ Ended;   a loss ends all
//! ```
//!
//! Both ended: the connection is closed. Invariant: reading is paused exactly while more is held than the
//! mark, and than a waiting read asked for.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::task::{Context, Poll, Waker};

use interfaces::{BufferLimits, Reason, Transport};

use super::StreamError;
use super::byte_buffer::ByteBuffer;

#[derive(Default)]
pub(super) struct StreamShared {
    transport: RefCell<Option<Rc<dyn Transport>>>,
    incoming: RefCell<ByteBuffer>,
    /// How many bytes the read that waits would take.
    wanted: Cell<usize>,
    is_reading_paused: Cell<bool>,
    has_read_ended: Cell<bool>,
    /// The transport has enough unsent bytes.
    is_writing_paused: Cell<bool>,
    writing: Cell<StreamWriting>,
    lost: RefCell<Option<Reason>>,
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
    is_reader_gone: Cell<bool>,
    is_writer_gone: Cell<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum StreamWriting {
    #[default]
    Open,
    Closing,
    Ended,
}

/// How many received bytes may wait to be read, as many as may wait to be sent.
fn high_water() -> usize {
    BufferLimits::default().high_water
}

impl StreamShared {
    // Of the protocol:

    pub(super) fn connection_made(&self, transport: &Rc<dyn Transport>) {
        let before = self.transport.replace(Some(transport.clone()));
        drop(before);
        self.end_if_unwanted();
    }

    pub(super) fn data_received(&self, data: &[u8]) {
        self.incoming.borrow_mut().push(data);
        self.update_reading();
        wake(&self.reader);
    }

    pub(super) fn read_ended(&self) {
        self.has_read_ended.set(true);
        self.end_if_done();
        wake(&self.reader);
    }

    pub(super) fn write_ended(&self) {
        self.writing.set(StreamWriting::Ended);
        self.end_if_done();
        wake(&self.writer);
    }

    pub(super) fn connection_lost(&self, reason: &Reason) {
        let before = self.lost.replace(Some(reason.clone()));
        drop(before);
        wake(&self.reader);
        wake(&self.writer);
    }

    pub(super) fn set_writing_paused(&self, paused: bool) {
        self.is_writing_paused.set(paused);
        if !paused {
            wake(&self.writer);
        }
    }

    // Of the halves:

    pub(super) fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.borrow().clone()
    }

    /// Has `take` look at the bytes that are there; it answers `None` to wait for more, of which it would
    /// take `wanted` at the most.
    ///
    /// # Errors
    ///
    /// `Ok(None)` after a clean end, when `take` would still wait.
    pub(super) fn poll_incoming<R>(
        &self,
        context: &Context<'_>,
        wanted: usize,
        take: impl FnOnce(&mut ByteBuffer) -> Option<R>,
    ) -> Poll<Result<Option<R>, StreamError>> {
        let taken = take(&mut self.incoming.borrow_mut());
        self.wanted.set(if taken.is_some() { 0 } else { wanted });
        self.update_reading();
        if taken.is_some() {
            return Poll::Ready(Ok(taken));
        }
        let lost = self.lost.borrow().clone();
        match lost {
            _ if self.has_read_ended.get() => Poll::Ready(Ok(None)),
            Some(reason) if reason.is_clean() => Poll::Ready(Ok(None)),
            Some(reason) => Poll::Ready(Err(StreamError::Lost(reason))),
            None => {
                wait(&self.reader, context);
                Poll::Pending
            }
        }
    }

    /// How many bytes wait to be read.
    pub(super) fn held(&self) -> usize {
        self.incoming.borrow().len()
    }

    /// Whether the transport takes more.
    pub(super) fn poll_writable(
        &self,
        context: &Context<'_>,
    ) -> Poll<Result<Rc<dyn Transport>, StreamError>> {
        let lost = self.lost.borrow().clone();
        if let Some(reason) = lost {
            return Poll::Ready(Err(StreamError::Lost(reason)));
        }
        match self.transport() {
            Some(transport) if !self.is_writing_paused.get() => Poll::Ready(Ok(transport)),
            Some(_) | None => {
                wait(&self.writer, context);
                Poll::Pending
            }
        }
    }

    /// The end of file follows what was written.
    pub(super) fn close_writing(&self) {
        if self.writing.get() != StreamWriting::Open {
            return;
        }
        self.writing.set(StreamWriting::Closing);
        let Some(transport) = self.transport() else { return };
        match transport.as_half_closeable() {
            Some(half) if !self.is_reader_gone.get() => half.lose_write_connection(),
            Some(_) | None => self.close(&*transport),
        }
    }

    /// Whether nothing more will be written.
    pub(super) fn has_closed_writing(&self) -> bool {
        self.writing.get() != StreamWriting::Open
    }

    /// Whether the end of file is sent.
    pub(super) fn poll_closed(&self, context: &Context<'_>) -> Poll<Result<(), StreamError>> {
        if self.writing.get() == StreamWriting::Ended {
            return Poll::Ready(Ok(()));
        }
        let lost = self.lost.borrow().clone();
        match lost {
            Some(reason) if reason.is_clean() => Poll::Ready(Ok(())),
            Some(reason) => Poll::Ready(Err(StreamError::Lost(reason))),
            None => {
                wait(&self.writer, context);
                Poll::Pending
            }
        }
    }

    pub(super) fn reader_gone(&self) {
        self.is_reader_gone.set(true);
        let incoming = self.incoming.take();
        drop(incoming);
        forget_waker(&self.reader);
        self.update_reading();
        self.end_if_unwanted();
    }

    pub(super) fn writer_gone(&self) {
        self.is_writer_gone.set(true);
        forget_waker(&self.writer);
        self.end_if_unwanted();
    }

    pub(super) fn abort(&self) {
        if let Some(transport) = self.transport() {
            transport.abort_connection();
        }
    }

    /// Neither half is there to read or write what is to come.
    fn end_if_unwanted(&self) {
        if !(self.is_reader_gone.get() && self.is_writer_gone.get()) {
            return;
        }
        match (self.writing.get(), self.transport()) {
            (_, None) => {}
            (StreamWriting::Open, Some(transport)) => transport.abort_connection(),
            (StreamWriting::Closing | StreamWriting::Ended, Some(transport)) => {
                self.close(&*transport);
            }
        }
    }

    fn end_if_done(&self) {
        if self.has_read_ended.get()
            && self.writing.get() == StreamWriting::Ended
            && let Some(transport) = self.transport()
        {
            transport.lose_connection();
        }
    }

    /// Closes both ways behind what was written; the producer would hold it back.
    fn close(&self, transport: &dyn Transport) {
        transport.unregister_producer();
        transport.lose_connection();
    }

    fn update_reading(&self) {
        let held = self.held();
        let enough = high_water().max(self.wanted.get());
        let pauses = self.is_reader_gone.get() || held >= enough;
        // A pause ends when half of it is read, or a read waits.
        let resumes = !pauses && (held <= enough / 2 || self.wanted.get() > 0);
        let Some(transport) = self.transport() else { return };
        if pauses && !self.is_reading_paused.replace(true) {
            transport.pause_producing();
        } else if resumes && self.is_reading_paused.replace(false) {
            transport.resume_producing();
        }
    }
}

fn wait(place: &Cell<Option<Waker>>, context: &Context<'_>) {
    let before = place.replace(Some(context.waker().clone()));
    drop(before);
}

fn wake(place: &Cell<Option<Waker>>) {
    if let Some(waker) = place.take() {
        waker.wake();
    }
}

fn forget_waker(place: &Cell<Option<Waker>>) {
    let waker = place.take();
    drop(waker);
}
