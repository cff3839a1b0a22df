//! The [`Transport`] that a protocol over TLS gets, and its further abilities.
//!
//! Invariant: no method calls the protocol; events that one causes are delivered later.

use std::fmt;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, ExportKeyingMaterialError,
    HalfCloseableTransport, PeerCertificates, PeerIdentity, Producer, PushProducer, Query, Reason,
    SendFileDescriptorError, TcpTransport, TlsTransport, Transport, UnixTransport,
};

use super::connection::{Connection, make_room_for_records};
use super::producer_below::ProducerBelow;
use super::state::{Ending, Phase, Signal};
use crate::session::Session;

impl Transport for Connection {
    fn write(&self, data: &[u8]) {
        if !data.is_empty() && self.accepts_writes() {
            self.send(data);
        }
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.batch(|| {
            for chunk in &chunks {
                self.write(chunk);
            }
        });
    }

    fn lose_connection(&self) {
        self.unregister_finished();
        self.signal(Signal::EndSending(Ending::Close));
    }

    fn abort_connection(&self) {
        self.signal(Signal::Aborted);
    }

    fn lose_connection_with_reset(&self) {
        self.unregister_finished();
        self.signal(Signal::EndSending(Ending::Reset));
    }

    fn undelivered_bytes(&self) -> usize {
        self.link.below().map_or(0, |below| below.undelivered_bytes())
    }

    fn is_broken(&self) -> bool {
        self.link.below().is_some_and(|below| below.is_broken())
    }

    fn raw_descriptor(&self) -> Option<i32> {
        self.link.below()?.raw_descriptor()
    }

    fn peer(&self) -> Address {
        self.link.below().map_or_else(unconnected, |below| below.peer())
    }

    fn host(&self) -> Address {
        self.link.below().map_or_else(unconnected, |below| below.host())
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.link.below() {
            Some(below) => write!(f, "TLS over {below:?}"),
            None => f.write_str("TLS, unconnected"),
        }
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if self.producer.is_registered() {
            return Err(AlreadyProducing);
        }
        if !self.accepts_writes() {
            producer.stop_producing();
            return Ok(());
        }
        self.producer.register(producer.clone())?;
        if self.end.state.is_established() {
            return ProducerBelow::register(self).inspect_err(|_| {
                self.producer.unregister();
            });
        }
        match producer {
            Producer::Pull(producer) => producer.resume_producing(),
            // Earlier writes may have been too many already.
            Producer::Push(_) => self.producer.update(),
        }
        Ok(())
    }

    fn unregister_producer(&self) {
        let unregistered = self.unregister();
        drop(unregistered);
        self.flush();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.output.set_limits(limits);
        if let Some(below) = self.link.below() {
            make_room_for_records(&**below, limits);
        }
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.output.limits()
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        Some(self)
    }

    fn as_tcp(&self) -> Option<&dyn TcpTransport> {
        self.link.below()?.as_tcp()
    }

    fn as_unix(&self) -> Option<&dyn UnixTransport> {
        self.link.below()?.as_unix().map(|_| self as &dyn UnixTransport)
    }

    fn as_tls(&self) -> Option<&dyn TlsTransport> {
        Some(self)
    }

    fn answer(&self, query: &mut Query<'_>) {
        if query.asks_for::<Rc<dyn TlsTransport>>()
            && let Some(me) = self.weak().upgrade()
        {
            query.answer_with(|| -> Rc<dyn TlsTransport> { me });
        }
        if query.asks_for::<PeerCertificates>() {
            let certificates = self.peer_certificates();
            if !certificates.is_empty() {
                query.answer_with(|| PeerCertificates(certificates));
            }
        }
        if query.asks_for::<PeerIdentity>()
            && let Some(identity) = self.link.peer_identity()
        {
            query.answer_with(|| identity);
        }
        if let Some(below) = self.link.below() {
            below.answer(query);
        }
    }
}

/// The address before there is a transport below.
fn unconnected() -> Address {
    Address::Other(Rc::from("tls, not connected yet"))
}

impl PushProducer for Connection {
    fn pause_producing(&self) {
        if !self.end.state.ignores_input() && self.input.pause() {
            self.input.pause_below(&self.link, &self.end.state);
        }
    }

    fn resume_producing(&self) {
        if !self.input.resume() {
            return;
        }
        if self.input.is_due() {
            self.input.schedule(self.link.time());
        } else {
            self.input.resume_below(&self.link, &self.end.state);
        }
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }

    fn has_finished(&self) -> bool {
        let (input, state) = (&self.input, &self.end.state);
        state.ignores_input() || !self.is_alive() || (input.has_ended() && !input.is_due())
    }
}

impl HalfCloseableTransport for Connection {
    fn lose_write_connection(&self) {
        self.unregister_finished();
        self.signal(Signal::EndSending(Ending::HalfClose));
    }
}

/// A descriptor would go beside the records, where nothing says who sent it, and the peer's layer takes none.
impl UnixTransport for Connection {
    fn peer_credentials(&self) -> Option<(u32, u32, u32)> {
        self.link.below()?.as_unix()?.peer_credentials()
    }

    fn send_file_descriptor(&self, descriptor: OwnedFd) {
        drop(descriptor);
        let error = SendFileDescriptorError::Layered;
        self.abort_with(Reason::Lost(Failure::new(error)));
    }
}

impl TlsTransport for Connection {
    fn negotiated_protocol(&self) -> Option<Vec<u8>> {
        self.link.look(|session| session.common().alpn_protocol().map(<[u8]>::to_vec))?
    }

    fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let certificates = self.link.look(|session| {
            let certificates = session.common().peer_certificates().unwrap_or_default();
            certificates.iter().map(|der| der.to_vec()).collect()
        });
        certificates.unwrap_or_default()
    }

    fn version(&self) -> Option<Rc<str>> {
        self.link.look(|session| session.common().protocol_version()?.as_str().map(Rc::from))?
    }

    fn cipher_suite(&self) -> Option<Rc<str>> {
        let suite = |session: &Session| {
            session.common().negotiated_cipher_suite()?.suite().as_str().map(Rc::from)
        };
        self.link.look(suite)?
    }

    fn server_name(&self) -> Option<Rc<str>> {
        let name = |session: &Session| match session.is_handshaking() {
            true => None,
            false => session.server_name().map(Rc::from),
        };
        self.link.look(name)?
    }

    fn export_keying_material(
        &self,
        label: &[u8],
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        let exported =
            self.link.look(|session| session.export_keying_material(label, context, output));
        exported.unwrap_or(match self.end.state.phase() {
            Phase::New | Phase::Handshaking => Err(ExportKeyingMaterialError::InHandshake),
            _ => Err(ExportKeyingMaterialError::Ended),
        })
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport")
            .field("peer", &self.peer())
            .field("phase", &self.end.state.phase())
            .field("sending", &self.end.state.sending())
            .finish_non_exhaustive()
    }
}
