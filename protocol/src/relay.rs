//! A relay joins each connection that it accepts to one that it makes; Twisted's
//! `twisted.protocols.portforward`.
//!
//! ```
//! # use ropewalk_protocol as protocol;
//! use std::rc::Rc;
//!
//! use interfaces::{Protocol, StreamServerEndpoint, Transport};
//! use protocol::relay::RelayFactory;
//! use protocol::testing::{Clock, Record, Recorder, memory::Network};
//! use protocol::{connect_protocol, factory_fn};
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! let (network, clock) = (Network::new(), Clock::new()); // on a reactor, both are its own
//! let _echo = network.server("echo").listen(factory_fn(|_| Echo));
//! let relay = RelayFactory::new(network.client("echo"), clock).into_rc();
//! let _relay = network.server("relay").listen(relay);
//!
//! let record = Record::new();
//! let client = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
//! let _client = connect_protocol(&network.client("relay"), client);
//! network.flush();
//! assert_eq!(record.received(), b"hello");
//! ```
//!
//! # Promises
//!
//! - What one side has sent, the other gets, in its own time and before the bad news behind it: when a
//!   side breaks, the other one gets what arrived before, and then a reset. Only an end of file ends
//!   the other direction cleanly.
//! - A side that does not read is not read for: a pair holds two high-water marks of bytes, and one read
//!   of the accepted side while the other one is not connected.
//! - A pair ends when both ways were silent for an hour, or a minute after one way has ended
//!   ([`RelayOptions`]).
//! - A stranger costs nothing behind the relay: where it takes TLS off, it connects when the handshake
//!   is done.
//!
//! Invariant: the protocols of a pair share their pair and nothing else, and it calls transports, the
//! endpoint and the observer only, with nothing borrowed.

mod consumer_slot;
mod deadline;
mod dial;
mod end;
mod event;
mod factory;
mod feed;
mod options;
mod pair;
mod relay_protocol;

pub use consumer_slot::ConsumerSlot;
pub use event::{RelayEvent, RelaySide};
pub use factory::{RelayFactory, RelayStopHandle};
pub use options::RelayOptions;
