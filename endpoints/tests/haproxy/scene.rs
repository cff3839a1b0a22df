//! A server behind a proxy, on a transport that a test is the other side of.
//!
//! Invariant: the events of a connection come in the order in which a reactor delivers them.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, Deliver, Event, Factory, Reason};
use protocol::testing::{Clock, Record, Recorder, StringTransport};
use protocol::{ProtocolRef, factory_fn};
use ropewalk_endpoints::haproxy::{
    InvalidProxyHeader, Progress, ProxyFactory, ProxyHeader, ProxyHeaderParser, ProxyServerOptions,
};

/// A header of version 1, of 44 bytes.
pub(crate) const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.22 56324 8443\r\n";

/// A header of version 2, of 28 bytes: 1.2.3.4:5 to 6.7.8.9:10.
pub(crate) const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x06\x07\x08\x09\0\x05\0\x0a";

/// A health check of version 2.
pub(crate) const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// The proxy's end of each connection, and the server's.
pub(crate) const PROXY: &str = "127.0.0.1:40000";
pub(crate) const SERVER: &str = "127.0.0.1:80";

pub(crate) fn address(text: &str) -> Address {
    text.parse::<SocketAddr>().unwrap().into()
}

/// What a parser makes of the first bytes of a connection.
pub(crate) fn parse(bytes: &[u8]) -> Result<Progress, InvalidProxyHeader> {
    ProxyHeaderParser::new().push(bytes)
}

/// The header that is all of these bytes.
#[track_caller]
pub(crate) fn header(bytes: &[u8]) -> ProxyHeader {
    match parse(bytes) {
        Ok(Progress::Complete { header, used }) if used == bytes.len() => header,
        other => panic!("{other:?}"),
    }
}

/// Source and destination, as text.
pub(crate) fn ends(header: &ProxyHeader) -> Option<(String, String)> {
    let addresses = header.addresses.as_ref()?;
    Some((addresses.source.to_string(), addresses.destination.to_string()))
}

/// One accepted connection of a server behind a proxy.
pub(crate) struct Scene {
    pub(crate) clock: Clock,
    pub(crate) record: Record,
    pub(crate) transport: Rc<StringTransport>,
    pub(crate) connection: Rc<dyn Deliver>,
    /// The addresses with which the wrapped factory was asked for a protocol.
    pub(crate) built_for: Rc<RefCell<Vec<String>>>,
    /// What the observer was told.
    pub(crate) refused: Rc<RefCell<Vec<String>>>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::of(|recorder| recorder)
    }

    /// With a protocol that does more than to record.
    pub(crate) fn of(prepare: impl Fn(Recorder) -> Recorder + 'static) -> Self {
        let transport = StringTransport::with_addresses(address(SERVER), address(PROXY));
        let (clock, record) = (Clock::new(), Record::new());
        let (built_for, refused): (Rc<RefCell<Vec<_>>>, Rc<RefCell<Vec<_>>>) = Default::default();
        let (of_protocol, built) = (record.clone(), built_for.clone());
        let factory = factory_fn(move |peer| {
            built.borrow_mut().push(peer.to_string());
            prepare(Recorder::new(&of_protocol))
        });
        let told = refused.clone();
        let factory = ProxyFactory::with_observer(
            factory,
            clock.clone(),
            ProxyServerOptions::default(),
            move |peer, refusal| told.borrow_mut().push(format!("{peer}: {refusal}")),
        );
        let connection = factory.build_protocol(&address(PROXY)).unwrap();
        connection.deliver(Event::ConnectionMade(&transport.as_transport()));
        Self { clock, record, transport, connection, built_for, refused }
    }

    /// The peer sends these bytes, in one piece.
    pub(crate) fn receive(&self, bytes: &[u8]) {
        self.connection.deliver(Event::DataReceived(&mut bytes.to_owned()));
    }

    pub(crate) fn lose(&self, reason: Reason) {
        self.connection.deliver(Event::ConnectionLost(&reason));
    }

    pub(crate) fn pass(&self, milliseconds: u64) {
        self.clock.advance(Duration::from_millis(milliseconds));
    }

    /// The calls of the protocol; none where it was not built.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.record.calls()
    }

    pub(crate) fn refusals(&self) -> Vec<String> {
        self.refused.borrow().clone()
    }

    /// Peer and host, as the protocol's transport tells them.
    pub(crate) fn ends(&self) -> (String, String) {
        let transport = self.record.transport();
        (transport.peer().to_string(), transport.host().to_string())
    }
}

/// A protocol that records, running.
pub(crate) fn recorder(record: &Record) -> Rc<dyn Deliver> {
    ProtocolRef::new(Recorder::new(record)).as_deliver()
}

/// A factory of protocols that record.
pub(crate) fn recorders(record: &Record) -> Rc<dyn Factory> {
    let record = record.clone();
    factory_fn(move |_| Recorder::new(&record))
}
