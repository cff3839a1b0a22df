//! Writing: from a protocol's call to the write buffer, the stream's queue or, if it is large, the
//! socket.
//!
//! Invariant: bytes leave in the order in which they were written: those in the queue, then those in
//! the write buffer, then those of the call that is being made.

use std::io::{self, IoSlice};

use interfaces::{BufferLimits, Chunk, Reason, Transport as _};

use super::Stream;
use crate::sys::StreamSys;
use crate::sys::os_error::os_error;

/// Writes of at least this many bytes go straight from the caller's slice when nothing is queued.
const DIRECT_WRITE_BYTES_MIN: usize = 8 * 1024;

impl<S: StreamSys> Stream<S> {
    #[inline]
    pub(super) fn write_bytes(&self, data: &[u8]) {
        if data.len() >= DIRECT_WRITE_BYTES_MIN {
            self.write_large(data);
        } else if !(self.is_simple() && self.shared.write_buffer.push(self.token, data)) {
            self.write_small(data);
        }
    }

    pub(super) fn write_chunks(&self, chunks: Vec<Chunk>) {
        if !self.accepts_writes() {
            return;
        }
        self.queue_written();
        let unsent = self.queue.push_all(chunks, &self.shared.pool);
        self.queued(unsent);
    }

    /// Whether a write is just sent when the callback returns: nothing waits before it, no producer
    /// makes more of it, and the limits are the reactor's. The three questions take 7 of the 826
    /// instructions of an echo; a flag would still be asked, and be set wherever one of the three changes.
    #[inline]
    fn is_simple(&self) -> bool {
        self.state.is_open() && self.rare.is_empty() && self.queue.is_empty()
    }

    /// Sends what the callback that has returned wrote; what does not fit is queued.
    #[inline(always)]
    pub(super) fn send_written(&self, sys: &S, bytes: &[u8]) {
        debug_assert!(self.state.is_open() && self.queue.is_empty());
        let sent = if self.io.blocked.get() { 0 } else { self.send(sys, bytes) };
        if sent < bytes.len() {
            self.keep(&bytes[sent..]);
        }
    }

    /// Sends what fits of a queue that is one piece; tells whether nothing is left to be sent.
    #[inline(always)]
    pub(super) fn send_sole_piece(&self, sys: &S) -> bool {
        if self.io.blocked.get() {
            return false;
        }
        let Some(mut queue) = self.queue.take() else { return true };
        if let Some(piece) = queue.sole_piece() {
            let sent = self.send(sys, piece);
            queue.advance(sent);
        }
        self.queue.give_back(queue, &self.shared.pool) == 0
    }

    /// Queues what the protocol has written so far, while it runs.
    pub(super) fn queue_written(&self) {
        self.shared.write_buffer.drain_of(self.token, |bytes| self.keep(bytes));
    }

    /// Queues what was not sent at once.
    #[cold]
    fn keep(&self, rest: &[u8]) {
        if self.state.get().is_alive() {
            self.queue.gather(rest, &self.shared.pool);
            self.io.dirty.set(true);
        }
    }

    /// A write that the write buffer does not take, mostly one to another connection than the running
    /// protocol's own.
    #[inline(never)]
    fn write_small(&self, data: &[u8]) {
        if self.accepts_writes() {
            self.queue_written();
            let unsent = self.queue.gather(data, &self.shared.pool);
            self.queued(unsent);
        }
    }

    #[inline(never)]
    fn write_large(&self, data: &[u8]) {
        if !self.accepts_writes() {
            return;
        }
        let sent = self.send_large(data);
        if sent < data.len() {
            self.write_small(&data[sent..]);
        } else if self.has_producer() {
            // All has left already, so a pull producer is to be asked for more.
            self.make_dirty();
        }
    }

    /// Sends what fits of a large write without copying it, together with what was written before.
    fn send_large(&self, data: &[u8]) -> usize {
        if self.io.blocked.get() || !self.queue.is_empty() || self.rare.waiting_descriptors() > 0 {
            return 0;
        }
        let Some(core) = self.shared.core() else { return 0 };
        if self.shared.write_buffer.unsent_of(self.token) == 0 {
            return self.send(&core.sys, data);
        }
        let mut sent = 0;
        self.shared.write_buffer.drain_of(self.token, |before| {
            let pieces = [IoSlice::new(before), IoSlice::new(data)];
            let both = self.note_sent(before.len() + data.len(), |socket| {
                core.sys.write_vectored(socket, &pieces)
            });
            sent = both.saturating_sub(before.len());
            if both < before.len() {
                self.keep(&before[both..]);
            }
        });
        sent
    }

    /// Sends what fits; returns how much that was.
    #[inline]
    fn send(&self, sys: &S, data: &[u8]) -> usize {
        self.note_sent(data.len(), |socket| sys.write(socket, data))
    }

    /// Has the socket take what it takes of `offered` bytes.
    #[inline(always)]
    fn note_sent(
        &self,
        offered: usize,
        send: impl FnOnce(&S::Stream) -> io::Result<usize>,
    ) -> usize {
        let Some(socket) = self.socket.take() else { return 0 };
        let answer = send(&socket);
        self.put_back(socket);
        match answer {
            Ok(sent) => {
                if sent < offered {
                    self.io.blocked.set(true);
                }
                sent
            }
            Err(error) => {
                self.io.blocked.set(error.kind() == io::ErrorKind::WouldBlock);
                self.note_error(&error);
                0
            }
        }
    }

    /// The next attempt meets an error again, but maybe by another name: the system tells of a reset
    /// once, and of a broken pipe from then on.
    #[cold]
    #[inline(never)]
    fn note_error(&self, error: &io::Error) {
        let passes = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
        if !passes && self.rare.broken().is_none() {
            self.rare.set_broken(os_error(error));
        }
    }

    /// Unregisters a producer that has finished, before a close that would wait for it.
    pub(super) fn unregister_finished(&self) {
        if self.rare.push_producer().is_some_and(|producer| producer.has_finished()) {
            self.unregister_producer();
        }
    }

    pub(super) fn accepts_writes(&self) -> bool {
        self.state.is_open() || self.state.get().accepts_writes(self.has_producer())
    }

    /// What every write does after it queued, so that `unsent` bytes wait.
    #[inline]
    fn queued(&self, unsent: usize) {
        self.make_dirty();
        if self.shared.is_over_cap() {
            return self.queued_over_cap(unsent);
        }
        self.look_at_limits(unsent);
    }

    /// All streams together have too much queued.
    #[cold]
    fn queued_over_cap(&self, unsent: usize) {
        if let Some(core) = self.shared.core() {
            Self::relieve(&core);
        }
        if self.state.get().is_alive() {
            self.look_at_limits(unsent.min(self.queue.len()));
        }
    }

    #[inline]
    fn look_at_limits(&self, unsent: usize) {
        let limits = self.limits();
        if unsent > limits.high_water.min(limits.cap) {
            self.queued_much(unsent, limits);
        }
    }

    #[cold]
    fn queued_much(&self, unsent: usize, limits: BufferLimits) {
        // A piece was asked for, so what waited before it does not count against it.
        let (token, before) = self.shared.pulling.get();
        let counted = if token == self.token { unsent.saturating_sub(before) } else { unsent };
        if counted > limits.cap {
            self.schedule_close(Reason::WriteBufferExceeded { cap: limits.cap });
            return;
        }
        self.pause_producer();
    }
}
