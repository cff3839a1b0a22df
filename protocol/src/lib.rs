//! Running protocols: references with a mailbox, factories, and doubles for tests; what
//! `twisted.internet.protocol` and `twisted.internet.task` are to Twisted.
//!
//! A whole program: a protocol that says everything back, and one that asks and hangs up, joined in
//! memory (feature `testing`). On a reactor the two run unchanged.
//!
//! ```
//! use std::rc::Rc;
//!
//! use interfaces::{Protocol, Reason, Transport};
//! use protocol::ProtocolRef;
//! use protocol::testing::memory::Pair;
//! # use ropewalk_protocol as protocol;
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Asker {
//!     answer: Vec<u8>,
//! }
//!
//! impl Protocol for Asker {
//!     fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
//!         transport.write(b"is anybody there?");
//!     }
//!
//!     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//!         self.answer.extend_from_slice(data);
//!         transport.lose_connection();
//!     }
//!
//!     fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
//!         println!("{reason}");
//!     }
//! }
//!
//! fn main() {
//!     let asker = ProtocolRef::new(Asker::default());
//!     let echo = ProtocolRef::new(Echo);
//!     let pair = Pair::new(asker.as_deliver(), echo.as_deliver());
//!     pair.flush();
//!     let answer = asker.try_with(|asker| asker.answer.clone());
//!     assert_eq!(answer.as_deref(), Some(&b"is anybody there?"[..]));
//! }
//! ```
//!
//! # How a protocol runs
//!
//! A [`Protocol`](interfaces::Protocol) is plain data with `&mut self` methods; a [`ProtocolRef`]
//! makes it shared. What comes while it runs, a call or an event, waits in its mailbox and is read
//! right after the running call, in order. So a Deferred that fires inside `data_received` may have
//! a callback that calls the same protocol: it is called a moment later. A protocol is lent while it
//! runs, never moved, so large state costs nothing; a panic ends the loan.
//!
//! An idle reference costs one allocation: the protocol itself and at most 48 bytes.
//!
//! # As time passes
//!
//! [`task`] is what can be done with a clock alone: a function that is called later or again and
//! again, a timeout for a Deferred, long work a little at a time.
//!
//! With the feature `std`, `process` runs programs for their output.
//!
//! # Connections that are written to together
//!
//! A [`TransportGroup`] writes to all its members, as a chat or a feed does.
//!
//! # Clients
//!
//! [`connect_protocol`] makes one connection, and with a time limit it is [`connect_protocol_within`].
//! A protocol is asked from outside by [`ProtocolRef::call`], whose Deferred fails with the reason when the
//! connection is lost. [`client`] has those that connect again: [`client::ClientService`] and
//! [`client::ReconnectingClientFactory`].
//!
//! # Relays, and what peers are allowed
//!
//! [`relay`] joins connections to others, and [`policies`] puts limits around any factory: on the time
//! that its peers take, and on the number of their connections. [`layer`] is what they are made of: what
//! passes between a protocol and its transport, and may be changed there.
//!
//! # Programs of several parts
//!
//! [`service`] is what starts and stops: ports, timers, and groups of them.
//!
//! [`wire`] has small servers, from echo to ident, [`redis`] one with data, [`socks`] a proxy and its client, and
//! [`http_connect`] the client of a proxy of HTTP.
//!
//! [`streams`] is a connection as two halves to be awaited.
//!
//! # Transports of your own
//!
//! [`transport`] has the parts that stream transports are made of: a close machine, a queue of unsent
//! bytes, and the place of a producer.
//!
//! # Features
//!
//! `testing` adds the module of that name: a recording transport, a clock, a recording protocol, and
//! a network in memory. All is `no_std` with `alloc`, but for what `std` adds: locks on files, in
//! [`task`], the module `threads`, and programs, in `process`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod log_failure;
mod lost_waiters;
mod mailbox;
mod on_drop;
mod open_set;
mod protocol_cell;
mod tunnel;

mod adapters;
mod connect;
mod datagram_protocol_ref;
mod factory_fn;
mod protocol_call;
mod protocol_ref;
mod transport_group;

pub mod client;
pub mod http_connect;
pub mod layer;
pub mod policies;
#[cfg(feature = "std")]
pub mod process;
pub mod producers;
pub mod receivers;
pub mod redis;
pub mod relay;
pub mod service;
pub mod socks;
pub mod streams;
pub mod task;
#[cfg(feature = "std")]
pub mod threads;
pub mod transport;
pub mod wire;

#[cfg(feature = "testing")]
pub mod testing;

pub use adapters::{ConsumerToProtocol, ProtocolToConsumer};
pub use connect::{connect_protocol, connect_protocol_for, connect_protocol_within, connect_ref};
pub use datagram_protocol_ref::{DatagramProtocolRef, WeakDatagramProtocolRef, datagram_protocol};
pub use factory_fn::{FactoryFn, factory_cyclic, factory_fn};
pub use protocol_call::NotConnected;
pub use protocol_ref::{ProtocolRef, WeakProtocolRef};
pub use transport_group::TransportGroup;
