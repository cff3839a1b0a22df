//! [`Connection`]: what a TLS layer and the handle that its protocol keeps have in common.
//!
//! Invariant: it does not own the protocol, and no cell is borrowed while the transport below, a
//! producer or the protocol is called.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use interfaces::{BufferLimits, DelayedCall, Reason, Transport};

use super::TlsLayer;
use super::input::Inbox;
use super::output::Outbox;
use super::producer_slot::Producing;
use super::state::{Phase, Sending};
use crate::buffers::Buffers;
use crate::options::{Shared, Side};
use crate::session::{Received, Session};

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
    pub(super) outbox: Outbox,
    limits: Cell<BufferLimits>,
    producing: Producing,
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
            outbox: Outbox::default(),
            limits: Cell::default(),
            producing: Producing::default(),
        }
    }

    pub(super) fn producing(&self) -> &Producing {
        &self.producing
    }

    pub(super) fn buffers(&self) -> &Buffers {
        &self.shared.buffers
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

    /// Frees what a connection that ended does not need.
    pub(super) fn release(&self) {
        let session = self.session.take();
        drop(session);
        self.forget_unsent();
        self.inbox.held.take();
    }
}
