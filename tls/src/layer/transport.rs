//! What a protocol over TLS can do with its connection: the handle that it gets and may keep.
//!
//! Invariant: no method calls the protocol; what one causes is delivered later.

use std::fmt;
use std::rc::Rc;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, HalfCloseableTransport, Producer, PushProducer,
    TcpTransport, TlsTransport, Transport, UnixTransport,
};

use super::connection::Connection;
use super::state::{Ending, Phase};

impl Connection {
    /// Lets the transport below read again, when all that came before is delivered.
    pub(super) fn resume_below(&self) {
        if !self.can_deliver() || self.is_due() || self.sending.get().is_deaf() {
            return;
        }
        if let (Some(below), true) = (self.below.get(), self.inbox.paused_below.take()) {
            below.resume_producing();
        }
    }

    /// Has the transport below stop reading, if no handshake or close needs it to read.
    pub(super) fn pause_below(&self) {
        if self.phase.get() != Phase::Established || self.sending.get().is_deaf() {
            return;
        }
        if let (Some(below), false) = (self.below.get(), self.inbox.paused_below.replace(true)) {
            below.pause_producing();
        }
    }

    fn unmade() -> Address {
        Address::Other(Rc::from("tls, not connected yet"))
    }
}

impl Transport for Connection {
    fn write(&self, data: &[u8]) {
        if !data.is_empty() && self.accepts_writes() {
            self.take_plaintext(data);
        }
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        let gathering = self.gather();
        for chunk in &chunks {
            self.write(chunk);
        }
        drop(gathering);
        self.settle();
    }

    fn lose_connection(&self) {
        self.end_sending(Ending::Close);
    }

    fn abort_connection(&self) {
        self.abort_below();
    }

    fn peer(&self) -> Address {
        self.below.get().map_or_else(Self::unmade, |below| below.peer())
    }

    fn host(&self) -> Address {
        self.below.get().map_or_else(Self::unmade, |below| below.host())
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if self.producing().is_registered() {
            return Err(AlreadyProducing);
        }
        if !self.accepts_writes() {
            producer.stop_producing();
            return Ok(());
        }
        self.producing().register(producer.clone())?;
        match (self.phase.get(), producer) {
            (Phase::Established, _) => {
                if !self.register_below() {
                    self.producing().forget();
                    return Err(AlreadyProducing);
                }
            }
            (_, Producer::Pull(producer)) => producer.resume_producing(),
            // What was written before may have been too much already.
            (_, Producer::Push(producer)) if self.producing().waits() => producer.pause_producing(),
            (_, Producer::Push(_)) => {}
        }
        Ok(())
    }

    fn unregister_producer(&self) {
        let (producer, below_knows) = self.producing().forget();
        drop(producer);
        if let (Some(below), true) = (self.below.get(), below_knows) {
            below.unregister_producer();
        }
        self.settle();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.set_limits(limits);
        if let Some(below) = self.below.get() {
            below.set_buffer_limits(with_room_for_records(limits));
        }
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        Some(self)
    }

    fn as_tcp(&self) -> Option<&dyn TcpTransport> {
        self.below.get()?.as_tcp()
    }

    fn as_unix(&self) -> Option<&dyn UnixTransport> {
        self.below.get()?.as_unix()
    }

    fn as_tls(&self) -> Option<&dyn TlsTransport> {
        Some(self)
    }
}

/// The limits below, where the handshake and what records add to their plaintext count, too.
fn with_room_for_records(limits: BufferLimits) -> BufferLimits {
    let room = limits.cap / 16 + 64 * 1024;
    limits.with_cap(limits.cap.saturating_add(room))
}

impl PushProducer for Connection {
    fn pause_producing(&self) {
        if !self.is_alive() || self.sending.get().is_deaf() || self.inbox.paused.replace(true) {
            return;
        }
        self.pause_below();
    }

    fn resume_producing(&self) {
        if !self.is_alive() || !self.inbox.paused.replace(false) {
            return;
        }
        if self.is_due() {
            self.schedule();
        } else {
            self.resume_below();
        }
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }
}

impl HalfCloseableTransport for Connection {
    fn lose_write_connection(&self) {
        self.end_sending(Ending::HalfClose);
    }
}

impl TlsTransport for Connection {
    fn negotiated_protocol(&self) -> Option<Vec<u8>> {
        let session = self.session.try_borrow().ok()?;
        session.as_ref()?.common().alpn_protocol().map(<[u8]>::to_vec)
    }

    fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let Ok(session) = self.session.try_borrow() else { return Vec::new() };
        let certificates =
            session.as_ref().and_then(|session| session.common().peer_certificates());
        certificates.unwrap_or_default().iter().map(|der| der.to_vec()).collect()
    }

    fn version(&self) -> Option<Rc<str>> {
        let session = self.session.try_borrow().ok()?;
        session.as_ref()?.common().protocol_version()?.as_str().map(Rc::from)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport")
            .field("peer", &self.peer())
            .field("phase", &self.phase.get())
            .field("sending", &self.sending.get())
            .finish_non_exhaustive()
    }
}
