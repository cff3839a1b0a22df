//! How a protocol is tested: without sockets, without sleeps, and under seeds.
//!
//! The protocol of this page answers each line with its length, and hangs up when nothing comes for a minute:
//!
//! ```
//! use ropewalk::prelude::*;
//! use ropewalk::protocol::policies::ConnectionTimeout;
//! use ropewalk::protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};
//! use std::{rc::Rc, time::Duration};
//!
//! pub struct Lengths { timeout: ConnectionTimeout }
//!
//! impl LineOnlyReceiver for Lengths {
//!     fn connection_made(&mut self, transport: &Rc<LineOnlyTransport>) {
//!         self.timeout.set_timeout(transport.as_transport(), Some(Duration::from_secs(60)));
//!     }
//!
//!     fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
//!         self.timeout.reset_timeout();
//!         transport.send_line(line.len().to_string().as_bytes());
//!     }
//! }
//!
//! pub fn lengths(clock: impl ReactorTime + Clone + 'static) -> Rc<dyn Factory> {
//!     let build = move |_: &Address| Lengths { timeout: ConnectionTimeout::new(clock.clone()) };
//!     LineOnlyProtocol::factory(build).into_rc()
//! }
//! ```
//!
//! Its tests take the feature `testing`, as a dev-dependency, and `testing` below is `ropewalk::protocol::testing`.
//! The factory asks for a clock and not for a reactor, so a test can hand one over.
//!
//! # Answers, and the end after silence
//!
//! `testing::StringTransport` keeps what is written, and a
//! `testing::Clock` moves when it is told to:
//!
//! ```
//! # use ropewalk::prelude::*;
//! # use ropewalk::protocol::policies::ConnectionTimeout;
//! # use ropewalk::protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};
//! # use std::{rc::Rc, time::Duration};
//! #
//! # pub struct Lengths { timeout: ConnectionTimeout }
//! #
//! # impl LineOnlyReceiver for Lengths {
//! #     fn connection_made(&mut self, transport: &Rc<LineOnlyTransport>) {
//! #         self.timeout.set_timeout(transport.as_transport(), Some(Duration::from_secs(60)));
//! #     }
//! #
//! #     fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
//! #         self.timeout.reset_timeout();
//! #         transport.send_line(line.len().to_string().as_bytes());
//! #     }
//! # }
//! #
//! # pub fn lengths(clock: impl ReactorTime + Clone + 'static) -> Rc<dyn Factory> {
//! #     let build = move |_: &Address| Lengths { timeout: ConnectionTimeout::new(clock.clone()) };
//! #     LineOnlyProtocol::factory(build).into_rc()
//! # }
//! use ropewalk::interfaces::Event;
//! use ropewalk::protocol::testing::{Clock, StringTransport};
//!
//! let (clock, transport) = (Clock::new(), StringTransport::new());
//! let protocol = lengths(clock.clone()).build_protocol(&transport.as_transport().peer()).unwrap();
//! protocol.deliver(Event::ConnectionMade(&transport.as_transport()));
//! protocol.deliver(Event::DataReceived(&mut b"four\r\nand a".to_owned()));
//! assert_eq!(transport.value(), b"4\r\n");
//!
//! clock.advance(Duration::from_secs(59));
//! assert!(!transport.disconnecting());
//! clock.advance(Duration::from_secs(1));
//! assert!(transport.disconnecting());
//! assert_eq!(clock.pending(), 0); // and no timer is left
//! ```
//!
//! # A client and a server
//!
//! A `testing::memory::Network` has endpoints, and carries bytes when it is flushed; a
//! `testing::Recorder` keeps what reaches it:
//!
//! ```
//! # use ropewalk::prelude::*;
//! # use ropewalk::protocol::policies::ConnectionTimeout;
//! # use ropewalk::protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};
//! # use std::{rc::Rc, time::Duration};
//! #
//! # pub struct Lengths { timeout: ConnectionTimeout }
//! #
//! # impl LineOnlyReceiver for Lengths {
//! #     fn connection_made(&mut self, transport: &Rc<LineOnlyTransport>) {
//! #         self.timeout.set_timeout(transport.as_transport(), Some(Duration::from_secs(60)));
//! #     }
//! #
//! #     fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
//! #         self.timeout.reset_timeout();
//! #         transport.send_line(line.len().to_string().as_bytes());
//! #     }
//! # }
//! #
//! # pub fn lengths(clock: impl ReactorTime + Clone + 'static) -> Rc<dyn Factory> {
//! #     let build = move |_: &Address| Lengths { timeout: ConnectionTimeout::new(clock.clone()) };
//! #     LineOnlyProtocol::factory(build).into_rc()
//! # }
//! use ropewalk::protocol::testing::{Clock, Record, Recorder, memory::Network};
//!
//! let (network, clock, record) = (Network::new(), Clock::new(), Record::new());
//! let _port = network.server("lengths").listen(lengths(clock));
//! let client = Recorder::new(&record).on_made(|transport| transport.write(b"one\r\n\r\n"));
//! let _client = connect_protocol(&network.client("lengths"), client);
//! network.flush();
//! assert_eq!(record.received(), b"3\r\n0\r\n");
//! ```
//!
//! # Under seeds
//!
//! [`Reactor::simulated`](crate::reactor::Reactor::simulated) is the whole reactor on a network that a seed drives:
//! bytes arrive in other pieces under each, connections break, and time is only counted. A seed that fails
//! fails again. 100 of them take a moment:
//!
//! ```
//! # use ropewalk::prelude::*;
//! # use ropewalk::protocol::policies::ConnectionTimeout;
//! # use ropewalk::protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};
//! # use std::{rc::Rc, time::Duration};
//! #
//! # pub struct Lengths { timeout: ConnectionTimeout }
//! #
//! # impl LineOnlyReceiver for Lengths {
//! #     fn connection_made(&mut self, transport: &Rc<LineOnlyTransport>) {
//! #         self.timeout.set_timeout(transport.as_transport(), Some(Duration::from_secs(60)));
//! #     }
//! #
//! #     fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
//! #         self.timeout.reset_timeout();
//! #         transport.send_line(line.len().to_string().as_bytes());
//! #     }
//! # }
//! #
//! # pub fn lengths(clock: impl ReactorTime + Clone + 'static) -> Rc<dyn Factory> {
//! #     let build = move |_: &Address| Lengths { timeout: ConnectionTimeout::new(clock.clone()) };
//! #     LineOnlyProtocol::factory(build).into_rc()
//! # }
//! use ropewalk::protocol::testing::{Record, Recorder};
//!
//! for seed in 0..100 {
//!     let reactor = Reactor::simulated(seed);
//!     let server = Registry::standard(reactor.clone()).server("tcp:7000:interface=127.0.0.1").unwrap();
//!     let client = Registry::standard(reactor.clone()).client("tcp:127.0.0.1:7000").unwrap();
//!     let _port = server.listen(lengths(reactor.clone()));
//!     let (record, stopper, given_up) = (Record::new(), reactor.clone(), reactor.clone());
//!     let silent = Recorder::new(&record)
//!         .on_made(|transport| transport.write(b"first\r\nsecond one\r\n"))
//!         .on_lost(move |_| stopper.stop().unwrap());
//!     // It may not be made, or break on its way, and never says anything wrong.
//!     let client = connect_protocol(&client, silent).add_callback(|_| Ok(()));
//!     let _made = client.add_errback(move |_| Ok(given_up.stop()?));
//!     reactor.run().unwrap();
//!     assert!(b"5\r\n10\r\n".starts_with(&record.received()), "seed {seed}");
//! }
//! ```
//!
//! The module [`simulation`](crate::reactor::simulation) does this with invariants of its own, and shrinks a run that
//! fails to the few choices that it needs.
//!
//! What must hold on real sockets, too, is a case of the conformance suite, which runs on every transport.
//!
//! Invariant: every block is compiled and run with the tests of the documentation.
