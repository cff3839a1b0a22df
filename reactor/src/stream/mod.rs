//! One connection: the transport that protocols hold, and what the reactor's slot holds with it.
//!
//! The handle ([`Stream`]) owns the socket's state and points up weakly; the protocol is owned by the
//! slot alone ([`Running`]), so that a protocol which keeps its transport is still freed.
//! Invariant: no method here runs protocol code; producers are called with nothing borrowed.

pub(crate) mod close;
pub(crate) mod deliver;
pub(crate) mod flags;
pub(crate) mod flush;
pub(crate) mod linger;
pub(crate) mod options;
pub(crate) mod rare;
pub(crate) mod read;
pub(crate) mod state;
pub(crate) mod write;

use std::cell::Cell;
use std::mem;
use std::rc::Rc;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Deliver, HalfCloseableTransport, Producer,
    PushProducer, Reason, TcpTransport, Transport, UnixTransport,
};

use crate::buffers::send_queue::Outgoing;
use crate::buffers::shared::Desk;
use crate::core::Core;
use crate::stream::flags::{Origin, Readiness};
use crate::stream::rare::{Extras, Peer};
use crate::stream::state::{Next, State};
use crate::sys::{Sys, Token};

/// A connection and the protocol that runs on it, as its slot holds them.
pub(crate) struct Running<S: Sys> {
    pub(crate) stream: Rc<Stream<S>>,
    pub(crate) deliver: Rc<dyn Deliver>,
}

impl<S: Sys> Clone for Running<S> {
    fn clone(&self) -> Self {
        Self { stream: Rc::clone(&self.stream), deliver: Rc::clone(&self.deliver) }
    }
}

/// A connection's socket and its state. What most connections do without is in [`Extras`], so that
/// an idle one stays small.
pub(crate) struct Stream<S: Sys> {
    pub(crate) desk: Rc<Desk<S>>,
    pub(crate) token: Token,
    /// Out while it is asked something, and for good when it is closed.
    pub(crate) socket: Cell<Option<S::Stream>>,
    pub(crate) state: Cell<State>,
    pub(crate) io: Readiness,
    pub(crate) outgoing: Outgoing,
    pub(crate) extras: Extras,
    peer: Peer,
    /// This side's address, if it is known; shared with the port that it was accepted on.
    host: Cell<Option<Rc<Address>>>,
}

impl<S: Sys> Stream<S> {
    pub(crate) fn new(
        core: &Core<S>,
        token: Token,
        socket: S::Stream,
        peer: Address,
        host: Option<Rc<Address>>,
        origin: Origin,
    ) -> Rc<Self> {
        Rc::new(Self {
            desk: Rc::clone(&core.desk),
            token,
            socket: Cell::new(Some(socket)),
            state: Cell::new(State::OPEN),
            io: Readiness::new(origin),
            outgoing: Outgoing::default(),
            extras: Extras::default(),
            peer: Peer::new(peer),
            host: Cell::new(host),
        })
    }

    /// Asks the socket, if it is still there.
    pub(crate) fn with_socket<R>(&self, ask: impl FnOnce(&S, &S::Stream) -> R) -> Option<R> {
        let core = self.desk.core()?;
        self.ask_socket(&core.sys, ask)
    }

    /// As [`with_socket`](Self::with_socket), for who has the system at hand. No system call runs
    /// foreign code, so nobody finds the socket missing.
    #[inline]
    pub(crate) fn ask_socket<R>(
        &self,
        sys: &S,
        ask: impl FnOnce(&S, &S::Stream) -> R,
    ) -> Option<R> {
        let socket = self.socket.take()?;
        let answer = ask(sys, &socket);
        self.put_back(socket);
        Some(answer)
    }

    #[inline]
    pub(crate) fn put_back(&self, socket: S::Stream) {
        // Its place is empty since it was taken from there, so there is nothing to drop.
        mem::forget(self.socket.replace(Some(socket)));
    }

    /// Learns this side's address for later, when the socket is about to go and somebody else than
    /// its slot holds the handle.
    pub(crate) fn remember_host(&self) {
        self.known_host();
    }

    fn known_host(&self) -> Rc<Address> {
        let host = self.host.take().unwrap_or_else(|| {
            let asked = self.with_socket(|sys, socket| sys.local_address(socket));
            Rc::new(asked.unwrap_or(Address::Unix(interfaces::UnixAddress::Unnamed)))
        });
        self.host.set(Some(Rc::clone(&host)));
        host
    }

    /// How many bytes wait, in the queue or, while the protocol runs, in the outbox.
    pub(crate) fn unsent(&self) -> usize {
        self.outgoing.unsent() + self.desk.outbox.unsent_of(self.token)
    }

    pub(crate) fn has_producer(&self) -> bool {
        self.extras.has_producer()
    }

    pub(crate) fn wants_to_read(&self) -> bool {
        !self.io.paused.get() && self.state.get().receives()
    }

    /// Whether what the peer sends is read and dropped: a peer that flushes, too, would otherwise
    /// wait for this side, and this side for the peer.
    pub(crate) fn discards(&self) -> bool {
        matches!(self.state.get(), State::Flushing(_)) && !self.io.ends.peers_came()
    }

    /// Decides the end of the connection; the first decision counts. The closing phase of a later
    /// turn carries it out.
    pub(crate) fn doom(self: &Rc<Self>, core: &Core<S>, reason: Reason) {
        if self.state.get().is_alive() {
            self.queue_written();
            self.state.set(State::Doomed);
            core.agenda.closings.borrow_mut().push((Rc::clone(self), reason));
        }
    }

    pub(crate) fn doom_from_call(&self, reason: Reason) {
        let Some(core) = self.desk.core() else { return };
        let this = match core.slots.borrow().find(self.token) {
            Some(crate::core::Slot::Stream(running)) => Rc::clone(&running.stream),
            Some(_) | None => return,
        };
        this.doom(&core, reason);
    }

    /// Has this stream flushed: when its running callback returns, or in this turn's flush phase.
    #[inline]
    pub(crate) fn make_dirty(&self) {
        if !self.io.dirty.replace(true) {
            self.desk.note_dirty(self.token);
        }
    }

    /// The reactor is gone: so are the socket and whatever was to be sent.
    pub(crate) fn leave(&self) {
        self.state.set(State::Lost);
        drop(self.socket.take());
    }

    #[inline]
    pub(crate) fn limits(&self) -> BufferLimits {
        self.extras.limits().unwrap_or(self.desk.limits)
    }

    pub(crate) fn pause_producer(&self) {
        if let Some(Producer::Push(producer)) = self.extras.producer()
            && !self.io.producer_paused.replace(true)
        {
            producer.pause_producing();
        }
    }

    fn take(&self, next: (State, Next)) {
        let Some(core) = self.desk.core() else { return };
        match next {
            (_, Next::Nothing) => {}
            (state, Next::Flush) => {
                self.queue_written();
                self.state.set(state);
                self.make_dirty();
                // What a paused stream left unread will not be reported again.
                if self.discards() && self.io.readable.get() {
                    core.note_unread(self);
                }
            }
            (_, Next::Doom) => {
                drop(core);
                self.doom_from_call(Reason::Done);
            }
        }
    }
}

impl<S: Sys> Transport for Stream<S> {
    fn write(&self, data: &[u8]) {
        self.write_bytes(data);
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.write_chunks(chunks);
    }

    fn lose_connection(&self) {
        let idle = self.unsent() == 0 && !self.has_producer();
        self.take(self.state.get().lose_connection(idle));
    }

    fn abort_connection(&self) {
        self.doom_from_call(Reason::Aborted);
    }

    fn peer(&self) -> Address {
        self.peer.address()
    }

    fn host(&self) -> Address {
        Address::clone(&self.known_host())
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if !self.state.get().is_alive() {
            producer.stop_producing();
            return Ok(());
        }
        if self.has_producer() {
            return Err(AlreadyProducing);
        }
        self.io.producer_paused.set(false);
        self.queue_written();
        self.extras.set_producer(producer.clone());
        match producer {
            Producer::Pull(producer) => producer.resume_producing(),
            Producer::Push(_) if self.unsent() > self.limits().high_water => {
                self.pause_producer();
            }
            Producer::Push(_) => {}
        }
        Ok(())
    }

    fn unregister_producer(&self) {
        let producer = self.extras.take_producer();
        if producer.is_some() && self.state.get().is_alive() && self.state.get() != State::OPEN {
            self.make_dirty();
        }
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.extras.set_limits(limits);
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
}

impl<S: Sys> PushProducer for Stream<S> {
    fn pause_producing(&self) {
        self.io.paused.set(true);
    }

    fn resume_producing(&self) {
        if !self.io.paused.replace(false) || !self.state.get().receives() {
            return;
        }
        let Some(core) = self.desk.core() else { return };
        if self.io.readable.get() {
            core.note_unread(self);
        }
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }
}

impl<S: Sys> HalfCloseableTransport for Stream<S> {
    fn lose_write_connection(&self) {
        self.take(self.state.get().lose_write_connection());
    }
}
