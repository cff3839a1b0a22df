//! Layers that pass a connection's events up and its calls down, but for those that they change; Twisted's
//! `ProtocolWrapper` and `WrappingFactory`.
//!
//! A [`Layer`] has no required method: it has one for each thing that can pass, and each passes it on. What
//! is written is what the layer changes. [`WrappingFactory`] puts one around each protocol of a factory.
//!
//! ```
//! # use ropewalk_protocol as protocol;
//! use std::cell::Cell;
//! use std::rc::Rc;
//!
//! use interfaces::{Protocol, StreamServerEndpoint, Transport};
//! use protocol::layer::{Layer, WrappingFactory};
//! use protocol::testing::{Record, Recorder, memory::Network};
//! use protocol::{connect_protocol, factory_fn};
//!
//! /// Counts the bytes that are written.
//! struct Meter(Rc<Cell<usize>>);
//!
//! impl Layer for Meter {
//!     fn write(&self, below: &dyn Transport, data: &[u8]) {
//!         self.0.set(self.0.get() + data.len());
//!         below.write(data);
//!     }
//! }
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//! #         transport.write(data);
//! #     }
//! # }
//!
//! let (network, written) = (Network::new(), Rc::new(Cell::new(0)));
//! let meter = written.clone();
//! let echo = factory_fn(|_peer| Echo);
//! let metered = WrappingFactory::new(echo, move |_peer| Meter(meter.clone())).into_rc();
//! let _port = network.server("echo").listen(metered);
//! let client = Recorder::new(&Record::new()).on_made(|transport| transport.write(b"hello"));
//! let _client = connect_protocol(&network.client("echo"), client);
//! network.flush();
//! assert_eq!(written.get(), 5);
//! ```
//!
//! # What a layer answers
//!
//! A protocol asks its transport for what a layer knows by the type of the answer, through any number of
//! layers: [`query`](trait.Transport.html#method.query) and [`Layer::answer`].
//!
//! Invariant: the transport that a protocol is given owns no protocol, so one that keeps it is dropped with
//! its connection.

mod layer_transport;
mod passing;
mod protocol_wrapper;
mod wrapping_factory;

pub use layer_transport::LayerTransport;
pub use passing::Layer;
pub use protocol_wrapper::wrap_protocol;
pub use wrapping_factory::WrappingFactory;

pub(crate) use protocol_wrapper::{OpenLayers, ProtocolWrapper};
