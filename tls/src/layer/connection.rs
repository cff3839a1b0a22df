//! [`Connection`]: what a TLS layer and the handle that its protocol keeps have in common, and the
//! way of the bytes down.
//!
//! What is written during a delivery is gathered and becomes records when the delivery returns, and
//! earlier only where a whole record is full. What is written at other times (from a timer, from
//! another connection) becomes records at once: most such writes are the only one of their turn, as
//! in a relay, and the transport below still gathers them into one system call.
//!
//! Invariant: it does not own the protocol, and no cell is borrowed while the transport below, a
//! producer or the protocol is called.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use interfaces::{BufferLimits, DelayedCall, Reason, Transport};

use super::TlsLayer;
use super::producing::{Brake, Producing};
use super::state::{Phase, Sending};
use crate::buffers::Buffers;
use crate::options::{Shared, Side};
use crate::session::{Outgoing, RECORD_PLAINTEXT_MAX, Received, Session};

/// How much plaintext is encrypted before the records are handed down.
const PLAINTEXT_AT_ONCE: usize = 4 * RECORD_PLAINTEXT_MAX;

/// One TLS connection, seen from both sides.
pub(crate) struct Connection {
    pub(super) me: Weak<Connection>,
    pub(super) layer: Weak<TlsLayer>,
    pub(super) shared: Rc<Shared>,
    pub(super) below: OnceCell<Rc<dyn Transport>>,
    pub(super) session: RefCell<Option<Session>>,
    pub(super) phase: Cell<Phase>,
    pub(super) sending: Cell<Sending>,
    /// What `connection_lost` will say, once that is decided.
    pub(super) verdict: RefCell<Option<Reason>>,
    /// The deadline of the handshake, or of the close.
    pub(super) deadline: RefCell<Option<DelayedCall>>,
    pub(super) inbox: Inbox,
    limits: Cell<BufferLimits>,
    producing: Producing,
    /// Plaintext that is not encrypted yet.
    pending: RefCell<Vec<u8>>,
    /// How many deliveries are running.
    deliveries: Cell<u32>,
    flushing: Cell<bool>,
}

/// What waits to be delivered.
#[derive(Default)]
pub(super) struct Inbox {
    /// Plaintext that arrived while the protocol was paused, or before the handshake was done.
    pub(super) held: RefCell<Vec<u8>>,
    /// The protocol does not want data now.
    pub(super) paused: Cell<bool>,
    /// The transport below knows that. Not before the handshake is done, which has to read.
    pub(super) paused_below: Cell<bool>,
    /// The peer's `close_notify` has arrived.
    pub(super) peer_closed: Cell<bool>,
    /// The peer's `close_notify` is not delivered yet.
    pub(super) end_due: Cell<bool>,
    /// The end of our sending is not delivered yet, and nobody below will tell.
    pub(super) write_end_due: Cell<bool>,
    /// A delayed call will look here.
    pub(super) scheduled: Cell<bool>,
}

impl Connection {
    pub(super) fn new(me: Weak<Self>, layer: Weak<TlsLayer>, shared: Rc<Shared>) -> Self {
        Self {
            me,
            layer,
            shared,
            below: OnceCell::new(),
            session: RefCell::default(),
            phase: Cell::new(Phase::New),
            sending: Cell::new(Sending::Open),
            verdict: RefCell::default(),
            deadline: RefCell::default(),
            inbox: Inbox::default(),
            limits: Cell::default(),
            producing: Producing::default(),
            pending: RefCell::default(),
            deliveries: Cell::new(0),
            flushing: Cell::new(false),
        }
    }

    pub(super) fn producing(&self) -> &Producing {
        &self.producing
    }

    pub(super) fn buffers(&self) -> &Buffers {
        &self.shared.buffers
    }

    /// Begins to gather writes, until the guard is dropped and [`settle`](Self::settle) is called.
    pub(super) fn gather(&self) -> Gathering<'_> {
        self.deliveries.set(self.deliveries.get() + 1);
        Gathering { connection: self }
    }

    /// Makes the session.
    pub(super) fn begin(&self) -> Result<(), rustls::Error> {
        let session = match &self.shared.side {
            Side::Server(config) => Session::server(config.clone())?,
            Side::Client(config, name) => Session::client(config.clone(), name.clone())?,
        };
        self.session.replace(Some(session));
        self.phase.set(Phase::Handshaking);
        Ok(())
    }

    /// Has the session take bytes from below, and sends its answers. The plaintext comes with what
    /// else came of it, in a buffer of the pool.
    pub(super) fn receive(&self, data: &mut [u8]) -> (Vec<u8>, Received) {
        let mut plaintext = self.buffers().take();
        let mut records = self.buffers().take_outgoing();
        let received = match &mut *self.session.borrow_mut() {
            Some(session) => session.receive(data, &mut plaintext, &mut records),
            None => Received::default(),
        };
        self.hand_down(records);
        (plaintext, received)
    }

    pub(super) fn is_handshaking(&self) -> bool {
        match &*self.session.borrow() {
            Some(session) => session.is_handshaking(),
            None => true,
        }
    }

    /// Whether bytes written now would be sent.
    pub(super) fn accepts_writes(&self) -> bool {
        let open = match self.sending.get() {
            Sending::Open => true,
            Sending::Ending(_) => self.producing.is_registered(),
            Sending::Ended(_) => false,
        };
        open && matches!(self.phase.get(), Phase::New | Phase::Handshaking | Phase::Established)
    }

    pub(super) fn limits(&self) -> BufferLimits {
        self.limits.get()
    }

    pub(super) fn set_limits(&self, limits: BufferLimits) {
        self.limits.set(limits);
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    /// Whether what is written now waits for the end of a delivery.
    pub(super) fn is_gathering(&self) -> bool {
        self.deliveries.get() > 0
    }

    /// Whether bytes are on their way down, so that nothing may overtake them.
    pub(super) fn is_flushing(&self) -> bool {
        self.flushing.get()
    }

    /// Takes plaintext to be sent now, after the delivery, or after the handshake.
    pub(super) fn take_plaintext(&self, data: &[u8]) {
        match self.phase.get() {
            Phase::New | Phase::Handshaking => {
                self.append(data);
                self.watch_held();
            }
            Phase::Established if self.flushing.get() => self.append(data),
            Phase::Established if self.is_gathering() => self.take_gathered(data),
            Phase::Established => {
                self.guarded(|| self.encrypt(data));
                self.settle();
            }
            Phase::Closing | Phase::Lost => {}
        }
    }

    /// Gathers, but lets whole records go.
    fn take_gathered(&self, data: &[u8]) {
        let waiting = self.pending.borrow().len();
        if waiting + data.len() < RECORD_PLAINTEXT_MAX {
            return self.append(data);
        }
        // What waits is less than a record, so `head` makes it one exactly; or it was held during the
        // handshake, and is sent as it is.
        let (head, rest) = data.split_at(RECORD_PLAINTEXT_MAX.saturating_sub(waiting));
        let (whole, tail) = rest.split_at(rest.len() - rest.len() % RECORD_PLAINTEXT_MAX);
        self.append(head);
        self.guarded(|| {
            self.encrypt_pending();
            self.encrypt(whole);
        });
        self.append(tail);
    }

    fn append(&self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let mut pending = self.pending.borrow_mut();
        if pending.capacity() == 0 {
            *pending = self.buffers().take();
        }
        pending.extend_from_slice(data);
    }

    /// Before the handshake is done, what is written counts against the limits here.
    fn watch_held(&self) {
        let held = self.pending.borrow().len();
        let BufferLimits { high_water, cap } = self.limits.get();
        if held > cap {
            self.abort_with(Reason::WriteBufferExceeded { cap });
        } else if held > high_water {
            self.producing.set(Brake::Handshake, true);
        }
    }

    /// Encrypts what is pending, and what producers write because of that.
    pub(super) fn flush(&self) {
        if self.phase.get() == Phase::Established && !self.flushing.get() && self.has_pending() {
            self.guarded(|| {});
        }
    }

    /// Runs `first` so that what producers write meanwhile comes after it, then encrypts that.
    fn guarded(&self, first: impl FnOnce()) {
        let flushing = Flushing::begin(&self.flushing);
        first();
        while self.phase.get() == Phase::Established && self.has_pending() {
            self.encrypt_pending();
        }
        drop(flushing);
    }

    fn encrypt_pending(&self) {
        let plaintext = self.pending.take();
        self.encrypt(&plaintext);
        self.buffers().give(plaintext);
    }

    fn encrypt(&self, plaintext: &[u8]) {
        for piece in plaintext.chunks(PLAINTEXT_AT_ONCE) {
            let mut records = self.buffers().take_outgoing();
            let sent = match &mut *self.session.borrow_mut() {
                Some(session) => session.send(piece, &mut records),
                None => Ok(()),
            };
            self.hand_down(records);
            if let Err(failure) = sent {
                return self.fail(Reason::Tls(failure));
            }
        }
    }

    /// Gives records to the transport below, and their buffer back.
    pub(super) fn hand_down(&self, records: Outgoing) {
        if let (Some(below), false) = (self.below.get(), records.is_empty()) {
            below.write(&records);
        }
        self.buffers().give_outgoing(records);
    }

    /// Frees what a connection that ended does not need.
    pub(super) fn release(&self) {
        let session = self.session.take();
        drop(session);
        self.pending.take();
        self.inbox.held.take();
    }
}

/// While it lives, writes are gathered; also an unwinding ends it.
pub(super) struct Gathering<'a> {
    connection: &'a Connection,
}

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        self.connection.deliveries.set(self.connection.deliveries.get() - 1);
    }
}

/// While it lives, writes come after what is being encrypted.
struct Flushing<'a> {
    flag: &'a Cell<bool>,
}

impl<'a> Flushing<'a> {
    fn begin(flag: &'a Cell<bool>) -> Self {
        flag.set(true);
        Self { flag }
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.flag.set(false);
    }
}
