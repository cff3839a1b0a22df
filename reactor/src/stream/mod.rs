//! One connection: the transport that protocols hold, and what the reactor's slot holds with it.
//!
//! The handle ([`Stream`]) owns the socket's state and points up weakly; the protocol is owned by the
//! slot alone ([`Running`]), so that a protocol which keeps its transport is still freed.
//! Invariant: no method of the transport runs protocol code; producers are called with nothing
//! borrowed.
//!
//! # The life of a message
//!
//! 64 bytes in, echoed, and out, as the calls follow one another:
//!
//! ```text
//!  run::turn::turn       polls, and for each report:
//!  run::turn::dispatch     finds the slot, clones the `Running` out of it
//!  read.rs      Running::ready      the report brings bytes and nothing else, so
//!               Running::read         recv(2) into the shared read buffer
//!  deliver.rs   Running::deliver        the write buffer is this stream's (`WriteBuffer::enter`)
//!                 ── Deliver::deliver ──► ProtocolCell ──► Protocol::data_received
//!                      Transport::write                    (mod.rs)
//!  write.rs            Stream::write_bytes                 appended to the write buffer
//!                 ◄── returns
//!  write.rs     Stream::send_written     `Entered::finish`: one send(2); what does not fit is queued
//!  deliver.rs   Running::deliver         tasks that woke have run; a short read ends the loop
//! ```
//!
//! What does not fit, what another connection's protocol writes and what is large takes the queue
//! (`write.rs`), and leaves in the flush phase or when the system reports room (`flush.rs`).
//!
//! `lose_connection` (here) asks the state (`state.rs`) what follows, and has the queue flushed
//! (`flush.rs`); the drained stream is listed as closing, and the closing phase of a later turn ends
//! it (`close.rs`): the socket is closed or lingers (`linger.rs`), and `connection_lost` is called.
//! `admit.rs` is how all this begins.
//!
//! A protocol with a buffer of its own, or one that takes descriptors, is read for in `roles.rs`, which
//! `read` turns to by the same comparison that finds a stream paused. `descriptors.rs` sends descriptors, each
//! with the byte that was written behind it.
//!
//! A send that fails changes less than a read that fails: what the peer had sent is read and delivered
//! first (`flush.rs`, `broken`), and a protocol that has paused keeps it in the socket until it resumes.

pub(crate) mod admit;
pub(crate) mod close;
pub(crate) mod deliver;
mod descriptors;
pub(crate) mod flags;
pub(crate) mod flush;
pub(crate) mod linger;
pub(crate) mod options;
pub(crate) mod rare;
pub(crate) mod read;
mod relief;
mod roles;
pub(crate) mod state;
pub(crate) mod write;

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Deliver, HalfCloseableTransport, Producer,
    PushProducer, Query, Reason, SendFileDescriptorError, TcpTransport, Transport, UnixAddress,
    UnixTransport,
};
use protocol::transport::{Next, SendQueue, StreamState};

use self::flags::IoFlags;
use self::rare::{Peer, RareState};
use self::state::StateCell;
use crate::buffers::shared::StreamShared;
use crate::core::Core;
use crate::core::tenant::Slot;
use crate::sys::{StreamSys, Token};

/// A connection and the protocol that runs on it, as its slot holds them.
pub(crate) struct Running<S: StreamSys> {
    pub(crate) stream: Rc<Stream<S>>,
    pub(crate) protocol: Rc<dyn Deliver>,
}

impl<S: StreamSys> Clone for Running<S> {
    fn clone(&self) -> Self {
        Self { stream: Rc::clone(&self.stream), protocol: Rc::clone(&self.protocol) }
    }
}

/// A connection's socket and its state. What most connections do without is in [`RareState`], so
/// that an idle one stays small.
pub(crate) struct Stream<S: StreamSys> {
    shared: Rc<StreamShared<Core<S>>>,
    token: Token,
    /// Out while it is asked something, and for good when it is closed.
    socket: Cell<Option<S::Stream>>,
    state: StateCell,
    pub(crate) io: IoFlags,
    queue: SendQueue,
    rare: RareState,
    peer: Peer,
    /// This side's address, if it is known; shared with the port that it was accepted on.
    host: Cell<Option<Rc<Address>>>,
}

impl<S: StreamSys> Stream<S> {
    /// The stream that a token leads to.
    pub(crate) fn find(core: &Core<S>, token: Token) -> Option<Rc<Self>> {
        match core.slots.borrow().find(token) {
            Some(Slot::Stream(running)) => Some(Rc::clone(&running.stream)),
            Some(Slot::Other(_)) | None => None,
        }
    }

    /// Asks the socket, if it is still there.
    fn with_socket<R>(&self, ask: impl FnOnce(&S, &S::Stream) -> R) -> Option<R> {
        let core = self.shared.core()?;
        self.ask_socket(&core.sys, ask)
    }

    /// As [`with_socket`](Self::with_socket), for a caller that has the system at hand. No system call
    /// runs foreign code, so no caller finds the socket missing.
    #[inline]
    fn ask_socket<R>(&self, sys: &S, ask: impl FnOnce(&S, &S::Stream) -> R) -> Option<R> {
        let socket = self.socket.take()?;
        let answer = ask(sys, &socket);
        self.put_back(socket);
        Some(answer)
    }

    #[inline]
    fn put_back(&self, socket: S::Stream) {
        // Known empty; `forget` saves the drop check.
        mem::forget(self.socket.replace(Some(socket)));
    }

    /// This side's address. Asked before the socket goes, it is known for as long as the handle
    /// lives.
    fn known_host(&self) -> Rc<Address> {
        let host = self.host.take().unwrap_or_else(|| {
            let asked = self.with_socket(|sys, socket| sys.local_address(socket));
            Rc::new(asked.unwrap_or(Address::Unix(UnixAddress::Unnamed)))
        });
        self.host.set(Some(Rc::clone(&host)));
        host
    }

    /// How many bytes wait, in the queue or, while the protocol runs, in the write buffer.
    fn unsent(&self) -> usize {
        self.queue.len() + self.shared.write_buffer.unsent_of(self.token)
    }

    fn has_producer(&self) -> bool {
        self.rare.has_producer()
    }

    #[inline(always)]
    fn wants_to_read(&self) -> bool {
        !self.io.reading.is_paused() && self.state.get().receives()
    }

    /// Whether it wants to read, and its protocol has no role that changes how.
    #[inline(always)]
    fn reads_as_usual(&self) -> bool {
        self.io.reading.are_usual() && self.state.get().receives()
    }

    /// Whether what the peer sends is read and dropped: a peer that flushes, too, would otherwise
    /// wait for this side, and this side for the peer.
    fn discards(&self) -> bool {
        self.state.is_flushing() && !self.io.eof.received()
    }

    /// Whether bytes of the peer wait, in the socket or behind a descriptor at which the protocol paused.
    fn has_unread(&self, core: &Core<S>) -> bool {
        self.rare.has_held()
            || self.ask_socket(&core.sys, |sys, socket| sys.has_unread(socket)).unwrap_or(false)
    }

    /// Whether the peer, on a UNIX socket, is gone altogether.
    fn peer_is_gone(&self, core: &Core<S>) -> bool {
        self.ask_socket(&core.sys, |sys, socket| sys.peer_is_gone(socket)).unwrap_or(false)
    }

    /// Lists this stream as one that may have more to read.
    fn list_unread(&self, core: &Core<S>) {
        if !self.io.listed.replace(true) {
            core.list_still_ready(self.token);
        }
    }

    /// Has this stream flushed: when its running callback returns, or in this turn's flush phase.
    #[inline]
    fn make_dirty(&self) {
        if !self.io.dirty.replace(true) {
            self.shared.note_dirty(self.token);
        }
    }

    /// The reactor is dropped: closes the socket, with a reset if bytes are unsent.
    pub(crate) fn abandon(&self, sys: &S) {
        self.state.step(StreamState::lost);
        self.rare.drop_descriptors();
        drop(self.rare.take_held());
        if let Some(socket) = self.socket.take()
            && !self.queue.is_empty()
        {
            sys.reset_on_close(&socket);
        }
    }

    #[inline]
    fn limits(&self) -> BufferLimits {
        self.rare.limits().unwrap_or(self.shared.limits)
    }

    fn pause_producer(&self) {
        if let Some(producer) = self.rare.pause_producer() {
            producer.pause_producing();
        }
    }

    /// Does what a transition asks for.
    fn follow(&self, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Flush => {
                self.make_dirty();
                // What a paused stream left unread will not be reported again.
                if self.discards()
                    && self.io.readable.get()
                    && let Some(core) = self.shared.core()
                {
                    self.list_unread(&core);
                }
            }
            Next::Close => self.list_closing(self.broken_or(Reason::Done)),
        }
    }

    /// The error that broke the connection, or this reason if none did. Descriptors that no byte followed
    /// are one.
    fn broken_or(&self, reason: Reason) -> Reason {
        match (self.rare.broken(), self.rare.waiting_descriptors()) {
            (Some(error), _) => Reason::Lost(Failure::new(error)),
            (None, 0) => reason,
            (None, count) => Reason::Lost(Failure::new(SendFileDescriptorError::Overrun { count })),
        }
    }
}

impl<S: StreamSys> Transport for Stream<S> {
    fn write(&self, data: &[u8]) {
        self.write_bytes(data);
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.write_chunks(chunks);
    }

    fn lose_connection(&self) {
        self.queue_written();
        self.unregister_finished();
        let idle = self.queue.is_empty() && !self.has_producer();
        self.follow(self.state.step(|state| state.lose(idle)));
    }

    fn lose_connection_with_reset(&self) {
        self.queue_written();
        self.unregister_finished();
        let idle = self.queue.is_empty() && !self.has_producer();
        match self.state.step(|state| state.lose_with_reset(idle)) {
            Next::Close => self.list_reset(),
            next @ (Next::Flush | Next::Nothing) => self.follow(next),
        }
    }

    fn abort_connection(&self) {
        self.schedule_close(Reason::Aborted);
    }

    fn undelivered_bytes(&self) -> usize {
        let sent = self.with_socket(|sys, socket| sys.unacknowledged_bytes(socket));
        self.unsent() + sent.unwrap_or(0)
    }

    fn is_broken(&self) -> bool {
        self.rare.is_gone()
    }

    fn raw_descriptor(&self) -> Option<i32> {
        self.with_socket(|sys, socket| sys.stream_descriptor(socket)).flatten()
    }

    fn peer(&self) -> Address {
        self.peer.address()
    }

    fn host(&self) -> Address {
        Address::clone(&self.known_host())
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.shared.core();
        let protocol = core.and_then(|core| Running::prefix_of(&core, self.token));
        let (host, peer, number) = (self.host(), self.peer(), self.token.generation());
        match protocol {
            Some(protocol) => write!(f, "{protocol} #{number} on {host} with {peer}"),
            None => write!(f, "Transport #{number} on {host} with {peer}, closed"),
        }
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if !self.state.get().is_alive() {
            producer.stop_producing();
            return Ok(());
        }
        if self.has_producer() {
            return Err(AlreadyProducing);
        }
        self.queue_written();
        self.rare.register_producer(producer.clone());
        match producer {
            Producer::Pull(producer) => {
                producer.resume_producing();
                // It is asked again when what was written before has left, which may be now.
                self.make_dirty();
            }
            Producer::Push(_) if self.unsent() > self.limits().high_water => {
                self.pause_producer();
            }
            Producer::Push(_) => {}
        }
        Ok(())
    }

    fn unregister_producer(&self) {
        let producer = self.rare.take_producer();
        if producer.is_some() && self.state.get().is_alive() && !self.state.is_open() {
            self.make_dirty();
        }
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.rare.set_limits(limits);
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.limits()
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        Some(self)
    }

    fn as_tcp(&self) -> Option<&dyn TcpTransport> {
        self.peer.is_tcp().then_some(self)
    }

    fn as_unix(&self) -> Option<&dyn UnixTransport> {
        self.peer.is_unix().then_some(self)
    }

    fn answer(&self, query: &mut Query<'_>) {
        self.answer_query(query);
    }
}

impl<S: StreamSys> PushProducer for Stream<S> {
    fn pause_producing(&self) {
        self.io.reading.set_paused(true);
    }

    fn resume_producing(&self) {
        if !self.io.reading.set_paused(false) || !self.state.get().receives() {
            return;
        }
        let Some(core) = self.shared.core() else { return };
        if self.io.readable.get() {
            self.list_unread(&core);
        }
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }

    fn has_finished(&self) -> bool {
        !self.state.get().receives()
    }
}

impl<S: StreamSys> HalfCloseableTransport for Stream<S> {
    fn lose_write_connection(&self) {
        self.queue_written();
        self.unregister_finished();
        self.follow(self.state.step(StreamState::lose_write));
    }
}
