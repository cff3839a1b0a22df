//! One connection: the transport that protocols hold, and what the reactor's slot holds with it.
//!
//! The handle ([`Stream`]) owns the socket's state and points up weakly; the protocol is owned by the
//! slot alone ([`Running`]), so that a protocol which keeps its transport is still freed.
//! Invariant: no method here runs protocol code; producers are called with nothing borrowed.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Deliver, HalfCloseableTransport, OsError,
    Producer, PushProducer, Reason, TcpTransport, Transport, UnixTransport,
};

use crate::close_machine::{Next, State};
use crate::core::Core;
use crate::outgoing::Outgoing;
use crate::sys::{Sys, Token};

/// Writes of at least this many bytes go straight from the caller's slice when nothing is queued.
const DIRECT_WRITE_BYTES_MIN: usize = 8 * 1024;

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

/// A connection's socket and its state.
pub(crate) struct Stream<S: Sys> {
    core: Weak<Core<S>>,
    pub(crate) token: Token,
    pub(crate) socket: RefCell<Option<S::Stream>>,
    pub(crate) state: Cell<State>,
    pub(crate) io: Readiness,
    pub(crate) outgoing: RefCell<Outgoing>,
    pub(crate) producing: Producing,
    limits: Cell<BufferLimits>,
    ends: Ends,
}

/// What is known about the socket without asking it.
pub(crate) struct Readiness {
    /// Something may be there to be read.
    pub(crate) readable: Cell<bool>,
    /// The peer's end was reported: a short read does not mean that nothing is left.
    pub(crate) read_closed: Cell<bool>,
    /// The last write did not fit: nothing is tried before the system says that there is room.
    pub(crate) blocked: Cell<bool>,
    /// The peer's end of file was read.
    pub(crate) ended: Cell<bool>,
    /// The protocol paused its reading.
    pub(crate) paused: Cell<bool>,
    /// Written to, and not flushed since.
    pub(crate) dirty: Cell<bool>,
    /// On the list of those that are still ready.
    pub(crate) listed: Cell<bool>,
    /// Whether another process may hold the socket open too.
    pub(crate) origin: Origin,
    /// What writing, or `SO_ERROR`, said; told when what can still be read is read.
    pub(crate) broken: Cell<Option<OsError>>,
}

/// Who makes the bytes.
pub(crate) struct Producing {
    pub(crate) producer: RefCell<Option<Producer>>,
    /// A push producer that was paused, and is to be resumed when all is sent.
    pub(crate) paused: Cell<bool>,
}

struct Ends {
    peer: Address,
    host: OnceCell<Address>,
}

/// Whether a socket was made here or handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Made,
    Adopted,
}

impl<S: Sys> Stream<S> {
    pub(crate) fn new(
        core: &Core<S>,
        token: Token,
        socket: S::Stream,
        peer: Address,
        host: Option<Address>,
        origin: Origin,
    ) -> Rc<Self> {
        let known_host = OnceCell::new();
        if let Some(host) = host {
            known_host.get_or_init(|| host);
        }
        Rc::new(Self {
            core: core.me.clone(),
            token,
            socket: RefCell::new(Some(socket)),
            state: Cell::new(State::OPEN),
            io: Readiness {
                readable: Cell::new(false),
                read_closed: Cell::new(false),
                blocked: Cell::new(false),
                ended: Cell::new(false),
                paused: Cell::new(false),
                dirty: Cell::new(false),
                listed: Cell::new(false),
                origin,
                broken: Cell::new(None),
            },
            outgoing: RefCell::default(),
            producing: Producing { producer: RefCell::default(), paused: Cell::new(false) },
            limits: Cell::new(core.limits.buffer),
            ends: Ends { peer, host: known_host },
        })
    }

    /// Asks the socket, if it is still there.
    pub(crate) fn with_socket<R>(&self, ask: impl FnOnce(&S, &S::Stream) -> R) -> Option<R> {
        let core = self.core.upgrade()?;
        let socket = self.socket.borrow();
        socket.as_ref().map(|socket| ask(&core.sys, socket))
    }

    pub(crate) fn peer_address(&self) -> &Address {
        &self.ends.peer
    }

    /// Learns this side's address for later, when the socket is about to go.
    pub(crate) fn remember_host(&self) {
        if self.ends.host.get().is_none() {
            self.host();
        }
    }

    pub(crate) fn unsent(&self) -> usize {
        self.outgoing.borrow().unsent()
    }

    pub(crate) fn has_producer(&self) -> bool {
        self.producing.producer.borrow().is_some()
    }

    pub(crate) fn wants_to_read(&self) -> bool {
        !self.io.paused.get() && self.state.get().receives()
    }

    /// Whether what the peer sends is read and dropped: a peer that flushes, too, would otherwise
    /// wait for this side, and this side for the peer.
    pub(crate) fn discards(&self) -> bool {
        matches!(self.state.get(), State::Flushing(_)) && !self.io.ended.get()
    }

    /// Decides the end of the connection; the first decision counts. The closing phase of a later
    /// turn carries it out.
    pub(crate) fn doom(self: &Rc<Self>, core: &Core<S>, reason: Reason) {
        if self.state.get().is_alive() {
            self.state.set(State::Doomed);
            core.agenda.closings.borrow_mut().push((Rc::clone(self), reason));
        }
    }

    fn doom_from_call(&self, reason: Reason) {
        let Some(core) = self.core.upgrade() else { return };
        let this = match core.slots.borrow().find(self.token) {
            Some(crate::core::Slot::Stream(running)) => Rc::clone(&running.stream),
            Some(_) | None => return,
        };
        this.doom(&core, reason);
    }

    /// Has this stream flushed: when its running callback returns, or in this turn's flush phase.
    pub(crate) fn make_dirty(&self, core: &Core<S>) {
        if !self.io.dirty.replace(true) && core.agenda.current.get() != Some(self.token) {
            core.agenda.dirty.borrow_mut().push(self.token);
        }
    }

    fn accepts_writes(&self) -> bool {
        let state = self.state.get();
        state == State::OPEN || state.accepts_writes(self.has_producer())
    }

    fn gather(&self, core: &Core<S>, data: &[u8]) {
        self.outgoing.borrow_mut().gather(data, &mut core.buffers.pool.borrow_mut());
    }

    fn push_all(&self, core: &Core<S>, chunks: Vec<Chunk>) {
        let mut outgoing = self.outgoing.borrow_mut();
        let pool = &mut core.buffers.pool.borrow_mut();
        for chunk in chunks {
            outgoing.push(chunk, pool);
        }
    }

    /// What every write does after it queued.
    fn queued(&self, core: &Core<S>) {
        self.make_dirty(core);
        let unsent = self.unsent();
        let limits = self.limits.get();
        if unsent <= limits.high_water && unsent <= limits.cap {
            return;
        }
        if unsent > limits.cap {
            self.doom_from_call(Reason::WriteBufferExceeded { cap: limits.cap });
            return;
        }
        self.pause_producer();
    }

    fn pause_producer(&self) {
        let producer = self.producing.producer.borrow().clone();
        if let Some(Producer::Push(producer)) = producer
            && !self.producing.paused.replace(true)
        {
            producer.pause_producing();
        }
    }

    /// Sends what fits of a large write without copying it; answers how much that was.
    fn write_directly(&self, core: &Core<S>, data: &[u8]) -> usize {
        if data.len() < DIRECT_WRITE_BYTES_MIN || self.io.blocked.get() || self.unsent() > 0 {
            return 0;
        }
        let socket = self.socket.borrow();
        let Some(socket) = socket.as_ref() else { return 0 };
        match core.sys.write(socket, data) {
            Ok(sent) => {
                self.io.blocked.set(sent < data.len());
                sent
            }
            // The flush that follows meets any other error again, and deals with it.
            Err(error) => {
                self.io.blocked.set(error.kind() == std::io::ErrorKind::WouldBlock);
                0
            }
        }
    }

    fn take(&self, next: (State, Next)) {
        let Some(core) = self.core.upgrade() else { return };
        match next {
            (_, Next::Nothing) => {}
            (state, Next::Flush) => {
                self.state.set(state);
                self.make_dirty(&core);
                // What a paused stream left unread will not be reported again.
                if self.discards() && self.io.readable.get() && !self.io.listed.replace(true) {
                    core.note_still_ready(self.token);
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
        if !self.accepts_writes() {
            return;
        }
        let Some(core) = self.core.upgrade() else { return };
        let sent = self.write_directly(&core, data);
        if sent < data.len() {
            self.gather(&core, &data[sent..]);
            self.queued(&core);
        } else if sent > 0 && self.has_producer() {
            // All has left already, so a pull producer is to be asked for more.
            self.make_dirty(&core);
        }
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        if !self.accepts_writes() {
            return;
        }
        let Some(core) = self.core.upgrade() else { return };
        self.push_all(&core, chunks);
        self.queued(&core);
    }

    fn lose_connection(&self) {
        let idle = self.unsent() == 0 && !self.has_producer();
        self.take(self.state.get().lose_connection(idle));
    }

    fn abort_connection(&self) {
        self.doom_from_call(Reason::Aborted);
    }

    fn peer(&self) -> Address {
        self.ends.peer.clone()
    }

    fn host(&self) -> Address {
        let ask = || self.with_socket(|sys, socket| sys.local_address(socket));
        match self.ends.host.get() {
            Some(host) => host.clone(),
            None => {
                let host = ask().unwrap_or(Address::Unix(interfaces::UnixAddress::Unnamed));
                self.ends.host.get_or_init(|| host).clone()
            }
        }
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if !self.state.get().is_alive() || self.core.strong_count() == 0 {
            producer.stop_producing();
            return Ok(());
        }
        if self.has_producer() {
            return Err(AlreadyProducing);
        }
        self.producing.paused.set(false);
        self.producing.producer.replace(Some(producer.clone()));
        match producer {
            Producer::Pull(producer) => producer.resume_producing(),
            Producer::Push(_) if self.unsent() > self.limits.get().high_water => {
                self.pause_producer();
            }
            Producer::Push(_) => {}
        }
        Ok(())
    }

    fn unregister_producer(&self) {
        let producer = self.producing.producer.take();
        let Some(core) = self.core.upgrade() else { return };
        if producer.is_some() && self.state.get().is_alive() && self.state.get() != State::OPEN {
            self.make_dirty(&core);
        }
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.limits.set(limits);
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        Some(self)
    }

    fn as_tcp(&self) -> Option<&dyn TcpTransport> {
        matches!(self.ends.peer, Address::Ipv4(_) | Address::Ipv6(_)).then_some(self)
    }

    fn as_unix(&self) -> Option<&dyn UnixTransport> {
        matches!(self.ends.peer, Address::Unix(_)).then_some(self)
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
        let Some(core) = self.core.upgrade() else { return };
        if self.io.readable.get() && !self.io.listed.replace(true) {
            core.note_still_ready(self.token);
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
