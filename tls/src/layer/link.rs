//! [`Link`]: the session, and the transport below that carries its records.
//!
//! Invariant: the session is not borrowed while the transport below is called.

use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use deferred::Failure;
use interfaces::{PeerIdentity, ReactorTime, Transport};

use crate::buffers::Buffers;
use crate::handshakes::{Handshaking, RunningHandshake};
use crate::options::{BareEnd, FactoryContext, Role};
use crate::session::{Outgoing, Received, Session};
use crate::verification::peer_identity;

/// The session of one connection between two buffers of the pool and the transport below.
pub(super) struct Link {
    context: Rc<FactoryContext>,
    below: OnceCell<Rc<dyn Transport>>,
    session: RefCell<Option<Session>>,
}

impl Link {
    pub(super) fn new(context: Rc<FactoryContext>) -> Self {
        Self { context, below: OnceCell::new(), session: RefCell::default() }
    }

    #[inline]
    pub(super) fn buffers(&self) -> &Buffers {
        &self.context.buffers
    }

    pub(super) fn time(&self) -> &dyn ReactorTime {
        &*self.context.time
    }

    pub(super) fn handshake_timeout(&self) -> Duration {
        self.context.options.handshake_timeout
    }

    /// The identity in the certificate that the peer showed.
    pub(super) fn peer_identity(&self) -> Option<PeerIdentity> {
        let provider = match &self.context.role {
            Role::Server(config) => config.crypto_provider(),
            Role::Client(config, _) => config.crypto_provider(),
        };
        self.look(|session| {
            let certificate = session.common().peer_certificates()?.first()?;
            peer_identity(certificate, provider)
        })?
    }

    /// Whether an end of the stream below counts as the peer's `close_notify` now.
    pub(super) fn takes_bare_end(&self) -> bool {
        match self.context.options.bare_end {
            BareEnd::Truncated => false,
            BareEnd::Lenient => self.look(Session::is_between_records).unwrap_or(false),
        }
    }

    pub(super) fn close_timeout(&self) -> Duration {
        self.context.options.close_timeout
    }

    /// Counts a handshake that begins among those of the factory, until the result is dropped.
    pub(super) fn begin_handshake(&self, connection: Weak<dyn Handshaking>) -> RunningHandshake {
        let limit = self.context.options.handshakes_max;
        self.context.handshakes.begin(connection, limit)
    }

    /// Sets the transport below; `false` if there is one already.
    pub(super) fn set_below(&self, below: &Rc<dyn Transport>) -> bool {
        self.below.set(below.clone()).is_ok()
    }

    #[inline]
    pub(super) fn below(&self) -> Option<&Rc<dyn Transport>> {
        self.below.get()
    }

    /// Makes the session, unless it is made.
    pub(super) fn begin(&self) -> Result<(), rustls::Error> {
        if self.session.borrow().is_some() {
            return Ok(());
        }
        let session = match &self.context.role {
            Role::Server(config) => Session::server(config.clone())?,
            Role::Client(config, name) => Session::client(config.clone(), name.clone())?,
        };
        self.session.replace(Some(session));
        Ok(())
    }

    /// Has the session take bytes from below. Returns their plaintext and the records to answer
    /// with, both in buffers of the pool.
    #[inline]
    pub(super) fn receive(&self, data: &mut [u8]) -> (Vec<u8>, Box<Outgoing>, Received) {
        let mut plaintext = self.buffers().take();
        let mut records = self.buffers().take_outgoing();
        // Borrowed: rustls runs, and of foreign code only the verifier, the resolver and the key log of its
        // configuration, which have no way to this connection; `look` finds a session that runs.
        let received = match &mut *self.session.borrow_mut() {
            Some(session) => session.receive(data, &mut plaintext, &mut records),
            None => Received::default(),
        };
        (plaintext, records, received)
    }

    /// Adds `plaintext` to `records`, encrypted.
    #[inline]
    pub(super) fn encrypt(&self, plaintext: &[u8], records: &mut Outgoing) -> Result<(), Failure> {
        // Borrowed: rustls encrypts, and runs no foreign code.
        match &mut *self.session.borrow_mut() {
            Some(session) => session.send(plaintext, records),
            None => Ok(()),
        }
    }

    /// `close_notify`, in a buffer of the pool.
    pub(super) fn close_notify(&self) -> Box<Outgoing> {
        let mut records = self.buffers().take_outgoing();
        // Borrowed: rustls encrypts an alert, and runs no foreign code.
        if let Some(session) = &mut *self.session.borrow_mut() {
            session.close(&mut records);
        }
        records
    }

    pub(super) fn is_handshaking(&self) -> bool {
        // Borrowed: rustls reads a flag, and runs no foreign code.
        match &*self.session.borrow() {
            Some(session) => session.is_handshaking(),
            None => true,
        }
    }

    /// What `look` finds in the session; `None` while the session runs or when it is gone.
    pub(super) fn look<R>(&self, look: impl FnOnce(&Session) -> R) -> Option<R> {
        let session = self.session.try_borrow().ok()?;
        session.as_ref().map(look)
    }

    /// Writes records to the transport below, and gives their buffer back.
    #[inline]
    pub(super) fn write(&self, records: Box<Outgoing>) {
        if let (Some(below), false) = (self.below.get(), records.is_empty()) {
            below.write(&records);
        }
        self.buffers().give_outgoing(records);
    }

    /// Ends the sending direction below; `false` if the transport there cannot.
    pub(super) fn half_close(&self) -> bool {
        let below = self.below.get().and_then(|below| below.as_half_closeable());
        if let Some(below) = below {
            below.lose_write_connection();
        }
        below.is_some()
    }

    /// Drops the session.
    pub(super) fn release(&self) {
        let session = self.session.take();
        drop(session);
    }
}
