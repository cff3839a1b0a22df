//! Ropewalk: Twisted's networking model for Rust, as one dependency.
//!
//! Every crate of Ropewalk is here under the name of its concept, [`prelude`] has the names that most
//! programs use, and [`registry`] knows every kind of endpoint. A program that needs less depends on
//! the single crates.
//!
//! ```no_run
//! use std::rc::Rc;
//! use ropewalk::prelude::*;
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let reactor = Reactor::new()?;
//!     reactor.stop_on_signals()?;
//!     let endpoint = ropewalk::registry(reactor.clone()).server("tcp:8080:interface=127.0.0.1")?;
//!     let _listening = endpoint.listen(factory_fn(|_peer| Echo));
//!     Ok(reactor.run()?)
//! }
//! ```
//!
//! # Features
//!
//! | feature | by default | adds |
//! |---|---|---|
//! | `tls` | yes | `ropewalk::tls`, and the kinds `ssl` and `tls` |
//! | `systemd` | yes | `ropewalk::systemd`, and the kind `systemd` |
//! | `testing` | no | `ropewalk::protocol::testing`: a clock, a recording transport, a network in memory |
//!
//! # The map of the code
//!
//! This section is for people who read or change Ropewalk itself.
//!
//! ## The crates and their arrows
//!
//! A directory is a concept, and its package is `ropewalk-` and the directory's name. An arrow points
//! at what a crate is built on; there is no other.
//!
//! ```text
//!   deferred    results that are not there yet                no_std   on nothing
//!   interfaces  the traits between the crates, addresses,     no_std   → deferred
//!               reasons, errors
//!   protocol    running protocols, factories, tasks,          no_std   → interfaces, deferred
//!               a relay, limits on peers, test doubles
//!   endpoints   the grammar of strings, the registry,         no_std   → protocol, interfaces, deferred
//!               tcp, tcp6, unix
//!   tls         a layer over any transport; ssl, tls          std      → protocol, interfaces, deferred
//!                                                                        (endpoints by feature)
//!   systemd     inherited sockets, notifications; systemd     std      → interfaces, deferred
//!                                                                        (endpoints by feature)
//!   reactor     the event loop, on the kernel and simulated   std      → protocol, interfaces, deferred
//!
//!   runner      a program of services: its start, signals     std      → systemd, endpoints, protocol,
//!               and end; in protocol/runner                              interfaces, deferred
//!
//!   ropewalk    this facade                                   std      → all of the above
//!   cli         the command `ropewalk`                        std      → all of the above
//!   xtask       the conformance suite, benches, chores        std      → all of the above
//! ```
//!
//! - Nothing but programs, the facade and xtask depends on `reactor`. All else asks for an ability in
//!   `interfaces`: [`ReactorTcp`](interfaces::ReactorTcp), [`ReactorTime`](interfaces::ReactorTime).
//! - Plugins point at the registry: `tls` and `systemd` know `endpoints`, which knows neither.
//! - Of `protocol`, `reactor` may use the transport kit (its close machine, send queue and producer
//!   book) and nothing else.
//! - One rule for handing a reactor over, written in [`interfaces`]: by value where it is kept,
//!   borrowed where it is used during the call.
//!
//! ## The life of a message
//!
//! 64 bytes arrive at an echo server, and leave:
//!
//! ```text
//!   kernel ──epoll──▶ reactor: a turn polls, finds the slot of the token, checks its generation
//!                        │ reads into the buffer that all connections share
//!                        ▼
//!   interfaces::Deliver::deliver(Event::DataReceived)         the erased side of a running protocol
//!                        │ of a layer: tls decrypts in place and delivers to the next one up
//!                        ▼
//!   protocol::ProtocolRef: is the protocol running already? then into its mailbox, else
//!                        ▼
//!   Protocol::data_received(&mut self, transport, data)       the application
//!                        │ calls transport.write(data)
//!                        ▼
//!   interfaces::Transport::write                              queues; runs no protocol code
//!                        │ of a layer: tls encrypts and writes to the transport below
//!                        ▼
//!   reactor: when the callback has returned, all that it wrote leaves in one send(2) or writev(2);
//!            what the socket does not take waits for writability, and pauses the producer
//! ```
//!
//! And its end: `lose_connection` marks the stream; the turn flushes it, shuts it down, and a later
//! turn calls `connection_lost`, once. The module `stream` of `reactor` tells both in its own names.
//!
//! ## The rules that are tests
//!
//! | rule | held by |
//! |---|---|
//! | the arrows above, the top of the tree, a reason for each crate from elsewhere | `xtask/tests/architecture.rs` |
//! | the first four crates build where there is no std | `xtask/tests/no_std.rs` |
//! | headers, sizes of files and functions, plain words, one thing for each type name, no `RefCell` guard in a head whose body may run foreign code, the arrows between the modules of a crate | `xtask/tests/tidy` |
//! | what every transport does, on every transport there is | `cargo xtask conformance` |
//! | instructions and allocations of the hot paths | `cargo xtask counts`, `xtask/counts/baseline.tsv` |
//! | an idle connection owns no buffer; what a callback allocates | `tests/allocations.rs` of each crate |
//! | README's program builds with one dependency, and echoes | `endpoints/ropewalk/tests/readme.rs` |
//!
//! A reviewer holds the rest:
//!
//! - Transport calls are thrown over the wall: no method of a transport runs protocol code before it
//!   returns.
//! - No `RefCell` guard is alive while foreign code runs: a protocol, a callback, a producer, a
//!   factory, a waker, or the `Drop` of one.
//! - One state machine for each life, drawn in the header of its file.
//! - Bytes that arrived are delivered before the bad news that came after them.
#![forbid(unsafe_code)]

pub mod porting;
pub mod prelude;
mod registry;
mod serve;
pub mod testing_a_protocol;

#[cfg(feature = "systemd")]
pub use registry::registry_with_inherited;
pub use registry::{EndpointReactor, registry};
pub use serve::{serve, serve_with};

pub use ::deferred;
pub use ::endpoints;
pub use ::interfaces;
pub use ::protocol;
pub use ::reactor;
pub use ::runner;
#[cfg(feature = "systemd")]
pub use ::systemd;
#[cfg(feature = "tls")]
pub use ::tls;
