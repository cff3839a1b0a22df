//! [`ProxyClientEndpoint`]: connects with another endpoint, and sends a header first. Twisted has none.
//!
//! Invariant: the header is the first that is written, and it is written in one piece.

use alloc::rc::Rc;
use alloc::vec::Vec;

use deferred::Deferred;
use interfaces::{Address, Deliver, Event, Factory, StreamClientEndpoint, Transport};
use protocol::layer::{Layer, LayerTransport, WrappingFactory};

use super::served::header_for;
use super::{Checksum, ProxyHeader, ProxyVersion, Tlvs};

/// Sends a PROXY header on each connection that another endpoint makes.
///
/// Its addresses are those of the connection that is served, if there is one
/// ([`connect_for`](StreamClientEndpoint::connect_for), as a relay does), with what that connection knows
/// of TLS and of a proxy before it; and otherwise those of the connection itself.
#[derive(Clone, Debug)]
pub struct ProxyClientEndpoint<E> {
    endpoint: E,
    options: ProxyClientOptions,
}

/// The form of the headers that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyClientOptions {
    /// Default: version 2, which alone has UNIX addresses and TLVs.
    pub version: ProxyVersion,
    /// In a header of version 2. Default: none.
    pub checksum: Checksum,
}

impl ProxyClientOptions {
    /// In this version.
    #[must_use]
    pub fn with_version(self, version: ProxyVersion) -> Self {
        Self { version, ..self }
    }

    /// With this checksum.
    #[must_use]
    pub fn with_checksum(self, checksum: Checksum) -> Self {
        Self { checksum, ..self }
    }

    fn encode(self, header: ProxyHeader) -> Vec<u8> {
        match self.version {
            ProxyVersion::V1 => header.encode_v1(),
            ProxyVersion::V2 => header.encode_v2(self.checksum).unwrap_or_else(|_| {
                // What a client made too long; the addresses alone always fit.
                header.with_tlvs(Tlvs::new()).encode_v2(self.checksum).unwrap_or_default()
            }),
        }
    }
}

impl Default for ProxyClientOptions {
    fn default() -> Self {
        Self { version: ProxyVersion::V2, checksum: Checksum::default() }
    }
}

impl<E: StreamClientEndpoint> ProxyClientEndpoint<E> {
    /// Connects with `endpoint`, with the default options.
    pub fn new(endpoint: E) -> Self {
        Self { endpoint, options: ProxyClientOptions::default() }
    }

    /// With other options.
    #[must_use]
    pub fn with_options(self, options: ProxyClientOptions) -> Self {
        Self { options, ..self }
    }

    fn sender(&self, factory: Rc<dyn Factory>, header: Option<ProxyHeader>) -> Rc<dyn Factory> {
        let options = self.options;
        let layer = move |_: &Address| ProxySender { header: header.clone(), options };
        WrappingFactory::new(factory, layer).into_rc()
    }
}

impl<E: StreamClientEndpoint> StreamClientEndpoint for ProxyClientEndpoint<E> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect(self.sender(factory, None))
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        let factory = self.sender(factory, Some(header_for(served)));
        self.endpoint.connect_for(served, factory)
    }
}

/// Sends a header when the connection is made; all else passes.
struct ProxySender {
    /// `None` for the connection's own addresses.
    header: Option<ProxyHeader>,
    options: ProxyClientOptions,
}

impl Layer for ProxySender {
    const WRAPS_TRANSPORT: bool = false;

    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        if let Event::ConnectionMade(transport) = &event {
            let own = || ProxyHeader::stream(transport.host(), transport.peer());
            let header = self.header.clone().unwrap_or_else(own);
            transport.write(&self.options.encode(header));
        }
        above.deliver(event);
    }
}
